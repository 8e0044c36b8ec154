#include "model/weights/pickle_machine.h"

#include <algorithm>
#include <cstring>

#include "base/limits.h"

namespace hone {
namespace {

// The opcodes by the names of Python's pickletools.
enum Opcode : uint8_t {
    kMark = '(',
    kStop = '.',
    kBinFloat = 'G',
    kBinInt = 'J',
    kBinInt1 = 'K',
    kBinInt2 = 'M',
    kNone = 'N',
    kBinPersId = 'Q',
    kReduce = 'R',
    kBinUnicode = 'X',
    kAppend = 'a',
    kBuild = 'b',
    kGlobal = 'c',
    kAppends = 'e',
    kBinGet = 'h',
    kInst = 'i',
    kLongBinGet = 'j',
    kBinPut = 'q',
    kLongBinPut = 'r',
    kSetItem = 's',
    kTuple = 't',
    kSetItems = 'u',
    kEmptyList = ']',
    kEmptyDict = '}',
    kEmptyTuple = ')',
    kProto = 0x80,
    kExt1 = 0x82,
    kExt4 = 0x84,
    kTuple1 = 0x85,
    kTuple2 = 0x86,
    kTuple3 = 0x87,
    kNewTrue = 0x88,
    kNewFalse = 0x89,
    kLong1 = 0x8a,
    kShortBinUnicode = 0x8c,
    kBinUnicode8 = 0x8d,
    kStackGlobal = 0x93,
    kMemoize = 0x94,
    kFrame = 0x95,
};

constexpr PickleRef kEmptyMemo = ~PickleRef{0};

}  // namespace

std::string_view PickleKindName(PickleValue::Kind kind) {
    static constexpr std::string_view kNames[] = {
        "None",   "True or False", "an integer", "a fraction", "a text",  "a tuple",
        "a list", "a dictionary",  "a name",     "a storage",  "a tensor"};
    return kNames[static_cast<size_t>(kind)];
}

absl::StatusOr<PickleRef> PickleMachine::Run() {
    for (;;) {
        opcode_at_ = at_;
        HONE_ASSIGN_OR_RETURN(const uint64_t number, Number(1));
        const auto opcode = static_cast<uint8_t>(number);
        if (at_ == 1 && opcode != kProto)
            return Error("this is no pickle that torch.save wrote: it begins with byte {}", opcode);
        if (opcode == kStop) break;
        bool done = false;
        for (auto run :
             {&PickleMachine::RunConstant, &PickleMachine::RunText, &PickleMachine::RunContainer,
              &PickleMachine::RunMemo, &PickleMachine::RunCall}) {
            HONE_ASSIGN_OR_RETURN(done, (this->*run)(opcode));
            if (done) break;
        }
        if (!done) return Refuse(opcode);
    }
    if (stack_.size() != 1 || !marks_.empty())
        return Error("the pickle ends with {} values on its stack instead of one", stack_.size());
    return stack_[0];
}

absl::StatusOr<bool> PickleMachine::RunConstant(uint8_t opcode) {
    absl::Status status;
    switch (opcode) {
        case kProto:
            status = RunProtocol();
            break;
        case kFrame:  // a hint for readers of streams: how many bytes come next
            status = Take(8).status();
            break;
        case kNone:
            status = PushNew({.kind = Kind::kNone});
            break;
        case kNewTrue:
        case kNewFalse:
            status = PushNew({.kind = Kind::kBool, .number = opcode == kNewTrue});
            break;
        case kBinInt1:
        case kBinInt2:
        case kBinInt: {
            HONE_ASSIGN_OR_RETURN(const uint64_t number, Number(opcode == kBinInt1   ? 1
                                                                : opcode == kBinInt2 ? 2
                                                                                     : 4));
            status = PushNew({.kind = Kind::kInt,
                              .number = opcode == kBinInt ? static_cast<int32_t>(number)
                                                          : static_cast<int64_t>(number)});
            break;
        }
        case kLong1:
            status = PushLong();
            break;
        case kBinFloat:
            HONE_RETURN_IF_ERROR(Take(8).status());
            status = PushNew({.kind = Kind::kFloat});
            break;
        default:
            return false;
    }
    HONE_RETURN_IF_ERROR(status);
    return true;
}

absl::Status PickleMachine::RunProtocol() {
    HONE_ASSIGN_OR_RETURN(const uint64_t protocol, Number(1));
    if (protocol < 2 || protocol > 5)
        return Error("a pickle of protocol {}; hone reads 2 to 5", protocol);
    return absl::OkStatus();
}

// An integer of up to 8 bytes, in two's complement: no size of a tensor takes more.
absl::Status PickleMachine::PushLong() {
    HONE_ASSIGN_OR_RETURN(const uint64_t count, Number(1));
    if (count > 8) return Error("an integer of {} bytes at byte {}", count, opcode_at_);
    HONE_ASSIGN_OR_RETURN(uint64_t number, Number(count));
    const uint64_t bits = 8 * count;
    if (bits > 0 && bits < 64 && (number >> (bits - 1)) != 0) number |= ~uint64_t{0} << bits;
    return PushNew({.kind = Kind::kInt, .number = static_cast<int64_t>(number)});
}

absl::StatusOr<bool> PickleMachine::RunText(uint8_t opcode) {
    const size_t bytes = opcode == kShortBinUnicode ? 1
                         : opcode == kBinUnicode    ? 4
                         : opcode == kBinUnicode8   ? 8
                                                    : 0;
    if (bytes == 0) return false;
    HONE_ASSIGN_OR_RETURN(const uint64_t length, Number(bytes));
    HONE_RETURN_IF_ERROR(PushText(length));
    return true;
}

absl::Status PickleMachine::PushText(uint64_t length) {
    HONE_ASSIGN_OR_RETURN(const std::string_view text, Take(length));
    return PushNew({.kind = Kind::kText, .text = std::string(text)});
}

absl::StatusOr<bool> PickleMachine::RunContainer(uint8_t opcode) {
    absl::Status status;
    switch (opcode) {
        case kMark:
            if (marks_.size() == kMaxPickleValues)
                return Error("the pickle has more than {} open marks", kMaxPickleValues);
            marks_.push_back(stack_.size());
            break;
        case kEmptyTuple:
            status = PushTuple(0);
            break;
        case kTuple1:
        case kTuple2:
        case kTuple3:
            status = PushTuple(static_cast<size_t>(opcode - kTuple1) + 1);
            break;
        case kTuple: {
            HONE_ASSIGN_OR_RETURN(const size_t begin, PopMark());
            status = PushTuple(stack_.size() - begin);
            break;
        }
        case kEmptyList:
            status = PushNew({.kind = Kind::kList});
            break;
        case kEmptyDict:
            status = PushNew({.kind = Kind::kDict});
            break;
        case kAppend:
        case kSetItem: {
            const size_t count = opcode == kAppend ? 1 : 2;
            HONE_RETURN_IF_ERROR(CheckHeight(count + 1));
            status = Append(stack_.size() - count, opcode == kAppend ? Kind::kList : Kind::kDict);
            break;
        }
        case kAppends:
        case kSetItems: {
            HONE_ASSIGN_OR_RETURN(const size_t begin, PopMark());
            status = Append(begin, opcode == kAppends ? Kind::kList : Kind::kDict);
            break;
        }
        default:
            return false;
    }
    HONE_RETURN_IF_ERROR(status);
    return true;
}

absl::Status PickleMachine::PushTuple(size_t count) {
    HONE_RETURN_IF_ERROR(CheckHeight(count));
    PickleValue tuple{.kind = Kind::kTuple};
    tuple.items.assign(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return PushNew(std::move(tuple));
}

// Everything on the stack from `begin` on goes into the container below it.
absl::Status PickleMachine::Append(size_t begin, Kind kind) {
    if (begin == 0 || (!marks_.empty() && marks_.back() >= begin))
        return Error("the pickle appends to nothing at byte {}", opcode_at_);
    PickleValue& container = values_[stack_[begin - 1]];
    const size_t count = stack_.size() - begin;
    if (container.kind != kind)
        return Error("the pickle takes {} for {} at byte {}", PickleKindName(container.kind),
                     PickleKindName(kind), opcode_at_);
    if (kind == Kind::kDict && count % 2 != 0)
        return Error("the pickle gives a dictionary a key without a value at byte {}", opcode_at_);
    container.items.insert(container.items.end(),
                           stack_.begin() + static_cast<std::ptrdiff_t>(begin), stack_.end());
    stack_.resize(begin);
    return absl::OkStatus();
}

absl::StatusOr<bool> PickleMachine::RunMemo(uint8_t opcode) {
    if (opcode == kMemoize) {
        HONE_RETURN_IF_ERROR(StoreMemo(memo_.size()));
        return true;
    }
    const bool put = opcode == kBinPut || opcode == kLongBinPut;
    if (!put && opcode != kBinGet && opcode != kLongBinGet) return false;
    HONE_ASSIGN_OR_RETURN(const uint64_t index,
                          Number(opcode == kBinPut || opcode == kBinGet ? 1 : 4));
    HONE_RETURN_IF_ERROR(put ? StoreMemo(index) : PushMemo(index));
    return true;
}

absl::Status PickleMachine::StoreMemo(uint64_t index) {
    HONE_RETURN_IF_ERROR(CheckHeight(1));
    if (index >= kMaxPickleValues)
        return Error("the pickle remembers value {}; the limit is {}", index, kMaxPickleValues);
    if (index >= memo_.size()) memo_.resize(index + 1, kEmptyMemo);
    memo_[index] = stack_.back();
    return absl::OkStatus();
}

absl::Status PickleMachine::PushMemo(uint64_t index) {
    if (index >= memo_.size() || memo_[index] == kEmptyMemo)
        return Error("the pickle asks for value {}, which it never stored, at byte {}", index,
                     opcode_at_);
    return Push(memo_[index]);
}

absl::StatusOr<bool> PickleMachine::RunCall(uint8_t opcode) {
    switch (opcode) {
        case kGlobal:
        case kInst: {  // the older way to call one at once
            HONE_ASSIGN_OR_RETURN(const std::string_view module, Line());
            HONE_ASSIGN_OR_RETURN(const std::string_view name, Line());
            HONE_RETURN_IF_ERROR(PushGlobal(module, name));
            return opcode == kGlobal;
        }
        case kStackGlobal: {
            HONE_ASSIGN_OR_RETURN(const PickleRef name, Pop(Kind::kText));
            HONE_ASSIGN_OR_RETURN(const PickleRef module, Pop(Kind::kText));
            HONE_RETURN_IF_ERROR(PushGlobal(values_[module].text, values_[name].text));
            return true;
        }
        case kReduce: {
            HONE_ASSIGN_OR_RETURN(const PickleRef arguments, Pop(Kind::kTuple));
            HONE_ASSIGN_OR_RETURN(const PickleRef global, Pop(Kind::kGlobal));
            HONE_ASSIGN_OR_RETURN(const PickleRef made,
                                  owner_.call(values_[global].number, arguments));
            HONE_RETURN_IF_ERROR(Push(made));
            return true;
        }
        case kBinPersId: {
            HONE_ASSIGN_OR_RETURN(const PickleRef id, Pop(Kind::kTuple));
            HONE_ASSIGN_OR_RETURN(const PickleRef made, owner_.load(id));
            HONE_RETURN_IF_ERROR(Push(made));
            return true;
        }
        case kBuild:
            HONE_RETURN_IF_ERROR(Build());
            return true;
        default:
            return false;
    }
}

absl::Status PickleMachine::PushGlobal(std::string_view module, std::string_view name) {
    HONE_ASSIGN_OR_RETURN(const int64_t global, owner_.find_global(module, name));
    return PushNew({.kind = Kind::kGlobal, .number = global});
}

// The attributes of a dictionary (torch keeps versions of modules there) say nothing of tensors.
absl::Status PickleMachine::Build() {
    HONE_RETURN_IF_ERROR(Pop(Kind::kDict).status());
    HONE_RETURN_IF_ERROR(CheckHeight(1));
    if (const Kind kind = values_[stack_.back()].kind; kind != Kind::kDict)
        return Error("the pickle sets attributes of {} at byte {}", PickleKindName(kind),
                     opcode_at_);
    return absl::OkStatus();
}

absl::Status PickleMachine::Refuse(uint8_t opcode) {
    if (opcode >= kExt1 && opcode <= kExt4)
        return Error("the pickle calls an extension of Python's (byte {}), which hone refuses",
                     opcode_at_);
    return Error("the pickle has the opcode {} at byte {}, which no file of weights needs", opcode,
                 opcode_at_);
}

absl::StatusOr<std::string_view> PickleMachine::Take(uint64_t count) {
    if (count > bytes_.size() - at_)
        return Error("the pickle ends in the middle of a value (byte {})", bytes_.size());
    const std::string_view taken(reinterpret_cast<const char*>(bytes_.data()) + at_, count);
    at_ += count;
    return taken;
}

absl::StatusOr<uint64_t> PickleMachine::Number(size_t bytes) {
    HONE_ASSIGN_OR_RETURN(const std::string_view taken, Take(bytes));
    uint64_t number = 0;
    std::memcpy(&number, taken.data(), taken.size());
    return number;
}

absl::StatusOr<std::string_view> PickleMachine::Line() {
    const auto rest = bytes_.subspan(at_, std::min(bytes_.size() - at_, kMaxNameBytes + 1));
    const auto end = std::find(rest.begin(), rest.end(), '\n');
    if (end == rest.end())
        return Error("the pickle has a name without an end at byte {}", opcode_at_);
    HONE_ASSIGN_OR_RETURN(const std::string_view line,
                          Take(static_cast<uint64_t>(end - rest.begin()) + 1));
    return line.substr(0, line.size() - 1);
}

absl::StatusOr<PickleRef> PickleMachine::Add(PickleValue value) {
    if (values_.size() == kMaxPickleValues)
        return Error("the pickle makes more than the limit of {} values", kMaxPickleValues);
    values_.push_back(std::move(value));
    return static_cast<PickleRef>(values_.size() - 1);
}

absl::Status PickleMachine::Push(PickleRef ref) {
    if (stack_.size() == kMaxPickleValues)
        return Error("the pickle's stack has more than the limit of {} values", kMaxPickleValues);
    stack_.push_back(ref);
    return absl::OkStatus();
}

absl::Status PickleMachine::PushNew(PickleValue value) {
    HONE_ASSIGN_OR_RETURN(const PickleRef ref, Add(std::move(value)));
    return Push(ref);
}

absl::Status PickleMachine::CheckHeight(size_t count) {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() - floor >= count) return absl::OkStatus();
    return Error("the pickle takes a value from an empty stack at byte {}", opcode_at_);
}

absl::StatusOr<PickleRef> PickleMachine::Pop(Kind kind) {
    HONE_RETURN_IF_ERROR(CheckHeight(1));
    const PickleRef ref = stack_.back();
    if (values_[ref].kind != kind)
        return Error("the pickle takes {} for {} at byte {}", PickleKindName(values_[ref].kind),
                     PickleKindName(kind), opcode_at_);
    stack_.pop_back();
    return ref;
}

absl::StatusOr<size_t> PickleMachine::PopMark() {
    if (marks_.empty()) return Error("the pickle closes no mark at byte {}", opcode_at_);
    const size_t height = marks_.back();
    marks_.pop_back();
    return height;
}

}  // namespace hone
