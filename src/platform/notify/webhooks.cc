#include "platform/notify/webhooks.h"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/log.h"
#include "platform/api/checks.h"
#include "platform/api/refusal.h"
#include "platform/store/database.h"
#include "platform/store/ids.h"
#include "platform/store/listing.h"

namespace hone::platform {
namespace {

constexpr int64_t kAttempts = 7;
constexpr int64_t kAtOnce = 100;  // deliveries of one call
constexpr long kAnswerSeconds = 15;
constexpr std::string_view kSecretPrefix = "whsec_";
constexpr char kEventPrefix[] = "fine_tuning.job.";

struct WebhookRow {
    Webhook webhook;
    std::string events;
};
auto ColumnsOf(WebhookRow& row) {
    Webhook& webhook = row.webhook;
    return std::tie(webhook.id, webhook.created_at, webhook.url, row.events);
}

struct Delivery {
    int64_t seq = 0;
    std::string id, body, url, secret;
    int64_t attempts = 0;
};
auto ColumnsOf(Delivery& row) {
    return std::tie(row.seq, row.id, row.body, row.attempts, row.url, row.secret);
}

size_t Drop(char*, size_t size, size_t count, void*) { return size * count; }

// The status code; 0: no answer.
long Post(const Delivery& delivery, int64_t now) {
    CURL* curl = curl_easy_init();
    if (curl == nullptr) return 0;
    curl_slist* headers = nullptr;
    for (const std::string& header :
         {std::string("content-type: application/json"), "webhook-id: " + delivery.id,
          fmt::format("webhook-timestamp: {}", now),
          "webhook-signature: " +
              WebhookSignature(delivery.secret, delivery.id, now, delivery.body)})
        headers = curl_slist_append(headers, header.c_str());
    curl_easy_setopt(curl, CURLOPT_URL, delivery.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, delivery.body.c_str());
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, kAnswerSeconds);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Drop);
    long code = 0;
    if (curl_easy_perform(curl) == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return code;
}

}  // namespace

std::string WebhookSignature(const std::string& secret, const std::string& id, int64_t timestamp,
                             const std::string& body) {
    std::string key;
    HONE_CHECK(absl::Base64Unescape(secret.substr(kSecretPrefix.size()), &key));
    const std::string text = fmt::format("{}.{}.{}", id, timestamp, body);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
    return "v1," + Base64({reinterpret_cast<const char*>(digest), size});
}

void NoteJobEnd(Sql& sql, const Job& job, int64_t now) {
    const std::string type = kEventPrefix + std::string(JobStatusName(job.status));
    const auto rows = sql.All<WebhookRow>(
        "select id, created_at, url, events from webhooks where project = :project", job.project);
    for (const WebhookRow& row : rows) {
        const std::vector<std::string> events = absl::StrSplit(row.events, ' ');
        if (std::find(events.begin(), events.end(), type) == events.end()) continue;
        const std::string id = NewId("evt_");
        const nlohmann::ordered_json body = {{"id", id},
                                             {"object", "event"},
                                             {"created_at", now},
                                             {"type", type},
                                             {"data", {{"id", job.id}}}};
        sql.Run(
            "insert into deliveries (id, webhook, body, attempts, next_at) values (:id, :webhook, "
            ":body, 0, :now)",
            id, row.webhook.id, body.dump(), now);
    }
}

