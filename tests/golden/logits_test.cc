// Logits and losses of every golden model and adapter against transformers and peft.
#include <algorithm>
#include <cmath>

#include "golden.h"

namespace hone::golden {
namespace {

class LogitsTest : public testing::TestWithParam<std::string> {
  protected:
    LogitsTest() : golden_(GetParam()), documents_(golden_.documents()), batch_(Pack(documents_)) {}

    std::vector<float> Logits(Model& model, const Batch& batch) {
        std::vector<float> logits(batch.size() * model.config().vocab_size, NAN);
        ExpectOk(model.Logits(context_, batch, logits.data()));
        return logits;
    }

    // Compares with values()[key]: the mean loss, each document's sum, what was ranked first.
    void CheckLosses(Model& model, const std::string& key, double tolerance, bool exact_ranks) {
        const nlohmann::json& expected = golden_.values()[key];
        std::vector<LossSums> each;
        auto sums = model.Evaluate(context_, batch_, &each);
        GOLDEN_ASSERT_OK(sums.status());
        const double loss = expected["loss"], weight = expected["weight"];
        EXPECT_NEAR(sums->loss / sums->weight, loss, tolerance * loss);
        if (exact_ranks) golden_.Note("loss", std::abs(sums->loss / sums->weight - loss) / loss);
        EXPECT_NEAR(sums->weight, weight, 1e-6 * weight);
        EXPECT_NEAR(sums->weight, batch_.TotalWeight(), 1e-6 * weight);
        ASSERT_EQ(each.size(), documents_.size());
        int64_t labelled = 0;
        for (size_t i = 0; i < each.size(); ++i) {
            const double sum = expected["document_losses"][i];
            EXPECT_NEAR(each[i].loss, sum, tolerance * sum) << "document " << i;
            if (exact_ranks) {
                EXPECT_EQ(each[i].correct, expected["correct"][i].get<int64_t>())
                    << "document " << i;
            }
            int64_t expected_labelled = 0;
            for (size_t t = 1; t < documents_[i].weights.size(); ++t)
                expected_labelled += documents_[i].weights[t] > 0;
            EXPECT_EQ(each[i].labelled, expected_labelled) << "document " << i;
            labelled += each[i].labelled;
        }
        EXPECT_EQ(sums->labelled, labelled);
    }

    static int32_t Another(int32_t token, int64_t vocabulary) {
        return static_cast<int32_t>((token + 7) % std::min<int64_t>(vocabulary, 300));
    }

