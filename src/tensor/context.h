// Where work runs: a CPU with a number of threads. Passed to every op, never global.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace hone {

class ThreadPool;

class Context {
  public:
    // 0: as many as can run at a time (UsableCpus). May throw, as std::thread does.
    explicit Context(int num_threads = 0);
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    int num_threads() const { return num_threads_; }

    // Runs task(index, thread) for every index in [0, count), on the pool's threads and this one.
    // Returns when all are done. Each thread works through neighbouring indices, in their order; a
    // thread that is done takes over the last ones of another. `thread`, in [0, num_threads), is
    // different for tasks that run at the same time. Use it for scratch, never for results, so that
    // the results have the same bits on any number of threads. A task must not call ParallelFor.
    void ParallelFor(int64_t count,
                     const std::function<void(int64_t index, int thread)>& task) const;

    // At least `bytes` of 64-byte aligned scratch for that thread, kept until the next call with
    // the same thread.
    void* Scratch(int thread, size_t bytes) const;

  private:
    int num_threads_;
    std::unique_ptr<ThreadPool> pool_;
};

}  // namespace hone
