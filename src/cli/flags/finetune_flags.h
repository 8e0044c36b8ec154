// `hone finetune`'s flags: Olive's names and defaults, and of transformers.TrainingArguments what
// hone supports; each of the others is refused with what to do instead.
#pragma once

#include <string>
#include <vector>

#include "cli/flags/common_flags.h"
#include "train/options.h"

namespace hone {

class FinetuneFlags {
  public:
    // An estimate writes nothing: it has no flags for that.
    enum class Purpose { kTrain, kEstimate };
    explicit FinetuneFlags(Purpose purpose = Purpose::kTrain);
    void Add(CLI::App& app);

    struct Resolved {
        FinetuneOptions options;
        std::vector<std::string> notes;  // what was chosen for the user: whole sentences
    };
    // The options, checked. Without --data_name, `folder`/train.jsonl (and validation.jsonl) are
    // looked for; without a model, the adapter's base or the default model is taken.
    absl::StatusOr<Resolved> Resolve(const std::string& folder = ".") const;

    // Whether the command line names the flag ("--max_seq_len").
    bool Given(const char* flag) const { return WasGiven(*app_, flag); }
    // Whether a flag, or train.jsonl in `folder`, says what to train on.
    bool HasData(const std::string& folder) const;

    const MachineFlags& machine() const { return machine_; }
    const FinetuneOptions& options() const { return options_; }  // as given

  private:
    void AddData(Flags& flags);
    void AddMethod(Flags& flags);
    void AddTraining(Flags& flags);
    void AddOptimiser(Flags& flags);
    void AddReports(Flags& flags);
    absl::Status CheckStart() const;
    absl::Status ResolveStrategies(FinetuneOptions& options) const;

    absl::Status ResolveFull(Resolved& resolved) const;
    absl::Status ResolveQlora(Resolved& resolved) const;

    Purpose purpose_;
    const CLI::App* app_ = nullptr;  // says which flags were given; outlives this object
    FinetuneOptions options_;
    ModelFlags model_;
    MachineFlags machine_;
    DataFlags data_;
    std::string task_ = "text-generation";
    std::string target_modules_, exclude_modules_;
    std::string eval_strategy_, save_strategy_;
};

// --target_modules: names or suffixes with commas between, "all-linear", or a regular expression;
// "none": the default.
void ReadModuleNames(const std::string& text, std::vector<std::string>& names, bool& is_regex);

}  // namespace hone
