#include "server/http/connection.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "base/clock.h"
#include "base/error_report.h"
#include "server/http/connection_start.h"
#include "server/http/exchange.h"
#include "server/message/request_reader.h"
#include "server/message/response_head.h"

namespace hone::server {
namespace {

constexpr size_t kHeadPiece = 16 << 10;   // read at a time while a head is awaited
constexpr size_t kLingerBytes = 8 << 20;  // read and dropped after an answer that ends a connection
constexpr std::chrono::seconds kLingerTime{2};

std::string NewRequestId() {
    static thread_local std::mt19937_64 random{std::random_device{}()};
    return fmt::format("req_{:016x}{:016x}", random(), random());
}

// Something that a coroutine waits for, on its own executor. Others post Set to that.
class Event {
  public:
    explicit Event(asio::any_io_executor executor) : timer_(executor) {}
    void Set() {
        set_ = true;
        timer_.cancel();
    }
    // False if it was not set in this time. Afterwards it is not set.
    asio::awaitable<bool> Wait(std::chrono::milliseconds time) {
        if (!set_) {
            timer_.expires_after(time);
            error_code ignored;
            co_await timer_.async_wait(Into(ignored));
        }
        co_return std::exchange(set_, false);
    }
    asio::awaitable<void> Wait() {
        bool set = false;
        while (!set) set = co_await Wait(std::chrono::hours(24));
    }

  private:
    asio::steady_timer timer_;
    bool set_ = false;
};

template <typename Stream>
class ConnectionOn : public Connection, public std::enable_shared_from_this<ConnectionOn<Stream>> {
  public:
    ConnectionOn(ConnectionHost& host, std::string client, Stream stream,
                 std::shared_ptr<void> token)
        : host_(host),
          client_(std::move(client)),
          token_(std::move(token)),
          stream_(std::move(stream)),
          event_(std::make_shared<Event>(stream_.get_executor())) {}

