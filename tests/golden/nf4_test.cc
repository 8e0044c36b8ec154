// NF4 against bitsandbytes: the same numbers, from the dynamic map to the weights that come back.
#include "kernels/nf4/nf4.h"

#include <algorithm>
#include <cmath>

#include "adapt/lora.h"
#include "adapt/principal_start.h"
#include "golden.h"
#include "model/weights/safetensors.h"

namespace hone::golden {
namespace {

class Nf4Test : public testing::Test {
  protected:
    Nf4Test() {
        auto file = OpenSafetensors(Folder() + "/values/nf4.safetensors");
        HONE_CHECK(file.ok(), "{}", file.status().ToString());
        file_ = *std::move(file);
    }
    const StoredTensor& Stored(const std::string& name) const {
        const StoredTensor* tensor = file_->Find(name);
        HONE_CHECK(tensor != nullptr, "no golden tensor {}", name);
        return *tensor;
    }
    std::vector<float> Tensor(const std::string& name) const {
        auto values = ReadTensor(Stored(name));
        HONE_CHECK(values.ok(), "{}", values.status().ToString());
        return *std::move(values);
    }

  private:
    std::shared_ptr<WeightFile> file_;
};

TEST_F(Nf4Test, TheDynamicMapIsBitsandbytes) {
    const std::span<const float, 256> map = Nf4DynamicMap();
    ExpectSameBits(map, Tensor("dynamic_map"), "the dynamic map");
}

// The mean of the absmax is a sum of f32 that torch takes in its own order: its last bit is not
// fixed. A code that was off by one would be off by 1e-3 and more.
TEST_F(Nf4Test, WeightsComeBackAsBitsandbytesGivesThem) {
    for (const std::string name : {"large", "across", "outliers"}) {
        SCOPED_TRACE(name);
        const std::vector<int64_t>& shape = Stored(name).shape;
        const std::vector<float> numbers = Tensor(name);
        Nf4Matrix weight(shape[0], shape[1], /*double_quant=*/true);
        weight.SetRows(0, shape[0], numbers.data());
        weight.Finish();
        const std::vector<float> absmax = Tensor(name + ".absmax");
        std::vector<float> ours(absmax.size());
        weight.Absmax(0, static_cast<int64_t>(ours.size()), ours.data());
        EXPECT_LT(WorstElement(ours, absmax), 2e-7);
        std::vector<float> values(absmax.size() * kNf4Block);
        Nf4Kernels<float>().Choose({}).values(static_cast<int64_t>(ours.size()), weight.codes(0),
                                              ours.data(), kNf4Values, values.data());
        values.resize(numbers.size());
        EXPECT_LT(WorstElement(values, Tensor(name + ".values")), 2e-7);
    }
}

// FP4's values, and the weights that come back, without double quantisation.
TEST_F(Nf4Test, Fp4IsThatOfBitsandbytes) {
    std::vector<float> published = Tensor("fp4");
    std::sort(published.begin(), published.end());
    EXPECT_EQ(std::count(published.begin(), published.end(), 0.0f), 2);
    published.erase(std::find(published.begin(), published.end(), 0.0f));
    ASSERT_EQ(published.size(), 15U);
    for (size_t i = 0; i < published.size(); ++i)
        EXPECT_NEAR(kFp4Values[i], published[i], 1e-7f) << i;
    EXPECT_EQ(kFp4Values[15], kFp4Values[14]);
    for (const std::string name : {"large", "across", "outliers"}) {
        SCOPED_TRACE(name);
        const std::vector<int64_t>& shape = Stored(name).shape;
        const std::vector<float> numbers = Tensor(name);
        Nf4Matrix weight(shape[0], shape[1], /*double_quant=*/false, FourBits::kFp4);
        weight.SetRows(0, shape[0], numbers.data());
        weight.Finish();
        const auto blocks = (static_cast<int64_t>(numbers.size()) + kNf4Block - 1) / kNf4Block;
        std::vector<float> absmax(static_cast<size_t>(blocks)),
            values(static_cast<size_t>(blocks * kNf4Block));
        weight.Absmax(0, blocks, absmax.data());
        Nf4Kernels<float>().Choose({}).values(blocks, weight.codes(0), absmax.data(), kFp4Values,
                                              values.data());
        values.resize(numbers.size());
        EXPECT_LT(WorstElement(values, Tensor(name + ".fp4")), 2e-7);
    }
}

// LoftQ's start makes up for all that NF4 takes where the rank is that of the weights, and for a
// part where it is lower.
TEST(LoftqStart, MakesUpForWhatNf4Takes) {
    const Context context(2);
    const Case golden("tied-lora");
    const Batch batch = Pack(golden.documents());
    const std::vector<float> whole = golden.Tensor("base.logits");
    // Of the logits over NF4, from those of the base in full. Rank 0: without an adapter.
    const auto error_of = [&](int64_t rank, const std::string& start) {
        Loaded base =
            LoadBase(golden.model_folder(), ComputeType::kF32, context, WeightStorage::kNf4);
        const LoraConfig config{.r = std::max<int64_t>(rank, 1),
                                .lora_alpha = 5,
                                .target_modules = {"all-linear"},
                                .init_lora_weights = start};
        if (rank > 0) {
            ExpectOk(ApplyLora(*base.model, config, 3, context));
            if (start == "loftq")
                ExpectOk(StartFromQuantizationError(*base.model, config, true, context));
        }
        std::vector<float> logits(whole.size());
        ExpectOk(base.model->Logits(context, batch, logits.data()));
        return RelativeError(logits, whole);
    };
    const double without = error_of(0, "true");
    EXPECT_GT(without, 0.01);
    EXPECT_NEAR(error_of(16, "true"), without, 1e-6);
    EXPECT_LT(error_of(64, "loftq"), 1e-4);
    EXPECT_LT(error_of(32, "loftq"), 0.7 * without);
}

// The delta that PEFT's loftq_init starts from (tools/golden/loftq.py). It is the same whatever
// scales it: PEFT leaves lora_alpha / r to whoever chooses both alike, and here it is taken out.
TEST(LoftqStart, IsThatOfPeft) {
    const Context context(2);
    const auto file = OpenSafetensors(Folder() + "/values/loftq.safetensors").value();
    const auto files = OpenModel(Folder() + "/models/tied").value();
    const LoadOptions nf4{
        .compute = ComputeType::kF32, .storage = WeightStorage::kNf4, .double_quant = false};
    for (const double alpha : {4, 10}) {
        const auto model = Model::Load(*files, nf4, context).value();
        const LoraConfig config{.r = 4,
                                .lora_alpha = alpha,
                                .target_modules = {"all-linear"},
                                .init_lora_weights = "loftq"};
        ExpectOk(ApplyLora(*model, config, 3, context));
        ExpectOk(StartFromQuantizationError(*model, config, false, context));
        ASSERT_EQ(file->tensors().size(), 3U);
        for (const StoredTensor& stored : file->tensors()) {
            const std::string layer = stored.name.substr(0, stored.name.rfind('.'));
            const std::vector<float> expected = ReadTensor(stored).value();
            const std::span<const float> a = Values(*model, layer + ".lora_A.weight"),
                                         b = Values(*model, layer + ".lora_B.weight");
            const size_t in = static_cast<size_t>(stored.shape[1]);
            std::vector<float> delta(expected.size());
            for (size_t i = 0; i < delta.size(); ++i)
                for (size_t r = 0; r < 4; ++r)
                    delta[i] +=
                        static_cast<float>(alpha / 4) * b[i / in * 4 + r] * a[r * in + i % in];
            const double error = RelativeError(delta, expected);
            EXPECT_LT(error, 1e-4) << layer;
            testkit::deviation_table.Note("tied-loftq", "start", error);
        }
    }
}

}  // namespace
}  // namespace hone::golden
