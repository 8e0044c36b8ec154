#include <sys/resource.h>

#include <memory>

#include "cli/bench.h"
#include "cli/commands.h"
#include "cli/json_text.h"
#include "cli/layout.h"
#include "cli/load_model.h"

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
    int64_t prompt_tokens = 512, new_tokens = 128, batch_size = 1;
    bool json = false;

    void Add(CLI::App& app) {
        Flags flags(app);
        model.Add(flags);
        weights.Add(flags);
        flags.Group("Benchmark")
            .Integer("--prompt_tokens", prompt_tokens, "tokens of each prompt")
            .Integer("--new_tokens", new_tokens, "tokens of each answer")
            .Integer("--batch_size", batch_size, "sequences side by side")
            .Bool("--json", json, "prints JSON");
        machine.Add(flags);
    }
};

// Random prompts, so that nothing depends on a text; the answers run to their full length.
std::vector<GenerateRequest> RandomRequests(int64_t batch_size, int64_t prompt_tokens, int64_t new_tokens,
                                            int64_t vocab_size) {
    Random random(1);
    std::vector<GenerateRequest> requests(static_cast<size_t>(batch_size));
    for (GenerateRequest& request : requests) {
        for (int64_t i = 0; i < prompt_tokens; ++i) {
            request.prompt.push_back(static_cast<int32_t>(random.Next() % static_cast<uint64_t>(vocab_size)));
        }
        request.options.max_new_tokens = new_tokens;
        request.options.sampling.temperature = 0;
        request.options.ignore_eos = true;
    }
    return requests;
}

absl::Status RunInfer(const InferFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    if (flags.prompt_tokens < 1 || flags.new_tokens < 2 || flags.batch_size < 1) {
        return UsageError("--prompt_tokens and --batch_size must be at least 1, --new_tokens at least 2");
    }
    const Context context(flags.machine.threads);
    HONE_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(flags.model, flags.weights.compute(), context));
    const ModelConfig& config = loaded.model->config();
    if (flags.prompt_tokens + flags.new_tokens > config.max_position_embeddings) {
        return UsageError("--prompt_tokens {} and --new_tokens {} are more than the model's context of {}",
                          flags.prompt_tokens, flags.new_tokens, config.max_position_embeddings);
    }
    Generator generator(*loaded.model, loaded.files->tokenizer, context);
    // The first pass pays for pages and code that later ones find warm.
    const auto warm_up = RandomRequests(flags.batch_size, std::min<int64_t>(flags.prompt_tokens, 64), 2,
                                        config.vocab_size);
    HONE_RETURN_IF_ERROR(generator.Generate(warm_up, flags.batch_size).status());
    const auto requests =
        RandomRequests(flags.batch_size, flags.prompt_tokens, flags.new_tokens, config.vocab_size);
    GenerateStats stats;
    HONE_ASSIGN_OR_RETURN(std::vector<GenerateResult> results,
                          generator.Generate(requests, flags.batch_size, nullptr, &stats));
    for (const GenerateResult& result : results) {
        if (static_cast<int64_t>(result.tokens.size()) != flags.new_tokens) {
            return OtherError("an answer has {} tokens instead of {}", result.tokens.size(), flags.new_tokens);
        }
    }
    const double prefill = static_cast<double>(stats.prompt_tokens) / stats.prefill_seconds;
    const double decode = static_cast<double>(stats.decode_tokens) / stats.decode_seconds;
    const uint64_t peak = PeakMemoryBytes();
    if (flags.json) {
        fmt::print("{}", JsonText({{"model", loaded.name},
                                   {"adapter", loaded.adapter},
                                   {"weights", flags.weights.weights},
                                   {"threads", context.num_threads()},
                                   {"batch_size", flags.batch_size},
                                   {"prompt_tokens", flags.prompt_tokens},
                                   {"new_tokens", flags.new_tokens},
                                   {"prefill_tokens_per_second", prefill},
                                   {"decode_tokens_per_second", decode},
                                   {"peak_memory_bytes", peak}}));
        return absl::OkStatus();
    }
    fmt::print("{}, {} weights, {} threads, {} sequence{} of {} + {} tokens\n", loaded.name, flags.weights.weights,
               context.num_threads(), flags.batch_size, flags.batch_size == 1 ? "" : "s", flags.prompt_tokens,
               flags.new_tokens);
    fmt::print("  prefill  {:.1f} tokens/s\n  decode   {:.1f} tokens/s\n  memory   {}\n", prefill, decode,
               FormatBytes(peak));
    return absl::OkStatus();
}

void AddInfer(CLI::App& bench, std::vector<Command>& commands) {
    CLI::App* app = bench.add_subcommand("infer", "measures how fast prompts are read and answers written");
    auto flags = std::make_shared<InferFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunInfer(*flags); }});
}

}  // namespace

void AddBench(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* bench = root.add_subcommand("bench", "measures this machine");
    bench->require_subcommand(1);
    AddBenchTrain(*bench, commands);
    AddInfer(*bench, commands);
}

}  // namespace hone
