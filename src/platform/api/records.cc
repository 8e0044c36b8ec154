#include "platform/api/records.h"

#include "base/status.h"
#include "fmt/ranges.h"

namespace hone::platform {

std::string_view JobStatusName(JobStatus status) {
    for (const NamedJobStatus& named : kJobStatuses)
        if (named.status == status) return named.name;
    HONE_CHECK(false, "a status without a name");
    return "";
}

std::vector<std::string_view> JobStatusNames() {
    std::vector<std::string_view> names;
    for (const NamedJobStatus& named : kJobStatuses) names.push_back(named.name);
    return names;
}

std::string LivingJobStatuses() {
    std::vector<std::string> quoted;
    for (const NamedJobStatus& named : kJobStatuses)
        if (!IsTerminal(named.status)) quoted.push_back(fmt::format("'{}'", named.name));
    return fmt::format("({})", fmt::join(quoted, ", "));
}

}  // namespace hone::platform
