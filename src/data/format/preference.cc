#include "data/format/preference.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "data/format/row_columns.h"

namespace hone {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kPreferred[] = {"preferred_output", "preferred_completion"};
constexpr std::string_view kNotPreferred[] = {"non_preferred_output", "non_preferred_completion"};
constexpr std::string_view kLabels[] = {"label", "kto_tag"};

// The first of the names that the row has; "": none.
template <size_t N>
std::string_view NameOf(const ordered_json& row, const std::string_view (&names)[N]) {
    for (std::string_view name : names)
        if (FindField(row, name) != nullptr) return name;
    return "";
}

// True or false, as JSON or as a table spells it; `numbers`: also 1 and 0.
std::optional<bool> Judgement(const ordered_json& value, bool numbers) {
    if (value.is_boolean()) return value.get<bool>();
    const std::string text =
        value.is_string()
            ? absl::AsciiStrToLower(absl::StripAsciiWhitespace(value.get_ref<const std::string&>()))
        : value.is_number() ? value.dump()
                            : "";
    if (text == "true" || (numbers && (text == "1" || text == "1.0"))) return true;
    if (text == "false" || (numbers && (text == "0" || text == "0.0"))) return false;
    return std::nullopt;
}

bool HasAnswer(const ordered_json& row) {
    return FindField(row, "completion") || FindField(row, "messages") ||
           FindField(row, "conversations") || FindField(row, "response") ||
           FindField(row, "output");
}

std::string_view Role(const ordered_json& messages) {
    const bool has = messages.is_array() && !messages.empty() && messages[0].is_object() &&
                     messages[0].contains("role") && messages[0]["role"].is_string();
    return has ? std::string_view(messages[0]["role"].get_ref<const std::string&>()) : "";
}

// A list of messages that does not begin with the answer: the prompt is in it.
bool IsWholeConversation(const ordered_json& messages) {
    const std::string_view role = Role(messages);
    return !role.empty() && role != "assistant";
}

// Where two texts that begin alike part, as TRL cuts them: a space before goes with the answers.
size_t CommonBytes(const std::string& a, const std::string& b) {
    const auto apart = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    auto at = static_cast<size_t>(apart.first - a.begin());
    while (at > 0 && at < a.size() && (static_cast<unsigned char>(a[at]) & 0xC0) == 0x80) --at;
    if (at > 0 && a[at - 1] == ' ') --at;
    return at;
}

ordered_json Part(const ordered_json& list, size_t begin, size_t end) {
    ordered_json part = ordered_json::array();
    for (size_t i = begin; i < end; ++i) part.push_back(list[i]);
    return part;
}

// A copy of what stands beside the answers.
ordered_json Beside(const ordered_json& row) {
    ordered_json beside = ordered_json::object();
    for (const char* name : {"tools", "functions", "system"})
        if (const ordered_json* value = FindField(row, name)) beside[name] = *value;
    return beside;
}

// The two rows, of the answers and the prompt that they share.
PairRows MakePair(const ordered_json& beside, ordered_json prompt, ordered_json chosen,
                  ordered_json rejected) {
    PairRows pair;
    pair.preferred = beside;
    pair.preferred["prompt"] = prompt;
    pair.preferred["completion"] = std::move(chosen);
    pair.other = beside;
    pair.other["prompt"] = std::move(prompt);
    pair.other["completion"] = std::move(rejected);
    return pair;
}

absl::StatusOr<PairRows> SplitOpenAi(const ordered_json& row) {
    const std::string_view preferred = NameOf(row, kPreferred), other = NameOf(row, kNotPreferred);
    if (preferred.empty()) return DataError("\"preferred_output\" is missing");
    if (other.empty()) return DataError("\"non_preferred_output\" is missing");
    const ordered_json* input = FindField(row, "input");
    if (input == nullptr || !input->is_object())
        return DataError("\"input\" must be an object with \"messages\"");
    const ordered_json* messages = FindField(*input, "messages");
    if (messages == nullptr || !messages->is_array() || messages->empty())
        return DataError("\"input\" has no list of \"messages\"");
    for (std::string_view name : {preferred, other})
        if (!FindField(row, name)->is_array() || FindField(row, name)->empty())
            return DataError("\"{}\" must be a list with a message of the assistant", name);
    PairRows pair =
        MakePair(Beside(*input), *messages, *FindField(row, preferred), *FindField(row, other));
    pair.preferred_name = preferred;
    pair.other_name = other;
    return pair;
}

}  // namespace

bool IsOpenAiPair(const ordered_json& row) {
    return !NameOf(row, kPreferred).empty() || !NameOf(row, kNotPreferred).empty();
}

RowKind KindOfRow(const ordered_json& row, bool any_label) {
    if (IsOpenAiPair(row) || (FindField(row, "chosen") && FindField(row, "rejected")) ||
        FindField(row, "rejected_response"))
        return RowKind::kPairs;
    if (!HasAnswer(row)) return RowKind::kPlain;
    if (FindField(row, "kto_tag")) return RowKind::kJudged;
    const ordered_json* label = FindField(row, "label");
    return label && Judgement(*label, any_label) ? RowKind::kJudged : RowKind::kPlain;
}

