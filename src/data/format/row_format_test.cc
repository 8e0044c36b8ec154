#include "data/format/row_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hone {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

// The parts one behind the other, the trained ones in [[ ]].
std::string PartsText(const std::vector<TextPart>& parts) {
    std::string text;
    for (const TextPart& part : parts)
        text += part.trained ? fmt::format("[[{}]]", part.text) : part.text;
    return text;
}

std::string Parts(const DataRow& row) { return PartsText(row.parts); }

absl::StatusOr<DataRow> ConvertRow(std::string_view text, const RowFormatOptions& options = {}) {
    auto converter = RowConverter::Detect(ordered_json::parse(text), options);
    if (!converter.ok()) return converter.status();
    return converter->Convert(ordered_json::parse(text));
}

std::string Reason(std::string_view text, const RowFormatOptions& options = {}) {
    auto row = ConvertRow(text, options);
    return row.ok() ? "good" : std::string(row.status().message());
}

TEST(RowFormat, Messages) {
    auto row = ConvertRow(R"({"messages":[
        {"role":"developer","content":"Be brief."},
        {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"name":"Ann"},
        {"role":"assistant","content":"one","weight":0},
        {"role":"user","content":""},
        {"role":"assistant","content":null,"tool_calls":[
            {"id":"1","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}}]},
        {"role":"tool","content":"7","tool_call_id":"1"},
        {"role":"assistant","content":"two","weight":1}],
        "tools":[{"type":"function","function":{"name":"f"}}]})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->kind, DataRow::Kind::kConversation);
    EXPECT_EQ(row->conversation.weights, (std::vector<float>{0, 0, 0, 0, 1, 0, 1}));
    EXPECT_EQ(row->conversation.messages[1].dump(),
              R"({"role":"user","content":"ab","name":"Ann"})");
    EXPECT_EQ(row->conversation.messages[2].dump(), R"({"role":"assistant","content":"one"})");
    EXPECT_EQ(row->conversation.messages[4]["tool_calls"][0]["function"]["arguments"],
              R"({"x": 1})");
    EXPECT_EQ(row->conversation.messages[4]["content"], "");
    EXPECT_EQ(row->conversation.tools.size(), 1u);
}

TEST(RowFormat, BadMessagesNameTheMessage) {
    auto reason = [](std::string_view messages) {
        return Reason(fmt::format("{{\"messages\":{}}}", messages));
    };
    const std::string user = R"({"role":"user","content":"a"})";
    EXPECT_THAT(reason(R"([])"), HasSubstr("empty"));
    EXPECT_THAT(reason(R"({"role":"user"})"), HasSubstr("must be a list, not object"));
    EXPECT_THAT(reason("[" + user + "]"), HasSubstr("no message of the assistant"));
    EXPECT_THAT(
        reason("[" + user + R"(,{"role":"robot","content":"b"}])"),
        HasSubstr(
            "message 2: unknown role \"robot\" (known: system, developer, user, assistant, tool)"));
    EXPECT_THAT(reason(R"([{"role":"human","content":"b"}])"), HasSubstr("write user for human"));
    EXPECT_THAT(reason(R"([{"content":"b"}])"), HasSubstr("message 1 has no \"role\""));
    EXPECT_THAT(reason(R"([{"role":7,"content":"b"}])"),
                HasSubstr("\"role\" must be a string, not 7"));
    EXPECT_THAT(reason(R"(["hello"])"), HasSubstr("message 1 must be an object"));
    EXPECT_THAT(reason(R"([{"role":"user"}])"), HasSubstr("message 1 has no \"content\""));
    EXPECT_THAT(reason(R"([{"role":"user","content":5}])"),
                HasSubstr("\"content\" must be a string or a list of text parts, not number"));
    EXPECT_THAT(reason(R"([{"role":"user","content":[{"type":"image_url","image_url":{}}]}])"),
                HasSubstr("content of type \"image_url\" cannot be used"));
    EXPECT_THAT(reason("[" + user + R"(,{"role":"assistant","content":""}])"),
                HasSubstr("message 2: the assistant's \"content\" is empty"));
    EXPECT_THAT(reason("[" + user + R"(,{"role":"assistant","content":"b","weight":0.5}])"),
                HasSubstr("\"weight\" must be 0 or 1, not 0.5"));
    EXPECT_THAT(reason(R"([{"role":"user","content":"b","weight":1}])"),
                HasSubstr("for messages of the assistant only"));
    EXPECT_THAT(reason("[" + user + R"(,{"role":"assistant","tool_calls":[{"id":"1"}]}])"),
                HasSubstr("a tool call without a function name"));
    EXPECT_THAT(
        Reason(
            R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"tools":{}})"),
        HasSubstr("\"tools\" must be a list"));
}

