// The server as `hone serve` runs it: a platform, its models and the API over them, until a signal.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "platform/inference/inference_pool.h"
#include "platform/platform.h"
#include "server/api/api.h"
#include "server/http/http_server.h"
#include "train/control/run_control.h"

namespace hone::server {

struct ServeOptions {
    platform::PlatformOptions platform;
    InferencePoolOptions inference;
    HttpServerOptions http;
    ApiOptions api;
    bool insecure = false;  // listens on other addresses than this machine's own without TLS
};

// The names by which client code asks for OpenAI's small models, each for the base `model`: what
// was written for them runs as it is.
std::map<std::string, std::string> DefaultAliases(const std::string& model);

// What can be told of the options without running anything: addresses, TLS, names. Nothing is
// written. A host name becomes its address.
absl::Status CheckServeOptions(ServeOptions& options);

struct Started {
    std::string url;        // "http://127.0.0.1:8080"
    std::string first_key;  // an admin key, at the first start of a data folder; else empty
};

// Returns once `control` asks for the end and everything has ended in order: requests are answered,
// jobs have saved a checkpoint. `on_start` is called when requests are taken.
absl::Status Serve(const ServeOptions& options, const RunControl& control,
                   const std::function<void(const Started&)>& on_start);

}  // namespace hone::server
