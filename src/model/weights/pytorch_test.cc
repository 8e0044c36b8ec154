#include "model/weights/pytorch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "model/weights/pickle.h"
#include "model/weights/pytorch_testing.h"
#include "model/weights/testing.h"

namespace hone {
namespace {

namespace p = testkit::pickle;
using testing::AllOf;
using testing::HasSubstr;
using testkit::Bytes;
using testkit::Floats;
using testkit::PytorchOf;
using testkit::ZipOf;

// Made by tools/golden/pytorch.py with torch.
std::string TestFile(std::string_view name) {
    return fmt::format("{}/src/model/testdata/pytorch/{}", HONE_SOURCE_DIR, name);
}

std::string PytorchError(const std::string& file) {
    auto tensors = ParsePytorch(Bytes(file), "weights.bin");
    EXPECT_FALSE(tensors.ok());
    EXPECT_EQ(KindOf(tensors.status()), ErrorKind::kModel);
    EXPECT_THAT(std::string(tensors.status().message()), HasSubstr("weights.bin"));
    return std::string(tensors.status().message());
}

std::string PickleError(const std::string& pickle) {
    auto tensors = ReadPickledTensors(Bytes(pickle), "weights.bin");
    EXPECT_FALSE(tensors.ok());
    EXPECT_EQ(KindOf(tensors.status()), ErrorKind::kModel);
    return std::string(tensors.status().message());
}

void ExpectSameNumbers(const WeightFile& expected, const StoredTensor& tensor) {
    const StoredTensor* other = expected.Find(tensor.name);
    ASSERT_NE(other, nullptr) << tensor.name;
    EXPECT_EQ(tensor.shape, other->shape) << tensor.name;
    EXPECT_EQ(tensor.type_name, other->type_name) << tensor.name;
    auto values = ReadTensor(tensor), wanted = ReadTensor(*other);
    ASSERT_TRUE(values.ok() && wanted.ok()) << tensor.name;
    EXPECT_EQ(*values, *wanted) << tensor.name;
    std::vector<uint8_t> bytes(ContiguousBytes(tensor));
    CopyContiguous(tensor, bytes.data());
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), other->bytes.begin(), other->bytes.end()))
        << tensor.name;
}

TEST(Pytorch, TorchsFilesHoldTheNumbersOfTheirSafetensors) {
    auto expected = OpenWeights(TestFile("tensors.safetensors"));
    ASSERT_TRUE(expected.ok()) << expected.status();
    for (auto [file, count] :
         {std::pair("tensors.bin", 16), std::pair("protocol4.bin", 3), std::pair("shards", 7)}) {
        auto weights = OpenWeights(TestFile(file));
        ASSERT_TRUE(weights.ok()) << weights.status();
        EXPECT_EQ((*weights)->tensors().size(), static_cast<size_t>(count)) << file;
        for (const StoredTensor& tensor : (*weights)->tensors())
            ExpectSameNumbers(**expected, tensor);
        EXPECT_TRUE((*weights)->CheckUnchanged().ok());
    }
}

TEST(Pytorch, RowsOfATransposedTensor) {
    auto weights = OpenWeights(TestFile("tensors.bin"));
    ASSERT_TRUE(weights.ok()) << weights.status();
    const StoredTensor& tensor = *(*weights)->Find("transposed");
    EXPECT_EQ(tensor.strides, (std::vector<int64_t>{1, 5}));
    const std::vector<float> whole = *ReadTensor(tensor);
    std::vector<float> rows(2 * 6 + 1, 42);
    ASSERT_TRUE(ReadRows(tensor, 2, 4, rows.data()).ok());
    EXPECT_TRUE(std::equal(rows.begin(), rows.end() - 1, whole.begin() + 2 * 6));
    EXPECT_EQ(rows.back(), 42);
}

TEST(Pytorch, TiedTensorsShareTheirBytes) {
    auto weights = OpenWeights(TestFile("tensors.bin"));
    ASSERT_TRUE(weights.ok()) << weights.status();
    const auto bytes = [&](std::string_view name) { return (*weights)->Find(name)->bytes; };
    EXPECT_EQ(bytes("tied.embedding").data(), bytes("tied.head").data());
    EXPECT_EQ(bytes("tied.part").data(), bytes("tied.head").data() + 8);
    EXPECT_TRUE((*weights)->Find("rows")->strides.empty()) << "whole rows lie in order";
}

