// What clients want to know before they act: which bases there are, what a model will read of a
// file, and what a job will come to. Nothing is changed, and no model runs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "data/format/tokenize.h"
#include "data/load/check.h"
#include "platform/conduct/recipe.h"
#include "platform/files/files.h"
#include "platform/jobs/job_request.h"
#include "platform/models/models.h"

namespace hone::platform {

struct BaseDescription {
    std::string name;
    std::vector<std::string> aliases;
    std::string architecture;  // "LlamaForCausalLM"
    std::string licence;       // "Apache 2.0"; empty: not known
    int64_t parameters = 0;
    int64_t context = 0;   // tokens
    int64_t bytes = 0;     // of its files on disk
    bool fetched = false;  // while a server ran, and can be removed
};

// A part of an example as the model reads it.
struct TextPiece {
    std::string text;
    bool trained = false;  // the loss is taken over it
};

struct FileLine {
    int64_t line = 0;        // from 1
    std::string text;        // as it stands in the file, up to kMaxLineText bytes of it
    bool shortened = false;  // there is more of it
    // With a model alone, where the line is an example that it can read:
    int64_t tokens = 0;
    std::vector<TextPiece> pieces;  // up to kMaxLineText bytes, too
};
inline constexpr size_t kMaxLineText = 16 << 10;
inline constexpr size_t kMaxLines = 100;  // of one request

struct LinesRequest {
    std::string model;             // empty: without tokens
    std::vector<int64_t> numbers;  // the lines that are wanted, at most kMaxLines; empty: those
    int64_t after = 0;             // behind this one,
    size_t limit = 20;             // at most so many, up to kMaxLines
};

struct FileLines {
    std::vector<FileLine> lines;  // ascending; blank lines are left out
    bool has_more = false;
};

// Of the tokens of an example, before what is too long is cut.
struct TokenCounts {
    int64_t examples = 0;  // that were counted: the first ones, up to kCountedExamples
    double mean = 0, mean_trained = 0;
    LengthPercentiles lengths;
    int64_t too_long = 0;  // examples that will be cut
};
inline constexpr int64_t kCountedExamples = 500;

struct JobEstimate {
    Hyperparameters hyperparameters;  // with every "auto" replaced
    int64_t examples = 0, bad_lines = 0;
    int64_t steps = 0;
    double learning_rate = 0;
    int64_t longest_example = 0;  // tokens; what is longer will be cut
    TokenCounts tokens;
    std::string command;  // `hone finetune` for the same training, with the names of files alone
};

class Advisor {
  public:
    Advisor(Services& services, const Bases& bases, Files& files, Models& models)
        : services_(services), bases_(bases), files_(files), models_(models) {}

    // In the order of Bases. One whose files cannot be read is left out, and the log says why.
    std::vector<BaseDescription> DescribeBases() const;
    // Reads the file up to the last line that is wanted.
    absl::StatusOr<FileLines> Lines(const Caller& caller, const std::string& file_id,
                                    const LinesRequest& request);
    // What the job would be. Reads the whole training file.
    absl::StatusOr<JobEstimate> Estimate(const Caller& caller, const JobRequest& request);

  private:
    using Encoder = std::shared_ptr<const ConversationEncoder>;
    absl::StatusOr<Encoder> EncoderOf(const ModelPlace& place);
    absl::StatusOr<std::string> CommandOf(const Caller& caller, const JobRequest& request,
                                          const Job& job, int64_t epoch_steps,
                                          const ModelPlace& place, const BaseFacts& facts);

    Services& services_;
    const Bases& bases_;
    Files& files_;
    Models& models_;
    std::mutex mutex_;  // also while an encoder is made, which takes a second
    std::map<std::string, Encoder> encoders_;  // by the base's name
    int64_t encoders_version_ = -1;            // of the bases: a name may be another one's later
};

}  // namespace hone::platform
