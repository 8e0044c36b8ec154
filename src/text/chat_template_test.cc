#include "text/chat_template.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/files/file.h"
#include "base/limits.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

const Json kTokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};

std::string TemplateTestFile(const std::string& name) {
    auto text = ReadFile(std::string(HONE_SOURCE_DIR) + "/src/text/testdata/" + name);
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? *text : std::string();
}

const Json& Golden() {
    static const Json golden = Json::parse(TemplateTestFile("chat_templates.json"));
    return golden;
}

absl::StatusOr<std::string> Rendered(std::string_view source, const Json& messages,
                                     const Json& tools = nullptr,
                                     bool add_generation_prompt = false) {
    HONE_ASSIGN_OR_RETURN(auto chat_template, ChatTemplate::Parse(source, kTokens));
    return chat_template->Render(messages, tools, add_generation_prompt);
}

// The text, or the error's text.
std::string Shown(std::string_view source, const Json& messages = Json::array(),
                  const Json& tools = nullptr) {
    auto text = Rendered(source, messages, tools);
    return text.ok() ? *text : "error: " + std::string(text.status().message());
}

TEST(ChatTemplateTest, ChatsRenderAsInPython) {
    int compared = 0;
    for (const Json& chat : Golden()["chats"]) {
        const std::string source = TemplateTestFile("templates/" + chat["file"].get<std::string>());
        auto text =
            Rendered(source, chat["messages"], chat["tools"], chat["add_generation_prompt"]);
        if (chat.contains("expected")) {
            ASSERT_TRUE(text.ok()) << chat["name"] << ": " << text.status();
            EXPECT_EQ(*text, chat["expected"].get<std::string>()) << chat["name"];
        } else {
            EXPECT_FALSE(text.ok()) << chat["name"] << " must fail with: " << chat["error"];
        }
        ++compared;
    }
    EXPECT_GE(compared, 180);
}

TEST(ChatTemplateTest, SnippetsRenderAsInPython) {
    for (const Json& snippet : Golden()["snippets"]) {
        EXPECT_EQ(Shown(snippet["template"].get<std::string>(), Golden()["messages"]),
                  snippet["expected"].get<std::string>())
            << snippet["template"];
    }
}

TEST(ChatTemplateTest, WhatFailsInPythonFails) {
    for (const Json& source : Golden()["failing"]) {
        auto chat_template = ChatTemplate::Parse(source.get<std::string>(), kTokens);
        if (!chat_template.ok())
            continue;  // Python finds unknown filters and tests when it parses, too
        auto text = (*chat_template)->Render(Golden()["messages"], nullptr, false);
        ASSERT_FALSE(text.ok()) << source << " gave " << *text;
        EXPECT_EQ(KindOf(text.status()), ErrorKind::kData);
        EXPECT_NE(text.status().message().find("line "), std::string::npos) << text.status();
    }
    for (const Json& source : Golden()["unparsable"]) {
        auto chat_template = ChatTemplate::Parse(source.get<std::string>(), Json::object());
        ASSERT_FALSE(chat_template.ok()) << source;
        EXPECT_EQ(KindOf(chat_template.status()), ErrorKind::kData);
        EXPECT_NE(chat_template.status().message().find("does not parse"), std::string::npos);
    }
}

TEST(ChatTemplateTest, TheReasonOfRaiseExceptionComesBack) {
    EXPECT_EQ(
        Shown("\n{{ raise_exception('roles must alternate') }}"),
        "error: the chat template failed: line 2: the template refuses: roles must alternate");
}

TEST(ChatTemplateTest, ChatMl) {
    const Json messages = {{{"role", "system"}, {"content", "S"}},
                           {{"role", "user"}, {"content", "U\n"}}};
    auto text = Rendered(ChatMlTemplate(), messages, nullptr, true);
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_EQ(*text,
              "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU\n<|im_end|>\n<|im_start|>"
              "assistant\n");
}

TEST(ChatTemplateTest, AnEmptyTokenIsUndefined) {
    auto chat_template = ChatTemplate::Parse(
        "{{ bos_token is defined }} {{ bos_token }}{{ eos_token }}", {{"eos_token", "E"}});
    ASSERT_TRUE(chat_template.ok());
    EXPECT_EQ(*(*chat_template)->Render(Json::array(), nullptr, false), "False E");
}

TEST(ChatTemplateTest, SourceIsKept) {
    const std::string source = "{% generation %}x{% endgeneration %}";
    EXPECT_EQ((*ChatTemplate::Parse(source, Json::object()))->sources().at("default"), source);
}

