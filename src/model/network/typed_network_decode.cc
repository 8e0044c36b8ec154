// Through a network token by token, with caches of keys and values.
#include <algorithm>
#include <map>

#include "base/limits.h"
#include "model/network/typed_network.h"

namespace hone {

template <typename T>
std::unique_ptr<KvCache> TypedNetwork<T>::NewCache(int64_t capacity) const {
    return std::make_unique<TypedKvCache<T>>(CacheShape(), capacity);
}

template <typename T>
size_t TypedNetwork<T>::CacheBytes(int64_t capacity) const {
    return static_cast<size_t>(CacheShape().Elements(capacity)) * sizeof(T);
}

template <typename T>
KvCacheShape TypedNetwork<T>::CacheShape() const {
    const AttentionSpec& spec = layers_.front().attention();
    KvCacheShape shape{.KV = spec.KV, .D = spec.D, .ahead = virtual_tokens()};
    for (const LayerBlock<T>& layer : layers_) shape.windows.push_back(layer.attention().window);
    for (const Rotary& rotary : rotary_)
        if (rotary.config.scaling.kind == RopeScaling::Kind::kLongRope)
            shape.rotary_limits.push_back(rotary.config.scaling.original_max_position_embeddings);
    return shape;
}

template <typename T>
absl::StatusOr<std::shared_ptr<const Adapter>> TypedNetwork<T>::MakeAdapter(
    const std::vector<LowRankDelta>& deltas) const {
    if (!parameters_.slices().empty())
        return UsageError("an adapter is part of the model already: load the base alone");
    std::map<std::string, const LowRankDelta*> by_name;
    for (const LowRankDelta& delta : deltas)
        if (!by_name.emplace(delta.linear, &delta).second)
            return ModelError("{} has two deltas in one adapter", delta.linear);
    std::vector<GroupAdapter<T>> groups;
    for (const LinearGroup<T>* group : Groups()) {
        std::vector<int64_t> outs;
        std::vector<const LowRankDelta*> found;
        for (const LinearMember& member : group->members()) {
            outs.push_back(member.out);
            const auto at = by_name.find(member.name);
            found.push_back(at == by_name.end() ? nullptr : at->second);
            if (found.back() == nullptr) continue;
            const LowRankDelta& delta = *at->second;
            const int64_t rank = delta.options.rank;
            if (rank < 1 || rank > kMaxLoraRank ||
                static_cast<int64_t>(delta.a.size()) != rank * group->in() ||
                static_cast<int64_t>(delta.b.size()) != rank * member.out)
                return ModelError("the delta of {} does not fit its {} x {} weight", delta.linear,
                                  member.out, group->in());
            by_name.erase(at);
        }
        groups.emplace_back(group->in(), outs, found, group->frozen().codes());
    }
    if (!by_name.empty())
        return ModelError("the model has no linear layer {}", by_name.begin()->first);
    return std::make_shared<const TypedAdapter<T>>(std::move(groups));
}

template <typename T>
void TypedNetwork<T>::UseAdapters(Pass<T>& pass, const std::vector<const Adapter*>& adapters) {
    HONE_CHECK(adapters.empty() || adapters.size() + 1 == pass.document_starts.size());
    LinearScratch<T>& scratch = pass.workspace.linear;
    scratch.adapter_columns = 0;
    for (size_t i = 0; i < adapters.size();) {
        size_t end = i + 1;
        while (end < adapters.size() && adapters[end] == adapters[i]) ++end;
        if (adapters[i] != nullptr) {
            const auto& adapter = static_cast<const TypedAdapter<T>&>(*adapters[i]);
            const int64_t first = pass.document_starts[i];
            pass.adapters.push_back({first, pass.document_starts[end] - first, adapter.groups()});
            scratch.adapter_columns = std::max(scratch.adapter_columns, adapter.max_rank_columns());
        }
        i = end;
    }
    const size_t bytes = static_cast<size_t>(pass.M * scratch.adapter_columns) * sizeof(T);
    if (adapter_h_.bytes() < bytes) adapter_h_ = Buffer(bytes);
    scratch.adapter_h = adapter_h_.as<T>();
}

template <typename T>
absl::Status TypedNetwork<T>::Append(const Context& context,
                                     const std::vector<std::vector<int32_t>>& tokens,
                                     const std::vector<KvCache*>& caches,
                                     const std::vector<int64_t>& totals, float* logits,
                                     const std::vector<const Adapter*>& adapters) {
    Batch batch;
    std::vector<int64_t> last_rows, lengths;
    batch.document_starts.push_back(0);
    virtual_rows_.clear();
    const int64_t ahead = virtual_tokens();
    int64_t longest = 0;
    for (size_t i = 0; i < tokens.size(); ++i) {
        HONE_RETURN_IF_ERROR(Check(tokens[i]));
        auto& cache = static_cast<TypedKvCache<T>&>(*caches[i]);
        const int64_t before = cache.length(), count = static_cast<int64_t>(tokens[i].size());
        HONE_CHECK(count > 0 && before + count <= cache.capacity(), "the cache is full");
        if (before == 0) AppendVirtualTokens(ahead, batch, virtual_rows_);
        for (int64_t t = 0; t < count; ++t)
            batch.positions.push_back(static_cast<int32_t>(ahead + before + t));
        batch.tokens.insert(batch.tokens.end(), tokens[i].begin(), tokens[i].end());
        batch.document_starts.push_back(static_cast<int32_t>(batch.tokens.size()));
        last_rows.push_back(batch.size() - 1);
        lengths.push_back(cache.KnownLength(totals[i]));
        cache.MakeRoom(context, count + (before == 0 ? ahead : 0));
        longest = std::max(longest, ahead + before + count);
    }
    HONE_RETURN_IF_ERROR(ReservePositions(longest));
    ChooseRotaryRows(batch, lengths);
    Memory& memory = ForwardMemory(batch.size());
    const Pass<T> pass = MakePass(context, batch, memory, adapters);
    HONE_RETURN_IF_ERROR(Embed(context, batch, memory.x));
    std::vector<typename LayerBlock<T>::Cache> rows(caches.size());
    for (size_t l = 0; l < layers_.size(); ++l) {
        for (size_t i = 0; i < caches.size(); ++i)
            rows[i] = static_cast<TypedKvCache<T>*>(caches[i])->layer(l);
        layers_[l].ForwardCached(pass, memory.x, SavedOf(memory, l), rows);
    }
    for (size_t i = 0; i < caches.size(); ++i)
        static_cast<TypedKvCache<T>*>(caches[i])->Append(tokens[i]);
    if (logits == nullptr) return absl::OkStatus();
    head_.Logits(pass, memory.x, last_rows, logits);
    return absl::OkStatus();
}

template <typename T>
absl::Status TypedNetwork<T>::Decode(const Context& context,
                                     const std::vector<std::vector<int32_t>>& tokens,
                                     const std::vector<KvCache*>& caches, float* logits,
                                     const std::vector<const Adapter*>& adapters) {
    HONE_CHECK(tokens.size() == caches.size());
    HONE_CHECK(adapters.empty() || adapters.size() == caches.size());
    if (tokens.empty()) return absl::OkStatus();
    // Long prompts one after another, all but their last piece; then what is left of all sequences
    // together.
    std::vector<std::vector<int32_t>> rest = tokens;
    std::vector<int64_t> totals;
    for (size_t i = 0; i < rest.size(); ++i) {
        totals.push_back(caches[i]->length() + static_cast<int64_t>(rest[i].size()));
        const std::vector<int32_t> again =
            static_cast<TypedKvCache<T>&>(*caches[i]).StartOver(totals.back());
        rest[i].insert(rest[i].begin(), again.begin(), again.end());
    }
    for (size_t i = 0; i < rest.size(); ++i) {
        const auto last = rest[i].end() - LastPieceTokens(static_cast<int64_t>(rest[i].size()));
        for (auto piece = rest[i].begin(); piece != last; piece += kPrefillTokens)
            HONE_RETURN_IF_ERROR(Append(context, {{piece, piece + kPrefillTokens}}, {caches[i]},
                                        {totals[i]}, nullptr,
                                        adapters.empty() ? adapters : std::vector{adapters[i]}));
        rest[i].erase(rest[i].begin(), last);
    }
    return Append(context, rest, caches, totals, logits, adapters);
}

template class TypedNetwork<float>;
template class TypedNetwork<bf16>;

}  // namespace hone
