// What models answered, where the client asked that it be kept: chat completions and responses.
#pragma once

#include <map>
#include <string>

#include "platform/api/caller.h"
#include "platform/api/page.h"
#include "platform/api/records.h"
#include "platform/store/services.h"

namespace hone::platform {

struct StoredAnswer {
    std::string id;    // "chatcmpl-...", "resp_..."
    std::string kind;  // "chat.completion" or "response"
    int64_t created_at = 0;
    std::string model;
    Metadata metadata;
    std::string body;   // the API's object, JSON, without its metadata
    std::string input;  // what it answers: messages or items, a JSON array
};

struct AnswerFilter {
    std::string model;  // empty: any
    Metadata metadata;  // with these pairs
};

// All are of the caller's project; what is not there is kNotFound, about `param`.
class Answers {
  public:
    // Its metadata is such as CheckMetadata takes. Lasts through a power cut. The oldest of the
    // project go where there are more than its limits (options.limits).
    absl::Status Keep(const Caller& caller, const StoredAnswer& answer);
    absl::StatusOr<StoredAnswer> Get(const Caller& caller, const std::string& kind,
                                     const std::string& id, const std::string& param);
    absl::StatusOr<Page<StoredAnswer>> List(const Caller& caller, const std::string& kind,
                                            const AnswerFilter& filter, const PageRequest& page);
    // In place of what it had; needs the role member.
    absl::StatusOr<StoredAnswer> SetMetadata(const Caller& caller, const std::string& kind,
                                             const std::string& id, const std::string& param,
                                             const Metadata& metadata);
    // Needs the role member.
    absl::Status Delete(const Caller& caller, const std::string& kind, const std::string& id,
                        const std::string& param);

    explicit Answers(Services& services) : services_(services) {}

  private:
    Services& services_;
};

}  // namespace hone::platform