// Each would take all memory, all time or all stack.
TEST(ChatTemplateTest, HostileTemplatesEndWithAnError) {
    const std::vector<std::string> hostile = {
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(999999999999) %}x{% endfor %}",
        "{% set n = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% "
        "endfor %}",
        "{% set n = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% "
        "endfor %}",
        "{% set n = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set n.s = n.s * 99 %}{% "
        "endfor %}",
        "{% set n = namespace(s='xx') %}{% for i in range(99) %}{% set n.s = n.s | replace('x', "
        "n.s) %}{% endfor %}",
        "{% set n = namespace(s='xx') %}{% for i in range(99) %}{% set n.s = n.s.replace('x', n.s) "
        "%}{% endfor %}",
        "{% set n = namespace(s='xx') %}{% for i in range(99) %}{% set n.s = n.s | list | "
        "join(n.s) %}{% endfor %}",
        "{% set n = namespace(s='xx') %}{% for i in range(99) %}{% set n.s = n.s.join(n.s) %}{% "
        "endfor %}",
        "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor "
        "%}",
        "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = [n.s, n.s] %}{% endfor "
        "%}{{ n.s }}",
        "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = [n.s, n.s] %}{% endfor "
        "%}{{ n.s | tojson }}",
        "{% set n = namespace(s='x') %}{% for i in range(99) %}{% set x %}{{ n.s }}{{ n.s }}{% "
        "endset %}{% set n.s = x %}{% endfor %}",
        "{% set n = namespace(s=[]) %}{% for i in range(99) %}{% set n.s = n.s + ['x' * (60000000 "
        "- i)] %}{% endfor %}",
        "{% set s = 'x' * 60000000 %}{% for i in range(9999) %}{{ s }}{% endfor %}",
        "{{ 'x' | center(9999999999) }}",
        "{{ 'x'.ljust(9999999999) }}",
        "{{ '7'.zfill(9999999999) }}",
        "{{ 'x' | indent(9999999999, true) }}",
        "{{ '%9999999999d' | format(1) }}",
        "{{ '%*d' | format(999999999, 1) }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ '{:{}}'.format(1, 999999999) }}",
        "{{ '%.999999999f' % 1.5 }}",
        "{{ [0] * 999999999 }}",
        "{{ 2 ** 9999999999 }}",
        "{{ [[]] | tojson(indent=999999999) }}",
        "{% for a in range(99999) %}{% for b in range(99) %}" + std::string(20000, 'r') +
            "{% endfor %}{% endfor %}",
    };
    for (const std::string& source : hostile) {
        SCOPED_TRACE(source.substr(0, 200));
        auto text = Rendered(source, Json::array());
        ASSERT_FALSE(text.ok()) << "gave " << text->size() << " bytes";
        EXPECT_EQ(KindOf(text.status()), ErrorKind::kData);
        EXPECT_LT(text.status().message().size(), 1000u);
    }
}

TEST(ChatTemplateTest, ADeepValueIsFreedWithoutAFault) {
    EXPECT_EQ(Shown("{% set n = namespace(s=[]) %}{% for i in range(99000) %}{% set n.s = [n.s] "
                    "%}{% endfor %}done"),
              "done");
    const std::string deep = std::string(50, '[') + "n.s" + std::string(50, ']');
    const std::string source =
        "{% set n = namespace(s=[]) %}{% for i in range(99000) %}{% set n.s = " + deep +
        " %}{% endfor %}";
    EXPECT_NE(Shown(source).find("does not come to an end"), std::string::npos) << Shown(source);
}

TEST(ChatTemplateTest, DeepSourceIsAnErrorOrWorks) {
    for (const auto& [open, close] : std::vector<std::pair<std::string, std::string>>{
             {"(", ")"}, {"[", "]"}, {"{'a':", "}"}, {"a[", "]"}, {"a|d(", ")"}}) {
        std::string source = "{{ ";
        for (int i = 0; i < 100000; ++i) source += open;
        source += "1";
        for (int i = 0; i < 100000; ++i) source += close;
        EXPECT_FALSE(Rendered(source + " }}", Json::array()).ok()) << open;
    }
    // As long as a source may be: these are deep in the parser's tree although nothing nests.
    const auto filled = [](std::string_view unit) {
        std::string source;
        while (source.size() + unit.size() + 16 <= kMaxTemplateBytes) source += unit;
        return source;
    };
    EXPECT_EQ(Shown("{{ " + filled("--") + "1 }}"), "1");
    EXPECT_EQ(Shown("{{ 1" + filled(" or 1") + " }}"), "1");
    EXPECT_EQ(Shown("{{ 1" + filled(" if 1 else 1") + " }}"), "1");
    EXPECT_EQ(Shown("{{ 1" + filled("|d") + " }}"), "1");
    EXPECT_NE(Shown("{{ 1" + filled("**1") + " }}").find("'**' stands more than"),
              std::string::npos);
    std::string blocks;
    for (int i = 0; i < 50000; ++i) blocks += "{% if true %}";
    EXPECT_FALSE(Rendered(blocks, Json::array()).ok());
}

