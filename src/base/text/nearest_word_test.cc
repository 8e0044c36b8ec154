#include "base/text/nearest_word.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
    EXPECT_EQ(EditDistance("", "abc"), 3);
    EXPECT_EQ(EditDistance("abc", "abc"), 0);
    EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
    EXPECT_EQ(EditDistance("ab", "ba"), 1);
    EXPECT_EQ(EditDistance("abcd", "acbd"), 1);
}

TEST(NearestWord, IsTheOneThatWasMeantOrNone) {
    const std::vector<std::string> words = {"lora_r", "learning_rate", "model_name_or_path",
                                            "seed",   "save_steps",    "eval_steps"};
    EXPECT_EQ(NearestWord("learnin_rate", words), "learning_rate");
    EXPECT_EQ(NearestWord("sede", words), "seed");
    EXPECT_EQ(NearestWord("model", words), "model_name_or_path");
    EXPECT_EQ(NearestWord("rate", words), "learning_rate");
    EXPECT_EQ(NearestWord("steps", words), "");  // two words end in it
    EXPECT_EQ(NearestWord("r", words), "");
    EXPECT_EQ(NearestWord("temperature", words), "");
}

}  // namespace
}  // namespace hone
