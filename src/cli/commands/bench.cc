#include <sys/resource.h>

#include <memory>

#include "adapt/base_adapter.h"
#include "base/random.h"
#include "base/text/json_text.h"
#include "base/text/text.h"
#include "cli/commands/commands.h"
#include "cli/flags/finetune_flags.h"
#include "cli/terminal/layout.h"
#include "cli/terminal/loading.h"
#include "infer/generator.h"
#include "kernels/benchmark.h"
#include "model/files/roofline_shape.h"
#include "train/benchmark.h"
#include "train/method/method.h"

namespace hone {
namespace {

uint64_t PeakMemoryBytes() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

struct InferFlags {
    ModelFlags model;
    WeightFlags weights;
    MachineFlags machine;
    int64_t prompt_tokens = 512, new_tokens = 128, streams = 1, adapters = 0, repeats = 3;
    bool json = false;

    void Add(CLI::App& app) {
        Flags flags(app);
        model.Add(flags);
        weights.Add(flags);
        flags.Group("Benchmark")
            .Integer("--prompt_tokens", prompt_tokens, "tokens of each prompt")
            .Integer("--new_tokens", new_tokens, "tokens of each answer")
            .Integer("--streams", streams, "sequences that are decoded together")
            .Integer("--adapters", adapters,
                     "random LoRA adapters, r=16 on every linear layer, beside the base, which the "
                     "sequences take in turn; 0: the base alone")
            .Integer("--repeats", repeats, "runs that are measured; the fastest counts")
            .Bool("--json", json, "prints JSON");
        machine.Add(flags);
    }
};

// Random prompts, so that nothing depends on a text; the answers run to their full length.
std::vector<GenerateRequest> RandomRequests(const InferFlags& flags, int64_t prompt_tokens,
                                            int64_t new_tokens, int64_t vocab_size,
                                            int64_t adapters) {
    Random random(1);
    std::vector<GenerateRequest> requests(static_cast<size_t>(flags.streams));
    for (size_t i = 0; i < requests.size(); ++i) {
        GenerateRequest& request = requests[i];
        for (int64_t t = 0; t < prompt_tokens; ++t) {
            request.prompt.push_back(
                static_cast<int32_t>(random.Next() % static_cast<uint64_t>(vocab_size)));
        }
        if (adapters > 0) request.adapter = fmt::format("{}", i % static_cast<size_t>(adapters));
        request.options.max_new_tokens = new_tokens;
        request.options.sampling.temperature = 0;
        request.options.ignore_eos = true;
    }
    return requests;
}

// Tokens per second, of all streams together; the fastest of the repeats.
struct StreamRates {
    double prefill = 0, decode = 0;
    double base_decode = 0;  // without the adapters, where there are any
};

// What was measured, and what the machine would allow.
struct InferResult {
    StreamRates rates;
    uint64_t peak = 0;          // bytes, before the limits are measured
    double read_bandwidth = 0;  // bytes per second
    double weight_bytes = 0;    // per decoded token: one pass over the weights yields `streams`
    double forward_limit = 0;   // tokens per second, the layers' products alone
    double head_limit = 0;      // the same of the head's product
    double decode_ratio() const { return weight_bytes * rates.decode / read_bandwidth; }
    double prefill_ratio() const { return rates.prefill / forward_limit; }
};

absl::StatusOr<GenerateStats> AnswerOnce(Generator& generator, const InferFlags& flags,
                                         const std::vector<GenerateRequest>& requests) {
    GenerateStats stats;
    HONE_ASSIGN_OR_RETURN(std::vector<GenerateResult> results,
                          generator.Generate(requests, flags.streams, nullptr, &stats));
    for (const GenerateResult& result : results) {
        const int64_t asked = requests.front().options.max_new_tokens;
        if (static_cast<int64_t>(result.tokens.size()) != asked)
            return OtherError("an answer has {} tokens instead of {}", result.tokens.size(), asked);
    }
    return stats;
}

absl::StatusOr<StreamRates> TimeStreams(const InferFlags& flags, const LoadedModel& loaded,
                                        const Context& context) {
    Generator generator(*loaded.model, loaded.chat->tokenizer, loaded.encoder->end_ids(), context);
    generator.set_prefix_cache_bytes(0);  // the warm-up's prompts are the beginnings of the others
    LoraConfig lora;
    lora.r = 16;
    lora.target_modules = {"all-linear"};
    for (int64_t i = 0; i < flags.adapters; ++i) {
        HONE_ASSIGN_OR_RETURN(auto adapter,
                              RandomAdapter(*loaded.model, lora, static_cast<uint64_t>(i)));
        HONE_RETURN_IF_ERROR(generator.AddAdapter(fmt::format("{}", i), std::move(adapter)));
    }
    const auto requests = [&](int64_t prompt_tokens, int64_t new_tokens, int64_t adapters) {
        return RandomRequests(flags, prompt_tokens, new_tokens, loaded.model->config().vocab_size,
                              adapters);
    };
    // The first pass pays for pages and code that later ones find warm.
    HONE_RETURN_IF_ERROR(
        AnswerOnce(generator, flags,
                   requests(std::min<int64_t>(flags.prompt_tokens, 64), 2, flags.adapters))
            .status());
    const auto with_adapters = requests(flags.prompt_tokens, flags.new_tokens, flags.adapters);
    const auto base_alone = requests(flags.prompt_tokens, flags.new_tokens, 0);
    const auto decode_rate = [](const GenerateStats& stats) {
        return static_cast<double>(stats.decode_tokens) / stats.decode_seconds;
    };
    StreamRates rates;
    // In turn, so that what else the machine does falls on both alike.
    for (int64_t i = 0; i < flags.repeats; ++i) {
        HONE_ASSIGN_OR_RETURN(GenerateStats stats, AnswerOnce(generator, flags, with_adapters));
        rates.prefill = std::max(rates.prefill,
                                 static_cast<double>(stats.prompt_tokens) / stats.prefill_seconds);
        rates.decode = std::max(rates.decode, decode_rate(stats));
        if (flags.adapters == 0) continue;
        HONE_ASSIGN_OR_RETURN(stats, AnswerOnce(generator, flags, base_alone));
        rates.base_decode = std::max(rates.base_decode, decode_rate(stats));
    }
    return rates;
}

absl::StatusOr<InferResult> MeasureInfer(const InferFlags& flags, const LoadedModel& loaded,
                                         const Context& context) {
    InferResult result;
    HONE_ASSIGN_OR_RETURN(result.rates, TimeStreams(flags, loaded, context));
    result.peak = PeakMemoryBytes();
    result.weight_bytes = static_cast<double>(loaded.model->PlanTraining(1, false).weights) /
                          static_cast<double>(flags.streams);
    result.read_bandwidth = MeasureReadBandwidth(context);
    // The head apart: of a prompt, only the last token's logits are computed.
    RooflineShape shape = RooflineShapeOf(*loaded.files);
    shape.tokens = flags.prompt_tokens;
    const bool bf16_products = flags.weights.weights != "f32";
    HONE_ASSIGN_OR_RETURN(const Roofline layers, MeasureRoofline(shape, bf16_products));
    result.forward_limit = layers.forward_tokens_per_second;
    shape.layers = 0;
    shape.vocabulary = loaded.model->config().vocab_size;
    HONE_ASSIGN_OR_RETURN(const Roofline head, MeasureRoofline(shape, bf16_products));
    result.head_limit = head.forward_tokens_per_second;
    return result;
}

absl::Status RunInfer(const InferFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    if (flags.prompt_tokens < 1 || flags.new_tokens < 2 || flags.streams < 1 || flags.repeats < 1)
        return UsageError(
            "--prompt_tokens, --streams and --repeats must be at least 1, --new_tokens at least 2");
    if (flags.adapters < 0 || flags.adapters > flags.streams)
        return UsageError("--adapters {} is outside 0 to the {} of --streams", flags.adapters,
                          flags.streams);
    const Context context(flags.machine.threads);
    HONE_ASSIGN_OR_RETURN(ChosenModel chosen, flags.model.Choose());
    HONE_ASSIGN_OR_RETURN(const LoadedModel loaded,
                          FetchAndLoad(std::move(chosen), flags.weights.options(), context));
    const ModelConfig& config = loaded.model->config();
    if (flags.prompt_tokens + flags.new_tokens > config.max_position_embeddings) {
        return UsageError(
            "--prompt_tokens {} and --new_tokens {} are more than the model's context of {}",
            flags.prompt_tokens, flags.new_tokens, config.max_position_embeddings);
    }
    HONE_ASSIGN_OR_RETURN(const InferResult result, MeasureInfer(flags, loaded, context));
    if (flags.json) {
        fmt::print("{}", JsonText({{"model", loaded.chosen.name},
                                   {"adapter", loaded.chosen.adapter},
                                   {"weights", flags.weights.weights},
                                   {"threads", context.num_threads()},
                                   {"streams", flags.streams},
                                   {"adapters", flags.adapters},
                                   {"prompt_tokens", flags.prompt_tokens},
                                   {"new_tokens", flags.new_tokens},
                                   {"prefill_tokens_per_second", result.rates.prefill},
                                   {"prefill_limit_ratio", result.prefill_ratio()},
                                   {"forward_limit_tokens_per_second", result.forward_limit},
                                   {"head_limit_tokens_per_second", result.head_limit},
                                   {"decode_tokens_per_second", result.rates.decode},
                                   {"base_decode_tokens_per_second", result.rates.base_decode},
                                   {"read_bytes_per_second", result.read_bandwidth},
                                   {"weight_bytes_per_token", result.weight_bytes},
                                   {"decode_limit_ratio", result.decode_ratio()},
                                   {"peak_memory_bytes", result.peak}}));
        return absl::OkStatus();
    }
    fmt::print("{}, {} weights, {} threads, {} sequence{} of {} + {} tokens\n", loaded.chosen.name,
               flags.weights.weights, context.num_threads(), flags.streams,
               flags.streams == 1 ? "" : "s", flags.prompt_tokens, flags.new_tokens);
    if (flags.adapters > 0)
        fmt::print("  beside the base {} adapters, r=16 on every linear layer\n", flags.adapters);
    fmt::print("  prefill  {:.1f} tokens/s, {:.2f} of {:.0f} for the layers' products alone\n",
               result.rates.prefill, result.prefill_ratio(), result.forward_limit);
    fmt::print("  decode   {:.1f} tokens/s, reads {} of weights a token at {:.2f} of {}/s\n",
               result.rates.decode, FormatBytes(static_cast<uint64_t>(result.weight_bytes)),
               result.decode_ratio(), FormatBytes(static_cast<uint64_t>(result.read_bandwidth)));
    if (flags.adapters > 0)
        fmt::print("  the base alone decodes {:.1f} tokens/s: with the adapters {:.2f} of that\n",
                   result.rates.base_decode, result.rates.decode / result.rates.base_decode);
    fmt::print("  memory   {}\n", FormatBytes(result.peak));
    return absl::OkStatus();
}

void AddInfer(CLI::App& bench, std::vector<Command>& commands) {
    CLI::App* app =
        AddCommand(bench, "infer", "measures how fast prompts are read and answers written");
    auto flags = std::make_shared<InferFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunInfer(*flags); }});
}

