#include "eval/evaluate.h"

#include <algorithm>
#include <memory>

#include "answer/classify.h"
#include "answer/embed.h"
#include "answer/row_answers.h"
#include "base/clock.h"
#include "base/files/file.h"
#include "base/text/json_text.h"
#include "base/text/text.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/flags/finetune_flags.h"
#include "cli/flags/trained_rows.h"
#include "cli/terminal/live_line.h"
#include "cli/terminal/loading.h"
#include "cli/terminal/signals.h"
#include "eval/scores.h"
#include "hub/hub.h"

namespace hone {
namespace {

// Between the name of a number and the number, for people.
constexpr int kNameWidth = 16;

// The most tokens of an answer where the user says nothing: an answer of twice the longest that is
// expected is wrong already.
constexpr int64_t kMostNewTokens = 256, kFewestNewTokens = 16;

struct EvaluateFlags {
    ModelFlags model;
    WeightFlags weights;
    MachineFlags machine;
    DataFlags data_flags;
    DataOptions data;
    std::string torch_dtype = "bfloat16";
    int64_t per_device_eval_batch_size = 8;
    std::vector<std::string> metrics;
    ScoreOptions scoring;
    bool constrain_labels = false;
    std::string answer_after;
    std::optional<int64_t> max_new_tokens;
    SamplingFlags sampling;
    bool per_row = false, json = false;
    std::string output_file, predictions;

    const CLI::App* command = nullptr;
    HeadKind head = HeadKind::kLanguageModel;  // the model's
    bool classifies() const { return head != HeadKind::kLanguageModel; }
    bool embeds = false;  // the model makes embeddings: rows are pairs of texts
    bool draws() const { return !constrain_labels && !classifies() && !embeds; }

    void Add(CLI::App& app) {
        command = &app;
        sampling.as_model_says = false;
        Flags flags(app);
        model.Add(flags);
        AddTorchDtype(flags, torch_dtype);
        weights.Add(flags);
        flags.Group("Data");
        data_flags.AddSource(flags, data);
        flags.Custom(
            "--eval_split", "TEXT", "",
            [this](const std::string& value) {
                data.eval_split = value;
                return "";
            },
            R"(which rows: test, "train[:100]", ...; default: the only split, else test, else validation)");
        flags.Text("--eval_subset", data.eval_subset, "which subset of a data set of the Hub");
        data_flags.AddRows(flags, data);
        flags.Integer("--per_device_eval_batch_size", per_device_eval_batch_size,
                      "rows that go through the model at a time; no loss depends on it");
        AddMetrics(flags);
        flags.Group("Answers").Integer(
            "--max_new_tokens", max_new_tokens,
            "the most tokens of an answer; default: twice as many as the longest answer of "
            "the rows has, 16 to 256");
        sampling.AddDrawing(flags);
        flags.Group("Output")
            .Bool("--json", json, "prints the result as JSON")
            .Bool("--per_row", per_row, "also the loss of each row, with --json or --output_file")
            .Text("-o,--output_file", output_file, "writes the result as JSON")
            .Text("--predictions", predictions,
                  "writes a JSON line for each row: its prompt, its answer, the model's, and the "
                  "scores of it");
        machine.Add(flags);
    }

    void AddMetrics(Flags& flags) {
        std::string names;
        for (const MetricInfo& info : KnownMetrics())
            names += fmt::format("{}{}", names.empty() ? "" : ", ", info.name);
        flags.Group("Metrics")
            .List("--metrics", metrics,
                  "what to measure: " + names +
                      "; default: loss, perplexity and token_accuracy, of a classifier loss and "
                      "its labels. All others are of answers that the model gives to the rows' "
                      "prompts")
            .List("--labels", scoring.labels,
                  "the labels that accuracy and f1 are of; default: those that the rows hold")
            .Text("--label_separator", scoring.label_separator,
                  "what stands between the labels of a row that has several, such as \",\"")
            .Bool("--constrain_labels", constrain_labels,
                  "answers with the label that is likeliest as a whole, instead of a free text")
            .Text("--answer_after", answer_after,
                  "compares only what stands behind the last of this text in both answers, such as "
                  "\"####\"")
            .Bool("--lowercase", scoring.lowercase, "compares bleu and chrf in lower case")
            .Bool("--rouge_stemmer", scoring.rouge_stemmer,
                  "compares the stems of English words in rouge");
    }

