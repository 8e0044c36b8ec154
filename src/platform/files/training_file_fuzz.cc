// Any bytes as a training file.
#include <cstdint>

#include "base/files/memory_file.h"
#include "platform/files/training_file.h"

namespace hone::platform {
namespace {

void Check(const uint8_t* data, size_t size) {
    const MemoryFile file(data, size);
    const auto report = ReadTrainingFile(file.path());
    if (!report.ok()) return;
    HONE_CHECK(report->bad_lines <= report->examples);
    HONE_CHECK(report->bad.size() <= kMaxBadLines);
    HONE_CHECK(report->bad_lines > 0 || report->examples == 0 ||
               report->format != TrainingFormat::kUnknown);
    HONE_CHECK(report->ToText().empty() == (report->bad_lines == 0));
    for (const BadLine& bad : report->bad) {
        HONE_CHECK(bad.line >= 1 && bad.example >= 1 && bad.example <= report->examples);
        HONE_CHECK(!bad.reason.empty());
    }
}

}  // namespace
}  // namespace hone::platform

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    hone::platform::Check(data, size);
    return 0;
}