struct TrainFlags {
    MachineFlags machine;
    TrainBenchmarkOptions options;
    std::string target_modules = "all-linear";
    bool json = false;

    void Add(CLI::App& app) {
        FinetuneOptions& run = options.run;
        run.lora.r = 16;
        run.seed = 1;
        std::vector<std::string> methods;
        for (const Method* method : Methods()) methods.emplace_back(method->name());
        Flags flags(app);
        flags.Group("Model")
            .Text("-m,--model_name_or_path", run.model_name_or_path,
                  "a name from `hone models list`, a folder, a .gguf file, or org/repo; default: "
                  "smollm2-135m-instruct")
            .Choice("--torch_dtype", run.torch_dtype, {"bfloat16", "float16", "float32"},
                    "what products are computed in; float16 computes as bfloat16 on a CPU");
        flags.Group("Step")
            .Choice("--method", run.method, methods,
                    "what is trained; qlora: an adapter over a base in NF4")
            .Choice("--base_compute", run.base_compute, {"native", "int8"},
                    "lora: what the base's products are computed in; native: --torch_dtype")
            .Integer("--lora_r", run.lora.r, "rank of the adapter")
            .Text("--target_modules", target_modules, "which linear layers get an adapter")
            .Integer("--batch_size", options.batch_size, "rows of a step")
            .Integer("--seq_len", options.seq_len, "tokens of a row")
            .Integer("--micro_batch_tokens", options.micro_batch_tokens,
                     "tokens that go through the model at a time; 0: as in training")
            .Bool("--gradient_checkpointing", options.gradient_checkpointing,
                  "computes activations again")
            .Integer("--steps", options.steps, "steps that are measured; the fastest counts")
            .Bool("--json", json, "prints JSON");
        machine.Add(flags);
    }
};

