#include "answer/serving/model_server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>

#include "absl/strings/escaping.h"
#include "base/files/testing.h"
#include "base/text/text.h"

namespace hone {
namespace {

using testing::HasSubstr;
using Json = nlohmann::ordered_json;

constexpr char kModel[] = HONE_SOURCE_DIR "/tests/golden/models/tied";
constexpr char kAdapter[] = HONE_SOURCE_DIR "/tests/golden/adapters/tied-lora";

// A tiny Llama with random weights: what it says means nothing, but it is always the same.
class ModelServerTest : public testing::Test {
  protected:
    void SetUp() override {
        ChosenModel chosen = ChosenModel::Choose(kModel, "").value();
        ServedModelOptions options;
        options.engine.max_queued = 20;
        served_ = std::make_unique<ServedModel>(
            LoadChosen(std::move(chosen), {.compute = ComputeType::kF32}, context_).value(),
            context_, options);
        fd_ = open((folder_ / "answers").c_str(), O_CREAT | O_RDWR, 0600);
        ASSERT_GE(fd_, 0);
        out_ = std::make_unique<LineWriter>(fd_);
        server_ = std::make_unique<ModelServer>(*served_, *out_);
    }
    void TearDown() override {
        server_.reset();
        close(fd_);
    }

    // The lines that were written since the last call.
    std::vector<Json> Lines() {
        std::vector<Json> lines;
        const std::string text = ReadFile(folder_ / "answers").value();
        for (size_t end; (end = text.find('\n', read_)) != std::string::npos; read_ = end + 1)
            lines.push_back(Json::parse(text.substr(read_, end - read_)));
        return lines;
    }
    void Ask(const std::string& id, const std::string& kind, const std::string& body,
             const std::string& more = "") {
        std::string line = "{\"id\":\"" + id + "\",\"kind\":\"" + kind + "\"" + more;
        if (!body.empty()) line += ",\"body\":" + body;
        server_->Handle(line + "}");
    }
    void Finish() {
        while (server_->busy()) server_->Step();
    }
    // All lines of one request.
    std::vector<Json> Run(const std::string& kind, const std::string& body,
                          const std::string& more = "") {
        Ask("1", kind, body, more);
        Finish();
        return Lines();
    }
    static std::string Chat(const std::string& members = "") {
        return R"({"messages":[{"role":"user","content":"hello"}],"max_tokens":12,"seed":3)" +
               (members.empty() ? "" : "," + members) + "}";
    }
    // The whole answer.
    Json Done(const std::string& kind, const std::string& body, const std::string& more = "") {
        const std::vector<Json> lines = Run(kind, body, more);
        EXPECT_EQ(lines.size(), 1u) << body;
        if (lines.empty()) return {};
        EXPECT_EQ(lines.back()["event"], "done") << lines.back();
        return lines.back().value("data", Json());
    }
    Json Error(const std::string& kind, const std::string& body, int status,
               const std::string& more = "") {
        const std::vector<Json> lines = Run(kind, body, more);
        EXPECT_EQ(lines.size(), 1u) << body;
        if (lines.empty()) return {};
        EXPECT_EQ(lines.back()["event"], "error") << lines.back();
        EXPECT_EQ(lines.back()["status"], status) << lines.back();
        return lines.back().value("error", Json());
    }

