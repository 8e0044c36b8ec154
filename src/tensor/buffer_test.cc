#include "tensor/buffer.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(Buffer, IsZeroedAlignedAndMoves) {
    for (size_t bytes : {size_t{1}, size_t{4096}, size_t{5} << 20}) {
        Buffer buffer(bytes);
        EXPECT_EQ(buffer.bytes(), bytes);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
        const uint8_t* data = buffer.as<uint8_t>();
        for (size_t i = 0; i < bytes; i += 97) ASSERT_EQ(data[i], 0);
        buffer.as<uint8_t>()[bytes - 1] = 7;
        Buffer moved = std::move(buffer);
        EXPECT_EQ(moved.data(), data);
        EXPECT_EQ(moved.as<uint8_t>()[bytes - 1], 7);
    }
    EXPECT_EQ(Buffer(0).data(), nullptr);
}

// Pieces lie one after the other in huge pages, stay when a neighbour goes, and take no more memory
// than they are.
TEST(Buffer, PiecesOfARegion) {
    std::vector<Buffer> pieces;
    for (size_t bytes : {size_t{100}, size_t{1} << 20, size_t{3} << 20, size_t{1} << 30}) {
        pieces.push_back(Buffer::Shared(bytes));
        Buffer& piece = pieces.back();
        EXPECT_EQ(piece.bytes(), bytes);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(piece.data()) % 64, 0u);
        for (size_t i = 0; i < bytes; i += 4099 * 97) ASSERT_EQ(piece.as<uint8_t>()[i], 0);
        piece.as<uint8_t>()[0] = piece.as<uint8_t>()[bytes - 1] = 7;
    }
    EXPECT_EQ(pieces[0].as<uint8_t>() + 128, pieces[1].as<uint8_t>());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(pieces[0].data()) % (2 << 20), 0u);
    Buffer moved = std::move(pieces[2]);
    pieces.clear();
    EXPECT_EQ(moved.as<uint8_t>()[0], 7);
    moved = Buffer::Shared(64);
    EXPECT_EQ(Buffer::Shared(0).data(), nullptr);
}

// The same calls on an arena that counts and on one of the size that it counted.
TEST(Arena, CountsThenHandsOut) {
    const auto take = [](Arena& arena) {
        float* a = arena.Take<float>(10);
        const size_t mark = arena.mark();
        char* b = arena.Take<char>(1000);
        arena.Seek(mark);
        double* c = arena.Take<double>(3);
        if (!arena.counting()) {
            EXPECT_EQ(reinterpret_cast<char*>(a) + 64, b);
            EXPECT_EQ(static_cast<void*>(b), static_cast<void*>(c))
                << "memory given back is handed out again";
            EXPECT_EQ(reinterpret_cast<uintptr_t>(c) % 64, 0u);
            for (int i = 0; i < 10; ++i) EXPECT_EQ(a[i], 0);
        }
    };
    Arena plan;
    EXPECT_TRUE(plan.counting());
    take(plan);
    EXPECT_EQ(plan.peak_bytes(), 64u + 1024u);
    Arena arena(plan.peak_bytes());
    EXPECT_FALSE(arena.counting());
    take(arena);
    EXPECT_EQ(arena.peak_bytes(), plan.peak_bytes());
}

TEST(ArenaDeathTest, TakingTooMuchIsABug) {
    Arena arena(128);
    arena.Take<char>(128);
    EXPECT_DEATH(arena.Take<char>(1), "arena of 128 bytes is too small");
}

}  // namespace
}  // namespace hone
