#include "platform/files/training_file.h"

#include <array>
#include <memory>

#include "data/format/row_format.h"
#include "data/read/row_reader.h"
#include "platform/api/checks.h"

namespace hone::platform {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxListed = 100;  // bad lines in ToText

// What is wrong with an example; empty: nothing. It goes after "Example 3 (line 4) ".
using Problem = std::string;

template <size_t N>
Problem ExtraKey(const Json& object, const std::array<std::string_view, N>& known) {
    for (const auto& [key, value] : object.items()) {
        bool found = false;
        for (const std::string_view name : known) found = found || key == name;
        if (!found) return fmt::format("contains an extra \"{}\"", ShownId(key));
    }
    return {};
}

// `what`: "messages"; `tools` may be null.
Problem CheckMessages(const Json& messages, const Json& tools, std::string_view what) {
    if (!messages.is_array() || messages.empty())
        return fmt::format("has '{}' that are no list of at least one message", what);
    for (size_t i = 0; i < messages.size(); ++i) {
        if (!messages[i].is_object())
            return fmt::format("has a message that is no object: message {} of '{}'", i + 1, what);
        if (!messages[i].contains("role"))
            return fmt::format(
                "has a message without a role: in message {} of '{}' the "
                "discriminator 'role' is missing",
                i + 1, what);
    }
    const auto parsed = ParseMessages(messages, tools);
    if (parsed.ok()) return {};
    return fmt::format("cannot be used: {}", std::string(parsed.status().message()));
}

bool HasAssistant(const Json& messages) {
    for (const Json& message : messages)
        if (message["role"] == "assistant") return true;
    return false;
}

const Json& MemberOrNull(const Json& object, const char* name) {
    static const Json kNull;
    const auto found = object.find(name);
    return found == object.end() ? kNull : *found;
}

Problem CheckChat(const Json& row) {
    constexpr std::array<std::string_view, 4> kKeys = {"messages", "tools", "parallel_tool_calls",
                                                       "functions"};
    if (Problem extra = ExtraKey(row, kKeys); !extra.empty()) return extra;
    const Json& tools = MemberOrNull(row, "tools");
    Problem problem = CheckMessages(row["messages"], tools, "messages");
    if (problem.empty() && !HasAssistant(row["messages"]))
        problem = "has no message from the assistant, so there is nothing to learn";
    return problem;
}

Problem CheckString(const Json& row, const char* name) {
    const auto found = row.find(name);
    if (found == row.end()) return fmt::format("is missing key '{}'", name);
    if (!found->is_string()) return fmt::format("has a '{}' that is no string", name);
    return {};
}

Problem CheckCompletion(const Json& row) {
    constexpr std::array<std::string_view, 2> kKeys = {"prompt", "completion"};
    if (Problem extra = ExtraKey(row, kKeys); !extra.empty()) return extra;
    for (const std::string_view name : kKeys)
        if (Problem problem = CheckString(row, name.data()); !problem.empty()) return problem;
    if (row["completion"] == "") return "has an empty 'completion'";
    return {};
}

// The guide says output, an older schema completion.
Problem CheckAnswer(const Json& row, const char* output, const char* completion) {
    const char* name = row.contains(output) || !row.contains(completion) ? output : completion;
    const auto found = row.find(name);
    if (found == row.end()) return fmt::format("is missing key '{}'", output);
    Problem problem = CheckMessages(*found, nullptr, name);
    if (problem.empty() && (found->size() != 1 || (*found)[0]["role"] != "assistant"))
        problem = fmt::format("has a '{}' that is not one message from the assistant", name);
    return problem;
}

Problem CheckPreference(const Json& row) {
    constexpr std::array<std::string_view, 5> kKeys = {
        "input", "preferred_output", "non_preferred_output", "preferred_completion",
        "non_preferred_completion"};
    constexpr std::array<std::string_view, 3> kInputKeys = {"messages", "tools",
                                                            "parallel_tool_calls"};
    if (Problem extra = ExtraKey(row, kKeys); !extra.empty()) return extra;
    const auto input = row.find("input");
    if (input == row.end()) return "is missing key 'input'";
    if (!input->is_object()) return "has an 'input' that is no object";
    if (Problem extra = ExtraKey(*input, kInputKeys); !extra.empty()) return extra + " in 'input'";
    if (!input->contains("messages")) return "is missing key 'messages' in 'input'";
    Problem problem =
        CheckMessages((*input)["messages"], MemberOrNull(*input, "tools"), "messages");
    if (problem.empty()) problem = CheckAnswer(row, "preferred_output", "preferred_completion");
    if (problem.empty())
        problem = CheckAnswer(row, "non_preferred_output", "non_preferred_completion");
    return problem;
}

TrainingFormat FormatOf(const Json& row) {
    if (row.contains("messages")) return TrainingFormat::kChat;
    for (const char* name : {"input", "preferred_output", "non_preferred_output",
                             "preferred_completion", "non_preferred_completion"})
        if (row.contains(name)) return TrainingFormat::kPreference;
    if (row.contains("prompt") || row.contains("completion")) return TrainingFormat::kCompletion;
    return TrainingFormat::kUnknown;
}

Problem CheckRow(const Json& row, TrainingFormat& format) {
    const TrainingFormat own = FormatOf(row);
    if (format == TrainingFormat::kUnknown) format = own;
    if (own == TrainingFormat::kUnknown) return "is missing key 'messages'";
    if (own != format)
        return fmt::format("is in the {} format, but the examples before it are in the {} format",
                           TrainingFormatName(own), TrainingFormatName(format));
    switch (format) {
        case TrainingFormat::kPreference:
            return CheckPreference(row);
        case TrainingFormat::kCompletion:
            return CheckCompletion(row);
        default:
            return CheckChat(row);
    }
}

// The first special token in any text of the row; empty: none.
std::string_view FindToken(const Json& value, const SpecialTokens& tokens) {
    if (value.is_string()) return tokens.FindIn(value.get_ref<const std::string&>());
    if (!value.is_structured()) return {};
    for (const Json& member : value)
        if (const std::string_view token = FindToken(member, tokens); !token.empty()) return token;
    return {};
}

}  // namespace

