// Quantized tiles for AVX512-VNNI (Cascade Lake, Zen 4 and later).
//
// A tile is R rows by V vectors of 16 columns. One instruction multiplies four rows of K of 16
// columns with four numbers of A and adds them; the codes of B are its unsigned side. One row reads
// the weights as fast as memory delivers them; several rows share what was read and unpacked. A
// panel is worked through group by group, all columns of a group before the next one. So it is read
// once, in its order, and what comes next can be prefetched. Sums that do not fit the registers
// wait in C, in the first-level cache.
#include "kernels/gemm/quantized_gemm.h"
#include "kernels/gemm/quantized_panel.h"
#include "kernels/gemm/quantized_prefetch.h"
#include "kernels/simd/avx512_target.h"

#if defined(__x86_64__)

#include <cstring>
#include <utility>

HONE_PUSH_TARGET("avx512f,avx512bw,avx512vl,avx512vnni,fma")
namespace hone::avx512 {
namespace {

// Masked with ones: GCC 12 warns of an uninitialized register in the forms without a mask.
constexpr __mmask16 kAll = 0xffff;

inline __m512 LoadHalf(const uint8_t* from) {
    return _mm512_maskz_cvtph_ps(kAll, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

inline __m512i Four(const int8_t* codes) {
    int32_t four;
    std::memcpy(&four, codes, 4);
    return _mm512_set1_epi32(four);
}

// Of a group of so many rows along K.
template <WeightStorage S>
constexpr int Steps(int64_t rows) {
    return static_cast<int>(CeilDivide(rows, QuantRowsOfK(S)));
}

// The exact sums of one group: dot [R][V] = codes of A times codes of B.
template <WeightStorage S, int R, int V>
inline __attribute__((always_inline)) void Dot(__m512i (&dot)[R][V], const int8_t* a,
                                               int64_t a_stride, const uint8_t* b, int64_t b_stride,
                                               int steps) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) dot[r][v] = _mm512_setzero_si512();
    constexpr int64_t kRowsOfK = QuantRowsOfK(S);
    const __m512i low = _mm512_set1_epi8(15);
#pragma GCC unroll 8
    for (int i = 0; i < steps; ++i) {
        __m512i first[V], second[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
            first[v] = _mm512_loadu_si512(b + i * b_stride + v * 64);
            if (S == WeightStorage::kInt8) continue;
            second[v] = _mm512_and_si512(_mm512_srli_epi16(first[v], 4), low);
            first[v] = _mm512_and_si512(first[v], low);
        }
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const int8_t* codes = a + r * a_stride + i * kRowsOfK;
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v)
                dot[r][v] = _mm512_dpbusd_epi32(dot[r][v], first[v], Four(codes));
            if (S == WeightStorage::kInt8) continue;
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v)
                dot[r][v] = _mm512_dpbusd_epi32(dot[r][v], second[v], Four(codes + 4));
        }
    }
}

// Calls add(r, v, factor, part) for the sums of columns [column, column + 16 V): each += factor *
// part of group g.
template <WeightStorage S, int R, int V, typename AddPart>
inline __attribute__((always_inline)) void AddGroup(const QuantizedTileArgs& t, int64_t g,
                                                    int steps, int column, const AddPart& add) {
    const uint8_t* group = t.panel + g * t.stored * QuantGroupBytes(S);
    __m512i dot[R][V];
    Dot<S, R, V>(dot, t.codes + g * kQuantGroup, t.groups * kQuantGroup,
                 group + t.stored * QuantHeadBytes(S) + column * 4, t.stored * 4, steps);
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
        const uint8_t* at = group + (column + v * 16) * 2;
        const __m512 scale = LoadHalf(at);
        __m512 minimum;
        if (S == WeightStorage::kInt4) minimum = LoadHalf(at + t.stored * 2);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const int64_t row = r * t.groups + g;
            const __m512 sum = _mm512_set1_ps(t.sums[row]),
                         whole = _mm512_maskz_cvtepi32_ps(kAll, dot[r][v]);
            const __m512 part =
                S == WeightStorage::kInt4
                    ? _mm512_fmadd_ps(scale, whole, _mm512_mul_ps(minimum, sum))
                    : _mm512_mul_ps(scale, _mm512_fnmadd_ps(_mm512_set1_ps(128), sum, whole));
            add(r, v, _mm512_set1_ps(t.scales[row]), part);
        }
    }
}

