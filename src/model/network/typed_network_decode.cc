// Through a network token by token, with caches of keys and values.
#include <algorithm>

#include "model/network/typed_network.h"

namespace hone {
namespace {

// Tokens of a prompt that go through at once: as many as keep the activations in cache.
constexpr int64_t kPrefillTokens = 512;

}  // namespace

template <typename T>
std::unique_ptr<KvCache> TypedNetwork<T>::NewCache(int64_t capacity) const {
    const AttentionSpec& spec = layers_.front().attention.spec();
    return std::make_unique<TypedKvCache<T>>(layers_.size(), capacity, spec.KV * spec.D);
}

// Appends to the caches; logits of each sequence's last token unless null.
template <typename T>
absl::Status TypedNetwork<T>::Append(const Context& context,
                                     const std::vector<std::vector<int32_t>>& tokens,
                                     const std::vector<KvCache*>& caches, float* logits) {
    Batch batch;
    std::vector<int64_t> last_rows;
    batch.document_starts.push_back(0);
    int64_t longest = 0;
    for (size_t i = 0; i < tokens.size(); ++i) {
        HONE_RETURN_IF_ERROR(Check(tokens[i]));
        const int64_t before = caches[i]->length(), count = static_cast<int64_t>(tokens[i].size());
        HONE_CHECK(count > 0 && before + count <= caches[i]->capacity(), "the cache is full");
        for (int64_t t = 0; t < count; ++t)
            batch.positions.push_back(static_cast<int32_t>(before + t));
        batch.tokens.insert(batch.tokens.end(), tokens[i].begin(), tokens[i].end());
        batch.document_starts.push_back(static_cast<int32_t>(batch.tokens.size()));
        last_rows.push_back(batch.size() - 1);
        longest = std::max(longest, before + count);
    }
    HONE_RETURN_IF_ERROR(ReservePositions(longest));
    Memory& memory = ForwardMemory(batch.size());
    const Pass<T> pass = MakePass(context, batch, memory, false, 0);
    HONE_RETURN_IF_ERROR(Embed(context, batch.tokens, memory.x));
    std::vector<typename AttentionBlock<T>::Cache> rows(caches.size());
    for (size_t l = 0; l < layers_.size(); ++l) {
        for (size_t i = 0; i < caches.size(); ++i)
            rows[i] = static_cast<TypedKvCache<T>*>(caches[i])->layer(l);
        const LayerSaved& saved = SavedOf(memory, l);
        layers_[l].attention.ForwardCached(pass, memory.x, saved.attention, rows);
        layers_[l].mlp.Forward(pass, memory.x, saved.mlp);
    }
    for (size_t i = 0; i < caches.size(); ++i)
        static_cast<TypedKvCache<T>*>(caches[i])->Grow(static_cast<int64_t>(tokens[i].size()));
    if (logits != nullptr) head_.Logits(context, memory.x, last_rows, logits);
    return absl::OkStatus();
}

template <typename T>
absl::Status TypedNetwork<T>::Decode(const Context& context,
                                     const std::vector<std::vector<int32_t>>& tokens,
                                     const std::vector<KvCache*>& caches, float* logits) {
    HONE_CHECK(tokens.size() == caches.size());
    if (tokens.empty()) return absl::OkStatus();
    // Long prompts one after another, all but their last piece; then what is left of all sequences
    // together.
    std::vector<std::vector<int32_t>> rest = tokens;
    for (size_t i = 0; i < rest.size(); ++i) {
        while (static_cast<int64_t>(rest[i].size()) > kPrefillTokens) {
            HONE_RETURN_IF_ERROR(Append(context,
                                        {{rest[i].begin(), rest[i].begin() + kPrefillTokens}},
                                        {caches[i]}, nullptr));
            rest[i].erase(rest[i].begin(), rest[i].begin() + kPrefillTokens);
        }
    }
    return Append(context, rest, caches, logits);
}

template class TypedNetwork<float>;
template class TypedNetwork<bf16>;

}  // namespace hone
