#include "data/format/tokenize.h"

#include <gmock/gmock.h>

#include "data/format/test_support.h"

namespace hone {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

Conversation Chat(std::string_view text) {
    auto conversation = ParseMessages(ordered_json::parse(text));
    EXPECT_TRUE(conversation.ok()) << conversation.status();
    return *conversation;
}

EncodedRow Encode(const ConversationEncoder& encoder, const Conversation& conversation,
                  const EncodeOptions& options = {}) {
    auto row = encoder.EncodeConversation(conversation, options);
    EXPECT_TRUE(row.ok()) << row.status();
    return row.ok() ? *row : EncodedRow();
}

// Serving asks with the very tokens that training puts before each answer.
void ExpectServedAsTrained(const ConversationEncoder& encoder, const Conversation& conversation) {
    const EncodedRow row = Encode(encoder, conversation);
    size_t from = 0;
    for (size_t i = 0; i < conversation.messages.size(); ++i) {
        if (conversation.weights[i] == 0) continue;
        Conversation asked;
        for (size_t j = 0; j < i; ++j) {
            asked.messages.push_back(conversation.messages[j]);
            asked.weights.push_back(conversation.weights[j]);
        }
        auto prompt = encoder.EncodePrompt(asked);
        ASSERT_TRUE(prompt.ok()) << prompt.status();
        const auto& weights = row.example.weights;
        const size_t begin =
            static_cast<size_t>(std::find_if(weights.begin() + static_cast<int64_t>(from),
                                             weights.end(), [](float w) { return w > 0; }) -
                                weights.begin());
        const std::vector<int32_t> before(row.example.tokens.begin(),
                                          row.example.tokens.begin() + static_cast<int64_t>(begin));
        EXPECT_EQ(before, *prompt) << "message " << i + 1;
        from = begin;
        while (from < weights.size() && weights[from] > 0) ++from;
    }
}

constexpr std::string_view kTwoTurns =
    R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."},
        {"role":"user","content":"Bye"},{"role":"assistant","content":"See you.\n"}])";

TEST(Tokenize, LossIsOnTheAnswersAndTheirEnd) {
    auto encoder = TestEncoder();
    const EncodedRow row = Encode(*encoder, Chat(kTwoTurns));
    EXPECT_EQ(TrainedText(*encoder, row.example), "Hello.<|im_end|>|See you.\n<|im_end|>");
    EXPECT_EQ(WholeText(*encoder, row.example.tokens),
              "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
              "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n"
              "<|im_start|>assistant\nSee you.\n<|im_end|>\n");
    EXPECT_EQ(row.answers, 2);
    EXPECT_EQ(row.ended_answers, 2);
    ExpectServedAsTrained(*encoder, Chat(kTwoTurns));
}

TEST(Tokenize, WeightsAndPrompts) {
    auto encoder = TestEncoder();
    Conversation chat = Chat(kTwoTurns);
    chat.weights[2] = 0;
    EncodedRow row = Encode(*encoder, chat);
    EXPECT_EQ(TrainedText(*encoder, row.example), "See you.\n<|im_end|>");
    EXPECT_EQ(row.answers, 1);
    row = Encode(*encoder, Chat(kTwoTurns), {.train_on_prompt = true});
    EXPECT_EQ(TrainedText(*encoder, row.example), WholeText(*encoder, row.example.tokens));
    row = Encode(*encoder, chat, {.train_on_prompt = true});
    EXPECT_EQ(TrainedText(*encoder, row.example).find("Hello."), std::string::npos);
}

// The tokens of the whole text, as transformers has them; those that are trained are the answer's
// and, where one begins in the header, that one.
TEST(Tokenize, AnswersThatMeltIntoTheHeader) {
    auto encoder = TestEncoder();
    for (std::string_view answer : {"\n\n  indented", " x", "\n", "\t\n a"}) {
        Conversation chat = Chat(
            R"([{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user",)"
            R"("content":"c"},{"role":"assistant","content":"d"}])");
        chat.messages[1]["content"] = answer;
        chat.messages[3]["content"] = answer;
        const Example example = Encode(*encoder, chat).example;
        EXPECT_EQ(example.tokens,
                  *encoder->tokenizer().Encode(*encoder->RenderConversation(chat, false), false));
        const std::string once = std::string(answer) + "<|im_end|>";
        const std::string trained = TrainedText(*encoder, example);
        EXPECT_TRUE(trained == once + "|" + once || trained == "\n" + once + "|\n" + once)
            << trained;
    }
}

