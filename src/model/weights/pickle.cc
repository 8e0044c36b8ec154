#include "model/weights/pickle.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>

#include "base/limits.h"
#include "base/text/text.h"
#include "model/weights/pickle_machine.h"

namespace hone {
namespace {

using Kind = PickleValue::Kind;

constexpr auto kTypes = std::to_array<TorchType>({
    {"float32", "FloatStorage", "F32", 4, StorageType::kF32},
    {"float16", "HalfStorage", "F16", 2, StorageType::kF16},
    {"bfloat16", "BFloat16Storage", "BF16", 2, StorageType::kBF16},
    {"float64", "DoubleStorage", "F64", 8, StorageType::kOther},
    {"int64", "LongStorage", "I64", 8, StorageType::kOther},
    {"int32", "IntStorage", "I32", 4, StorageType::kOther},
    {"int16", "ShortStorage", "I16", 2, StorageType::kOther},
    {"int8", "CharStorage", "I8", 1, StorageType::kOther},
    {"uint8", "ByteStorage", "U8", 1, StorageType::kOther},
    {"bool", "BoolStorage", "BOOL", 1, StorageType::kOther},
    {"complex64", "ComplexFloatStorage", "C64", 8, StorageType::kOther},
    {"complex128", "ComplexDoubleStorage", "C128", 16, StorageType::kOther},
    {"float8_e4m3fn", "", "F8_E4M3", 1, StorageType::kOther},
    {"float8_e5m2", "", "F8_E5M2", 1, StorageType::kOther},
    {"uint16", "", "U16", 2, StorageType::kOther},
    {"uint32", "", "U32", 4, StorageType::kOther},
    {"uint64", "", "U64", 8, StorageType::kOther},
});

// What a kGlobal's number stands for: one of these, or kFirstStorage + i or kFirstType + i with i
// an index of kTypes.
enum Global : int64_t {
    kOrderedDict,
    kRebuildTensor,
    kRebuildTensorOfType,  // for types that have no storage of their own
    kRebuildParameter,
    kUntypedStorage,
    kFirstStorage,
    kFirstType = kFirstStorage + static_cast<int64_t>(kTypes.size())
};

struct KnownName {
    std::string_view module, name;
    Global global;
};
constexpr KnownName kKnownNames[] = {
    {"collections", "OrderedDict", kOrderedDict},
    {"torch._utils", "_rebuild_tensor_v2", kRebuildTensor},
    {"torch._utils", "_rebuild_tensor_v3", kRebuildTensorOfType},
    {"torch._utils", "_rebuild_parameter", kRebuildParameter},
    {"torch.storage", "UntypedStorage", kUntypedStorage},
};

std::optional<int64_t> FindName(std::string_view module, std::string_view name) {
    for (const KnownName& known : kKnownNames)
        if (known.module == module && known.name == name) return known.global;
    if (module != "torch" || name.empty()) return std::nullopt;
    for (size_t i = 0; i < kTypes.size(); ++i) {
        if (kTypes[i].storage_name == name) return kFirstStorage + static_cast<int64_t>(i);
        if (kTypes[i].dtype == name) return kFirstType + static_cast<int64_t>(i);
    }
    return std::nullopt;
}

// A name out of the file as a message shows it.
std::string Shown(std::string_view name) {
    constexpr size_t kMaxShown = 100;
    std::string shown;
    for (char c : name.substr(0, kMaxShown)) shown += c >= ' ' && c <= '~' ? c : '?';
    return shown + (name.size() > kMaxShown ? "..." : "");
}

struct Storage {
    const TorchType* type = nullptr;  // nullptr: bytes without a type
    std::string key;
    int64_t count = 0;  // of its numbers
};

class Reader {
  public:
    Reader(std::span<const uint8_t> pickle, std::string_view path)
        : machine_(pickle, path,
                   {[this](std::string_view module, std::string_view name) {
                        return FindGlobal(module, name);
                    },
                    [this](int64_t global, PickleRef arguments) {
                        return Call(global, machine_[arguments].items);
                    },
                    [this](PickleRef id) { return LoadStorage(machine_[id].items); }}) {}

    absl::StatusOr<std::vector<PickledTensor>> Read() {
        HONE_ASSIGN_OR_RETURN(const PickleRef root, machine_.Run());
        const PickleValue& dictionary = machine_[root];
        if (dictionary.kind != Kind::kDict)
            return machine_.Error("the file holds {}, not a dictionary of tensors",
                                  PickleKindName(dictionary.kind));
        if (dictionary.items.size() / 2 > kMaxTensors)
            return machine_.Error("{} tensors, more than the limit of {}",
                                  dictionary.items.size() / 2, kMaxTensors);
        std::vector<PickledTensor> named;
        std::unordered_set<std::string_view> names;
        for (size_t i = 0; i < dictionary.items.size(); i += 2) {
            HONE_ASSIGN_OR_RETURN(auto tensor, Named(machine_[dictionary.items[i]],
                                                     machine_[dictionary.items[i + 1]]));
            if (!names.insert(machine_[dictionary.items[i]].text).second)
                return machine_.Error("the tensor \"{}\" comes twice", tensor.name);
            named.push_back(std::move(tensor));
        }
        return named;
    }