absl::Status CheckRowKind(const ordered_json& row, RowKind wanted, std::string_view flag) {
    const RowKind kind = KindOfRow(row, wanted == RowKind::kJudged);
    if (kind == wanted) return absl::OkStatus();
    const std::string_view label = NameOf(row, kLabels);
    if (wanted == RowKind::kPlain && kind == RowKind::kPairs)
        return DataError(
            "the rows are preferences ({}): `hone finetune --objective dpo` learns from them, and "
            "so do ipo, orpo and simpo. To learn the preferred answers alone say which column they "
            "are: --columns prompt=NAME,completion=NAME",
            IsOpenAiPair(row)                     ? "preferred_output and non_preferred_output"
            : FindField(row, "chosen") != nullptr ? "chosen and rejected"
                                                  : "rejected_response");
    if (wanted == RowKind::kPlain)
        return DataError(
            "the rows are judged answers (\"{}\": true or false): `hone finetune --objective kto` "
            "learns from them. To learn answers alone keep the good rows and leave that column out",
            label);
    if (wanted == RowKind::kPairs)
        return DataError(
            "{} learns from two answers to a prompt: prompt, chosen and rejected, or OpenAI's "
            "input, preferred_output and non_preferred_output; the rows are {}",
            flag,
            kind == RowKind::kJudged ? "judged answers, which --objective kto learns from"
                                     : "answers alone, which --objective sft learns");
    return DataError(
        "{} learns from answers with a \"label\", true or false: prompt, completion and label, or "
        "messages and label; the rows are {}",
        flag,
        kind == RowKind::kPairs ? "preferences, which --objective dpo learns from"
                                : "answers alone, which --objective sft learns");
}

ColumnMap GuessPairColumns(const ordered_json& row) {
    if (IsOpenAiPair(row) || FindField(row, "prompt")) return {};
    ColumnMap columns;
    for (const char* name : {"question", "instruction", "query", "input"})
        if (FindField(row, name) && columns.empty()) columns.emplace_back("prompt", name);
    if (columns.empty()) return {};
    columns.emplace_back("chosen", "chosen");
    columns.emplace_back("rejected", "rejected");
    for (const char* name : {"system", "system_prompt"})
        if (FindField(row, name) && columns.size() == 3) columns.emplace_back("system", name);
    return columns;
}

absl::StatusOr<PairRows> SplitPair(const ordered_json& row) {
    if (IsOpenAiPair(row)) return SplitOpenAi(row);
    const ordered_json* prompt = FindField(row, "prompt");
    const ordered_json *chosen = FindField(row, "chosen"), *rejected = FindField(row, "rejected");
    if (chosen == nullptr || rejected == nullptr)
        return DataError("\"{}\" is missing", chosen == nullptr ? "chosen" : "rejected");
    const ordered_json beside = Beside(row);
    PairRows pair;
    if (IsWholeConversation(*chosen) && IsWholeConversation(*rejected)) {
        // A prompt beside them repeats what is in them.
        size_t common = 0;
        while (common < chosen->size() && common < rejected->size() &&
               (*chosen)[common] == (*rejected)[common])
            ++common;
        if (common == 0)
            return DataError("\"chosen\" and \"rejected\" do not begin with the same prompt");
        if (common == chosen->size() && common == rejected->size())
            return DataError(
                "\"chosen\" and \"rejected\" are the same: there is nothing to prefer");
        pair = MakePair(beside, Part(*chosen, 0, common), Part(*chosen, common, chosen->size()),
                        Part(*rejected, common, rejected->size()));
    } else if (prompt != nullptr) {
        pair = MakePair(beside, *prompt, *chosen, *rejected);
    } else if (chosen->is_string() && rejected->is_string()) {
        const auto &a = chosen->get_ref<const std::string&>(),
                   &b = rejected->get_ref<const std::string&>();
        const size_t common = CommonBytes(a, b);
        pair = MakePair(beside, a.substr(0, common), a.substr(common), b.substr(common));
    } else {
        return DataError(
            "\"prompt\" is missing, and \"chosen\" and \"rejected\" are neither texts nor "
            "conversations that begin with it");
    }
    pair.preferred_name = "chosen";
    pair.other_name = "rejected";
    return pair;
}

absl::StatusOr<bool> ReadLabel(const ordered_json& row) {
    const std::string_view name = NameOf(row, kLabels);
    if (name.empty()) return DataError("\"label\" is missing");
    const auto label = Judgement(*FindField(row, name), true);
    if (!label)
        return DataError("\"{}\" must be true or false, not {}", name,
                         FindField(row, name)
                             ->dump(-1, ' ', false, ordered_json::error_handler_t::replace)
                             .substr(0, 40));
    return *label;
}

}  // namespace hone