    Context context_{2};
    TestFolder folder_;
    std::unique_ptr<ServedModel> served_;
    std::unique_ptr<LineWriter> out_;
    std::unique_ptr<ModelServer> server_;
    int fd_ = -1;
    size_t read_ = 0;
};

TEST_F(ModelServerTest, AnswersAChat) {
    const Json answer = Done("chat.completion", Chat(), R"(,"model":"ft:mine")");
    EXPECT_TRUE(answer["id"].get<std::string>().starts_with("chatcmpl-"));
    EXPECT_EQ(answer["object"], "chat.completion");
    EXPECT_EQ(answer["model"], "ft:mine");
    EXPECT_TRUE(answer["created"].is_number_integer());
    ASSERT_EQ(answer["choices"].size(), 1u);
    const Json& choice = answer["choices"][0];
    EXPECT_EQ(choice["index"], 0);
    EXPECT_EQ(choice["message"]["role"], "assistant");
    EXPECT_TRUE(choice["message"]["content"].is_string());
    EXPECT_TRUE(choice["message"]["refusal"].is_null());
    EXPECT_TRUE(choice.contains("logprobs") && choice["logprobs"].is_null());
    EXPECT_THAT((std::set<std::string>{"stop", "length"}),
                testing::Contains(choice["finish_reason"].get<std::string>()));
    const Json& usage = answer["usage"];
    EXPECT_GT(usage["prompt_tokens"], 0);
    EXPECT_LE(usage["completion_tokens"], 12);
    EXPECT_EQ(usage["total_tokens"].get<int>(),
              usage["prompt_tokens"].get<int>() + usage["completion_tokens"].get<int>());
    // The same seed says the same.
    EXPECT_EQ(Done("chat.completion", Chat())["choices"][0]["message"], choice["message"]);
    EXPECT_EQ(Done("chat.completion", Chat())["model"], kModel);
}

TEST_F(ModelServerTest, AStreamIsTheAnswerInPieces) {
    const Json whole = Done("chat.completion", Chat(R"("n":2,"logprobs":true,"top_logprobs":2)"));
    const std::vector<Json> lines =
        Run("chat.completion", Chat(R"("n":2,"logprobs":true,"top_logprobs":2,"stream":true,
                                       "stream_options":{"include_usage":true})"));
    ASSERT_GT(lines.size(), 4u);
    std::map<size_t, std::string> contents, reasons;
    std::map<size_t, Json> logprobs;
    for (size_t i = 0; i + 1 < lines.size(); ++i) {
        EXPECT_EQ(lines[i]["id"], "1");
        EXPECT_EQ(lines[i]["event"], "chunk");
        const Json& chunk = lines[i]["data"];
        EXPECT_EQ(chunk["object"], "chat.completion.chunk");
        EXPECT_EQ(chunk["id"], lines.back()["data"]["id"]);
        EXPECT_EQ(chunk["created"], lines.back()["data"]["created"]);
        if (i + 2 == lines.size()) {
            EXPECT_TRUE(chunk["choices"].empty());
            EXPECT_EQ(chunk["usage"]["completion_tokens"], whole["usage"]["completion_tokens"]);
            continue;
        }
        EXPECT_TRUE(chunk.contains("usage") && chunk["usage"].is_null());
        const Json& choice = chunk["choices"].at(0);
        const size_t index = choice["index"];
        EXPECT_EQ(reasons.count(index), 0u) << "a chunk behind the last of its choice";
        if (contents.count(index) == 0) {
            EXPECT_EQ(choice["delta"]["role"], "assistant");
        }
        contents[index] += choice["delta"].value("content", "");
        if (!choice["logprobs"].is_null())
            for (const Json& entry : choice["logprobs"]["content"])
                logprobs[index].push_back(entry);
        if (!choice["finish_reason"].is_null()) reasons[index] = choice["finish_reason"];
    }
    EXPECT_EQ(lines.back()["event"], "done");
    EXPECT_TRUE(lines.back().contains("timings"));
    for (size_t i = 0; i < 2; ++i) {
        const Json& choice = whole["choices"][i];
        EXPECT_EQ(contents[i], choice["message"]["content"]);
        EXPECT_EQ(reasons[i], choice["finish_reason"]);
        EXPECT_EQ(logprobs[i], choice["logprobs"]["content"]);
        EXPECT_EQ(logprobs[i][0]["top_logprobs"].size(), 2u);
        EXPECT_TRUE(logprobs[i][0]["bytes"].is_array());
        EXPECT_EQ(lines.back()["data"]["choices"][i], choice);
    }
    EXPECT_NE(contents[0], contents[1]);
}

TEST_F(ModelServerTest, AnswersKeepToSchemas) {
    const Json answer = Done("chat.completion",
                             R"({"messages":[{"role":"user","content":"hello"}],"seed":3,
        "response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":
        {"type":"object","properties":{"ok":{"type":"boolean"},"kind":{"enum":["a","b"]}},
        "required":["ok","kind"],"additionalProperties":false}}}})");
    const Json& choice = answer["choices"][0];
    EXPECT_EQ(choice["finish_reason"], "stop");
    const Json said = Json::parse(choice["message"]["content"].get<std::string>());
    EXPECT_TRUE(said["ok"].is_boolean());
    EXPECT_TRUE(said["kind"] == "a" || said["kind"] == "b");
    const Json refused = Error("chat.completion", Chat(R"("response_format":{"type":"json_schema",
        "json_schema":{"name":"n","schema":{"type":"string","pattern":"x"}}})"),
                               400);
    EXPECT_EQ(refused["code"], "invalid_json_schema");
    EXPECT_EQ(refused["param"], "response_format");
    EXPECT_THAT(refused["message"].get<std::string>(), HasSubstr("pattern"));
    const Json loose = Error("chat.completion", Chat(R"("response_format":{"type":"json_schema",
        "json_schema":{"name":"n","strict":true,"schema":{"type":"object","properties":{}}}})"),
                             400);
    EXPECT_THAT(loose["message"].get<std::string>(), HasSubstr("additionalProperties"));
    const Json object =
        Done("chat.completion", Chat(R"("response_format":{"type":"json_object"})"));
    EXPECT_EQ(object["choices"][0]["message"]["content"].get<std::string>().substr(0, 1), "{");
}