TEST(RowFormat, MessageCountHasALimit) {
    ordered_json row;
    row["messages"] = ordered_json::array();
    for (size_t i = 0; i < kMaxMessages; ++i)
        row["messages"].push_back({{"role", i % 2 ? "assistant" : "user"}, {"content", "a"}});
    EXPECT_EQ(Reason(row.dump()), "good");
    row["messages"].push_back({{"role", "user"}, {"content", "a"}});
    EXPECT_THAT(Reason(row.dump()), HasSubstr("1025 messages, more than the limit of 1024"));
}

TEST(RowFormat, PromptCompletion) {
    auto row = ConvertRow(R"({"prompt":"a","completion":" b"})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(Parts(*row), "a[[ b]]");
    row = ConvertRow(R"({"prompt":"a","completion":"b"})", {.use_chat_template = true});
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.messages.dump(),
              R"([{"role":"user","content":"a"},{"role":"assistant","content":"b"}])");
    // As lists of messages: only the completion's answers are trained.
    row = ConvertRow(
        R"({"prompt":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}],
                      "completion":[{"role":"assistant","content":"d"}]})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.weights, (std::vector<float>{0, 0, 0, 1}));
    row = ConvertRow(R"({"prompt":[{"role":"user","content":"a"}],"completion":"d"})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.messages[1]["role"], "assistant");
    EXPECT_THAT(Reason(R"({"prompt":"a","completion":""})"), HasSubstr("\"completion\" is empty"));
    EXPECT_THAT(Reason(R"({"prompt":3,"completion":"a"})"),
                HasSubstr("\"prompt\" must be a string, not number"));
    EXPECT_THAT(
        Reason(
            R"({"prompt":[{"role":"user","content":"a"}],"completion":[{"role":"user","content":"a"}]})"),
        HasSubstr("no message of the assistant"));
}

TEST(RowFormat, Pairs) {
    // With a template of the model's own they are chats, without one Alpaca's text.
    auto row = ConvertRow(R"({"instruction":"Add.","input":"1 2","output":"3"})",
                          {.model_has_template = true});
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.messages.dump(),
              R"([{"role":"user","content":"Add.\n\n1 2"},{"role":"assistant","content":"3"}])");
    row = ConvertRow(R"({"instruction":"Add.","input":"1 2","output":"3"})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(Parts(*row), "### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:\n[[3]]");
    row = ConvertRow(R"({"instruction":"Add.","input":null,"output":"3"})",
                     {.use_chat_template = false, .model_has_template = true});
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(Parts(*row), "### Instruction:\nAdd.\n\n### Response:\n[[3]]");
    row = ConvertRow(R"({"system":"S","input":"q","output":"a"})", {.use_chat_template = true});
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.messages[0].dump(), R"({"role":"system","content":"S"})");
    EXPECT_EQ(row->conversation.weights, (std::vector<float>{0, 0, 1}));
    row = ConvertRow(R"({"input":"q","output":"a"})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(Parts(*row), "q\n[[a]]");
    EXPECT_THAT(Reason(R"({"input":"q","output":""})"), HasSubstr("\"output\" is empty"));
    EXPECT_THAT(Reason(R"({"input":["q"],"output":"a"})"),
                HasSubstr("\"input\" must be a string, not array"));
}

