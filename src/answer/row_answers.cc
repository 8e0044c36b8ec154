#include "answer/row_answers.h"

#include <algorithm>
#include <cmath>

#include "eval/choose_answer.h"
#include "eval/metrics/words.h"

namespace hone {
namespace {

// The first error of work that all threads share.
absl::Status FirstError(const std::vector<absl::Status>& statuses) {
    for (const absl::Status& status : statuses) HONE_RETURN_IF_ERROR(status);
    return absl::OkStatus();
}

// The row with each of the labels as its answer, as it would be trained.
absl::StatusOr<std::vector<Example>> Candidates(const DataRow& row,
                                                const std::vector<std::string>& labels,
                                                const ConversationEncoder& encoder,
                                                const EncodeOptions& options, int64_t longest,
                                                const Context& context) {
    std::vector<Example> candidates(labels.size());
    std::vector<absl::Status> statuses(labels.size());
    context.ParallelFor(static_cast<int64_t>(labels.size()), [&](int64_t i, int) {
        const auto at = static_cast<size_t>(i);
        auto encoded = encoder.EncodeRow(WithAnswer(row, labels[at]), options);
        statuses[at] = encoded.status();
        if (!encoded.ok()) return;
        candidates[at] = std::move(encoded->example);
        const auto size = static_cast<int64_t>(candidates[at].tokens.size());
        if (size > longest)
            statuses[at] = DataError(
                "with its label the row has {} tokens, more than the model's context of {}", size,
                longest);
    });
    HONE_RETURN_IF_ERROR(FirstError(statuses));
    return candidates;
}

}  // namespace

absl::StatusOr<std::vector<Question>> AskRows(const LoadedData& data,
                                              const ConversationEncoder& encoder,
                                              const DataOptions& options, const Context& context) {
    HONE_ASSIGN_OR_RETURN(const auto dated, encoder.WithDate(options.template_date));
    const EncodeOptions encode{.add_special_tokens = options.add_special_tokens};
    std::vector<Question> questions(data.eval_rows.size());
    std::vector<absl::Status> statuses(questions.size());
    context.ParallelFor(static_cast<int64_t>(questions.size()), [&](int64_t i, int) {
        const auto at = static_cast<size_t>(i);
        auto question = AskRow(data.eval_rows[at], *dated, encode);
        if (question.ok()) {
            questions[at] = *std::move(question);
        } else {
            const RowPlace place = data.eval->Place(i);
            statuses[at] =
                Annotate(question.status(), fmt::format("{}, line {}", place.file, place.line));
        }
    });
    HONE_RETURN_IF_ERROR(FirstError(statuses));
    return questions;
}

absl::StatusOr<std::vector<RowAnswer>> AnswerQuestions(Answerer& answerer,
                                                       const std::vector<Question>& questions,
                                                       const SamplingChoice& sampling,
                                                       int64_t batch_size,
                                                       const AnswerProgress& progress) {
    std::vector<Prompt> prompts(questions.size());
    for (size_t i = 0; i < questions.size(); ++i) {
        prompts[i].text = questions[i].text;
        prompts[i].tokens = questions[i].tokens;
    }
    // Prompts begin in their order, each when an answer before it ends.
    int64_t begun = 0, tokens = 0;
    bool interrupted = false;
    const auto callback = [&](size_t prompt, std::string_view) {
        begun = std::max(begun, static_cast<int64_t>(prompt) + 1);
        ++tokens;
        interrupted = !progress(std::max<int64_t>(0, begun - batch_size), tokens);
        return !interrupted;
    };
    HONE_ASSIGN_OR_RETURN(std::vector<GenerateResult> results,
                          answerer.Answer(prompts, sampling, batch_size, callback));
    if (interrupted) return InterruptedError("evaluation interrupted");
    std::vector<RowAnswer> answers;
    for (GenerateResult& result : results) {
        RowAnswer& answer = answers.emplace_back();
        answer.text = StripSpace(result.text);
        answer.cut = result.finish == FinishReason::kLength;
        answer.tokens = static_cast<int64_t>(result.tokens.size());
    }
    return answers;
}

absl::StatusOr<std::vector<RowAnswer>> ChooseLabels(const LoadedModel& loaded,
                                                    const std::vector<DataRow>& rows,
                                                    const std::vector<std::string>& labels,
                                                    const DataOptions& options,
                                                    const Context& context,
                                                    const AnswerProgress& progress) {
    HONE_ASSIGN_OR_RETURN(const auto encoder, loaded.encoder->WithDate(options.template_date));
    const EncodeOptions encode{.add_special_tokens = options.add_special_tokens};
    std::vector<RowAnswer> answers;
    for (const DataRow& row : rows) {
        auto candidates = Candidates(row, labels, *encoder, encode,
                                     loaded.model->config().max_position_embeddings, context);
        if (!candidates.ok())
            return Annotate(candidates.status(), fmt::format("row {}", answers.size() + 1));
        HONE_ASSIGN_OR_RETURN(const std::vector<double> sums,
                              LogProbabilities(*loaded.model, *candidates, context));
        const auto best = std::max_element(sums.begin(), sums.end());
        double all = 0;
        for (const double sum : sums) all += std::exp(sum - *best);
        RowAnswer& answer = answers.emplace_back();
        answer.text = labels[static_cast<size_t>(best - sums.begin())];
        answer.probability = 1 / all;
        if (!progress(static_cast<int64_t>(answers.size()), 0))
            return InterruptedError("evaluation interrupted");
    }
    return answers;
}

}  // namespace hone
