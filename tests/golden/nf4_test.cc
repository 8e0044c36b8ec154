// NF4 against bitsandbytes: the same numbers, from the dynamic map to the weights that come back.
#include "kernels/nf4/nf4.h"

#include <cmath>

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
                                              ours.data(), values.data());
        values.resize(numbers.size());
        EXPECT_LT(WorstElement(values, Tensor(name + ".values")), 2e-7);
    }
}

}  // namespace
}  // namespace hone::golden