TEST(RowFormat, ShareGpt) {
    auto row = ConvertRow(
        R"({"system":"S","conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"},
                          {"from":"human","value":"c"},{"from":"gpt","value":"d","weight":0}]})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.weights, (std::vector<float>{0, 0, 1, 0, 0}));
    EXPECT_EQ(row->conversation.messages[2].dump(), R"({"role":"assistant","content":"b"})");
    EXPECT_THAT(Reason(R"({"conversations":[{"from":"alien","value":"a"}]})"),
                HasSubstr("message 1: unknown \"from\" \"alien\""));
    EXPECT_THAT(Reason(R"({"conversations":[{"from":"human"}]})"), HasSubstr("no \"value\""));
    EXPECT_THAT(Reason(R"({"conversations":[{"from":"human","value":"a"}]})"),
                HasSubstr("no message of the assistant"));
}

TEST(RowFormat, InputIds) {
    auto row = ConvertRow(
        R"({"input_ids":[5,6,7,0],"labels":[-100,6,7,-100],"attention_mask":[1,1,1,0]})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->input_ids, (std::vector<int32_t>{5, 6, 7}));
    EXPECT_EQ(row->weights, (std::vector<float>{0, 1, 1}));
    EXPECT_EQ(ConvertRow(R"({"input_ids":[5,6]})")->weights, (std::vector<float>{1, 1}));
    EXPECT_THAT(Reason(R"({"input_ids":[5,6],"labels":[5]})"),
                HasSubstr("1 labels for 2 input_ids"));
    EXPECT_THAT(Reason(R"({"input_ids":[5,6],"labels":[5,9]})"),
                HasSubstr("label 2 is 9, which is neither -100 nor the input id 6"));
    EXPECT_THAT(Reason(R"({"input_ids":[5,-6]})"), HasSubstr("item 2 is negative"));
    EXPECT_THAT(Reason(R"({"input_ids":[5,6.5]})"), HasSubstr("item 2 is 6.5"));
    EXPECT_THAT(Reason(R"({"input_ids":[5,18446744073709551615]})"),
                HasSubstr("item 2 is 18446744073709551615"));
    EXPECT_THAT(Reason(R"({"input_ids":[-9223372036854775808]})"), HasSubstr("item 1 is"));
    EXPECT_THAT(Reason(R"({"input_ids":"5 6"})"), HasSubstr("must be a list of integers"));
    EXPECT_THAT(Reason(R"({"input_ids":[]})"), HasSubstr("empty"));
    EXPECT_THAT(Reason(R"({"input_ids":[1],"attention_mask":[0]})"), HasSubstr("empty"));
}

TEST(RowFormat, TextTemplates) {
    auto fill = [](std::string_view source, std::string_view row) -> std::string {
        auto parsed = TextTemplate::Parse(source);
        if (!parsed.ok()) return std::string(parsed.status().message());
        auto text = parsed->Fill(ordered_json::parse(row));
        return text.ok() ? PartsText(*text) : std::string(text.status().message());
    };
    auto whole = [](std::string_view text) { return fmt::format("[[{}]]", text); };
    EXPECT_EQ(fill(R"(### Q: {prompt} \n### A:\t{answer}\\n)", R"({"prompt":"a{b}","answer":42})"),
              whole("### Q: a{b} \n### A:\t42\\n"));
    EXPECT_EQ(fill(R"({{"x": {v}}})", R"({"v":["é"]})"), whole(R"({"x": ["é"]})"));
    EXPECT_EQ(fill("<|user|>\n{programming_language}<|end|>", R"({"programming_language":"C++"})"),
              whole("<|user|>\nC++<|end|>"));
    EXPECT_THAT(fill("{a} {missing}", R"({"a":1,"b":2})"),
                HasSubstr("asks for the field \"missing\", the row has a, b"));
    EXPECT_THAT(fill("{a}", R"({"a":null})"), HasSubstr("\"a\" of --text_template is null"));
    EXPECT_THAT(fill("{a", "{}"), HasSubstr("the { at character 1 is not closed"));
    EXPECT_THAT(fill("x}", "{}"), HasSubstr("the } at character 2 closes nothing"));
    EXPECT_THAT(fill("{}", "{}"), HasSubstr("hold no field name"));
    EXPECT_THAT(fill("{a{b}", "{}"), HasSubstr("hold no field name"));
    EXPECT_THAT(fill("no field", "{}"), HasSubstr("names no field"));
}

TEST(RowFormat, Detection) {
    auto format = [](std::string_view row, const RowFormatOptions& options = {}) {
        auto converter = RowConverter::Detect(ordered_json::parse(row), options);
        return converter.ok() ? std::string(RowFormatName(converter->format()))
                              : std::string(converter.status().message());
    };
    EXPECT_EQ(format(R"({"text":"a","messages":[]})"), "chat messages");
    EXPECT_EQ(format(R"({"text":"a","x":1})"), "plain text");
    EXPECT_EQ(format(R"({"messages":null,"text":"a"})"), "plain text");
    EXPECT_EQ(format(R"({"q":"a","text":"b"})", {.text_field = "q"}), "text field");
    EXPECT_EQ(format(R"({"q":"a"})", {.text_template = "{q}"}), "text template");
    EXPECT_THAT(format(R"({"front":"a","back":"b"})"), HasSubstr("the first one has front, back"));
    EXPECT_THAT(format(R"({"q":"a"})", {.text_template = "{q}", .text_field = "q"}),
                HasSubstr("exclude each other"));
    EXPECT_THAT(format(R"({"q":"a"})", {.text_template = "{q}", .use_chat_template = true}),
                HasSubstr("excludes"));
    EXPECT_THAT(format(R"({"text":"a"})", {.use_chat_template = true}),
                HasSubstr("needs messages or pairs"));
    EXPECT_THAT(format(R"({"messages":[]})", {.use_chat_template = false}),
                HasSubstr("no text without a chat template"));
    EXPECT_THAT(Reason(R"({"q":""})", {.text_field = "q"}), HasSubstr("the text is empty"));
    EXPECT_THAT(Reason(R"({"q":"a"})", {.text_field = "z"}),
                HasSubstr("\"z\" is missing (the row has q)"));
}

TEST(RowFormat, TemplatesTrainWhatIsMarked) {
    auto fill = [](std::string_view source, std::string_view row) -> std::string {
        auto parsed = TextTemplate::Parse(source);
        if (!parsed.ok()) return std::string(parsed.status().message());
        auto parts = parsed->Fill(ordered_json::parse(row));
        return parts.ok() ? PartsText(*parts) : std::string(parts.status().message());
    };
    const std::string row = R"({"text":"lost card","category":"card_lost","none":" ","x":null})";
    EXPECT_EQ(fill("Query: {text}\nIntent: [[{category}]]", row),
              "Query: lost card\nIntent: [[card_lost]]");
    EXPECT_EQ(fill("[[{text}!]] or [[{category}.\n]]end", row),
              "[[lost card!]] or [[card_lost.\n]]end");
    EXPECT_EQ(fill(R"(\[[{text}\]] [[{category}]])", row), "[[lost card]] [[card_lost]]");
    EXPECT_THAT(fill("{text}: [[{none}]]", row), HasSubstr("\"none\" is empty: there is nothing"));
    EXPECT_THAT(fill("{text}: {none}\n", row), HasSubstr("\"none\", which ends --text_template"));
    EXPECT_EQ(fill("{none}: {text}", row), "[[ : lost card]]");
    EXPECT_THAT(fill("Q: {none} A: ", R"({"none":""})"), HasSubstr("all fields"));
    EXPECT_THAT(fill("{text} [[{category}", row), HasSubstr("the [[ at character 8 is not closed"));
    EXPECT_THAT(fill("{text} [[]]", row), HasSubstr("is empty"));
    EXPECT_THAT(fill("[[{text} [[{category}]]", row), HasSubstr("stands inside another"));
}

TEST(RowFormat, ColumnsUnderOtherNames) {
    // Known by their names, in any case; a pair goes through the model's template.
    auto row = ConvertRow(R"({"Question":"q","Answer":"a","id":7})", {.model_has_template = true});
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.messages.dump(),
              R"([{"role":"user","content":"q"},{"role":"assistant","content":"a"}])");
    for (const char* pair : {R"({"query":"q","response":"a"})", R"({"prompt":"q","response":"a"})",
                             R"({"INPUT":"q","OUTPUT":"a"})", R"({"prompt":"q","answer":"a"})"}) {
        row = ConvertRow(pair);
        ASSERT_TRUE(row.ok()) << pair << row.status();
        EXPECT_EQ(Parts(*row), "q\n[[a]]") << pair;
    }
    EXPECT_EQ(Parts(*ConvertRow(R"({"Prompt":"q","Completion":"a"})")), "q[[a]]");
    EXPECT_EQ(Parts(*ConvertRow(R"({"TEXT":"t"})")), "[[t]]");
    EXPECT_EQ(Parts(*ConvertRow(R"({"instruction":"do","context":"c","response":"a"})")),
              "### Instruction:\ndo\n\n### Input:\nc\n\n### Response:\n[[a]]");
    row = ConvertRow(
        R"({"conversation":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.messages.size(), 2u);
    // The first row need not have the optional ones, or have them null.
    for (const char* first : {R"({"Instruction":"a","context":null,"response":"b"})",
                              R"({"Instruction":"a","input":null,"response":"b"})",
                              R"({"Instruction":"a","response":"b"})"}) {
        auto converter = RowConverter::Detect(ordered_json::parse(first), {});
        ASSERT_TRUE(converter.ok()) << converter.status();
        const ordered_json later = ordered_json::parse(
            R"({"Instruction":"do","context":"c","response":"a","system_prompt":"S","x":1})");
        auto converted = converter->Convert(later);
        ASSERT_TRUE(converted.ok()) << converted.status();
        EXPECT_EQ(Parts(*converted),
                  "S\n\n### Instruction:\ndo\n\n### Input:\nc\n\n### Response:\n[[a]]");
        EXPECT_EQ(converter->UnusedColumns(later), std::vector<std::string>{"x"});
        EXPECT_EQ(Parts(*converter->Convert(ordered_json::parse(first))),
                  "### Instruction:\na\n\n### Response:\n[[b]]");
    }
    // Said with --columns.
    const RowFormatOptions said = {.columns = {{"prompt", "Front"}, {"completion", "Back"}}};
    EXPECT_EQ(Parts(*ConvertRow(R"({"Front":"q","Back":"a"})", said)), "q[[a]]");
    EXPECT_THAT(
        Reason(R"({"Front":"q","Rear":"a"})", said),
        HasSubstr("--columns completion=Back: there is no such column; the row has Front, Rear"));
    EXPECT_EQ(
        Parts(*ConvertRow(R"({"prompt":"q","Back":"a"})", {.columns = {{"completion", "Back"}}})),
        "q[[a]]");
    EXPECT_THAT(Reason(R"({"a":"q","b":""})", {.columns = {{"prompt", "a"}, {"completion", "b"}}}),
                HasSubstr("\"completion\" is empty"));
    EXPECT_THAT(Reason(R"({"a":"q"})", {.columns = {{"text", "a"}}, .text_template = "{a}"}),
                HasSubstr("excludes"));
}

TEST(RowFormat, UnusedColumns) {
    auto unused = [](std::string_view row, const RowFormatOptions& options = {}) {
        auto converter = RowConverter::Detect(ordered_json::parse(row), options);
        EXPECT_TRUE(converter.ok()) << converter.status();
        return fmt::format("{}",
                           fmt::join(converter->UnusedColumns(ordered_json::parse(row)), ","));
    };
    EXPECT_EQ(unused(R"({"text":"a","topic":"b","empty":null})"), "topic");
    EXPECT_EQ(unused(R"({"text":"a","category":"b"})", {.text_template = "{text} {category}"}), "");
    EXPECT_EQ(unused(R"({"Question":"a","Answer":"b","question_id":1})"), "question_id");
    EXPECT_EQ(unused(R"({"prompt":"a","completion":"b","x":"c"})", {.columns = {{"prompt", "x"}}}),
              "prompt");
    // Joined as they stand, prompt and completion have no place for a system text.
    EXPECT_EQ(unused(R"({"prompt":"a","completion":"b","system":"c"})"), "system");
    EXPECT_EQ(
        unused(R"({"prompt":"a","completion":"b","system":"c"})", {.use_chat_template = true}), "");
}

TEST(RowFormat, TurnsThatAreNotTrained) {
    auto weights = [](std::string_view turns) {
        auto row = ConvertRow(fmt::format("{{\"conversations\":[{}]}}", turns));
        EXPECT_TRUE(row.ok()) << row.status();
        return row.ok() ? row->conversation.weights : std::vector<float>();
    };
    const std::string user = R"({"from":"human","value":"q","loss":null},)";
    for (const char* mark : {"\"loss\":false", "\"train\":false", "\"training\":0", "\"weight\":0",
                             "\"loss_weight\":0.0", "\"loss_scale\":0"})
        EXPECT_EQ(weights(user + R"({"from":"gpt","value":"bad",)" + mark +
                          R"(},{"role":"assistant","content":"good","loss":true})"),
                  (std::vector<float>{0, 0, 1}))
            << mark;
    auto reason = [&](std::string_view last) {
        return Reason(
            fmt::format("{{\"messages\":[{{\"role\":\"user\",\"content\":\"q\"}},{}]}}", last));
    };
    EXPECT_THAT(reason(R"({"role":"assistant","content":"a","weight":1,"train":false})"),
                HasSubstr("message 2: \"weight\" 1 and \"train\" false contradict each other"));
    EXPECT_EQ(reason(R"({"role":"assistant","content":"a","weight":1,"train":true})"), "good");
    EXPECT_THAT(reason(R"({"role":"assistant","content":"a","loss":0.3})"),
                HasSubstr("\"loss\" must be 0 or 1, not 0.3"));
    EXPECT_THAT(reason(R"({"role":"assistant","content":"a","train_detail":[{}]})"),
                HasSubstr("\"train_detail\" is not read"));
    EXPECT_THAT(reason(R"({"role":"user","content":"a","train":true})"),
                HasSubstr("assistant only"));
}

TEST(RowFormat, OtherToolsFunctionCalls) {
    const std::string call =
        R"("tool_calls":[{"type":"function","function":{"name":"f","arguments":)";
    auto row = ConvertRow(R"({"functions":[{"name":"f","parameters":{}}],"messages":[
        {"role":"user","content":"q"},
        {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
        {"role":"function","name":"f","content":"7"},
        {"role":"assistant","content":"a"}]})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.tools.dump(),
              R"([{"type":"function","function":{"name":"f","parameters":{}}}])");
    EXPECT_THAT(row->conversation.messages[1].dump(), HasSubstr(call));
    EXPECT_EQ(row->conversation.messages[2]["role"], "tool");
    row = ConvertRow(R"({"conversations":[{"from":"human","value":"q"},
        {"from":"function_call","value":"{\"name\":\"f\",\"arguments\":{\"x\":1}}"},
        {"from":"observation","value":"7"},{"from":"gpt","value":"a"}],"tools":"[{\"name\":\"f\"}]"})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_THAT(row->conversation.messages[1].dump(), HasSubstr(call + R"({"x":1})"));
    EXPECT_EQ(row->conversation.weights, (std::vector<float>{0, 1, 0, 1}));
    EXPECT_EQ(row->conversation.tools.size(), 1u);
    EXPECT_THAT(Reason(R"({"conversations":[{"from":"function_call","value":"call f"}]})"),
                HasSubstr("a function call must be JSON"));
    EXPECT_THAT(Reason(R"({"tools":[{"a":1}],"functions":[{"name":"f"}],
                           "messages":[{"role":"assistant","content":"a"}]})"),
                HasSubstr("write one of the two"));
}

