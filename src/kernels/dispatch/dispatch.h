// Choosing an implementation of an op: an ordered list, best first, the reference last. One that
// cannot do a problem says why; the first that can is used. HONE_KERNEL=op:name[,op:name...] forces
// one.
//
// An op keeps its list in a function (a local static, so that no linker can drop it), and
// explain.cc collects what all of them say.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "kernels/dispatch/simd_level.h"
#include "tensor/dtype.h"

namespace hone {

// What `hone --explain-kernels` prints about one op.
struct KernelInfo {
    std::string name;
    std::string declines;  // why it is not used for the example problem; empty when it can be
};
struct OpInfo {
    std::string op;
    std::string problem;  // the example problem: "bf16" or "bf16 D=64"
    std::vector<KernelInfo> kernels;
    std::string chosen;
    std::string forced;  // what HONE_KERNEL forces; empty: nothing
};

using KernelOverride = std::vector<std::pair<std::string, std::string>>;  // op, name

// Reads "op:name,op:name". A usage error names the part that is not of that form.
absl::StatusOr<KernelOverride> ParseKernelOverride(std::string_view text);

// The name that HONE_KERNEL gives for `op`, or an empty string. The variable is read once per
// process; one that does not parse forces nothing (CheckKernelOverride reports it).
std::string_view ForcedKernel(std::string_view op);

[[noreturn]] void ForcedKernelFailed(std::string_view op, std::string_view name,
                                     std::string_view why);

// One implementation. `functions` is a struct of function pointers, one per entry point of the op.
template <typename Problem, typename Functions>
struct Kernel {
    std::string_view name;
    std::string (*declines)(
        const Problem&);  // why it cannot do this problem here; empty when it can
    Functions functions;
};

template <typename Problem>
std::string NeverDeclines(const Problem&) {
    return {};
}
template <typename Problem>
std::string NeedsSimd(const Problem&) {
    return LacksSimd();
}

template <typename Problem, typename Functions>
class KernelList {
  public:
    using Entry = Kernel<Problem, Functions>;

    KernelList(std::string_view op, std::vector<Entry> kernels)
        : op_(op), kernels_(std::move(kernels)) {
        HONE_CHECK(!kernels_.empty() && kernels_.back().name == "reference");
    }

    // The functions for `problem`. A forced kernel that is unknown or declines ends the process
    // with the reason.
    const Functions& Choose(const Problem& problem) const {
        return ChooseKernel(problem).functions;
    }

    const Entry& ChooseKernel(const Problem& problem) const {
        if (std::string_view forced = ForcedKernel(op_); !forced.empty()) {
            for (const Entry& kernel : kernels_) {
                if (kernel.name != forced) continue;
                std::string why = kernel.declines(problem);
                if (!why.empty()) ForcedKernelFailed(op_, forced, why);
                return kernel;
            }
            ForcedKernelFailed(op_, forced, "there is no such implementation");
        }
        for (const Entry& kernel : kernels_)
            if (kernel.declines(problem).empty()) return kernel;
        return kernels_.back();
    }

    OpInfo Explain(const Problem& example, std::string description) const {
        OpInfo info{
            std::string(op_), std::move(description), {}, {}, std::string(ForcedKernel(op_))};
        for (const Entry& kernel : kernels_) {
            info.kernels.push_back({std::string(kernel.name), kernel.declines(example)});
            if (info.chosen.empty() && info.kernels.back().declines.empty())
                info.chosen = kernel.name;
        }
        for (const KernelInfo& kernel : info.kernels)
            if (kernel.name == info.forced && kernel.declines.empty()) info.chosen = info.forced;
        return info;
    }

    std::string_view op() const { return op_; }
    const std::vector<Entry>& kernels() const { return kernels_; }
    const Functions& reference() const { return kernels_.back().functions; }

  private:
    std::string_view op_;
    std::vector<Entry> kernels_;
};

// What every op says about its implementations, for each element type and an example problem.
std::vector<OpInfo> ListKernels();

// The same as a table, for `hone --explain-kernels`.
std::string ExplainKernels();

// A usage error when HONE_KERNEL does not parse, or names an op or an implementation that does not
// exist or that cannot run on this machine. Call once, before work starts.
absl::Status CheckKernelOverride();

// The same for a given value of the variable.
absl::Status CheckKernelOverride(std::string_view text);

// The problem of an op whose implementations look at nothing but the machine.
struct AnyProblem {};

}  // namespace hone
