// First all columns of the B's are packed, each B once however many gradients share it. Then a task
// computes some rows of one C. It packs its columns of A, which stay in the second-level cache
// beside one panel of B at a time, and touches a tile of C once for kGradTokens tokens. A gradient
// that is thin on one side is computed in another way (thin_grad.h).
#include "kernels/grad_gemm/grad_gemm.h"

#include <algorithm>
#include <vector>

#include "kernels/gemm/tile.h"
#include "kernels/grad_gemm/thin_grad.h"
#include "kernels/packing/packing.h"
#include "tensor/partition.h"

namespace hone {
namespace {

// Together a fifth of a megabyte in bf16.
constexpr int64_t kGradTokens = 1024;
constexpr int64_t kGradRows = 96;
// Panels of a task. Few rows (adapters' gradients) are packed quickly. Then a task has fewer
// panels, so that there are enough tasks for all threads.
constexpr int64_t kGradPanels = 12, kFewRows = 32, kFewRowsPanels = 3;
// Tokens that are packed in one go.
constexpr int64_t kPackTokens = 256;

int64_t Even(int64_t n) { return (n + 1) / 2 * 2; }
int Stored(int64_t columns) { return static_cast<int>((columns + 15) / 16 * 16); }

// One B, and where it is packed: panels of `tokens` rows, all but the last of 64 columns.
template <typename T>
struct PackedB {
    const T* b;
    int64_t b_stride, n, offset;

    int64_t panels() const { return CeilDivide(n, kPanelColumns); }
    int width(int64_t panel) const {
        return static_cast<int>(std::min<int64_t>(kPanelColumns, n - panel * kPanelColumns));
    }
};

template <typename T>
class GradProducts {
  public:
    GradProducts(const Context& context, std::span<const GradGemmArgs<T>> gradients)
        : context_(context), gradients_(gradients) {
        for (const GradGemmArgs<T>& args : gradients) {
            const auto same = [&](const PackedB<T>& other) {
                return other.b == args.b && other.b_stride == args.b_stride && other.n == args.n;
            };
            const auto found = std::find_if(bs_.begin(), bs_.end(), same);
            of_gradient_.push_back(static_cast<size_t>(found - bs_.begin()));
            if (found != bs_.end()) continue;
            bs_.push_back({args.b, args.b_stride, args.n, stored_});
            stored_ += (bs_.back().panels() - 1) * kPanelColumns +
                       Stored(bs_.back().width(bs_.back().panels() - 1));
        }
    }

    // C's (=, +=) of tokens [first, first + tokens).
    void Run(int64_t first, int64_t tokens, bool add) {
        first_ = first;
        tokens_ = tokens;
        rows_ = Even(tokens);
        // Thread 0's scratch holds what all share; behind it, as in the other threads' own, the
        // columns of A that a task packs.
        packed_ = static_cast<T*>(
            context_.Scratch(0, static_cast<size_t>(rows_ * (stored_ + kGradRows)) * sizeof(T)));
        PackAll();
        int64_t tasks = 0;
        for (const GradGemmArgs<T>& args : gradients_) tasks += NumTasks(args);
        context_.ParallelFor(tasks, [&](int64_t task, int thread) {
            size_t index = 0;
            for (; task >= NumTasks(gradients_[index]); ++index)
                task -= NumTasks(gradients_[index]);
            RunTask(gradients_[index], bs_[of_gradient_[index]], task, thread, add);
        });
    }

  private:
    static int64_t PanelGroups(const GradGemmArgs<T>& args) {
        return CeilDivide(CeilDivide(args.n, kPanelColumns),
                          args.m <= kFewRows ? kFewRowsPanels : kGradPanels);
    }
    static int64_t NumTasks(const GradGemmArgs<T>& args) {
        return CeilDivide(args.m, kGradRows) * PanelGroups(args);
    }
    T* Panel(const PackedB<T>& b, int64_t panel) const {
        return packed_ + (b.offset + panel * kPanelColumns) * rows_;
    }