TEST(RowFormat, SystemHistoryAndMessagesAsText) {
    auto row = ConvertRow(R"({"system":"S","messages":"[{\"role\":\"user\",\"content\":\"q\"},)"
                          R"({\"role\":\"assistant\",\"content\":\"a\"}]"})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.messages.size(), 3u);
    EXPECT_EQ(row->conversation.messages[0]["content"], "S");
    EXPECT_THAT(Reason(R"({"system":"S","messages":[{"role":"system","content":"T"},
                           {"role":"assistant","content":"a"}]})"),
                HasSubstr("says something else"));
    row = ConvertRow(R"({"instruction":"q2","input":"","output":"a2","history":[["q1","a1"]]})",
                     {.model_has_template = true});
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.weights, (std::vector<float>{0, 1, 0, 1}));
    EXPECT_EQ(row->conversation.messages[1]["content"], "a1");
    EXPECT_THAT(Reason(R"({"instruction":"q2","output":"a2","history":[["q1","a1"]]})"),
                HasSubstr("needs a chat template"));
    EXPECT_THAT(Reason(R"({"instruction":"q2","output":"a2","history":["q1"]})",
                       {.model_has_template = true}),
                HasSubstr("[question, answer]"));
    EXPECT_EQ(Parts(*ConvertRow(R"({"system":"S","input":"q","output":"a"})")), "S\n\nq\n[[a]]");
}