// Calls body(g, steps) for each group. Only the last one's steps are not known to the compiler.
template <WeightStorage S, typename Body>
inline __attribute__((always_inline)) void ForGroups(const QuantizedTileArgs& t, const Body& body) {
    const int64_t whole = t.k / kQuantGroup;
    for (int64_t g = 0; g < whole; ++g) body(g, Steps<S>(kQuantGroup));
    if (t.k % kQuantGroup > 0) body(whole, Steps<S>(t.k % kQuantGroup));
}

// All columns at once.
template <WeightStorage S, int R, int V>
void InRegisters(const QuantizedTileArgs& t) {
    __m512 acc[R][V];
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) acc[r][v] = _mm512_loadu_ps(t.c + r * kPanelColumns + v * 16);
    TilePrefetch prefetch(t, t.stored * QuantGroupBytes(S), 1);
    ForGroups<S>(
        t, [&](int64_t g, int steps) __attribute__((always_inline)) {
            prefetch.Next();
            AddGroup<S, R, V>(t, g, steps, 0, [&](int r, int v, __m512 factor, __m512 part) {
                acc[r][v] = _mm512_fmadd_ps(factor, part, acc[r][v]);
            });
        });
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) _mm512_storeu_ps(t.c + r * kPanelColumns + v * 16, acc[r][v]);
}

// Two vectors at a time: with the rows' sums of a group, B and its halves within 32 registers.
template <WeightStorage S, int R>
void InMemory(const QuantizedTileArgs& t) {
    TilePrefetch prefetch(t, t.stored * QuantGroupBytes(S), (t.stored + 31) / 32);
    ForGroups<S>(
        t, [&](int64_t g, int steps) __attribute__((always_inline)) {
            int column = 0;
            const auto add = [&](int r, int v, __m512 factor, __m512 part) {
                float* c = t.c + r * kPanelColumns + column + v * 16;
                _mm512_storeu_ps(c, _mm512_fmadd_ps(factor, part, _mm512_loadu_ps(c)));
            };
            for (; column + 32 <= t.stored; column += 32) {
                prefetch.Next();
                AddGroup<S, R, 2>(t, g, steps, column, add);
            }
            if (column < t.stored) {
                prefetch.Next();
                AddGroup<S, R, 1>(t, g, steps, column, add);
            }
        });
}

template <WeightStorage S, int R>
void Rows(const QuantizedTileArgs& t) {
    if constexpr (R > 2) {
        InMemory<S, R>(t);
    } else {
        constexpr void (*kByVectors[])(const QuantizedTileArgs&) = {
            InRegisters<S, R, 1>, InRegisters<S, R, 2>, InRegisters<S, R, 3>, InRegisters<S, R, 4>};
        kByVectors[t.stored / 16 - 1](t);
    }
}

template <WeightStorage S, int... R>
void ByRows(const QuantizedTileArgs& t, std::integer_sequence<int, R...>) {
    static constexpr void (*kTable[])(const QuantizedTileArgs&) = {Rows<S, R + 1>...};
    kTable[t.rows - 1](t);
}

void Run(const QuantizedTileArgs& t) {
    constexpr auto kRows = std::make_integer_sequence<int, kMaxQuantizedRows>();
    t.storage == WeightStorage::kInt4 ? ByRows<WeightStorage::kInt4>(t, kRows)
                                      : ByRows<WeightStorage::kInt8>(t, kRows);
}

}  // namespace

constexpr QuantizedTileFunctions kQuantizedTile = {Run};

}  // namespace hone::avx512
HONE_END_AVX512

// Called on every CPU.
hone::QuantizedTileFunctions hone::Avx512VnniQuantizedTile() { return avx512::kQuantizedTile; }

#endif  // __x86_64__
