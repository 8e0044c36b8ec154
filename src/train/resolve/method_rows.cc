// What is trained: the method, the adapter, how the base is held.
#include <cmath>

#include "base/limits.h"
#include "train/method/method.h"
#include "train/resolve/rows.h"

namespace hone {

std::vector<OptionRow> MethodRows() {
    std::vector<OptionRow> rows = {
        {.name = "lora_r",
         .field = HONE_FIELD(lora.r),
         .help = "rank of the adapter",
         .range = Range{1, kMaxLoraRank}},
        {.name = "lora_alpha",
         .field = HONE_FIELD(lora.lora_alpha),
         .help = "the adapter's output is scaled by lora_alpha / lora_r",
         .range = Range{-kMany, kMany}},
        {.name = "lora_dropout",
         .field = HONE_FIELD(lora.lora_dropout),
         .help = "share of the adapter's inputs that is dropped in training",
         .range = Range{0, std::nextafter(1.0, 0.0)}},
        {.name = "target_modules",
         .field =
             +[](FinetuneOptions& o) {
                 return ModuleNames{o.lora.target_modules, o.lora.target_is_regex};
             },
         .help = "which layers get an adapter: names or suffixes (q_proj,v_proj, with LoRA also "
                 "embed_tokens), all-linear, or a regular expression for the whole name; default: "
                 "PEFT's choice for the family and the method, mostly q_proj,v_proj, and for ia3 "
                 "k_proj,v_proj,down_proj"},
        {.name = "exclude_modules",
         .field =
             +[](FinetuneOptions& o) {
                 return ModuleNames{o.lora.exclude_modules, o.lora.exclude_is_regex};
             },
         .help = "which of those get none, said in the same way"},
        {.name = "layers_to_transform",
         .field = HONE_FIELD(lora.layers_to_transform),
         .help = "with names in --target_modules: the layers that get an adapter, counted from 0; "
                 "default: all"},
        {.name = "layers_pattern",
         .field = HONE_FIELD(lora.layers_pattern),
         .help = "what the list of layers is called in the names of modules, for "
                 "--layers_to_transform; default: layers"},
        {.name = "modules_to_save",
         .field = HONE_FIELD(lora.modules_to_save),
         .help = "modules that are trained in full: lm_head, embed_tokens, ..."},
        {.name = "rank_pattern",
         .field = HONE_FIELD(lora.rank_pattern),
         .help = "other ranks for some layers",
         .value_name = "NAME=R,..."},
        {.name = "alpha_pattern",
         .field = HONE_FIELD(lora.alpha_pattern),
         .help = "other lora_alpha for some layers",
         .value_name = "NAME=A,..."},
        {.name = "use_rslora",
         .field = HONE_FIELD(lora.use_rslora),
         .help = "scales by lora_alpha / sqrt(lora_r) (arXiv:2312.03732)"},
        {.name = "init_lora_weights",
         .field = HONE_FIELD(lora.init_lora_weights),
         .help = "where the adapter starts: true: lora_A at random, lora_B zero; pissa "
                 "(arXiv:2404.02948): from the weights' largest singular values. What is delivered "
                 "then has twice the rank; loftq (arXiv:2310.08659): of what NF4 takes from the "
                 "weights, with --method qlora; it then goes with --weights nf4",
         .choices = {"true", "pissa", "loftq"},
         .may_stand_alone = true},
        {.name = "use_dora",
         .field = HONE_FIELD(lora.use_dora),
         .help = "DoRA (arXiv:2402.09353): the lengths of the weights' rows are trained apart from "
                 "where they point; slower, and often better at low ranks"},
    };
    rows.push_back(
        {.name = "feedforward_modules",
         .field =
             +[](FinetuneOptions& o) {
                 return ModuleNames{o.lora.feedforward_modules, o.lora.feedforward_is_regex};
             },
         .help = "which of --target_modules have a vector at their input, where the "
                 "others have it at their output: names, or a regular expression; "
                 "default: PEFT's choice for the family, mostly down_proj"});
    const std::vector<OptionRow> of_virtual_tokens = {
        {.name = "num_virtual_tokens",
         .field = HONE_FIELD(lora.num_virtual_tokens),
         .help = "how many learned tokens stand ahead of every text",
         .range = Range{1, kMaxVirtualTokens}},
        {.name = "prompt_tuning_init",
         .field = HONE_FIELD(lora.prompt_tuning_init),
         .help = "where they start: at random, or as the words of --prompt_tuning_init_text",
         .choices = {"random", "text"}},
        {.name = "prompt_tuning_init_text",
         .field = HONE_FIELD(lora.prompt_tuning_init_text),
         .help = "a text that says the task; it is repeated, or cut, to --num_virtual_tokens"},
    };
    rows.insert(rows.end(), of_virtual_tokens.begin(), of_virtual_tokens.end());
    const std::vector<OptionRow> of_bottlenecks = {
        {.name = "adapter_config",
         .field = HONE_FIELD(bottleneck.adapter_config),
         .help = "houlsby (arXiv:1902.00751): behind attention and the MLP of each layer; pfeiffer "
                 "(arXiv:2005.00052): behind the MLP; parallel (arXiv:2110.04366): beside the MLP",
         .choices = {"houlsby", "pfeiffer", "parallel"},
         .spellings = {{"double_seq_bn", "houlsby"},
                       {"seq_bn", "pfeiffer"},
                       {"par_bn", "parallel"}}},
        {.name = "adapter_reduction_factor",
         .field = HONE_FIELD(bottleneck.reduction_factor),
         .help = "the model's hidden size over that of the adapter; default: 16, of parallel 2",
         .range = Range{kLeastReduction, kMostReduction}},
        {.name = "adapter_non_linearity",
         .field = HONE_FIELD(bottleneck.non_linearity),
         .help = "what is between the adapter's two layers; default: swish for houlsby, else relu",
         .value_name = "relu|swish|gelu|gelu_new"},
    };
    rows.insert(rows.end(), of_bottlenecks.begin(), of_bottlenecks.end());
    // An adapter to start from says all of these itself.
    for (OptionRow& row : rows) {
        row.effect = Effect::kContents;
        row.excludes = {"adapter_path"};
        const bool any_adapter = row.name == "target_modules" || row.name == "exclude_modules" ||
                                 row.name == "modules_to_save";
        row.methods = {"lora", "qlora"};
        if (any_adapter) row.methods.push_back("ia3");
        if (row.name == "feedforward_modules") row.methods = {"ia3"};
        if (row.name.starts_with("prompt_tuning_")) row.methods = {"prompt"};
        if (row.name == "num_virtual_tokens") row.methods = {"prompt", "prefix"};
        if (row.name.starts_with("adapter_")) row.methods = {"adapter"};
    }
    rows.push_back({.name = "loraplus_lr_ratio",
                    .field = HONE_FIELD(loraplus_lr_ratio),
                    .help = "LoRA+ (arXiv:2402.12354): lora_B learns so many times as fast as "
                            "lora_A; its paper takes 16",
                    .effect = Effect::kContents,
                    .range = Range{0, 1e6, true},
                    .methods = {"lora", "qlora"}});
    std::vector<std::string_view> names;
    for (const Method* method : Methods()) names.push_back(method->name());
    rows.insert(rows.begin(),
                {.name = "method",
                 .field = HONE_FIELD(method),
                 .help = "lora; qlora: the same over a base in 4 bits, for a fraction of the "
                         "memory; full: every weight of the model; freeze: its last layers and "
                         "what else is named; ia3 (arXiv:2205.05638): an adapter of one vector "
                         "a layer; prompt (arXiv:2104.08691): the embeddings of a few tokens ahead "
                         "of every text; prefix (arXiv:2101.00190): their keys and values in "
                         "every layer; or adapter (arXiv:1902.00751): small layers behind those of "
                         "the model",
                 .effect = Effect::kContents,
                 .choices = names,
                 .instead = "this version trains with lora, qlora, full, freeze, ia3, prompt, "
                            "prefix or adapter"});
    const std::vector<OptionRow> of_freeze = {
        {.name = "freeze_trainable_layers",
         .field = HONE_FIELD(freeze.trainable_layers),
         .help = "so many of the last layers are trained; negative: of the first; 0: none",
         .effect = Effect::kContents,
         .range = Range{-1e6, 1e6},
         .methods = {"freeze"}},
        {.name = "freeze_trainable_modules",
         .field = HONE_FIELD(freeze.trainable_modules),
         .help = "what of these layers, by name: mlp, self_attn, q_proj, input_layernorm ...; "
                 "default: all",
         .effect = Effect::kContents,
         .methods = {"freeze"}},
        {.name = "freeze_extra_modules",
         .field = HONE_FIELD(freeze.extra_modules),
         .help = "what else is trained, outside of the layers: embed_tokens, norm, lm_head",
         .effect = Effect::kContents,
         .methods = {"freeze"}},
    };
    rows.insert(rows.end(), of_freeze.begin(), of_freeze.end());
    const std::vector<OptionRow> of_the_base = {
        {.name = "quant_type",
         .field = HONE_FIELD(quant_type),
         .help = "the 4-bit numbers of the base, bitsandbytes': nf4's loss is lower than fp4's "
                 "(arXiv:2305.14314); or gguf: the blocks of its GGUF file as they are",
         .effect = Effect::kContents,
         .choices = {"nf4", "fp4", "gguf"},
         .methods = {"qlora"}},
        {.name = "double_quant",
         .field = HONE_FIELD(double_quant),
         .help = "the blocks' scales in 8 bits too, 4.13 bits a weight in place of 4.5",
         .effect = Effect::kContents,
         .methods = {"qlora"}},
        {.name = "base_compute",
         .field = HONE_FIELD(base_compute),
         .help = "what products with the frozen layers are computed in; native: --torch_dtype; "
                 "int8: 8-bit integers, faster and in less memory",
         .effect = Effect::kContents,
         .choices = {"native", "int8"},
         .methods = {"lora"}},
    };
    rows.insert(rows.end(), of_the_base.begin(), of_the_base.end());
    return rows;
}

}  // namespace hone
