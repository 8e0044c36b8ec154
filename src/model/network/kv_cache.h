// The cache of one sequence: keys and values of every layer of a network.
#pragma once

#include <span>
#include <vector>

#include "model/blocks/attention_block.h"
#include "model/model.h"
#include "tensor/buffer.h"

namespace hone {

// What a cache has to know of its network.
struct KvCacheShape {
    std::vector<int64_t> windows;  // of each layer; 0: all tokens see all before them
    int64_t KV = 0, D = 0;
    int64_t ahead = 0;  // virtual tokens, which are in the cache as soon as any other is
    // A sequence that is longer than one of these has other rotary positions from its first token
    // on (RopeScaling::Kind::kLongRope).
    std::vector<int64_t> rotary_limits;

    // Keys of a head that a layer has room for. With a window these are so many that the last
    // piece of a prompt that Decode takes fits behind what its first token sees, and that what is
    // past is forgotten for hundreds of tokens at once.
    int64_t Room(size_t layer, int64_t capacity) const;
    // Elements of all keys and values that there is room for.
    int64_t Elements(int64_t capacity) const;
    // Whether sequences of these lengths, virtual tokens included, have the same rotary positions.
    bool SameRotary(int64_t a, int64_t b) const;
};

// All layers lie in one piece, which then is large enough for huge pages. Within a layer each head
// has the rows that attention reads one after another. A layer with a window keeps the last ones:
// when its room is full, what no later token sees is forgotten, and the rest moves to the front.
template <typename T>
class TypedKvCache : public KvCache {
  public:
    TypedKvCache(KvCacheShape shape, int64_t capacity);
    int64_t length() const override { return length_; }
    int64_t capacity() const override { return capacity_; }
    void Expect(int64_t total) override { expected_ = total; }
    bool Serves(int64_t length, int64_t total) const override;
    void Truncate(int64_t length) override;
    void CopyFrom(const KvCache& other, int64_t length) override;
    size_t bytes() const override { return data_.bytes(); }

    // What the network calls, in this order: StartOver, then for each piece KnownLength, MakeRoom,
    // layer, Append.

    // The tokens to compute once more ahead of others, because with these the sequence has `total`
    // tokens and other rotary positions than before; the cache is empty then. Usually none.
    std::vector<int32_t> StartOver(int64_t total);
    // How long the sequence was known to become when it began, virtual tokens included, of which
    // there will be `total` others as far as is known now.
    int64_t KnownLength(int64_t total);
    // For `count` rows more, virtual tokens among them, at most as many as a pass has.
    void MakeRoom(const Context& context, int64_t count);
    typename AttentionBlock<T>::Cache layer(size_t index);
    // The passes' tokens are in all layers now.
    void Append(std::span<const int32_t> tokens);

  private:
    struct Layer {
        int64_t window = 0, room = 0;
        int64_t offset = 0;  // of its keys in data_, behind which come its values
        int64_t first = 0;   // rows that it forgot
    };
    int64_t Rows(int64_t length) const { return length == 0 ? 0 : shape_.ahead + length; }
    bool HasWindows(int64_t length) const;

    KvCacheShape shape_;
    std::vector<Layer> layers_;
    int64_t capacity_, length_ = 0;
    int64_t expected_ = 0, known_length_ = 0;
    std::vector<int32_t> tokens_;  // in the cache, where there are rotary limits
    Buffer data_;                  // of each layer [keys and values, KV, room, D]
};

}  // namespace hone
