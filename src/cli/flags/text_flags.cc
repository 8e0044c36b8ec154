#include "cli/flags/text_flags.h"

#include <unistd.h>

#include <iostream>
#include <iterator>

#include "base/text/text.h"
#include "cli/flags/common_flags.h"
#include "data/format/row_format.h"
#include "data/read/row_reader.h"
#include "hub/hub.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

// The texts of a file's rows.
absl::StatusOr<std::vector<std::string>> ReadTexts(const std::string& path) {
    const auto found = DetectFileFormat(path, "");
    const FileFormat format = found.ok() ? *found : FileFormat::kText;
    HONE_ASSIGN_OR_RETURN(HubOptions hub, HubOptions::FromEnvironment());
    HONE_ASSIGN_OR_RETURN(auto reader,
                          RowReader::Open(path, format, {.cache_folder = hub.TemporaryFolder()}));
    std::vector<std::string> texts;
    for (RawRow raw;;) {
        HONE_ASSIGN_OR_RETURN(const bool any, reader->Next(&raw));
        if (!any) break;
        Json row;
        ParseProblem problem{raw.line, raw.column, raw.error};
        if (!raw.error.empty() || !reader->ParseRow(raw, &row, &problem))
            return DataError("{}, line {}: {}", path, problem.line, problem.reason);
        const auto text = row.find("text");
        if (text == row.end() || !text->is_string() || IsBlank(text->get<std::string>()))
            return DataError("{}, line {}: no \"text\", or an empty one", path, raw.line);
        texts.push_back(text->get<std::string>());
    }
    if (texts.empty()) return DataError("{} holds no text", path);
    return texts;
}

}  // namespace

void TextFlags::Add(Flags& flags, const std::string& what) {
    flags.Group("Texts")
        .Repeated("--text", texts, what + "; " + std::string(kEscapes))
        .Text("--text_file", text_file,
              "a text file, a text on each line, or a .jsonl, .json, .csv, .tsv or .parquet "
              "file with a column text; without any text standard input is one")
        .Integer("--batch_size", batch_size, "texts that go through the model at a time")
        .Integer("--max_seq_len", max_seq_len, "the most tokens of a text; the rest is cut off");
}

absl::Status TextFlags::Check() const {
    if (batch_size < 1 || batch_size > 1024)
        return UsageError("--batch_size {} is outside 1 to 1024", batch_size);
    if (max_seq_len < 1) return UsageError("--max_seq_len {} is below 1", max_seq_len);
    return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> TextFlags::Collect() const {
    std::vector<std::string> collected;
    for (const std::string& text : texts) collected.push_back(Unescape(text));
    if (!text_file.empty()) {
        HONE_ASSIGN_OR_RETURN(const std::vector<std::string> more, ReadTexts(text_file));
        collected.insert(collected.end(), more.begin(), more.end());
    }
    if (!collected.empty()) return collected;
    if (isatty(STDIN_FILENO) == 1)
        return UsageError("no text: say one with --text, or --text_file FILE");
    std::string text((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
    if (IsBlank(text)) return DataError("standard input holds no text");
    return std::vector{std::move(text)};
}

}  // namespace hone
