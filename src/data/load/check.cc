#include "data/load/check.h"

#include <algorithm>
#include <unordered_map>

#include "base/text/text.h"
#include "data/load/documents.h"
#include "data/load/problem_list.h"
#include "data/load/row_pipeline.h"
#include "data/read/splits.h"

namespace hone {
namespace {

// A place in 16 bytes: there is one for each row of the data set.
struct PackedPlace {
    uint32_t file = 0;
    int64_t line = 0;
};

class Checker {
  public:
    explicit Checker(int64_t max_seq_len) { check_.max_seq_len = max_seq_len; }

    absl::Status Take(RowOutcome outcome) {
        ++check_.rows;
        template_failures_.Count(outcome);
        if (!outcome.problem.empty()) {
            Add(&check_.bad_rows, &check_.bad_row_count,
                RowProblem{outcome.place, std::move(outcome.problem)});
            return absl::OkStatus();
        }
        ++check_.good_rows;
        Compare(outcome);
        if (!outcome.encoded.left_out.empty())
            Add(&check_.left_out_rows, &check_.left_out_row_count,
                RowProblem{outcome.place, LeftOutText(outcome.encoded.left_out)});
        const Example& example = outcome.encoded.example;
        const int64_t length = static_cast<int64_t>(example.tokens.size());
        lengths_.push_back(static_cast<uint32_t>(std::min<int64_t>(length, UINT32_MAX)));
        check_.tokens += length;
        if (LongestDocument(example) > check_.max_seq_len)
            Add(&check_.over_length, &check_.over_length_count, outcome.place);
        check_.pairs += example.second > 0;
        check_.undesired += example.undesired;
        check_.label_tokens += LabelTokens(example);
        check_.answers += outcome.encoded.answers;
        check_.ended_answers += outcome.encoded.ended_answers;
        if (const std::string problem = CutDocuments(outcome.encoded.example, check_.max_seq_len);
            !problem.empty())
            Add(&check_.masked_rows, &check_.masked_row_count, RowProblem{outcome.place, problem});
        return absl::OkStatus();
    }

    absl::StatusOr<DataCheck> Finish(const PipelineResult& result, const ReadPlan& plan) {
        HONE_RETURN_IF_ERROR(template_failures_.Check());
        check_.files = result.files;
        check_.format = result.format_name;
        check_.judged = result.kind == RowKind::kJudged;
        check_.columns = result.columns;
        check_.unused_columns = result.unused_columns;
        check_.notes = DescribeColumns(result);
        for (const auto* more : {&result.notes, &plan.notes, &plan.warnings})
            check_.notes.insert(check_.notes.end(), more->begin(), more->end());
        check_.split_note = plan.eval_source;
        if (result.shows_today) check_.notes.emplace_back(kShowsToday);
        check_.lengths = PercentilesOf(std::move(lengths_));
        return std::move(check_);
    }

  private:
    template <typename T>
    static void Add(std::vector<T>* list, int64_t* count, T entry) {
        ++*count;
        if (list->size() < kMaxListedRows) list->push_back(std::move(entry));
    }

    // Against the rows that came before it.
    void Compare(const RowOutcome& outcome) {
        if (files_.empty() || files_.back() != outcome.place.file)
            files_.push_back(outcome.place.file);
        const PackedPlace place = {static_cast<uint32_t>(files_.size() - 1), outcome.place.line};
        auto unpack = [this](const PackedPlace& packed) {
            return RowPlace{files_[packed.file], packed.line, 0};
        };
        // A row that both splits read is one row of the file, and not a copy of itself.
        if (outcome.train && outcome.eval)
            Add(&check_.in_both_splits, &check_.in_both_splits_count,
                DuplicateRow{outcome.place, outcome.place});
        auto& same = outcome.eval && !outcome.train ? eval_seen_ : train_seen_;
        auto& other = outcome.eval && !outcome.train ? train_seen_ : eval_seen_;
        const auto [first, is_new] = same.emplace(outcome.hash, place);
        if (!is_new)
            Add(&check_.duplicates, &check_.duplicate_count,
                DuplicateRow{outcome.place, unpack(first->second)});
        const auto across = other.find(outcome.hash);
        if (across == other.end() || !is_new) return;
        const RowPlace there = unpack(across->second);
        const bool is_eval = &same == &eval_seen_;
        Add(&check_.in_both_splits, &check_.in_both_splits_count,
            is_eval ? DuplicateRow{outcome.place, there} : DuplicateRow{there, outcome.place});
    }

