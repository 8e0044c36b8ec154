#include "infer/prefix_cache.h"

#include <algorithm>

namespace hone {
namespace {

// Fewer are as soon computed as found.
constexpr int64_t kLeastShared = 2 * kLastPromptTokens;

}  // namespace

int64_t SharedTokens(const PrefixSource& source, const Adapter* adapter,
                     std::span<const int32_t> prompt) {
    if (source.adapter != adapter) return 0;
    const int64_t most = std::min(static_cast<int64_t>(source.prompt.size()),
                                  static_cast<int64_t>(prompt.size()) - kLastPromptTokens);
    if (most < kLeastShared) return 0;
    const auto [differs, unused] =
        std::mismatch(prompt.begin(), prompt.begin() + most, source.prompt.begin());
    const int64_t shared = differs - prompt.begin();
    return shared < kLeastShared ? 0 : shared;
}

void PrefixCache::set_max_bytes(size_t max_bytes) {
    max_bytes_ = max_bytes;
    Shrink(max_bytes);
}

void PrefixCache::Shrink(size_t max_bytes) {
    size_t bytes = 0;
    for (auto entry = entries_.begin(); entry != entries_.end();) {
        bytes += entry->cache->bytes();
        entry = bytes > max_bytes ? entries_.erase(entry) : std::next(entry);
    }
}

void PrefixCache::Put(const Adapter* adapter, std::vector<int32_t> prompt,
                      std::unique_ptr<KvCache> cache) {
    const auto size = static_cast<int64_t>(prompt.size());
    if (cache->bytes() > max_bytes_ || !cache->Serves(size, cache->length())) return;
    // What the same prompt would ask for next time.
    const int64_t again = std::max<int64_t>(size - kLastPromptTokens, 0);
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
        if (entry->adapter != adapter || entry->prompt.size() < prompt.size() ||
            !std::equal(prompt.begin(), prompt.end(), entry->prompt.begin()))
            continue;
        if (entry->cache->Serves(again, size)) return;
        if (entry->prompt.size() > prompt.size()) continue;
        entries_.erase(entry);
        break;
    }
    Shrink(max_bytes_ - cache->bytes());
    entries_.push_front({adapter, std::move(prompt), std::move(cache)});
}

PrefixSource PrefixCache::Find(const Adapter* adapter, std::span<const int32_t> prompt) {
    int64_t most = 0;
    auto best = entries_.end();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
        const int64_t shared = SharedTokens(entry->source(), adapter, prompt);
        if (shared > most && entry->source().Serves(shared, static_cast<int64_t>(prompt.size())))
            most = shared, best = entry;
    }
    if (best == entries_.end()) return {};
    entries_.splice(entries_.begin(), entries_, best);
    return best->source();
}

void PrefixCache::Forget(const Adapter* adapter) {
    entries_.remove_if([&](const Entry& entry) { return entry.adapter == adapter; });
}

}  // namespace hone