// Content that looks like the template's own text is not mistaken for it.
TEST(Tokenize, AnswersThatRepeatTheQuestion) {
    auto encoder = TestEncoder();
    const Conversation chat = Chat(
        R"([{"role":"user","content":"user"},{"role":"assistant","content":"user"},)"
        R"({"role":"user","content":"assistant"},{"role":"assistant","content":"assistant"}])");
    EXPECT_EQ(TrainedText(*encoder, Encode(*encoder, chat).example),
              "user<|im_end|>|assistant<|im_end|>");
    ExpectServedAsTrained(*encoder, chat);
}

// Like Qwen3's: what is between <t> and </t> goes from all but the last answer, and the prompt
// opens a thought.
constexpr std::string_view kThinking =
    "{%- for m in messages -%}<|im_start|>{{ m.role }}\n"
    "{%- if m.role == 'assistant' and not loop.last -%}{{ '\n' + m.content.split('</t>')[-1] }}"
    "{%- else -%}{{ '\n' + m.content }}{%- endif -%}<|im_end|>\n{% endfor -%}"
    "{%- if add_generation_prompt -%}<|im_start|>assistant\n<t>\n{%- endif -%}";

TEST(Tokenize, TemplatesThatRewriteHistory) {
    auto encoder = TestEncoder(kThinking);
    Conversation chat = Chat(
        R"([{"role":"user","content":"a"},{"role":"assistant","content":"bee"},{"role":"user",)"
        R"("content":"c"},{"role":"assistant","content":"<t>\nhm</t>dee"}])");
    EXPECT_EQ(TrainedText(*encoder, Encode(*encoder, chat).example),
              "bee<|im_end|>|\nhm</t>dee<|im_end|>");
    // The first answer is not shown as it was written: an error, unless it is not to be trained.
    chat.messages[1]["content"] = "<t>x</t>bee";
    auto row = encoder->EncodeConversation(chat, {});
    ASSERT_FALSE(row.ok());
    EXPECT_THAT(std::string(row.status().message()),
                HasSubstr("does not show a part of message 2 (\"t x t\")"));
    chat.weights[1] = 0;
    EXPECT_EQ(TrainedText(*encoder, Encode(*encoder, chat).example), "\nhm</t>dee<|im_end|>");
}

TEST(Tokenize, TheConversationMayStartWithTheAssistant) {
    auto encoder = TestEncoder();
    const Conversation chat =
        Chat(R"([{"role":"assistant","content":"assistant, at your service"},{"role":"user",)"
             R"("content":"b"},{"role":"assistant","content":"c"}])");
    EXPECT_EQ(TrainedText(*encoder, Encode(*encoder, chat).example),
              "assistant, at your service<|im_end|>|c<|im_end|>");
}

TEST(Tokenize, ATemplateThatRefusesARowSaysWhy) {
    auto encoder = TestEncoder(
        "{%- if messages[0].role != 'user' -%}{{ raise_exception('start with the user') }}{%- "
        "endif -%}"
        "{%- for m in messages -%}[{{ m.role }}]{{ m.content }}<|im_end|>{%- endfor -%}"
        "{%- if add_generation_prompt -%}[assistant]{%- endif -%}");
    auto row = encoder->EncodeConversation(
        Chat(R"([{"role":"system","content":"a"},{"role":"assistant","content":"b"}])"), {});
    ASSERT_FALSE(row.ok());
    EXPECT_THAT(std::string(row.status().message()), HasSubstr("start with the user"));
}

