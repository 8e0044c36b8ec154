// Two adapters combined in each way, against PEFT's add_weighted_adapter (tools/golden/combine.py).
#include "adapt/combine.h"

#include <fstream>

#include "adapt/lora.h"
#include "base/files/testing.h"
#include "golden.h"

namespace hone::golden {
namespace {

TEST(CombineGoldenTest, EachWayIsThatOfPeft) {
    std::ifstream file(Folder() + "/preferences/combine.json");
    const nlohmann::json golden = nlohmann::json::parse(file);
    const Context context(2);
    Example example;
    for (const auto& id : golden["document"]) example.tokens.push_back(id);
    example.weights.assign(example.tokens.size(), 1.0f);
    const std::string layer = golden["layer"];
    ASSERT_EQ(golden["cases"].size(), 4U);
    for (const auto& expected : golden["cases"]) {
        CombineOptions options;
        options.folders = {Folder() + "/adapters/tied-lora", Folder() + "/adapters/tied-qlora"};
        options.weights = golden["weights"].get<std::vector<double>>();
        options.combination = expected["combination"];
        options.svd_rank = expected["svd_rank"];
        SCOPED_TRACE(fmt::format("{} {}", options.combination, options.svd_rank));
        TestFolder folder;
        const auto combined = CombineAdapters(options, folder / "mixed");
        GOLDEN_ASSERT_OK(combined.status());
        EXPECT_EQ(combined->rank, expected["r"]);
        Loaded loaded = LoadBase(Folder() + "/models/tied", ComputeType::kF32, context);
        GOLDEN_ASSERT_OK(LoadAdapter(*loaded.model, folder / "mixed", context).status());
        const auto sums = loaded.model->Evaluate(context, Pack({example}));
        GOLDEN_ASSERT_OK(sums.status());
        const double loss = expected["loss"];
        EXPECT_NEAR(sums->loss / sums->weight, loss, 1e-5 * loss);

        const auto a = Values(*loaded.model, layer + ".lora_A.weight"),
                   b = Values(*loaded.model, layer + ".lora_B.weight");
        const auto rank = static_cast<size_t>(combined->rank);
        const size_t in = a.size() / rank;
        std::vector<float> sample;
        for (size_t place = 0; place < b.size() / rank * in; place += 97) {
            double sum = 0;
            for (size_t r = 0; r < rank; ++r)
                sum += double{b[place / in * rank + r]} * a[r * in + place % in];
            sample.push_back(static_cast<float>(sum));
        }
        const double error = RelativeError(sample, expected["delta"].get<std::vector<float>>());
        EXPECT_LT(error, 1e-5);
        testkit::deviation_table.Note(fmt::format("combined-{}", options.combination), "final",
                                      error);
    }
}

// After any adapter the model is its base again, to the bit, and takes another one.
TEST(DropLowRankTest, LeavesTheBase) {
    const Context context(2);
    for (const char* adapter : {"tied-lora", "tied-dora", "tied-ia3", "tied-qlora"}) {
        const Case golden(adapter);
        const Batch batch = Pack(golden.documents());
        Loaded fresh =
            LoadBase(golden.model_folder(), ComputeType::kBF16, context, golden.storage());
        std::vector<float> base(batch.size() * fresh.model->config().outputs()), again(base);
        GOLDEN_ASSERT_OK(fresh.model->Logits(context, batch, base.data()));
        GOLDEN_ASSERT_OK(LoadAdapter(*fresh.model, golden.adapter_folder(), context).status());
        GOLDEN_ASSERT_OK(fresh.model->PrepareTraining(batch.size(), false));
        const std::vector<float> gradient = Backward(*fresh.model, context, batch);
        ASSERT_TRUE(fresh.model->DropLowRank()) << adapter;
        EXPECT_TRUE(fresh.model->parameters().slices().empty());
        GOLDEN_ASSERT_OK(fresh.model->Logits(context, batch, again.data()));
        ExpectSameBits(again, base, adapter);
        GOLDEN_ASSERT_OK(LoadAdapter(*fresh.model, golden.adapter_folder(), context).status());
        GOLDEN_ASSERT_OK(fresh.model->PrepareTraining(batch.size(), false));
        ExpectSameBits(Backward(*fresh.model, context, batch), gradient, adapter);
    }
    const Case head("tied-head");
    Loaded loaded = LoadTrained(head, ComputeType::kF32, context);
    const double loss = loaded.model->Evaluate(context, Pack(head.documents()))->loss;
    EXPECT_FALSE(loaded.model->DropLowRank());
    EXPECT_EQ(loaded.model->Evaluate(context, Pack(head.documents()))->loss, loss);
}

}  // namespace
}  // namespace hone::golden
