// Tells other programs how jobs ended: https://www.standardwebhooks.com.
#pragma once

#include <string>
#include <vector>

#include "platform/api/caller.h"
#include "platform/api/page.h"
#include "platform/api/records.h"
#include "platform/store/services.h"

namespace hone::platform {

struct CreatedWebhook {
    Webhook webhook;
    std::string secret;  // "whsec_...", shown this once
};

// Notes, in the transaction that ends a job, what the project's webhooks have to tell.
void NoteJobEnd(Sql& sql, const Job& job, int64_t now);

// The value of webhook-signature: "v1," and the HMAC-SHA256 of "ID.TIMESTAMP.BODY" in base64. The
// secret is "whsec_" and the key in base64.
std::string WebhookSignature(const std::string& secret, const std::string& id, int64_t timestamp,
                             const std::string& body);

// A delivery is a POST with webhook-id, webhook-timestamp and webhook-signature. One that is not
// answered with 2xx in 15 seconds is tried again after ever longer times, seven times in all, also
// by the next process.
class Webhooks {
  public:
    // All three need the role admin. `events` empty: all three. The URL is http or https.
    absl::StatusOr<CreatedWebhook> Create(const Caller& caller, const std::string& url,
                                          const std::vector<std::string>& events);
    absl::StatusOr<Page<Webhook>> List(const Caller& caller, const PageRequest& page);
    absl::Status Delete(const Caller& caller, const std::string& id);

    // Tries what is due, one after the other, and returns the Unix time at which something is due
    // next. Called by the one process that delivers.
    absl::StatusOr<int64_t> Deliver();

    explicit Webhooks(Services& services) : services_(services) {}

  private:
    Services& services_;
};

}  // namespace hone::platform
