// What a checkpoint holds of the loop: trainer_state.json out and in.
#include <filesystem>

#include "base/files/file.h"
#include "base/files/json_file.h"
#include "base/limits.h"
#include "fmt/ranges.h"
#include "train/loop/checkpoint.h"
#include "train/loop/trainer.h"
#include "train/output/machine.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kStateFormat = 1;

Json EvalToJson(const std::optional<EvalReport>& report) {
    return report ? ToJson(*report) : Json();
}

absl::StatusOr<std::optional<EvalReport>> EvalFromJson(const Json& json) {
    if (json.is_null()) return std::nullopt;
    return EvalReportFromJson(json);
}

}  // namespace

Json Trainer::ThisProcess() const {
    Json process = options_.process;
    process["first_step"] = first_step_;
    process["last_step"] = state_.step;
    process["seconds"] = options_.clock() - options_.process_started_s;
    process["step_seconds"] = run_seconds_;
    process["tokens"] = run_tokens_;
    process["peak_memory_bytes"] = PeakResidentBytes();
    return process;
}

// Not of the machine's name, memory or number of threads, which change no bit.
void Trainer::WarnOfOtherKernels() {
    auto kernels = [](const Json& process) {
        const Json machine = process.value("machine", Json::object());
        Json used = Json::object();
        for (const char* key : {"simd", "kernels"})
            if (machine.contains(key)) used[key] = machine[key];
        return used;
    };
    const Json here = kernels(options_.process);
    for (const Json& process : state_.processes) {
        const Json there = kernels(process);
        if (there.empty() || here.empty()) continue;
        const auto differences = Differences(there, here);
        if (differences.empty()) continue;
        events_.Emit(RunMessage{
            MessageLevel::kWarning,
            fmt::format("the first {} steps were computed by other kernels ({}): what follows is "
                        "as right, but its last bits differ from those of a run that was not "
                        "interrupted",
                        state_.step, fmt::join(differences, "; "))});
        return;
    }
}

absl::Status Trainer::WriteState(const std::string& path) const {
    Json processes = state_.processes;
    processes.push_back(ThisProcess());
    Json json = {
        {"format", kStateFormat},
        {"step", state_.step},
        {"next", state_.next.ToJson()},
        {"tokens", state_.tokens},
        {"evaluated_step", state_.evaluated_step},
        {"since_log", state_.since_log.ToJson()},
        {"since_eval", state_.since_eval.ToJson()},
        {"train_loss", state_.train_loss},
        {"best", best_.ToJson()},
        {"overfit", overfit_.ToJson()},
        {"first_eval", EvalToJson(state_.first_eval)},
        {"last_eval", EvalToJson(state_.last_eval)},
        {"best_eval", EvalToJson(state_.best_eval)},
        {"configuration", options_.configuration},
        {"processes", processes},
        {"log_history", state_.history},
    };
    return WriteFileAtomic(path, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

absl::Status Trainer::ReadState(const Json& json) {
    State state;
    try {
        if (json.at("format").get<int>() != kStateFormat)
            return TrainingError("it was written by another version of hone (format {})",
                                 json.at("format").get<int>());
        state.step = json.at("step").get<int64_t>();
        state.tokens = json.at("tokens").get<int64_t>();
        state.evaluated_step = json.at("evaluated_step").get<int64_t>();
        state.since_log = ObjectiveSums::FromJson(json.at("since_log"));
        state.since_eval = ObjectiveSums::FromJson(json.at("since_eval"));
        state.train_loss = json.at("train_loss").get<double>();
        for (const Json& row : json.at("log_history")) state.history.push_back(row);
        // Those that were written before this was kept have none.
        for (const Json& process : json.value("processes", Json::array()))
            state.processes.push_back(process);
        HONE_ASSIGN_OR_RETURN(state.first_eval, EvalFromJson(json.at("first_eval")));
        HONE_ASSIGN_OR_RETURN(state.last_eval, EvalFromJson(json.at("last_eval")));
        HONE_ASSIGN_OR_RETURN(state.best_eval, EvalFromJson(json.at("best_eval")));
        HONE_ASSIGN_OR_RETURN(state.next, DataCursor::FromJson(json.at("next")));
        HONE_RETURN_IF_ERROR(best_.FromJson(json.at("best")));
        HONE_RETURN_IF_ERROR(overfit_.FromJson(json.at("overfit")));
    } catch (const nlohmann::json::exception& error) {
        return TrainingError(
            "trainer_state.json is not what this version of hone writes ({}): start from another "
            "checkpoint",
            error.what());
    }
    state_ = std::move(state);
    return absl::OkStatus();
}

absl::Status Trainer::Restore(const std::string& checkpoint) {
    HONE_RETURN_IF_ERROR(VerifyCheckpoint(checkpoint));
    HONE_ASSIGN_OR_RETURN(Json json,
                          ReadJsonObject(checkpoint + "/trainer_state.json", size_t{1} << 30));
    const Json configuration = json.value("configuration", Json::object());
    if (const auto differences = Differences(configuration, options_.configuration);
        !differences.empty())
        return UsageError(
            "{} was made with another configuration ({}). Give the options that it was made with, "
            "another "
            "--output_path, or remove the folder to start afresh",
            checkpoint, fmt::join(differences, "; "));
    HONE_RETURN_IF_ERROR(Annotate(ReadState(json), checkpoint));
    HONE_RETURN_IF_ERROR(RestoreReference(checkpoint));
    HONE_RETURN_IF_ERROR(learner_.Restore(checkpoint));
    HONE_RETURN_IF_ERROR(ReadStates(checkpoint + "/optimizer.safetensors", optimizer_->States()));
    learner_.ParametersChanged();
    first_step_ = state_.step;
    WarnOfOtherKernels();
    prefetcher_.reset();
    pending_.reset();
    // A checkpoint from another folder is not yet saved here.
    const std::filesystem::path parent =
        std::filesystem::absolute(checkpoint).lexically_normal().parent_path();
    const bool ours = parent == std::filesystem::absolute(options_.checkpoints).lexically_normal();
    saved_step_ = ours ? state_.step : -1;
    return absl::OkStatus();
}

}  // namespace hone