    // What the run of the adapter or model says of its rows, unless a flag says otherwise.
    void ReadAsTrained(const TrainedForm& form) {
        const std::string taken = ReadRowsAsTrained(form, *command, data);
        if (data.labels.separator.empty()) data.labels.separator = form.data.labels.separator;
        data.labels.max_score = form.data.labels.max_score;
        if (!taken.empty())
            fmt::print(stderr, "note: rows are read as {} says: {}\n", form.run_json, taken);
    }

    absl::Status Check() {
        HONE_RETURN_IF_ERROR(data_flags.Resolve(data));
        if (data.data_name.empty()) return UsageError("no data: say which with --data_name FILE");
        if (per_device_eval_batch_size < 1) {
            return UsageError("--per_device_eval_batch_size {} is below 1",
                              per_device_eval_batch_size);
        }
        if (data.max_seq_len < 2)
            return UsageError("--max_seq_len {} leaves nothing to predict", data.max_seq_len);
        if (per_row && output_file.empty() && !json)
            return UsageError("--per_row needs --json, or --output_file FILE.json for the rows");
        HONE_ASSIGN_OR_RETURN(scoring.metrics, ParseMetrics(metrics));
        if (scoring.metrics.empty())
            scoring.metrics = {Metric::kLoss, Metric::kPerplexity, Metric::kTokenAccuracy};
        if (max_new_tokens && *max_new_tokens < 1)
            return UsageError("--max_new_tokens {} is below 1", *max_new_tokens);
        if (per_row && !HasKind(scoring.metrics, MetricKind::kTokens))
            return UsageError(
                "--per_row is the loss of each row: add loss to --metrics; --predictions has the "
                "other scores");
        // Of a classifier they are others.
        return metrics.empty() ? absl::OkStatus() : CheckMeaning();
    }

    // What is measured of a classifier, and which labels its rows have.
    absl::Status SetHead(const ModelConfig& config) {
        head = config.head;
        if (!classifies()) return CheckMeaning();
        const bool texts = head == HeadKind::kSequence;
        data.labels.kind = texts ? LabelKind::kSequence : LabelKind::kToken;
        data.labels.flag = config.architecture;
        data.labels.multi = config.multi_label;
        data.labels.names = config.labels;
        if (!scoring.label_separator.empty()) data.labels.separator = scoring.label_separator;
        for (const char* name : {"--labels", "--constrain_labels", "--answer_after",
                                 "--max_new_tokens", "--temperature", "--top_k", "--top_p",
                                 "--min_p", "--repetition_penalty", "--stop", "--seed"})
            if (WasGiven(*command, name))
                return UsageError("{} changes nothing: the model classifies, and writes no answers",
                                  name);
        if (metrics.empty()) {
            scoring.metrics = {Metric::kLoss};
            if (texts) {
                scoring.metrics.insert(
                    {Metric::kAccuracy, Metric::kF1, Metric::kPrecision, Metric::kRecall});
                if (!config.multi_label) scoring.metrics.insert(Metric::kConfusion);
            } else {
                scoring.metrics.insert(Metric::kEntities);
            }
        }
        for (const MetricInfo& info : KnownMetrics())
            if (scoring.metrics.contains(info.metric) && info.kind != MetricKind::kTokens &&
                info.kind != (texts ? MetricKind::kLabels : MetricKind::kTags))
                return UsageError(
                    "--metrics {} is of written answers: {} has {}", info.name, config.architecture,
                    texts ? "accuracy, f1, precision, recall and confusion_matrix" : "entity_f1");
        scoring.labels.clear();
        if (texts) scoring.labels = config.labels;
        scoring.label_separator = config.multi_label ? kBetweenLabels : "";
        return CheckMeaning();
    }

