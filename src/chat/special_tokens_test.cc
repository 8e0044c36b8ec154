#include "chat/special_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chat/chat_files.h"
#include "model/files/golden_testing.h"

namespace hone {
namespace {

using ::testing::HasSubstr;
using Tokens = std::vector<std::string>;

Tokens OfTheTokenizer(const ModelFiles& files) {
    const auto chat = OpenChat(files).value();
    Tokens tokens;
    for (int32_t id = 0; id < files.config.vocab_size; ++id)
        if (chat->tokenizer->IsSpecial(id))
            tokens.push_back(chat->tokenizer->IdToToken(id).value());
    return tokens;
}

class SpecialTokensTest : public ::testing::Test {
  protected:
    absl::StatusOr<Tokens> Read() {
        HONE_ASSIGN_OR_RETURN(const auto files, OpenModel(folder_.path()));
        return ReadSpecialTokens(*files);
    }
    std::string Error() {
        const absl::Status status = Read().status();
        EXPECT_EQ(KindOf(status), ErrorKind::kModel) << status;
        return std::string(status.message());
    }

    testkit::GoldenFolder folder_;
};

TEST_F(SpecialTokensTest, OfAFolderAreThoseOfItsTokenizer) {
    folder_.Edit("tokenizer.json", [](auto& json) {
        auto word = json["added_tokens"][0];
        word.update({{"id", 299}, {"content", "plain"}, {"special", false}});
        json["added_tokens"].push_back(word);
    });
    const auto files = OpenModel(folder_.path()).value();
    const Tokens expected = OfTheTokenizer(*files);
    EXPECT_GT(expected.size(), 1u);
    EXPECT_EQ(ReadSpecialTokens(*files).value(), expected);
}

TEST_F(SpecialTokensTest, AFolderWithoutATokenizer) {
    std::filesystem::remove(folder_ / "tokenizer.json");
    EXPECT_THAT(Error(), HasSubstr("has no tokenizer.json"));
}

TEST_F(SpecialTokensTest, ATokenizerThatCannotBeRead) {
    folder_.Edit("tokenizer.json", [](auto& json) { json["added_tokens"] = "none"; });
    EXPECT_THAT(Error(), HasSubstr("its added tokens cannot be read"));
    folder_.Edit("tokenizer.json", [](auto& json) { json["added_tokens"] = {{{"id", 1}}}; });
    EXPECT_THAT(Error(), HasSubstr("no flag \"special\""));
    testkit::Put(folder_ / "tokenizer.json", "{\"added_tokens\": [");
    EXPECT_THAT(Error(), HasSubstr("no tokenizer that hone can use"));
}

TEST_F(SpecialTokensTest, NoneAreAddedNoneAreSpecial) {
    folder_.Edit("tokenizer.json", [](auto& json) {
        json.erase("added_tokens");
        json["model"]["added_tokens"] = "another thing of that name";
    });
    EXPECT_THAT(Read().value(), ::testing::IsEmpty());
}

TEST(SpecialTokensOfGguf, AreThoseOfItsTokenizer) {
    testkit::GoldenGguf gguf;
    gguf.AddTokenizer();
    const auto files = gguf.Open().value();
    const Tokens expected = OfTheTokenizer(*files);
    EXPECT_GT(expected.size(), 1u);
    EXPECT_EQ(ReadSpecialTokens(*files).value(), expected);
}

}  // namespace
}  // namespace hone