absl::StatusOr<CreatedWebhook> Webhooks::Create(const Caller& caller, const std::string& url,
                                                const std::vector<std::string>& events) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    HONE_RETURN_IF_ERROR(CheckText("url", url, 1, 2048));
    if (!url.starts_with("http://") && !url.starts_with("https://"))
        return InvalidField("url", "'url' must begin with http:// or https://.");
    const std::vector<std::string> all = {"fine_tuning.job.succeeded", "fine_tuning.job.failed",
                                          "fine_tuning.job.cancelled"};
    for (const std::string& event : events)
        HONE_RETURN_IF_ERROR(CheckOneOf("events", event, {all.begin(), all.end()}));
    return services_.database.Write([&](Sql& sql) -> absl::StatusOr<CreatedWebhook> {
        int64_t count = 0;
        sql.First("select count(*) from webhooks where project = :project", std::tie(count),
                  caller.project);
        if (count >= services_.options.limits.webhooks)
            return Refuse(
                {RefusalKind::kLimit, "", "too_many_webhooks"},
                fmt::format("This project has {} webhooks, the most it may have.", count));
        CreatedWebhook created;
        Webhook& webhook = created.webhook;
        webhook = {NewId("wh_"), services_.Now(), url, events.empty() ? all : events};
        created.secret = std::string(kSecretPrefix) + Base64(RandomBytes(24));
        sql.Run(
            "insert into webhooks (id, project, created_at, url, events, secret) values (:id, "
            ":project, :created_at, :url, :events, :secret)",
            webhook.id, caller.project, webhook.created_at, url,
            std::string(absl::StrJoin(webhook.events, " ")), created.secret);
        NoteAudit(sql, webhook.created_at, caller, "webhook.create", webhook.id);
        return created;
    });
}

absl::StatusOr<Page<Webhook>> Webhooks::List(const Caller& caller, const PageRequest& page) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    HONE_RETURN_IF_ERROR(CheckPage(page, 100));
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<Page<Webhook>> {
        auto rows = ListRows<WebhookRow>(sql, {"id, created_at, url, events", "webhooks"},
                                         "project = :project", page, caller.project);
        Page<Webhook> webhooks{{}, rows.has_more};
        for (WebhookRow& row : rows.data) {
            row.webhook.events = absl::StrSplit(row.events, ' ');
            webhooks.data.push_back(std::move(row.webhook));
        }
        return webhooks;
    });
}

absl::Status Webhooks::Delete(const Caller& caller, const std::string& id) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    return services_.database.Write([&](Sql& sql) -> absl::Status {
        if (sql.Run("delete from webhooks where id = :id and project = :project", id,
                    caller.project) == 0)
            return Refuse({RefusalKind::kNotFound, "id", ""},
                          fmt::format("No such webhook: {}", ShownId(id)));
        NoteAudit(sql, services_.Now(), caller, "webhook.delete", id);
        return absl::OkStatus();
    });
}

absl::StatusOr<int64_t> Webhooks::Deliver() {
    const int64_t now = services_.Now();
    HONE_ASSIGN_OR_RETURN(
        const auto due,
        services_.database.Read([&](Sql& sql) -> absl::StatusOr<std::vector<Delivery>> {
            return sql.All<Delivery>(
                "select d.seq, d.id, d.body, d.attempts, w.url, w.secret from deliveries as d join "
                "webhooks as w on w.id = d.webhook where d.next_at <= :now order by d.next_at "
                "limit :most",
                now, kAtOnce);
        }));
    for (const Delivery& delivery : due) {
        const long code = Post(delivery, services_.Now());
        const bool done = code >= 200 && code < 300;
        const int64_t attempts = delivery.attempts + 1;
        if (!done)
            spdlog::warn("webhook {} was answered with {} at attempt {} of {}", delivery.id, code,
                         attempts, kAttempts);
        HONE_RETURN_IF_ERROR(services_.database.Write([&](Sql& sql) -> absl::Status {
            if (done || attempts >= kAttempts) {
                sql.Run("delete from deliveries where seq = :seq", delivery.seq);
                return absl::OkStatus();
            }
            const double wait = services_.options.webhook_retry_seconds *
                                static_cast<double>(int64_t{1} << (attempts - 1));
            sql.Run("update deliveries set attempts = :attempts, next_at = :next where seq = :seq",
                    attempts, services_.Now() + static_cast<int64_t>(wait), delivery.seq);
            return absl::OkStatus();
        }));
    }
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<int64_t> {
        int64_t next = 0;
        sql.First("select coalesce(min(next_at), :none) from deliveries", std::tie(next),
                  std::numeric_limits<int64_t>::max());
        return next;
    });
}

}  // namespace hone::platform
