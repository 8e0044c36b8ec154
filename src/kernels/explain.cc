// The one place that knows all ops: what their implementations say about this machine.
#include <algorithm>
#include <cstdlib>

#include "kernels/activation/activation.h"
#include "kernels/adamw/adamw.h"
#include "kernels/attention/attention.h"
#include "kernels/column_scale/column_scale.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/distillation/distillation.h"
#include "kernels/dispatch/dispatch.h"
#include "kernels/dropout/dropout.h"
#include "kernels/embedding/embedding.h"
#include "kernels/gemm/quantized_gemm.h"
#include "kernels/gemm/tile.h"
#include "kernels/gguf_blocks/gguf_blocks.h"
#include "kernels/grad_gemm/thin_grad.h"
#include "kernels/int8/int8_kernels.h"
#include "kernels/layernorm/layernorm.h"
#include "kernels/lion/lion.h"
#include "kernels/nf4/nf4.h"
#include "kernels/packing/packing.h"
#include "kernels/reduce/reduce.h"
#include "kernels/rmsnorm/rmsnorm.h"
#include "kernels/rope/rope.h"

namespace hone {
namespace {

template <typename T>
void AddTyped(std::string type, std::vector<OpInfo>& ops) {
    const AttentionOptions attention{.H = 8, .KV = 2, .D = 64, .scale = 0.125f};
    ops.push_back(GemmKernels<T>().Explain({}, type));
    ops.push_back(PackKernels<T>().Explain({}, type));
    ops.push_back(ThinGradKernels<T>().Explain({}, type));
    ops.push_back(QuantizeRowKernels<T>().Explain({}, type));
    ops.push_back(AttentionKernels<T>().Explain(attention, type + ", heads of 64"));
    ops.push_back(RmsNormKernels<T>().Explain({}, type));
    ops.push_back(LayerNormKernels<T>().Explain({}, type));
    ops.push_back(RopeKernels<T>().Explain({}, type));
    ops.push_back(ActivationKernels<T>().Explain({}, type));
    ops.push_back(EmbeddingKernels<T>().Explain({}, type));
    ops.push_back(DropoutKernels<T>().Explain({}, type));
    ops.push_back(ColumnScaleKernels<T>().Explain({}, type));
    ops.push_back(Nf4Kernels<T>().Explain({}, type));
    ops.push_back(GgufBlockKernels<T>().Explain({}, type));
    ops.push_back(Int8RowKernels<T>().Explain({}, type));
    ops.push_back(Int8TileKernels<T>().Explain({}, type));
}

}  // namespace

std::vector<OpInfo> ListKernels() {
    std::vector<OpInfo> ops;
    AddTyped<bf16>("bf16", ops);
    AddTyped<float>("f32", ops);
    ops.push_back(CrossEntropyKernels().Explain({}, "f32"));
    ops.push_back(DistillationKernels().Explain({}, "f32"));
    ops.push_back(QuantizedGemmKernels().Explain({}, "int8 and int4 weights"));
    ops.push_back(Int8TransposeKernels().Explain({}, "int8 weights of training"));
    ops.push_back(AdamWKernels().Explain({}, "f32"));
    ops.push_back(LionKernels().Explain({}, "f32"));
    ops.push_back(ReduceKernels().Explain({}, "f32"));
    std::stable_sort(ops.begin(), ops.end(),
                     [](const OpInfo& a, const OpInfo& b) { return a.op < b.op; });
    return ops;
}

std::string ExplainKernels() {
    std::string text = fmt::format(
        "highway: compiled for several instruction sets, here it runs in {}\n", SimdName());
    for (const OpInfo& op : ListKernels()) {
        text += fmt::format("{} ({}): {}{}\n", op.op, op.problem, op.chosen,
                            op.forced.empty() ? "" : ", forced by HONE_KERNEL");
        for (const KernelInfo& kernel : op.kernels) {
            if (kernel.name == op.chosen) continue;
            text += fmt::format("    {}: {}\n", kernel.name,
                                kernel.declines.empty() ? "could be used" : kernel.declines);
        }
    }
    return text;
}

absl::Status CheckKernelOverride(std::string_view text) {
    HONE_ASSIGN_OR_RETURN(const KernelOverride forced, ParseKernelOverride(text));
    const std::vector<OpInfo> ops = ListKernels();
    for (const auto& [op, name] : forced) {
        bool op_known = false, usable = false;
        std::string names, why;
        for (const OpInfo& info : ops) {  // one entry per element type: one that can is enough
            if (info.op != op) continue;
            op_known = true;
            for (const KernelInfo& kernel : info.kernels) {
                if (names.find(kernel.name) == std::string::npos)
                    names += (names.empty() ? "" : ", ") + kernel.name;
                if (kernel.name != name) continue;
                usable = usable || kernel.declines.empty();
                why = kernel.declines;
            }
        }
        if (!op_known)
            return UsageError(
                "HONE_KERNEL: there is no operation \"{}\" (hone --explain-kernels lists them)",
                op);
        if (!usable && !why.empty())
            return UsageError("HONE_KERNEL: {}:{} cannot be used: {}", op, name, why);
        if (!usable)
            return UsageError("HONE_KERNEL: {} has no implementation \"{}\", it has {}", op, name,
                              names);
    }
    return absl::OkStatus();
}

absl::Status CheckKernelOverride() {
    const char* text = std::getenv("HONE_KERNEL");
    return CheckKernelOverride(text == nullptr ? "" : text);
}

}  // namespace hone
