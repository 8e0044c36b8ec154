// The API over a platform: routes, keys, limits, logs, figures.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "platform/platform.h"
#include "server/api/metrics.h"
#include "server/api/route.h"
#include "server/api/schema.h"
#include "server/http/rate_limiter.h"
#include "server/http/service.h"

namespace hone::server {

struct ApiOptions {
    int requests_per_minute = 6000;    // of one key; 0: no limit
    int wrong_keys_per_minute = 60;    // from one address; 0: no limit
    size_t json_body_bytes = 8 << 20;  // of a request that is JSON
};

class Api : public HttpService {
  public:
    // The platform outlives it.
    Api(platform::Platform& platform, ApiOptions options);

    Admission Admit(HttpRequest& request) override;
    HttpResponse Refuse(int status, const std::string& message) override;
    void OnAnswered(const Answered& answered) override;

    Router& router() { return router_; }
    Schemas& schemas() { return schemas_; }
    // More figures for /metrics, in Prometheus's text format: what `figures` returns.
    void AddFigures(std::function<std::string()> figures) {
        figures_.push_back(std::move(figures));
    }
    // From now on /readyz says no, so that no new work is sent here.
    void BeginDrain() { draining_ = true; }

  private:
    void AddStatusRoutes();
    HttpResponse Unrouted(const HttpRequest& request) const;
    // Who calls, into `caller`; or the answer that refuses.
    std::optional<HttpResponse> Authenticate(const HttpRequest& request, Access access,
                                             platform::Caller& caller);
    void HandleJson(const Route& route, Call call, std::shared_ptr<Exchange> exchange) const;

    platform::Platform& platform_;
    const ApiOptions options_;
    Router router_;
    Schemas schemas_;
    RateLimiter requests_, wrong_keys_;
    Metrics metrics_;
    std::vector<std::function<std::string()>> figures_;
    std::atomic<bool> draining_{false};
};

}  // namespace hone::server
