#include "workflow/flat_config.h"

#include "workflow/section_reader.h"

namespace hone {

absl::StatusOr<GivenOptions> ReadFlatConfig(const std::string& path) {
    HONE_ASSIGN_OR_RETURN(const Document document, ReadDocument(path));
    return ReadFlatConfig(document);
}

absl::StatusOr<GivenOptions> ReadFlatConfig(const Document& document) {
    SectionReader reader(document, "--");
    const auto workflow = [&](const NodeEntry& entry, const std::string& path) {
        return UsageError("{} is a section of a workflow: use `hone run --config {}`",
                          reader.Name(entry, path), document.path);
    };
    SectionReader::Section section{.takes_options = true};
    for (const char* key : {"input_model", "data_configs", "passes"})
        section.handlers[key] = workflow;
    // What a run writes says who wrote it, and has the options one level down.
    const auto passed_over = [](const NodeEntry&, const std::string&) { return absl::OkStatus(); };
    const auto options = [&](const NodeEntry& entry, const std::string& path) {
        HONE_RETURN_IF_ERROR(reader.RequireMap(entry, path));
        return reader.Read(entry.value, JoinPath(path, entry.key), {.takes_options = true});
    };
    if (document.root.Find("hone_version") != nullptr) {
        section.handlers["hone_version"] = passed_over;
        section.handlers["command"] = passed_over;
        section.handlers["options"] = options;
    }
    HONE_RETURN_IF_ERROR(reader.Read(document.root, "", section));
    return std::move(reader.given());
}

}  // namespace hone
