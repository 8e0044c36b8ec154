#include "chat/model_folder.h"

#include <gtest/gtest.h>

#include <map>

#include "base/files/file.h"
#include "chat/chat_files.h"
#include "model/files/golden_testing.h"

namespace hone {
namespace {

// The tensors' own numbers, kept alive beside the function.
struct OwnNumbers {
    explicit OwnNumbers(const ModelFiles& files) {
        for (const ModelTensor& tensor : files.tensors)
            numbers[tensor.hf_name] = *ReadTensor(*tensor.stored);
    }
    TensorValues values() {
        return [this](const ModelTensor& tensor) {
            return std::span<const float>(numbers.at(tensor.hf_name));
        };
    }
    std::map<std::string, std::vector<float>> numbers;
};

void ExpectSameText(const ChatFiles& a, const ChatFiles& b) {
    EXPECT_EQ(a.bos_id, b.bos_id);
    EXPECT_EQ(a.eos_ids, b.eos_ids);
    EXPECT_EQ(a.adds_bos, b.adds_bos);
    EXPECT_EQ(a.chat_template->sources(), b.chat_template->sources());
}

class ModelFolder : public testing::TestWithParam<std::string> {};

TEST_P(ModelFolder, IsReadAgain) {
    const auto base = OpenModel(testkit::GoldenModel(GetParam())).value();
    OwnNumbers own(*base);
    TestFolder folder;
    ASSERT_TRUE(WriteModelFolder(*base, DType::kF32, own.values(), folder / "out").ok());
    const auto before = OpenChat(*base).value(),
               after = OpenChat(*OpenModel(folder / "out").value()).value();
    ExpectSameText(*after, *before);
    EXPECT_EQ(after->tokenizer->ToJson(), before->tokenizer->ToJson());
}

INSTANTIATE_TEST_SUITE_P(Models, ModelFolder, testing::Values("tied", "llama3", "bias", "odd"));

// As a folder it is the same model, under Hugging Face's names and in its rows' order.
TEST(WriteModelFolder, OfGgufIsTheSameModel) {
    testkit::GoldenGguf source;
    source.AddTokenizer();
    const auto gguf = source.Open().value();
    TestFolder folder;
    std::map<std::string, std::vector<float>> numbers;
    for (const ModelTensor& tensor : source.original().tensors)
        numbers[tensor.hf_name] = *ReadTensor(*tensor.stored);
    absl::Status written = WriteModelFolder(
        *gguf, DType::kF32,
        [&](const ModelTensor& tensor) {
            return std::span<const float>(numbers.at(tensor.hf_name));
        },
        folder / "written");
    ASSERT_TRUE(written.ok()) << written;
    const auto files = OpenModel(folder / "written").value();
    EXPECT_FALSE(files->gguf);
    for (const ModelTensor& tensor : files->tensors)
        EXPECT_EQ(*ReadTensor(*tensor.stored), numbers.at(tensor.hf_name)) << tensor.name;
    EXPECT_EQ(files->config.rotary[0].scaling.factor, 2);
    const auto before = OpenChat(*gguf).value(), after = OpenChat(*files).value();
    ExpectSameText(*after, *before);
    EXPECT_EQ(after->bos_token, before->bos_token);
    EXPECT_EQ(after->eos_token, before->eos_token);
    EXPECT_TRUE(after->has_chat_template);
    EXPECT_EQ(after->tokenizer->Encode("ab a", true).value(),
              before->tokenizer->Encode("ab a", true).value());
}

TEST(WriteModelFolder, AFullDiskIsSaid) {
    const auto base = OpenModel(testkit::GoldenModel("tied")).value();
    OwnNumbers own(*base);
    TestFolder folder;
    for (int failing = 0;; ++failing) {
        int seen = 0;
        SetFileFault(
            [&](std::string_view, const std::string&) { return seen++ == failing ? ENOSPC : 0; });
        absl::Status status = WriteModelFolder(*base, DType::kBF16, own.values(), folder / "out");
        SetFileFault(nullptr);
        if (status.ok()) {
            EXPECT_GT(failing, 10);
            break;
        }
        ASSERT_LT(failing, 1000);
    }
}

}  // namespace
}  // namespace hone