    void EndSoon() override {
        asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
            if (self->idle_) self->Socket().cancel();
        });
    }
    void EndNow() override {
        asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
            error_code ignored;
            self->Socket().close(ignored);
            self->event_->Set();
        });
    }

    asio::any_io_executor executor() { return stream_.get_executor(); }

    // `self` keeps the connection while it runs.
    asio::awaitable<void> Run(std::shared_ptr<ConnectionOn> self, int refusal, std::string text) {
        bool more = co_await Handshake();
        if (more && refusal != 0) {
            co_await Refuse(refusal, text);
            more = false;
        }
        while (more) more = co_await ServeOne();
        co_await End();
    }

  private:
    tcp::socket& Socket() { return beast::get_lowest_layer(stream_).socket(); }
    void ExpireAfter(std::chrono::milliseconds time) {
        beast::get_lowest_layer(stream_).expires_after(time);
    }

    asio::awaitable<bool> Handshake() {
        error_code error;
        if constexpr (!std::is_same_v<Stream, beast::tcp_stream>) {
            ExpireAfter(host_.limits.head_time);
            co_await stream_.async_handshake(asio::ssl::stream_base::server, Into(error));
        }
        co_return !error;
    }

    // Appends what the client sent next, at most `size` bytes. False at the end of the stream,
    // after an error, and after `time`, which closes the socket.
    asio::awaitable<bool> ReadMore(std::chrono::milliseconds time, size_t size) {
        ExpireAfter(time);
        error_code error;
        const size_t before = received_.size();
        // What a body made large is not kept while nothing comes.
        if (before == 0 && received_.capacity() > size) received_ = std::string();
        received_.resize(before + size);
        const auto room = asio::buffer(received_.data() + before, size);
        const size_t count = co_await stream_.async_read_some(room, Into(error));
        received_.resize(before + count);
        co_return count > 0;
    }

    // Reads a request and sends its answer. False if the connection ends.
    asio::awaitable<bool> ServeOne() {
        RequestReader reader(host_.limits);
        const bool came = co_await ReadHead(reader);
        if (!came) co_return false;
        began_ = NowSeconds();
        received_bytes_ = 0;
        reader.request().client = client_;
        reader.request().id = NewRequestId();
        const std::weak_ptr<Event> event = event_;
        auto exchange = std::make_shared<PendingExchange>(
            std::move(reader.request()), host_.pool, host_.limits.stream_bytes,
            [event, executor = stream_.get_executor()] {
                asio::post(executor, [event] {
                    if (const auto waiting = event.lock()) waiting->Set();
                });
            });
        // However this function is left, nobody may call back into a connection that has gone.
        const std::shared_ptr<void> detached(nullptr,
                                             [exchange, this](void*) { exchange->Detach(sent_); });
        sent_ = sending_ = false;
        keep_alive_ = reader.keep_alive() && !host_.draining;
        http_1_0_ = reader.is_http_1_0();
        co_return co_await Answer(reader, exchange);
    }

    asio::awaitable<bool> ReadHead(RequestReader& reader) {
        using std::chrono::milliseconds;
        const auto allowed = host_.limits.head_time;
        double begun = NowSeconds();
        for (bool waiting = received_.empty();; waiting = false) {
            size_t used = 0;
            bool complete = false;
            const auto error = reader.ReadHead(received_, used, complete);
            if (error) {
                co_await Refuse(error->status, error->message);
                co_return false;
            }
            received_.erase(0, used);
            if (complete) co_return true;
            if (waiting && host_.draining) co_return false;
            const auto spent = milliseconds(static_cast<int64_t>(1e3 * (NowSeconds() - begun)));
            idle_ = waiting;
            const bool more = co_await ReadMore(
                waiting ? host_.limits.idle_time : std::max(milliseconds(1), allowed - spent),
                kHeadPiece);
            idle_ = false;
            if (waiting) begun = NowSeconds();
            if (more) continue;
            if (!received_.empty()) co_await Refuse(CutStatus(), "The request ends in its head.");
            co_return false;
        }
    }

    asio::awaitable<bool> Answer(RequestReader& reader, std::shared_ptr<PendingExchange> exchange) {
        const bool has_body = !reader.done() && reader.declared_length() != 0u;
        Admission admission;
        const bool asked = co_await Admit(exchange, has_body, admission);
        if (!asked)
            admission.refused = host_.service.Refuse(503, "The server is too busy: try again.");
        if (admission.refused) {
            keep_alive_ = keep_alive_ && !has_body;
            co_return co_await Send(*exchange, *std::move(admission.refused));
        }
        if (has_body) {
            std::optional<HttpResponse> refused = co_await TakeBody(reader, *exchange, admission);
            if (refused) {
                keep_alive_ = false;
                co_return co_await Send(*exchange, *std::move(refused));
            }
            if (admission.sink) co_return co_await FinishSink(*exchange, admission);
            host_.pool.PostAlways(
                [&service = host_.service, exchange, handle = std::move(admission.handle)] {
                    Handle(service, handle, exchange);
                });
        } else if (admission.sink) {
            co_return co_await FinishSink(*exchange, admission);
        }
        co_return co_await SendWhatComes(*exchange);
    }

    // On a worker thread. The connection may have gone before this begins.
    static void Handle(HttpService& service,
                       const std::function<void(std::shared_ptr<Exchange>)>& handle,
                       std::shared_ptr<PendingExchange> exchange) {
        const auto failed = [&service] { return service.Refuse(500, "The server had an error."); };
        const auto handed = HandOver(std::move(exchange), failed);
        try {
            handle(handed);
        } catch (const std::exception&) {
            spdlog::error("{}", std::string(StatusOfException().message()));
            handed->Respond(failed());
        }
    }

    // Runs `call` on a worker thread; false if there is no room for it.
    asio::awaitable<bool> OnWorker(std::function<void()> call, bool always) {
        const auto done = std::make_shared<Event>(stream_.get_executor());
        auto work = [call = std::move(call), done, executor = stream_.get_executor()] {
            call();
            asio::post(executor, [done] { done->Set(); });
        };
        if (always) {
            host_.pool.PostAlways(std::move(work));
        } else if (!host_.pool.Post(std::move(work))) {
            co_return false;
        }
        co_await done->Wait();
        co_return true;
    }

    // Asks the service; a request without a body is handled in the same call.
    asio::awaitable<bool> Admit(std::shared_ptr<PendingExchange> exchange, bool has_body,
                                Admission& admission) {
        std::function<void()> call = [this, has_body, exchange, &admission] {
            try {
                admission = host_.service.Admit(exchange->mutable_request());
            } catch (const std::exception&) {
                spdlog::error("{}", std::string(StatusOfException().message()));
                admission.refused = host_.service.Refuse(500, "The server had an error.");
            }
            if (!has_body && admission.handle) Handle(host_.service, admission.handle, exchange);
        };
        co_return co_await OnWorker(std::move(call), false);
    }

    // Reads the body into the request, or through the sink. What is wrong with it, if anything; a
    // sink that takes no more is no error.
    asio::awaitable<std::optional<HttpResponse>> TakeBody(RequestReader& reader,
                                                          PendingExchange& exchange,
                                                          Admission& admission) {
        HttpService& service = host_.service;
        const std::string too_long =
            fmt::format("The body is longer than {} bytes.", admission.body_limit);
        if (reader.declared_length().value_or(0) > admission.body_limit)
            co_return service.Refuse(413, too_long);
        if (reader.expects_continue() && received_.empty()) {
            error_code error;
            const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
            co_await asio::async_write(stream_, asio::buffer(go_on), Into(error));
        }
        std::string& body = exchange.mutable_request().body;
        while (!reader.done()) {
            size_t used = 0;
            const size_t before = body.size();
            const auto error = reader.ReadBody(received_, host_.limits.body_piece, used, body);
            received_.erase(0, used);
            received_bytes_ += body.size() - before;
            if (error) co_return service.Refuse(error->status, error->message);
            if (received_bytes_ > admission.body_limit) co_return service.Refuse(413, too_long);
            if (admission.sink && !body.empty()) {
                const bool more = co_await Feed(*admission.sink, body);
                keep_alive_ = keep_alive_ && more;
                if (!more) break;
            }
            if (used > 0) continue;
            if (received_.size() > host_.limits.head_bytes)
                co_return service.Refuse(400, "the body's chunks are malformed");
            const bool came = co_await ReadMore(host_.limits.body_time, host_.limits.body_piece);
            if (!came) co_return service.Refuse(CutStatus(), "The body ends before its length.");
        }
        co_return std::nullopt;
    }

    // The status where the client sent too little: 408 if it took too long, and the connection is
    // closed then, for the log alone.
    int CutStatus() { return Socket().is_open() ? 400 : 408; }

    asio::awaitable<bool> Feed(BodySink& sink, std::string& bytes) {
        bool more = true;
        std::function<void()> take = [&] { more = sink.Take(bytes); };
        co_await OnWorker(std::move(take), true);
        bytes.clear();
        co_return more;
    }

    asio::awaitable<bool> FinishSink(PendingExchange& exchange, Admission& admission) {
        HttpResponse response;
        std::function<void()> finish = [&] { response = admission.sink->Finish(); };
        co_await OnWorker(std::move(finish), true);
        co_return co_await Send(exchange, std::move(response));
    }

    // Waits for the answer and sends it, or each piece of it.
    asio::awaitable<bool> SendWhatComes(PendingExchange& exchange) {
        for (;;) {
            co_await event_->Wait();
            if (!Socket().is_open()) co_return false;
            PendingExchange::Ready ready = exchange.Take();
            if (exchange.watched() && (!ready.response || ready.streams)) WatchForEnd(exchange);
            if (!ready.response) continue;
            if (!ready.streams) co_return co_await Send(exchange, *std::move(ready.response));
            co_return co_await SendStream(exchange, std::move(ready));
        }
    }

    // Notices that the client goes away while it waits: its end of the connection closes. (One that
    // has sent all that it will and half-closed looks the same, and gets no answer that takes
    // time.)
    void WatchForEnd(PendingExchange& exchange) {
        if (watching_) return;
        watching_ = true;
        const std::weak_ptr<PendingExchange> weak = exchange.weak_from_this();
        Socket().async_wait(tcp::socket::wait_read,
                            [self = this->shared_from_this(), weak](const error_code& error) {
                                self->watching_ = false;
                                if (error || self->sending_ || weak.expired()) return;
                                char byte = 0;
                                const ssize_t seen = recv(self->Socket().native_handle(), &byte, 1,
                                                          MSG_PEEK | MSG_DONTWAIT);
                                // Bytes are the next request's.
                                if (seen > 0 || (seen < 0 && errno == EAGAIN)) return;
                                error_code ignored;
                                self->Socket().close(ignored);
                                self->event_->Set();
                            });
    }

    // Sends a whole answer. False if the connection ends.
    asio::awaitable<bool> Send(PendingExchange& exchange, HttpResponse response) {
        const HttpRequest& request = exchange.request();
        sending_ = true;
        keep_alive_ = keep_alive_ && !response.close && !host_.draining;
        const uint64_t size = response.source ? response.source->size() : response.body.size();
        std::string bytes = ResponseHead(response, {.request_id = request.id,
                                                    .keep_alive = keep_alive_,
                                                    .length = size,
                                                    .http_1_0 = http_1_0_});
        const bool bare =
            request.method == "HEAD" || response.status == 204 || response.status == 304;
        if (!bare && !response.source) bytes += response.body;
        bool good = co_await Write(bytes);
        uint64_t sent = bytes.size();
        while (good && !bare && response.source) {
            bytes.clear();
            absl::Status status;
            std::function<void()> read = [&] {
                status = response.source->Read(host_.limits.body_piece, bytes);
            };
            co_await OnWorker(std::move(read), true);
            if (!status.ok()) spdlog::error("{}", std::string(status.message()));
            if (!status.ok() || bytes.empty()) break;
            good = co_await Write(bytes);
            sent += bytes.size();
        }
        Report(exchange, response.status, sent);
        sent_ = good;
        // A source that gave fewer bytes than it said leaves the client waiting for the rest.
        const bool whole = bare || !response.source || sent >= size;
        co_return good&& whole&& keep_alive_;
    }

    asio::awaitable<bool> SendStream(PendingExchange& exchange, PendingExchange::Ready ready) {
        const int status = ready.response->status;
        std::string bytes = ResponseHead(*ready.response, {.request_id = exchange.request().id,
                                                           .keep_alive = keep_alive_,
                                                           .http_1_0 = http_1_0_});
        const bool bare = exchange.request().method == "HEAD";
        uint64_t sent = 0;
        bool good = true;
        while (good) {
            if (!bare) AppendChunk(ready.bytes, bytes);
            if (ready.ended && !bare && !http_1_0_) bytes += "0\r\n\r\n";
            good = co_await Write(bytes);
            sent += bytes.size();
            if (ready.ended || bare) break;
            bytes.clear();
            const bool woken = co_await event_->Wait(host_.limits.stream_time);
            good = good && Socket().is_open();
            ready = exchange.Take();
            if (!woken && ready.bytes.empty()) ready.bytes = exchange.sign_of_life();
        }
        Report(exchange, status, sent);
        sent_ = good && ready.ended;
        co_return good&& keep_alive_ && !http_1_0_ && !bare;
    }

    void AppendChunk(const std::string& data, std::string& bytes) const {
        if (data.empty()) return;
        bytes += http_1_0_ ? data : fmt::format("{:x}\r\n{}\r\n", data.size(), data);
    }

    // In pieces, each of which the client must take in time.
    asio::awaitable<bool> Write(const std::string& bytes) {
        error_code error;
        for (size_t at = 0; at < bytes.size() && !error; at += host_.limits.body_piece) {
            ExpireAfter(host_.limits.write_time);
            const auto piece = asio::buffer(bytes.data() + at,
                                            std::min(bytes.size() - at, host_.limits.body_piece));
            co_await asio::async_write(stream_, piece, Into(error));
        }
        beast::get_lowest_layer(stream_).expires_never();
        co_return !error;
    }

    // Answers what is no request.
    asio::awaitable<void> Refuse(int status, std::string message) {
        const HttpRequest request{.client = client_, .id = NewRequestId()};
        const HttpResponse response = host_.service.Refuse(status, message);
        const std::string bytes = ResponseHead(response, {.request_id = request.id,
                                                          .keep_alive = false,
                                                          .length = response.body.size()}) +
                                  response.body;
        co_await Write(bytes);
        host_.service.OnAnswered(
            {.request = request, .status = status, .sent_bytes = bytes.size()});
    }

    void Report(const PendingExchange& exchange, int status, uint64_t sent) {
        host_.service.OnAnswered({.request = exchange.request(),
                                  .status = status,
                                  .received_bytes = received_bytes_,
                                  .sent_bytes = sent,
                                  .seconds = NowSeconds() - began_});
    }

    // Says goodbye, and drops for a while what the client still sends: closing with unread bytes
    // would take the answer away from it.
    asio::awaitable<void> End() {
        error_code error;
        if (!Socket().is_open()) co_return;
        if constexpr (!std::is_same_v<Stream, beast::tcp_stream>) {
            ExpireAfter(kLingerTime);
            co_await stream_.async_shutdown(Into(error));
        }
        Socket().shutdown(tcp::socket::shutdown_send, error);
        const double deadline = NowSeconds() + double(kLingerTime.count());
        for (size_t dropped = 0; !error && dropped < kLingerBytes && NowSeconds() < deadline;) {
            ExpireAfter(kLingerTime);
            received_.resize(host_.limits.body_piece);
            const size_t count = co_await beast::get_lowest_layer(stream_).async_read_some(
                asio::buffer(received_), Into(error));
            dropped += count;
        }
        Socket().close(error);
    }

    ConnectionHost& host_;
    const std::string client_;
    const std::shared_ptr<void> token_;
    Stream stream_;
    const std::shared_ptr<Event> event_;  // the exchange has something to send
    std::string received_;                // what came and was not used yet
    bool idle_ = false, watching_ = false;

    // Of the request that is being answered.
    bool keep_alive_ = false, http_1_0_ = false;
    bool sending_ = false, sent_ = false;  // the whole answer
    double began_ = 0;
    uint64_t received_bytes_ = 0;
};

template <typename Stream>
std::shared_ptr<Connection> Start(ConnectionHost& host, NewConnection& made, Stream stream,
                                  std::shared_ptr<void> token) {
    auto connection = std::make_shared<ConnectionOn<Stream>>(host, made.client, std::move(stream),
                                                             std::move(token));
    // Spawned on the strand itself: from elsewhere, another thread could go on with a coroutine
    // that this one is still leaving.
    asio::post(connection->executor(),
               [connection, refusal = made.refusal, text = std::move(made.refusal_text)] {
                   asio::co_spawn(connection->executor(),
                                  connection->Run(connection, refusal, text), asio::detached);
               });
    return connection;
}

}  // namespace

std::shared_ptr<Connection> StartConnection(ConnectionHost& host, NewConnection made,
                                            asio::ssl::context* tls, std::shared_ptr<void> token) {
    error_code ignored;
    made.socket.set_option(tcp::no_delay(true), ignored);
    beast::tcp_stream plain(std::move(made.socket));
    if (tls == nullptr) return Start(host, made, std::move(plain), std::move(token));
    return Start(host, made, beast::ssl_stream<beast::tcp_stream>(std::move(plain), *tls),
                 std::move(token));
}

}  // namespace hone::server
