// Operating errors as absl::Status, each of a kind that gives the exit code of the process.
//
// A message says what is wrong, where (file, line, row, field) and what to do next. Programming
// errors are HONE_CHECKs.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hone {

// What went wrong, as the exit status of the process says it.
enum class ErrorKind : int {
    kOther = 1,
    kUsage = 2,         // a flag or argument
    kData = 3,          // a data file, a row, a template
    kModel = 4,         // weights, config, tokenizer, adapter
    kMemory = 5,        // does not fit
    kTraining = 6,      // NaN, infinity, a failed write during training
    kInterrupted = 130  // SIGINT
};

absl::Status MakeError(ErrorKind kind, std::string message);

template <typename... Args>
absl::Status UsageError(fmt::format_string<Args...> format, Args&&... args) {
    return MakeError(ErrorKind::kUsage, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
absl::Status DataError(fmt::format_string<Args...> format, Args&&... args) {
    return MakeError(ErrorKind::kData, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
absl::Status ModelError(fmt::format_string<Args...> format, Args&&... args) {
    return MakeError(ErrorKind::kModel, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
absl::Status MemoryError(fmt::format_string<Args...> format, Args&&... args) {
    return MakeError(ErrorKind::kMemory, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
absl::Status TrainingError(fmt::format_string<Args...> format, Args&&... args) {
    return MakeError(ErrorKind::kTraining, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
absl::Status OtherError(fmt::format_string<Args...> format, Args&&... args) {
    return MakeError(ErrorKind::kOther, fmt::format(format, std::forward<Args>(args)...));
}
inline absl::Status InterruptedError(std::string message) {
    return MakeError(ErrorKind::kInterrupted, std::move(message));
}

// The kind that MakeError stored; kOther for a status made elsewhere.
ErrorKind KindOf(const absl::Status& status);

// 0 for OK, else the kind's number.
int ExitCode(const absl::Status& status);

// The same status with "context: " before its message; OK stays OK.
absl::Status Annotate(const absl::Status& status, std::string_view context);

// The same message as an error of another kind. (A missing file is a data error or a model error,
// depending on what it was opened for.)
absl::Status WithKind(const absl::Status& status, ErrorKind kind);

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              std::string message);

}  // namespace hone

// Always on. A false condition is a bug of ours: prints file, line, condition and the formatted
// message, then aborts.
#define HONE_CHECK(condition, ...)                                   \
    do {                                                             \
        if (!(condition)) [[unlikely]]                               \
            ::hone::CheckFailed(__FILE_NAME__, __LINE__, #condition, \
                                ::fmt::format("" __VA_ARGS__));      \
    } while (0)

#define HONE_RETURN_IF_ERROR(expression)                                                       \
    do {                                                                                       \
        if (absl::Status hone_status_ = (expression); !hone_status_.ok()) return hone_status_; \
    } while (0)

#define HONE_CONCAT_INNER_(a, b) a##b
#define HONE_CONCAT_(a, b) HONE_CONCAT_INNER_(a, b)
#define HONE_ASSIGN_OR_RETURN_INNER_(result, target, expression) \
    auto result = (expression);                                  \
    if (!result.ok()) return result.status();                    \
    target = *std::move(result)

// HONE_ASSIGN_OR_RETURN(auto x, F()): x = value of F(), or returns its status.
#define HONE_ASSIGN_OR_RETURN(target, ...) \
    HONE_ASSIGN_OR_RETURN_INNER_(HONE_CONCAT_(hone_result_, __LINE__), target, (__VA_ARGS__))
