// The commands of Olive, TRL, Axolotl, LLaMA-Factory, MLX, Ollama and the Hugging Face Hub.
#include "cli/flags/refused.h"

namespace hone {
namespace {

constexpr std::string_view kNoOnnx =
    "hone writes no ONNX in this version; the adapter of `hone finetune` is in PEFT's format and "
    "the model of --method full a Hugging Face folder: Olive, transformers and vLLM load them";
constexpr std::string_view kServer =
    "use `hone serve`, which speaks OpenAI's API; `hone chat` talks in the terminal";
constexpr std::string_view kNoHub =
    "hone uploads nothing and keeps no login; private models are fetched with the environment "
    "variable HF_TOKEN";
constexpr std::string_view kObjectives =
    "use `hone finetune --objective` with dpo, ipo, orpo, kto or simpo";
constexpr std::string_view kNoReward =
    "hone has no reward model and no reinforcement learning; `hone finetune --objective dpo` "
    "learns "
    "from preferences";
constexpr std::string_view kNoQuantised =
    "hone writes no quantised model in this version; `hone generate`, `chat` and `evaluate` "
    "quantise as they load, with --weights int8, int4 or nf4, and `hone finetune --method qlora` "
    "trains over a base in 4 bits";

constexpr RefusedCommand kRefused[] = {
    {"hone",
     "auto-opt capture-onnx-graph convert convert-adapters convert_to_onnx export export-onnx "
     "generate-cost-model onnx-graph-surgery optimize optimise session-params-tuning "
     "tune-session-params",
     kNoOnnx},
    {"hone", "generate-adapter extract-adapters generate_adapter",
     "adapters need no generating: `hone generate --adapter NAME=FOLDER`, as often as there are "
     "adapters, answers with all of them over one base; `hone adapters combine` makes one of them"},
    {"hone", "combine mix add-weighted-adapter add_weighted_adapter combine-adapters mergekit",
     "use `hone adapters combine`"},
    {"hone", "merge-lora merge_lora merge-adapter merge-and-unload fuse", "use `hone merge`"},
    {"hone", "merge-sharded-fsdp-weights",
     "hone's own weights are whole; `hone merge` puts an adapter into its base"},
    {"hone", "quantize quantise quant", kNoQuantised},
    {"hone", "workflow launch run-pass run-workflow", "use `hone run --config FILE`"},
    {"hone", "server api webui webchat ui vllm-serve start web", kServer},
    {"hone", "login logout whoami auth push upload deploy", kNoHub},
    {"hone", "dpo ipo kto orpo simpo cpo preference preference-tune", kObjectives},
    {"hone", "grpo ppo reward rloo rlhf online-dpo", kNoReward},
    {"hone",
     "train sft fine-tune fine_tune tune fit lora qlora lora-tune train-model training learn",
     "use `hone finetune`"},
    {"hone", "eval test lm-eval lm_eval score perplexity validate metrics", "use `hone evaluate`"},
    {"hone", "infer inference predict complete completion-api ask prompt answer run-inference",
     "use `hone generate`"},
    {"hone", "talk interactive cli", "use `hone chat`"},
    {"hone", "plan cost memory estimate-memory", "use `hone estimate`"},
    {"hone", "preprocess prepare lint check tokenize",
     "use `hone data check FILE`; `hone finetune` reads and tokenises the rows itself"},
    {"hone", "pull download fetch get", "use `hone models pull NAME`"},
    {"hone", "ls list ps models-list scan-cache cache shared-cache", "use `hone models list`"},
    {"hone", "show inspect info describe", "use `hone models inspect NAME`"},
    {"hone", "rm remove delete delete-cache prune", "use `hone models rm NAME`"},
    {"hone", "version env", "use `hone --version`"},
    {"hone", "perf benchmark perf-tuning profile", "use `hone bench`"},
    {"hone", "configure-qualcomm-sdk manage-aml-compute configure cloud create cp",
     "hone has no use for it: it works on this machine alone"},
    {"hone adapters", "remove delete prune", "use `hone adapters rm FOLDER`"},
    {"hone adapters", "ls show info", "use `hone adapters list`"},
    {"hone adapters", "merge mix add-weighted-adapter add_weighted_adapter",
     "use `hone adapters combine`, or `hone merge` to put one into its base"},
    {"hone models", "remove delete prune", "use `hone models rm NAME`"},
    {"hone models", "ls show-all all", "use `hone models list`"},
    {"hone models", "download fetch get add", "use `hone models pull NAME`"},
    {"hone models", "show info describe", "use `hone models inspect NAME`"},
    {"hone data", "validate lint verify show preprocess", "use `hone data check FILE`"},
};

}  // namespace

std::span<const RefusedCommand> RefusedCommands() { return kRefused; }

}  // namespace hone