absl::Status RunTrain(const TrainFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    TrainBenchmarkOptions options = flags.options;
    FinetuneOptions& run = options.run;
    run.threads = flags.machine.threads;
    const Method& method = MethodOf(run);
    if (run.base_compute != FinetuneOptions().base_compute)
        HONE_RETURN_IF_ERROR(method.CheckTakes(*FindOption("base_compute"), OptionNames()));
    const std::string problem =
        ReadOption(*FindOption("target_modules"), flags.target_modules, run);
    if (!problem.empty()) return UsageError("--target_modules: {}", problem);
    if (run.torch_dtype == "float16")
        fmt::print(stderr, "note: on a CPU float16 computes as bfloat16\n");
    const ModelFlags model{.model_name_or_path = run.model_name_or_path};
    HONE_ASSIGN_OR_RETURN(const ChosenModel chosen, model.Choose());
    run.model_name_or_path = chosen.name;
    HONE_RETURN_IF_ERROR(FetchModel(run.model_name_or_path));
    HONE_ASSIGN_OR_RETURN(TrainBenchmarkResult result, BenchmarkTraining(options));
    if (flags.json) {
        fmt::print(
            "{}",
            JsonText({{"model", run.model_name_or_path},
                      {"method", run.method},
                      {"lora_r", run.lora.r},
                      {"target_modules", flags.target_modules},
                      {"torch_dtype", run.torch_dtype},
                      {"base_compute", run.base_compute},
                      {"batch_size", options.batch_size},
                      {"seq_len", options.seq_len},
                      {"micro_batch_tokens", result.micro_batch_tokens},
                      {"trainable_parameters", result.trainable_parameters},
                      {"tokens_per_second", result.tokens_per_second},
                      {"step_time_ms", result.step_time_ms},
                      {"peak_memory_bytes", result.peak_memory_bytes},
                      {"activation_bytes", result.activation_bytes},
                      {"nf4_bits_per_weight", result.nf4_bits_per_weight},
                      {"gemm_gflops", result.roofline.gemm_gflops},
                      {"roofline_tokens_per_second", result.roofline.roofline_tokens_per_second},
                      {"limit_tokens_per_second", result.roofline.limit_tokens_per_second},
                      {"forward_tokens_per_second", result.roofline.forward_tokens_per_second},
                      {"limit_ratio", result.limit_ratio()}}));
        return absl::OkStatus();
    }
    fmt::print("{}, {}{}{}, {} x {} tokens a step\n", run.model_name_or_path, method.Headline(run),
               method.AdaptsLayers() ? " on " + flags.target_modules : "",
               method.Storage(run) == WeightStorage::kInt8Channels ? ", base in int8" : "",
               options.batch_size, options.seq_len);
    fmt::print("  speed     {:.1f} tokens/s, {:.0f} ms a step\n", result.tokens_per_second,
               result.step_time_ms);
    fmt::print("  limit     {:.1f} tokens/s for its matrix products alone; reached {:.2f} of it\n",
               result.roofline.limit_tokens_per_second, result.limit_ratio());
    fmt::print("  roofline  {:.1f} tokens/s for the base's products, {:.0f} GFLOP/s\n",
               result.roofline.roofline_tokens_per_second, result.roofline.gemm_gflops);
    fmt::print("  memory    {}\n", FormatBytes(result.peak_memory_bytes));
    return absl::OkStatus();
}