TEST(RowFormat, WhatIsEmptyOrNullIsAbsent) {
    auto row = ConvertRow(R"({"system":"S","messages":[{"role":"system","content":" "},
                           {"role":"user","content":"q"},{"role":"assistant","content":"a"}]})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.messages.size(), 3u);
    EXPECT_EQ(row->conversation.messages[0]["content"], "S");
    EXPECT_EQ(row->conversation.weights, (std::vector<float>{0, 0, 1}));
    row = ConvertRow(R"({"messages":[{"role":"assistant","content":"a","tool_calls":[]}]})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.messages.dump(), R"([{"role":"assistant","content":"a"}])");
    EXPECT_THAT(Reason(R"({"messages":[{"role":"user","content":"a","tool_calls":[]}]})"),
                HasSubstr("for messages of the assistant only"));
    // One table for both forms of a turn.
    row = ConvertRow(R"({"conversations":[{"from":"human","value":"q","role":null,"content":null},
                      {"role":null,"from":"gpt","value":"a"}]})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.messages.dump(),
              R"([{"role":"user","content":"q"},{"role":"assistant","content":"a"}])");
}

// They go through the chat template, whatever the columns are called.
TEST(RowFormat, PromptsAndCompletionsThatAreMessages) {
    const char* kMessages = R"("system":"S",)"
                            R"("p":"q","c":[{"role":"assistant","content":"a"}]})";
    const RowFormatOptions said = {.columns = {{"prompt", "p"}, {"completion", "c"}}};
    const ordered_json json = ordered_json::parse("{" + std::string(kMessages));
    auto converter = RowConverter::Detect(json, said);
    ASSERT_TRUE(converter.ok()) << converter.status();
    EXPECT_TRUE(converter->uses_chat_template());
    EXPECT_EQ(converter->PromptTemplate(), "");
    EXPECT_EQ(converter->UnusedColumns(json), std::vector<std::string>());
    auto row = converter->Convert(json);
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.messages[0]["content"], "S");
    EXPECT_EQ(row->conversation.messages.size(), 3u);
    auto texts =
        RowConverter::Detect(ordered_json::parse(R"({"prompt":"q","completion":"a"})"), {});
    EXPECT_FALSE(texts->uses_chat_template());
    EXPECT_EQ(texts->PromptTemplate(), "{prompt}");
}

