// Against the reference; that one against ggml's own numbers: model/weights/dequantize_test.cc.
#include "kernels/gguf_blocks/gguf_blocks.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

template <typename T>
struct BlockType {
    const char* name;
    typename GgufBlockFunctions<T>::Unpack GgufBlockFunctions<T>::*unpack;
    int64_t elements, bytes;
    std::vector<int64_t> halves;  // where in a block its f16 lie
};

template <typename T>
std::vector<BlockType<T>> BlockTypes() {
    using F = GgufBlockFunctions<T>;
    return {{"q4_0", &F::q4_0, 32, 18, {0}},       {"q4_1", &F::q4_1, 32, 20, {0, 2}},
            {"q5_0", &F::q5_0, 32, 22, {0}},       {"q5_1", &F::q5_1, 32, 24, {0, 2}},
            {"q8_0", &F::q8_0, 32, 34, {0}},       {"iq4_nl", &F::iq4_nl, 32, 18, {0}},
            {"q2_k", &F::q2_k, 256, 84, {80, 82}}, {"q3_k", &F::q3_k, 256, 110, {108}},
            {"q4_k", &F::q4_k, 256, 144, {0, 2}},  {"q5_k", &F::q5_k, 256, 176, {0, 2}},
            {"q6_k", &F::q6_k, 256, 210, {208}},   {"iq4_xs", &F::iq4_xs, 256, 136, {0}}};
}

template <typename T>
class GgufBlocks : public testing::Test {};
using BlockNumbers = testing::Types<float, bf16>;
TYPED_TEST_SUITE(GgufBlocks, BlockNumbers);

// Of random bytes, with scales of both signs, zeros, subnormal ones and infinities.
TYPED_TEST(GgufBlocks, EveryImplementationGivesTheReferencesBits) {
    constexpr uint16_t kScales[] = {0x2a66, 0xa911, 0x0000, 0x8000, 0x0001, 0x83ff, 0x7c00, 0x3c00};
    for (const uint64_t seed : TestSeeds(10)) {
        testkit::Random random(seed);
        for (const auto& kernel : testkit::Runnable(GgufBlockKernels<TypeParam>())) {
            for (const BlockType<TypeParam>& type : BlockTypes<TypeParam>()) {
                const int64_t blocks = random.Between(1, 9);
                testkit::Guarded<uint8_t> bytes(blocks * type.bytes);
                for (size_t i = 0; i < bytes.size(); ++i)
                    bytes[i] = static_cast<uint8_t>(random.Between(0, 255));
                for (int64_t block = 0; block < blocks; ++block)
                    for (int64_t half : type.halves)
                        std::memcpy(bytes.data() + block * type.bytes + half,
                                    &kScales[random.Between(0, 7)], 2);
                testkit::Guarded<TypeParam> actual(blocks * type.elements),
                    expected(blocks * type.elements);
                (kernel.functions.*type.unpack)(blocks, bytes.data(), actual.data());
                (GgufBlockKernels<TypeParam>().reference().*type.unpack)(blocks, bytes.data(),
                                                                         expected.data());
                int64_t wrong = 0;
                for (size_t i = 0; i < actual.size(); ++i) {
                    const float a = ToFloat(actual[i]), e = ToFloat(expected[i]);
                    // Of an infinite scale times zero no two machines agree on the sign.
                    if (std::isnan(e)) {
                        wrong += !std::isnan(a);
                        continue;
                    }
                    wrong += std::memcmp(&a, &e, sizeof a) != 0;
                }
                EXPECT_EQ(wrong, 0) << kernel.name << " " << type.name << ", " << blocks;
            }
        }
    }
}

}  // namespace
}  // namespace hone
