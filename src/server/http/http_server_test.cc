#include "server/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/files/test_files.h"
#include "base/files/testing.h"
#include "server/http/test_client.h"

namespace hone::server {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using testkit::TestClient;

constexpr size_t kBodyLimit = 1000;

HttpResponse Text(std::string text, int status = 200) {
    HttpResponse response{.status = status, .body = std::move(text)};
    response.headers.Add("Content-Type", "text/plain");
    return response;
}

// Counts the bytes that it is given; takes no more after "stop".
class CountingSink : public BodySink {
  public:
    bool Take(std::string_view bytes) override {
        count_ += bytes.size();
        stopped_ = bytes.find("stop") != std::string_view::npos;
        return !stopped_;
    }
    HttpResponse Finish() override {
        return stopped_ ? Text("stopped", 400) : Text(fmt::format("{} bytes", count_));
    }

  private:
    size_t count_ = 0;
    bool stopped_ = false;
};

class RepeatedSource : public BodySource {
  public:
    explicit RepeatedSource(uint64_t size) : size_(size) {}
    uint64_t size() const override { return size_; }
    absl::Status Read(size_t limit, std::string& bytes) override {
        bytes.assign(std::min<uint64_t>(limit, size_ - read_), 'x');
        read_ += bytes.size();
        return absl::OkStatus();
    }

  private:
    const uint64_t size_;
    uint64_t read_ = 0;
};

// What a path does stands in `Admit`.
class TestService : public HttpService {
  public:
    std::atomic<int> gone{0}, answered{0};
    std::promise<void> entered, leave;
    std::promise<std::unique_ptr<StreamWriter>> stream;
    std::shared_ptr<Exchange> kept;

    Admission Admit(HttpRequest& request) override {
        Admission admission;
        admission.body_limit = kBodyLimit;
        if (request.path == "/refused") {
            admission.refused = Text("no", 403);
        } else if (request.path == "/sink") {
            admission.sink = std::make_unique<CountingSink>();
            admission.body_limit = 10 << 20;
        } else if (request.path == "/throws") {
            throw std::runtime_error("a bug");
        } else {
            admission.handle = [this](std::shared_ptr<Exchange> exchange) { Handle(exchange); };
        }
        return admission;
    }
    HttpResponse Refuse(int status, const std::string& message) override {
        return Text(message, status);
    }
    void OnAnswered(const Answered&) override { ++answered; }

  private:
    void Handle(const std::shared_ptr<Exchange>& exchange) {
        const HttpRequest& request = exchange->request();
        if (request.path == "/forgets") return;
        if (request.path == "/blocks") {
            entered.set_value();
            leave.get_future().wait();
        }
        if (request.path == "/kept") {
            exchange->OnGone([this] { ++gone; });
            kept = exchange;
            entered.set_value();
            return;
        }
        if (request.path == "/stream") {
            exchange->OnGone([this] { ++gone; });
            HttpResponse head;
            head.headers.Add("Content-Type", "text/event-stream");
            stream.set_value(exchange->Stream(std::move(head), ": alive\n\n"));
            return;
        }
        HttpResponse response =
            Text(fmt::format("{} {} {}", request.method, request.path, request.body));
        if (request.path == "/big") response.source = std::make_shared<RepeatedSource>(3'000'000);
        exchange->Respond(std::move(response));
    }
};

class HttpServerTest : public testing::Test {
  protected:
    void Start(HttpLimits limits = {}) {
        auto started = HttpServer::Start({.limits = limits}, service);
        ASSERT_TRUE(started.ok()) << started.status();
        server = *std::move(started);
    }
    std::string Ask(std::string_view request) { return TestClient(server->port()).Ask(request); }

    static std::string Get(std::string_view path, std::string_view more = "") {
        return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", path, more);
    }
    static std::string Post(std::string_view path, std::string_view body) {
        return fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}", path,
                           body.size(), body);
    }

    TestService service;
    std::unique_ptr<HttpServer> server;
};

