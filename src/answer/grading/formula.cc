#include "answer/grading/formula.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace hone {

// One rule of the grammar a method, loosest first: Sum, Product, Signed, Power, Operand.
class FormulaParser {
  public:
    explicit FormulaParser(std::string_view text) : text_(text) {}

    absl::StatusOr<Formula> Run() {
        HONE_RETURN_IF_ERROR(Sum());
        SkipSpace();
        if (at_ < text_.size()) return Error("an operator is missing");
        return std::move(formula_);
    }

  private:
    using Op = Formula::Op;

    struct Depth {
        explicit Depth(int& depth) : depth(++depth) {}
        ~Depth() { --depth; }
        int& depth;
    };

    absl::Status Error(std::string_view what) const {
        return DataError("the formula cannot be read at character {}: {}", at_ + 1, what);
    }
    void SkipSpace() {
        while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos)
            ++at_;
    }
    bool Take(char c) {
        SkipSpace();
        if (at_ == text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    void Put(Op op) { formula_.steps_.push_back({op, 0, ""}); }

    absl::Status Sum() {
        HONE_RETURN_IF_ERROR(Product());
        for (;;) {
            const Op op = Take('+') ? Op::kAdd : Take('-') ? Op::kSubtract : Op::kNumber;
            if (op == Op::kNumber) return absl::OkStatus();
            HONE_RETURN_IF_ERROR(Product());
            Put(op);
        }
    }
    absl::Status Product() {
        HONE_RETURN_IF_ERROR(Signed());
        for (;;) {
            const Op op = Take('*') ? Op::kMultiply : Take('/') ? Op::kDivide : Op::kNumber;
            if (op == Op::kNumber) return absl::OkStatus();
            HONE_RETURN_IF_ERROR(Signed());
            Put(op);
        }
    }
    absl::Status Signed() {
        const Depth depth(depth_);
        if (depth_ > kMaxFormulaDepth) return Error("it is nested too deep");
        if (Take('+')) return Signed();
        if (!Take('-')) return Power();
        HONE_RETURN_IF_ERROR(Signed());
        Put(Op::kNegate);
        return absl::OkStatus();
    }
    absl::Status Power() {
        HONE_RETURN_IF_ERROR(Operand());
        if (!Take('^')) return absl::OkStatus();
        HONE_RETURN_IF_ERROR(Signed());
        Put(Op::kPower);
        return absl::OkStatus();
    }
    absl::Status Operand() {
        if (Take('(')) {
            HONE_RETURN_IF_ERROR(Sum());
            return Take(')') ? absl::OkStatus() : Error("a closing bracket is missing");
        }
        if (at_ == text_.size()) return Error("it ends too early");
        const char c = text_[at_];
        if ((c >= '0' && c <= '9') || c == '.') return Number();
        if (IsNameStart(c)) return NameOrCall();
        return Error("a number, a grader's name or a bracket is expected");
    }
    absl::Status Number() {
        double value = 0;
        const auto [end, error] =
            std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
        if (error != std::errc()) return Error("this is no number");
        at_ = static_cast<size_t>(end - text_.data());
        formula_.steps_.push_back({Op::kNumber, value, ""});
        return absl::OkStatus();
    }
    static bool IsNameStart(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    }
    absl::Status NameOrCall() {
        const size_t begin = at_;
        while (at_ < text_.size() &&
               (IsNameStart(text_[at_]) || (text_[at_] >= '0' && text_[at_] <= '9')))
            ++at_;
        std::string name(text_.substr(begin, at_ - begin));
        if (Take('(')) return Call(name, begin);
        formula_.names_.insert(name);
        formula_.steps_.push_back({Op::kName, 0, std::move(name)});
        return absl::OkStatus();
    }
    absl::Status Call(const std::string& name, size_t begin) {
        static const std::map<std::string, Op> kFunctions = {
            {"abs", Op::kAbs}, {"ceil", Op::kCeil}, {"exp", Op::kExp}, {"floor", Op::kFloor},
            {"log", Op::kLog}, {"sqrt", Op::kSqrt}, {"min", Op::kMin}, {"max", Op::kMax}};
        const auto function = kFunctions.find(name);
        if (function == kFunctions.end()) {
            at_ = begin;
            return Error("there are the functions abs, ceil, exp, floor, log, max, min and sqrt");
        }
        HONE_RETURN_IF_ERROR(Sum());
        const bool many = function->second == Op::kMin || function->second == Op::kMax;
        if (!many) Put(function->second);
        bool second = false;
        while (many && Take(',')) {
            HONE_RETURN_IF_ERROR(Sum());
            Put(function->second);
            second = true;
        }
        if (many && !second) return Error(name + " takes two values or more");
        return Take(')') ? absl::OkStatus() : Error("a closing bracket is missing");
    }

    std::string_view text_;
    size_t at_ = 0;
    int depth_ = 0;
    Formula formula_;
};

absl::StatusOr<Formula> Formula::Parse(std::string_view text) {
    if (text.size() > kMaxFormulaBytes)
        return DataError("a formula of {} bytes is longer than {}", text.size(), kMaxFormulaBytes);
    return FormulaParser(text).Run();
}

double Formula::Apply(Op op, double left, double right) {
    switch (op) {
        case Op::kAdd:
            return left + right;
        case Op::kSubtract:
            return left - right;
        case Op::kMultiply:
            return left * right;
        case Op::kDivide:
            return left / right;
        case Op::kPower:
            return std::pow(left, right);
        case Op::kMin:
            return std::min(left, right);
        case Op::kMax:
            return std::max(left, right);
        case Op::kNegate:
            return -right;
        case Op::kAbs:
            return std::abs(right);
        case Op::kCeil:
            return std::ceil(right);
        case Op::kExp:
            return std::exp(right);
        case Op::kFloor:
            return std::floor(right);
        case Op::kLog:
            return std::log(right);
        case Op::kSqrt:
            return std::sqrt(right);
        case Op::kNumber:
        case Op::kName:
            break;
    }
    HONE_CHECK(false, "no operation");
}

double Formula::Evaluate(const std::map<std::string, double>& values) const {
    std::vector<double> stack;
    for (const Step& step : steps_) {
        if (step.op == Op::kNumber || step.op == Op::kName) {
            stack.push_back(step.op == Op::kNumber ? step.number : values.at(step.name));
            continue;
        }
        const bool two = (step.op >= Op::kAdd && step.op <= Op::kPower) || step.op >= Op::kMin;
        const double right = stack.back();
        double left = 0;
        if (two) {
            stack.pop_back();
            left = stack.back();
        }
        stack.back() = Apply(step.op, left, right);
    }
    HONE_CHECK(stack.size() == 1);
    return stack.back();
}

}  // namespace hone