    Context context_{2};
    Case golden_;
    std::vector<Example> documents_;
    Batch batch_;
};

TEST_P(LogitsTest, BaseModelInF32) {
    Loaded base = LoadBase(golden_.model_folder(), ComputeType::kF32, context_, golden_.storage());
    const double error = WorstElement(Logits(*base.model, batch_), golden_.Tensor("base.logits"));
    EXPECT_LT(error, 3e-5);
    golden_.Note("logits", error);
    CheckLosses(*base.model, "base", 1e-5, /*exact_ranks=*/true);
}

TEST_P(LogitsTest, AdapterInF32) {
    Loaded adapted = LoadTrained(golden_, ComputeType::kF32, context_);
    const std::vector<float> logits = Logits(*adapted.model, batch_);
    const double error = WorstElement(logits, golden_.Tensor("adapted.logits"));
    EXPECT_LT(error, 3e-5);
    golden_.Note("logits", error);
    // The adapter does something: else the line above would prove nothing.
    EXPECT_GT(RelativeError(logits, golden_.Tensor("base.logits")), 0.01);
    CheckLosses(*adapted.model, "adapted", 1e-5, /*exact_ranks=*/true);
}

// bf16 has 8 bits: 0.4 % a rounding, and a few of them on the way through 2 or 3 layers.
TEST_P(LogitsTest, Bf16IsNear) {
    Loaded base = LoadBase(golden_.model_folder(), ComputeType::kBF16, context_, golden_.storage());
    EXPECT_LT(RelativeError(Logits(*base.model, batch_), golden_.Tensor("base.logits")), 0.03);
    CheckLosses(*base.model, "base", 0.01, /*exact_ranks=*/false);
    Loaded adapted = LoadTrained(golden_, ComputeType::kBF16, context_);
    EXPECT_LT(RelativeError(Logits(*adapted.model, batch_), golden_.Tensor("adapted.logits")),
              0.03);
    CheckLosses(*adapted.model, "adapted", 0.01, /*exact_ranks=*/false);
}

// A document among others gives what it gives alone. Products of other sizes may add in another
// order.
TEST_P(LogitsTest, PackedEqualsAlone) {
    for (ComputeType compute : {ComputeType::kF32, ComputeType::kBF16}) {
        const double tolerance = compute == ComputeType::kF32 ? 1e-5 : 0.02;
        Loaded adapted = LoadTrained(golden_, compute, context_);
        const std::vector<float> packed = Logits(*adapted.model, batch_);
        std::vector<LossSums> each;
        GOLDEN_ASSERT_OK(adapted.model->Evaluate(context_, batch_, &each).status());
        std::vector<float> alone;
        for (size_t i = 0; i < documents_.size(); ++i) {
            const Batch batch = Pack({documents_[i]});
            const std::vector<float> logits = Logits(*adapted.model, batch);
            alone.insert(alone.end(), logits.begin(), logits.end());
            auto sums = adapted.model->Evaluate(context_, batch);
            GOLDEN_ASSERT_OK(sums.status());
            EXPECT_NEAR(each[i].loss, sums->loss, tolerance * sums->loss) << "document " << i;
            EXPECT_EQ(each[i].labelled, sums->labelled);
        }
        EXPECT_LT(WorstElement(packed, alone), tolerance);
    }
}

// Nothing of another document comes through: not even a bit.
TEST_P(LogitsTest, DocumentsDoNotSeeEachOther) {
    for (ComputeType compute : {ComputeType::kF32, ComputeType::kBF16}) {
        Loaded adapted = LoadTrained(golden_, compute, context_);
        const std::vector<float> before = Logits(*adapted.model, batch_);
        std::vector<Example> changed = documents_;
        const int64_t vocabulary = adapted.model->config().vocab_size;
        for (int32_t& token : changed[2].tokens) token = Another(token, vocabulary);
        const std::vector<float> after = Logits(*adapted.model, Pack(changed));
        for (int i = 0; i < batch_.num_documents(); ++i) {
            const size_t begin = batch_.document_starts[i] * vocabulary;
            const size_t count = batch_.document_starts[i + 1] * vocabulary - begin;
            const std::span<const float> a(before.data() + begin, count),
                b(after.data() + begin, count);
            if (i == 2) {
                EXPECT_GT(RelativeError(a, b), 0.1);
            } else {
                ExpectSameBits(a, b, "document " + std::to_string(i));
            }
        }
    }
}

// A token sees none that come after it.
TEST_P(LogitsTest, LaterTokensDoNotMatter) {
    Loaded adapted = LoadTrained(golden_, ComputeType::kF32, context_);
    const Example& document = documents_[2];
    Example changed = document;
    const size_t half = document.tokens.size() / 2;
    const int64_t vocabulary = adapted.model->config().vocab_size;
    for (size_t i = half; i < changed.tokens.size(); ++i)
        changed.tokens[i] = Another(changed.tokens[i], vocabulary);
    const size_t kept = half * vocabulary;
    const std::vector<float> a = Logits(*adapted.model, Pack({document}));
    const std::vector<float> b = Logits(*adapted.model, Pack({changed}));
    ExpectSameBits(std::span(a).first(kept), std::span(b).first(kept), "the first half");
    EXPECT_GT(RelativeError(std::span(a).subspan(kept), std::span(b).subspan(kept)), 0.1);
}

TEST_P(LogitsTest, ThreadsDoNotChangeABit) {
    for (ComputeType compute : {ComputeType::kF32, ComputeType::kBF16}) {
        std::vector<float> first;
        double first_loss = 0;
        for (int threads : {1, 2, 3}) {
            Context context(threads);
            Loaded adapted = LoadTrained(golden_, compute, context);
            std::vector<float> logits(batch_.size() * adapted.model->config().vocab_size);
            GOLDEN_ASSERT_OK(adapted.model->Logits(context, batch_, logits.data()));
            auto sums = adapted.model->Evaluate(context, batch_);
            GOLDEN_ASSERT_OK(sums.status());
            if (threads == 1) {
                first = logits;
                first_loss = sums->loss;
            }
            ExpectSameBits(logits, first, std::to_string(threads) + " threads");
            EXPECT_EQ(sums->loss, first_loss) << threads << " threads";
        }
    }
}

// Prompts of several lengths at once, then token by token, against the reference's full forward
// pass.
TEST_P(LogitsTest, DecodeWithCacheEqualsForward) {
    for (ComputeType compute : {ComputeType::kF32, ComputeType::kBF16}) {
        Loaded adapted = LoadTrained(golden_, compute, context_);
        const int64_t vocabulary = adapted.model->config().vocab_size;
        const std::vector<float> expected = golden_.Tensor("adapted.logits");
        const std::vector<int> chosen = {0, 2, 4};  // 9, 17 and 8 tokens
        std::vector<std::unique_ptr<KvCache>> caches;
        std::vector<size_t> fed(chosen.size(), 0);
        for (int document : chosen) {
            const auto length = static_cast<int64_t>(documents_[document].tokens.size());
            caches.push_back(adapted.model->NewCache(length));
            caches.back()->Expect(length);
        }
        for (int round = 0;; ++round) {
            std::vector<std::vector<int32_t>> tokens;
            std::vector<KvCache*> active;
            std::vector<int64_t> rows;  // of `expected`
            for (size_t i = 0; i < chosen.size(); ++i) {
                const std::vector<int32_t>& all = documents_[chosen[i]].tokens;
                if (fed[i] == all.size()) continue;
                const size_t count = round == 0 ? 2 + i : 1;
                tokens.emplace_back(all.begin() + fed[i], all.begin() + fed[i] + count);
                fed[i] += count;
                active.push_back(caches[i].get());
                rows.push_back(batch_.document_starts[chosen[i]] + fed[i] - 1);
            }
            if (active.empty()) break;
            std::vector<float> logits(active.size() * vocabulary, NAN);
            GOLDEN_ASSERT_OK(adapted.model->Decode(context_, tokens, active, logits.data()));
            for (size_t i = 0; i < active.size(); ++i) {
                const std::span<const float> row(logits.data() + i * vocabulary, vocabulary);
                const std::span<const float> want(expected.data() + rows[i] * vocabulary,
                                                  vocabulary);
                EXPECT_LT(RelativeError(row, want), compute == ComputeType::kF32 ? 1e-4 : 0.04)
                    << "round " << round;
            }
        }
        for (size_t i = 0; i < chosen.size(); ++i) {
            EXPECT_EQ(caches[i]->length(),
                      static_cast<int64_t>(documents_[chosen[i]].tokens.size()));
        }
    }
}

// What was cut off is forgotten: another continuation from the same beginning.
TEST_P(LogitsTest, TruncatedCacheGoesOnFromThere) {
    Loaded adapted = LoadTrained(golden_, ComputeType::kF32, context_);
    const int64_t vocabulary = adapted.model->config().vocab_size;
    const std::vector<int32_t>& tokens = documents_[2].tokens;
    const std::vector<float> expected = golden_.Tensor("adapted.logits");
    auto cache = adapted.model->NewCache(static_cast<int64_t>(tokens.size()) + 4);
    std::vector<float> logits(vocabulary);
    cache->Expect(static_cast<int64_t>(tokens.size()));
    constexpr size_t kKept = 6;
    const std::vector<int32_t> beginning(tokens.begin(), tokens.begin() + kKept);
    GOLDEN_ASSERT_OK(adapted.model->Decode(context_, {beginning}, {cache.get()}, logits.data()));
    GOLDEN_ASSERT_OK(
        adapted.model->Decode(context_, {{1, 2, 3, 4, 5}}, {cache.get()}, logits.data()));
    cache->Truncate(static_cast<int64_t>(kKept));
    EXPECT_EQ(cache->length(), static_cast<int64_t>(kKept));
    const std::vector<int32_t> rest(tokens.begin() + kKept, tokens.end());
    GOLDEN_ASSERT_OK(adapted.model->Decode(context_, {rest}, {cache.get()}, logits.data()));
    const int64_t row = batch_.document_starts[3] - 1;
    EXPECT_LT(RelativeError(logits, std::span(expected).subspan(row * vocabulary, vocabulary)),
              1e-4);
}

INSTANTIATE_TEST_SUITE_P(Golden, LogitsTest, testing::ValuesIn(CaseNames()), TestName);

}  // namespace
}  // namespace hone::golden
