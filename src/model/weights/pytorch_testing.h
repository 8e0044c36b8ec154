// For tests: pickles and PyTorch files, made in memory; nothing is checked, so they can be wrong.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/files/zip_testing.h"
#include "model/weights/weights.h"

namespace hone::testkit {

// Pieces of a pickle of protocol 2, by the opcodes that make them.
namespace pickle {

inline std::string Global(std::string_view module, std::string_view name) {
    return fmt::format("c{}\n{}\n", module, name);
}
inline std::string Text(std::string_view text) {
    return "X" + Raw(static_cast<uint32_t>(text.size())) + std::string(text);
}
inline std::string Int(int32_t number) { return "J" + Raw(number); }
inline std::string Tuple(const std::vector<std::string>& items) {
    std::string tuple = "(";
    for (const std::string& item : items) tuple += item;
    return tuple + "t";
}
inline std::string Ints(const std::vector<int32_t>& numbers) {
    std::vector<std::string> items;
    for (int32_t number : numbers) items.push_back(Int(number));
    return Tuple(items);
}
inline std::string Call(const std::string& global, const std::vector<std::string>& arguments) {
    return global + Tuple(arguments) + "R";
}
inline std::string Storage(std::string_view type, std::string_view key, int32_t count) {
    return Tuple({Text("storage"), Global("torch", type), Text(key), Text("cpu"), Int(count)}) +
           "Q";
}
inline std::string Tensor(const std::string& storage, int32_t offset,
                          const std::vector<int32_t>& shape, const std::vector<int32_t>& strides) {
    return Call(Global("torch._utils", "_rebuild_tensor_v2"),
                {storage, Int(offset), Ints(shape), Ints(strides), "\x89",
                 Call(Global("collections", "OrderedDict"), {})});
}
// The whole pickle of a dictionary, its items key and value after each other.
inline std::string Dict(const std::vector<std::string>& items) {
    std::string dict = "\x80\x02}(";
    for (const std::string& item : items) dict += item;
    return dict + "u.";
}

}  // namespace pickle

// A file of the pickle and the storages "0", "1" ...
inline std::string PytorchOf(const std::string& pickle, const std::vector<std::string>& storages) {
    std::vector<ZipMember> members = {{"archive/data.pkl", pickle, false},
                                      {"archive/byteorder", "little", false}};
    for (size_t i = 0; i < storages.size(); ++i)
        members.push_back({fmt::format("archive/data/{}", i), storages[i], false});
    return ZipOf(members);
}

// A file of the same tensors (of F32 or BF16), the matrices transposed in their storages where
// asked.
inline std::string PytorchOf(const WeightFile& weights, bool transposed) {
    std::vector<std::string> items, storages;
    for (const StoredTensor& tensor : weights.tensors()) {
        const bool bf16 = tensor.type == StorageType::kBF16;
        const size_t size = bf16 ? 2 : 4;
        std::string bytes(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
        std::vector<int32_t> shape(tensor.shape.begin(), tensor.shape.end()), strides = {1};
        if (shape.size() == 2) {
            const int32_t rows = shape[0], columns = shape[1];
            strides = transposed ? std::vector{1, rows} : std::vector{columns, 1};
            for (int32_t i = 0; transposed && i < rows * columns; ++i)
                std::copy_n(tensor.bytes.data() + (i % rows * columns + i / rows) * size, size,
                            bytes.data() + i * size);
        }
        items.push_back(pickle::Text(tensor.name));
        items.push_back(pickle::Tensor(pickle::Storage(bf16 ? "BFloat16Storage" : "FloatStorage",
                                                       std::to_string(storages.size()),
                                                       static_cast<int32_t>(tensor.elements())),
                                       0, shape, strides));
        storages.push_back(std::move(bytes));
    }
    return PytorchOf(pickle::Dict(items), storages);
}

}  // namespace hone::testkit