    // What is measured of embeddings.
    absl::Status SetPairs() {
        embeds = true;
        data.labels.kind = LabelKind::kPair;
        data.labels.flag = "a model of embeddings";
        for (const char* name :
             {"--labels", "--label_separator", "--constrain_labels", "--answer_after",
              "--max_new_tokens", "--temperature", "--top_k", "--top_p", "--min_p",
              "--repetition_penalty", "--stop", "--seed", "--per_row"})
            if (WasGiven(*command, name))
                return UsageError(
                    "{} changes nothing: the model makes embeddings, and writes no answers", name);
        if (metrics.empty()) scoring.metrics = {Metric::kSpearman, Metric::kThresholdAccuracy};
        for (const MetricInfo& info : KnownMetrics())
            if (scoring.metrics.contains(info.metric) && info.kind != MetricKind::kNumbers)
                return UsageError(
                    "--metrics {} is of tokens or written answers: embeddings have spearman and "
                    "threshold_accuracy",
                    info.name);
        return CheckMeaning();
    }

    // Flags that would change nothing.
    absl::Status CheckMeaning() const {
        const auto refuse = [this](bool useless, std::initializer_list<const char*> names,
                                   std::string_view why) {
            for (const char* name : names)
                if (useless && WasGiven(*command, name))
                    return UsageError("{} changes nothing: {}", name, why);
            return absl::OkStatus();
        };
        const MetricSet& all = scoring.metrics;
        HONE_RETURN_IF_ERROR(
            refuse(!NeedsAnswers(all),
                   {"--labels", "--label_separator", "--constrain_labels", "--answer_after",
                    "--predictions", "--max_new_tokens", "--temperature", "--top_k", "--top_p",
                    "--min_p", "--repetition_penalty", "--stop", "--seed"},
                   "no metric of answers is among --metrics"));
        HONE_RETURN_IF_ERROR(refuse(constrain_labels,
                                    {"--max_new_tokens", "--temperature", "--top_k", "--top_p",
                                     "--min_p", "--repetition_penalty", "--stop", "--seed"},
                                    "--constrain_labels draws no tokens"));
        HONE_RETURN_IF_ERROR(refuse(!all.contains(Metric::kBleu) && !all.contains(Metric::kChrf),
                                    {"--lowercase"}, "neither bleu nor chrf is among --metrics"));
        HONE_RETURN_IF_ERROR(refuse(!all.contains(Metric::kRouge), {"--rouge_stemmer"},
                                    "rouge is not among --metrics"));
        if (constrain_labels && !HasKind(all, MetricKind::kLabels))
            return UsageError("--constrain_labels needs a metric of labels, such as accuracy");
        if (constrain_labels && !scoring.label_separator.empty())
            return UsageError(
                "--constrain_labels chooses one label, and --label_separator is for several: give "
                "one");
        return absl::OkStatus();
    }
};

// The answers of the model, next to those of the rows.
struct Answered {
    std::vector<Question> questions;
    std::vector<RowAnswer> answers;
    Scores scores;
    int64_t max_new_tokens = 0;
    double seconds = 0;
    int64_t tokens() const {
        int64_t sum = 0;
        for (const RowAnswer& answer : answers) sum += answer.tokens;
        return sum;
    }
    int64_t cut() const {
        return std::count_if(answers.begin(), answers.end(),
                             [](const RowAnswer& answer) { return answer.cut; });
    }
};

// What is compared of an answer.
std::string Compared(const std::string& text, const std::string& after) {
    const size_t at = after.empty() ? std::string::npos : text.rfind(after);
    return at == std::string::npos ? text : text.substr(at + after.size());
}

int64_t DefaultNewTokens(const std::vector<Question>& questions, const Tokenizer& tokenizer) {
    int64_t longest = 0;
    for (const Question& question : questions)
        if (const auto ids = tokenizer.Encode(question.answer, false); ids.ok())
            longest = std::max(longest, static_cast<int64_t>(ids->size()));
    return std::clamp(2 * longest, kFewestNewTokens, kMostNewTokens);
}

// Shows how far the answers are.
class AnswerLine {
  public:
    AnswerLine(int64_t rows, const RunControl& control)
        : rows_(rows), control_(control), line_(stderr), began_s_(NowSeconds()) {}
    bool Show(int64_t done, int64_t tokens) {
        if (control_.ending()) return false;
        if (!line_.Due()) return true;
        const double elapsed_s = NowSeconds() - began_s_;
        const double share = static_cast<double>(done) / static_cast<double>(rows_);
        std::string text = fmt::format("answering {} of {} rows {}", FormatCount(done),
                                       FormatCount(rows_), ProgressBar(share, 20));
        if (tokens > 0)
            text += fmt::format(" {:.0f} tokens/s", static_cast<double>(tokens) / elapsed_s);
        if (done > 0) text += fmt::format(", {} left", FormatDuration(elapsed_s * (1 / share - 1)));
        line_.Show(text);
        return true;
    }

