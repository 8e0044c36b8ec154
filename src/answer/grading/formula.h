// The formula of a multi grader: arithmetic over the rewards of its graders.
//
//   0.7 * accuracy + 0.3 * min(style, 1) ^ 2
//
// Numbers, names, ( ), + - * / and ^ (which groups to the right and binds closer than a minus in
// front of it), and the functions abs, ceil, exp, floor, log, sqrt of one value and min, max of two
// or more. Nothing else: no variable is set, nothing is called that is not in this list.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hone {

inline constexpr size_t kMaxFormulaBytes = 4096;
inline constexpr int kMaxFormulaDepth = 64;  // of brackets, signs and powers in each other

class Formula {
  public:
    // An error (kind kData) says what is wrong and at which character.
    static absl::StatusOr<Formula> Parse(std::string_view text);

    const std::set<std::string>& names() const { return names_; }
    // `values` has all names(). NaN and infinity come out where the arithmetic leads there.
    double Evaluate(const std::map<std::string, double>& values) const;

  private:
    friend class FormulaParser;
    enum class Op {
        kNumber,
        kName,
        kNegate,
        kAdd,
        kSubtract,
        kMultiply,
        kDivide,
        kPower,
        kAbs,
        kCeil,
        kExp,
        kFloor,
        kLog,
        kSqrt,
        kMin,
        kMax
    };
    // The expression in postfix order: each takes its operands from the stack and leaves its value.
    struct Step {
        Op op;
        double number = 0;
        std::string name;
    };
    static double Apply(Op op, double left, double right);

    std::vector<Step> steps_;
    std::set<std::string> names_;
};

}  // namespace hone
