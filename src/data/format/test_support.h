// For tests: tokenizers and encoders, and what they make of rows.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/files/file.h"
#include "base/files/testing.h"
#include "data/format/tokenize.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace hone {

// "byte_level": <|endoftext|> 0, <|im_start|> 1, <|im_end|> 2, adds nothing.
// "sentence_piece": <unk> 0, <s> 1, </s> 2, adds <s>.
inline std::shared_ptr<Tokenizer> TestTokenizer(const std::string& name = "byte_level") {
    auto text =
        ReadFile(std::string(HONE_SOURCE_DIR) + "/src/text/testdata/" + name + ".tokenizer.json");
    EXPECT_TRUE(text.ok()) << text.status();
    auto tokenizer = Tokenizer::FromJson(*text);
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
    return *tokenizer;
}

inline std::shared_ptr<ConversationEncoder> TestEncoder(
    std::string_view chat_template = ChatMlTemplate(), const std::string& tokenizer = "byte_level",
    std::vector<int32_t> eos_ids = {2}) {
    std::shared_ptr<ChatTemplate> parsed;
    if (!chat_template.empty()) {
        auto result =
            ChatTemplate::Parse(chat_template, {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
        EXPECT_TRUE(result.ok()) << result.status();
        parsed = *result;
    }
    auto encoder = ConversationEncoder::Create(TestTokenizer(tokenizer), parsed, eos_ids);
    EXPECT_TRUE(encoder.ok()) << encoder.status();
    return *encoder;
}

// The text of the tokens that are trained, a '|' between runs.
inline std::string TrainedText(const ConversationEncoder& encoder, const Example& example) {
    std::string text;
    std::vector<int32_t> run;
    for (size_t i = 0; i <= example.tokens.size(); ++i) {
        if (i < example.tokens.size() && example.weights[i] > 0) {
            run.push_back(example.tokens[i]);
        } else if (!run.empty()) {
            auto decoded = encoder.tokenizer().Decode(run, false);
            EXPECT_TRUE(decoded.ok()) << decoded.status();
            text += (text.empty() ? "" : "|") + *decoded;
            run.clear();
        }
    }
    return text;
}

inline std::string WholeText(const ConversationEncoder& encoder, const std::vector<int32_t>& ids) {
    auto decoded = encoder.tokenizer().Decode(ids, false);
    EXPECT_TRUE(decoded.ok()) << decoded.status();
    return decoded.ok() ? *decoded : "";
}

inline std::string ChatRow(const std::string& question, const std::string& answer) {
    nlohmann::ordered_json row;
    row["messages"] = {{{"role", "user"}, {"content", question}},
                       {{"role", "assistant"}, {"content", answer}}};
    return row.dump() + "\n";
}

}  // namespace hone
