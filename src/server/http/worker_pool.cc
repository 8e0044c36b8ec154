#include "server/http/worker_pool.h"

#include <utility>

namespace hone::server {

WorkerPool::WorkerPool(int threads, size_t queued) : limit_(queued) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

void WorkerPool::Stop() {
    std::deque<std::function<void()>> dropped;  // outside the lock: calls may hold anything
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
        dropped.swap(calls_);
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

bool WorkerPool::Post(std::function<void()> call) {
    {
        const std::lock_guard lock(mutex_);
        if (calls_.size() >= limit_) return false;
        calls_.push_back(std::move(call));
    }
    wake_.notify_one();
    return true;
}

void WorkerPool::PostAlways(std::function<void()> call) {
    {
        const std::lock_guard lock(mutex_);
        calls_.push_back(std::move(call));
    }
    wake_.notify_one();
}

size_t WorkerPool::waiting() const {
    const std::lock_guard lock(mutex_);
    return calls_.size();
}

void WorkerPool::Run() {
    for (;;) {
        std::function<void()> call;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return ending_ || !calls_.empty(); });
            if (ending_) return;
            call = std::move(calls_.front());
            calls_.pop_front();
        }
        call();
    }
}

}  // namespace hone::server
