#include "server/page/page.h"

#include <zlib.h>

#include <algorithm>
#include <string>
#include <utility>

#include "server/message/ascii.h"

namespace hone::server {
namespace {

// Only what this server sends, nothing inside the document, no frames, and no text that becomes
// markup (trusted types).
constexpr char kContentPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src "
    "'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

constexpr std::string_view kNoPage =
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>hone</title>\n"
    "<h1>hone</h1>\n<p>This hone was built without its dashboard. <code>./dev build</code> builds "
    "it with one.</p>\n<p>The API is there: see <a href=\"/openapi.json\">/openapi.json</a>.</p>\n"
    "</html>\n";

constexpr PageFile kNoPageFile{"/index.html", "text/html; charset=utf-8", "no-page", false,
                               kNoPage};

// Whether a comma-separated field names `token` without refusing it (q=0).
bool Accepts(std::string_view field, std::string_view token) {
    while (!field.empty()) {
        std::string_view item = field.substr(0, field.find(','));
        field.remove_prefix(std::min(item.size() + 1, field.size()));
        const std::string_view name = StripSpaces(item.substr(0, item.find(';')));
        item.remove_prefix(std::min(item.find(';'), item.size()));
        const size_t q = item.find("q=");
        const bool refused = q != std::string_view::npos &&
                             item.substr(q + 2).find_first_not_of("0. ") == std::string_view::npos;
        if (EqualsIgnoringCase(name, token)) return !refused;
    }
    return false;
}

// What is inside a gzip file that was made when hone was built.
std::string Unpack(std::string_view packed) {
    z_stream stream{};
    HONE_CHECK(inflateInit2(&stream, MAX_WBITS + 16) == Z_OK, "zlib has no memory");
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    std::string unpacked;
    int state = Z_OK;
    while (state == Z_OK) {
        char piece[1 << 14];
        stream.next_out = reinterpret_cast<Bytef*>(piece);
        stream.avail_out = sizeof piece;
        state = inflate(&stream, Z_NO_FLUSH);
        unpacked.append(piece, sizeof piece - stream.avail_out);
    }
    inflateEnd(&stream);
    HONE_CHECK(state == Z_STREAM_END, "a file of the page is damaged: zlib says {}", state);
    return unpacked;
}

void AddPageHeaders(const PageFile& file, HttpHeaders& headers) {
    // The names of these contain a hash of what they hold.
    const bool hashed = file.path.starts_with("/assets/");
    headers.Add("Cache-Control", hashed ? "public, max-age=31536000, immutable" : "no-cache");
    headers.Add("ETag", fmt::format("\"{}\"", file.tag));
    headers.Add("Vary", "Accept-Encoding");
    headers.Add("Content-Security-Policy", kContentPolicy);
    headers.Add("Referrer-Policy", "no-referrer");
    headers.Add("Cross-Origin-Opener-Policy", "same-origin");
    headers.Add("Cross-Origin-Resource-Policy", "same-origin");
    headers.Add("Permissions-Policy", "camera=(), geolocation=(), microphone=()");
}

HttpResponse Send(const HttpRequest& request, const PageFile& file) {
    HttpResponse response;
    AddPageHeaders(file, response.headers);
    if (request.headers.Get("if-none-match").find(file.tag) != std::string_view::npos) {
        response.status = 304;
        return response;
    }
    response.headers.Add("Content-Type", std::string(file.type));
    if (!file.compressed) {
        response.body = file.bytes;
    } else if (Accepts(request.headers.Get("accept-encoding"), "gzip")) {
        response.headers.Add("Content-Encoding", "gzip");
        response.body = file.bytes;
    } else {
        response.body = Unpack(file.bytes);
    }
    return response;
}

const PageFile* Find(std::span<const PageFile> files, std::string_view path) {
    const auto found =
        std::find_if(files.begin(), files.end(), [&](const PageFile& f) { return f.path == path; });
    return found == files.end() ? nullptr : &*found;
}

bool IsOfTheApi(std::string_view path) {
    return path.starts_with("/v1/") || path.starts_with("/api/") || path == "/v1" || path == "/api";
}

}  // namespace

std::optional<HttpResponse> PageResponse(const HttpRequest& request) {
    const std::span<const PageFile> files = PageFiles();
    return PageResponse(request, files.empty() ? std::span(&kNoPageFile, 1) : files);
}

std::optional<HttpResponse> PageResponse(const HttpRequest& request,
                                         std::span<const PageFile> files) {
    if (request.method != "GET" && request.method != "HEAD") return std::nullopt;
    const PageFile* file = Find(files, request.path);
    const bool navigates =
        request.path == "/" || Accepts(request.headers.Get("accept"), "text/html");
    if (file == nullptr && navigates && !IsOfTheApi(request.path) &&
        !request.path.starts_with("/assets/"))
        file = Find(files, "/index.html");
    if (file == nullptr) return std::nullopt;
    return Send(request, *file);
}

}  // namespace hone::server