    void PackAll() {
        const PackFunctions<T>& pack = PackKernels<T>().Choose({});
        const int64_t pieces = CeilDivide(tokens_, kPackTokens);
        int64_t panels = 0;
        for (const PackedB<T>& b : bs_) panels += b.panels();
        context_.ParallelFor(panels * pieces, [&](int64_t task, int) {
            const int64_t token = task % pieces * kPackTokens;
            int64_t panel = task / pieces;
            const PackedB<T>* b = bs_.data();
            for (; panel >= b->panels(); ++b) panel -= b->panels();
            const int width = b->width(panel), stored = Stored(width);
            pack.rows(b->b + (first_ + token) * b->b_stride + panel * kPanelColumns, b->b_stride,
                      std::min(kPackTokens, tokens_ - token), width, stored,
                      Panel(*b, panel) + token * stored);
        });
    }

    void RunTask(const GradGemmArgs<T>& args, const PackedB<T>& b, int64_t task, int thread,
                 bool add) const {
        T* a = thread == 0 ? packed_ + rows_ * stored_
                           : static_cast<T*>(context_.Scratch(
                                 thread, static_cast<size_t>(rows_ * kGradRows) * sizeof(T)));
        const int64_t groups = PanelGroups(args), group = task % groups;
        const int64_t row = task / groups * kGradRows, rows = std::min(kGradRows, args.m - row);
        pack_a_(args.a + first_ * args.a_stride + row, args.a_stride, tokens_,
                static_cast<int>(rows), static_cast<int>(Stored(rows)), a);
        const int64_t end = (group + 1) * b.panels() / groups;
        for (int64_t panel = group * b.panels() / groups; panel < end; panel += path_.beside)
            RunPanels(args, b, panel, std::min<int64_t>(path_.beside, end - panel), a, row, rows,
                      add ? GemmOutput::kAddF32 : args.output);
    }

    // C's rows [row, row + rows), whose A^T is packed at `a`, of `count` panels side by side.
    void RunPanels(const GradGemmArgs<T>& args, const PackedB<T>& b, int64_t panel, int64_t count,
                   const T* a, int64_t row, int64_t rows, GemmOutput output) const {
        TileArgs<T> tiles[kMaxTilesBeside];
        for (int64_t i = 0; i < count; ++i) {
            tiles[i].a_stored = Stored(rows);
            tiles[i].k = sizeof(T) == 2 ? rows_ : tokens_;
            tiles[i].scale = args.scale;
            tiles[i].c_stride = args.c_stride;
            tiles[i].output = output;
            tiles[i].width = b.width(panel + i);
            tiles[i].stored = Stored(tiles[i].width);
            tiles[i].b = Panel(b, panel + i);
        }
        const int step = path_.MostRows(tiles[0].stored);
        for (int64_t r = 0; r < rows; r += step) {
            for (int64_t i = 0; i < count; ++i) {
                tiles[i].rows = static_cast<int>(std::min<int64_t>(step, rows - r));
                tiles[i].a = a + r * kPair;
                tiles[i].c = args.c + (row + r) * args.c_stride + (panel + i) * kPanelColumns;
            }
            path_.run({tiles, static_cast<size_t>(count)});
        }
    }

    static constexpr int64_t kPair = sizeof(T) == 2 ? 2 : 1;
    const Context& context_;
    std::span<const GradGemmArgs<T>> gradients_;
    const TileFunctions<T>& path_ = GemmKernels<T>().Choose({});
    decltype(PackFunctions<T>::rows) pack_a_ = PackKernels<T>().Choose({}).rows;
    std::vector<PackedB<T>> bs_;
    std::vector<size_t> of_gradient_;  // which of bs_
    int64_t stored_ = 0;               // columns of all bs_
    int64_t first_ = 0, tokens_ = 0, rows_ = 0;
    T* packed_ = nullptr;
};

// One that is thin on a side: C is the sums of L^T X (thin_grad.h), or their transpose where B is
// the thin side.
template <typename T>
class ThinProduct {
  public:
    // left_offset: of its packed L, in elements of a token.
    ThinProduct(const GradGemmArgs<T>& args, int64_t left_offset)
        : left_offset(left_offset),
          a_{args.a, args.a_stride, args.m},
          b_{args.b, args.b_stride, args.n},
          transposed_(args.n < args.m),
          args_(args) {}
    static bool Is(const GradGemmArgs<T>& args) { return std::min(args.m, args.n) <= kMostThin; }

    int64_t thin() const { return left().columns; }
    int64_t tasks() const { return CeilDivide(x().columns, kThinColumns); }

