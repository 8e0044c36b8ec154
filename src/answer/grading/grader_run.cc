#include <algorithm>
#include <cmath>
#include <numeric>

#include "answer/grading/grader.h"
#include "answer/openai/api_error.h"
#include "base/files/json_file.h"
#include "eval/metrics/similarity.h"
#include "text/unicode.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;
using Kind = SingleGrader::Kind;

double CheckStrings(const std::string& operation, const std::string& input,
                    const std::string& reference) {
    bool holds = false;
    if (operation == "eq") holds = input == reference;
    if (operation == "ne") holds = input != reference;
    if (operation == "like") holds = input.find(reference) != std::string::npos;
    if (operation == "ilike")
        holds = LowerCase(input).find(LowerCase(reference)) != std::string::npos;
    return holds ? 1 : 0;
}

double Similarity(const std::string& metric, const std::string& input,
                  const std::string& reference) {
    if (metric == "fuzzy_match") return FuzzyRatio(input, reference);
    if (metric == "bleu") return SentenceBleu(input, reference);
    if (metric == "gleu") return Gleu(input, reference);
    if (metric == "meteor") return Meteor(input, reference);
    if (metric == "rouge_l") return RougeL(input, reference);
    return RougeN(input, reference, static_cast<size_t>(metric.back() - '0'));
}

// What the answer is held to.
Json AnswerFormat(const SingleGrader& grader) {
    Json properties;
    if (grader.kind == Kind::kScoreModel) {
        properties["result"] = {{"type", "number"}};
    } else {
        properties["label"] = {{"type", "string"}, {"enum", grader.labels}};
    }
    const std::string field = properties.begin().key();
    return {{"type", "json_schema"},
            {"json_schema",
             {{"name", "grade"},
              {"strict", true},
              {"schema",
               {{"type", "object"},
                {"properties", std::move(properties)},
                {"required", Json::array({field})},
                {"additionalProperties", false}}}}}};
}

// What the model is told of the form of its answer.
std::string AnswerHint(const SingleGrader& grader) {
    if (grader.kind == Kind::kScoreModel)
        return fmt::format(
            "Answer with a JSON object {{\"result\": NUMBER}}. The number is a score from {} to "
            "{}.",
            grader.low, grader.high);
    std::string labels;
    for (const std::string& label : grader.labels)
        labels += (labels.empty() ? "" : ", ") + Json(label).dump();
    return "Answer with a JSON object {\"label\": LABEL}. The label is one of " + labels + ".";
}

double Cosine(const Json& answer) {
    const auto a = answer.at("data").at(0).at("embedding").get<std::vector<double>>();
    const auto b = answer.at("data").at(1).at("embedding").get<std::vector<double>>();
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);  // both have length 1
}

}  // namespace

GraderRun::GraderRun(const Grader& grader, const GradedSample& sample)
    : grader_(grader), sample_(sample) {
    for (const SingleGrader& part : grader_.parts) {
        parts_.push_back({.grader = &part});
        Begin(parts_.back());
    }
    answers_.resize(questions_.size());
}

std::optional<std::string> GraderRun::Fill(const TemplateText& text) {
    auto filled = text.Fill(sample_);
    if (filled.ok() && filled->size() <= kMaxGradedBytes) return *std::move(filled);
    if (filled.ok()) {
        errors_.truncated = true;
    } else if (filled.status().code() == absl::StatusCode::kNotFound) {
        errors_.invalid_variable = true;
    } else {
        errors_.sample_parse = true;
    }
    return std::nullopt;
}

void GraderRun::Begin(Part& part) {
    const SingleGrader& grader = *part.grader;
    if (grader.kind == Kind::kScoreModel || grader.kind == Kind::kLabelModel) return AskModel(part);
    const auto input = Fill(grader.input), reference = Fill(grader.reference);
    if (!input || !reference) return;
    if (grader.kind == Kind::kStringCheck) {
        part.reward = CheckStrings(grader.way, *input, *reference);
    } else if (grader.way != "cosine") {
        part.reward = Similarity(grader.way, *input, *reference);
    } else if (input->empty() || reference->empty()) {
        part.reward = *input == *reference ? 1 : 0;  // an empty text has no embedding
    } else {
        part.question = questions_.size();
        questions_.push_back({"embedding", "", {{"input", Json::array({*input, *reference})}}});
    }
}