TEST(Tokenize, DeveloperIsSystemForTemplatesThatDoNotKnowIt) {
    const std::string_view messages =
        R"([{"role":"developer","content":"D"},{"role":"user","content":"a"}])";
    EXPECT_THAT(*TestEncoder()->RenderConversation(Chat(messages), true),
                HasSubstr("<|im_start|>system\nD"));
    EXPECT_EQ(*TestEncoder("{%- for m in messages -%}{{ m.role }}{%- endfor -%}{#- developer -#}")
                   ->RenderConversation(Chat(messages), true),
              "developeruser");
}

// A template that ends a turn with plain text: the row still ends with a token that generation
// stops at.
TEST(Tokenize, AnEndIsAddedWhereTheTemplateHasNone) {
    auto encoder = TestEncoder(
        "{%- for m in messages -%}{{ m.role }}: {{ m.content }}\n{% endfor -%}{%- if "
        "add_generation_prompt -%}assistant: {%- endif -%}",
        "byte_level", {0});
    const EncodedRow row = Encode(
        *encoder,
        Chat(R"([{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user",)"
             R"("content":"c"},{"role":"assistant","content":"d"}])"));
    EXPECT_EQ(TrainedText(*encoder, row.example), " b\n| d\n<|endoftext|>");
    EXPECT_EQ(row.answers, 2);
    EXPECT_EQ(row.ended_answers, 1);
}

TEST(Tokenize, TheTemplatesEndOfTurnIsAnEnd) {
    auto encoder = TestEncoder(ChatMlTemplate(), "byte_level", {0});
    EXPECT_EQ(encoder->end_ids(), (std::vector<int32_t>{0, 2}));
    EXPECT_EQ(Encode(*encoder, Chat(kTwoTurns)).ended_answers, 2);
    EXPECT_EQ(TestEncoder()->end_ids(), (std::vector<int32_t>{2}));
}

// Tokens added by hand often lack the flag "special".
TEST(Tokenize, ATokenThatEndsTheTurnNeedsNoFlag) {
    auto json = ordered_json::parse(TestTokenizer()->ToJson());
    for (ordered_json& token : json["added_tokens"])
        if (token["id"] != 0) token["special"] = false;
    auto plain = Tokenizer::FromJson(json.dump());
    ASSERT_TRUE(plain.ok()) << plain.status();
    auto chatml = ChatTemplate::Parse(ChatMlTemplate(), ordered_json::object());
    const EncodedRow expected = Encode(*TestEncoder(), Chat(kTwoTurns));
    // Named as the end by the model, and found in the template where the model names another.
    for (int32_t eos : {2, 0}) {
        auto encoder = ConversationEncoder::Create(*plain, *chatml, {eos});
        ASSERT_TRUE(encoder.ok()) << encoder.status();
        EXPECT_TRUE((*encoder)->IsEnd(2));
        const EncodedRow row = Encode(**encoder, Chat(kTwoTurns));
        EXPECT_EQ(row.example.tokens, expected.example.tokens);
        EXPECT_EQ(row.example.weights, expected.example.weights);
        EXPECT_EQ(row.ended_answers, 2);
    }
}

constexpr std::string_view kInst =
    "{{ bos_token }}{%- for m in messages -%}{%- if m.role == 'user' -%}[INST] {{ m.content }} "
    "[/INST]"
    "{%- else -%}{{ ' ' + m.content + eos_token }}{%- endif -%}{%- endfor -%}";

