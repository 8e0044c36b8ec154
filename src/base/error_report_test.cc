#include "base/error_report.h"

#include <gtest/gtest.h>

#include <new>
#include <set>
#include <system_error>

namespace hone {
namespace {

TEST(ErrorCode, EachKindHasAWordOfItsOwn) {
    std::set<std::string_view> codes;
    for (ErrorKind kind :
         {ErrorKind::kOther, ErrorKind::kUsage, ErrorKind::kData, ErrorKind::kModel,
          ErrorKind::kMemory, ErrorKind::kTraining, ErrorKind::kInterrupted})
        codes.insert(ErrorCode(kind));
    EXPECT_EQ(codes.size(), 7u);
    EXPECT_EQ(ErrorCode(ErrorKind::kData), "invalid_data");
}

template <typename Exception>
absl::Status Caught(const Exception& exception) {
    try {
        throw exception;
    } catch (...) {
        return StatusOfException();
    }
}

TEST(StatusOfException, SaysWhatWasWanting) {
    EXPECT_EQ(KindOf(Caught(std::bad_alloc())), ErrorKind::kMemory);
    const absl::Status threads =
        Caught(std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again)));
    EXPECT_EQ(KindOf(threads), ErrorKind::kMemory);
    EXPECT_NE(threads.message().find("--threads"), std::string::npos);
    const absl::Status other = Caught(std::runtime_error("why"));
    EXPECT_EQ(KindOf(other), ErrorKind::kOther);
    EXPECT_NE(other.message().find("why"), std::string::npos);
}

}  // namespace
}  // namespace hone
