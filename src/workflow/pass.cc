#include "workflow/pass.h"

#include <array>

#include "workflow/lora_pass.h"

namespace hone {

std::span<const PassKind* const> PassKinds() {
    static const LoraPassKind lora("LoRA", "lora",
                                   "trains an adapter beside the frozen model (arXiv:2106.09685)");
    static const LoraPassKind qlora("QLoRA", "qlora",
                                    "the same over a base in 4 bits (arXiv:2305.14314)");
    static const LoraPassKind ia3("IA3", "ia3",
                                  "trains a vector a layer of the frozen model (arXiv:2205.05638)");
    static const LoraPassKind prompt(
        "PromptTuning", "prompt",
        "trains the embeddings of a few tokens ahead of every text (arXiv:2104.08691)");
    static const LoraPassKind prefix(
        "PrefixTuning", "prefix", "trains their keys and values in every layer (arXiv:2101.00190)");
    static const LoraPassKind adapter(
        "Adapter", "adapter",
        "trains bottleneck adapters behind the layers of the frozen model (arXiv:1902.00751)");
    static const std::array<const PassKind*, 6> kinds = {&lora,   &qlora,  &ia3,
                                                         &prompt, &prefix, &adapter};
    return kinds;
}

std::string DescribePassKinds() {
    std::string text;
    for (const PassKind* kind : PassKinds()) {
        text += fmt::format("{}: {}\n", kind->type(), kind->help());
        std::string_view group;
        for (const OptionRow* row : kind->options()) {
            if (row->group != group) text += fmt::format("  {}\n", row->group);
            group = row->group;
            const std::string usual = WithoutDashes(DefaultText(*row));
            text += fmt::format("    {} {}{}\n        {}\n", row->name, ValueName(*row),
                                usual.empty() ? "" : fmt::format(" [{}]", usual),
                                WithoutDashes(row->help));
        }
    }
    return text;
}

}  // namespace hone