TEST(Tokenize, BosIsThereOnce) {
    const Conversation chat = Chat(
        R"([{"role":"user","content":"good morning"},{"role":"assistant","content":"good day"},)"
        R"({"role":"user","content":"c"},{"role":"assistant","content":"good night"}])");
    // The template prints it.
    auto encoder = TestEncoder(kInst, "sentence_piece");
    EncodedRow row = Encode(*encoder, chat);
    EXPECT_EQ(std::count(row.example.tokens.begin(), row.example.tokens.end(), 1), 1);
    EXPECT_EQ(row.example.tokens[0], 1);
    EXPECT_EQ(TrainedText(*encoder, row.example), "good day</s>|good night</s>");
    ExpectServedAsTrained(*encoder, chat);
    // The fall-back template does not: the tokenizer's own comes in front.
    encoder = TestEncoder("", "sentence_piece");
    EXPECT_FALSE(encoder->has_own_template());
    row = Encode(*encoder, chat);
    EXPECT_EQ(row.example.tokens[0], 1);
    EXPECT_EQ(std::count(row.example.tokens.begin(), row.example.tokens.end(), 1), 1);
    ExpectServedAsTrained(*encoder, chat);
    // Outside templates: once, also where the text spells it out.
    EXPECT_EQ(*encoder->EncodeTextPrompt("good"), *encoder->EncodeTextPrompt("<s>good"));
    EXPECT_EQ(encoder->EncodeTextPrompt("good")->front(), 1);
    EXPECT_NE(encoder->EncodeTextPrompt("good", false)->front(), 1);
    // A tokenizer that adds none, a template that prints none: none.
    EXPECT_EQ(Encode(*TestEncoder(""), Chat(kTwoTurns)).example.tokens,
              Encode(*TestEncoder(), Chat(kTwoTurns)).example.tokens);
}

TEST(Tokenize, Completions) {
    auto encoder = TestEncoder("", "sentence_piece");
    auto row = encoder->EncodeCompletion("good morning", " and good night", {});
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(TrainedText(*encoder, row->example), "and good night</s>");
    EXPECT_EQ(row->example.tokens[0], 1);
    EXPECT_EQ(row->answers, 1);
    EXPECT_EQ(row->ended_answers, 1);
    auto prompt = encoder->EncodeTextPrompt("good morning");
    ASSERT_TRUE(prompt.ok());
    EXPECT_TRUE(std::equal(prompt->begin(), prompt->end(), row->example.tokens.begin()));
    // The EOS is not doubled where the row has it, and left out on request.
    auto spelled = encoder->EncodeCompletion("good morning", " and good night</s>", {});
    EXPECT_EQ(spelled->example.tokens, row->example.tokens);
    auto bare =
        encoder->EncodeCompletion("good morning", " and good night", {.add_special_tokens = false});
    EXPECT_EQ(bare->example.tokens.size() + 2, row->example.tokens.size());
    EXPECT_EQ(bare->ended_answers, 0);
    // The tokens of the whole text, also where prompt and completion join into one token.
    auto bytes = TestEncoder();
    row = bytes->EncodeCompletion("the cat sa", "t on the mat", {});
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(WholeText(*bytes, row->example.tokens), "the cat sat on the mat<|im_end|>");
    std::vector<int32_t> whole = *bytes->tokenizer().Encode("the cat sat on the mat", false);
    whole.push_back(2);
    EXPECT_EQ(row->example.tokens, whole);
    EXPECT_THAT(TrainedText(*bytes, row->example), testing::EndsWith("t on the mat<|im_end|>"));
}

