// LoadData and LoadEvaluationData: the rows of a plan, sorted into the two data sets.
#include <algorithm>
#include <cmath>

#include "base/text/text.h"
#include "data/load/collect_labels.h"
#include "data/load/dataset.h"
#include "data/load/documents.h"
#include "data/load/problem_list.h"
#include "data/load/row_pipeline.h"
#include "data/load/token_store.h"
#include "data/read/splits.h"

namespace hone {
namespace {

void AddProblem(std::vector<RowProblem>* list, int64_t* count, RowPlace place, std::string reason) {
    ++*count;
    if (list->size() < kMaxListedRows) list->push_back({std::move(place), std::move(reason)});
}

std::string Plural(int64_t count, std::string_view what) {
    return fmt::format("{} {}{}", FormatCount(count), what, count == 1 ? "" : "s");
}

// One problem goes on in the line, many are a list.
std::string Listed(const std::vector<RowProblem>& problems, int64_t count) {
    return count == 1 ? fmt::format(" {}", problems[0].ToText()) : ListProblems(problems, count);
}

// Receives rows from the pipeline one at a time.
class Loader {
  public:
    Loader(const DataOptions& options, const ReadPlan& plan, bool keep_rows)
        : options_(options),
          hold_out_(plan.hold_out),
          keep_rows_(keep_rows),
          store_(std::make_shared<TokenStore>(options.memory_limit_bytes, options.cache_folder)) {
        report_.eval_source = plan.eval_source;
        plan_notes_ = plan.notes;
        report_.warnings = plan.warnings;
    }

    absl::Status Take(RowOutcome outcome) {
        if (hold_out_ && outcome.train && outcome.parsed &&
            HeldOut(outcome.hash, options_.eval_fraction)) {
            outcome.train = false;
            outcome.eval = true;
        }
        const bool train = outcome.train, eval = outcome.eval;
        auto count = [&](int64_t SplitReport::*member, int64_t by) {
            if (train) report_.train.*member += by;
            if (eval) report_.eval.*member += by;
        };
        count(&SplitReport::rows, 1);
        template_failures_.Count(outcome);
        if (!outcome.problem.empty()) {
            Bad(std::move(outcome));
            return absl::OkStatus();
        }
        Example& example = outcome.encoded.example;
        const int64_t full_length = LongestDocument(example);
        if (full_length > options_.max_seq_len) {
            if (options_.on_overflow == OnOverflow::kError) {
                outcome.problem = fmt::format("{} tokens, more than the {} of --max_seq_len",
                                              full_length, options_.max_seq_len);
                Bad(std::move(outcome));
                return absl::OkStatus();
            }
            const bool drop = options_.on_overflow == OnOverflow::kDrop;
            count(drop ? &SplitReport::dropped : &SplitReport::truncated, 1);
            if (drop) return absl::OkStatus();
        }
        if (std::string problem = CutDocuments(example, options_.max_seq_len); !problem.empty()) {
            AddProblem(&report_.masked_rows, &report_.masked_row_count, std::move(outcome.place),
                       std::move(problem));
            return absl::OkStatus();
        }
        count(&SplitReport::examples, 1);
        count(&SplitReport::tokens, static_cast<int64_t>(example.tokens.size()));
        count(&SplitReport::label_tokens, LabelTokens(example));
        // An answer that was cut has no end to learn, and that is said already.
        if (full_length <= options_.max_seq_len) {
            report_.answers += outcome.encoded.answers;
            report_.ended_answers += outcome.encoded.ended_answers;
        }
        if (!outcome.encoded.left_out.empty())
            AddProblem(&report_.left_out_rows, &report_.left_out_row_count, outcome.place,
                       LeftOutText(outcome.encoded.left_out));
        if (train) NoteSystemPrompt(outcome.system_prompt);
        if (eval && keep_rows_) kept_rows_.push_back(std::move(outcome.row));
        return Store(example, outcome.place, train, eval);
    }

