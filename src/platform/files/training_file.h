// Training files by the rules of the API: what is wrong with each line, before any model sees it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "platform/files/special_tokens.h"

namespace hone::platform {

enum class TrainingFormat { kUnknown, kChat, kPreference, kCompletion };
// "fine-tune-chat", "fine-tune-preference", "fine-tune-completion"
std::string_view TrainingFormatName(TrainingFormat format);

struct BadLine {
    int64_t line = 0;     // in the file, from 1
    int64_t example = 0;  // blank lines not counted, from 1
    std::string reason;   // "missing key 'messages'"
};

inline constexpr size_t kMaxBadLines = 10'000;  // kept with their reasons
inline constexpr int64_t kMinExamples = 10;

struct TrainingFileReport {
    TrainingFormat format = TrainingFormat::kUnknown;  // of the first example that has one
    int64_t examples = 0;                              // good and bad
    int64_t bad_lines = 0;
    std::vector<BadLine> bad;  // the first of them
    // "Example 3 (line 4) is missing key 'messages'"; one a line, and how many more there are.
    std::string ToText() const;
};

// Reads the whole file, which is UTF-8 JSON lines with or without a byte order mark. Bad lines are
// results; an error is a file that cannot be read. No text may hold one of the tokens.
absl::StatusOr<TrainingFileReport> ReadTrainingFile(const std::string& path,
                                                    const SpecialTokens& tokens = {});

}  // namespace hone::platform
