#include "answer/openai/tool_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/file.h"
#include "chat/chat_files.h"

namespace hone {
namespace {

using testing::HasSubstr;

// "text|name arguments|..." of an answer that comes in pieces of so many bytes.
std::string Read(const std::string& answer, size_t size, std::string* first = nullptr) {
    ToolCallReader reader({"add", "now"});
    std::string text;
    for (size_t i = 0; i < answer.size(); i += size) text += reader.Push(answer.substr(i, size));
    if (first) *first = text;
    text += reader.Finish();
    for (const ToolCall& call : reader.calls()) text += "|" + call.name + " " + call.arguments;
    return text;
}

TEST(ToolCallReader, FindsCallsInAllForms) {
    const std::pair<const char*, const char*> cases[] = {
        {"<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>",
         "|add {\"a\":1}"},
        {"Let me see.<tool_call>{\"name\":\"now\",\"arguments\":{}}</tool_call>\n<tool_call>\n"
         "{\"name\":\"add\",\"arguments\":{\"a\":2}}\n</tool_call>",
         "Let me see.|now {}|add {\"a\":2}"},
        {"<tool_call>{\"name\":\"now\",\"arguments\":{}}", "|now {}"},
        {"[TOOL_CALLS] [{\"name\": \"add\", \"arguments\": {\"a\": 1}}, {\"name\": \"now\", "
         "\"arguments\": {}}]",
         "|add {\"a\":1}|now {}"},
        {"{\"name\": \"add\", \"parameters\": {\"a\": 3}}", "|add {\"a\":3}"},
        {"<|python_tag|>{\"name\": \"add\", \"parameters\": {}}", "|add {}"},
        {"[{\"name\":\"now\",\"arguments\":\"{}\"}]", "|now {}"},
        // What is no call is text.
        {"{\"name\": \"sub\", \"arguments\": {}}", "{\"name\": \"sub\", \"arguments\": {}}"},
        {"{\"a\": 1}", "{\"a\": 1}"},
        {"[1, 2", "[1, 2"},
        {"<tool_call>{\"name\":</tool_call> after", "<tool_call>{\"name\":</tool_call> after"},
        {"a < b and <tool", "a < b and <tool"},
        {"  plain text", "  plain text"},
        {"", ""}};
    for (const auto& [answer, expected] : cases)
        for (size_t size : {1, 3, 1000}) EXPECT_EQ(Read(answer, size), expected) << size;
}

TEST(ToolCallReader, TextIsNotHeldBackLongerThanItMust) {
    std::string first;
    Read("Hello <b> world", 1, &first);
    EXPECT_EQ(first, "Hello <b> world");
    Read("Hello <tool_", 1, &first);
    EXPECT_EQ(first, "Hello ");
}

// A template that writes calls after `open`.
std::shared_ptr<ConversationEncoder> Encoder(const std::string& open, const std::string& key,
                                             bool shows_tools = true) {
    const auto files = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/tied").value();
    const auto chat = OpenChat(*files).value();
    const std::string source =
        std::string(shows_tools ? "{% if tools %}{{ tools | tojson }}{% endif %}" : "") +
        "{% for m in messages %}{{ m.role }}: {{ m.content }}"
        "{% for c in m.tool_calls %}" +
        open + "{\"name\": \"{{ c.function.name }}\", \"" + key +
        "\": {{ c.function.arguments | tojson }}}{% endfor %}\n{% endfor %}";
    return ConversationEncoder::Create(
               chat->tokenizer,
               ChatTemplate::Parse(source, nlohmann::ordered_json::object()).value(), chat->eos_ids)
        .value();
}

TEST(FindToolForm, ReadsItOffTheTemplate) {
    EXPECT_EQ(FindToolForm(*Encoder("<tool_call>\n", "arguments")).open, "<tool_call>\n");
    EXPECT_EQ(FindToolForm(*Encoder("[TOOL_CALLS] [", "arguments")).open, "[TOOL_CALLS] [");
    const ToolForm llama = FindToolForm(*Encoder("", "parameters"));
    EXPECT_EQ(llama.open, "");
    EXPECT_EQ(llama.arguments_key, "parameters");
    EXPECT_TRUE(llama.shows_tools);
    const ToolForm none = FindToolForm(*Encoder("", "arguments", false));
    EXPECT_FALSE(none.shows_tools);
    EXPECT_EQ(none.open, "<tool_call>\n");
}

TEST(FindToolForm, KnowsTheTemplatesOfFamilies) {
    const auto files = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/tied").value();
    const auto chat = OpenChat(*files).value();
    const auto form = [&](const std::string& name) {
        const std::string path = HONE_SOURCE_DIR "/src/text/testdata/templates/" + name + ".jinja";
        const auto parsed = ChatTemplate::Parse(ReadFile(path).value(),
                                                {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
        return FindToolForm(
            *ConversationEncoder::Create(chat->tokenizer, parsed.value(), chat->eos_ids).value());
    };
    EXPECT_TRUE(form("qwen2_5").shows_tools);
    EXPECT_EQ(form("qwen2_5").open, "<tool_call>\n");
    EXPECT_EQ(form("qwen2_5").arguments_key, "arguments");
    EXPECT_TRUE(form("llama3").shows_tools);
    EXPECT_EQ(form("llama3").open, "");
    EXPECT_EQ(form("llama3").arguments_key, "parameters");
    EXPECT_FALSE(form("smollm2").shows_tools);
}

TEST(AddToolsMessage, JoinsTheSystemMessage) {
    nlohmann::ordered_json messages = nlohmann::ordered_json::array();
    messages.push_back({{"role", "user"}, {"content", "q"}});
    Conversation conversation = ParseMessages(messages).value();
    conversation.tools = nlohmann::ordered_json::parse(R"([{"name":"f1"}])");
    AddToolsMessage(conversation);
    ASSERT_EQ(conversation.messages.size(), 2u);
    EXPECT_THAT(conversation.messages[0]["content"].get<std::string>(), HasSubstr("\"f1\""));
    EXPECT_TRUE(conversation.tools.is_null());
    EXPECT_EQ(conversation.weights.size(), 2u);
    conversation.tools = nlohmann::ordered_json::parse(R"([{"name":"f2"}])");
    AddToolsMessage(conversation);
    ASSERT_EQ(conversation.messages.size(), 2u);
    EXPECT_THAT(conversation.messages[0]["content"].get<std::string>(), HasSubstr("f2"));
}

}  // namespace
}  // namespace hone