TEST(ChatTemplateTest, DeepMessagesAreAnError) {
    const auto nested = [](int depth) {
        std::string text;
        for (int i = 0; i < depth; ++i) text += '[';
        for (int i = 0; i < depth; ++i) text += ']';
        return Json::array({{{"role", "user"}, {"content", Json::parse(text)}}});
    };
    EXPECT_EQ(Shown("{{ messages | length }}", nested(100)), "1");
    EXPECT_NE(Shown("{{ messages | length }}", nested(200)).find("too deeply"), std::string::npos);
}

TEST(ChatTemplateTest, MessagesThatAreNotUtf8AreAnError) {
    auto text = Rendered(ChatMlTemplate(), {{{"role", "user"}, {"content", "\xff"}}});
    ASSERT_FALSE(text.ok());
    EXPECT_EQ(KindOf(text.status()), ErrorKind::kData);
    EXPECT_EQ(Shown("a\xff").find("error: "), 0u);
}

TEST(ChatTemplateTest, SourceAtTheLimit) {
    EXPECT_TRUE(Rendered(std::string(kMaxTemplateBytes, 'x'), Json::array()).ok());
    EXPECT_FALSE(Rendered(std::string(kMaxTemplateBytes + 1, 'x'), Json::array()).ok());
}

TEST(ChatTemplateTest, OutputAtTheLimit) {
    constexpr size_t kLimit = size_t{64} << 20;
    const Json fits = {{{"role", "user"}, {"content", std::string(kLimit, 'x')}}};
    EXPECT_EQ(Rendered("{{ messages[0].content }}", fits)->size(), kLimit);
    EXPECT_FALSE(Rendered("{{ messages[0].content }}y", fits).ok());
}

TEST(ChatTemplateTest, ALongChatHasFuelEnough) {
    Json messages = Json::array();
    for (int i = 0; i < 4000; ++i)
        messages.push_back({{"role", i % 2 ? "assistant" : "user"}, {"content", "text"}});
    auto text = Rendered(TemplateTestFile("templates/qwen3.jinja"), messages);
    EXPECT_TRUE(text.ok()) << text.status();
}

TEST(ChatTemplateTest, ManyThreadsRenderTheSame) {
    auto chat_template = ChatTemplate::Parse(TemplateTestFile("templates/llama3.jinja"), kTokens);
    ASSERT_TRUE(chat_template.ok());
    const Json& chat = Golden()["chats"][0];
    const std::string expected = *(*chat_template)->Render(chat["messages"], nullptr, true);
    std::vector<std::thread> threads;
    std::vector<int> wrong(4, 0);
    for (size_t t = 0; t < wrong.size(); ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 50; ++i) {
                auto text = (*chat_template)->Render(chat["messages"], nullptr, true);
                wrong[t] += !text.ok() || *text != expected;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

// As transformers chooses.
TEST(ChatTemplateTest, NamedTemplates) {
    auto named = ChatTemplate::ParseNamed({{"default", "plain"}, {"tool_use", "tools"}}, kTokens);
    ASSERT_TRUE(named.ok()) << named.status();
    const Json tools = Json::array({{{"type", "function"}}});
    EXPECT_EQ(*(*named)->Render(Json::array(), nullptr, false), "plain");
    EXPECT_EQ(*(*named)->Render(Json::array(), tools, false), "tools");
    auto no_tools = ChatTemplate::ParseNamed({{"default", "plain"}, {"rag", "r"}}, kTokens);
    EXPECT_EQ(*(*no_tools)->Render(Json::array(), tools, false), "plain");
    auto no_default = ChatTemplate::ParseNamed({{"rag", "r"}, {"tool_use", "tools"}}, kTokens);
    EXPECT_EQ(*(*no_default)->Render(Json::array(), tools, false), "tools");
    const absl::Status status = (*no_default)->Render(Json::array(), nullptr, false).status();
    EXPECT_TRUE(IsTemplateFailure(status));
    EXPECT_NE(status.message().find("called rag, tool_use, and none called default"),
              std::string::npos)
        << status;
    auto broken = ChatTemplate::ParseNamed({{"default", "plain"}, {"tool_use", "{%"}}, kTokens);
    EXPECT_NE(broken.status().message().find("\"tool_use\" does not parse"), std::string::npos);
}

TEST(ChatTemplateTest, TokensByName) {
    auto chat_template = ChatTemplate::Parse(
        "{{ pad_token }}{{ unk_token is defined }}{{ additional_special_tokens[1] }}",
        {{"pad_token", "<pad>"}, {"additional_special_tokens", {"<a>", "<b>"}}});
    ASSERT_TRUE(chat_template.ok());
    EXPECT_EQ(*(*chat_template)->Render(Json::array(), nullptr, false), "<pad>False<b>");
}

}  // namespace
}  // namespace hone
