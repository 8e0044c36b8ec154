// Graders of the API: what a sample is worth, from 0 to 1 or in a range of their own.
//
//   string_check     the input equals the reference (eq), does not (ne), or contains it (like,
//                    ilike): 0 or 1
//   text_similarity  how alike input and reference are (eval/metrics/similarity.h); cosine: of
//                    their embeddings
//   score_model      a number that a model answers
//   label_model      1 where a model answers one of the passing labels
//   multi            a formula over the rewards of other graders
//
// A grader asks no model itself: it says what is to be asked, and takes the answers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "answer/grading/formula.h"
#include "answer/grading/template_text.h"
#include "nlohmann/json.hpp"

namespace hone {

inline constexpr size_t kMaxGraders = 32;                    // of a multi grader
inline constexpr size_t kMaxGradedBytes = size_t{64} << 10;  // of a text once its places are filled
inline constexpr size_t kMaxGraderMessages = 64;
inline constexpr size_t kMaxGraderLabels = 256;

// One request for the models' side.
struct ModelQuestion {
    std::string kind;   // "chat.completion" or "embedding"
    std::string model;  // as the client calls it; empty: the server's first
    nlohmann::ordered_json body;
};

// One grader that is no multi.
struct SingleGrader {
    enum class Kind { kStringCheck, kTextSimilarity, kScoreModel, kLabelModel };
    struct Message {
        std::string role;
        TemplateText content;
    };
    Kind kind = Kind::kStringCheck;
    std::string key;  // what a formula calls it
    TemplateText input, reference;
    std::string way;                           // the operation or the metric
    std::string model;                         // of those that ask one
    std::vector<Message> messages;             // likewise
    nlohmann::ordered_json sampling;           // fields of a chat completion
    double low = 0, high = 1;                  // of kScoreModel
    std::vector<std::string> labels, passing;  // of kLabelModel
};

struct Grader {
    std::string name, type;
    std::vector<SingleGrader> parts;  // of a multi all of them, else one
    std::optional<Formula> formula;   // of a multi

    // Errors are RequestError's, whose params begin with "grader".
    static absl::StatusOr<Grader> Read(const nlohmann::ordered_json& grader);
};

// One sample in the hands of a grader.
class GraderRun {
  public:
    using Json = nlohmann::ordered_json;

    // Fills the templates.
    GraderRun(const Grader& grader, const GradedSample& sample);

    const std::vector<ModelQuestion>& questions() const { return questions_; }
    // What came of one question: the chat completion or the list of embeddings, or why there is
    // none.
    void Answer(size_t question, absl::StatusOr<Json> answer);
    // After all answers: the API's answer. Where anything went wrong `metadata.errors` says what,
    // and the reward is 0.
    Json Finish(double seconds);

  private:
    struct Part {
        const SingleGrader* grader;
        std::optional<size_t> question;
        double reward = 0;
    };
    struct Errors {
        bool sample_parse = false, truncated = false, invalid_variable = false, other = false,
             model_server = false, model_refusal = false, model_parse = false;
        std::string model_server_details;
    };

    // The text with its places filled; nothing, and the error noted, where that cannot be.
    std::optional<std::string> Fill(const TemplateText& text);
    void Begin(Part& part);
    void AskModel(Part& part);
    void ReadAnswer(Part& part, const Json& answer);
    void ReadReply(Part& part, const Json& message);
    bool failed() const;

    const Grader& grader_;
    const GradedSample& sample_;
    std::vector<Part> parts_;
    std::vector<ModelQuestion> questions_;
    std::vector<std::optional<Json>> answers_;
    Errors errors_;
    int64_t tokens_ = 0;
    Json tokens_by_model_ = Json::object();
};

}  // namespace hone