TEST(RowFormat, OtherKindsOfRowsAreRefusedByName) {
    EXPECT_THAT(Reason(R"({"prompt":"q","chosen":"a","rejected":"b"})"),
                HasSubstr("--objective dpo"));
    EXPECT_EQ(Parts(*ConvertRow(R"({"prompt":"q","chosen":"a","rejected":"b"})",
                                {.columns = {{"completion", "chosen"}}})),
              "q[[a]]");
    EXPECT_THAT(Reason(R"({"prompt":"q","completion":"a","label":true})"),
                HasSubstr("--objective kto"));
    EXPECT_EQ(Reason(R"({"prompt":"q","completion":"a","label":"spam"})"), "good");
    EXPECT_THAT(Reason(R"({"instruction":{"0":"q"},"output":{"0":"a"}})"),
                HasSubstr("whole table"));
    EXPECT_THAT(Reason(R"({"text":["a","b"],"label":["x","y"]})"), HasSubstr("whole table"));
}

// As datasets' to_json writes them: each tool with the parameters of all.
TEST(RowFormat, ArrowsNullsAreLeftOut) {
    auto row = ConvertRow(R"({"messages":[{"role":"assistant","content":null,"tool_calls":[
            {"function":{"name":"a","arguments":{"x":"q","y":null}}}]}],
        "tools":[{"function":{"name":"a","parameters":{"properties":{"x":{"type":"string"},"y":null}}}}]})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.messages[0]["tool_calls"][0]["function"]["arguments"].dump(),
              R"({"x":"q"})");
    EXPECT_EQ(row->conversation.tools[0]["function"]["parameters"].dump(),
              R"({"properties":{"x":{"type":"string"}}})");
    // A null that the row means stays.
    row = ConvertRow(R"({"messages":[{"role":"assistant","content":null,"tool_calls":[
            {"function":{"name":"a","arguments":{"x":null}}}]}],
        "tools":[{"function":{"name":"a","parameters":{"properties":{"x":{"default":null}}}}}]})");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->conversation.messages[0]["tool_calls"][0]["function"]["arguments"].dump(),
              R"({"x":null})");
}

