#include "data/format/left_out.h"

#include <gmock/gmock.h>

#include "data/format/test_support.h"

namespace hone {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

absl::StatusOr<EncodedRow> Encode(const ConversationEncoder& encoder, std::string_view messages,
                                  const ordered_json& tools = nullptr) {
    auto conversation = ParseMessages(ordered_json::parse(messages), tools);
    EXPECT_TRUE(conversation.ok()) << conversation.status();
    return encoder.EncodeConversation(*conversation, {});
}

// What a good row's template leaves out, or the error.
std::vector<std::string> LeftOutOf(const ConversationEncoder& encoder, std::string_view messages,
                                   const ordered_json& tools = nullptr) {
    auto row = Encode(encoder, messages, tools);
    if (!row.ok()) return {"error: " + std::string(row.status().message())};
    return row->left_out;
}

std::shared_ptr<ConversationEncoder> FileEncoder(const std::string& name) {
    return TestEncoder(
        *ReadFile(std::string(HONE_SOURCE_DIR) + "/src/text/testdata/templates/" + name));
}

const ordered_json kTools = ordered_json::parse(
    R"([{"type":"function","function":{"name":"weather","description":"Gives \"it\" <now>",)"
    R"("parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}])");

constexpr std::string_view kCall =
    R"([{"role":"user","content":"What is the weather in Paris?"},{"role":"assistant",)"
    R"("content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"weather",)"
    R"("arguments":"{\"city\": \"Paris\"}"}}]}])";

// ChatML knows no tools: what would be trained of a call is the end of an empty turn.
TEST(LeftOut, AToolCallThatTheTemplateDropsIsAnError) {
    EXPECT_THAT(LeftOutOf(*TestEncoder(), kCall, kTools),
                ElementsAre(HasSubstr("error: the chat template does not show the tool_calls of "
                                      "message 2")));
    // Of an answer that is not trained it is not.
    auto calls = ordered_json::parse(kCall);
    calls[1]["weight"] = 0;
    calls.push_back({{"role", "assistant"}, {"content", "It rains."}});
    EXPECT_THAT(LeftOutOf(*TestEncoder(), calls.dump()),
                ElementsAre("the tool_calls of message 2"));
}

// The name alone says nothing of what the tool was called with.
TEST(LeftOut, ArgumentsThatTheTemplateDropsAreAnError) {
    auto encoder = TestEncoder(
        "{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ m.content }}"
        "{%- for c in m.tool_calls or [] -%}CALL {{ c.function.name }}{%- endfor -%}"
        "<|im_end|>\n{% endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant\n{% endif "
        "-%}");
    EXPECT_THAT(LeftOutOf(*encoder, kCall), ElementsAre(HasSubstr("the tool_calls of message 2")));
}

constexpr std::string_view kChat =
    R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},)"
    R"({"role":"assistant","content":"Hello."}])";

TEST(LeftOut, WhatOnlyAsksIsSaid) {
    EXPECT_THAT(LeftOutOf(*TestEncoder(), kChat, kTools), ElementsAre("the row's tools"));
    auto no_system = TestEncoder(
        "{%- for m in messages if m.role != 'system' -%}<|im_start|>{{ m.role }}\n{{ m.content "
        "}}<|im_end|>\n{% endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant\n{% "
        "endif -%}");
    EXPECT_THAT(LeftOutOf(*no_system, kChat), ElementsAre("the text of message 1 (system)"));
    // Though the same words stand elsewhere.
    EXPECT_THAT(
        LeftOutOf(*no_system, R"([{"role":"system","content":"Hi"},{"role":"user","content":"Hi"},)"
                              R"({"role":"assistant","content":"Hi"}])"),
        ElementsAre("the text of message 1 (system)"));
    auto no_tool = TestEncoder(
        "{%- for m in messages if m.role != 'tool' -%}<|im_start|>{{ m.role }}\n{{ m.content "
        "}}{{ m.tool_calls }}<|im_end|>\n{% endfor -%}{%- if add_generation_prompt "
        "-%}<|im_start|>assistant\n{% endif -%}");
    auto answered = ordered_json::parse(kCall);
    answered.push_back({{"role", "tool"}, {"content", "42"}});
    answered.push_back({{"role", "assistant"}, {"content", "It is 42."}});
    EXPECT_THAT(LeftOutOf(*no_tool, answered.dump()), ElementsAre("the text of message 3 (tool)"));
}

