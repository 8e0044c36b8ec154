#include "kernels/roofline/roofline.h"

#include <algorithm>
#include <cstring>
#include <dnnl.hpp>
#include <numeric>
#include <unordered_map>

#include "base/clock.h"
#include "kernels/dispatch/simd_level.h"
#include "tensor/buffer.h"

namespace hone {
namespace {

constexpr int kRuns = 6;  // at least; the first warms up
// At least of each product: where other work takes a core now and then, a short one needs many
// tries to run undisturbed.
constexpr double kProductSeconds = 0.1;

using Type = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;

// Seconds of one [m, k] x [k, n] product, the weights in the layout that the library prefers.
double GemmSeconds(dnnl::engine& engine, dnnl::stream& stream, Type type, int64_t m, int64_t k,
                   int64_t n) {
    dnnl::memory::desc a({m, k}, type, Tag::ab), b({k, n}, type, Tag::any),
        c({m, n}, type, Tag::ab);
#if DNNL_VERSION_MAJOR >= 3
    dnnl::matmul::primitive_desc description(engine, a, b, c);
#else
    dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), engine);
#endif
    dnnl::matmul product(description);
    dnnl::memory a_memory(a, engine), b_memory(description.weights_desc(), engine),
        c_memory(c, engine);
    for (dnnl::memory* memory : {&a_memory, &b_memory, &c_memory})
        std::memset(memory->get_data_handle(), 0, memory->get_desc().get_size());
    std::unordered_map<int, dnnl::memory> arguments{
        {DNNL_ARG_SRC, a_memory}, {DNNL_ARG_WEIGHTS, b_memory}, {DNNL_ARG_DST, c_memory}};
    double best = 1e30;
    const double begin = NowSeconds();
    for (int run = 0; run < kRuns || NowSeconds() - begin < kProductSeconds; ++run) {
        const double start = NowSeconds();
        product.execute(stream, arguments);
        stream.wait();
        if (run > 0) best = std::min(best, NowSeconds() - start);
    }
    return best;
}

}  // namespace

absl::StatusOr<Roofline> MeasureRoofline(const RooflineShape& s, bool bf16_products) {
    struct Product {
        int64_t k, n, times;
    };
    const std::vector<Product> products = {
        {s.hidden, s.attention, s.layers},     {s.attention, s.hidden, s.layers},
        {s.hidden, s.key_value, 2 * s.layers}, {s.hidden, s.intermediate, s.mlp_inputs * s.layers},
        {s.intermediate, s.hidden, s.layers},  {s.hidden, s.vocabulary, 1}};
    const Type type = bf16_products && LacksAvx512Bf16().empty() ? Type::bf16 : Type::f32;
    double forward = 0, backward = 0, flop = 0;
    try {
        if (AllowedSimd() == SimdLevel::kAvx2)
            (void)dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2);  // before oneDNN's first product
        dnnl::engine engine(dnnl::engine::kind::cpu, 0);
        dnnl::stream stream(engine);
        for (const Product& product : products) {
            if (product.n * product.times == 0) continue;
            forward +=
                product.times * GemmSeconds(engine, stream, type, s.tokens, product.k, product.n);
            backward +=
                product.times * GemmSeconds(engine, stream, type, s.tokens, product.n, product.k);
            flop += 4.0 * product.times * s.tokens * product.k * product.n;
        }
    } catch (const dnnl::error& error) {
        return OtherError("oneDNN cannot run the roofline's products here: {}", error.what());
    }
    const double tokens = static_cast<double>(s.tokens), layers = static_cast<double>(s.layers);
    const double attention =
        3.5 * 2.0 * layers * tokens * s.row_length * s.attention;  // causal halves two products
    const double widths = 2.0 * (s.hidden + s.attention) + 2.0 * (s.hidden + s.key_value) +
                          (1.0 + s.mlp_inputs) * (s.hidden + s.intermediate);
    const double adapters = 3.0 * 2.0 * layers * tokens * s.rank * widths;
    const double seconds = forward + backward;
    return Roofline{
        .gemm_gflops = flop / seconds / 1e9,
        .roofline_tokens_per_second = tokens / seconds,
        .limit_tokens_per_second = tokens / (seconds * (flop + attention + adapters) / flop),
        .forward_tokens_per_second = tokens / forward};
}

double MeasureReadBandwidth(const Context& context) {
    constexpr size_t kBytes = size_t{256} << 20, kPiece = size_t{1} << 20;
    constexpr size_t kLanes = 16;  // enough independent sums that the loads set the pace
    Buffer buffer(kBytes);
    std::memset(buffer.data(), 1, kBytes);
    constexpr int64_t kPieces = kBytes / kPiece;
    std::vector<uint64_t> sums(static_cast<size_t>(kPieces));
    double best = 1e30;
    for (int run = 0; run < kRuns; ++run) {
        const double start = NowSeconds();
        context.ParallelFor(kPieces, [&](int64_t piece, int) {
            constexpr size_t kWords = kPiece / sizeof(uint64_t);
            const uint64_t* words = buffer.as<uint64_t>() + piece * int64_t{kWords};
            uint64_t lanes[kLanes] = {};
            for (size_t i = 0; i < kWords; i += kLanes)
                for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += words[i + lane];
            sums[piece] = std::accumulate(lanes, lanes + kLanes, uint64_t{0});
        });
        if (run > 0) best = std::min(best, NowSeconds() - start);
    }
    // Also so that no compiler leaves the sums out.
    HONE_CHECK(std::accumulate(sums.begin(), sums.end(), uint64_t{0}) ==
               kBytes / sizeof(uint64_t) * 0x0101010101010101u);
    return static_cast<double>(kBytes) / best;
}

}  // namespace hone
