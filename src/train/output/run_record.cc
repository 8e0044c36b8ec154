#include "train/output/run_record.h"

#include <filesystem>
#include <utility>

#include "base/error_report.h"
#include "base/files/file.h"
#include "base/files/json_file.h"
#include "base/text/json_text.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

// What an unfinished run of the same options found out already.
constexpr const char* kKept[] = {"wall_seconds", "peak_memory_bytes", "data", "processes", "plan"};

}  // namespace

RunRecord::RunRecord(const OutputFolder& folder, bool has_checkpoints, const RunFacts& facts)
    : folder_(folder), facts_(facts) {
    std::error_code error;
    writes_ = !std::filesystem::exists(folder.run_json(), error);
    if (writes_) return;
    auto text = ReadFile(folder.run_json());
    auto json = ReadJsonObject(folder.run_json());
    if (!text.ok() || !json.ok()) return;
    before_ = *std::move(text);
    if (json->value("status", Json()) == "done") return;
    const bool same = json->value("options", Json()) == OptionsToJson(facts.options);
    writes_ = same || !has_checkpoints;
    for (const char* key : kKept)
        if (same && json->contains(key)) kept_[key] = (*json)[key];
}

absl::Status RunRecord::Write(const RunState& state, const RunResult* result) {
    if (!writes_) return absl::OkStatus();
    Json json = RunJson(facts_, state, result);
    for (const auto& [key, value] : kept_.items())
        if (!json.contains(key)) json[key] = value;
    written_ = true;
    return WithKind(WriteFileAtomic(folder_.run_json(), JsonText(json)), ErrorKind::kTraining);
}

absl::Status RunRecord::Write(const RunState& state) {
    if (!result_) return Write(state, nullptr);
    const RunResult result = result_();
    return Write(state, &result);
}

absl::Status RunRecord::OnEvent(const Event& event) {
    const auto* changed = std::get_if<StageChanged>(&event.body);
    if (changed == nullptr) return absl::OkStatus();
    stage_ = changed->stage;
    return Write({.stage = stage_});
}

absl::Status RunRecord::Accept(std::function<RunResult()> result) {
    result_ = std::move(result);
    writes_ = true;
    return Write({.stage = stage_});
}

absl::Status RunRecord::Finish(const RunResult& result) {
    return Write({.status = RunStatus::kDone, .stage = stage_}, &result);
}

absl::Status RunRecord::End(RunStatus status, const absl::Status& why) {
    const ErrorKind kind = KindOf(why);
    return Write(
        {.status = status,
         .stage = stage_,
         .code = std::string(status == RunStatus::kCancelled ? "cancelled" : ErrorCode(kind)),
         .error = std::string(why.message())});
}

void RunRecord::Withdraw() {
    if (std::exchange(written_, false)) {
        // What cannot be put back tells of this run, which is as true.
        if (before_) {
            WriteFileAtomic(folder_.run_json(), *before_).IgnoreError();
        } else {
            std::error_code ignored;
            std::filesystem::remove(folder_.run_json(), ignored);
        }
    }
    writes_ = false;
}

}  // namespace hone
