// Python's pickle, as far as torch.save writes it for a dictionary of tensors
// (https://docs.python.org/3/library/pickletools.html lists the opcodes).
//
// A pickle is a program for a small stack machine, and in Python that program may call any
// function. Here it can put together numbers, texts, lists, tuples, dictionaries and descriptions
// of tensors, and nothing else: every other name in it is an error.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/weights/weights.h"

namespace hone {

// A type of torch's numbers.
struct TorchType {
    std::string_view dtype;         // "float32", under the module torch
    std::string_view storage_name;  // "FloatStorage", under torch; empty: the type has none
    std::string_view name;          // as messages and StoredTensor::type_name have it: "F32"
    int64_t bytes;                  // of one number
    StorageType storage;            // kOther: hone reads no such numbers
};

// What the pickle says of one tensor. Its numbers lie elsewhere, in a storage.
struct PickledTensor {
    std::string name;  // its key in the dictionary
    const TorchType* type = nullptr;
    std::string storage;                  // the storage's key, by which a file finds its bytes
    int64_t storage_bytes = 0;            // as the pickle has them
    int64_t offset = 0;                   // of the first number in the storage, in numbers
    std::vector<int64_t> shape, strides;  // outermost first; strides in numbers
};

// Reads a pickle of protocol 2 to 5 whose value is a dictionary from names to tensors. Errors are
// of kind kModel and begin with `path`: a name that is not one of torch's few ("the pickle calls
// os.system"), an opcode that weights do not need, a value of the wrong kind, a tensor that lies
// outside its storage, more values than kMaxPickleValues.
absl::StatusOr<std::vector<PickledTensor>> ReadPickledTensors(std::span<const uint8_t> pickle,
                                                              std::string_view path);

}  // namespace hone
