#include "server/http/http_server.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "server/http/connection.h"
#include "server/http/connection_start.h"

namespace hone::server {

// The connections that are open.
class HttpServer::Registry {
  public:
    struct Place {
        uint64_t id = 0;
        int all = 0, of_client = 0;  // with this one
    };

    Place Enter(const std::string& client) {
        const std::lock_guard lock(mutex_);
        const uint64_t id = ++last_id_;
        open_.try_emplace(id, Entry{client, {}});
        return {id, static_cast<int>(open_.size()), ++clients_[client]};
    }
    void Set(uint64_t id, const std::shared_ptr<Connection>& connection) {
        const std::lock_guard lock(mutex_);
        if (const auto entry = open_.find(id); entry != open_.end())
            entry->second.connection = connection;
    }
    void Leave(uint64_t id) {
        const std::lock_guard lock(mutex_);
        const auto entry = open_.find(id);
        const auto client = clients_.find(entry->second.client);
        if (--client->second == 0) clients_.erase(client);
        open_.erase(entry);
        left_.notify_all();
    }
    int count() const {
        const std::lock_guard lock(mutex_);
        return static_cast<int>(open_.size());
    }
    std::vector<std::shared_ptr<Connection>> All() const {
        const std::lock_guard lock(mutex_);
        std::vector<std::shared_ptr<Connection>> all;
        for (const auto& [id, entry] : open_)
            if (auto connection = entry.connection.lock()) all.push_back(std::move(connection));
        return all;
    }
    void WaitUntilEmpty(std::chrono::milliseconds time) {
        std::unique_lock lock(mutex_);
        left_.wait_for(lock, time, [this] { return open_.empty(); });
    }

  private:
    struct Entry {
        std::string client;
        std::weak_ptr<Connection> connection;
    };
    mutable std::mutex mutex_;
    std::condition_variable left_;
    uint64_t last_id_ = 0;
    std::map<uint64_t, Entry> open_;
    std::map<std::string, int> clients_;
};

namespace {

absl::StatusOr<std::unique_ptr<asio::ssl::context>> OpenTls(const HttpServerOptions& options) {
    if (options.tls_cert.empty()) return nullptr;
    auto tls = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
    tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                     asio::ssl::context::no_tlsv1_1);
    error_code error;
    tls->use_certificate_chain_file(options.tls_cert, error);
    if (error)
        return UsageError(
            "the certificate {} cannot be used: {}; it is a PEM file, the server's "
            "own certificate first",
            options.tls_cert, error.message());
    tls->use_private_key_file(options.tls_key, asio::ssl::context::pem, error);
    if (error)
        return UsageError("the key {} cannot be used: {}; it is a PEM file, and the certificate's",
                          options.tls_key, error.message());
    return tls;
}

absl::Status Listen(const HttpServerOptions& options, tcp::acceptor& acceptor) {
    error_code error;
    const auto address = asio::ip::make_address(options.host, error);
    if (error) return UsageError("{} is not an address to listen on", options.host);
    const tcp::endpoint endpoint(address, options.port);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
    if (error)
        return OtherError("cannot listen on {} port {}: {}", options.host, options.port,
                          error.message());
    return absl::OkStatus();
}

}  // namespace

struct HttpServer::Parts {
    Parts(const HttpServerOptions& options, HttpService& service)
        : pool(options.limits.workers, static_cast<size_t>(options.limits.queued)),
          host{.service = service, .pool = pool, .limits = options.limits} {}

    // Takes connections until the acceptor is closed.
    asio::awaitable<void> Accept();
    void Take(tcp::socket socket);

    Registry registry;
    std::unique_ptr<asio::ssl::context> tls;
    asio::io_context io;
    WorkerPool pool;
    ConnectionHost host;
    tcp::acceptor acceptor{asio::make_strand(io)};
    uint16_t port = 0;
    std::vector<std::thread> threads;
    bool stopped = false;
};

asio::awaitable<void> HttpServer::Parts::Accept() {
    asio::steady_timer pause(acceptor.get_executor());
    while (acceptor.is_open()) {
        tcp::socket socket(asio::make_strand(io));
        error_code error;
        co_await acceptor.async_accept(socket, Into(error));
        if (!error) {
            Take(std::move(socket));
            continue;
        }
        if (error == asio::error::operation_aborted) co_return;
        // Out of descriptors, most likely: those that are open will be given back.
        pause.expires_after(std::chrono::milliseconds(100));
        co_await pause.async_wait(Into(error));
    }
}

void HttpServer::Parts::Take(tcp::socket socket) {
    error_code error;
    const tcp::endpoint end = socket.remote_endpoint(error);
    if (error) return;  // it has gone already
    NewConnection made{.socket = std::move(socket), .client = end.address().to_string()};
    const Registry::Place place = registry.Enter(made.client);
    const std::shared_ptr<void> token(nullptr,
                                      [this, id = place.id](void*) { registry.Leave(id); });
    if (place.all > host.limits.connections) {
        made.refusal = 503;
        made.refusal_text = "The server has too many connections: try again.";
    } else if (place.of_client > host.limits.connections_per_client) {
        made.refusal = 429;
        made.refusal_text = fmt::format("More than {} connections from one address.",
                                        host.limits.connections_per_client);
    }
    registry.Set(place.id, StartConnection(host, std::move(made), tls.get(), token));
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                              HttpService& service) {
    auto parts = std::make_unique<Parts>(options, service);
    HONE_ASSIGN_OR_RETURN(parts->tls, OpenTls(options));
    HONE_RETURN_IF_ERROR(Listen(options, parts->acceptor));
    parts->port = parts->acceptor.local_endpoint().port();
    asio::co_spawn(parts->acceptor.get_executor(), parts->Accept(), asio::detached);
    for (int i = 0; i < options.threads; ++i)
        parts->threads.emplace_back([io = &parts->io] { io->run(); });
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(parts)));
}

HttpServer::HttpServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

HttpServer::~HttpServer() { Stop(); }

uint16_t HttpServer::port() const { return parts_->port; }

int HttpServer::connections() const { return parts_->registry.count(); }

void HttpServer::Stop() {
    if (std::exchange(parts_->stopped, true)) return;
    parts_->host.draining = true;
    asio::post(parts_->acceptor.get_executor(), [parts = parts_.get()] {
        error_code ignored;
        parts->acceptor.close(ignored);
    });
    for (const auto& connection : parts_->registry.All()) connection->EndSoon();
    parts_->registry.WaitUntilEmpty(parts_->host.limits.drain_time);
    for (const auto& connection : parts_->registry.All()) connection->EndNow();
    parts_->registry.WaitUntilEmpty(std::chrono::seconds(2));
    // Its calls may hold connections, and those belong to the network.
    parts_->pool.Stop();
    parts_->io.stop();
    for (std::thread& thread : parts_->threads) thread.join();
}

}  // namespace hone::server
