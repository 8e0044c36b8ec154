#include <memory>

#include "cli/bench.h"
#include "cli/json_text.h"
#include "cli/layout.h"
#include "train/benchmark.h"
#include "train/machine.h"

namespace hone {
namespace {

struct TrainFlags {
    ModelFlags model;
    MachineFlags machine;
    TrainBenchmarkOptions options;
    std::string method = "lora", torch_dtype = "bfloat16";
    std::vector<std::string> target_modules = {"all-linear"};
    bool json = false;

    TrainFlags() { options.lora.r = 16; }

    void Add(CLI::App& app) {
        Flags flags(app);
        model.Add(flags);
        flags.Group("Benchmark")
            .Choice("--method", method, {"lora"}, "what is trained")
            .Integer("--lora_r", options.lora.r, "rank of the adapter")
            .List("--target_modules", target_modules, "linear layers that get an adapter")
            .Integer("--batch_size", options.batch_size, "rows of a step")
            .Integer("--seq_len", options.seq_len, "tokens of a row, every one labelled")
            .Integer("--steps", options.steps, "steps to measure; the fastest counts")
            .Integer("--micro_batch_tokens", options.micro_batch_tokens, "tokens that pass at a time; 0: as finetune")
            .Bool("--gradient_checkpointing", options.gradient_checkpointing, "recompute activations")
            .Choice("--torch_dtype", torch_dtype, {"bfloat16", "float32"}, "type of the products")
            .Bool("--json", json, "prints JSON");
        machine.Add(flags);
    }
};

absl::Status RunTrain(TrainFlags flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    TrainBenchmarkOptions& options = flags.options;
    options.model = flags.model.model_name_or_path;
    if (!flags.model.adapter_path.empty()) return UsageError("--adapter_path: bench train starts from a new adapter");
    options.lora.target_modules = flags.target_modules;
    options.lora.lora_alpha = 2.0 * static_cast<double>(options.lora.r);
    options.threads = flags.machine.threads;
    HONE_ASSIGN_OR_RETURN(options.compute, ReadTorchDtype(flags.torch_dtype));
    HONE_ASSIGN_OR_RETURN(const TrainBenchmarkResult result, BenchmarkTraining(options));
    if (flags.json) {
        fmt::print("{}", JsonText({{"model", options.model},
                                   {"method", flags.method},
                                   {"lora_r", options.lora.r},
                                   {"torch_dtype", flags.torch_dtype},
                                   {"batch_size", options.batch_size},
                                   {"seq_len", options.seq_len},
                                   {"micro_batch_tokens", result.micro_batch_tokens},
                                   {"gradient_checkpointing", options.gradient_checkpointing},
                                   {"trainable_parameters", result.trainable_parameters},
                                   {"step_time_ms", result.step_time_ms},
                                   {"tokens_per_second", result.tokens_per_second},
                                   {"peak_memory_bytes", result.peak_memory_bytes},
                                   {"gemm_gflops", result.roofline.gemm_gflops},
                                   {"roofline_tokens_per_second", result.roofline.roofline_tokens_per_second},
                                   {"limit_tokens_per_second", result.roofline.limit_tokens_per_second},
                                   {"limit_ratio", result.limit_ratio()},
                                   {"machine", DescribeMachine()}}));
        return absl::OkStatus();
    }
    fmt::print("{}, {} r={}, {} rows of {} tokens, {}\n", options.model, flags.method, options.lora.r,
               options.batch_size, options.seq_len, flags.torch_dtype);
    fmt::print("  step    {:.0f} ms, {:.0f} tokens/s\n", result.step_time_ms, result.tokens_per_second);
    fmt::print("  limit   {:.0f} tokens/s: hone reaches {:.0f} % of it ({:.0f} GFLOP/s in oneDNN's products)\n",
               result.roofline.limit_tokens_per_second, 100 * result.limit_ratio(), result.roofline.gemm_gflops);
    fmt::print("  memory  {}\n", FormatBytes(result.peak_memory_bytes));
    return absl::OkStatus();
}

}  // namespace

void AddBenchTrain(CLI::App& bench, std::vector<Command>& commands) {
    CLI::App* app = bench.add_subcommand("train", "measures a training step, and the limit that the machine sets");
    auto flags = std::make_shared<TrainFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunTrain(*flags); }});
}

}  // namespace hone