    void PackLeft(int64_t first, int64_t tokens, T* packed) const {
        PackKernels<T>().Choose({}).rows(left().data + first * left().stride, left().stride, tokens,
                                         static_cast<int>(thin()), Stored(thin()), packed);
    }

    // C (=, +=) of the columns of one task.
    void Run(const ThinGradFunctions<T>& path, int64_t task, int64_t first, int64_t tokens,
             bool add, const T* packed) const {
        alignas(64) float sums[kMostThin * kThinColumns];
        const int64_t begin = task * kThinColumns,
                      count = std::min(kThinColumns, x().columns - begin);
        path.run({.tokens = tokens,
                  .left = packed,
                  .thin = thin(),
                  .stored = Stored(thin()),
                  .x = x().data + first * x().stride + begin,
                  .x_stride = x().stride,
                  .columns = count,
                  .sums = sums});
        const bool adds = add || args_.output == GemmOutput::kAddF32;
        const int64_t thin_step = transposed_ ? 1 : args_.c_stride,
                      x_step = transposed_ ? args_.c_stride : 1;
        for (int64_t row = 0; row < thin(); ++row) {
            const float* from = sums + row * kThinColumns;
            float* to = args_.c + row * thin_step + begin * x_step;
            for (int64_t i = 0; i < count; ++i)
                to[i * x_step] = (adds ? to[i * x_step] : 0.0f) + from[i] * args_.scale;
        }
    }

    const int64_t left_offset;

  private:
    struct Side {
        const T* data;
        int64_t stride, columns;
    };
    const Side& left() const { return transposed_ ? b_ : a_; }
    const Side& x() const { return transposed_ ? a_ : b_; }
    Side a_, b_;
    bool transposed_;
    const GradGemmArgs<T>& args_;
};

template <typename T>
class ThinProducts {
  public:
    void Add(const GradGemmArgs<T>& args) {
        products_.emplace_back(args, stored_);
        stored_ += Stored(products_.back().thin());
    }
    bool empty() const { return products_.empty(); }

    void Run(const Context& context, int64_t first, int64_t tokens, bool add) const {
        const ThinGradFunctions<T>& path = ThinGradKernels<T>().Choose({});
        const int64_t rows = Even(tokens);
        T* lefts =
            static_cast<T*>(context.Scratch(0, static_cast<size_t>(rows * stored_) * sizeof(T)));
        context.ParallelFor(static_cast<int64_t>(products_.size()), [&](int64_t i, int) {
            products_[i].PackLeft(first, tokens, lefts + products_[i].left_offset * rows);
        });
        int64_t tasks = 0;
        for (const ThinProduct<T>& product : products_) tasks += product.tasks();
        context.ParallelFor(tasks, [&](int64_t task, int) {
            const ThinProduct<T>* product = products_.data();
            for (; task >= product->tasks(); ++product) task -= product->tasks();
            product->Run(path, task, first, tokens, add, lefts + product->left_offset * rows);
        });
    }

  private:
    std::vector<ThinProduct<T>> products_;
    int64_t stored_ = 0;  // columns of all L's
};

}  // namespace

template <typename T>
void GradGemm(const Context& context, int64_t tokens, std::span<const GradGemmArgs<T>> gradients) {
    HONE_CHECK(tokens > 0);
    const bool thin_pays = ThinGradKernels<T>().Choose({}).pays;
    ThinProducts<T> thin;
    std::vector<GradGemmArgs<T>> others;
    for (const GradGemmArgs<T>& args : gradients) {
        if (thin_pays && ThinProduct<T>::Is(args)) {
            thin.Add(args);
        } else {
            others.push_back(args);
        }
    }
    GradProducts<T> products(context, others);
    for (int64_t first = 0; first < tokens; first += kGradTokens) {
        const int64_t count = std::min(kGradTokens, tokens - first);
        if (!thin.empty()) thin.Run(context, first, count, first > 0);
        if (!others.empty()) products.Run(first, count, first > 0);
    }
}

template void GradGemm(const Context&, int64_t, std::span<const GradGemmArgs<float>>);
template void GradGemm(const Context&, int64_t, std::span<const GradGemmArgs<bf16>>);

}  // namespace hone
