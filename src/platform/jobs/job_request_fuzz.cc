// Any JSON as the request for a job.
#include <cstdint>
#include <string_view>

#include "base/files/json_file.h"
#include "platform/api/refusal.h"
#include "platform/jobs/job_request.h"

namespace hone::platform {
namespace {

void Check(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto json = ParseJson<nlohmann::ordered_json>(text, "the request");
    if (!json.ok()) return;
    const auto request = ParseJobRequest(*json);
    if (!request.ok()) {
        HONE_CHECK(RefusalOf(request.status()).kind == RefusalKind::kInvalid);
        return;
    }
    HONE_CHECK(!request->model.empty() && !request->training_file.empty());
    HONE_CHECK(LearnsPreferences(request->method) || !request->hyperparameters.beta);
    HONE_CHECK(request->suffix.find(':') == std::string::npos);
}

}  // namespace
}  // namespace hone::platform

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    hone::platform::Check(data, size);
    return 0;
}