// A tokenizer that puts a space in front of a text must not put one in front of an answer.
TEST(Tokenize, NoSpaceAtTheBoundary) {
    for (bool metaspace : {false, true}) {
        auto json = ordered_json::parse(TestTokenizer("sentence_piece")->ToJson());
        if (metaspace) {
            json["normalizer"] = nullptr;
            json["pre_tokenizer"] = {{"type", "Metaspace"},
                                     {"replacement", "\u2581"},
                                     {"prepend_scheme", "first"},
                                     {"split", false}};
        }
        auto tokenizer = Tokenizer::FromJson(json.dump());
        ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
        auto encoder = *ConversationEncoder::Create(*tokenizer, nullptr, {2});
        for (const auto& [prompt, completion] : std::vector<std::pair<std::string, std::string>>{
                 {"Hello ", "world"}, {"1", "2"}, {"the ans", "wer is yes"}, {"A: ", " b"}}) {
            auto row = encoder->EncodeCompletion(prompt, completion, {});
            ASSERT_TRUE(row.ok()) << row.status();
            // The space in front of the whole text is the tokenizer's own.
            EXPECT_EQ(WholeText(*encoder, row->example.tokens),
                      "<s> " + prompt + completion + "</s>");
            EXPECT_THAT(TrainedText(*encoder, row->example),
                        testing::EndsWith(completion.substr(1) + "</s>"));
        }
        // Vicuna's form: the generation prompt ends in a space.
        auto vicuna = ChatTemplate::Parse(
            "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}USER: {{ m.content }} "
            "{% else %}ASSISTANT: {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
            "{% if add_generation_prompt %}ASSISTANT: {% endif %}",
            {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
        encoder = *ConversationEncoder::Create(*tokenizer, *vicuna, {2});
        const Conversation chat = Chat(
            R"([{"role":"user","content":"What is it?"},{"role":"assistant","content":"It is 42."}])");
        const Example example = Encode(*encoder, chat).example;
        EXPECT_EQ(example.tokens,
                  *(*tokenizer)->Encode("<s>USER: What is it? ASSISTANT: It is 42.</s>", false));
        EXPECT_THAT(TrainedText(*encoder, example), testing::EndsWith("It is 42.</s>"));
    }
}

TEST(Tokenize, Texts) {
    auto encoder = TestEncoder();
    auto row = encoder->EncodeText("some text", {});
    ASSERT_TRUE(row.ok());
    EXPECT_EQ(TrainedText(*encoder, row->example), "some text<|im_end|>");
    DataRow tokens;
    tokens.kind = DataRow::Kind::kTokens;
    tokens.input_ids = {5, 6, 2};
    tokens.weights = {0, 1, 1};
    row = encoder->EncodeRow(tokens, {});
    ASSERT_TRUE(row.ok());
    EXPECT_EQ(row->example.tokens, tokens.input_ids);
    EXPECT_EQ(row->ended_answers, 1);
    tokens.input_ids[1] = encoder->tokenizer().vocabulary_size();
    EXPECT_THAT(std::string(encoder->EncodeRow(tokens, {}).status().message()),
                HasSubstr("the model has"));
    // An embedding may have more rows than the tokenizer has names for.
    auto wide = ConversationEncoder::Create(TestTokenizer(), nullptr, {2},
                                            encoder->tokenizer().vocabulary_size() + 1);
    ASSERT_TRUE(wide.ok()) << wide.status();
    EXPECT_TRUE((*wide)->EncodeRow(tokens, {}).ok());
    ++tokens.input_ids[1];
    EXPECT_FALSE((*wide)->EncodeRow(tokens, {}).ok());
}

TEST(Tokenize, EndIdsAreChecked) {
    EXPECT_FALSE(ConversationEncoder::Create(TestTokenizer(), nullptr, {}).ok());
    EXPECT_FALSE(ConversationEncoder::Create(TestTokenizer(), nullptr, {1'000'000}).ok());
}

TEST(Tokenize, ToolCallsAreTrained) {
    auto encoder = TestEncoder(
        "{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ m.content }}"
        "{%- for c in m.tool_calls or [] -%}CALL {{ c.function.name }} {{ c.function.arguments | "
        "tojson }}{%- endfor -%}"
        "<|im_end|>\n{% endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant\n{% endif "
        "-%}");
    const Conversation chat = Chat(
        R"([{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"type":"function",)"
        R"("function":{"name":"f","arguments":"{\"x\": 1}"}}]},
                                      {"role":"tool","content":"7"},{"role":"assistant","content":"It is 7."}])");
    EXPECT_EQ(TrainedText(*encoder, Encode(*encoder, chat).example),
              "CALL f {\"x\": 1}<|im_end|>|It is 7.<|im_end|>");
    ExpectServedAsTrained(*encoder, chat);
}

