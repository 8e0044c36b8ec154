#include "answer/embed.h"

#include <memory>

#include "base/files/file.h"
#include "base/text/json_text.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/flags/text_flags.h"
#include "cli/terminal/loading.h"
#include "cli/terminal/signals.h"

namespace hone {
namespace {

struct EmbedFlags {
    ModelFlags model;
    WeightFlags weights;
    MachineFlags machine;
    TextFlags texts;
    std::string output_file;

    void Add(CLI::App& app) {
        Flags flags(app);
        model.Add(flags);
        weights.Add(flags);
        texts.Add(flags, "what to make an embedding of");
        flags.Group("Output").Text("-o,--output_file", output_file,
                                   "writes the lines to a file instead");
        machine.Add(flags);
    }
};

absl::Status RunEmbed(const EmbedFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    HONE_RETURN_IF_ERROR(flags.texts.Check());
    HONE_ASSIGN_OR_RETURN(const std::vector<std::string> texts, flags.texts.Collect());
    HONE_ASSIGN_OR_RETURN(ChosenModel chosen, flags.model.Choose());
    EmbedOptions options{.max_rows = flags.texts.batch_size,
                         .max_seq_len = flags.texts.max_seq_len};
    if (chosen.form) options.add_special_tokens = chosen.form->data.add_special_tokens;
    const RunControl& control = StopOnInterrupt();
    options.progress = [&control](int64_t) { return !control.ending(); };
    const Context context(flags.machine.threads);
    HONE_ASSIGN_OR_RETURN(OpenedModel opened, FetchAndOpen(std::move(chosen)));
    HONE_ASSIGN_OR_RETURN(const LoadedModel loaded,
                          Load(std::move(opened), flags.weights.options(), context));
    HONE_ASSIGN_OR_RETURN(const std::vector<Embedding> embeddings,
                          EmbedTexts(loaded, texts, options, context));
    std::string output;
    for (size_t i = 0; i < texts.size(); ++i) {
        nlohmann::ordered_json line = {{"text", texts[i]}, {"embedding", embeddings[i].values}};
        if (embeddings[i].cut) line["cut"] = true;
        output += JsonLine(line);
    }
    if (!flags.output_file.empty()) return WriteFileAtomic(flags.output_file, output);
    fmt::print("{}", output);
    return absl::OkStatus();
}

}  // namespace

void AddEmbed(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app = AddCommand(root, "embed",
                               "makes embeddings of texts, a JSON line each, which lie near each "
                               "other where texts are alike");
    auto flags = std::make_shared<EmbedFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunEmbed(*flags); }});
}

}  // namespace hone
