#include "base/files/map_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>

namespace hone {

// Regions form a list that only grows: the handler may walk it at any time, on any thread, without
// a lock. One whose guard is gone is used again.
struct MapGuard::Region {
    std::atomic<uintptr_t> begin{0}, end{0};  // end 0: free
    std::atomic<bool> broken{false};
    Region* next = nullptr;
};

struct BusErrors {
    static inline std::atomic<MapGuard::Region*> regions{nullptr};
    static inline std::mutex mutex;  // of who changes the list
    static inline struct sigaction before;
    static inline uintptr_t page_bytes = 0;

    static void Install() {
        page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
        struct sigaction action {};
        action.sa_sigaction = Handle;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigemptyset(&action.sa_mask);
        sigaction(SIGBUS, &action, &before);
    }

    // Puts zeros in place of what is left of the map, so that the read that failed can be repeated.
    static void Handle(int, siginfo_t* info, void*) {
        const int error = errno;
        const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
        const uintptr_t page = address / page_bytes * page_bytes;
        bool repaired = false;
        for (auto* region = regions.load(std::memory_order_acquire); region && !repaired;
             region = region->next) {
            const uintptr_t end = region->end.load(std::memory_order_acquire);
            if (address < region->begin.load(std::memory_order_relaxed) || address >= end) continue;
            region->broken.store(true, std::memory_order_release);
            repaired = mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
        }
        // The instruction runs again; where nothing was repaired, under the handler of before.
        if (!repaired) sigaction(SIGBUS, &before, nullptr);
        errno = error;
    }
};

MapGuard::MapGuard(const void* data, size_t size) : region_(nullptr) {
    if (size == 0) return;
    std::lock_guard lock(BusErrors::mutex);
    if (BusErrors::page_bytes == 0) BusErrors::Install();
    Region* first = BusErrors::regions.load(std::memory_order_relaxed);
    for (region_ = first; region_ && region_->end.load(std::memory_order_relaxed) != 0;)
        region_ = region_->next;
    const auto begin = reinterpret_cast<uintptr_t>(data);
    const bool fresh = region_ == nullptr;
    if (fresh) region_ = new Region;  // never freed: the handler may be looking at it
    region_->broken.store(false, std::memory_order_relaxed);
    region_->begin.store(begin, std::memory_order_relaxed);
    region_->end.store(begin + size, std::memory_order_release);
    if (!fresh) return;
    region_->next = first;
    BusErrors::regions.store(region_, std::memory_order_release);
}

MapGuard::~MapGuard() {
    if (region_ == nullptr) return;
    std::lock_guard lock(BusErrors::mutex);
    region_->end.store(0, std::memory_order_release);
}

bool MapGuard::broken() const {
    return region_ != nullptr && region_->broken.load(std::memory_order_acquire);
}

}  // namespace hone
