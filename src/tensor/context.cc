#include "tensor/context.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/machine/machine_limits.h"
#include "tensor/buffer.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hone {
namespace {

void Pause() {
#if defined(__x86_64__)
    _mm_pause();
#else
    std::this_thread::yield();
#endif
}

// How long a thread watches for work before it sleeps: longer than the gaps between the ops of a
// step. Only where each thread can have a CPU of its own: otherwise one that watches takes the CPU
// from one that works.
constexpr int kSpins = 20'000;

}  // namespace

// A run of indices: its own thread takes them from the front, the others from the back.
class alignas(64) IndexRun {
  public:
    void Set(int64_t begin, int64_t end) {
        range_.store(Pack(begin, end), std::memory_order_relaxed);
    }
    // -1: none left.
    int64_t Take(bool front) {
        uint64_t range = range_.load(std::memory_order_relaxed);
        for (;;) {
            const int64_t begin = static_cast<int64_t>(range >> 32),
                          end = static_cast<int64_t>(range & 0xffffffff);
            if (begin >= end) return -1;
            if (range_.compare_exchange_weak(range,
                                             front ? Pack(begin + 1, end) : Pack(begin, end - 1),
                                             std::memory_order_relaxed))
                return front ? begin : end - 1;
        }
    }

  private:
    static uint64_t Pack(int64_t begin, int64_t end) {
        return static_cast<uint64_t>(begin) << 32 | static_cast<uint64_t>(end);
    }
    std::atomic<uint64_t> range_{0};
};

// Workers watch `generation_`; each new value is one ParallelFor.
//
// A call ends when all indices are claimed and no worker is inside: one that has not woken yet
// (another process may have its core) is not waited for, and finds the call closed when it comes.
//
// With more threads than CPUs nobody spins, and a call does not wake all: it wakes one worker, and
// each that finds work wakes the next one before it begins. So as many run as there is work for
// when they get a CPU.
class ThreadPool {
  public:
    explicit ThreadPool(int num_threads)
        : crowded_(num_threads > UsableCpus()),
          spins_(crowded_ ? 0 : kSpins),
          scratch_(num_threads),
          runs_(num_threads) {
        try {
            for (int i = 1; i < num_threads; ++i) workers_.emplace_back([this, i] { Work(i); });
        } catch (...) {  // the system gives no more threads
            Stop();
            throw;
        }
    }

    ~ThreadPool() { Stop(); }

    void Run(int64_t count, const std::function<void(int64_t, int)>& task) {
        if (count <= 0) return;
        if (workers_.empty() || count == 1) {
            for (int64_t i = 0; i < count; ++i) task(i, 0);
            return;
        }
        HONE_CHECK(count <= UINT32_MAX, "{} tasks in one call", count);
        HONE_CHECK(!busy_.exchange(true), "ParallelFor inside ParallelFor");
        task_ = &task;
        const int64_t threads = static_cast<int64_t>(runs_.size());
        for (int64_t i = 0; i < threads; ++i)
            runs_[i].Set(count * i / threads, count * (i + 1) / threads);
        open_.store(true);
        {
            std::lock_guard lock(
                mutex_);  // pairs with the sleeper's check, so that no wake-up is lost
            generation_.fetch_add(1, std::memory_order_release);
        }
        Wake();
        Claim(0);
        open_.store(false);
        WaitForWorkers();
        busy_.store(false);
        if (failed_.load()) std::rethrow_exception(TakeFailure());
    }

    void* Scratch(int thread, size_t bytes) {
        Buffer& buffer = scratch_[thread];
        if (buffer.bytes() < bytes) buffer = Buffer(bytes);
        return buffer.data();
    }

  private:
    void Stop() {
        {
            std::lock_guard lock(mutex_);
            stop_ = true;
            generation_.fetch_add(1);
        }
        wake_.notify_all();
        for (auto& worker : workers_) worker.join();
    }

    void Wake() {
        if (sleepers_.load() == 0) return;
        if (crowded_) {
            wake_.notify_one();
        } else {
            wake_.notify_all();
        }
    }

    // Either this sees that a worker is inside, or the worker sees that the call is closed: both
    // are sequentially consistent; so are `waiting_` and the count.
    void WaitForWorkers() {
        for (int spins = 0; inside_.load() > 0 && spins < 10 * spins_; ++spins) {
            if (spins < spins_) {
                Pause();
            } else {
                std::this_thread::yield();
            }
        }
        if (inside_.load() == 0) return;
        waiting_.store(true);
        for (int inside; (inside = inside_.load()) > 0;) inside_.wait(inside);
        waiting_.store(false);
    }

    void Claim(int thread) {
        const int threads = static_cast<int>(runs_.size());
        bool first = true;
        for (int i = 0; i < threads; ++i) {
            IndexRun& run = runs_[(thread + i) % threads];
            for (int64_t index; (index = run.Take(i == 0)) >= 0;) {
                if (crowded_ && std::exchange(first, false) && thread != 0) Wake();
                Do(index, thread);
            }
        }
    }

    // A task that throws (memory is the usual want) ends the call; the others' indices are passed
    // over.
    void Do(int64_t index, int thread) {
        if (failed_.load(std::memory_order_relaxed)) return;
        try {
            (*task_)(index, thread);
        } catch (...) {
            std::lock_guard lock(mutex_);
            if (!failure_) failure_ = std::current_exception();
            failed_.store(true);
        }
    }

    std::exception_ptr TakeFailure() {
        std::lock_guard lock(mutex_);
        failed_.store(false);
        return std::exchange(failure_, nullptr);
    }

    void Work(int thread) {
        uint64_t seen = 0;
        for (;;) {
            int spins = 0;
            while (generation_.load(std::memory_order_acquire) == seen && spins < spins_) {
                Pause();
                ++spins;
            }
            if (generation_.load(std::memory_order_acquire) == seen) {
                std::unique_lock lock(mutex_);
                sleepers_.fetch_add(1);
                wake_.wait(lock,
                           [&] { return generation_.load(std::memory_order_acquire) != seen; });
                sleepers_.fetch_sub(1);
            }
            seen = generation_.load(std::memory_order_acquire);
            if (stop_.load(std::memory_order_acquire)) return;
            inside_.fetch_add(1);
            if (open_.load()) Claim(thread);
            if (inside_.fetch_sub(1) == 1 && waiting_.load()) inside_.notify_one();
        }
    }

    const bool crowded_;
    const int spins_;
    std::vector<std::thread> workers_;
    std::vector<Buffer> scratch_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::atomic<uint64_t> generation_{0};
    std::atomic<int> sleepers_{0};
    std::atomic<bool> stop_{false};
    std::atomic<bool> busy_{false};
    const std::function<void(int64_t, int)>* task_ = nullptr;
    std::vector<IndexRun> runs_;  // of the indices that nobody has claimed, one per thread
    std::atomic<bool> open_{false};
    std::atomic<int> inside_{0};
    std::atomic<bool> waiting_{false};  // Run sleeps until nobody is inside
    std::atomic<bool> failed_{false};
    std::exception_ptr failure_;  // the first
};

Context::Context(int num_threads) : num_threads_(num_threads) {
    if (num_threads_ <= 0) num_threads_ = UsableCpus();
    num_threads_ = std::clamp(num_threads_, 1, 1024);
    pool_ = std::make_unique<ThreadPool>(num_threads_);
}

Context::~Context() = default;

void Context::ParallelFor(int64_t count, const std::function<void(int64_t, int)>& task) const {
    pool_->Run(count, task);
}

void* Context::Scratch(int thread, size_t bytes) const { return pool_->Scratch(thread, bytes); }

}  // namespace hone
