#include "base/error_report.h"

#include <new>
#include <system_error>

namespace hone {

std::string_view ErrorCode(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::kUsage:
            return "invalid_options";
        case ErrorKind::kData:
            return "invalid_data";
        case ErrorKind::kModel:
            return "invalid_model";
        case ErrorKind::kMemory:
            return "out_of_memory";
        case ErrorKind::kTraining:
            return "training_failed";
        case ErrorKind::kInterrupted:
            return "interrupted";
        case ErrorKind::kOther:
            break;
    }
    return "other_error";
}

absl::Status StatusOfException() {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        return MemoryError(
            "not enough memory: use a smaller model, --max_seq_len or batch size, or raise the "
            "limit (ulimit -v, or that of the container)");
    } catch (const std::system_error& error) {
        if (error.code() == std::errc::resource_unavailable_try_again)
            return MemoryError(
                "the system gives no more threads: raise the limit of processes (ulimit -u, or "
                "that of the container), or use fewer --threads");
        return OtherError("internal error, please report it: {}", error.what());
    } catch (const std::exception& error) {
        return OtherError("internal error, please report it: {}", error.what());
    }
}

}  // namespace hone