// A template that joins the arguments to a text wants them as OpenAI writes them; one that prints
// them as they are would print Python's spelling of an object.
TEST(Tokenize, ArgumentsStayTextWhereTheTemplateWantsText) {
    const Conversation chat = Chat(
        R"([{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"type":"function",)"
        R"("function":{"name":"f","arguments":"{\"x\":  1}"}}]}])");
    Conversation parsed = chat;
    parsed.messages[1]["tool_calls"][0]["function"]["arguments"] = {{"x", 1}, {"y", {true, "z"}}};
    for (std::string_view arguments :
         {"{{ 'A' + c.function.arguments }}", "A{{ c.function.arguments }}"}) {
        auto encoder = TestEncoder(
            "{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ m.content }}"
            "{%- for c in m.tool_calls or [] -%}CALL {{ c.function.name }} " +
            std::string(arguments) +
            "{%- endfor -%}<|im_end|>\n{% endfor -%}"
            "{%- if add_generation_prompt -%}<|im_start|>assistant\n{% endif -%}");
        EXPECT_EQ(TrainedText(*encoder, Encode(*encoder, chat).example),
                  "CALL f A{\"x\":  1}<|im_end|>");
        EXPECT_EQ(TrainedText(*encoder, Encode(*encoder, parsed).example),
                  "CALL f A{\"x\": 1, \"y\": [true, \"z\"]}<|im_end|>");
    }
}

// What mistral-common does: the system text belongs to the last question.
TEST(Tokenize, TheSystemTextMayStandInTheLastQuestion) {
    auto encoder = TestEncoder(
        "{%- set sys = messages[0].content -%}{%- set rest = messages[1:] -%}"
        "{%- set users = rest | selectattr('role', 'equalto', 'user') | list -%}"
        "{{- bos_token -}}"
        "{%- for m in rest -%}{%- if m.role == 'user' -%}{%- if m == users[-1] -%}"
        "{{- '[INST] ' + sys + '\n\n' + m.content + '[/INST]' -}}{%- else -%}"
        "{{- '[INST] ' + m.content + '[/INST]' -}}{%- endif -%}{%- else -%}"
        "{{- ' ' + m.content + eos_token -}}{%- endif -%}{%- endfor -%}",
        "sentence_piece");
    const EncodedRow row = Encode(
        *encoder, Chat(R"([{"role":"system","content":"You are fine"},{"role":"user",)"
                       R"("content":"Hello"},{"role":"assistant","content":"Hello world"},)"
                       R"({"role":"user","content":"What is it?"},)"
                       R"({"role":"assistant","content":"It is 42."}])"));
    EXPECT_EQ(TrainedText(*encoder, row.example), "Hello world</s>|It is 42.</s>");
    EXPECT_EQ(row.left_out, std::vector<std::string>());
}

// Like Mistral's v0.3: the tools stand in the last question, and the roles must alternate but for
// the calls and their results.
TEST(Tokenize, ToolCallsWhoseAbsenceBreaksTheAlternation) {
    auto encoder = TestEncoder(
        "{%- set users = messages | selectattr('role', 'equalto', 'user') | list -%}"
        "{%- set ns = namespace(index=0) -%}{%- for m in messages -%}"
        "{%- if not (m.role == 'tool' or m.tool_calls is defined) -%}"
        "{%- if (m.role == 'user') != (ns.index % 2 == 0) -%}"
        "{{- raise_exception('roles must alternate') -}}{%- endif -%}"
        "{%- set ns.index = ns.index + 1 -%}{%- endif -%}{%- endfor -%}"
        "{{- bos_token -}}{%- for m in messages -%}{%- if m.role == 'user' -%}"
        "{%- if tools is not none and m == users[-1] -%}"
        "{{- '[AVAILABLE_TOOLS] ' + (tools | tojson) + '[/AVAILABLE_TOOLS]' -}}{%- endif -%}"
        "{{- '[INST] ' + m.content + '[/INST]' -}}"
        "{%- elif m.tool_calls is defined -%}{{- '[TOOL_CALLS] [' -}}"
        "{%- for c in m.tool_calls -%}{{- c.function | tojson -}}{%- endfor -%}"
        "{{- ']' + eos_token -}}{%- elif m.role == 'assistant' -%}"
        "{{- ' ' + m.content | trim + eos_token -}}"
        "{%- else -%}{{- '[TOOL_RESULTS] ' + m.content + '[/TOOL_RESULTS]' -}}{%- endif -%}"
        "{%- endfor -%}",
        "sentence_piece");
    const ordered_json call = ordered_json::parse(
        R"([{"function":{"name":"f","arguments":{"city":"Hello"}}}])");
    ordered_json messages = ordered_json::parse(
        R"([{"role":"user","content":"Hello"},{"role":"assistant","content":""},)"
        R"({"role":"tool","content":"It is 42."},{"role":"assistant","content":"Hello world"},)"
        R"({"role":"user","content":"What is it?"},{"role":"assistant","content":"It is 42."}])");
    messages[1]["tool_calls"] = call;
    const ordered_json tools =
        ordered_json::parse(R"([{"type":"function","function":{"name":"f"}}])");
    auto trained = [&] {
        auto chat = ParseMessages(messages, tools);
        EXPECT_TRUE(chat.ok()) << chat.status();
        return TrainedText(*encoder, Encode(*encoder, *chat).example);
    };
    const std::string shown = "[TOOL_CALLS] [" +
                              std::string(R"({"name": "f", "arguments": {"city": "Hello"}})") +
                              "]</s>";
    EXPECT_EQ(trained(), shown + "|Hello world</s>|It is 42.</s>");
    // A second call, after the first one's result.
    messages.insert(messages.begin() + 3, messages[1]);
    messages.insert(messages.begin() + 4, messages[2]);
    EXPECT_EQ(trained(), shown + "|" + shown + "|Hello world</s>|It is 42.</s>");
    // No call is no message that breaks it, and none is shown.
    messages = ordered_json::parse(
        R"([{"role":"user","content":"Hello"},{"role":"assistant","content":"Hello world",)"
        R"("tool_calls":[]}])");
    EXPECT_EQ(trained(), "Hello world</s>");
}