  private:
    // References to items of a value are good until the machine gets a new one (Add): each function
    // adds last.
    using Items = std::vector<PickleRef>;

    absl::StatusOr<int64_t> FindGlobal(std::string_view module, std::string_view name) const {
        if (const auto global = FindName(module, name)) return *global;
        return machine_.Error(
            "the pickle calls {}.{}, and hone refuses it: weights need nothing but torch's tensors "
            "and storages, and what else a pickle calls can be any program. Do not load this file "
            "elsewhere unless you trust its makers; look for a copy in safetensors",
            Shown(module), Shown(name));
    }

    absl::StatusOr<PickledTensor> Named(const PickleValue& key, const PickleValue& value) const {
        if (key.kind != Kind::kText || key.text.empty() || key.text.size() > kMaxNameBytes ||
            !IsUtf8(key.text))
            return machine_.Error("a tensor's name is {}; it must be UTF-8 of 1 to {} bytes",
                                  key.kind == Kind::kText ? fmt::format("\"{}\"", Shown(key.text))
                                                          : std::string(PickleKindName(key.kind)),
                                  kMaxNameBytes);
        if (value.kind != Kind::kTensor)
            return machine_.Error(
                "\"{}\" is {}, not a tensor: hone reads a flat dictionary of tensors, as "
                "torch.save(model.state_dict(), ...) writes it",
                key.text, PickleKindName(value.kind));
        PickledTensor tensor = tensors_[static_cast<size_t>(value.number)];
        tensor.name = key.text;
        return tensor;
    }

    // ("storage", class, key, device, count)
    absl::StatusOr<PickleRef> LoadStorage(const Items& id) {
        if (id.size() != 5 || machine_[id[0]].text != "storage" ||
            machine_[id[1]].kind != Kind::kGlobal || machine_[id[2]].kind != Kind::kText ||
            machine_[id[3]].kind != Kind::kText || !IsCount(id[4]))
            return machine_.Error("the pickle has a reference that is none to a storage");
        const int64_t global = machine_[id[1]].number;
        Storage storage{.key = machine_[id[2]].text, .count = machine_[id[4]].number};
        if (global >= kFirstStorage && global < kFirstType)
            storage.type = &kTypes[static_cast<size_t>(global - kFirstStorage)];
        else if (global != kUntypedStorage)
            return machine_.Error("the pickle has a storage of a class that is none");
        if (storage.count > kMaxTensorElements)
            return machine_.Error("the storage {} has {} numbers, more than the limit of {}",
                                  Shown(storage.key), storage.count, kMaxTensorElements);
        storages_.push_back(std::move(storage));
        return machine_.Add(
            {.kind = Kind::kStorage, .number = static_cast<int64_t>(storages_.size()) - 1});
    }

    absl::StatusOr<PickleRef> Call(int64_t global, const Items& arguments) {
        switch (global) {
            case kOrderedDict:
                if (arguments.empty()) return machine_.Add({.kind = Kind::kDict});
                break;
            case kRebuildTensor:
                if (arguments.size() == 6 || arguments.size() == 7) return Rebuild(arguments);
                break;
            case kRebuildTensorOfType:
                if (arguments.size() == 7 || arguments.size() == 8) return RebuildOfType(arguments);
                break;
            case kRebuildParameter:
                if (arguments.size() == 3 && machine_[arguments[0]].kind == Kind::kTensor &&
                    machine_[arguments[1]].kind == Kind::kBool && IsEmptyDict(arguments[2]))
                    return arguments[0];
                break;
        }
        return machine_.Error(
            "the pickle makes a tensor, or a dictionary, of {} arguments that "
            "do not belong to it",
            arguments.size());
    }

    // (storage, offset, size, strides, requires_grad, backward_hooks[, metadata])
    absl::StatusOr<PickleRef> Rebuild(const Items& arguments) {
        if (machine_[arguments[0]].kind != Kind::kStorage)
            return machine_.Error("the pickle makes a tensor without a storage");
        const Storage& storage = StorageOf(arguments[0]);
        if (storage.type == nullptr)
            return machine_.Error("the pickle makes a tensor of the storage {}, which has no type",
                                  Shown(storage.key));
        if (arguments.size() == 7 && !IsEmptyDict(arguments[6]))
            return machine_.Error(
                "a tensor has properties that hone does not know (it may be "
                "conjugated or negated)");
        return AddTensor(*storage.type, storage.count, arguments);
    }

