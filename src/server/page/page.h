// The dashboard over HTTP: files inside this program, without a key. What it shows it asks of the
// API, with one.
#pragma once

#include <optional>

#include "server/message/message.h"
#include "server/page/page_files.h"

namespace hone::server {

// The answer to a GET or HEAD of a file of the page. A browser's navigation to any other path that
// is not the API's gets the page itself, which knows its own addresses. Nothing for other requests.
std::optional<HttpResponse> PageResponse(const HttpRequest& request);
// The same with other files, for tests.
std::optional<HttpResponse> PageResponse(const HttpRequest& request,
                                         std::span<const PageFile> files);

}  // namespace hone::server
