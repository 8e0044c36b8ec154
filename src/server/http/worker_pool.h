// Threads for calls that may block: the disk, the database. The network's own threads never do.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hone::server {

class WorkerPool {
  public:
    WorkerPool(int threads, size_t queued);
    ~WorkerPool() { Stop(); }
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    // False, and nothing happens, if `queued` calls already wait: better no for an answer than one
    // that comes too late.
    bool Post(std::function<void()> call);
    // The same without the limit: for the rest of a request that was let in.
    void PostAlways(std::function<void()> call);
    size_t waiting() const;
    // Waits for what runs and drops what waits.
    void Stop();

  private:
    void Run();

    const size_t limit_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> calls_;
    bool ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace hone::server
