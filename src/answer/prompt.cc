#include "answer/prompt.h"

#include <algorithm>
#include <cctype>

#include "base/files/file.h"
#include "base/limits.h"
#include "data/read/row_reader.h"

namespace hone {
namespace {

absl::StatusOr<Prompt> PromptFromObject(const nlohmann::ordered_json& row, bool raw) {
    if (row.contains("prompt")) {
        if (!row["prompt"].is_string()) return DataError("\"prompt\" is not a string");
        return MakePrompt(row["prompt"].get<std::string>());
    }
    if (!row.contains("messages")) return DataError("neither \"prompt\" nor \"messages\" is there");
    if (raw) return DataError("--raw takes texts, not \"messages\"");
    Prompt prompt;
    HONE_ASSIGN_OR_RETURN(
        prompt.conversation,
        ParseMessages(row["messages"], row.value("tools", nlohmann::ordered_json())));
    nlohmann::ordered_json& messages = prompt.conversation.messages;
    // A row of training data: its last answer is what is asked for.
    if (!messages.empty() && messages.back()["role"] == "assistant") {
        messages.erase(messages.size() - 1);
        prompt.conversation.weights.pop_back();
    }
    if (messages.empty()) return DataError("no message is left to answer");
    const auto& content = messages.back()["content"];
    prompt.text = content.is_string() ? content.get<std::string>() : content.dump();
    prompt.text_only = false;
    return prompt;
}

// A prompt out of one row of a .jsonl file.
absl::StatusOr<Prompt> PromptFromRow(const nlohmann::ordered_json& row, bool raw) {
    if (row.is_string()) return MakePrompt(row.get<std::string>());
    if (!row.is_object())
        return DataError("expected a string or an object with \"prompt\" or \"messages\"");
    HONE_ASSIGN_OR_RETURN(Prompt prompt, PromptFromObject(row, raw));
    if (row.contains("adapter")) {
        if (!row["adapter"].is_string()) return DataError("\"adapter\" is not a string");
        prompt.adapter = row["adapter"].get<std::string>();
    }
    return prompt;
}

absl::StatusOr<nlohmann::ordered_json> ParseRow(std::string_view line) {
    size_t depth = 0;
    bool too_deep = false;
    // The parser itself would go as deep as the text does.
    const auto limit_depth = [&](int, nlohmann::ordered_json::parse_event_t event,
                                 nlohmann::ordered_json&) {
        using Event = nlohmann::ordered_json::parse_event_t;
        if (event == Event::object_start || event == Event::array_start)
            too_deep |= ++depth > kMaxJsonDepth;
        if (event == Event::object_end || event == Event::array_end) --depth;
        return !too_deep;
    };
    auto row = nlohmann::ordered_json::parse(line, limit_depth, /*allow_exceptions=*/false);
    if (too_deep) return DataError("nested deeper than {} levels", kMaxJsonDepth);
    if (row.is_discarded()) return DataError("not valid JSON");
    return row;
}

std::string Lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

// An instruction and the input that it is about, as training joins them.
std::string WithInput(const nlohmann::ordered_json& row, std::string instruction) {
    for (const auto& [name, value] : row.items())
        if (Lower(name) == "input" && value.is_string() && !value.get<std::string>().empty())
            return instruction + "\n\n" + value.get<std::string>();
    return instruction;
}

// The column of a table that holds the prompts, under the field's name: "prompt", or what people
// call a question.
absl::StatusOr<nlohmann::ordered_json> WithPrompt(nlohmann::ordered_json row) {
    if (row.contains("prompt") || row.contains("messages")) return row;
    std::string names;
    for (const auto& [name, value] : row.items()) names += (names.empty() ? "" : ", ") + name;
    for (std::string_view known : {"prompt", "question", "query", "instruction", "input"}) {
        for (const auto& [name, value] : row.items()) {
            if (Lower(name) != known) continue;
            nlohmann::ordered_json prompt = value;
            if (known == "instruction" && value.is_string())
                prompt = WithInput(row, value.get<std::string>());
            row["prompt"] = prompt;
            return row;
        }
    }
    return DataError(
        "no column \"prompt\" (nor question, query, instruction or input): the file has {}. Name "
        "the "
        "column of the prompts prompt, or give a text file with a prompt on each line",
        names);
}

absl::StatusOr<std::vector<Prompt>> ReadPromptTable(const std::string& path, FileFormat format,
                                                    bool raw) {
    HONE_ASSIGN_OR_RETURN(auto reader, RowReader::Open(path, format, {}));
    std::vector<Prompt> prompts;
    RawRow raw_row;
    for (;;) {
        HONE_ASSIGN_OR_RETURN(const bool any, reader->Next(&raw_row));
        if (!any) break;
        nlohmann::ordered_json row;
        ParseProblem problem{raw_row.line, raw_row.column, raw_row.error};
        if (!raw_row.error.empty() || !reader->ParseRow(raw_row, &row, &problem))
            return DataError("{}, line {}: {}", path, problem.line, problem.reason);
        if (format == FileFormat::kText)
            row = nlohmann::ordered_json::object({{"prompt", row["text"]}});
        auto named = WithPrompt(std::move(row));
        auto prompt =
            named.ok() ? PromptFromRow(*named, raw) : absl::StatusOr<Prompt>(named.status());
        if (!prompt.ok())
            return Annotate(prompt.status(), fmt::format("{}, line {}", path, raw_row.line));
        prompts.push_back(*std::move(prompt));
    }
    if (prompts.empty()) return DataError("{} holds no prompt", path);
    return prompts;
}

}  // namespace

absl::StatusOr<Prompt> MakePrompt(const std::string& text) {
    if (text.empty()) return DataError("the prompt is empty");
    Prompt prompt;
    prompt.text = text;
    nlohmann::ordered_json messages = nlohmann::ordered_json::array();
    messages.push_back({{"role", "user"}, {"content", text}});
    HONE_ASSIGN_OR_RETURN(prompt.conversation, ParseMessages(messages));
    return prompt;
}

void AddSystemPrompt(const std::string& system_prompt, Conversation& conversation) {
    nlohmann::ordered_json& messages = conversation.messages;
    if (system_prompt.empty() || messages.empty()) return;
    const nlohmann::ordered_json& role = messages.front()["role"];
    if (role == "system" || role == "developer") return;
    // Spelled out: braces alone would be a list of two elements to insert.
    const nlohmann::ordered_json system = {{"role", "system"}, {"content", system_prompt}};
    messages.insert(messages.begin(), system);
    conversation.weights.insert(conversation.weights.begin(), 0);
}

absl::StatusOr<std::vector<Prompt>> ReadPromptFile(const std::string& path, bool raw) {
    const auto format = DetectFileFormat(path, "");
    if (format.ok() && *format != FileFormat::kText && *format != FileFormat::kJsonLines)
        return ReadPromptTable(path, *format, raw);
    auto read = ReadFile(path);
    if (!read.ok()) return WithKind(read.status(), ErrorKind::kData);
    std::string_view rest = *read;
    if (rest.starts_with("\x1f\x8b")) {
        if (format.ok()) return ReadPromptTable(path, *format, raw);
        return DataError("{} is a gzip file: name it .jsonl.gz or .txt.gz", path);
    }
    if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
    const bool rows = format.ok() && *format == FileFormat::kJsonLines;
    std::vector<Prompt> prompts;
    for (int64_t number = 1; !rest.empty(); ++number) {
        const size_t newline = rest.find('\n');
        std::string_view line = rest.substr(0, newline);
        rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
        const std::string place = fmt::format("{}, line {}", path, number);
        if (line.size() > kMaxLineBytes)
            return DataError("{}: longer than {} bytes", place, kMaxLineBytes);
        absl::StatusOr<Prompt> prompt;
        if (rows) {
            auto row = ParseRow(line);
            prompt = row.ok() ? PromptFromRow(*row, raw) : absl::StatusOr<Prompt>(row.status());
        } else {
            prompt = MakePrompt(std::string(line));
        }
        if (!prompt.ok()) return Annotate(prompt.status(), place);
        prompts.push_back(*std::move(prompt));
    }
    if (prompts.empty()) return DataError("{} holds no prompt", path);
    return prompts;
}

}  // namespace hone
