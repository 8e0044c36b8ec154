#include "base/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(Status, EachKindKeepsItsMessageAndExitCode) {
    const std::pair<absl::Status, int> cases[] = {
        {UsageError("flag {}", 1), 2},    {DataError("row {}", 2), 3},
        {ModelError("tensor {}", 3), 4},  {MemoryError("{} GB", 4), 5},
        {TrainingError("step {}", 5), 6}, {InterruptedError("stop"), 130},
        {OtherError("disk {}", "x"), 1}};
    for (const auto& [status, code] : cases) {
        EXPECT_FALSE(status.ok());
        EXPECT_EQ(ExitCode(status), code) << status;
        EXPECT_EQ(static_cast<int>(KindOf(status)), code) << status;
    }
    EXPECT_EQ(cases[0].first.message(), "flag 1");
    EXPECT_EQ(cases[6].first.message(), "disk x");
    EXPECT_EQ(ExitCode(absl::OkStatus()), 0);
    EXPECT_EQ(ExitCode(absl::NotFoundError("made elsewhere")), 1);
}

TEST(Status, AnnotateAndWithKind) {
    const absl::Status status = Annotate(DataError("bad row"), "train.jsonl");
    EXPECT_EQ(status.message(), "train.jsonl: bad row");
    EXPECT_EQ(KindOf(status), ErrorKind::kData);
    EXPECT_TRUE(Annotate(absl::OkStatus(), "x").ok());
    const absl::Status other = WithKind(status, ErrorKind::kModel);
    EXPECT_EQ(other.message(), status.message());
    EXPECT_EQ(ExitCode(other), 4);
    EXPECT_TRUE(WithKind(absl::OkStatus(), ErrorKind::kData).ok());
}

absl::StatusOr<int> Half(int x) {
    if (x % 2 != 0) return DataError("{} is odd", x);
    return x / 2;
}
absl::StatusOr<int> Quarter(int x) {
    HONE_ASSIGN_OR_RETURN(const int half, Half(x));
    HONE_ASSIGN_OR_RETURN(const int quarter, Half(half));
    return quarter;
}
absl::Status Divisible(int x) {
    HONE_RETURN_IF_ERROR(Half(x).status());
    return absl::OkStatus();
}

TEST(Status, Macros) {
    EXPECT_EQ(*Quarter(12), 3);
    EXPECT_EQ(Quarter(6).status().message(), "3 is odd");
    EXPECT_TRUE(Divisible(2).ok());
    EXPECT_EQ(KindOf(Divisible(1)), ErrorKind::kData);
}

TEST(StatusDeathTest, ACheckSaysWhereAndWhat) {
    HONE_CHECK(true, "not printed");
    EXPECT_DEATH(HONE_CHECK(1 > 2, "x is {}", 7),
                 "status_test.cc:[0-9]+: internal error.*1 > 2 x is 7");
}

}  // namespace
}  // namespace hone