std::string_view TrainingFormatName(TrainingFormat format) {
    switch (format) {
        case TrainingFormat::kChat:
            return "fine-tune-chat";
        case TrainingFormat::kPreference:
            return "fine-tune-preference";
        case TrainingFormat::kCompletion:
            return "fine-tune-completion";
        case TrainingFormat::kUnknown:
            break;
    }
    return "unknown";
}

std::string TrainingFileReport::ToText() const {
    std::string text;
    for (size_t i = 0; i < bad.size() && i < kMaxListed; ++i)
        text += fmt::format("{}Example {} (line {}) {}.", i == 0 ? "" : "\n", bad[i].example,
                            bad[i].line, bad[i].reason);
    if (bad_lines > static_cast<int64_t>(kMaxListed))
        text += fmt::format("\nAnd {} more lines cannot be used.",
                            bad_lines - static_cast<int64_t>(kMaxListed));
    return text;
}

absl::StatusOr<TrainingFileReport> ReadTrainingFile(const std::string& path,
                                                    const SpecialTokens& tokens) {
    HONE_ASSIGN_OR_RETURN(const auto reader, RowReader::Open(path, FileFormat::kJsonLines, {}));
    TrainingFileReport report;
    const auto note = [&](int64_t line, std::string reason) {
        ++report.bad_lines;
        if (report.bad.size() < kMaxBadLines)
            report.bad.push_back({line, report.examples, std::move(reason)});
    };
    for (RawRow raw;;) {
        const auto any = reader->Next(&raw);
        if (!any.ok()) {  // nothing behind this can be told apart
            ++report.examples;
            note(raw.line + 1,
                 fmt::format("cannot be parsed: {}", std::string(any.status().message())));
            return report;
        }
        if (!*any) return report;
        ++report.examples;
        Json row;
        ParseProblem problem;
        if (!raw.error.empty()) {
            note(raw.line, fmt::format("cannot be used: {}", raw.error));
        } else if (!reader->ParseRow(raw, &row, &problem)) {
            note(problem.line, fmt::format("cannot be parsed, the line contains invalid JSON: {}",
                                           problem.reason));
        } else if (Problem wrong = CheckRow(row, report.format); !wrong.empty()) {
            note(raw.line, std::move(wrong));
        } else if (const std::string_view token = FindToken(row, tokens); !token.empty()) {
            note(raw.line, fmt::format("message contains an invalid token: {}", token));
        }
    }
}

}  // namespace hone::platform