void AddTrain(CLI::App& bench, std::vector<Command>& commands) {
    CLI::App* app =
        AddCommand(bench, "train", "measures a training step, and what this machine would allow");
    auto flags = std::make_shared<TrainFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunTrain(*flags); }});
}

struct KernelFlags {
    MachineFlags machine;
    bool smoke = false, json = false;
};

// What a row is held against: the products that oneDNN does with nothing in between, or what
// memory yields. Numbers that lie in the caches, and products in 8 bits, can pass 1.0.
struct KernelLimits {
    double bf16_gflops = 0, f32_gflops = 0, read_gigabytes = 0;

    static absl::StatusOr<KernelLimits> Measure(const Context& context) {
        const RooflineShape layer{.hidden = 576,
                                  .attention = 576,
                                  .key_value = 192,
                                  .intermediate = 1536,
                                  .layers = 1,
                                  .tokens = 1024,
                                  .row_length = 512};
        HONE_ASSIGN_OR_RETURN(const Roofline bf16, MeasureRoofline(layer, true));
        HONE_ASSIGN_OR_RETURN(const Roofline f32, MeasureRoofline(layer, false));
        return KernelLimits{bf16.gemm_gflops, f32.gemm_gflops, MeasureReadBandwidth(context) / 1e9};
    }
    double Share(const BenchRow& row) const {
        if (row.unit == "GB/s") return row.rate / read_gigabytes;
        return row.rate / (row.shape.starts_with("f32") ? f32_gflops : bf16_gflops);
    }
};