  private:
    int64_t rows_;
    const RunControl& control_;
    LiveLine line_;
    double began_s_;
};

// The questions of the rows, and what makes of their answers a score; before the model is loaded,
// so that what cannot work costs no time.
struct Plan {
    std::vector<Question> questions;
    std::optional<AnswerScorer> scorer;
};

absl::StatusOr<Plan> PlanAnswers(const EvaluateFlags& flags, const LoadedData& data,
                                 const OpenedModel& opened, const Context& context) {
    Plan plan;
    ScoreOptions scoring = flags.scoring;
    if (flags.embeds) {
        for (const DataRow& row : data.eval_rows) {
            Question& question = plan.questions.emplace_back();
            question.text = fmt::format("{}\n{}", row.parts[0].text, row.parts[1].text);
            question.answer = fmt::format("{}", row.score);
            // More than yes or no has no threshold, unless it was asked for: then its row is named.
            if (flags.metrics.empty() && row.score != 0 && row.score != 1)
                scoring.metrics.erase(Metric::kThresholdAccuracy);
        }
    } else if (flags.classifies()) {
        for (const DataRow& row : data.eval_rows) {
            Question& question = plan.questions.emplace_back();
            question.text = row.parts.front().text;
            question.answer = LabelsText(row);
        }
    } else {
        HONE_ASSIGN_OR_RETURN(plan.questions, AskRows(data, *opened.encoder, flags.data, context));
    }
    std::vector<std::string> references;
    for (const Question& question : plan.questions)
        references.push_back(Compared(question.answer, flags.answer_after));
    HONE_ASSIGN_OR_RETURN(plan.scorer, AnswerScorer::Create(scoring, std::move(references)));
    if (flags.constrain_labels && !plan.scorer->labels())
        return UsageError(
            "--constrain_labels: the answers of the rows are no labels; name them with --labels "
            "A,B,...");
    for (const std::string& note : plan.scorer->notes()) fmt::print(stderr, "note: {}\n", note);
    return plan;
}

// What the model's head says of the rows, as answers.
absl::StatusOr<std::vector<RowAnswer>> ClassifyRows(const EvaluateFlags& flags,
                                                    const LoadedData& data,
                                                    const LoadedModel& loaded,
                                                    const Context& context,
                                                    const AnswerProgress& progress) {
    ClassifyOptions options;
    options.max_rows = flags.per_device_eval_batch_size;
    options.max_seq_len = flags.data.max_seq_len;
    options.add_special_tokens = flags.data.add_special_tokens;
    HONE_ASSIGN_OR_RETURN(const std::vector<Classified> results,
                          Classify(loaded, data.eval_rows, options, context, progress));
    std::vector<RowAnswer> answers;
    for (const Classified& result : results) {
        RowAnswer& answer = answers.emplace_back();
        answer.text = LabelsText(result, loaded.model->config());
        answer.cut = result.cut;
        answer.probability = result.probability;
    }
    return answers;
}

// The cosines of the rows' pairs, as answers.
absl::StatusOr<std::vector<RowAnswer>> CompareRows(const EvaluateFlags& flags,
                                                   const LoadedData& data,
                                                   const LoadedModel& loaded,
                                                   const Context& context,
                                                   const AnswerProgress& progress) {
    EmbedOptions options;
    options.max_rows = flags.per_device_eval_batch_size;
    options.max_seq_len = flags.data.max_seq_len;
    options.add_special_tokens = flags.data.add_special_tokens;
    options.progress = [&](int64_t rows) { return progress(rows, 0); };
    HONE_ASSIGN_OR_RETURN(const std::vector<PairCosine> cosines,
                          CompareTexts(loaded, data.eval_rows, options, context));
    std::vector<RowAnswer> answers;
    for (const PairCosine& cosine : cosines)
        answers.push_back({.text = fmt::format("{}", cosine.cosine), .cut = cosine.cut});
    return answers;
}

absl::StatusOr<std::vector<RowAnswer>> AnswersOf(const EvaluateFlags& flags, const Plan& plan,
                                                 const LoadedData& data, LoadedModel loaded,
                                                 const Context& context,
                                                 const AnswerProgress& progress,
                                                 int64_t* max_new_tokens) {
    if (flags.embeds) return CompareRows(flags, data, loaded, context, progress);
    if (flags.classifies()) return ClassifyRows(flags, data, loaded, context, progress);
    if (flags.constrain_labels)
        return ChooseLabels(loaded, data.eval_rows, plan.scorer->labels()->labels(), flags.data,
                            context, progress);
    SamplingChoice sampling = flags.sampling.Choice();
    sampling.max_new_tokens = *max_new_tokens = flags.max_new_tokens.value_or(
        DefaultNewTokens(plan.questions, loaded.encoder->tokenizer()));
    Answerer answerer(std::move(loaded), Asking(), context);
    return AnswerQuestions(answerer, plan.questions, sampling, flags.per_device_eval_batch_size,
                           progress);
}

absl::StatusOr<Answered> AnswerRows(const EvaluateFlags& flags, Plan plan, const LoadedData& data,
                                    LoadedModel loaded, const Context& context) {
    Answered answered;
    AnswerLine line(static_cast<int64_t>(plan.questions.size()), StopOnInterrupt());
    const AnswerProgress progress = [&](int64_t rows, int64_t tokens) {
        return line.Show(rows, tokens);
    };
    const double start = NowSeconds();
    HONE_ASSIGN_OR_RETURN(answered.answers, AnswersOf(flags, plan, data, std::move(loaded), context,
                                                      progress, &answered.max_new_tokens));
    answered.questions = std::move(plan.questions);
    answered.seconds = NowSeconds() - start;
    std::vector<std::string> predictions;
    for (const RowAnswer& answer : answered.answers)
        predictions.push_back(Compared(answer.text, flags.answer_after));
    answered.scores = plan.scorer->Score(predictions);
    const auto& labels = answered.scores.labels;
    const auto rows = static_cast<int64_t>(predictions.size());
    if (labels && labels->no_label * 2 > rows && flags.scoring.label_separator.empty() &&
        flags.draws())
        fmt::print(stderr,
                   "note: {} of {} answers are no label; --constrain_labels has the model choose "
                   "one\n",
                   FormatCount(labels->no_label), FormatCount(rows));
    return answered;
}

std::string PredictionLines(const EvaluateFlags& flags, const Answered& answered,
                            const LoadedData& data) {
    std::string lines;
    for (size_t i = 0; i < answered.answers.size(); ++i) {
        const RowPlace place = data.eval->Place(static_cast<int64_t>(i));
        const RowAnswer& answer = answered.answers[i];
        nlohmann::ordered_json line = {{"row", i},
                                       {"file", place.file},
                                       {"line", place.line},
                                       {"prompt", answered.questions[i].text},
                                       {"reference", answered.questions[i].answer},
                                       {"prediction", answer.text}};
        const std::string& after = flags.answer_after;
        if (!after.empty())
            line["compared"] = {{"reference", Compared(answered.questions[i].answer, after)},
                                {"prediction", Compared(answer.text, after)}};
        if (answer.probability) {
            line["probability"] = *answer.probability;
        } else if (flags.draws()) {
            line["finish_reason"] =
                FinishReasonName(answer.cut ? FinishReason::kLength : FinishReason::kStop);
            line["new_tokens"] = answer.tokens;
        }
        line["scores"] = answered.scores.rows[i];
        lines += JsonLine(line);
    }
    return lines;
}

// What was measured.
struct Measured {
    std::optional<Evaluation> evaluation;
    std::optional<Answered> answered;
};

nlohmann::ordered_json MeasuredJson(const EvaluateFlags& flags, const Measured& measured) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    if (measured.evaluation) json = ToJson(*measured.evaluation);
    if (const auto& answered = measured.answered) {
        json["metrics"] = ToJson(answered->scores, flags.scoring.metrics);
        json["answers"] = {{"rows", answered->answers.size()}, {"seconds", answered->seconds}};
        if (flags.draws()) {
            json["answers"]["new_tokens"] = answered->tokens();
            json["answers"]["max_new_tokens"] = answered->max_new_tokens;
            json["answers"]["cut"] = answered->cut();
        }
    }
    return json;
}

void PrintEvaluation(const Evaluation& result, bool classifies) {
    fmt::print("  loss            {:.6f}\n", result.loss);
    if (!classifies)
        fmt::print("  perplexity      {:.4f}\n  token accuracy  {:.2f} %\n", result.perplexity,
                   100 * result.token_accuracy);
    fmt::print("  tokens          {} with loss, of {} in {} rows\n", FormatCount(result.tokens),
               FormatCount(result.input_tokens), FormatCount(result.num_rows));
    fmt::print("  time            {}, {} tokens/s\n", FormatDuration(result.seconds),
               FormatCount(static_cast<int64_t>(static_cast<double>(result.input_tokens) /
                                                result.seconds)));
}

void Print(const EvaluateFlags& flags, const Measured& measured, const ChosenModel& chosen) {
    fmt::print("{}{}\n", chosen.name, chosen.adapter.empty() ? "" : " with " + chosen.adapter);
    if (measured.evaluation) PrintEvaluation(*measured.evaluation, flags.classifies());
    if (const auto& answered = measured.answered) {
        fmt::print("{}", ToText(answered->scores, flags.scoring.metrics, kNameWidth));
        fmt::print("  answers         {} in {}", FormatCount(answered->answers.size()),
                   FormatDuration(answered->seconds));
        if (flags.draws())
            fmt::print(", {:.0f} tokens/s; {} cut at --max_new_tokens {}",
                       static_cast<double>(answered->tokens()) / answered->seconds,
                       FormatCount(answered->cut()), answered->max_new_tokens);
        fmt::print("\n");
    }
    if (!flags.output_file.empty()) fmt::print("  written to      {}\n", flags.output_file);
    if (!flags.predictions.empty()) fmt::print("  predictions     {}\n", flags.predictions);
}

absl::StatusOr<LoadOptions> ReadLoadOptions(const EvaluateFlags& flags) {
    LoadOptions load = flags.weights.options();
    if (flags.torch_dtype == "bfloat16") return load;
    if (flags.weights.weights != "bf16" && flags.weights.weights != "nf4")
        return UsageError("--torch_dtype {} and --weights {} exclude each other: give one",
                          flags.torch_dtype, flags.weights.weights);
    HONE_ASSIGN_OR_RETURN(load.compute, ReadTorchDtype(flags.torch_dtype));
    return load;
}

absl::StatusOr<Evaluation> EvaluateLoss(const EvaluateFlags& flags, const LoadedData& data,
                                        Model& model, const Context& context) {
    const RunControl& control = StopOnInterrupt();
    LiveLine line(stderr);
    EvaluateOptions options;
    options.max_rows = flags.per_device_eval_batch_size;
    options.per_row = flags.per_row;
    options.progress = [&](double share) {
        line.Show(fmt::format("evaluating {} {:.0f} %", ProgressBar(share, 30), 100 * share));
        return !control.ending();
    };
    return Evaluate(model, data.eval, options, context);
}

absl::Status RunEvaluate(EvaluateFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    HONE_ASSIGN_OR_RETURN(ChosenModel chosen, flags.model.Choose());
    if (chosen.form) flags.ReadAsTrained(*chosen.form);
    HONE_RETURN_IF_ERROR(flags.Check());
    HONE_ASSIGN_OR_RETURN(const LoadOptions load, ReadLoadOptions(flags));
    StopOnInterrupt();
    const Context context(flags.machine.threads);
    HONE_ASSIGN_OR_RETURN(OpenedModel opened, FetchAndOpen(std::move(chosen)));
    HONE_ASSIGN_OR_RETURN(const bool embeds, MakesEmbeddings(opened));
    HONE_RETURN_IF_ERROR(embeds ? flags.SetPairs() : flags.SetHead(opened.files->config));
    HONE_ASSIGN_OR_RETURN(HubOptions hub, HubOptions::FromEnvironment());
    flags.data.cache_folder = hub.TemporaryFolder();
    const bool answers = NeedsAnswers(flags.scoring.metrics);
    HONE_ASSIGN_OR_RETURN(LoadedData data,
                          LoadEvaluationData(flags.data, opened.encoder, context, answers));
    for (const std::string& note : data.report.notes) fmt::print(stderr, "note: {}\n", note);
    for (const std::string& warning : data.report.warnings)
        fmt::print(stderr, "warning: {}\n", warning);
    std::optional<Plan> plan;
    if (answers) {
        HONE_ASSIGN_OR_RETURN(plan, PlanAnswers(flags, data, opened, context));
    }
    HONE_ASSIGN_OR_RETURN(LoadedModel loaded, Load(std::move(opened), load, context));
    Measured measured;
    if (HasKind(flags.scoring.metrics, MetricKind::kTokens)) {
        HONE_ASSIGN_OR_RETURN(measured.evaluation,
                              EvaluateLoss(flags, data, *loaded.model, context));
    }
    const ChosenModel shown = loaded.chosen;
    if (answers) {
        HONE_ASSIGN_OR_RETURN(measured.answered, AnswerRows(flags, *std::move(plan), data,
                                                            std::move(loaded), context));
    }
    if (!flags.predictions.empty())
        HONE_RETURN_IF_ERROR(
            WriteFileAtomic(flags.predictions, PredictionLines(flags, *measured.answered, data)));
    const std::string json = JsonText(MeasuredJson(flags, measured));
    if (!flags.output_file.empty()) HONE_RETURN_IF_ERROR(WriteFileAtomic(flags.output_file, json));
    if (flags.json) {
        fmt::print("{}", json);
    } else {
        Print(flags, measured, shown);
    }
    return absl::OkStatus();
}

}  // namespace

void AddEvaluate(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app =
        AddCommand(root, "evaluate",
                   "measures loss, perplexity and token accuracy on a data set, or the model's "
                   "answers by accuracy, F1, BLEU, ROUGE and others");
    auto flags = std::make_shared<EvaluateFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunEvaluate(*flags); }});
}

}  // namespace hone
