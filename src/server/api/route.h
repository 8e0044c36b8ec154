// The table of what the API offers. A route says all of itself in one place: who may call it, what
// it takes and gives, and what runs. /openapi.json is made of the same table.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"
#include "platform/api/caller.h"
#include "server/http/service.h"

namespace hone::server {

enum class Access { kOpen, kViewer, kMember, kAdmin };  // kOpen: without a key
enum class BodyKind { kNone, kJson, kForm };

// A call of a route by someone who may call it.
struct Call {
    const HttpRequest& request;
    platform::Caller caller;
    std::vector<std::string> path;  // the values of the pattern's {names}, decoded, in their order
    nlohmann::ordered_json body;    // of kJson: what fits request_schema
};

struct QueryParameter {
    std::string name;
    std::string schema;  // JSON
    std::string description;
};

struct Route {
    std::string method;     // "GET"
    std::string pattern;    // "/v1/files/{file_id}"; a {name} stands for one segment
    std::string operation;  // "retrieveFile", its name in /openapi.json
    std::string summary;
    Access access = Access::kViewer;
    std::vector<QueryParameter> query;
    BodyKind body = BodyKind::kNone;
    size_t body_limit = 1 << 20;
    std::string request_schema;   // of kJson and kForm
    std::string response_schema;  // empty: the answer is no JSON
    std::string response_type = "application/json";

    // One of the three. The first two may block.
    std::function<HttpResponse(const Call&)> handle;
    // For answers that take time. `call.request` lasts as long as the exchange.
    std::function<void(const Call&, std::shared_ptr<Exchange>)> answer;
    std::function<absl::StatusOr<std::unique_ptr<BodySink>>(const Call&)> receive;  // of kForm
};

class Router {
  public:
    void Add(Route route);
    const std::vector<std::unique_ptr<Route>>& routes() const { return routes_; }

    struct Match {
        const Route* route = nullptr;  // null: none has this path and method
        std::vector<std::string> path;
    };
    // HEAD is answered by GET's route.
    Match Find(std::string_view method, std::string_view path) const;
    // "GET, HEAD, DELETE" for a path; "" where no route has it.
    std::string Allowed(std::string_view path) const;

  private:
    std::vector<std::unique_ptr<Route>> routes_;
};

}  // namespace hone::server