    absl::StatusOr<LoadedData> Finish(const PipelineResult& result, bool want_train) {
        HONE_RETURN_IF_ERROR(store_->Finish());
        report_.files = result.files;
        report_.spilled = store_->spilled();
        if (result.format) report_.format = result.format_name;
        report_.columns = result.columns;
        report_.unused_columns = result.unused_columns;
        report_.notes = DescribeColumns(result);
        report_.notes.insert(report_.notes.end(), result.notes.begin(), result.notes.end());
        report_.notes.insert(report_.notes.end(), plan_notes_.begin(), plan_notes_.end());
        if (!conversations_) report_.prompt_template = result.prompt_template;
        if (systems_agree_) report_.system_prompt = system_prompt_.value_or("");
        HONE_RETURN_IF_ERROR(Refuse(want_train));
        LoadedData data;
        if (hold_out_) BalanceHeldOut();
        if (want_train) data.train = std::make_shared<Dataset>(store_, std::move(train_rows_));
        if (!eval_rows_.empty())
            data.eval = std::make_shared<Dataset>(store_, std::move(eval_rows_));
        if (data.eval == nullptr && !hold_out_ && options_.eval_split.value_or("none") != "none" &&
            !options_.eval_split->empty())
            report_.warnings.push_back(
                fmt::format("The evaluation split {} has no rows: nothing will be evaluated.",
                            *options_.eval_split));
        AddWarnings();
        if (result.shows_today) report_.warnings.emplace_back(kShowsToday);
        data.eval_rows = std::move(kept_rows_);
        data.report = std::move(report_);
        return data;
    }

  private:
    void Bad(RowOutcome outcome) {
        AddProblem(&report_.bad_rows, &report_.bad_row_count, std::move(outcome.place),
                   std::move(outcome.problem));
    }

    // Whether all rows that are trained on have one system message.
    void NoteSystemPrompt(const std::optional<std::string>& row) {
        conversations_ = conversations_ || row.has_value();
        if (!system_prompt_) system_prompt_ = row.value_or("");
        systems_agree_ = systems_agree_ && row.value_or("") == *system_prompt_;
    }

    absl::Status Store(const Example& example, const RowPlace& place, bool train, bool eval) {
        if (store_->files.empty() || store_->files.back() != place.file)
            store_->files.push_back(place.file);
        HONE_ASSIGN_OR_RETURN(
            int64_t row,
            store_->Append(example, static_cast<uint32_t>(store_->files.size() - 1), place.line));
        if (train) train_rows_.push_back(row);
        if (eval) eval_rows_.push_back(row);
        return absl::OkStatus();
    }

    // What training or evaluation must not start with.
    absl::Status Refuse(bool want_train) const {
        HONE_RETURN_IF_ERROR(template_failures_.Check());
        const int64_t rows = report_.train.rows + report_.eval.rows;
        if (report_.bad_row_count > 0 && !options_.skip_bad_rows)
            return DataError(
                "{} of {} cannot be used:{}{}Correct {}, or leave {} out with --skip_bad_rows.",
                Plural(report_.bad_row_count, "row"), FormatCount(rows),
                Listed(report_.bad_rows, report_.bad_row_count),
                report_.bad_row_count == 1 ? ". " : "\n",
                report_.bad_row_count == 1 ? "it" : "them",
                report_.bad_row_count == 1 ? "it" : "them");
        if (rows == 0) return DataError("{} no rows", FilesHold());
        if (train_rows_.empty() && eval_rows_.empty() && report_.masked_row_count > 0)
            return DataError("no token of any row is trained:{}",
                             Listed(report_.masked_rows, report_.masked_row_count));
        if (report_.train.dropped + report_.eval.dropped > 0 && train_rows_.empty() &&
            eval_rows_.empty())
            return DataError("all rows are longer than --max_seq_len {} and --on_overflow is drop",
                             options_.max_seq_len);
        const bool none = want_train ? train_rows_.empty() && !(hold_out_ && !eval_rows_.empty())
                                     : eval_rows_.empty();
        if (none)
            return DataError(
                "no usable row is left {} ({} bad, {} without a trained token, {} too long)",
                want_train ? "to train on" : "to evaluate on", report_.bad_row_count,
                report_.masked_row_count, report_.train.dropped + report_.eval.dropped);
        return absl::OkStatus();
    }

