#include "hub/hub_http.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>

#include "base/watch.h"

namespace hone {
namespace {

struct CurlDeleter {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Curl = std::unique_ptr<CURL, CurlDeleter>;
using Headers = std::unique_ptr<curl_slist, CurlDeleter>;

// One GET, its headers kept alive as long as the handle.
struct Request {
    Headers headers;
    Curl curl;
    char error[CURL_ERROR_SIZE] = "";
};

std::unique_ptr<Request> NewRequest(const std::string& url, const HttpOptions& options) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    auto request = std::make_unique<Request>();
    request->curl.reset(curl_easy_init());
    HONE_CHECK(request->curl != nullptr, "libcurl does not start");
    CURL* curl = request->curl.get();
    bool https = url.starts_with("https://");
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "hone");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, https ? "https" : "http,https");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout_s));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_timeout_s));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, request->error);
    if (!options.token.empty()) {
        // libcurl itself drops this header when a redirect leads to another host.
        request->headers.reset(
            curl_slist_append(nullptr, ("Authorization: Bearer " + options.token).c_str()));
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, request->headers.get());
    }
    return request;
}

// `go_on` is asked now and then, at least once a second, also while nothing comes.
void AskOnTheWay(CURL* curl, const std::function<bool()>& go_on) {
    const curl_xferinfo_callback ask = [](void* user, curl_off_t, curl_off_t, curl_off_t,
                                          curl_off_t) {
        return (*static_cast<const std::function<bool()>*>(user))() ? 0 : 1;
    };
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, ask);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &go_on);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

HttpResponse Perform(Request& request) {
    CURLcode result = curl_easy_perform(request.curl.get());
    HttpResponse response;
    long code = 0;
    curl_easy_getinfo(request.curl.get(), CURLINFO_RESPONSE_CODE, &code);
    response.code = static_cast<int>(code);
    if (result != CURLE_OK)
        response.problem = request.error[0] ? request.error : curl_easy_strerror(result);
    return response;
}

struct Sink {
    CURL* curl = nullptr;
    std::string path;
    int fd = -1;
    int64_t size = 0;
    int64_t limit = 0;
    bool started = false;
    int file_error = 0;
    bool too_large = false;
    const std::function<bool(int64_t)>* on_bytes = nullptr;
};

// The first bytes of a successful answer tell whether the server continues (206) or starts over
// (200).
bool StartSink(Sink& sink, long code) {
    sink.started = true;
    if (code == 206) return true;
    if (ftruncate(sink.fd, 0) != 0 || lseek(sink.fd, 0, SEEK_SET) < 0) {
        sink.file_error = errno;
        return false;
    }
    sink.size = 0;
    return true;
}

size_t WriteToSink(char* data, size_t, size_t count, void* user) {
    Sink& sink = *static_cast<Sink*>(user);
    long code = 0;
    curl_easy_getinfo(sink.curl, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200 && code != 206) return count;  // the text of an error or redirect
    if (!sink.started && !StartSink(sink, code)) return 0;
    if (sink.size + static_cast<int64_t>(count) > sink.limit) {
        sink.too_large = true;
        return 0;
    }
    for (size_t done = 0; done < count;) {
        ssize_t written = write(sink.fd, data + done, count - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            sink.file_error = errno;
            return 0;
        }
        done += static_cast<size_t>(written);
    }
    sink.size += static_cast<int64_t>(count);
    return (*sink.on_bytes)(sink.size) ? count : 0;
}

struct Body {
    std::string text;
    size_t limit;
};

size_t WriteToBody(char* data, size_t, size_t count, void* user) {
    Body& body = *static_cast<Body*>(user);
    if (body.text.size() + count > body.limit) return 0;
    body.text.append(data, count);
    return count;
}

}  // namespace

HttpResponse HttpGet(const std::string& url, const HttpOptions& options, size_t limit) {
    auto request = NewRequest(url, options);
    Body body{"", limit};
    curl_easy_setopt(request->curl.get(), CURLOPT_WRITEFUNCTION, WriteToBody);
    curl_easy_setopt(request->curl.get(), CURLOPT_WRITEDATA, &body);
    const std::function<bool()> go_on = [] { return ReportProgress(-1).ok(); };
    AskOnTheWay(request->curl.get(), go_on);
    HttpResponse response = Perform(*request);
    response.body = std::move(body.text);
    return response;
}

absl::StatusOr<HttpResponse> HttpDownload(const std::string& url, const HttpOptions& options,
                                          const std::string& path, int64_t limit,
                                          const std::function<bool(int64_t bytes)>& on_bytes) {
    auto request = NewRequest(url, options);
    Sink sink;
    sink.curl = request->curl.get();
    sink.path = path;
    sink.limit = limit;
    sink.on_bytes = &on_bytes;
    sink.fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (sink.fd < 0) return OtherError("cannot create {}: {}", path, std::strerror(errno));
    sink.size = lseek(sink.fd, 0, SEEK_END);
    // Range by hand: CURLOPT_RESUME_FROM would fail where a server sends the whole file, instead of
    // letting us start over.
    std::string range = fmt::format("{}-", sink.size);
    if (sink.size > 0) curl_easy_setopt(sink.curl, CURLOPT_RANGE, range.c_str());
    curl_easy_setopt(sink.curl, CURLOPT_WRITEFUNCTION, WriteToSink);
    curl_easy_setopt(sink.curl, CURLOPT_WRITEDATA, &sink);
    const std::function<bool()> go_on = [&] { return on_bytes(sink.size); };
    AskOnTheWay(sink.curl, go_on);
    HttpResponse response = Perform(*request);
    int closed = sink.file_error == 0 && fsync(sink.fd) != 0 ? errno : sink.file_error;
    close(sink.fd);
    if (closed != 0)
        return OtherError("cannot write {}: {}{}", path, std::strerror(closed),
                          closed == ENOSPC || closed == EDQUOT
                              ? " (free some space, or set HONE_CACHE to another folder)"
                              : "");
    if (sink.too_large)
        response.problem = fmt::format("the file is larger than the {} bytes announced", limit);
    return response;
}

}  // namespace hone
