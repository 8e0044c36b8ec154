#include "server/http/exchange.h"

#include <utility>

namespace hone::server {

class PendingExchange::Writer : public StreamWriter {
  public:
    explicit Writer(std::shared_ptr<PendingExchange> exchange) : exchange_(std::move(exchange)) {}
    ~Writer() override { exchange_->EndStream(); }
    bool Write(std::string bytes) override { return exchange_->Write(std::move(bytes)); }

  private:
    const std::shared_ptr<PendingExchange> exchange_;
};

void PendingExchange::Respond(HttpResponse response) {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(answered_, true)) return;
        ready_.response = std::move(response);
        ready_.ended = true;
    }
    Wake();
}

std::unique_ptr<StreamWriter> PendingExchange::Stream(HttpResponse head, std::string sign_of_life) {
    {
        const std::lock_guard lock(mutex_);
        HONE_CHECK(!std::exchange(answered_, true), "an exchange is answered twice");
        ready_.response = std::move(head);
        ready_.streams = true;
        sign_of_life_ = std::move(sign_of_life);
    }
    Wake();
    return std::make_unique<Writer>(shared_from_this());
}

void PendingExchange::OnGone(std::function<void()> call) {
    {
        const std::lock_guard lock(mutex_);
        if (!gone_) {
            on_gone_.push_back(std::move(call));
            return;
        }
    }
    call();
}

void PendingExchange::Later(std::function<void()> call) {
    const std::lock_guard lock(mutex_);
    if (pool_ != nullptr) pool_->PostAlways(std::move(call));
}

bool PendingExchange::Write(std::string bytes) {
    {
        const std::lock_guard lock(mutex_);
        if (!wake_ || ready_.bytes.size() + bytes.size() > stream_limit_) return false;
        ready_.bytes += bytes;
    }
    Wake();
    return true;
}

void PendingExchange::EndStream() {
    {
        const std::lock_guard lock(mutex_);
        ready_.ended = true;
    }
    Wake();
}

// With the lock, so that Detach does not return while the call runs.
void PendingExchange::Wake() {
    const std::lock_guard lock(mutex_);
    if (wake_) wake_();
}

PendingExchange::Ready PendingExchange::Take() {
    const std::lock_guard lock(mutex_);
    Ready ready = std::exchange(ready_, {});
    ready_.streams = ready.streams;
    ready_.ended = ready.ended;
    return ready;
}

std::string PendingExchange::sign_of_life() const {
    const std::lock_guard lock(mutex_);
    return sign_of_life_;
}

bool PendingExchange::awaited() const {
    const std::lock_guard lock(mutex_);
    return !answered_ && wake_ != nullptr;
}

void PendingExchange::Detach(bool sent) {
    std::vector<std::function<void()>> calls;
    {
        const std::lock_guard lock(mutex_);
        wake_ = nullptr;
        pool_ = nullptr;
        gone_ = !sent;
        calls.swap(on_gone_);
    }
    if (sent) return;
    for (const auto& call : calls) call();
}

std::shared_ptr<Exchange> HandOver(std::shared_ptr<PendingExchange> exchange,
                                   std::function<HttpResponse()> otherwise) {
    PendingExchange* const raw = exchange.get();
    // An owner of its own: it goes with the last copy that an answer holds.
    const auto last = std::shared_ptr<void>(
        nullptr, [exchange = std::move(exchange), otherwise = std::move(otherwise)](void*) {
            if (exchange->awaited()) exchange->Respond(otherwise());
        });
    return {last, raw};
}

}  // namespace hone::server