    std::string FilesHold() const {
        if (options_.data_name.empty()) return "the data files hold";
        return options_.data_name + " holds";
    }

    // A few rows may all hash to one side: training comes first.
    void BalanceHeldOut() {
        if (train_rows_.empty()) {
            train_rows_ = std::move(eval_rows_);
            eval_rows_.clear();
            std::swap(report_.train, report_.eval);
        }
        if (eval_rows_.empty())
            report_.eval_source = fmt::format(
                "No evaluation rows: with {} to train on none fell to the held-out {:g} %.",
                Plural(report_.train.examples, "row"), options_.eval_fraction * 100);
    }

    void AddWarnings() {
        auto& warnings = report_.warnings;
        const int64_t truncated = report_.train.truncated + report_.eval.truncated;
        const int64_t dropped = report_.train.dropped + report_.eval.dropped;
        if (truncated > 0)
            warnings.push_back(fmt::format("{} cut at --max_seq_len {}.", Plural(truncated, "row"),
                                           options_.max_seq_len));
        if (dropped > 0)
            warnings.push_back(fmt::format("{} left out, longer than --max_seq_len {}.",
                                           Plural(dropped, "row"), options_.max_seq_len));
        if (report_.masked_row_count > 0)
            warnings.push_back(fmt::format("{} left out, without a token to train on:{}",
                                           Plural(report_.masked_row_count, "row"),
                                           Listed(report_.masked_rows, report_.masked_row_count)));
        if (report_.left_out_row_count > 0)
            warnings.push_back(
                fmt::format("{} of which the model does not see all:{}",
                            Plural(report_.left_out_row_count, "row"),
                            Listed(report_.left_out_rows, report_.left_out_row_count)));
        if (report_.bad_row_count > 0)
            warnings.push_back(fmt::format("{} skipped:{}",
                                           Plural(report_.bad_row_count, "bad row"),
                                           Listed(report_.bad_rows, report_.bad_row_count)));
        if (report_.ended_answers < report_.answers)
            warnings.push_back(fmt::format(
                "{} of {} trained answers do not end with an end token: the model may not learn to "
                "stop there.",
                report_.answers - report_.ended_answers, report_.answers));
    }

