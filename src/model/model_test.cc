#include "model/model.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace hone {
namespace {

// The rest of a prompt goes through in whole pieces, and no piece is so short that it would be
// taken for tokens that are decoded.
TEST(LastPieceTokens, LeavesWholePiecesBeforeIt) {
    for (int64_t tokens = 1; tokens < 5 * kPrefillTokens; ++tokens) {
        const int64_t last = LastPieceTokens(tokens);
        EXPECT_EQ((tokens - last) % kPrefillTokens, 0) << tokens;
        EXPECT_GE(last, std::min(tokens, kLastPromptTokens)) << tokens;
        EXPECT_LT(last, kPrefillTokens + kLastPromptTokens) << tokens;
    }
}

}  // namespace
}  // namespace hone