// Until `what` is so, at most ten seconds.
template <typename Condition>
bool Eventually(Condition what) {
    const double deadline = NowSeconds() + 10;
    while (!what()) {
        if (NowSeconds() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

TEST_F(HttpServerTest, AnswersOneRequestAfterTheOther) {
    Start();
    TestClient client(server->port());
    const std::string first = client.Ask(Get("/a"));
    EXPECT_THAT(first, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(first, HasSubstr("x-request-id: req_"));
    EXPECT_THAT(first, HasSubstr("\r\n\r\nGET /a "));
    EXPECT_THAT(client.Ask(Post("/b", "hello")), HasSubstr("POST /b hello"));
    EXPECT_THAT(client.Ask("POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"),
                HasSubstr("POST /c abcd"));
    client.Send("HEAD /d HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.ReadAnswer(/*has_body=*/false), HasSubstr("Content-Length: 8"));
    EXPECT_THAT(client.Ask(Get("/e", "Connection: close\r\n")), HasSubstr("Connection: close"));
    EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInTheirOrder) {
    Start();
    TestClient client(server->port());
    client.Send(Get("/1") + Post("/2", "two") + Get("/3"));
    EXPECT_THAT(client.ReadAnswer(), HasSubstr("GET /1"));
    EXPECT_THAT(client.ReadAnswer(), HasSubstr("POST /2 two"));
    EXPECT_THAT(client.ReadAnswer(), HasSubstr("GET /3"));
}

TEST_F(HttpServerTest, ABodyHasItsLimitAndOneByteMoreIsRefused) {
    Start();
    EXPECT_THAT(Ask(Post("/a", std::string(kBodyLimit, 'x'))), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(Ask(Post("/a", std::string(kBodyLimit + 1, 'x'))), StartsWith("HTTP/1.1 413"));
    const auto chunked = [&](size_t size) {
        return Ask(
            fmt::format("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "{:x}\r\n{}\r\n0\r\n\r\n",
                        size, std::string(size, 'x')));
    };
    EXPECT_THAT(chunked(kBodyLimit), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(chunked(kBodyLimit + 1), StartsWith("HTTP/1.1 413"));
}

TEST_F(HttpServerTest, ASinkTakesABodyThatIsNeverHeldWhole) {
    Start();
    const std::string body(5'000'000, 'x');
    TestClient client(server->port());
    EXPECT_THAT(client.Ask(Post("/sink", body)), HasSubstr("5000000 bytes"));
    EXPECT_THAT(client.Ask(Post("/sink", "")), HasSubstr("0 bytes"));
    EXPECT_THAT(client.Ask(Post("/sink", "stop" + body)), HasSubstr("stopped"));
    EXPECT_EQ(client.ReadToEnd(), "") << "what is left of the body is not read as a request";
}

TEST_F(HttpServerTest, ContinuesAClientThatWaitsForIt) {
    Start();
    TestClient client(server->port());
    const std::string head =
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
        "Expect: 100-continue\r\n\r\n";
    EXPECT_EQ(client.Ask(head), "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_THAT(client.Ask("hi"), HasSubstr("POST /a hi"));
    EXPECT_THAT(Ask("POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                    "Expect: 100-continue\r\n\r\n"),
                StartsWith("HTTP/1.1 403"))
        << "refused before the body is sent";
}

TEST_F(HttpServerTest, RefusesWhatIsNoRequestAndCloses) {
    Start();
    for (const char* bytes :
         {"\x16\x03\x01 TLS\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
          "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
          "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
          "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"}) {
        TestClient client(server->port());
        client.Send(bytes);
        const std::string answer = client.ReadToEnd();
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 ")) << bytes;
        EXPECT_THAT(answer, HasSubstr("Connection: close"));
        EXPECT_THAT(answer, HasSubstr("x-request-id: "));
    }
}

TEST_F(HttpServerTest, AHalfClosedClientGetsTheAnswerToWhatItAsked) {
    Start();
    TestClient whole(server->port());
    whole.Send(Get("/a"));
    whole.HalfClose();
    EXPECT_THAT(whole.ReadToEnd(), HasSubstr("GET /a"));
    for (const char* cut : {"GET / HTTP/1.1\r\nHost",
                            "POST / HTTP/1.1\r\nHost: x\r\n"
                            "Content-Length: 5\r\n\r\nab"}) {
        TestClient client(server->port());
        client.Send(cut);
        client.HalfClose();
        EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 400")) << cut;
    }
    TestClient silent(server->port());
    silent.HalfClose();
    EXPECT_EQ(silent.ReadToEnd(), "");
}

TEST_F(HttpServerTest, SlowClientsAreLetGo) {
    using std::chrono::milliseconds;
    Start({.head_time = milliseconds(150),
           .idle_time = milliseconds(150),
           .body_time = milliseconds(150)});
    for (const char* begun : {"", "GET / HT",
                              "POST / HTTP/1.1\r\nHost: x\r\n"
                              "Content-Length: 5\r\n\r\nab"}) {
        TestClient client(server->port());
        client.Send(begun);
        EXPECT_EQ(client.ReadToEnd(), "") << begun;
    }
    // One byte at a time keeps no head open either.
    TestClient drip(server->port());
    const double begun = NowSeconds();
    for (int i = 0; i < 100 && server->connections() > 0; ++i) {
        drip.Send("G");
        std::this_thread::sleep_for(milliseconds(20));
    }
    EXPECT_LT(NowSeconds() - begun, 1.9);
}

TEST_F(HttpServerTest, SendsLargeAnswersFromTheirSource) {
    Start();
    const std::string answer = Ask(Get("/big"));
    EXPECT_THAT(answer.substr(0, 500), HasSubstr("Content-Length: 3000000"));
    EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, 3'000'000u);
}

TEST_F(HttpServerTest, StreamsWhatIsWrittenAndGivesSignsOfLife) {
    Start({.stream_time = std::chrono::milliseconds(50)});
    TestClient client(server->port());
    client.Send(Get("/stream"));
    auto stream = service.stream.get_future().get();
    EXPECT_TRUE(stream->Write("data: 1\n\n"));
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    EXPECT_TRUE(stream->Write("data: 2\n\n"));
    stream.reset();
    const std::string answer = client.ReadAnswer();
    EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked"));
    EXPECT_THAT(answer, HasSubstr("9\r\ndata: 1\n\n\r\n"));
    EXPECT_THAT(answer, HasSubstr("\r\n: alive\n\n\r\n"));
    EXPECT_THAT(answer, HasSubstr("data: 2\n\n"));
    EXPECT_THAT(client.Ask(Get("/after")), HasSubstr("GET /after"));
    EXPECT_EQ(service.gone, 0);
}

TEST_F(HttpServerTest, AStreamHoldsNoMoreThanItsLimitForASlowClient) {
    Start({.stream_bytes = 1000, .drain_time = std::chrono::milliseconds(50)});
    TestClient client(server->port());
    client.Send(Get("/stream"));
    auto stream = service.stream.get_future().get();
    // The sockets' buffers take some megabytes before anything waits here.
    bool full = false;
    for (int i = 0; i < 100'000 && !full; ++i) full = !stream->Write(std::string(1000, 'x'));
    EXPECT_TRUE(full);
    EXPECT_FALSE(stream->Write(std::string(1001, 'x')));
}

TEST_F(HttpServerTest, WhoWaitsForALongAnswerAndLeavesIsNoticed) {
    Start();
    for (const char* path : {"/kept", "/stream"}) {
        service.gone = 0;
        TestClient client(server->port());
        client.Send(Get(path));
        std::unique_ptr<StreamWriter> stream;
        if (std::string_view(path) == "/kept")
            service.entered.get_future().wait();
        else
            stream = service.stream.get_future().get();
        client.Close();
        EXPECT_TRUE(Eventually([&] { return service.gone == 1; })) << path;
        if (stream) {
            EXPECT_FALSE(stream->Write("x"));
        }
        service.kept.reset();
    }
}

TEST_F(HttpServerTest, AnAnswerThatIsForgottenOrThrownIsAnError) {
    Start();
    EXPECT_THAT(Ask(Get("/forgets")), StartsWith("HTTP/1.1 500"));
    EXPECT_THAT(Ask(Get("/throws")), StartsWith("HTTP/1.1 500"));
}

TEST_F(HttpServerTest, SaysNoWhenTooMuchWaits) {
    Start({.queued = 0});
    const std::string answer = Ask(Get("/a"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 503"));
}

TEST_F(HttpServerTest, AnAddressHasItsConnectionsAndOneMoreIsRefused) {
    Start({.connections = 4, .connections_per_client = 2});
    TestClient first(server->port()), second(server->port());
    EXPECT_THAT(first.Ask(Get("/a")), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(second.Ask(Get("/a")), StartsWith("HTTP/1.1 200"));
    TestClient third(server->port());
    EXPECT_THAT(third.ReadToEnd(), StartsWith("HTTP/1.1 429"));
    first.Close();
    EXPECT_TRUE(Eventually([&] { return server->connections() == 1; }));
    EXPECT_THAT(Ask(Get("/a")), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, EndsInOrder) {
    Start();
    TestClient idle(server->port()), busy(server->port());
    EXPECT_THAT(idle.Ask(Get("/a")), StartsWith("HTTP/1.1 200"));
    busy.Send(Get("/blocks"));
    service.entered.get_future().wait();
    std::thread stopping([&] { server->Stop(); });
    EXPECT_EQ(idle.ReadToEnd(), "") << "it waits for nothing";
    service.leave.set_value();
    const std::string answer = busy.ReadToEnd();
    EXPECT_THAT(answer, HasSubstr("GET /blocks"));
    EXPECT_THAT(answer, HasSubstr("Connection: close"));
    stopping.join();
    EXPECT_EQ(server->connections(), 0);
}

TEST_F(HttpServerTest, EndsWhileAnAnswerIsStillBeingMade) {
    Start({.drain_time = std::chrono::milliseconds(50)});
    TestClient client(server->port());
    client.Send(Get("/kept"));
    service.entered.get_future().wait();
    server->Stop();
    EXPECT_EQ(service.gone, 1);
    server.reset();
    service.kept->Respond(Text("too late"));
    service.kept.reset();
}

TEST_F(HttpServerTest, ManyClientsAtOnce) {
    Start();
    std::vector<std::thread> clients;
    std::atomic<int> good{0};
    for (int i = 0; i < 16; ++i)
        clients.emplace_back([&, i] {
            TestClient client(server->port());
            for (int k = 0; k < 50; ++k) {
                const std::string body = fmt::format("{}-{}", i, k);
                good += client.Ask(Post("/a", body)).ends_with("POST /a " + body);
            }
        });
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(good, 800);
    EXPECT_TRUE(Eventually([&] { return service.answered == 800; }));
}

TEST(HttpServer, SaysWhyItCannotStart) {
    TestService service;
    TestFolder folder;
    const auto error = [&](const HttpServerOptions& options) {
        return std::string(HttpServer::Start(options, service).status().message());
    };
    EXPECT_THAT(error({.host = "nowhere"}), HasSubstr("not an address"));
    const auto first = HttpServer::Start({}, service);
    ASSERT_TRUE(first.ok());
    EXPECT_THAT(error({.port = (*first)->port()}), HasSubstr("cannot listen on 127.0.0.1 port"));
    const std::string none = folder.Write("cert.pem", "no certificate");
    EXPECT_THAT(error({.tls_cert = none, .tls_key = none}), HasSubstr("cert.pem cannot be used"));
}

}  // namespace
}  // namespace hone::server