constexpr char kTools[] = R"("tools":[{"type":"function","function":{"name":"on","parameters":
    {"type":"object","properties":{"v":{"type":"boolean"}},"required":["v"]}}},
    {"type":"function","function":{"name":"off"}}])";

TEST_F(ModelServerTest, CallsCanBeAskedFor) {
    const std::string named =
        std::string(kTools) + R"(,"tool_choice":{"type":"function","function":{"name":"on"}})";
    const std::string budget = R"({"messages":[{"role":"user","content":"hello"}],"seed":3,)";
    const Json answer = Done("chat.completion", budget + named + "}");
    const Json& choice = answer["choices"][0];
    EXPECT_EQ(choice["finish_reason"], "stop");
    EXPECT_TRUE(choice["message"]["content"].is_null());
    ASSERT_EQ(choice["message"]["tool_calls"].size(), 1u) << choice;
    const Json& call = choice["message"]["tool_calls"][0];
    EXPECT_EQ(call["type"], "function");
    EXPECT_TRUE(call["id"].get<std::string>().starts_with("call_"));
    EXPECT_EQ(call["function"]["name"], "on");
    EXPECT_TRUE(Json::parse(call["function"]["arguments"].get<std::string>())["v"].is_boolean());

    const std::vector<Json> lines =
        Run("chat.completion", budget + kTools + R"(,"tool_choice":"required","stream":true})");
    const Json& required = lines.back()["data"]["choices"][0];
    EXPECT_EQ(required["finish_reason"], "tool_calls");
    int calls = 0;
    for (size_t i = 0; i + 1 < lines.size(); ++i) {
        const Json& delta = lines[i]["data"]["choices"][0]["delta"];
        if (!delta.contains("tool_calls")) continue;
        ++calls;
        EXPECT_EQ(delta["tool_calls"][0]["index"], 0);
        EXPECT_EQ(delta["tool_calls"][0]["id"], required["message"]["tool_calls"][0]["id"]);
    }
    EXPECT_EQ(calls, 1);
    // Left to the model, it may call or not; and without tools nothing of them is said.
    Done("chat.completion", Chat(kTools));
    const Json none =
        Done("chat.completion", Chat(std::string(kTools) + R"(,"tool_choice":"none")"));
    EXPECT_EQ(none["usage"]["prompt_tokens"],
              Done("chat.completion", Chat())["usage"]["prompt_tokens"]);
}

TEST_F(ModelServerTest, CompletesTexts) {
    const Json answer = Done("completion", R"({"prompt":["hello","the cat"],"n":2,"seed":1,
        "max_tokens":5,"logprobs":2})");
    EXPECT_EQ(answer["object"], "text_completion");
    EXPECT_TRUE(answer["id"].get<std::string>().starts_with("cmpl-"));
    ASSERT_EQ(answer["choices"].size(), 4u);
    for (size_t i = 0; i < 4; ++i) {
        const Json& choice = answer["choices"][i];
        EXPECT_EQ(choice["index"], i);
        const Json& logprobs = choice["logprobs"];
        EXPECT_EQ(logprobs["tokens"].size(), logprobs["token_logprobs"].size());
        EXPECT_EQ(logprobs["tokens"].size(), logprobs["text_offset"].size());
        EXPECT_EQ(logprobs["text_offset"][0], 0);
    }
    const std::vector<Json> lines = Run(
        "completion", R"({"prompt":"hello","seed":1,"max_tokens":5,"stream":true,"echo":true})");
    std::string text;
    for (size_t i = 0; i + 1 < lines.size(); ++i)
        text += lines[i]["data"]["choices"][0]["text"].get<std::string>();
    EXPECT_EQ(text, lines.back()["data"]["choices"][0]["text"]);
    EXPECT_TRUE(text.starts_with("hello"));
}