TEST(RowFormat, HashIsOfTheContent) {
    EXPECT_EQ(RowHash(ordered_json::parse(R"({"a":1,"b":"x"})")),
              RowHash(ordered_json::parse(R"({ "b" : "\u0078", "a": 1 })")));
    EXPECT_NE(RowHash(ordered_json::parse(R"({"a":1,"b":"x"})")),
              RowHash(ordered_json::parse(R"({"a":"x","b":1})")));
    EXPECT_NE(RowHash(ordered_json::parse(R"(["a","b"])")),
              RowHash(ordered_json::parse(R"(["b","a"])")));
    EXPECT_NE(RowHash(ordered_json::parse(R"({"a":"1"})")),
              RowHash(ordered_json::parse(R"({"a":1})")));
    EXPECT_NE(RowHash(ordered_json::parse(R"({"a":{}})")),
              RowHash(ordered_json::parse(R"({"a":[]})")));
}

TEST(Unescape, ReadsWhatShellsPassOnAsTwoCharacters) {
    EXPECT_EQ(Unescape(R"(a\nb\tc\rd\\n)"), "a\nb\tc\rd\\n");
    EXPECT_EQ(Unescape(R"(\x \)"), R"(\x \)");
    EXPECT_EQ(Unescape(""), "");
}

