#include "model/files/model_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/files/json_file.h"
#include "model/weights/testing.h"

namespace hone {
namespace {

using testing::HasSubstr;

std::unique_ptr<ModelFiles> Open(const std::string& path) {
    auto files = OpenModel(path);
    EXPECT_TRUE(files.ok()) << files.status();
    return files.ok() ? *std::move(files) : nullptr;
}

std::unique_ptr<ModelFiles> Golden(const std::string& name) {
    return Open(HONE_SOURCE_DIR "/tests/golden/models/" + name);
}

// The tensors' own numbers times `factor`, kept alive beside the function.
struct Scaled {
    Scaled(const ModelFiles& files, float factor) {
        for (const ModelTensor& tensor : files.tensors) {
            std::vector<float>& to = numbers[tensor.hf_name] = *ReadTensor(*tensor.stored);
            for (float& number : to) number *= factor;
        }
    }
    TensorValues values() {
        return [this](const ModelTensor& tensor) {
            return std::span<const float>(numbers.at(tensor.hf_name));
        };
    }
    std::map<std::string, std::vector<float>> numbers;
};

class ModelWriter : public testing::TestWithParam<std::string> {};

TEST_P(ModelWriter, TheFolderIsReadAgain) {
    const auto base = Golden(GetParam());
    Scaled scaled(*base, 1.001f);  // no bf16 number any more
    TestFolder folder;
    for (DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
        const std::string path = folder / DTypeName(dtype);
        ASSERT_TRUE(WriteConfigAndWeights(*base, dtype, scaled.values(), path).ok());
        const auto written = Open(path);
        ASSERT_TRUE(written);
        ASSERT_EQ(written->tensors.size(), base->tensors.size());
        EXPECT_EQ(written->weights->tensors().size(), base->tensors.size());
        for (const ModelTensor& tensor : written->tensors) {
            EXPECT_EQ(tensor.stored->type_name, DTypeName(dtype));
            const std::vector<float> got = *ReadTensor(*tensor.stored);
            const std::vector<float>& want = scaled.numbers.at(tensor.hf_name);
            for (size_t i = 0; i < got.size(); ++i) {
                const float rounded = dtype == DType::kF32   ? want[i]
                                      : dtype == DType::kF16 ? ToFloat(ToF16(want[i]))
                                                             : ToFloat(ToBF16(want[i]));
                ASSERT_EQ(got[i], rounded) << tensor.name << " " << i;
            }
        }
        const auto config = *ReadJsonObject(path + "/config.json");
        const char* name = dtype == DType::kF32   ? "float32"
                           : dtype == DType::kF16 ? "float16"
                                                  : "bfloat16";
        EXPECT_EQ(config.contains("dtype"), base->config.json.contains("dtype"));
        EXPECT_EQ(config[config.contains("dtype") ? "dtype" : "torch_dtype"], name);
    }
}

INSTANTIATE_TEST_SUITE_P(Models, ModelWriter, testing::Values("tied", "llama3", "bias", "odd"));

TEST(ModelWriter, WhatFloat16CannotHoldIsRefused) {
    const auto base = Golden("odd");
    Scaled scaled(*base, 1);
    TestFolder folder;
    auto write = [&](DType dtype) {
        return WriteConfigAndWeights(*base, dtype, scaled.values(), folder / "out");
    };
    std::vector<float>& norm = scaled.numbers.at("model.norm.weight");
    norm[1] = -65504;
    EXPECT_TRUE(write(DType::kF16).ok());
    for (float bad : {65536.0f, std::nanf("")}) {
        norm[1] = bad;
        EXPECT_THAT(std::string(write(DType::kF16).message()), HasSubstr("model.norm.weight"));
        EXPECT_TRUE(write(DType::kBF16).ok());
    }
}

}  // namespace
}  // namespace hone
