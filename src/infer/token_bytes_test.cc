#include "infer/token_bytes.h"

#include <gtest/gtest.h>

#include "base/files/file.h"

namespace hone {
namespace {

std::shared_ptr<Tokenizer> Load(const std::string& name) {
    const std::string path = HONE_SOURCE_DIR "/src/text/testdata/" + name + ".tokenizer.json";
    return Tokenizer::FromJson(ReadFile(path).value()).value();
}

// All bytes of a text's tokens together are the text; where a vocabulary puts a space before the
// first word, with that.
TEST(TokenBytes, TogetherAreTheText) {
    for (const char* name : {"byte_level", "sentence_piece"}) {
        const auto tokenizer = Load(name);
        const TokenBytes bytes(*tokenizer, tokenizer->vocabulary_size() + 5);
        for (const char* text :
             {"Hello, world!", "a\n\tb  c", "é 😀 日本語 ∑", "{\"a\": [1, 2.5]}"}) {
            const std::vector<int32_t> ids = tokenizer->Encode(text, false).value();
            std::string joined;
            for (int32_t id : ids) joined += bytes.text(id);
            if (joined.starts_with(' ')) joined.erase(0, 1);
            EXPECT_EQ(joined, tokenizer->Decode(ids, true).value()) << name;
        }
        for (int32_t id = 0; id < tokenizer->vocabulary_size(); ++id) {
            if (!tokenizer->IsSpecial(id)) continue;
            EXPECT_EQ(bytes.text(id), "");
            EXPECT_EQ(bytes.name(id), tokenizer->IdToToken(id));
        }
        EXPECT_EQ(bytes.name(tokenizer->vocabulary_size() + 4), "");
    }
}

}  // namespace
}  // namespace hone