absl::Status RunKernels(const KernelFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    const Context context(flags.machine.threads);
    HONE_ASSIGN_OR_RETURN(const KernelLimits limits, KernelLimits::Measure(context));
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    if (!flags.json) {
        fmt::print(
            "The limits: products at {:.0f} GFLOP/s in bf16 and {:.0f} in f32 (oneDNN, all cores), "
            "memory read at {:.1f} GB/s.\n"
            "* is the implementation that is used here.\n\n",
            limits.bf16_gflops, limits.f32_gflops, limits.read_gigabytes);
        fmt::print("{:<24} {:<14} {:<44} {:>10} {:>18} {:>12} {:>9}\n", "OP", "KERNEL", "SHAPE",
                   "TIME", "RATE", "OF THE LIMIT", "ERROR");
    }
    for (const BenchRow& row : BenchKernels(context, flags.smoke)) {
        if (flags.json) {
            rows.push_back({{"op", row.op},
                            {"kernel", row.kernel},
                            {"chosen", row.chosen},
                            {"shape", row.shape},
                            {"seconds", row.seconds},
                            {"rate", row.rate},
                            {"unit", row.unit},
                            {"limit_share", limits.Share(row)},
                            {"error", row.error},
                            {"declined", row.declined}});
            continue;
        }
        fmt::print("{:<24} {:<14} {:<44} {:>7.3f} ms {:>10.1f} {:<7} {:>12.2f} {:>9.1e}\n", row.op,
                   row.kernel + (row.chosen ? " *" : ""), row.shape, 1e3 * row.seconds, row.rate,
                   row.unit, limits.Share(row), row.error);
        if (!row.declined.empty()) fmt::print("    declined: {}\n", row.declined);
    }
    if (flags.json)
        fmt::print("{}", JsonText({{"bf16_gflops", limits.bf16_gflops},
                                   {"f32_gflops", limits.f32_gflops},
                                   {"read_bytes_per_second", limits.read_gigabytes * 1e9},
                                   {"kernels", rows}}));
    return absl::OkStatus();
}

void AddKernels(CLI::App& bench, std::vector<Command>& commands) {
    CLI::App* app = AddCommand(bench, "kernels", "measures each operation in each implementation");
    auto shared = std::make_shared<KernelFlags>();
    Flags flags(*app);
    flags.Group("Benchmark")
        .Bool("--smoke", shared->smoke, "tiny shapes, one run each")
        .Bool("--json", shared->json, "prints JSON");
    shared->machine.Add(flags);
    commands.push_back({app, [shared] { return RunKernels(*shared); }});
}

}  // namespace

void AddBench(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* bench = AddCommand(root, "bench", "measures this machine");
    AddTrain(*bench, commands);
    AddInfer(*bench, commands);
    AddKernels(*bench, commands);
}

}  // namespace hone