TEST(Pytorch, OtherTypesAreListedAndNotRead) {
    auto weights = OpenWeights(TestFile("other_types.bin"));
    ASSERT_TRUE(weights.ok()) << weights.status();
    std::string names;
    for (const StoredTensor& tensor : (*weights)->tensors()) {
        names += fmt::format("{} ", tensor.type_name);
        EXPECT_THAT(std::string(ReadTensor(tensor).status().message()),
                    HasSubstr(std::string(tensor.type_name)));
    }
    EXPECT_EQ(names, "I64 U8 BOOL F64 F8_E4M3 U16 ");
}

TEST(Pytorch, WhatCallsSomethingIsRefusedByName) {
    for (auto [file, call] :
         {std::pair("os_system", "posix.system"), std::pair("other_calls/eval", "builtins.eval"),
          std::pair("other_calls/getattr", "__builtin__.getattr"),
          std::pair("other_calls/torch_load", "torch.serialization.load"),
          std::pair("other_calls/inst", "os.system")}) {
        auto weights = OpenWeights(TestFile(fmt::format("{}.bin", file)));
        ASSERT_FALSE(weights.ok()) << file;
        EXPECT_EQ(KindOf(weights.status()), ErrorKind::kModel);
        EXPECT_THAT(
            std::string(weights.status().message()),
            AllOf(HasSubstr(fmt::format("the pickle calls {}", call)), HasSubstr("safetensors")));
    }
}

TEST(Pytorch, TheOlderFormatIsNamed) {
    auto weights = OpenWeights(TestFile("older.bin"));
    ASSERT_FALSE(weights.ok());
    EXPECT_THAT(std::string(weights.status().message()),
                AllOf(HasSubstr("before version 1.6"), HasSubstr("torch.save")));
}