TEST_F(ModelServerTest, APromptsOwnLogProbabilities) {
    const std::vector<int32_t> tokens = served_->encoder().EncodeTextPrompt("the cat sat").value();
    Json body = {{"prompt", tokens}, {"echo", true}, {"logprobs", 1}, {"max_tokens", 0}};
    const Json choice = Done("completion", body.dump())["choices"][0];
    EXPECT_EQ(choice["text"], "the cat sat");
    EXPECT_EQ(choice["finish_reason"], "length");
    const Json& logprobs = choice["logprobs"];
    ASSERT_EQ(logprobs["token_logprobs"].size(), tokens.size());
    EXPECT_EQ(logprobs["token_logprobs"][0], 0);
    EXPECT_TRUE(logprobs["top_logprobs"][0].empty());
    EXPECT_EQ(logprobs["top_logprobs"][1].size(), 1u);
    // That of the last is what drawing it would say.
    const std::vector<int32_t> head(tokens.begin(), tokens.end() - 1);
    body = {{"prompt", head},
            {"logprobs", 1},
            {"max_tokens", 1},
            {"logit_bias", {{std::to_string(tokens.back()), 100}}}};
    const Json drawn = Done("completion", body.dump())["choices"][0];
    EXPECT_NEAR(drawn["logprobs"]["token_logprobs"][0].get<double>(),
                logprobs["token_logprobs"].back().get<double>(), 1e-4);
}

TEST_F(ModelServerTest, AdaptersAreLoadedWhenTheyAreNamed) {
    const std::string adapter = std::string(",\"adapter\":\"") + kAdapter + "\"";
    const Json base = Done("chat.completion", Chat());
    const Json tuned = Done("chat.completion", Chat(), adapter);
    EXPECT_NE(base["choices"], tuned["choices"]);
    EXPECT_EQ(server_->Stats()["adapters"], 1);
    EXPECT_EQ(Done("adapter.unload", "", adapter)["adapter"], kAdapter);
    EXPECT_EQ(server_->Stats()["adapters"], 0);
    EXPECT_EQ(Done("adapter.load", "", adapter)["adapter"], kAdapter);
    EXPECT_EQ(Done("chat.completion", Chat(), adapter)["choices"], tuned["choices"]);
    EXPECT_EQ(Error("chat.completion", Chat(), 404, R"(,"adapter":"/no/such")")["code"],
              "model_not_found");
    EXPECT_EQ(Error("chat.completion", Chat(), 400,
                    std::string(",\"adapter\":\"") + HONE_SOURCE_DIR +
                        "/tests/golden/adapters/llama3-rslora\"")["code"],
              "model_not_available");
}

double Length(const std::vector<float>& embedding) {
    double sum = 0;
    for (const float value : embedding) sum += static_cast<double>(value) * value;
    return std::sqrt(sum);
}

TEST_F(ModelServerTest, TextsBecomeEmbeddings) {
    const auto embeddings = [&](const std::string& body, const std::string& more = "") {
        const Json answer = Done("embedding", body, more);
        EXPECT_EQ(answer["object"], "list");
        std::vector<std::vector<float>> all;
        for (const Json& one : answer["data"]) {
            EXPECT_EQ(one["object"], "embedding");
            EXPECT_EQ(one["index"], all.size());
            all.push_back(one["embedding"].get<std::vector<float>>());
            EXPECT_NEAR(Length(all.back()), 1, 1e-6);
        }
        return all;
    };
    const auto both = embeddings(R"({"input":["gold","a metal of great weight"]})");
    ASSERT_EQ(both.size(), 2u);
    EXPECT_EQ(static_cast<int64_t>(both[0].size()), served_->hidden_size());
    EXPECT_NE(both[0], both[1]);
    // The same bits alone, by the tokens, and in pieces of a long list.
    EXPECT_EQ(embeddings(R"({"input":"gold"})")[0], both[0]);
    const Json tokens = served_->encoder().EncodeTextPrompt("gold").value();
    EXPECT_EQ(embeddings("{\"input\":[" + tokens.dump() + "," + tokens.dump() + "]}")[1], both[0]);
    EXPECT_EQ(embeddings("{\"input\":" + tokens.dump() + "}")[0], both[0]);
    std::string many = R"({"input":["gold")";
    for (int i = 0; i < 40; ++i) many += R"(,"a metal of great weight that is heavier than lead")";
    EXPECT_EQ(embeddings(many + R"(,"gold"]})")[41], both[0]);
    // Base64 of the same floats; fewer dimensions; an adapter.
    const Json coded = Done("embedding", R"({"input":"gold","encoding_format":"base64"})");
    std::string bytes;
    ASSERT_TRUE(absl::Base64Unescape(coded["data"][0]["embedding"].get<std::string>(), &bytes));
    std::vector<float> decoded(bytes.size() / sizeof(float));
    std::memcpy(decoded.data(), bytes.data(), bytes.size());
    EXPECT_EQ(decoded, both[0]);
    EXPECT_EQ(coded["usage"]["prompt_tokens"], tokens.size());
    EXPECT_EQ(coded["usage"]["total_tokens"], tokens.size());
    const auto fewer = embeddings(R"({"input":"gold","dimensions":5})");
    ASSERT_EQ(fewer[0].size(), 5u);
    EXPECT_NEAR(fewer[0][1] / fewer[0][0], both[0][1] / both[0][0], 1e-4);
    EXPECT_NE(
        embeddings(R"({"input":"gold"})", std::string(",\"adapter\":\"") + kAdapter + "\"")[0],
        both[0]);
    // Between the tokens of an answer, which stays what it is.
    const Json choices = Done("chat.completion", Chat())["choices"];
    Ask("chat", "chat.completion", Chat());
    Ask("embed", "embedding", many + "]}");
    Ask("dropped", "embedding", many + "]}");
    Ask("dropped", "cancel", "");
    Finish();
    const std::vector<Json> lines = Lines();
    ASSERT_EQ(lines.size(), 2u);
    for (const Json& line : lines) {
        if (line["id"] == "chat") {
            EXPECT_EQ(line["data"]["choices"], choices);
        } else {
            EXPECT_EQ(line["data"]["data"][0]["embedding"].get<std::vector<float>>(), both[0]);
        }
    }
}

