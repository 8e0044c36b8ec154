#include "eval/choose_answer.h"

#include <gtest/gtest.h>

#include "base/files/testing.h"

namespace hone {
namespace {

// Against Model::Evaluate, which takes each candidate for itself. Also of a model whose rotary
// positions follow from a candidate's length.
class ChooseAnswer : public testing::TestWithParam<bool> {};

TEST_P(ChooseAnswer, LogProbabilitiesAreMinusTheLosses) {
    const Context context(2);
    const auto files = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/tied").value();
    if (GetParam()) {
        RopeScaling& scaling = files->config.rotary[0].scaling;
        scaling.kind = RopeScaling::Kind::kLongRope;
        scaling.original_max_position_embeddings = 12;
        scaling.short_divisors.assign(static_cast<size_t>(files->config.rotary[0].dims / 2), 1);
        scaling.long_divisors.assign(scaling.short_divisors.size(), 7);
    }
    LoadOptions options;
    options.compute = ComputeType::kF32;
    const auto model = Model::Load(*files, options, context).value();
    for (const uint64_t seed : TestSeeds(6)) {
        TestRandom random(seed);
        const auto prompt = static_cast<size_t>(random.Between(1, 20));
        std::vector<int32_t> common(prompt);
        // Few tokens, so that many candidates begin alike and some are the beginning of others.
        for (int32_t& token : common) token = static_cast<int32_t>(random.Between(3, 9));
        std::vector<Example> candidates(static_cast<size_t>(random.Between(1, 150)));
        for (Example& candidate : candidates) {
            candidate.tokens = common;
            candidate.weights.assign(prompt, 0.0f);
            // Some prompts end early, as where a label's first token reaches into them.
            if (prompt > 2 && random.Between(0, 9) == 0) {
                candidate.tokens.pop_back();
                candidate.weights.pop_back();
            }
            for (int64_t i = random.Between(1, 5); i > 0; --i) {
                candidate.tokens.push_back(static_cast<int32_t>(random.Between(3, 6)));
                candidate.weights.push_back(1);
            }
            if (random.Between(0, 3) == 0) {  // a token behind the answer
                candidate.tokens.push_back(3);
                candidate.weights.push_back(0);
            }
        }
        const std::vector<double> sums = LogProbabilities(*model, candidates, context).value();
        ASSERT_EQ(sums.size(), candidates.size());
        for (size_t i = 0; i < candidates.size(); ++i) {
            Batch batch;
            batch.Append(candidates[i]);
            EXPECT_NEAR(sums[i], -model->Evaluate(context, batch).value().loss, 1e-3) << i;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Positions, ChooseAnswer, testing::Bool(), [](const auto& info) {
    return info.param ? "FollowFromTheLength" : "AreThoseOfTokens";
});

}  // namespace
}  // namespace hone