TEST(Pytorch, AGitLfsPointerIsNamed) {
    EXPECT_THAT(PytorchError("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
                HasSubstr("git lfs"));
}

std::string OneTensor() {
    return p::Dict({p::Text("a"), p::Tensor(p::Storage("FloatStorage", "0", 2), 0, {2}, {1})});
}

TEST(Pytorch, ArchivesThatLie) {
    const std::string pickle = OneTensor(), numbers = Floats({1, 2});
    EXPECT_TRUE(ParsePytorch(Bytes(PytorchOf(pickle, {numbers})), "weights.bin").ok());
    EXPECT_THAT(PytorchError("x"), HasSubstr("no PyTorch file"));
    EXPECT_THAT(PytorchError(ZipOf({{"a/other", "x", false}})), HasSubstr("no data.pkl"));
    EXPECT_THAT(PytorchError(ZipOf({{"a/b/data.pkl", "x", false}})), HasSubstr("no data.pkl"));
    EXPECT_THAT(PytorchError(ZipOf({{"a/data.pkl", pickle, false}, {"b/data.pkl", pickle, false}})),
                HasSubstr("two pickles"));
    EXPECT_THAT(PytorchError(ZipOf({{"a/data.pkl", pickle, false}, {"a/data.pkl", pickle, false}})),
                HasSubstr("two entries"));
    EXPECT_THAT(PytorchError(PytorchOf(pickle, {})), HasSubstr("does not hold archive/data/0"));
    EXPECT_THAT(PytorchError(PytorchOf(pickle, {numbers.substr(1)})),
                AllOf(HasSubstr("\"a\""), HasSubstr("8 bytes"), HasSubstr("7")));
    EXPECT_THAT(PytorchError(ZipOf({{"a/data.pkl", pickle, false}, {"a/data/0", numbers, true}})),
                HasSubstr("compressed"));
    EXPECT_THAT(PytorchError(ZipOf({{"a/data.pkl", pickle, true}})), HasSubstr("compressed"));
    EXPECT_THAT(PytorchError(ZipOf(
                    {{.name = "a/data.pkl", .content = pickle, .deflate = false, .crc_error = 1}})),
                HasSubstr("checksum"));
    EXPECT_THAT(PytorchError(ZipOf(
                    {{.name = "a/data.pkl", .content = pickle, .deflate = false, .flags = 1}})),
                HasSubstr("encrypted"));
    EXPECT_THAT(PytorchError(ZipOf({{"a/data.pkl", pickle, false}, {"a/byteorder", "big", false}})),
                HasSubstr("big-endian"));
}

TEST(Pytorch, APickleAtTheLimitAndPastIt) {
    const std::string end = OneTensor();
    const auto padded = [&](size_t size) {  // with a text that nothing uses, popped into a tuple
        const std::string head = "\x80\x02", use = "\x85q\x01";
        const size_t text = size - head.size() - 5 - use.size() - 1;
        return head + p::Text(std::string(text, 'x')) + use + ".";
    };
    EXPECT_THAT(PytorchError(PytorchOf(padded(kMaxHeaderBytes), {})), HasSubstr("holds a tuple"));
    EXPECT_THAT(PytorchError(PytorchOf(padded(kMaxHeaderBytes + 1), {})),
                HasSubstr("more than the limit"));
}

TEST(Pickle, TensorsThatLieOutsideTheirStorage) {
    const auto error = [](int32_t offset, const std::vector<int32_t>& shape,
                          const std::vector<int32_t>& strides) {
        return PickleError(p::Dict(
            {p::Text("a"), p::Tensor(p::Storage("HalfStorage", "7", 12), offset, shape, strides)}));
    };
    EXPECT_THAT(error(0, {13}, {1}), HasSubstr("more numbers than the 12 numbers"));
    EXPECT_THAT(error(1, {12}, {1}), HasSubstr("ends behind"));
    EXPECT_THAT(error(12, {1}, {1}), HasSubstr("ends behind"));
    EXPECT_THAT(error(13, {0}, {1}), HasSubstr("begins behind"));
    EXPECT_THAT(error(0, {3, 4}, {4, 2}), HasSubstr("ends behind"));
    EXPECT_THAT(error(0, {2, 2}, {1, 0x7fffffff}), HasSubstr("ends behind"));
    EXPECT_THAT(error(0, {13}, {0}), HasSubstr("more numbers")) << "a number over and over";
    EXPECT_THAT(error(0, {3}, {1, 1}), HasSubstr("does not fit its strides"));
    EXPECT_THAT(error(-1, {3}, {1}), HasSubstr("offset"));
    EXPECT_THAT(error(0, {-3}, {1}), HasSubstr("counts"));
    EXPECT_THAT(error(0, {3}, {-1}), HasSubstr("counts"));
    EXPECT_THAT(error(0, std::vector<int32_t>(kMaxTensorRank + 1, 1),
                      std::vector<int32_t>(kMaxTensorRank + 1, 1)),
                HasSubstr("up to 8 counts"));
    EXPECT_THAT(error(0, {0, 0x7fffffff, 0x7fffffff}, {1, 1, 1}), HasSubstr("more numbers"));
}

TEST(Pickle, OfTheRightKindAndNothingElse) {
    const std::string storage = p::Storage("FloatStorage", "0", 2),
                      tensor = p::Tensor(storage, 0, {2}, {1});
    EXPECT_THAT(PickleError("\x80\x02" + p::Text("x") + "."), HasSubstr("holds a text"));
    EXPECT_THAT(PickleError(p::Dict({p::Text("a"), p::Int(1)})),
                AllOf(HasSubstr("\"a\" is an integer"), HasSubstr("state_dict")));
    EXPECT_THAT(PickleError(p::Dict({p::Int(1), tensor})), HasSubstr("name is an integer"));
    EXPECT_THAT(PickleError(p::Dict({p::Text("\xff"), tensor})), HasSubstr("UTF-8"));
    EXPECT_THAT(PickleError(p::Dict({p::Text(std::string(kMaxNameBytes + 1, 'x')), tensor})),
                HasSubstr("1 to 1024 bytes"));
    EXPECT_THAT(PickleError(p::Dict({p::Text("a"), tensor, p::Text("a"), tensor})),
                HasSubstr("comes twice"));
    EXPECT_THAT(PickleError(p::Dict({p::Text("a"), p::Tensor(p::Int(1), 0, {2}, {1})})),
                HasSubstr("without a storage"));
    EXPECT_THAT(PickleError(p::Dict({p::Text("a"), p::Tuple({p::Int(1)}) + "Q"})),
                HasSubstr("none to a storage"));
    EXPECT_THAT(
        PickleError(p::Dict({p::Text("a"), p::Call(p::Global("torch", "FloatStorage"), {})})),
        HasSubstr("do not belong to it"));
    EXPECT_THAT(PickleError(p::Dict({p::Text("a"), p::Call(p::Int(1), {})})),
                HasSubstr("takes an integer for a name"));
    const std::string hooks = p::Call(p::Global("torch._utils", "_rebuild_tensor_v2"),
                                      {storage, p::Int(0), p::Ints({2}), p::Ints({1}), "\x89",
                                       "}" + p::Text("k") + p::Text("v") + "s"});
    EXPECT_THAT(PickleError(p::Dict({p::Text("a"), hooks})), HasSubstr("hooks"));
}

TEST(Pickle, ProgramsThatAreWrong) {
    EXPECT_THAT(PickleError(""), HasSubstr("middle of a value"));
    EXPECT_THAT(PickleError("}."), HasSubstr("begins with byte"));
    EXPECT_THAT(PickleError("\x80\x01}."), HasSubstr("protocol 1"));
    EXPECT_THAT(PickleError("\x80\x06}."), HasSubstr("protocol 6"));
    for (auto [program, problem] : std::initializer_list<std::pair<std::string, const char*>>{
             {".", "0 values"},
             {"}}.", "2 values"},
             {"(}.", "on its stack"},
             {"}(", "middle of a value"},
             {"0", "the opcode 48"},
             {"\x82\x01", "extension"},
             {"\x81", "the opcode 129"},
             {"t", "no mark"},
             {"}(s", "empty stack"},
             {"}\x85\x85\x86", "empty stack"},
             {"(a", "empty stack"},
             {"(u.", "appends to nothing"},
             {"]" + p::Int(1) + p::Int(2) + "s", "takes a list for a dictionary"},
             {"}(" + p::Int(1) + "u", "a key without a value"},
             {"h\x01", "value 1, which it never stored"},
             {"}q\x05h\x04", "value 4"},
             {"}r" + testkit::Raw<uint32_t>(kMaxPickleValues), "the limit is"},
             {p::Int(1) + "}b", "attributes of an integer"},
             {"X\xff\xff\xff\xff", "middle of a value"},
             {"\x8a\x09" + std::string(9, '\1'), "an integer of 9 bytes"},
             {"cos", "a name without an end"},
             {"c" + std::string(2000, 'x') + "\n", "a name without an end"},
             {"ca\x1b[1m\nb\n", "a?[1m.b"},
         })
        EXPECT_THAT(PickleError("\x80\x02" + program), HasSubstr(problem)) << program;
}

TEST(Pickle, ValuesAtTheLimitAndPastIt) {
    const auto error = [](const std::string& body) { return PickleError("\x80\x02" + body); };
    EXPECT_THAT(error("(" + std::string(kMaxPickleValues - 1, 'N') + "t."),
                HasSubstr("holds a tuple"));
    EXPECT_THAT(error("(" + std::string(kMaxPickleValues, 'N') + "t."), HasSubstr("makes more"));
    std::string many = "Nq\x01";
    for (size_t i = 0; i < kMaxPickleValues; ++i) many += "h\x01";
    EXPECT_THAT(error(many), HasSubstr("stack has more"));
    EXPECT_THAT(error(std::string(kMaxPickleValues + 1, '(')), HasSubstr("open marks"));
    std::string dict;
    for (size_t i = 0; i <= kMaxTensors; ++i) dict += "NN";
    EXPECT_THAT(error("}(" + dict + "u."), HasSubstr("more than the limit of 100000"));
}

TEST(Pickle, WhatRefersToItselfIsFine) {
    EXPECT_THAT(PickleError("\x80\x02]q\x01h\x01"
                            "a."),
                HasSubstr("holds a list"));
}

}  // namespace
}  // namespace hone
