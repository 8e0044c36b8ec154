// HTTP GET over libcurl: a small body into memory, a large one into a file that can be resumed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"

namespace hone {

struct HttpOptions {
    std::string
        token;  // "Authorization: Bearer ..." to the first host only, never to where it redirects
    int connect_timeout_s = 15;
    int stall_timeout_s = 30;  // below 1 byte/s for so long: broken off
};

struct HttpResponse {
    // The status code; 0 when there was no answer at all (no network, no such host, broken off).
    int code = 0;
    std::string body;
    std::string problem;  // why there was no answer, or why it broke off; empty when it is whole
};

// Follows redirects (to https only when `url` is https). A body of more than `limit` bytes is
// broken off as a problem. Whoever watches (base/watch.h) is asked on the way, and can end it.
HttpResponse HttpGet(const std::string& url, const HttpOptions& options, size_t limit);

// Appends to `path` from its present size on (Range), or starts it anew when the server sends the
// whole. The body is not kept. A file that would grow beyond `limit` bytes is broken off.
// `on_bytes` gets the file's size now and then, also while nothing comes, and breaks the download
// off where it returns false. Fails only for problems with the file; what the network did is in the
// response.
absl::StatusOr<HttpResponse> HttpDownload(const std::string& url, const HttpOptions& options,
                                          const std::string& path, int64_t limit,
                                          const std::function<bool(int64_t bytes)>& on_bytes);

}  // namespace hone
