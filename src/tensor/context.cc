#include "tensor/context.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

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
// step.
constexpr int kSpins = 20'000;

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

}  // namespace

// Workers watch `generation_`; each new value is one ParallelFor.
//
// A call ends when all indices are claimed and no worker is inside: one that has not woken yet
// (another process may have its core) is not waited for, and finds the call closed when it comes.
class ThreadPool {
  public:
    explicit ThreadPool(int num_threads) : scratch_(num_threads), runs_(num_threads) {
        for (int i = 1; i < num_threads; ++i) workers_.emplace_back([this, i] { Work(i); });
    }

    ~ThreadPool() {
        {
            std::lock_guard lock(mutex_);
            stop_ = true;
            generation_.fetch_add(1);
        }
        wake_.notify_all();
        for (auto& worker : workers_) worker.join();
    }

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
        if (sleepers_.load() > 0) wake_.notify_all();
        Claim(0);
        open_.store(false);
        // Either this sees that a worker is inside, or the worker sees that the call is closed:
        // both are sequentially consistent.
        for (int spins = 0; inside_.load() > 0; ++spins) {
            if (spins < kSpins) {
                Pause();
            } else {
                std::this_thread::yield();
            }
        }
        busy_.store(false);
    }

    void* Scratch(int thread, size_t bytes) {
        Buffer& buffer = scratch_[thread];
        if (buffer.bytes() < bytes) buffer = Buffer(bytes);
        return buffer.data();
    }

  private:
    void Claim(int thread) {
        const int threads = static_cast<int>(runs_.size());
        for (int i = 0; i < threads; ++i) {
            IndexRun& run = runs_[(thread + i) % threads];
            for (int64_t index; (index = run.Take(i == 0)) >= 0;) (*task_)(index, thread);
        }
    }

    void Work(int thread) {
        uint64_t seen = 0;
        for (;;) {
            int spins = 0;
            while (generation_.load(std::memory_order_acquire) == seen && spins < kSpins) {
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
            inside_.fetch_sub(1);
        }
    }

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
};

Context::Context(int num_threads) : num_threads_(num_threads) {
    if (num_threads_ <= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        num_threads_ = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    }
    num_threads_ = std::clamp(num_threads_, 1, 1024);
    pool_ = std::make_unique<ThreadPool>(num_threads_);
}

Context::~Context() = default;

void Context::ParallelFor(int64_t count, const std::function<void(int64_t, int)>& task) const {
    pool_->Run(count, task);
}

void* Context::Scratch(int thread, size_t bytes) const { return pool_->Scratch(thread, bytes); }

}  // namespace hone
