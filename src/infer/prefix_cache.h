// Keys and values of answered prompts, for later prompts that begin with the same tokens (a system
// prompt, examples at the start): the common part is copied, not recomputed.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "model/model.h"

namespace hone {

// A prompt and its cache. What the cache holds beyond the prompt is not shared, because the sums of
// tokens that were decoded one by one run in another order.
struct PrefixSource {
    const Adapter* adapter = nullptr;  // nullptr: the base alone
    std::span<const int32_t> prompt;
    const KvCache* cache = nullptr;
    // Whether the cache holds so many tokens for a prompt of `total`.
    bool Serves(int64_t shared, int64_t total) const {
        return cache != nullptr && cache->Serves(shared, total);
    }
};

// How many of the first tokens of `prompt` can be copied from `source` when that serves them. At
// least kLastPromptTokens are left to compute. 0: too few to be worth it.
int64_t SharedTokens(const PrefixSource& source, const Adapter* adapter,
                     std::span<const int32_t> prompt);

// The caches of finished sequences, up to a number of bytes; the one that was of no use for the
// longest time goes first.
class PrefixCache {
  public:
    explicit PrefixCache(size_t max_bytes) : max_bytes_(max_bytes) {}

    size_t max_bytes() const { return max_bytes_; }
    void set_max_bytes(size_t max_bytes);
    // Keeps the cache of a finished sequence, unless it is too large, cannot be continued from the
    // end of the prompt, or another entry holds the same. Takes the place of an entry of the same
    // prompt that does not.
    void Put(const Adapter* adapter, std::vector<int32_t> prompt, std::unique_ptr<KvCache> cache);
    // The entry that serves most of the prompt; it counts as used now. Its cache is null if none
    // serves anything. Valid until the next call of Put, Forget or set_max_bytes.
    PrefixSource Find(const Adapter* adapter, std::span<const int32_t> prompt);
    // Removes the entries of an adapter.
    void Forget(const Adapter* adapter);

  private:
    struct Entry {
        const Adapter* adapter;
        std::vector<int32_t> prompt;
        std::unique_ptr<KvCache> cache;
        PrefixSource source() const { return {adapter, prompt, cache.get()}; }
    };
    void Shrink(size_t max_bytes);

    size_t max_bytes_;
    std::list<Entry> entries_;  // the last used first
};

}  // namespace hone
