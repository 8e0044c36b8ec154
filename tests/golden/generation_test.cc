// Token by token with a cache, against transformers' generate() (tools/golden/generation.py): past
// windows, and across the original context of rotary positions that follow from the length.
#include <algorithm>

#include "golden.h"

namespace hone::golden {
namespace {

class GenerationTest : public testing::TestWithParam<std::string> {};

TEST_P(GenerationTest, LogitsAreThoseOfTransformers) {
    const Case golden(GetParam() + "-generation");
    const Context context(2);
    const Loaded base = LoadBase(golden.model_folder(), ComputeType::kF32, context);
    const auto vocabulary = static_cast<size_t>(base.model->config().vocab_size);
    double worst = 0;
    for (size_t i = 0; i < golden.values()["sequences"].size(); ++i) {
        const nlohmann::json& sequence = golden.values()["sequences"][i];
        const auto tokens = sequence["tokens"].get<std::vector<int32_t>>();
        const size_t prompt = sequence["prompt"];
        const std::vector<float> expected = golden.Tensor(fmt::format("logits.{}", i));
        const auto cache = base.model->NewCache(static_cast<int64_t>(tokens.size()));
        std::vector<float> logits(vocabulary);
        for (size_t from = 0, to = prompt; to < tokens.size(); from = to++) {
            GOLDEN_ASSERT_OK(base.model->Decode(context,
                                                {{tokens.begin() + static_cast<int64_t>(from),
                                                  tokens.begin() + static_cast<int64_t>(to)}},
                                                {cache.get()}, logits.data()));
            const double error = WorstElement(
                logits, std::span(expected).subspan((to - prompt) * vocabulary, vocabulary));
            EXPECT_LT(error, 3e-5) << "sequence " << i << ", token " << to;
            worst = std::max(worst, error);
        }
        // The last one was drawn, and not put into the cache.
        EXPECT_EQ(cache->length() + 1, static_cast<int64_t>(tokens.size()));
    }
    golden.Note("logits", worst);
}

INSTANTIATE_TEST_SUITE_P(Golden, GenerationTest,
                         testing::Values("phi3", "mistral", "qwen2", "gemma2", "gemma3"), TestName);

}  // namespace
}  // namespace hone::golden
