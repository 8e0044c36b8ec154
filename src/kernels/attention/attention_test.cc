#include "kernels/attention/attention.h"

#include "kernels/dispatch/testing.h"
#include "tensor/buffer.h"

namespace hone {
namespace {

using testkit::ExpectClose;
using testkit::ExpectSameBits;
using testkit::Guarded;
using testkit::Random;

// A batch of random documents in one fused buffer of q, k, v rows with a gap at the end of each.
template <typename T>
struct Batch {
    AttentionOptions options;
    int64_t M, stride;
    std::vector<int32_t> starts;
    std::vector<T> qkv, dout;

    Batch(Random& random, AttentionOptions with, int64_t M_, int64_t documents)
        : options(with), M(M_) {
        const int64_t width = (options.H + 2 * options.KV) * options.D;
        stride = width + 8 * random.Between(0, 2);
        for (int64_t i = 0; i + 1 < documents; ++i)
            starts.push_back(static_cast<int32_t>(random.Between(0, M)));
        starts.push_back(0);
        starts.push_back(static_cast<int32_t>(M));
        std::sort(starts.begin(), starts.end());
        qkv = random.Values<T>(M * stride);
        dout = random.Values<T>(M * options.H * options.D);
    }
    Heads<const T> q() const { return {qkv.data(), stride}; }
    Heads<const T> k() const { return {qkv.data() + options.H * options.D, stride}; }
    Heads<const T> v() const { return {qkv.data() + (options.H + options.KV) * options.D, stride}; }
    int64_t out_stride() const { return options.H * options.D; }
    std::string Name() const {
        return fmt::format("M={} H={} KV={} D={} window={} cap={} stride={} starts={}", M,
                           options.H, options.KV, options.D, options.window, options.soft_cap,
                           stride, fmt::join(starts, ","));
    }
};

// One key head of a document, whose keys are cut into pieces of 128.
template <typename T>
void RunBackward(const AttentionFunctions<T>& functions, const AttentionOptions& options,
                 const AttentionSegment<T>& whole, const AttentionGradients<T>& gradients,
                 int64_t kv_head, Heads<T> dq) {
    const int64_t group = options.H / options.KV, length = whole.num_queries, D = options.D;
    std::vector<float> sums(group * length * D);
    const auto from = [](auto heads, int64_t row) {
        return decltype(heads){heads.data + row * heads.stride, heads.stride};
    };
    for (int64_t first = 0; first < length; first += 128) {
        AttentionSegment<T> piece = whole;
        piece.q = from(whole.q, first), piece.k = from(whole.k, first);
        piece.v = from(whole.v, first), piece.out = from(whole.out, first);
        piece.lse += first;
        piece.num_queries = length - first;
        piece.num_keys = std::min<int64_t>(128, length - first);
        const AttentionGradients<T> here{from(gradients.dout, first), from(gradients.dk, first),
                                         from(gradients.dv, first)};
        const QueryGradient head(options, piece.num_queries);
        Buffer share(static_cast<size_t>(group * head.floats()) * sizeof(float));
        Buffer scratch(static_cast<size_t>(
            functions.backward_scratch(options, piece.num_queries, piece.num_keys)));
        functions.backward(options, piece, here, kv_head, share.as<float>(), scratch.data());
        for (int64_t h = 0; h < group; ++h)
            for (int64_t i = first; i < length; ++i)
                for (int64_t d = 0; d < D; ++d)
                    sums[(h * length + i) * D + d] +=
                        share.as<float>()[h * head.floats() + (i - first) * head.width + d];
    }
    for (int64_t h = 0; h < group; ++h)
        for (int64_t i = 0; i < length; ++i)
            for (int64_t d = 0; d < D; ++d)
                dq.data[i * dq.stride + (kv_head * group + h) * D + d] =
                    FromFloat<T>(sums[(h * length + i) * D + d]);
}

// Runs one implementation over whole documents, in pieces of 100 queries as the dispatcher would.
template <typename T>
void RunKernel(const AttentionFunctions<T>& functions, const Batch<T>& batch, T* out, float* lse,
               T* dqkv, const T* out_for_backward, const float* lse_for_backward) {
    const AttentionOptions& options = batch.options;
    for (size_t i = 0; i + 1 < batch.starts.size(); ++i) {
        const int64_t first = batch.starts[i], length = batch.starts[i + 1] - first;
        if (length == 0) continue;
        const auto at = [&](auto heads) {
            return decltype(heads){heads.data + first * heads.stride, heads.stride};
        };
        AttentionSegment<T> segment{at(batch.q()), at(batch.k()), at(batch.v()), {},
                                    lse + first,   batch.M,       length,        length};
        segment.out = at(Heads<T>{out, batch.out_stride()});
        for (int64_t head = 0; head < options.KV; ++head) {
            for (int64_t query = 0; query < length; query += 100) {
                const int64_t count = std::min<int64_t>(100, length - query);
                std::vector<double> scratch(
                    (functions.forward_scratch(options, length, count) + 64) / 8 + 1);
                void* aligned = reinterpret_cast<void*>(
                    (reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 * 64);
                functions.forward(options, segment, head, query, count, aligned);
            }
            const auto dq = at(Heads<T>{dqkv, batch.stride});
            const AttentionGradients<T> gradients{
                at(Heads<const T>{batch.dout.data(), batch.out_stride()}),
                {dq.data + options.H * options.D, batch.stride},
                {dq.data + (options.H + options.KV) * options.D, batch.stride}};
            segment.out = at(Heads<T>{const_cast<T*>(out_for_backward), batch.out_stride()});
            segment.lse = const_cast<float*>(lse_for_backward) + first;
            RunBackward(functions, options, segment, gradients, head, dq);
            segment.out = at(Heads<T>{out, batch.out_stride()});
            segment.lse = lse + first;
        }
    }
}

template <typename T>
class AttentionTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(AttentionTest, Types);

TYPED_TEST(AttentionTest, EveryKernelEqualsTheReference) {
    using T = TypeParam;
    const auto kernels =
        testkit::Runnable(AttentionKernels<T>(), {.H = 1, .KV = 1, .D = 64, .scale = 1});
    for (const uint64_t seed : TestSeeds(30)) {
        Random random(seed);
        AttentionOptions options;
        options.KV = random.Between(1, 2);
        options.H = options.KV * random.Between(1, 3);
        options.D = seed % 3 == 0 ? 64 : 8 * random.Between(1, 18);
        options.scale = 1.3f / std::sqrt(static_cast<float>(options.D));
        options.window = seed % 4 == 1 ? random.Between(1, 150) : 0;
        options.soft_cap = seed % 5 == 2 ? 2.5f : 0.0f;
        const Batch<T> batch(random, options, random.Size(seed % 2 == 0 ? 300 : 60, 64),
                             random.Between(1, 4));
        SCOPED_TRACE(fmt::format("seed={} {}", seed, batch.Name()));
        const int64_t out_size = batch.M * batch.out_stride(), qkv_size = batch.M * batch.stride;
        std::vector<T> out(out_size), dqkv(qkv_size);
        std::vector<float> lse(options.H * batch.M);
        RunKernel(AttentionReference<T>(), batch, out.data(), lse.data(), dqkv.data(), out.data(),
                  lse.data());
        for (const auto& kernel : kernels) {
            if (kernel.name == "reference" || !kernel.declines(options).empty()) continue;
            SCOPED_TRACE(kernel.name);
            Guarded<T> got_out(out_size), got_dqkv(qkv_size);
            Guarded<float> got_lse(options.H * batch.M);
            RunKernel(kernel.functions, batch, got_out.data(), got_lse.data(), got_dqkv.data(),
                      out.data(), lse.data());
            const bool rounds = kernel.name == "avx512_bf16";  // probabilities, to bf16
            const float relative = rounds ? 0.01f : 2 * testkit::kRounding<T> + 1e-5f;
            ExpectClose(got_lse, lse, 1e-5f, 1e-5f, "lse");
            ExpectClose(got_out, out, relative, rounds ? 0.012f : 1e-5f, "out");
            ExpectClose(got_dqkv, dqkv, relative, rounds ? 0.04f : 5e-5f, "dqkv");
        }
    }
}

// A known sum: with one key, out is its value; with equal scores, the mean of the values.
TEST(Attention, KnownValues) {
    const Context context(1);
    const AttentionOptions options{.H = 1, .KV = 1, .D = 8, .scale = 1};
    std::vector<float> q(3 * 8), k(3 * 8, 1.0f), v(3 * 8), out(3 * 8), lse(3);
    for (int i = 0; i < 24; ++i) v[i] = static_cast<float>(i / 8 * 3);  // 0, 3, 6
    const std::vector<int32_t> starts = {0, 3};
    AttentionForward<float>(context, options, 3, {q.data(), 8}, {k.data(), 8}, {v.data(), 8},
                            starts, {out.data(), 8}, lse.data());
    for (int i = 0; i < 8; ++i) {
        EXPECT_FLOAT_EQ(out[i], 0);
        EXPECT_FLOAT_EQ(out[8 + i], 1.5);
        EXPECT_FLOAT_EQ(out[16 + i], 3);
    }
    EXPECT_FLOAT_EQ(lse[2], std::log(3.0f));
}

TEST(Attention, BackwardIsTheSlopeOfForward) {
    const Context context(2);
    for (const uint64_t seed : TestSeeds(4)) {
        Random random(seed);
        AttentionOptions options{.H = 4, .KV = 2, .D = 8, .scale = 0.5f};
        options.window = seed == 1 ? 3 : 0;
        options.soft_cap = seed == 2 ? 1.5f : 0;
        Batch<float> batch(random, options, 11, 2);
        SCOPED_TRACE(batch.Name());
        std::vector<float> out(11 * 32), lse(4 * 11), dqkv(11 * batch.stride);
        const auto loss = [&] {
            AttentionForward<float>(context, options, batch.M, batch.q(), batch.k(), batch.v(),
                                    batch.starts, {out.data(), 32}, lse.data());
            double sum = 0;
            for (size_t i = 0; i < out.size(); ++i)
                sum += static_cast<double>(out[i]) * batch.dout[i];
            return sum;
        };
        loss();
        AttentionBackward<float>(
            context, options, batch.M, batch.q(), batch.k(), batch.v(), batch.starts,
            {out.data(), 32}, lse.data(), {batch.dout.data(), 32}, {dqkv.data(), batch.stride},
            {dqkv.data() + 32, batch.stride}, {dqkv.data() + 48, batch.stride});
        for (int64_t r = 0; r < batch.M; ++r)
            for (int64_t c = 0; c < 64; ++c)
                EXPECT_NEAR(
                    testkit::FiniteDifference(&batch.qkv[r * batch.stride + c], 1e-2f, loss),
                    dqkv[r * batch.stride + c], 3e-3)
                    << "row " << r << " column " << c;
    }
}

TYPED_TEST(AttentionTest, DocumentsCannotSeeEachOtherAndThreadsChangeNothing) {
    using T = TypeParam;
    Random random(21);
    const AttentionOptions options{.H = 6, .KV = 2, .D = 64, .scale = 0.125f};
    Batch<T> batch(random, options, 700, 1);
    batch.starts = {0, 100, 100, 101, 565, 700};
    const int64_t M = batch.M, width = batch.out_stride();
    std::vector<T> first_out, first_dqkv;
    for (int threads : {1, 2, 3}) {
        const Context context(threads);
        std::vector<T> out(M * width), dqkv(M * batch.stride);
        std::vector<float> lse(options.H * M);
        const auto run = [&](std::span<const int32_t> starts, int64_t row, int64_t rows) {
            const auto at = [&](auto heads) {
                return decltype(heads){heads.data + row * heads.stride, heads.stride};
            };
            const auto dq = at(Heads<T>{dqkv.data(), batch.stride});
            const auto rows_out = at(Heads<T>{out.data(), width});
            AttentionForward<T>(context, options, rows, at(batch.q()), at(batch.k()), at(batch.v()),
                                starts, rows_out, lse.data());
            AttentionBackward<T>(context, options, rows, at(batch.q()), at(batch.k()),
                                 at(batch.v()), starts, {rows_out.data, width}, lse.data(),
                                 at(Heads<const T>{batch.dout.data(), width}), dq,
                                 {dq.data + options.H * options.D, batch.stride},
                                 {dq.data + (options.H + options.KV) * options.D, batch.stride});
        };
        run(batch.starts, 0, M);
        if (first_out.empty()) first_out = out, first_dqkv = dqkv;
        ExpectSameBits(out, first_out, "out");
        ExpectSameBits(dqkv, first_dqkv, "dqkv");
        // Each document alone gives the same bits.
        for (size_t i = 0; i + 1 < batch.starts.size(); ++i) {
            const int32_t length = batch.starts[i + 1] - batch.starts[i];
            const int32_t alone[] = {0, length};
            if (length > 0) run(alone, batch.starts[i], length);
        }
        ExpectSameBits(out, first_out, "out of documents alone");
        ExpectSameBits(dqkv, first_dqkv, "dqkv of documents alone");
    }
}

// Documents whose keys are cut into pieces by the dispatcher, against the reference.
TEST(Attention, LongDocuments) {
    for (int64_t window : {0, 700}) {
        Random random(31);
        const AttentionOptions options{.H = 2, .KV = 1, .D = 8, .scale = 0.3f, .window = window};
        Batch<float> batch(random, options, 4200, 1);
        batch.starts = {0, 2100, 4200};
        const int64_t width = batch.out_stride();
        std::vector<float> out(batch.M * width), lse(options.H * batch.M),
            dqkv(batch.M * batch.stride);
        RunKernel(AttentionReference<float>(), batch, out.data(), lse.data(), dqkv.data(),
                  out.data(), lse.data());
        std::vector<float> first;
        for (int threads : {1, 3}) {
            Guarded<float> got(batch.M * batch.stride);
            AttentionBackward<float>(Context(threads), options, batch.M, batch.q(), batch.k(),
                                     batch.v(), batch.starts, {out.data(), width}, lse.data(),
                                     {batch.dout.data(), width}, {got.data(), batch.stride},
                                     {got.data() + 16, batch.stride},
                                     {got.data() + 24, batch.stride});
            ExpectClose(got, dqkv, 1e-4f, 2e-4f, "dqkv");
            if (first.empty()) first.assign(got.data(), got.data() + got.size());
            ExpectSameBits(got, first, "dqkv");
        }
    }
}

// Rows [first, first + length) of heads of D elements, each head by itself: [heads, capacity, D].
template <typename T>
std::vector<T> CacheOf(Heads<const T> rows, int64_t first, int64_t length, int64_t heads, int64_t D,
                       int64_t capacity) {
    std::vector<T> cache(static_cast<size_t>(heads * capacity * D), FromFloat<T>(NAN));
    for (int64_t head = 0; head < heads; ++head)
        for (int64_t t = 0; t < length; ++t)
            std::copy_n(rows.data + (first + t) * rows.stride + head * D, D,
                        cache.begin() + (head * capacity + t) * D);
    return cache;
}

// Decoding token by token, and in uneven pieces, gives what one pass over the whole gives.
TYPED_TEST(AttentionTest, CachedEqualsForward) {
    using T = TypeParam;
    const Context context(2);
    for (const uint64_t seed : TestSeeds(6)) {
        Random random(seed);
        // One to six heads over a key head, heads of one and of several vectors.
        AttentionOptions options{
            .H = static_cast<int64_t>(2 + 2 * (seed % 6)), .KV = 2, .D = 40, .scale = 0.125f};
        if (seed != 1) options.D = seed == 2 ? 136 : 64;
        options.window = seed % 3 == 1 ? 37 : 0;
        options.soft_cap = seed % 3 == 2 ? 3.0f : 0;
        const int64_t length = random.Between(60, 200);
        const Batch<T> batch(random, options, 2 * length, 1);
        SCOPED_TRACE(fmt::format("seed={} {}", seed, batch.Name()));
        const int64_t width = batch.out_stride();
        std::vector<T> expected(batch.M * width);
        const int32_t starts[] = {0, static_cast<int32_t>(length),
                                  static_cast<int32_t>(2 * length)};
        AttentionForward<T>(context, options, batch.M, batch.q(), batch.k(), batch.v(), starts,
                            {expected.data(), width}, nullptr);
        Guarded<T> out(batch.M * width);
        const int64_t capacity = length + 5;
        std::vector<T> k[2], v[2];
        for (int64_t s : {0, 1}) {
            k[s] = CacheOf(batch.k(), s * length, length, options.KV, options.D, capacity);
            v[s] = CacheOf(batch.v(), s * length, length, options.KV, options.D, capacity);
        }
        int64_t done = 0;
        while (done < length) {  // two sequences side by side, the second's rows after the first's
            const int64_t step = std::min(
                length - done, seed % 2 == 0 ? random.Between(1, 2) : random.Between(1, 90));
            std::vector<CachedSequence<T>> sequences;
            for (int64_t s : {0, 1})
                sequences.push_back({s * length + done, step, done + step, k[s].data(), v[s].data(),
                                     capacity * options.D});
            AttentionCached<T>(context, options, batch.q(), sequences, {out.data(), width});
            done += step;
        }
        ExpectClose(out, expected, sizeof(T) == 2 ? 0.012f : 2e-5f, sizeof(T) == 2 ? 0.012f : 2e-5f,
                    "out");
    }
}

TEST(AttentionDeathTest, DocumentsMustCoverTheTokens) {
    const Context context(1);
    const AttentionOptions options{.H = 1, .KV = 1, .D = 8};
    std::vector<float> x(4 * 8), out(4 * 8);
    const int32_t starts[] = {0, 3};
    EXPECT_DEATH(AttentionForward<float>(context, options, 4, {x.data(), 8}, {x.data(), 8},
                                         {x.data(), 8}, starts, {out.data(), 8}, nullptr),
                 "documents do not cover the 4 tokens");
}

}  // namespace
}  // namespace hone
