// The stack machine that runs a pickle. What its calls make of their arguments is the business of
// its owner (pickle.cc).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hone {

// A place in the machine's list of values: what stands on the stack, in the memo and in
// containers, so that a value may stand in several, as in Python.
using PickleRef = uint32_t;

struct PickleValue {
    enum class Kind {
        kNone,
        kBool,
        kInt,
        kFloat,  // its number is never needed and not kept
        kText,
        kTuple,
        kList,
        kDict,
        kGlobal,   // one of the names that the owner knows; number: which
        kStorage,  // made by the owner; number: which
        kTensor,   // likewise
    };
    Kind kind = Kind::kNone;
    int64_t number = 0;
    std::string text;
    std::vector<PickleRef> items;  // of a dictionary: key, value, key, value
};

// "a text", "a list": for messages.
std::string_view PickleKindName(PickleValue::Kind kind);

class PickleMachine {
  public:
    struct Owner {
        // What module.name is here: the number of a kGlobal; an error where it is not known.
        std::function<absl::StatusOr<int64_t>(std::string_view module, std::string_view name)>
            find_global;
        // What global(*arguments) is; a reference to an argument, or a new value.
        std::function<absl::StatusOr<PickleRef>(int64_t global, PickleRef arguments)> call;
        // What stands for an object that is kept outside the pickle.
        std::function<absl::StatusOr<PickleRef>(PickleRef id)> load;
    };

    PickleMachine(std::span<const uint8_t> pickle, std::string_view path, Owner owner)
        : bytes_(pickle), path_(path), owner_(std::move(owner)) {}

    // Runs the whole pickle. Its value, or an error of kind kModel that begins with the path.
    absl::StatusOr<PickleRef> Run();

    const PickleValue& operator[](PickleRef ref) const { return values_[ref]; }
    absl::StatusOr<PickleRef> Add(PickleValue value);

    template <typename... Args>
    absl::Status Error(fmt::format_string<Args...> format, Args&&... args) const {
        return ModelError("{}: {}", path_, fmt::format(format, std::forward<Args>(args)...));
    }

  private:
    using Kind = PickleValue::Kind;

    // Each runs the opcode if it is one of its own, and says whether it was.
    absl::StatusOr<bool> RunConstant(uint8_t opcode);
    absl::StatusOr<bool> RunText(uint8_t opcode);
    absl::StatusOr<bool> RunContainer(uint8_t opcode);
    absl::StatusOr<bool> RunMemo(uint8_t opcode);
    absl::StatusOr<bool> RunCall(uint8_t opcode);
    absl::Status Refuse(uint8_t opcode);

    absl::Status RunProtocol();
    absl::Status PushLong();
    absl::Status PushText(uint64_t length);
    absl::Status PushTuple(size_t count);
    absl::Status Append(size_t begin, Kind kind);
    absl::Status Build();
    absl::Status PushGlobal(std::string_view module, std::string_view name);
    absl::Status StoreMemo(uint64_t index);
    absl::Status PushMemo(uint64_t index);

    absl::StatusOr<std::string_view> Take(uint64_t count);
    absl::StatusOr<uint64_t> Number(size_t bytes);  // little endian, without a sign
    absl::StatusOr<std::string_view> Line();
    absl::Status Push(PickleRef ref);
    absl::Status PushNew(PickleValue value);
    absl::StatusOr<PickleRef> Pop(Kind kind);
    absl::StatusOr<size_t> PopMark();  // the height of the stack at the last mark
    absl::Status CheckHeight(size_t count);

    std::span<const uint8_t> bytes_;
    std::string_view path_;
    Owner owner_;
    size_t at_ = 0, opcode_at_ = 0;
    std::vector<PickleValue> values_;
    std::vector<PickleRef> stack_, memo_;
    std::vector<size_t> marks_;
};

}  // namespace hone