constexpr std::string_view kCutsThoughts =
    "{%- for m in messages -%}{%- set c = m.content -%}{%- if '</think>' in c -%}"
    "{%- set c = c.split('</think>')[-1] -%}{%- endif -%}<|im_start|>{{ m.role }}\n{{ c "
    "}}<|im_end|>\n{% endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant\n{% endif "
    "-%}";

// As those of the R1 distills: the reasoning is what such data is for.
TEST(LeftOut, ReasoningThatTheTemplateCutsIsAnError) {
    auto encoder = TestEncoder(kCutsThoughts);
    EXPECT_THAT(
        LeftOutOf(*encoder, R"([{"role":"user","content":"Hello"},{"role":"assistant",)"
                            R"("content":"<think>\nno, it is\n</think>\n\nyes"}])"),
        ElementsAre(HasSubstr("error: the chat template does not show the reasoning of")));
    // Of an earlier answer templates drop it on purpose.
    constexpr std::string_view kEarlier =
        R"([{"role":"user","content":"Hello"},{"role":"assistant","content":"<think>\nno, it is\n)"
        R"(</think>\n\nyes"},{"role":"user","content":"q"},{"role":"assistant","content":"no"}])";
    auto row = Encode(*encoder, kEarlier);
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_THAT(row->left_out, ElementsAre(HasSubstr("the reasoning of message 2")));
    EXPECT_THAT(TrainedText(*encoder, row->example),
                testing::EndsWith("yes<|im_end|>|no<|im_end|>"));
    auto qwen3 = FileEncoder("qwen3.jinja");
    row = Encode(*qwen3, kEarlier);
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_THAT(row->left_out, ElementsAre(HasSubstr("the reasoning of message 2")));
    EXPECT_THAT(TrainedText(*qwen3, row->example), HasSubstr("yes<|im_end|>|"));
}

TEST(LeftOut, AFieldOfReasoningCounts) {
    constexpr std::string_view kThought =
        R"([{"role":"user","content":"Hello"},{"role":"assistant","content":"yes",)"
        R"("reasoning_content":"no, it is"}])";
    EXPECT_THAT(
        LeftOutOf(*TestEncoder(), kThought),
        ElementsAre(HasSubstr("error: the chat template does not show the reasoning_content of")));
    auto qwen3 = FileEncoder("qwen3.jinja");
    auto row = Encode(*qwen3, kThought);
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_THAT(row->left_out, IsEmpty());
    EXPECT_THAT(TrainedText(*qwen3, row->example), HasSubstr("no, it is\n</think>\n\nyes"));
}

// A template that trims, escapes, spells as JSON or writes other marks shows what it shows.
TEST(LeftOut, WhatIsSpelledOtherwiseIsShown) {
    const std::string messages =
        R"([{"role":"system","content":" Say \"why\" & <how>.\n\nNot: é "},{"role":"user",)"
        R"("content":"x < y"},{"role":"assistant","content":"<think>A \"b\"</think>\n\n C & d\n"}])";
    for (std::string_view content :
         {"m.content | trim", "m.content | tojson", "m.content | e",
          "m.content.replace('\n', ' ')", "m.content.replace('<think>', '[THINK]')"}) {
        auto encoder = TestEncoder("{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ " +
                                   std::string(content) +
                                   " }}<|im_end|>\n{% endfor -%}{%- if add_generation_prompt "
                                   "-%}<|im_start|>assistant\n{% endif -%}");
        EXPECT_THAT(LeftOutOf(*encoder, messages), IsEmpty()) << content;
    }
    auto tools = TestEncoder(
        "{{ tools | tojson(indent=4) }}{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ "
        "m.content }}{%- for c in m.tool_calls or [] -%}{%- for k, v in c.function.arguments | "
        "items -%}<{{ k }}>{{ v }}</{{ k }}>{%- endfor -%}<{{ c.function.name }}>{%- endfor "
        "-%}<|im_end|>\n{% endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant\n{% "
        "endif -%}");
    EXPECT_THAT(LeftOutOf(*tools, kCall, kTools), IsEmpty());
}