TEST(TextTemplate, HeadIsWhatAsksForTheAnswer) {
    const auto head = [](std::string_view source) { return TextTemplate::Parse(source)->Head(); };
    EXPECT_EQ(head(R"(Q: {question}\nA: {answer})"), R"(Q: {question}\nA:)");
    EXPECT_EQ(head(R"({a}\n\n{b}!)"), R"({a}\n\n)");
    EXPECT_EQ(head("Once {text} ends"), "Once {text}");
    EXPECT_EQ(head(R"({{"q": "{q}", \\ "a": "{a}"}})"), R"({{"q": "{q}", \\ "a": ")");
    EXPECT_EQ(head("{a} {b} {c}"), "{a} {b}");
    // Up to what is trained, wherever that is.
    EXPECT_EQ(head(R"({text}\n[[{label}]])"), R"({text}\n)");
    EXPECT_EQ(head("{a} is [[{b}]], {c}"), "{a} is");
    EXPECT_EQ(head("Title: [[{title} by {author}]]"), "Title: {title}");
    EXPECT_EQ(head(R"([x] \[[{q}\]] {a})"), R"([x] \[[{q}]])");
}

TEST(TextTemplate, APromptTakesThePlaceOfOneField) {
    EXPECT_EQ(*TextTemplate::Parse(R"(Q: {q}\nA:)")->FillPrompt("{x}"), "Q: {x}\nA:");
    EXPECT_EQ(*TextTemplate::Parse("{q} {q}")->FillPrompt("x"), "x x");
    EXPECT_FALSE(TextTemplate::Parse("{a} {b}")->FillPrompt("x").ok());
}

}  // namespace
}  // namespace hone
