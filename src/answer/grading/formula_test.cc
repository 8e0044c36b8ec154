#include "answer/grading/formula.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace hone {
namespace {

double Value(const std::string& text) {
    const auto formula = Formula::Parse(text);
    EXPECT_TRUE(formula.ok()) << text << ": " << formula.status();
    if (!formula.ok()) return 0;
    return formula->Evaluate({{"a", 2}, {"b_1", 0.5}, {"min", 7}});
}

TEST(Formula, Arithmetic) {
    EXPECT_EQ(Value("1 + 2 * 3"), 7);
    EXPECT_EQ(Value("(1+2)*3"), 9);
    EXPECT_EQ(Value("8 / 4 / 2 - 1 - 1"), -1);
    EXPECT_EQ(Value("2 ^ 3 ^ 2"), 512);
    EXPECT_EQ(Value("-2 ^ 2"), -4);
    EXPECT_EQ(Value("2 ^ -1"), 0.5);
    EXPECT_EQ(Value("--+1"), 1);
    EXPECT_EQ(Value("1.5e1 + .5"), 15.5);
    EXPECT_EQ(Value("0.5 * a + b_1"), 1.5);
    EXPECT_EQ(Value("min(a, b_1, 1) + max(3, a)"), 3.5);
    EXPECT_EQ(Value("min + 1"), 8);  // a name, where nothing is called
    EXPECT_EQ(Value("abs(-3) + ceil(1.2) + floor(1.8) + sqrt(16) + log(exp(2))"), 12);
    EXPECT_TRUE(std::isinf(Value("1 / 0")));
    EXPECT_TRUE(std::isnan(Value("log(-1)")));
    EXPECT_THAT(Formula::Parse("a * b_1 + abs(a)")->names(), testing::ElementsAre("a", "b_1"));
}

TEST(Formula, WhatIsWrong) {
    for (const char* text :
         {"", "1 +", "(1", "1)", "1 2", "a b", "min(1)", "min()", "abs(1, 2)", "__import__('os')",
          "eval(1)", "a.b", "1e999", "a = 1", "a ** 2", "1 // 2", "[1]", "%", "\xff"}) {
        const auto formula = Formula::Parse(text);
        EXPECT_FALSE(formula.ok()) << text;
        EXPECT_THAT(std::string(formula.status().message()), testing::HasSubstr("formula"));
    }
    EXPECT_THAT(std::string(Formula::Parse("1 + $").status().message()),
                testing::HasSubstr("character 5"));
}

TEST(Formula, Limits) {
    const auto nested = [](int depth) {
        return std::string(depth, '(') + "1" + std::string(depth, ')');
    };
    EXPECT_TRUE(Formula::Parse(nested(kMaxFormulaDepth - 1)).ok());
    EXPECT_FALSE(Formula::Parse(nested(kMaxFormulaDepth)).ok());
    EXPECT_FALSE(Formula::Parse(std::string(2000, '-') + "1").ok());
    EXPECT_FALSE(Formula::Parse("1" + std::string(4000, '^')).ok());
    std::string longest = "1";
    while (longest.size() + 2 <= kMaxFormulaBytes) longest += "+1";
    EXPECT_TRUE(Formula::Parse(longest + std::string(kMaxFormulaBytes - longest.size(), ' ')).ok());
    EXPECT_FALSE(
        Formula::Parse(longest + std::string(kMaxFormulaBytes + 1 - longest.size(), ' ')).ok());
}

}  // namespace
}  // namespace hone
