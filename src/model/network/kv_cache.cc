#include "model/network/kv_cache.h"

#include <algorithm>

namespace hone {
namespace {

// What a window has left behind is kept for so many tokens more, because the next prompt of a
// conversation often takes the last few tokens back.
constexpr int64_t kTakenBack = 64;

}  // namespace

int64_t KvCacheShape::Room(size_t layer, int64_t capacity) const {
    const int64_t all = ahead + capacity, window = windows[layer];
    if (window == 0) return all;
    const int64_t kept = window + kTakenBack + kAttentionTile;
    return std::min(all, std::max(kept, ahead) + kPrefillTokens + kLastPromptTokens);
}

int64_t KvCacheShape::Elements(int64_t capacity) const {
    int64_t rows = 0;
    for (size_t l = 0; l < windows.size(); ++l) rows += Room(l, capacity);
    return 2 * KV * D * rows;
}

bool KvCacheShape::SameRotary(int64_t a, int64_t b) const {
    return std::all_of(rotary_limits.begin(), rotary_limits.end(),
                       [&](int64_t limit) { return (a > limit) == (b > limit); });
}

template <typename T>
TypedKvCache<T>::TypedKvCache(KvCacheShape shape, int64_t capacity)
    : shape_(std::move(shape)),
      capacity_(capacity),
      data_(static_cast<size_t>(shape_.Elements(capacity)) * sizeof(T)) {
    int64_t offset = 0;
    for (size_t l = 0; l < shape_.windows.size(); ++l) {
        const int64_t room = shape_.Room(l, capacity);
        layers_.push_back({.window = shape_.windows[l], .room = room, .offset = offset});
        offset += 2 * shape_.KV * room * shape_.D;
    }
}

// Whether the layers hold all that the token after the first `length` sees.
template <typename T>
bool TypedKvCache<T>::HasWindows(int64_t length) const {
    return length == 0 || std::all_of(layers_.begin(), layers_.end(), [&](const Layer& layer) {
               return layer.first == 0 || Rows(length) - layer.window + 1 >= layer.first;
           });
}

template <typename T>
bool TypedKvCache<T>::Serves(int64_t length, int64_t total) const {
    if (length == 0) return true;
    return length <= length_ && HasWindows(length) &&
           shape_.SameRotary(known_length_, shape_.ahead + total);
}

template <typename T>
void TypedKvCache<T>::Truncate(int64_t length) {
    expected_ = 0;
    if (length >= length_) return;
    HONE_CHECK(HasWindows(length), "{} of {} tokens are not all there any more", length, length_);
    length_ = length;
    if (!tokens_.empty()) tokens_.resize(static_cast<size_t>(length));
    if (length > 0) return;
    for (Layer& layer : layers_) layer.first = 0;
}

template <typename T>
void TypedKvCache<T>::CopyFrom(const KvCache& other, int64_t length) {
    const auto& from = static_cast<const TypedKvCache&>(other);
    HONE_CHECK(length <= from.length_ && length <= capacity_ && from.HasWindows(length) &&
               shape_.ahead == from.shape_.ahead);
    length_ = length;
    expected_ = from.expected_;
    known_length_ = from.known_length_;
    tokens_ = from.tokens_;
    if (!tokens_.empty()) tokens_.resize(static_cast<size_t>(length));
    const int64_t D = shape_.D;
    for (size_t l = 0; l < layers_.size(); ++l) {
        Layer& to = layers_[l];
        const Layer& source = from.layers_[l];
        to.first = length == 0 ? 0 : source.first;
        const int64_t rows = Rows(length) - to.first;
        HONE_CHECK(rows <= to.room);
        for (int64_t head = 0; head < 2 * shape_.KV; ++head)
            std::copy_n(from.data_.template as<T>() + source.offset + head * source.room * D,
                        rows * D, data_.template as<T>() + to.offset + head * to.room * D);
    }
}

template <typename T>
std::vector<int32_t> TypedKvCache<T>::StartOver(int64_t total) {
    if (length_ == 0 || shape_.SameRotary(known_length_, shape_.ahead + std::max(total, expected_)))
        return {};
    std::vector<int32_t> tokens = std::move(tokens_);
    tokens_.clear();
    const int64_t expected = expected_;
    Truncate(0);
    expected_ = expected;
    return tokens;
}

template <typename T>
int64_t TypedKvCache<T>::KnownLength(int64_t total) {
    if (length_ == 0) known_length_ = shape_.ahead + std::max(total, expected_);
    return known_length_;
}

template <typename T>
void TypedKvCache<T>::MakeRoom(const Context& context, int64_t count) {
    // Of one head: its rows and how many of them go.
    struct Move {
        T* rows;
        int64_t gone, kept;
    };
    std::vector<Move> moves;
    const int64_t rows = Rows(length_);
    for (Layer& layer : layers_) {
        if (rows - layer.first + count <= layer.room) continue;
        // Attention adds up tile by tile. Where these begin at the same tokens as before, its sums
        // are the same bits.
        const int64_t first = std::max<int64_t>(rows - layer.window + 1 - kTakenBack, 0) /
                              kAttentionTile * kAttentionTile;
        const int64_t gone = first - layer.first, kept = rows - first;
        HONE_CHECK(layer.window > 0 && kept + count <= layer.room, "the cache is full");
        for (int64_t head = 0; head < 2 * shape_.KV; ++head)
            moves.push_back(
                {data_.template as<T>() + layer.offset + head * layer.room * shape_.D, gone, kept});
        layer.first = first;
    }
    if (moves.empty()) return;
    context.ParallelFor(static_cast<int64_t>(moves.size()), [&](int64_t i, int) {
        const Move& move = moves[static_cast<size_t>(i)];
        const T* from = move.rows + move.gone * shape_.D;
        std::copy(from, from + move.kept * shape_.D, move.rows);
    });
}

template <typename T>
typename AttentionBlock<T>::Cache TypedKvCache<T>::layer(size_t index) {
    const Layer& layer = layers_[index];
    T* keys = data_.template as<T>() + layer.offset;
    return {keys, keys + shape_.KV * layer.room * shape_.D, layer.room,
            Rows(length_) - layer.first};
}

template <typename T>
void TypedKvCache<T>::Append(std::span<const int32_t> tokens) {
    length_ += static_cast<int64_t>(tokens.size());
    if (!shape_.rotary_limits.empty()) tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
}

template class TypedKvCache<float>;
template class TypedKvCache<bf16>;

}  // namespace hone
