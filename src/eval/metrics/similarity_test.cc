#include "eval/metrics/similarity.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/files/testing.h"
#include "nlohmann/json.hpp"

namespace hone {
namespace {

using nlohmann::json;

// The values of tools/golden/similarity.py.
TEST(Similarity, EqualsThePackages) {
    std::ifstream file(HONE_SOURCE_DIR "/src/eval/testdata/similarity.json");
    const json rows = json::parse(file);
    ASSERT_GT(rows.size(), 100u);
    for (const json& row : rows) {
        const std::string prediction = row["prediction"], reference = row["reference"];
        SCOPED_TRACE(prediction + "\n" + reference);
        EXPECT_NEAR(FuzzyRatio(prediction, reference), row["fuzzy"], 1e-9);
        EXPECT_NEAR(SentenceBleu(prediction, reference), row["bleu"], 1e-9);
        EXPECT_NEAR(Gleu(prediction, reference), row["gleu"], 1e-9);
        EXPECT_NEAR(Meteor(prediction, reference), row["meteor"], 1e-9);
        for (size_t n = 1; n <= 5; ++n)
            EXPECT_NEAR(RougeN(prediction, reference, n), row["rouge"][n - 1], 1e-9) << n;
        EXPECT_NEAR(RougeL(prediction, reference), row["rouge"][5], 1e-9);
    }
}

TEST(Similarity, LongestCommonSubsequenceEqualsTheTable) {
    TestRandom random(1);
    for (int round = 0; round < 60; ++round) {
        std::vector<uint32_t> a(static_cast<size_t>(random.Between(0, 200)));
        std::vector<uint32_t> b(static_cast<size_t>(random.Between(0, 200)));
        for (auto* text : {&a, &b})
            for (uint32_t& symbol : *text)
                symbol = static_cast<uint32_t>(random.Between(0, round % 7));
        std::vector<std::vector<size_t>> table(a.size() + 1, std::vector<size_t>(b.size() + 1));
        for (size_t i = 1; i <= a.size(); ++i)
            for (size_t j = 1; j <= b.size(); ++j)
                table[i][j] = a[i - 1] == b[j - 1] ? table[i - 1][j - 1] + 1
                                                   : std::max(table[i - 1][j], table[i][j - 1]);
        EXPECT_EQ(LongestCommonSubsequence(a, b), table[a.size()][b.size()]);
    }
}

}  // namespace
}  // namespace hone