TEST_F(ModelServerTest, ErrorsAreAnswersToo) {
    EXPECT_EQ(Error("chat.completion", "{}", 400)["param"], "messages");
    EXPECT_EQ(Error("chat.completion", "", 400)["param"], "body");
    EXPECT_EQ(Error("riddle", "{}", 400)["param"], "kind");
    EXPECT_EQ(Error("embedding", "{}", 400)["param"], "input");
    EXPECT_EQ(Error("embedding", R"({"input":[]})", 400)["param"], "input");
    EXPECT_EQ(Error("embedding", R"({"input":["x",""]})", 400)["param"], "input");
    EXPECT_EQ(Error("embedding", R"({"input":[400]})", 400)["param"], "input");
    EXPECT_EQ(Error("embedding", R"({"input":"x","dimensions":0})", 400)["param"], "dimensions");
    EXPECT_EQ(Error("embedding", R"({"input":"x","dimensions":1000000})", 400)["param"],
              "dimensions");
    EXPECT_EQ(Error("embedding", R"({"input":"x","encoding_format":"text"})", 400)["param"],
              "encoding_format");
    EXPECT_EQ(Error("completion", R"({"prompt":[400]})", 400)["param"], "prompt");
    EXPECT_EQ(Error("completion", R"({"prompt":"x","logit_bias":{"400":1}})", 400)["type"],
              "invalid_request_error");
    const std::string long_text(3000, 'x');
    EXPECT_EQ(Error("embedding", "{\"input\":\"" + long_text + "\"}", 400)["code"],
              "context_length_exceeded");
    EXPECT_EQ(Error("completion", "{\"prompt\":\"" + long_text + "\"}", 400)["code"],
              "context_length_exceeded");
    EXPECT_EQ(
        Error("chat.completion", R"({"messages":[{"role":"user","content":")" + long_text + "\"}]}",
              400)["code"],
        "context_length_exceeded");
    EXPECT_EQ(Error("completion", R"({"prompt":"x","n":30})", 429)["code"], "rate_limit_exceeded");
    server_->Handle("not JSON");
    server_->Handle(R"({"kind":"stats"})");
    server_->HandleTooLong();
    const std::vector<Json> lines = Lines();
    ASSERT_EQ(lines.size(), 3u);
    for (const Json& line : lines) EXPECT_TRUE(line["id"].is_null());
    EXPECT_EQ(lines[2]["status"], 413);
    EXPECT_EQ(Done("stats", "")["running"], 0);
}

TEST_F(ModelServerTest, CancelledRequestsSayNoMore) {
    Ask("1", "chat.completion", Chat(R"("stream":true,"n":2)"));
    Ask("2", "chat.completion", Chat());
    Ask("2", "chat.completion", Chat());
    server_->Step();
    for (const Json& line : Lines()) EXPECT_TRUE(line["id"] == "1" || line["event"] == "error");
    Ask("1", "cancel", "");
    Ask("9", "cancel", "");
    Ask("1", "completion", R"({"prompt":"hello","max_tokens":2})");  // its name is free again
    Finish();
    std::vector<std::string> ends;
    for (const Json& line : Lines()) ends.push_back(line["data"]["object"]);
    EXPECT_THAT(ends, testing::UnorderedElementsAre("chat.completion", "text_completion"));
}

}  // namespace
}  // namespace hone