// As Python's strip() and split() see it: what looks like a space is one.
TEST(LeftOut, WhiteSpaceIsUnicodes) {
    for (std::string_view content : {"m.content | trim", "m.content.split() | join(' ')",
                                     "m.content.replace('\u00a0', ' ')"}) {
        auto encoder = TestEncoder("{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ " +
                                   std::string(content) +
                                   " }}<|im_end|>\n{% endfor -%}{%- if add_generation_prompt "
                                   "-%}<|im_start|>assistant\n{% endif -%}");
        for (std::string_view space :
             {"\u00a0", "\u0085", "\u1680", "\u2000", "\u200a", "\u2028", "\u2029", "\u202f",
              "\u205f", "\u3000", "\u3000\u00a0 \n"}) {
            ordered_json messages = ordered_json::parse(kChat);
            messages[2]["content"] = fmt::format("{0}Hello{0}there, reader.{0}", space);
            EXPECT_THAT(LeftOutOf(*encoder, messages.dump()), IsEmpty()) << content << messages;
        }
    }
    // Letters of the same bytes are letters.
    auto cuts = TestEncoder(
        "{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ m.content.split('\u2018')[0] "
        "}}<|im_end|>\n{% endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant\n{% "
        "endif -%}");
    EXPECT_THAT(LeftOutOf(*cuts, "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
                                 "\"content\":\"Hello \u2018\u00e0\u20ac\"}]"),
                ElementsAre(HasSubstr("error: the chat template does not show")));
}

// The thought is opened by the generation prompt, so it is no part of what is trained.
TEST(LeftOut, AThoughtMayBeginInTheHeader) {
    auto encoder = TestEncoder(
        "{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ '<think>\n' if m.role == "
        "'assistant' }}{{ m.content.split('<think>')[-1].lstrip() }}<|im_end|>\n{% endfor -%}{%- "
        "if add_generation_prompt -%}<|im_start|>assistant\n{{ '<think>\n' }}{% endif -%}");
    auto row = Encode(*encoder, R"([{"role":"user","content":"a"},{"role":"assistant",)"
                                R"("content":"<think>no</think>yes"}])");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_THAT(row->left_out, IsEmpty());
    EXPECT_EQ(TrainedText(*encoder, row->example), "no</think>yes<|im_end|>");
}

// Chats that published templates are made for.
TEST(LeftOut, KnownTemplatesShowAll) {
    constexpr std::string_view kUser =
        R"([{"role":"user","content":" Hi <b>\n"},{"role":"assistant","content":" Yes. "},)"
        R"({"role":"user","content":"1"},{"role":"assistant","content":"2"}])";
    for (const char* name : {"gemma.jinja", "llama3.jinja", "phi.jinja", "qwen2_5.jinja",
                             "qwen3.jinja", "smollm2.jinja"}) {
        auto encoder = FileEncoder(name);
        EXPECT_THAT(LeftOutOf(*encoder, kUser), IsEmpty()) << name;
        EXPECT_THAT(LeftOutOf(*encoder, kChat), IsEmpty()) << name;
    }
    auto answered = ordered_json::parse(kCall);
    answered.push_back({{"role", "tool"}, {"content", "{\"rain\": true}"}});
    answered.push_back({{"role", "assistant"}, {"content", "It rains."}});
    for (const char* name : {"llama3.jinja", "qwen2_5.jinja"}) {
        EXPECT_THAT(LeftOutOf(*FileEncoder(name), kCall, kTools), IsEmpty()) << name;
        EXPECT_THAT(LeftOutOf(*FileEncoder(name), answered.dump(), kTools), IsEmpty()) << name;
    }
}

}  // namespace
}  // namespace hone
