// What transformers.TrainingArguments and Olive have and hone has not: nothing is ignored silently.
#include "cli/flags/finetune_flags.h"

namespace hone {
namespace {

constexpr std::string_view kNoDistribution =
    "is not available: hone trains in one process on this machine";
constexpr std::string_view kNoHub =
    "is not available: hone uploads nothing; the result lies in --output_path";
constexpr std::string_view kNoTorch = "means nothing here: hone does not run on torch";
constexpr std::string_view kNotYet = "is not available in this version";
constexpr std::string_view kAlways = "is not needed: hone always does that";
constexpr std::string_view kNever = "is not available: hone never does that";
constexpr std::string_view kUseDtype = "is said with --torch_dtype bfloat16, float16 or float32";
constexpr std::string_view kUseOutput =
    "is said with --output_path: checkpoints go to OUTPUT/checkpoints";
constexpr std::string_view kByPacking =
    "is not needed: rows are packed, and with --no_packing grouped by length";

constexpr RefusedFlag kRefused[] = {
    {"--accelerator_config", kNoDistribution},
    {"--account_name", "is not available: hone has no shared cache in a cloud"},
    {"--auto_find_batch_size",
     "is not available: hone checks the memory before step 1 and says what would fit"},
    {"--average_tokens_across_devices", kAlways},
    {"--batch_eval_metrics", kAlways},
    {"--batch_size", "never sized a training batch; use --per_device_train_batch_size"},
    {"--bf16", kUseDtype},
    {"--bf16_full_eval", kUseDtype},
    {"--compute_dtype", kUseDtype},
    {"--container_name", "is not available: hone has no shared cache in a cloud"},
    {"--data_seed", "is not available apart: --seed fixes the order of the data too"},
    {"--dataloader_drop_last",
     "is not available: every row is trained on, the last step may be smaller"},
    {"--dataloader_persistent_workers", kAlways},
    {"--dataloader_pin_memory", kNoTorch},
    {"--dataloader_prefetch_factor",
     "is not needed: hone reads ahead; see --dataloader_num_workers"},
    {"--ddp_backend", kNoDistribution},
    {"--ddp_broadcast_buffers", kNoDistribution},
    {"--ddp_bucket_cap_mb", kNoDistribution},
    {"--ddp_find_unused_parameters", kNoDistribution},
    {"--ddp_timeout", kNoDistribution},
    {"--debug", kNoTorch},
    {"--deepspeed", kNoDistribution},
    {"--disable_tqdm", "is not needed: where the output is no terminal, plain lines are printed"},
    {"--do_eval",
     "is not needed: hone evaluates when there are evaluation rows; --eval_split none turns it "
     "off"},
    {"--do_predict", "is not available: use `hone generate`"},
    {"--do_train", "is not needed: `hone finetune` always trains; `hone evaluate` only evaluates"},
    {"--eval_accumulation_steps", "is not needed: evaluation never holds logits"},
    {"--eval_delay", kNotYet},
    {"--eval_do_concat_batches", "is not needed: evaluation never holds logits"},
    {"--eval_use_gather_object", kNoDistribution},
    {"--evaluation_strategy", "has become --eval_strategy"},
    {"--fp16", kUseDtype},
    {"--fp16_backend", kUseDtype},
    {"--fp16_full_eval", kUseDtype},
    {"--fp16_opt_level", kUseDtype},
    {"--fsdp", kNoDistribution},
    {"--fsdp_config", kNoDistribution},
    {"--full_determinism", kAlways},
    {"--gradient_checkpointing_kwargs", kNoTorch},
    {"--group_by_length", kByPacking},
    {"--half_precision_backend", kUseDtype},
    {"--hub_always_push", kNoHub},
    {"--hub_model_id", kNoHub},
    {"--hub_private_repo", kNoHub},
    {"--hub_revision", kNoHub},
    {"--hub_strategy", kNoHub},
    {"--hub_token", kNoHub},
    {"--ignore_data_skip", "is not available: a resumed run continues at the very next row"},
    {"--include_for_metrics",
     "is not available: evaluation measures loss, perplexity and token accuracy"},
    {"--include_inputs_for_metrics",
     "is not available: evaluation measures loss, perplexity and token accuracy"},
    {"--include_num_input_tokens_seen", kAlways},
    {"--include_tokens_per_second", kAlways},
    {"--jit_mode_eval", kNoTorch},
    {"--label_names", "is not needed: labels come from the data; see --train_on_prompt"},
    {"--label_smoothing_factor", kNotYet},
    {"--length_column_name", kByPacking},
    {"--local_rank", kNoDistribution},
    {"--log_level_replica", kNoDistribution},
    {"--log_on_each_node", kNoDistribution},
    {"--logging_first_step",
     "is not needed: OUTPUT/metrics.jsonl and --logging_steps 1 show every step"},
    {"--logging_nan_inf_filter",
     "is not available: a loss that is not finite ends the run with an error"},
    {"--logging_strategy", "is said with --logging_steps"},
    {"--lr_scheduler_kwargs",
     "is said with --num_cycles, --lr_power, --lr_end, --num_decay_steps, --min_lr_ratio"},
    {"--mp_parameters", kNoDistribution},
    {"--neftune_noise_alpha", kNotYet},
    {"--no_cuda", "is not needed: hone computes on the CPU"},
    {"--optim_args", "is said with --adam_beta1, --adam_beta2, --adam_epsilon, --weight_decay"},
    {"--optim_target_modules", kNotYet},
    {"--output_dir", kUseOutput},
    {"--overwrite_output_dir",
     "is not available: hone overwrites no other run; choose another --output_path"},
    {"--parallelism_config", kNoDistribution},
    {"--past_index", kNoTorch},
    {"--per_gpu_eval_batch_size", "has become --per_device_eval_batch_size"},
    {"--per_gpu_train_batch_size", "has become --per_device_train_batch_size"},
    {"--prediction_loss_only", kAlways},
    {"--push_to_hub", kNoHub},
    {"--push_to_hub_model_id", kNoHub},
    {"--push_to_hub_organization", kNoHub},
    {"--push_to_hub_token", kNoHub},
    {"--ray_scope", kNotYet},
    {"--remove_unused_columns", kAlways},
    {"--restore_callback_states_from_checkpoint", kAlways},
    {"--run_name", "is said with --task_name"},
    {"--save_on_each_node", kNoDistribution},
    {"--save_only_model", kNever},
    {"--save_safetensors", kAlways},
    {"--sharded_ddp", kNoDistribution},
    {"--skip_memory_metrics", "is not needed: the memory is always measured"},
    {"--split_batches", kNoDistribution},
    {"--test", kNotYet},
    {"--tf32", kUseDtype},
    {"--torch_compile", kNoTorch},
    {"--torch_compile_backend", kNoTorch},
    {"--torch_compile_mode", kNoTorch},
    {"--torch_empty_cache_steps", kNoTorch},
    {"--torchdynamo", kNoTorch},
    {"--tpu_metrics_debug", kNoTorch},
    {"--tpu_num_cores", kNoTorch},
    {"--use_cpu", "is not needed: hone computes on the CPU"},
    {"--use_ipex", kNoTorch},
    {"--use_legacy_prediction_loop", kNoTorch},
    {"--use_liger_kernel", kNoTorch},
    {"--use_mps_device", kNoTorch},
    {"--xpu_backend", kNoTorch},
};

}  // namespace

std::span<const RefusedFlag> FinetuneFlags::Refused() { return kRefused; }

}  // namespace hone
