#include <unistd.h>

#include <filesystem>
#include <memory>

#include "base/files/file.h"
#include "base/text/json_text.h"
#include "base/text/text.h"
#include "cli/commands/commands.h"
#include "cli/flags/finetune_flags.h"
#include "cli/terminal/layout.h"
#include "cli/terminal/loading.h"
#include "cli/terminal/progress.h"
#include "cli/terminal/signals.h"
#include "hub/catalogue.h"
#include "model/files/model_files.h"
#include "train/finetune.h"
#include "train/objective/objective.h"

namespace hone {
namespace {

// Rows of full length for one step, for when there is no data yet: what training costs does not
// depend on what the tokens are.
absl::Status WriteFullRows(const FinetuneOptions& options, const std::string& path) {
    const int64_t length = options.data.max_seq_len;
    std::string row = "{\"input_ids\":[";
    for (int64_t i = 0; i < length; ++i) row += fmt::format("{}{}", i > 0 ? "," : "", 1 + i % 16);
    row += "]}\n";
    std::string text;
    const int64_t rows = options.per_device_train_batch_size * options.gradient_accumulation_steps;
    for (int64_t i = 0; i < rows; ++i) text += row;
    return WriteFileAtomic(path, text);
}

// A folder that goes away with its content.
class ScratchFolder {
  public:
    ScratchFolder()
        : path_((std::filesystem::temp_directory_path() / fmt::format("hone-estimate-{}", getpid()))
                    .string()) {}
    ~ScratchFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

// Keeps the plan; shows the work, and passes on what is said of data that is the user's.
class EstimateReporter : public EventSink {
  public:
    explicit EstimateReporter(bool own_data) : own_data_(own_data) {}
    absl::Status OnEvent(const Event& event) override {
        if (const auto* message = std::get_if<RunMessage>(&event.body); message && own_data_) {
            const bool warning = message->level == MessageLevel::kWarning;
            line_.Say(fmt::format("{}: {}", warning ? "warning" : "note", message->text));
        } else if (const auto* work = std::get_if<WorkReport>(&event.body)) {
            work_.Show(*work);
        } else if (const auto* plan = std::get_if<RunPlan>(&event.body)) {
            line_.Clear();
            plan_ = *plan;
            if (!own_data_) plan_.data_summary.clear();
        }
        return absl::OkStatus();
    }
    const RunPlan& plan() const { return plan_; }

  private:
    bool own_data_;
    LiveLine line_{stderr};
    WorkLine work_{line_, NowSeconds};
    RunPlan plan_;
};

void Print(const RunPlan& plan, bool json) {
    const MemoryPlan& memory = plan.memory;
    if (json) {
        fmt::print("{}", JsonText({{"model", plan.model},
                                   {"method", plan.method},
                                   {"compute", plan.compute},
                                   {"threads", plan.threads},
                                   {"trainable_parameters", plan.trainable_parameters},
                                   {"steps", plan.total_steps - plan.start_step},
                                   {"gradient_checkpointing", plan.gradient_checkpointing},
                                   {"memory_bytes", plan.needed_bytes},
                                   {"memory_to_come_bytes", plan.to_come_bytes},
                                   {"available_bytes", plan.available_bytes},
                                   {"weight_bytes", memory.weights},
                                   {"parameter_bytes", memory.parameters},
                                   {"activation_bytes", memory.activations},
                                   {"workspace_bytes", memory.workspace},
                                   {"seconds", plan.estimated_seconds}}));
        return;
    }
    fmt::print("{}", PlanText(plan));
    fmt::print("of the memory: weights {}, trained parameters {}, activations {}, workspace {}\n",
               FormatBytes(memory.weights), FormatBytes(memory.parameters),
               FormatBytes(memory.activations), FormatBytes(memory.workspace));
}

// Without data: rows of --max_seq_len tokens, or of as many as the model takes where that is fewer
// and nobody said otherwise, for one step.
absl::Status ChooseFullRows(const GivenOptions& given, const std::string& folder,
                            FinetuneOptions& options) {
    HONE_ASSIGN_OR_RETURN(const std::string path, LocateOrPullModel(options.model_name_or_path));
    HONE_ASSIGN_OR_RETURN(const std::unique_ptr<ModelFiles> files, OpenModel(path));
    const int64_t limit = files->config.max_position_embeddings;
    const bool shorter = !given.Has("max_seq_len") && limit < options.data.max_seq_len;
    if (shorter) {
        options.data.max_seq_len = limit;
        HONE_RETURN_IF_ERROR(WriteFullRows(options, folder + "/train.jsonl"));
    }
    options.data.eval_split = "none";
    if (options.max_steps < 1) options.max_steps = 1;
    fmt::print(stderr, "note: no --data_name: rows of {} of {} tokens, {}\n",
               shorter ? "the model's limit" : "the full --max_seq_len", options.data.max_seq_len,
               options.max_steps == 1 ? "one step" : "for --max_steps");
    return absl::OkStatus();
}

absl::Status RunEstimate(const FinetuneFlags& flags, bool json) {
    HONE_RETURN_IF_ERROR(flags.log().Apply());
    HONE_ASSIGN_OR_RETURN(const GivenOptions given, flags.Given());
    const ScratchFolder scratch;
    std::string folder = ".";
    const bool own_data = HasData(given, folder);
    if (!own_data) {
        folder = scratch.path();
        HONE_RETURN_IF_ERROR(MakeDirectories(folder));
        HONE_ASSIGN_OR_RETURN(const FinetuneOptions as_given, ReadGiven(given));
        if (!ObjectiveOf(as_given).direct())
            return UsageError(
                "--objective {} needs --data_name: what a step costs depends on how long the "
                "answers are beside their prompts",
                as_given.objective);
        if (as_given.task != "text-generation")
            return UsageError("--task {} needs --data_name: the rows say which labels there are",
                              as_given.task);
        HONE_RETURN_IF_ERROR(WriteFullRows(as_given, folder + "/train.jsonl"));
    }
    HONE_ASSIGN_OR_RETURN(ResolvedOptions resolved, FinetuneFlags::Resolve(given, folder));
    FinetuneOptions& options = resolved.options;
    if (own_data) {
        for (const std::string& note : resolved.notes) fmt::print(stderr, "note: {}\n", note);
    }
    HONE_RETURN_IF_ERROR(FetchModel(options.model_name_or_path));
    if (!own_data) HONE_RETURN_IF_ERROR(ChooseFullRows(given, folder, options));
    EventStream events;
    EstimateReporter reporter(own_data);
    const ScopedSink shown(events, reporter);
    HONE_RETURN_IF_ERROR(EstimateFinetune(options, events, StopOnInterrupt()));
    Print(reporter.plan(), json);
    return absl::OkStatus();
}

}  // namespace

void AddEstimate(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app =
        AddCommand(root, "estimate",
                   "says what memory and time `hone finetune` with the same flags would take here");
    auto flags = std::make_shared<FinetuneFlags>(FinetuneFlags::Purpose::kEstimate);
    auto json = std::make_shared<bool>(false);
    flags->Add(*app);
    Flags(*app).Group("Estimate").Bool("--json", *json, "prints JSON");
    commands.push_back({app, [flags, json] { return RunEstimate(*flags, *json); }});
}

}  // namespace hone