    const DataOptions& options_;
    bool hold_out_, keep_rows_;
    std::vector<std::string> plan_notes_;
    std::vector<DataRow> kept_rows_;
    TemplateFailures template_failures_;
    std::shared_ptr<TokenStore> store_;
    std::vector<int64_t> train_rows_;
    std::vector<int64_t> eval_rows_;
    std::optional<std::string> system_prompt_;  // of the first trained row
    bool systems_agree_ = true;
    bool conversations_ = false;
    DataReport report_;
};

absl::Status CheckOptions(const DataOptions& options) {
    if (options.max_seq_len < 2)
        return UsageError("--max_seq_len must be at least 2, not {}", options.max_seq_len);
    if (options.max_samples && *options.max_samples < 1)
        return UsageError("--max_samples must be at least 1, not {}", *options.max_samples);
    if (!(options.eval_fraction > 0 && options.eval_fraction < 1))
        return UsageError("the held-out share must be between 0 and 1, not {}",
                          options.eval_fraction);
    return absl::OkStatus();
}

absl::StatusOr<LoadedData> Load(const DataOptions& options, const ReadPlan& plan, bool want_train,
                                std::shared_ptr<const ConversationEncoder> encoder,
                                const Context& context, bool keep_rows = false) {
    FoundLabels labels{.names = options.labels.names};
    DataOptions reading = options;
    // Of rows that say what a text or a word is. How alike two are has no names.
    const bool labelled =
        options.labels.kind == LabelKind::kSequence || options.labels.kind == LabelKind::kToken;
    HONE_CHECK(!labelled || want_train || !labels.names.empty(),
               "evaluation takes the labels of the model");
    if (labelled && want_train &&
        (labels.names.empty() || options.labels.class_weights != "none")) {
        HONE_ASSIGN_OR_RETURN(labels, CollectLabels(plan, options, encoder, context));
        reading.labels.names = labels.names;
    }
    Loader loader(reading, plan, keep_rows);
    HONE_ASSIGN_OR_RETURN(
        PipelineResult result,
        RunPipeline(
            plan, reading, std::move(encoder), context,
            [&](RowOutcome outcome) { return loader.Take(std::move(outcome)); }, labels.weights));
    HONE_ASSIGN_OR_RETURN(LoadedData data, loader.Finish(result, want_train));
    data.labels = std::move(labels.names);
    std::move(labels.warnings.begin(), labels.warnings.end(),
              std::back_inserter(data.report.warnings));
    return data;
}

}  // namespace

absl::StatusOr<LoadedData> LoadData(const DataOptions& options,
                                    std::shared_ptr<const ConversationEncoder> encoder,
                                    const Context& context) {
    HONE_RETURN_IF_ERROR(CheckOptions(options));
    HONE_ASSIGN_OR_RETURN(ReadPlan plan, PlanTraining(options));
    return Load(options, plan, true, std::move(encoder), context);
}

absl::StatusOr<LoadedData> LoadEvaluationData(const DataOptions& options,
                                              std::shared_ptr<const ConversationEncoder> encoder,
                                              const Context& context, bool keep_rows) {
    HONE_RETURN_IF_ERROR(CheckOptions(options));
    HONE_ASSIGN_OR_RETURN(ReadPlan plan, PlanEvaluation(options));
    return Load(options, plan, false, std::move(encoder), context, keep_rows);
}

namespace {

nlohmann::ordered_json SplitJson(const SplitReport& split) {
    return {{"rows", split.rows},           {"examples", split.examples},
            {"tokens", split.tokens},       {"label_tokens", split.label_tokens},
            {"truncated", split.truncated}, {"dropped", split.dropped}};
}

nlohmann::ordered_json ProblemsJson(const std::vector<RowProblem>& problems) {
    auto list = nlohmann::ordered_json::array();
    for (const RowProblem& problem : problems) {
        nlohmann::ordered_json entry = {{"file", problem.place.file}, {"line", problem.place.line}};
        if (problem.place.column > 0) entry["column"] = problem.place.column;
        entry["reason"] = problem.reason;
        list.push_back(std::move(entry));
    }
    return list;
}

std::string SplitText(std::string_view name, const SplitReport& split) {
    return fmt::format("{}: {}, {} tokens, {} of them trained\n", name,
                       Plural(split.examples, "row"), split.tokens, split.label_tokens);
}

}  // namespace

std::string DataReport::ToText() const {
    std::string text = SplitText("training", train);
    if (eval.examples > 0) text += SplitText("evaluation", eval);
    text += "format: " + format + "\n" + eval_source + "\n";
    for (const std::string& note : notes) text += "note: " + note + "\n";
    for (const std::string& warning : warnings) text += "warning: " + warning + "\n";
    return text;
}

nlohmann::ordered_json DataReport::ToJson() const {
    return {{"files", files},
            {"format", format},
            {"columns", ColumnsJson(columns)},
            {"unused_columns", unused_columns},
            {"prompt_template", prompt_template},
            {"system_prompt", system_prompt},
            {"train", SplitJson(train)},
            {"eval", SplitJson(eval)},
            {"eval_source", eval_source},
            {"bad_row_count", bad_row_count},
            {"bad_rows", ProblemsJson(bad_rows)},
            {"masked_row_count", masked_row_count},
            {"masked_rows", ProblemsJson(masked_rows)},
            {"left_out_row_count", left_out_row_count},
            {"left_out_rows", ProblemsJson(left_out_rows)},
            {"answers", answers},
            {"ended_answers", ended_answers},
            {"spilled", spilled},
            {"notes", notes},
            {"warnings", warnings}};
}

}  // namespace hone
