#include "answer/classify.h"

#include <algorithm>
#include <cmath>

#include "data/format/labelled_row.h"
#include "fmt/ranges.h"

namespace hone {
namespace {

// [V] softmax in place; the index of the largest.
int32_t Softmax(std::span<float> logits) {
    const auto best = std::max_element(logits.begin(), logits.end());
    const float largest = *best;
    double sum = 0;
    for (float& value : logits) sum += value = std::exp(value - largest);
    for (float& value : logits) value = static_cast<float>(value / sum);
    return static_cast<int32_t>(best - logits.begin());
}

// A row as tokens, cut, and where its words begin.
struct Encoded {
    std::vector<int32_t> tokens, first_tokens;
    bool cut = false;
};

class Classifier {
  public:
    Classifier(const LoadedModel& loaded, const ClassifyOptions& options, const Context& context)
        : loaded_(loaded), options_(options), context_(context) {
        HONE_CHECK(config().head != HeadKind::kLanguageModel, "a head of labels is needed");
    }

    absl::StatusOr<Encoded> Encode(const DataRow& row) const {
        HONE_ASSIGN_OR_RETURN(EncodedWords words,
                              loaded_.encoder->EncodeWords(row.parts.front().text, row.words,
                                                           options_.add_special_tokens));
        Encoded encoded{std::move(words.tokens), std::move(words.first_tokens)};
        const int64_t most = std::min(options_.max_seq_len, config().max_position_embeddings);
        encoded.cut = static_cast<int64_t>(encoded.tokens.size()) > most;
        if (encoded.cut) encoded.tokens.resize(static_cast<size_t>(most));
        if (encoded.tokens.empty()) return DataError("the text has no tokens");
        return encoded;
    }

    // Of rows[i] and its encoding.
    absl::Status Pass(std::span<const DataRow> rows, std::span<const Encoded> encoded,
                      std::vector<Classified>& results) const {
        Batch batch;
        for (const Encoded& one : encoded) {
            Example example;
            example.tokens = one.tokens;
            example.weights.assign(one.tokens.size(), 0.0f);
            batch.Append(example);
        }
        const auto V = static_cast<size_t>(config().outputs());
        std::vector<float> logits(static_cast<size_t>(batch.size()) * V);
        HONE_RETURN_IF_ERROR(loaded_.model->Logits(context_, batch, logits.data()));
        for (size_t i = 0; i < rows.size(); ++i) {
            const auto of_token = [&](int64_t token) {
                const int64_t at = batch.document_starts[i] + token;
                return std::span(logits).subspan(static_cast<size_t>(at) * V, V);
            };
            results.push_back(config().head == HeadKind::kSequence
                                  ? OfText(of_token(std::ssize(encoded[i].tokens) - 1))
                                  : OfWords(rows[i], encoded[i], of_token));
            results.back().cut = encoded[i].cut;
        }
        return absl::OkStatus();
    }

  private:
    const ModelConfig& config() const { return loaded_.model->config(); }

    Classified OfText(std::span<float> logits) const {
        Classified result;
        if (!config().multi_label) {
            result.labels = {Softmax(logits)};
            result.probabilities.assign(logits.begin(), logits.end());
            result.probability = logits[static_cast<size_t>(result.labels.front())];
            return result;
        }
        for (size_t i = 0; i < logits.size(); ++i) {
            if (logits[i] > 0) result.labels.push_back(static_cast<int32_t>(i));
            const float probability = 1 / (1 + std::exp(-logits[i]));
            result.probabilities.push_back(probability);
            result.probability *= std::max(probability, 1 - probability);
        }
        return result;
    }

    template <typename OfToken>
    Classified OfWords(const DataRow& row, const Encoded& encoded, const OfToken& of_token) const {
        Classified result;
        for (size_t i = 0; i < row.words.size(); ++i) {
            const int32_t token = encoded.first_tokens[i];
            ClassifiedWord word{row.words[i].begin, row.words[i].end, "O", 1};
            if (token >= 0 && token < std::ssize(encoded.tokens)) {
                const std::span<float> logits = of_token(token);
                const auto label = static_cast<size_t>(Softmax(logits));
                word.tag = config().labels[label];
                word.probability = logits[label];
            }
            result.probability *= word.probability;
            result.words.push_back(std::move(word));
        }
        return result;
    }

    const LoadedModel& loaded_;
    const ClassifyOptions& options_;
    const Context& context_;
};

}  // namespace

DataRow TextToClassify(std::string_view text) {
    DataRow row;
    row.kind = DataRow::Kind::kLabelled;
    row.parts = {{std::string(text), false}};
    row.words = SplitIntoWords(text);
    return row;
}

absl::StatusOr<std::vector<Classified>> Classify(const LoadedModel& loaded,
                                                 const std::vector<DataRow>& rows,
                                                 const ClassifyOptions& options,
                                                 const Context& context,
                                                 const AnswerProgress& progress) {
    const Classifier classifier(loaded, options, context);
    std::vector<Classified> results;
    std::vector<Encoded> waiting;
    int64_t tokens = 0;
    const auto pass = [&]() -> absl::Status {
        const auto of_waiting = std::span(rows).subspan(results.size(), waiting.size());
        HONE_RETURN_IF_ERROR(classifier.Pass(of_waiting, waiting, results));
        waiting.clear();
        tokens = 0;
        if (!progress(std::ssize(results), 0)) return InterruptedError("interrupted");
        return absl::OkStatus();
    };
    for (size_t i = 0; i < rows.size(); ++i) {
        auto encoded = classifier.Encode(rows[i]);
        if (!encoded.ok()) return Annotate(encoded.status(), fmt::format("text {}", i + 1));
        const int64_t size = std::ssize(encoded->tokens);
        const bool full = std::ssize(waiting) == options.max_rows ||
                          (!waiting.empty() && tokens + size > kMicroBatchTokens);
        if (full) HONE_RETURN_IF_ERROR(pass());
        waiting.push_back(*std::move(encoded));
        tokens += size;
    }
    if (!waiting.empty()) HONE_RETURN_IF_ERROR(pass());
    return results;
}

std::string LabelsText(const DataRow& row) {
    if (row.words.empty()) return fmt::format("{}", fmt::join(row.labels, kBetweenLabels));
    std::vector<std::string_view> tags;
    for (const LabelledWord& word : row.words) tags.push_back(word.tag);
    return fmt::format("{}", fmt::join(tags, " "));
}

std::string LabelsText(const Classified& classified, const ModelConfig& config) {
    std::vector<std::string_view> texts;
    if (config.head == HeadKind::kToken) {
        for (const ClassifiedWord& word : classified.words) texts.push_back(word.tag);
        return fmt::format("{}", fmt::join(texts, " "));
    }
    for (const int32_t label : classified.labels)
        texts.push_back(config.labels[static_cast<size_t>(label)]);
    return fmt::format("{}", fmt::join(texts, kBetweenLabels));
}

}  // namespace hone