void GraderRun::AskModel(Part& part) {
    Json messages = Json::array();
    for (const SingleGrader::Message& message : part.grader->messages) {
        const auto content = Fill(message.content);
        if (!content) return;
        messages.push_back({{"role", message.role}, {"content", *content}});
    }
    const std::string hint = AnswerHint(*part.grader), role = messages[0]["role"];
    if (role == "system" || role == "developer") {
        messages[0]["content"] = messages[0]["content"].get<std::string>() + "\n\n" + hint;
    } else {
        messages.insert(messages.begin(), Json{{"role", "system"}, {"content", hint}});
    }
    Json body = {{"messages", std::move(messages)}};
    body.update(part.grader->sampling);
    body["response_format"] = AnswerFormat(*part.grader);
    part.question = questions_.size();
    questions_.push_back({"chat.completion", part.grader->model, std::move(body)});
}

void GraderRun::Answer(size_t question, absl::StatusOr<Json> answer) {
    if (answer.ok()) {
        answers_.at(question) = *std::move(answer);
        return;
    }
    errors_.model_server = true;
    errors_.model_server_details = std::string(answer.status().message());
}

void GraderRun::ReadAnswer(Part& part, const Json& answer) {
    const Json& usage = answer.at("usage");
    const int64_t tokens = usage.at("total_tokens").get<int64_t>();
    const std::string model = answer.at("model");
    tokens_ += tokens;
    tokens_by_model_[model] = tokens_by_model_.value(model, int64_t{0}) + tokens;
    if (part.grader->kind == Kind::kTextSimilarity) {
        part.reward = Cosine(answer);
    } else {
        ReadReply(part, answer.at("choices").at(0).at("message"));
    }
}

void GraderRun::ReadReply(Part& part, const Json& message) {
    if (message.value("refusal", Json()).is_string()) {
        errors_.model_refusal = true;
        return;
    }
    const Json content = message.value("content", Json());
    const auto reply = ParseJson<Json>(content.is_string() ? content.get<std::string>() : "",
                                       "the model's answer");
    const SingleGrader& grader = *part.grader;
    const bool scores = grader.kind == Kind::kScoreModel;
    const Json value = reply.ok() && reply->is_object()
                           ? reply->value(scores ? "result" : "label", Json())
                           : Json();
    if (scores && value.is_number()) {
        part.reward = std::clamp(value.get<double>(), grader.low, grader.high);
    } else if (!scores && value.is_string()) {
        part.reward = std::find(grader.passing.begin(), grader.passing.end(),
                                value.get<std::string>()) != grader.passing.end();
    } else {
        errors_.model_parse = true;  // it was cut, as a rule
    }
}

bool GraderRun::failed() const {
    return errors_.sample_parse || errors_.truncated || errors_.invalid_variable || errors_.other ||
           errors_.model_server || errors_.model_refusal || errors_.model_parse;
}

Json GraderRun::Finish(double seconds) {
    Json scores = Json::object(), model;
    std::map<std::string, double> rewards;
    for (Part& part : parts_) {
        if (part.question && answers_[*part.question]) {
            ReadAnswer(part, *answers_[*part.question]);
            if (model.is_null()) model = answers_[*part.question]->at("model");
        }
        rewards[part.grader->key] = part.reward;
        scores[part.grader->key] = part.reward;
    }
    double reward = grader_.formula ? grader_.formula->Evaluate(rewards) : parts_.front().reward;
    if (!std::isfinite(reward)) errors_.other = true;
    if (failed()) reward = 0;
    const Json details = errors_.model_server ? Json(errors_.model_server_details) : Json();
    const Json errors = {{"formula_parse_error", false},
                         {"sample_parse_error", errors_.sample_parse},
                         {"truncated_observation_error", errors_.truncated},
                         {"unresponsive_reward_error", false},
                         {"invalid_variable_error", errors_.invalid_variable},
                         {"other_error", errors_.other},
                         {"python_grader_server_error", false},
                         {"python_grader_server_error_type", nullptr},
                         {"python_grader_runtime_error", false},
                         {"python_grader_runtime_error_details", nullptr},
                         {"model_grader_server_error", errors_.model_server},
                         {"model_grader_refusal_error", errors_.model_refusal},
                         {"model_grader_parse_error", errors_.model_parse},
                         {"model_grader_server_error_details", details}};
    return {{"reward", reward},
            {"metadata",
             {{"name", grader_.name},
              {"type", grader_.type},
              {"errors", errors},
              {"execution_time", seconds},
              {"scores", scores},
              {"token_usage", questions_.empty() ? Json() : Json(tokens_)},
              {"sampled_model_name", model}}},
            {"sub_rewards", grader_.formula ? scores : Json::object()},
            {"model_grader_token_usage_per_model", tokens_by_model_}};
}

}  // namespace hone
