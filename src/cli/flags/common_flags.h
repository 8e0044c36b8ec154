// The flags that several commands share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "answer/asking.h"
#include "answer/choose_model.h"
#include "answer/sampling.h"
#include "base/status.h"
#include "cli/flags/flags.h"
#include "data/options.h"
#include "model/model.h"

namespace hone {

// Olive's default is 3, which would hide warnings.
inline constexpr int kDefaultLogLevel = 2;

// --log_level.
struct LogFlags {
    int log_level = kDefaultLogLevel;
    void Add(Flags& flags);
    // An error when the value is out of range.
    absl::Status Apply() const;
};

// --threads and --log_level.
struct MachineFlags : LogFlags {
    int threads = 0;
    void Add(Flags& flags);
    // LogFlags', and an error when --threads is out of range.
    absl::Status Apply() const;
};

// -m, -a and --trust_remote_code.
struct ModelFlags {
    std::string model_name_or_path;
    std::string adapter_path;
    bool trust_remote_code = false;
    void Add(Flags& flags);
    // Likewise, with any number of adapters in place of one.
    void Add(Flags& flags, std::vector<std::string>& adapters);
    // ChosenModel::Choose; what was decided is said on standard error.
    absl::StatusOr<ChosenModel> Choose() const;

  private:
    void AddModel(Flags& flags);
};

// --system_prompt and --raw.
struct AskFlags : AskOptions {
    void Add(Flags& flags);
    // Asking::Choose; what the run decided is said on standard error.
    absl::StatusOr<Asking> Choose(const std::optional<TrainedForm>& form) const;
};

// An adapter beside the base: the name that it is asked by, its folder, and how it is asked.
struct BesideAdapter {
    std::string name, folder;
    Asking asking;
};

// --adapter NAME=FOLDER, which may come many times; FOLDER may be that of a run.
struct AdapterFlags {
    std::vector<std::string> adapters;
    void Add(Flags& flags, const std::string& help);
    // What is wrong with the words, or with an adapter's folder, is an error; so is one beside an
    // adapter that becomes a part of the model.
    absl::StatusOr<std::vector<BesideAdapter>> Read(const ModelFlags& model,
                                                    const AskFlags& ask) const;
};

// The options of a run that say where rows are and how they are read, for commands that train
// nothing; into DataOptions.
struct DataFlags {
    // --data_name and --data_files.
    void AddSource(Flags& flags, DataOptions& options);
    // Which of the rows are trained on, and which evaluated on.
    void AddSplits(Flags& flags, DataOptions& options);
    // How they are read.
    void AddRows(Flags& flags, DataOptions& options);
    // What excludes each other; data_name from data_files where it is missing; and where data sets
    // of the Hub come from.
    absl::Status Resolve(DataOptions& options) const;
};

// --weights.
struct WeightFlags {
    std::string weights = "bf16";
    void Add(Flags& flags);
    LoadOptions options() const;
};

// Sampling and stopping.
struct SamplingFlags : SamplingChoice {
    void Add(Flags& flags);
    // All but --max_new_tokens.
    void AddDrawing(Flags& flags);
    // With the escapes of --stop read.
    SamplingChoice Choice() const;
};

// --torch_dtype, into its name; the short names (bf16, fp16, fp32, torch.bfloat16) mean the same.
void AddTorchDtype(Flags& flags, std::string& torch_dtype);
// bfloat16, float16 or float32; float16 computes as bfloat16 on a CPU and says so.
absl::StatusOr<ComputeType> ReadTorchDtype(const std::string& torch_dtype);

}  // namespace hone