// The same with a header in front of each answer, which the prompt ends with: it is not trained.
TEST(Tokenize, ToolCallsBehindAHeader) {
    auto encoder = TestEncoder(
        "{%- set ns = namespace(index=0) -%}{%- for m in messages -%}"
        "{%- if not (m.role == 'tool' or m.tool_calls is defined) -%}"
        "{%- if (m.role == 'user') != (ns.index % 2 == 0) -%}"
        "{{- raise_exception('roles must alternate') -}}{%- endif -%}"
        "{%- set ns.index = ns.index + 1 -%}{%- endif -%}{%- endfor -%}"
        "{{- messages | selectattr('role', 'equalto', 'user') | list | length -}}"
        "{%- for m in messages -%}{{- '<|im_start|>' + m.role + '\n' + m.content -}}"
        "{%- for c in m.tool_calls or [] -%}{{- 'CALL ' + c.function.name -}}{%- endfor -%}"
        "{{- '<|im_end|>\n' -}}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}");
    const Conversation chat = Chat(
        R"([{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"function":)"
        R"({"name":"f"}}]},{"role":"tool","content":"7"},{"role":"assistant","content":"b"},)"
        R"({"role":"user","content":"c"},{"role":"assistant","content":"d"}])");
    EXPECT_EQ(TrainedText(*encoder, Encode(*encoder, chat).example),
              "CALL f<|im_end|>|b<|im_end|>|d<|im_end|>");
}

TEST(Tokenize, TheDayCanBeFixed) {
    auto encoder = TestEncoder("{{ strftime_now('%d %b %Y') }}: {{ messages[0].content }}");
    EXPECT_TRUE(encoder->ReadsClock());
    EXPECT_FALSE(TestEncoder()->ReadsClock());
    auto fixed = encoder->WithDate("2024-02-29");
    ASSERT_TRUE(fixed.ok()) << fixed.status();
    const Conversation chat = Chat(R"([{"role":"user","content":"a"}])");
    EXPECT_EQ(*(*fixed)->RenderConversation(chat, false), "29 Feb 2024: a");
    EXPECT_NE(*encoder->RenderConversation(chat, false), "29 Feb 2024: a");
    for (const char* bad : {"2023-02-29", "2024-2-9", "today", "2024-02-29T", "-024-02-29"})
        EXPECT_EQ(ExitCode(encoder->WithDate(bad).status()), 2) << bad;
}

}  // namespace
}  // namespace hone
