// One fine-tuning run, stage by stage; finetune.cc calls the stages in their order, and each has a
// file of its own here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/watch.h"
#include "chat/chat_files.h"
#include "data/load/dataset.h"
#include "hub/hub.h"
#include "model/files/model_files.h"
#include "tensor/context.h"
#include "train/control/poll.h"
#include "train/embedding/pair_loss.h"
#include "train/events/event_stream.h"
#include "train/loop/engine_learner.h"
#include "train/loop/trainer.h"
#include "train/method/method.h"
#include "train/objective/objective.h"
#include "train/options/options.h"
#include "train/output/output_folder.h"
#include "train/output/run_files.h"
#include "train/output/run_log.h"
#include "train/output/run_record.h"
#include "train/run/shared_base.h"

namespace hone {

class FinetuneRun {
  public:
    // The references outlive this.
    // The base is taken from `base`, where it is not null and has it.
    FinetuneRun(const FinetuneOptions& options, EventStream& events, const RunControl& control,
                SharedBase* base = nullptr)
        : options_(options), events_(events), poll_(control, events), base_(base) {}

    // From the options to the result. Errors of a library that come as exceptions leave as such.
    absl::Status Run();
    // What is left to do when Run failed with `why`: run.json and the last event tell of it.
    // Returns the error as the caller is to see it.
    absl::Status Fail(absl::Status why);
    // After Run: leaves the base for the next run.
    void LeaveBase();
    // Up to the plan, which is announced.
    absl::Status Estimate();

  private:
    // Emits the change, and ends or holds the run where that is wanted.
    absl::Status Enter(RunStage stage);
    // Shows a piece of work while it is done, from `from` to `to` of the whole, and ends or holds
    // it where that is wanted.
    Watcher Shown(WorkReport work, double from = 0, double to = 1);
    void Say(const std::string& text) { events_.Emit(RunMessage{MessageLevel::kInfo, text}); }
    void Warn(const std::string& text) { events_.Emit(RunMessage{MessageLevel::kWarning, text}); }
    absl::Status NothingToDo(RunResult result);
    absl::Status ValidateRun() const;

    // Validating (validating.cc): --output_path, the model's files, the data as tokens.
    absl::Status ClaimOutput();
    absl::Status WriteConfig();
    absl::Status OpenInputs();
    absl::Status OpenModelFiles();
    absl::StatusOr<std::vector<std::string>> FetchDataset(const std::string& repo,
                                                          const std::string& subset);
    ProgressCallback ShowsFetching();
    absl::Status ReadData(const std::shared_ptr<const ConversationEncoder>& encoder);
    // The teacher (teaching.cc), where there is one: its files and whether its vocabulary is the
    // student's, whether it takes the rows, its weights.
    absl::Status OpenTeacher(const ChatFiles& student);
    absl::Status CheckTeacherTakes(const LoadedData& data) const;
    absl::Status LoadTeacher();
    std::string TemplateDate() const;

    // Loading (loading.cc, planning.cc, resuming.cc): the base with what is trained of it, the
    // plan, the checkpoint to go on from, and the time that the plan's steps will take.
    absl::Status Load();
    absl::Status LoadModel();
    absl::Status MakePlan();
    absl::Status PlanMemory();
    int64_t MostTokensAtOnce() const;
    int64_t MostVirtualTokens(int64_t tokens) const;
    size_t PairBytes() const;
    void AddTeacher(MemoryPlan* memory) const;
    absl::Status PlanDiskUse();
    // Adds the time that one pass over `probe_tokens` tokens promises, and emits the plan.
    absl::Status Announce(int64_t probe_tokens);
    absl::StatusOr<ScheduleOptions> Schedule() const;
    absl::Status MakeTrainer();
    nlohmann::ordered_json Configuration() const;
    nlohmann::ordered_json Process() const;
    absl::Status Resume();
    absl::Status TakeUpCheckpoint();
    // The checkpoint to go on from; empty: none.
    absl::StatusOr<std::string> ChooseCheckpoint();
    // Whether OUTPUT holds the result of these steps, whole.
    bool Finished() const;

    // Training and evaluating (training.cc).
    absl::Status Train();

    // Delivering (delivering.cc).
    absl::Status Deliver();
    absl::Status WriteArtifact(RunResult& result);
    absl::Status WriteReports(const RunResult& result);
    // The trainer's numbers, with what was made of them.
    RunResult Result() const;

    FinetuneOptions options_;
    const Method* method_ = nullptr;                // once the options are known to be valid
    const Objective* objective_ = nullptr;          // likewise
    std::shared_ptr<PairLoss> pair_loss_;           // where embeddings are trained
    std::shared_ptr<ProgramTokenLoss> token_loss_;  // the user\'s own, of labelled tokens
    std::unique_ptr<ModelFiles> teacher_files_;     // null: there is no teacher
    std::string teacher_fingerprint_;
    std::shared_ptr<Model> teacher_;
    EventStream& events_;
    Poll poll_;
    SharedBase* base_;
    const double started_ = NowSeconds();
    RunFacts facts_;

    std::unique_ptr<OutputFolder> output_;
    std::unique_ptr<RunRecord> record_;
    std::optional<ScopedSink> record_listens_;
    std::optional<Context> context_;
    std::unique_ptr<ModelFiles> files_;
    bool shows_date_ = false;  // the chat template does
    LoadedData data_;
    std::unique_ptr<Model> model_;
    std::unique_ptr<StepPlan> steps_;
    std::unique_ptr<EngineLearner> learner_;
    std::unique_ptr<Trainer> trainer_;
    std::unique_ptr<RunLog> log_;
};

}  // namespace hone