    DataCheck check_;
    TemplateFailures template_failures_;
    std::vector<uint32_t> lengths_;
    std::vector<std::string> files_;
    std::unordered_map<uint64_t, PackedPlace> train_seen_;  // by the hash of the row
    std::unordered_map<uint64_t, PackedPlace> eval_seen_;
};

std::string PlaceText(const RowPlace& place) {
    return fmt::format("{}, line {}", place.file, place.line);
}

nlohmann::ordered_json PlaceJson(const RowPlace& place) {
    nlohmann::ordered_json json = {{"file", place.file}, {"line", place.line}};
    if (place.column > 0) json["column"] = place.column;
    return json;
}

template <typename T, typename Convert>
nlohmann::ordered_json ListJson(const std::vector<T>& list, Convert convert) {
    auto json = nlohmann::ordered_json::array();
    for (const T& entry : list) json.push_back(convert(entry));
    return json;
}

nlohmann::ordered_json ProblemJson(const RowProblem& problem) {
    nlohmann::ordered_json json = PlaceJson(problem.place);
    json["reason"] = problem.reason;
    return json;
}

nlohmann::ordered_json DuplicateJson(const DuplicateRow& duplicate) {
    nlohmann::ordered_json json = PlaceJson(duplicate.place);
    json["first"] = PlaceJson(duplicate.first);
    return json;
}

// "TITLE: COUNT" and, below it, a line for each of the first entries of the list.
template <typename T, typename Convert>
void AppendList(std::string* text, std::string_view title, const std::vector<T>& list,
                int64_t count, Convert convert) {
    constexpr size_t kShown = 10;
    *text += fmt::format("{:<18}{}\n", title, count);
    const size_t shown = std::min(list.size(), kShown);
    for (size_t i = 0; i < shown; ++i) *text += "  " + convert(list[i]) + "\n";
    if (count > static_cast<int64_t>(shown))
        *text +=
            fmt::format("  ... and {} more\n", FormatCount(count - static_cast<int64_t>(shown)));
}

void AppendProblems(std::string* text, std::string_view title,
                    const std::vector<RowProblem>& problems, int64_t count) {
    *text += fmt::format("{:<18}{}{}\n", title, count, ListProblems(problems, count));
}

double Share(int64_t part, int64_t whole) {
    return whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0;
}

}  // namespace

LengthPercentiles PercentilesOf(std::vector<uint32_t> lengths) {
    if (lengths.empty()) return {};
    std::sort(lengths.begin(), lengths.end());
    const auto rank = [&](size_t percent) -> int64_t {
        return lengths[(lengths.size() * percent + 99) / 100 - 1];
    };
    return {rank(50), rank(90), rank(99), lengths.back()};
}

absl::StatusOr<DataCheck> CheckData(const DataOptions& options,
                                    std::shared_ptr<const ConversationEncoder> encoder,
                                    const Context& context) {
    HONE_ASSIGN_OR_RETURN(ReadPlan plan, PlanTraining(options));
    Checker checker(options.max_seq_len);
    HONE_ASSIGN_OR_RETURN(
        PipelineResult result,
        RunPipeline(plan, options, std::move(encoder), context,
                    [&](RowOutcome outcome) { return checker.Take(std::move(outcome)); }));
    return checker.Finish(result, plan);
}

std::string DataCheck::ToText() const {
    std::string text;
    for (const std::string& file : files) text += fmt::format("{:<18}{}\n", "file", file);
    text += fmt::format("{:<18}{}\n", "format", format);
    text += fmt::format("{:<18}{}, {} of them good\n", "rows", rows, good_rows);
    if (pairs > 0) text += fmt::format("{:<18}{} of two answers\n", "pairs", pairs);
    if (judged)
        text += fmt::format("{:<18}{} good, {} bad\n", "labels", good_rows - undesired, undesired);
    text += fmt::format("{:<18}{}, {} of them trained ({:.1f} %)\n", "tokens", tokens, label_tokens,
                        Share(label_tokens, tokens));
    text += fmt::format("{:<18}p50 {}, p90 {}, p99 {}, max {}\n", "tokens per row", lengths.p50,
                        lengths.p90, lengths.p99, lengths.max);
    text += fmt::format("{:<18}{} of {} trained answers ({:.1f} %)\n", "end token", ended_answers,
                        answers, Share(ended_answers, answers));
    AppendProblems(&text, "bad rows", bad_rows, bad_row_count);
    AppendList(&text, fmt::format("over {} tokens", max_seq_len), over_length, over_length_count,
               PlaceText);
    AppendProblems(&text, "nothing to train", masked_rows, masked_row_count);
    if (left_out_row_count > 0)
        AppendProblems(&text, "not shown", left_out_rows, left_out_row_count);
    AppendList(&text, "duplicates", duplicates, duplicate_count, [](const DuplicateRow& row) {
        return PlaceText(row.place) + " repeats " + PlaceText(row.first);
    });
    AppendList(&text, "in both splits", in_both_splits, in_both_splits_count,
               [](const DuplicateRow& row) {
                   return PlaceText(row.place) + " (evaluation) is " + PlaceText(row.first) +
                          " (training)";
               });
    for (const std::string& note : notes) text += "note: " + note + "\n";
    return text + split_note + "\n";
}

nlohmann::ordered_json DataCheck::ToJson() const {
    return {
        {"ok", ok()},
        {"files", files},
        {"format", format},
        {"columns", ColumnsJson(columns)},
        {"unused_columns", unused_columns},
        {"notes", notes},
        {"rows", rows},
        {"good_rows", good_rows},
        {"pairs", pairs},
        {"judged", judged},
        {"undesired", undesired},
        {"tokens", tokens},
        {"label_tokens", label_tokens},
        {"tokens_per_row",
         {{"p50", lengths.p50}, {"p90", lengths.p90}, {"p99", lengths.p99}, {"max", lengths.max}}},
        {"max_seq_len", max_seq_len},
        {"over_length_count", over_length_count},
        {"over_length", ListJson(over_length, PlaceJson)},
        {"bad_row_count", bad_row_count},
        {"bad_rows", ListJson(bad_rows, ProblemJson)},
        {"masked_row_count", masked_row_count},
        {"masked_rows", ListJson(masked_rows, ProblemJson)},
        {"left_out_row_count", left_out_row_count},
        {"left_out_rows", ListJson(left_out_rows, ProblemJson)},
        {"duplicate_count", duplicate_count},
        {"duplicates", ListJson(duplicates, DuplicateJson)},
        {"in_both_splits_count", in_both_splits_count},
        {"in_both_splits", ListJson(in_both_splits, DuplicateJson)},
        {"answers", answers},
        {"ended_answers", ended_answers},
        {"split_note", split_note}};
}

}  // namespace hone