    // The same with the type before the metadata, over a storage of bytes.
    absl::StatusOr<PickleRef> RebuildOfType(const Items& arguments) {
        const PickleValue& type = machine_[arguments[6]];
        if (machine_[arguments[0]].kind != Kind::kStorage ||
            StorageOf(arguments[0]).type != nullptr || type.kind != Kind::kGlobal ||
            type.number < kFirstType)
            return machine_.Error("the pickle makes a typed tensor of something else");
        if (arguments.size() == 8 && !IsEmptyDict(arguments[7]))
            return machine_.Error("a tensor has properties that hone does not know");
        const TorchType& known = kTypes[static_cast<size_t>(type.number - kFirstType)];
        return AddTensor(known, StorageOf(arguments[0]).count / known.bytes, arguments);
    }

    // `count`: how many numbers the storage has room for.
    absl::StatusOr<PickleRef> AddTensor(const TorchType& type, int64_t count,
                                        const Items& arguments) {
        const Storage& storage = StorageOf(arguments[0]);
        PickledTensor tensor{.type = &type,
                             .storage = storage.key,
                             .storage_bytes = storage.count * (storage.type ? type.bytes : 1)};
        if (!IsCount(arguments[1]) || machine_[arguments[4]].kind != Kind::kBool ||
            !IsEmptyDict(arguments[5]))
            return machine_.Error("a tensor of the storage {} has an offset or hooks that are none",
                                  Shown(storage.key));
        tensor.offset = machine_[arguments[1]].number;
        HONE_ASSIGN_OR_RETURN(tensor.shape, Counts(arguments[2], storage));
        HONE_ASSIGN_OR_RETURN(tensor.strides, Counts(arguments[3], storage));
        HONE_RETURN_IF_ERROR(CheckInside(tensor, count));
        tensors_.push_back(std::move(tensor));
        return machine_.Add(
            {.kind = Kind::kTensor, .number = static_cast<int64_t>(tensors_.size()) - 1});
    }

    // A tensor that repeats numbers of its storage could be as large as it likes: none may have
    // more numbers than its storage.
    absl::Status CheckInside(const PickledTensor& tensor, int64_t count) const {
        const auto refuse = [&](std::string_view why) {
            return machine_.Error(
                "a tensor of shape [{}] and strides [{}] at {} {} the {} numbers "
                "of its storage {}",
                fmt::join(tensor.shape, ", "), fmt::join(tensor.strides, ", "), tensor.offset, why,
                count, Shown(tensor.storage));
        };
        if (tensor.shape.size() != tensor.strides.size())
            return refuse("does not fit its strides: it lies nowhere in");
        if (tensor.offset > count) return refuse("begins behind");
        const bool empty = std::find(tensor.shape.begin(), tensor.shape.end(), 0) !=
                           tensor.shape.end();  // and may lie anywhere
        int64_t elements = 1, last = tensor.offset;
        for (size_t i = 0; i < tensor.shape.size(); ++i) {
            const int64_t size = tensor.shape[i], stride = tensor.strides[i];
            if (size == 0) continue;
            if (size > (empty ? kMaxTensorElements : count) / elements)
                return refuse("has more numbers than");
            elements *= size;
            if (empty || size == 1) continue;
            if (stride > (count - last) / (size - 1)) return refuse("ends behind");
            last += (size - 1) * stride;
        }
        if (!empty && last >= count) return refuse("ends behind");
        return absl::OkStatus();
    }

    absl::StatusOr<std::vector<int64_t>> Counts(PickleRef ref, const Storage& storage) const {
        const PickleValue& tuple = machine_[ref];
        if (tuple.kind != Kind::kTuple || tuple.items.size() > kMaxTensorRank ||
            !std::all_of(tuple.items.begin(), tuple.items.end(),
                         [this](PickleRef item) { return IsCount(item); }))
            return machine_.Error(
                "a tensor of the storage {} has a shape or strides that are not up to {} counts",
                Shown(storage.key), kMaxTensorRank);
        std::vector<int64_t> counts;
        for (PickleRef item : tuple.items) counts.push_back(machine_[item].number);
        return counts;
    }

    bool IsCount(PickleRef ref) const {
        return machine_[ref].kind == Kind::kInt && machine_[ref].number >= 0;
    }
    // torch writes no hooks, or metadata, as an empty dictionary or None.
    bool IsEmptyDict(PickleRef ref) const {
        return machine_[ref].kind == Kind::kNone ||
               (machine_[ref].kind == Kind::kDict && machine_[ref].items.empty());
    }
    const Storage& StorageOf(PickleRef ref) const {
        return storages_[static_cast<size_t>(machine_[ref].number)];
    }

    PickleMachine machine_;
    std::vector<Storage> storages_;
    std::vector<PickledTensor> tensors_;
};

}  // namespace

absl::StatusOr<std::vector<PickledTensor>> ReadPickledTensors(std::span<const uint8_t> pickle,
                                                              std::string_view path) {
    return Reader(pickle, path).Read();
}

}  // namespace hone
