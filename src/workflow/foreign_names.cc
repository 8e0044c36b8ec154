// What transformers, TRL, PEFT, Olive, Axolotl, LLaMA-Factory, Unsloth, MLX and llama.cpp spell
// otherwise or hone has not: what to do instead. Nothing is ignored silently.
#include "workflow/foreign_names.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace hone {
namespace {

constexpr std::string_view kNoDistribution =
    "is not available: hone works in one process on this machine";
constexpr std::string_view kNoHub =
    "is not available: hone uploads nothing; the result lies in --output_path";
constexpr std::string_view kNoTorch = "means nothing here: hone does not run on torch";
constexpr std::string_view kNotYet = "is not available in this version";
constexpr std::string_view kAlways = "is not needed: hone always does that";
constexpr std::string_view kNever = "is not available: hone never does that";
constexpr std::string_view kUseDtype = "is said with --torch_dtype bfloat16, float16 or float32";
constexpr std::string_view kUseOutput =
    "is said with --output_path: checkpoints go to OUTPUT/checkpoints";
constexpr std::string_view kPaddingIsNotNeeded =
    "is not needed: the rows of a batch are laid end to end, without padding";
constexpr std::string_view kOwnTokenizer =
    "is not available: hone takes the tokenizer of the model's own files, with its special tokens";
constexpr std::string_view kOwnTemplate =
    "is not needed: hone takes the chat template of the model's own files";

// Of several reasons for one name the first counts that names only flags which the command has.
constexpr ForeignName kForeign[] = {
    {"base_model llm model model_id model_name model_path pretrained_model "
     "pretrained_model_name_or_path",
     "is said with --model_name_or_path"},
    {"base_model_revision model_revision revision",
     "is not available: hone takes the main branch; give the folder of another revision as"
     " --model_name_or_path"},
    {"add_tokens bos_token eos_token new_special_tokens pad_token resize_token_embeddings "
     "resize_vocab special_tokens tokenizer tokenizer_name tokenizer_name_or_path "
     "tokenizer_path tokenizer_revision tokenizer_type unk_token use_fast "
     "use_fast_tokenizer",
     kOwnTokenizer},
    {"chat_template chat_template_jinja chat_template_path conversation_template "
     "prompt_style",
     kOwnTemplate},
    {"template",
     "is not needed: hone takes the chat template of the model's own files; "
     "--text_template makes texts of rows"},
    {"template", "is not needed: hone takes the template of the model's own files"},
    {"cache_dir download_dir hf_home overwrite_cache",
     "is said with the environment variable HONE_CACHE"},
    {"api_key auth_token hf_hub_token hf_token token use_auth_token",
     "is said with the environment variable HF_TOKEN"},
    {"config_name config_overrides model_type rope_scaling rope_theta rope_type",
     "is not available: hone takes the model's own config.json"},
    {"cpu_offload low_cpu_mem_usage offload_folder offload_optimizer offload_params",
     "is not needed: hone keeps one copy of the weights in memory"},
    {"accelerator cpu cuda device device_map execution_provider gpu gpu_ids gpus n_gpu "
     "no_cuda num_gpus provider providers use_cpu use_gpu",
     "is not needed: hone computes on the CPU"},
    {"accelerate_config accelerator_config context_parallel_size ddp_backend "
     "ddp_broadcast_buffers ddp_bucket_cap_mb ddp_find_unused_parameters ddp_timeout "
     "deepspeed eval_use_gather_object fsdp fsdp_config fsdp_min_num_params "
     "fsdp_transformer_layer_cls_to_wrap local_rank log_level_replica log_on_each_node "
     "main_process_port mp_parameters nnodes node_rank nproc_per_node num_machines "
     "num_nodes num_processes parallelism_config pipeline_parallel_size rank_zero "
     "ray_num_workers save_on_each_node sequence_parallel_size sharded_ddp split_batches "
     "tensor_parallel_size use_ray world_size",
     kNoDistribution},
    {"cpu_threads jobs n_threads nproc num_cpus num_threads omp_num_threads",
     "is said with --threads"},
    {"dataset_batch_size dataset_num_proc dataset_processes num_proc "
     "preprocessing_batch_size preprocessing_num_workers",
     "is not needed: rows are read by all --threads"},
    {"dataloader_workers num_workers", "is said with --dataloader_num_workers"},
    {"logging_level quiet verbose verbosity", "is said with --log_level"},
    {"allow_tf32 bnb_4bit_quant_storage bnb_config_kwargs compile compile_model "
     "cudnn_benchmark dataloader_pin_memory debug disable_gradient_sync "
     "enable_liger_kernel gradient_checkpointing_kwargs "
     "gradient_checkpointing_use_reentrant jit_mode_eval liger_kernel_config past_index "
     "torch_compile torch_compile_backend torch_compile_mode torch_dtype_backend "
     "torch_empty_cache_steps torchdynamo tpu_metrics_debug tpu_num_cores use_compile "
     "use_ipex use_kernels use_legacy_prediction_loop use_liger use_liger_kernel "
     "use_mps_device use_reentrant use_unsloth use_unsloth_gc use_xla xpu_backend",
     kNoTorch},
    {"attention attn_implementation flash_attention flash_attention_2 flash_attn "
     "flash_attn_type sample_packing_attention sdp_attention use_flash_attention "
     "use_flash_attention_2 use_flash_attn xformers_attention",
     "is not needed: attention is always computed tile by tile, as flash attention does it"},
    {"args_file config_file config_path recipe run_config yaml", "is said with --config FILE"},
    {"args_file config config_file config_path recipe run_config yaml",
     "belongs to `hone finetune` and `hone run`: this command reads no configuration file"},
    {"dry_run save_config_file", "belongs to `hone finetune`: this command writes no run"},
    {"eval_data eval_data_path eval_dataset eval_file test_file val_data val_dataset "
     "val_file valid_data valid_file validation_data validation_file",
     "is said with --eval_data_files"},
    {"data data_dir data_path dataset dataset_dir dataset_name dataset_path datasets "
     "eval_data eval_dataset eval_file hf_dataset test_data test_file train_data "
     "train_data_path train_dataset train_file train_path training_data training_file "
     "validation_file",
     "is said with --data_name"},
    {"dataset_config dataset_config_name dataset_subset subset", "is said with --train_subset"},
    {"dataset_train_split split", "is said with --train_split"},
    {"dataset_config dataset_config_name dataset_subset subset", "is said with --eval_subset"},
    {"dataset_eval_split dataset_test_split split test_split validation_split",
     "is said with --eval_split"},
    {"eval_size test_size train_test_split val_set_size val_size validation_size "
     "validation_split_percentage",
     "is said with --eval_fraction, a share such as 0.1"},
    {"limit max_eval_samples max_examples max_train_samples num_samples num_train_samples",
     "is said with --max_samples"},
    {"dataset_text_field text_column text_key", "is said with --text_field"},
    {"answer_column column_mapping columns_mapping completion_column completion_field field_input "
     "field_instruction field_messages field_output field_system history_column input_column "
     "message_column output_column prompt_column prompt_field query_column question_column "
     "response_column",
     "is said with --columns prompt=NAME,completion=NAME"},
    {"csv_delimiter csv_sep delimiter field_delimiter sep separator",
     "is said with --csv_separator"},
    {"current_date date date_string today", "is said with --template_date"},
    {"dataset_streaming streaming", "is not needed: tokens beyond 256 MB wait on the disk"},
    {"dataset_kwargs dataset_prepared_path prepared_dataset_path skip_prepare_dataset "
     "tokenized_path",
     "is not needed: hone reads and tokenises the rows itself, at each start"},
    {"shuffle shuffle_dataset shuffle_merged_datasets",
     "is not needed: --train_sampling_strategy random is the default"},
    {"shuffle_seed", "is not available apart: --seed fixes the order of the data too"},
    {"disable_shuffling no_shuffle sequential_sampling",
     "is said with --train_sampling_strategy sequential"},
    {"block_size context_length ctx_len cutoff_len max_context_length max_len max_length "
     "max_prompt_length max_seq_length max_source_length max_target_length "
     "max_tokens_per_sample model_max_length seq_len seq_length sequence_len "
     "sequence_length truncation_length",
     "is said with --max_seq_len"},
    {"excess_length_strategy truncation truncation_mode truncation_side",
     "is said with --on_overflow truncate, drop or error"},
    {"group_by_length length_column_name pad_to_max_length pad_to_multiple_of "
     "pad_to_sequence_len padding padding_free padding_side",
     kPaddingIsNotNeeded},
    {"multipack packing_mode sample_packing", "is said with --packing"},
    {"neat_packing", "is not needed: rows that --packing puts together never see each other"},
    {"packing_strategy",
     "is not available: --packing fills sequences with whole rows, best fit first"},
    {"eval_packing eval_sample_packing",
     "is not needed: no result of an evaluation depends on how rows are batched"},
    {"assistant_only_loss completion_only_loss ignore_prompt instruction_template "
     "loss_on_responses mask_prompt only_last_turn only_train_on_response response_part "
     "response_template train_on_completions train_on_responses_only",
     "is not needed: loss is on the answers alone where rows have them; --train_on_prompt "
     "puts it on every token"},
    {"train_on_input train_on_inputs", "is said with --train_on_prompt"},
    {"mask_history message_field_training roles_to_train train_on_eos train_on_eot "
     "train_on_turns",
     "is said in the data: the answers are trained, each with the token that ends it, and "
     "a message with \"weight\": 0 is not"},
    {"default_system default_system_message", "is not available: give each row its system message"},
    {"do_lora lora use_lora use_peft", "is said with --method lora, which is the default"},
    {"adapter fine_tune_type finetune_type finetuning_type peft_method peft_type "
     "train_type tuner tuner_type tuning_type",
     "is said with --method lora, qlora, ia3, prompt, prefix, adapter, full or freeze"},
    {"full full_fine_tuning full_finetune full_finetuning no_peft", "is said with --method full"},
    {"bits bnb_4bit load_in_4bit qlora quant quantization quantization_bit "
     "quantization_config quantization_method quantize use_4bit use_qlora use_quantization",
     "is said with --method qlora: the base in 4 bits (NF4)"},
    {"bits bnb_4bit load_in_4bit qlora quant quantization quantization_bit quantize "
     "use_4bit",
     "is said with --weights nf4, the numbers that --method qlora of `hone finetune` "
     "trains over, or --weights int4"},
    {"load_in_8bit use_8bit use_int8",
     "is said with --base_compute int8; --method qlora holds the base in 4 bits"},
    {"load_in_8bit use_8bit use_int8", "is said with --weights int8"},
    {"bnb_4bit_quant_type bnb_quant_type quantization_type", "is said with --quant_type"},
    {"bnb_4bit_use_double_quant bnb_4bit_use_nested_quant double_quantization nested_quant"
     " use_bnb_nested_quant use_nested_quant",
     "is said with --double_quant"},
    {"amp bf16 bf16_full_eval bfloat16 bnb_4bit_compute_dtype bnb_4bit_compute_type "
     "compute_dtype dtype float16 float32 fp16 fp16_backend fp16_full_eval fp16_opt_level "
     "fp32 half half_precision_backend load_in_16bit mixed_precision precision pure_bf16 "
     "tf32 tf32_mode",
     kUseDtype},
    {"bf16 dtype float16 float32 fp16 fp32 half precision torch_dtype",
     "is said with --weights bf16 or f32"},
    {"lora_dim lora_rank rank", "is said with --lora_r"},
    {"alpha lora_scale lora_scaling", "is said with --lora_alpha"},
    {"dropout lora_drop lora_dropout_rate", "is said with --lora_dropout"},
    {"lora_keys lora_layers lora_modules lora_target lora_target_linear "
     "lora_target_modules target_layers",
     "is said with --target_modules q_proj,v_proj or all-linear"},
    {"additional_target lora_extra_modules lora_modules_to_save", "is said with --modules_to_save"},
    {"lora_task_type task_type", "is not needed: `hone finetune` trains for text generation"},
    {"lora_use_rslora peft_use_rslora rslora use_rs_lora", "is said with --use_rslora"},
    {"dora lora_use_dora peft_use_dora", "is said with --use_dora"},
    {"alora_invocation_tokens target_parameters trainable_token_indices use_adalora use_qalora "
     "use_vera",
     "is not available in this version: adapters are LoRA, with --use_rslora or --use_dora if you "
     "like"},
    {"bias lora_bias lora_train_bias", "is not available: an adapter has no biases"},
    {"lora_init lora_init_weights peft_init_lora_weights",
     "is said with --init_lora_weights true, pissa or loftq"},
    {"pissa_convert pissa_init pissa_iter use_pissa", "is said with --init_lora_weights pissa"},
    {"loftq_bits loftq_config loftq_init loftq_iter use_loftq",
     "is said with --init_lora_weights loftq"},
    {"corda_config eva_config lora_ga_config",
     "is not available: adapters start as --init_lora_weights true, pissa or loftq says"},
    {"beta_dpo dpo_beta kto_beta orpo_beta pref_beta rl_beta", "is said with --beta"},
    {"dpo_label_smoothing", "is said with --label_smoothing"},
    {"gamma_beta_ratio simpo_margin", "is said with --simpo_gamma"},
    {"kto_chosen_weight kto_desirable_weight kto_rejected_weight kto_undesirable_weight",
     "is said with --desirable_weight and --undesirable_weight"},
    {"dpo dpo_loss kto loss_type orpo pref_loss preference_loss rl rlhf rlhf_type simpo stage",
     "is said with --objective dpo, ipo, orpo, kto or simpo"},
    {"distillation_teacher teacher teacher_model_name_or_path teacher_name_or_path teacher_path",
     "is said with --teacher_model"},
    {"alpha_ce alpha_distil distill_alpha kd_alpha kd_ratio",
     "is said with --distillation_alpha, the teacher's share of the loss"},
    {"distil_temperature distill_temperature kd_temperature",
     "is said with --distillation_temperature"},
    {"disable_dropout", "is not needed: preferences are always compared without dropout"},
    {"force_use_ref_model model_adapter_name precompute_ref_batch_size "
     "precompute_ref_log_probs ref_adapter_name ref_model ref_model_init_kwargs "
     "reference_free reference_model sync_ref_model",
     "is not needed: the reference is the model that the run starts from, and hone decides when "
     "its scores are computed"},
    {"assistant_model beam_size best_of cpo_alpha diversity_penalty dry_multiplier "
     "ensure_weight_tying eval_delay f_divergence_type fan_in_fan_out "
     "frequency_penalty grammar guided_json json_schema "
     "layer_replication ld_alpha length_penalty logit_bias logprobs "
     "lora_fan_in_fan_out lora_runtime_config megatron_config megatron_core "
     "mirostat n_best no_repeat_ngram_size num_beams num_return_sequences optim_target_modules "
     "penalty_alpha presence_penalty ray_scope reward_model rpo_alpha speculative_model test "
     "top_logprobs typical_p use_bdlora use_dft_loss use_weighting",
     kNotYet},
    {"freeze freeze_layers num_layers num_layers_trainable unfrozen_parameters",
     "is said with --method freeze and --freeze_trainable_layers, --freeze_trainable_modules or "
     "--freeze_extra_modules"},
    {"freeze_vision_tower", kNotYet},
    {"adapter adapter_file adapter_model adapter_name adapter_name_or_path adapters "
     "checkpoint_dir lora lora_adapter lora_model_dir lora_path lora_weights peft_model "
     "peft_model_id peft_path resume_adapter_file",
     "is said with --adapter_path"},
    {"export_device export_dir fuse merge merge_adapter merge_and_unload merge_lora "
     "save_merged save_merged_model save_method",
     "is not needed: a run delivers the adapter, and `hone merge` puts it into its base"},
    {"lora_plus loraplus loraplus_ratio use_lora_plus use_loraplus",
     "is said with --loraplus_lr_ratio"},
    {"badam_mode embedding_learning_rate galore galore_config galore_rank galore_target "
     "lisa_n_layers loraplus_lr_embedding lr_groups use_adam_mini use_apollo use_badam "
     "use_galore use_grokadamw use_llama_pro",
     "is not available in this version: --optim has the optimisers"},
    {"use_muon", "is said with --optim muon"},
    {"neftune noisy_embedding_alpha", "is said with --neftune_noise_alpha"},
    {"layer_decay layer_wise_lr_decay llrd lr_layer_decay", "is said with --layerwise_lr_decay"},
    {"base_lr initial_lr lr lr_rate max_lr", "is said with --learning_rate"},
    {"lr_decay_style lr_schedule lr_scheduler schedule scheduler scheduler_type",
     "is said with --lr_scheduler_type"},
    {"cosine_min_lr_ratio lr_min min_lr",
     "is said with --min_lr_ratio or --lr_end, by the schedule"},
    {"epoch epochs max_epochs n_epochs num_epoch num_epochs", "is said with --num_train_epochs"},
    {"iterations iters max_iters max_train_steps num_iters num_steps num_train_steps steps"
     " total_steps train_iters train_steps",
     "is said with --max_steps"},
    {"bs micro_batch_size mini_batch_size per_device_batch_size train_batch_size "
     "train_micro_batch_size_per_gpu",
     "is said with --per_device_train_batch_size"},
    {"eval_batch_size test_batch_size val_batch_size", "is said with --per_device_eval_batch_size"},
    {"effective_batch_size global_batch_size total_batch_size",
     "is said with --per_device_train_batch_size times --gradient_accumulation_steps"},
    {"accumulate_grad_batches accumulation_steps grad_acc_steps grad_accum "
     "grad_accumulation grad_accumulation_steps gradient_accumulation "
     "gradient_accumulation_step",
     "is said with --gradient_accumulation_steps"},
    {"activation_checkpointing activation_offloading enable_activation_checkpointing "
     "grad_checkpoint grad_checkpointing recompute use_gradient_checkpointing",
     "is said with --gradient_checkpointing"},
    {"lr_warmup_steps num_warmup_steps warmup warmup_iters", "is said with --warmup_steps"},
    {"lr_warmup_fraction lr_warmup_ratio warmup_fraction", "is said with --warmup_ratio"},
    {"optimiser optimizer optimizer_name optimizer_type", "is said with --optim"},
    {"clip clip_grad clip_grad_norm grad_clip gradient_clip_val gradient_clipping max_norm",
     "is said with --max_grad_norm"},
    {"decay wd", "is said with --weight_decay"},
    {"beta1", "is said with --adam_beta1"},
    {"beta2", "is said with --adam_beta2"},
    {"adam_eps eps epsilon", "is said with --adam_epsilon"},
    {"random_seed random_state rng_seed set_seed", "is said with --seed"},
    {"log_every log_interval log_steps logging_interval logging_strategy print_every "
     "report_interval steps_per_report",
     "is said with --logging_steps"},
    {"eval_every eval_freq eval_interval evals_per_epoch steps_per_eval val_check_interval"
     " val_interval validation_steps",
     "is said with --eval_steps"},
    {"checkpoint_every checkpoint_interval checkpointing_steps save_every save_freq "
     "save_interval save_step saves_per_epoch",
     "is said with --save_steps"},
    {"checkpoint_minutes save_every_minutes save_interval_minutes", "is said with --save_minutes"},
    {"save_best save_best_only", "is said with --load_best_model_at_end"},
    {"early_stop early_stopping patience", "is said with --early_stopping_patience"},
    {"auto_resume_from_checkpoints checkpoint load_checkpoint resume resume_from "
     "resume_from_path",
     "is said with --resume_from_checkpoint"},
    {"adapter_output out out_dir outdir output_folder results_dir save_dir save_model_dir "
     "save_path",
     "is said with --output_path"},
    {"out outfile output output_path save_path", "is said with --output_file"},
    {"comet comet_project mlflow_experiment_name mlflow_tracking_uri neptune_project "
     "project swanlab_project trackio_project trackio_space_id use_mlflow use_swanlab "
     "use_trackio use_wandb wandb wandb_entity wandb_log_model wandb_mode wandb_name "
     "wandb_project wandb_run_id wandb_run_name wandb_watch",
     "is not available: OUTPUT/metrics.jsonl and the files for TensorBoard (--report_to "
     "tensorboard) hold the numbers"},
    {"log_dir tb_dir tensorboard tensorboard_dir", "is said with --logging_dir"},
    {"plot_loss", "is not needed: OUTPUT/loss.svg is always drawn"},
    {"exp_name experiment_name job_name name run_name", "is said with --task_name"},
    {"focal_loss focal_loss_gamma", "is said with --focal_gamma"},
    {"id2label label2id num_labels",
     "is not needed: the labels are those of the training rows, or of --label_names"},
    {"compute_accuracy eval_metrics include_for_metrics include_inputs_for_metrics "
     "include_tokens_metrics num_input_tokens_seen predict_with_generate",
     "is not available: evaluation measures loss, perplexity and token accuracy"},
    {"create_repo hub_always_push hub_model hub_model_id hub_private_repo hub_revision "
     "hub_strategy hub_token private push_model push_to_hub push_to_hub_model_id "
     "push_to_hub_organization push_to_hub_token",
     kNoHub},
    {"max_completion_tokens max_gen_len max_gen_toks max_generated_tokens max_length "
     "max_new_token max_output_tokens max_tokens n_predict n_tokens num_predict",
     "is said with --max_new_tokens"},
    {"temp", "is said with --temperature"},
    {"do_sample sample", "is not needed: --temperature above 0 draws, 0 takes the likeliest token"},
    {"repeat_penalty repetition", "is said with --repetition_penalty"},
    {"stop_sequence stop_sequences stop_string stop_strings stop_token stop_words",
     "is said with --stop"},
    {"context_size ctx_size n_ctx num_ctx",
     "is not needed: hone takes as much context as the prompt and answer need"},
    {"file infer_file input_data input_file input_path prompts prompts_file questions_file",
     "is said with --prompt_file"},
    {"input instruction message messages prompt_text query question text user",
     "is said with --prompt"},
    {"sys system_message system_prompt_text", "is said with --system_prompt"},
    {"completion disable_chat_template ignore_chat_template no_chat_template no_template",
     "is said with --raw"},
    {"chat color colour conversation interactive simple_io",
     "is not needed: hone sees whether it speaks to a terminal"},
    {"stream", "is not needed: one answer is printed as it comes"},
    {"format output_format", "is said with --json"},
    {"account_name container_name", "is not available: hone has no shared cache in a cloud"},
    {"auto_find_batch_size",
     "is not available: hone checks the memory before step 1 and says what would fit"},
    {"average_tokens_across_devices batch_eval_metrics dataloader_persistent_workers "
     "full_determinism include_num_input_tokens_seen include_tokens_per_second "
     "prediction_loss_only remove_unused_columns restore_callback_states_from_checkpoint "
     "save_safetensors",
     kAlways},
    {"batch_size", "never sized a training batch; use --per_device_train_batch_size"},
    {"data_seed", "is not available apart: --seed fixes the order of the data too"},
    {"dataloader_drop_last",
     "is not available: every row is trained on, the last step may be smaller"},
    {"dataloader_prefetch_factor", "is not needed: hone reads ahead; see --dataloader_num_workers"},
    {"disable_tqdm", "is not needed: where the output is no terminal, plain lines are printed"},
    {"do_eval",
     "is not needed: hone evaluates when there are evaluation rows; --eval_split none "
     "turns it off"},
    {"do_predict", "is not available: use `hone generate`"},
    {"do_train", "is not needed: `hone finetune` always trains; `hone evaluate` only evaluates"},
    {"eval_accumulation_steps eval_do_concat_batches",
     "is not needed: evaluation never holds logits"},
    {"evaluation_strategy", "has become --eval_strategy"},
    {"ignore_data_skip", "is not available: a resumed run continues at the very next row"},
    {"logging_first_step",
     "is not needed: OUTPUT/metrics.jsonl and --logging_steps 1 show every step"},
    {"logging_nan_inf_filter",
     "is not available: a loss that is not finite ends the run with an error"},
    {"lr_scheduler_kwargs",
     "is said with --num_cycles, --lr_power, --lr_end, --num_decay_steps, --min_lr_ratio"},
    {"optim_args", "is said with --adam_beta1, --adam_beta2, --adam_epsilon, --weight_decay"},
    {"output_dir", kUseOutput},
    {"overwrite_output_dir",
     "is not available: hone overwrites no other run; choose another --output_path"},
    {"per_gpu_eval_batch_size", "has become --per_device_eval_batch_size"},
    {"per_gpu_train_batch_size", "has become --per_device_train_batch_size"},
    {"save_only_model", kNever},
    {"skip_memory_metrics", "is not needed: the memory is always measured"},
};

// The options ("lora_r") whose flags a sentence names.
std::vector<std::string> OptionsIn(std::string_view text) {
    std::vector<std::string> options;
    for (size_t at = 0; (at = text.find("--", at)) != std::string_view::npos;) {
        size_t end = at += 2;
        while (end < text.size() && (absl::ascii_isalnum(text[end]) || text[end] == '_')) ++end;
        options.emplace_back(text.substr(at, end - at));
        at = end;
    }
    return options;
}

}  // namespace

std::span<const ForeignName> ForeignNames() { return kForeign; }

bool NamesWord(std::string_view names, std::string_view word) {
    while (!names.empty()) {
        const size_t space = names.find(' ');
        if (names.substr(0, space) == word) return true;
        names.remove_prefix(space == std::string_view::npos ? names.size() : space + 1);
    }
    return false;
}

std::string_view ForeignReason(std::string_view name,
                               const std::function<bool(const std::string&)>& has) {
    for (const ForeignName& entry : kForeign) {
        if (!NamesWord(entry.names, name)) continue;
        const std::vector<std::string> named = OptionsIn(entry.reason);
        // A command between backquotes has its own flags.
        const bool of_another = entry.reason.find('`') != std::string_view::npos;
        if (of_another || std::all_of(named.begin(), named.end(), has)) return entry.reason;
    }
    return "";
}

}  // namespace hone
