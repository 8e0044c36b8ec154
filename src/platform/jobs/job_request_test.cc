#include "platform/jobs/job_request.h"

#include <gmock/gmock.h>

#include "base/files/testing.h"
#include "platform/api/refusal.h"

namespace hone::platform {
namespace {

using Json = nlohmann::ordered_json;

Json Least() { return {{"model", "m"}, {"training_file", "file-1"}}; }
Json With(const char* name, Json value) {
    Json body = Least();
    body[name] = std::move(value);
    return body;
}
Json WithMethod(const std::string& type, Json hyperparameters) {
    return With("method", {{"type", type}, {type, {{"hyperparameters", hyperparameters}}}});
}
std::string ParamOf(const Json& body) {
    const auto request = ParseJobRequest(body);
    if (request.ok()) return "fine";
    EXPECT_EQ(RefusalOf(request.status()).kind, RefusalKind::kInvalid);
    return RefusalOf(request.status()).param;
}

TEST(JobRequest, WhatIsLeftOutOrNullIsAutomatic) {
    for (Json body : {Least(), With("suffix", nullptr), With("hyperparameters", nullptr),
                      With("method", nullptr), With("seed", nullptr), With("metadata", nullptr)}) {
        const auto request = ParseJobRequest(body);
        ASSERT_TRUE(request.ok()) << request.status();
        EXPECT_EQ(request->method, "supervised");
        EXPECT_FALSE(request->hyperparameters.n_epochs || request->seed || request->metadata);
    }
}

TEST(JobRequest, EverythingIsRead) {
    Json body = WithMethod("dpo", {{"beta", 0.5}, {"n_epochs", "auto"}, {"batch_size", 4}});
    body["suffix"] = "my model";
    body["seed"] = 0;
    body["validation_file"] = "file-2";
    body["metadata"] = {{"team", "a"}, {"empty", ""}};
    body["integrations"] = {{{"type", "wandb"}, {"wandb", {{"project", "p"}, {"tags", {"x"}}}}}};
    const JobRequest request = ParseJobRequest(body).value();
    EXPECT_EQ(request.method, "dpo");
    EXPECT_EQ(request.hyperparameters.beta, 0.5);
    EXPECT_EQ(request.hyperparameters.batch_size, 4);
    EXPECT_FALSE(request.hyperparameters.n_epochs.has_value());
    EXPECT_EQ(request.suffix, "my model");
    EXPECT_EQ(request.seed, 0);
    EXPECT_EQ(request.metadata->at("empty"), "");
    EXPECT_EQ(request.integrations[0].tags[0], "x");
    const JobRequest old =
        ParseJobRequest(With("hyperparameters", {{"learning_rate_multiplier", 2}})).value();
    EXPECT_EQ(old.hyperparameters.learning_rate_multiplier, 2);
}

TEST(JobRequest, TheFieldThatIsWrongIsNamed) {
    const std::vector<std::pair<Json, std::string>> cases = {
        {Json::array(), ""},
        {{{"training_file", "f"}}, "model"},
        {{{"model", "m"}}, "training_file"},
        {With("model", 3), "model"},
        {With("model", ""), "model"},
        {With("model", std::string("a\0b", 3)), "model"},
        {With("surprise", 1), "surprise"},
        {With("suffix", std::string(65, 'x')), "suffix"},
        {With("suffix", "a:b"), "suffix"},
        {With("seed", -1), "seed"},
        {With("seed", 2147483648), "seed"},
        {With("seed", 18446744073709551615ULL), "seed"},
        {With("seed", 1.5), "seed"},
        {With("seed", "auto"), "seed"},
        {With("hyperparameters", 1), "hyperparameters"},
        {With("hyperparameters", {{"n_epochs", 0}}), "hyperparameters.n_epochs"},
        {With("hyperparameters", {{"n_epochs", 51}}), "hyperparameters.n_epochs"},
        {With("hyperparameters", {{"n_epochs", "3"}}), "hyperparameters.n_epochs"},
        {With("hyperparameters", {{"batch_size", 257}}), "hyperparameters.batch_size"},
        {With("hyperparameters", {{"beta", 1}}), "hyperparameters.beta"},
        {With("hyperparameters", {{"learning_rate_multiplier", 0}}),
         "hyperparameters.learning_rate_multiplier"},
        {With("method", {{"type", "reinforcement"}}), "method.type"},
        {With("method", {{"type", "x"}}), "method.type"},
        {With("method", Json::object()), "method.type"},
        {With("method", {{"type", "supervised"}, {"dpo", Json::object()}}), "method.dpo"},
        {WithMethod("supervised", {{"beta", 1}}), "method.supervised.hyperparameters.beta"},
        {WithMethod("dpo", {{"beta", 2.1}}), "method.dpo.hyperparameters.beta"},
        {With("metadata", {{"a", 1}}), "metadata"},
        {With("metadata", {{"", "x"}}), "metadata"},
        {With("metadata", {{std::string(65, 'k'), "x"}}), "metadata"},
        {With("metadata", {{"a", std::string(513, 'v')}}), "metadata.a"},
        {With("integrations", {{"type", "wandb"}}), "integrations"},
        {With("integrations", {{{"type", "mlflow"}}}), "integrations[0].type"},
        {With("integrations", {{{"type", "wandb"}}}), "integrations[0].wandb"},
        {With("integrations", {{{"type", "wandb"}, {"wandb", Json::object()}}}),
         "integrations[0].wandb.project"},
    };
    for (const auto& [body, param] : cases) EXPECT_EQ(ParamOf(body), param) << body;
    Json both = WithMethod("supervised", {{"n_epochs", 1}});
    both["hyperparameters"] = {{"n_epochs", 1}};
    EXPECT_EQ(ParamOf(both), "hyperparameters");
    Json pairs = Json::object();
    for (int i = 0; i < 16; ++i) pairs[std::to_string(i)] = "x";
    EXPECT_EQ(ParamOf(With("metadata", pairs)), "fine");
    pairs["more"] = "x";
    EXPECT_EQ(ParamOf(With("metadata", pairs)), "metadata");
    EXPECT_EQ(ParamOf(With("hyperparameters", {{"n_epochs", 50}, {"batch_size", 256}})), "fine");
    EXPECT_EQ(ParamOf(With("suffix", std::string(64, 'x'))), "fine");
    EXPECT_EQ(ParamOf(With("seed", 2147483647)), "fine");
}

}  // namespace
}  // namespace hone::platform
