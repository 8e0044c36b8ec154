// From a job to the options of a training run.
#pragma once

#include <cstdint>
#include <string>

#include "platform/api/records.h"
#include "train/options/options.h"

namespace hone::platform {

// What a base model says of itself.
struct BaseFacts {
    int64_t parameters = 0;
    int64_t context = 0;  // tokens
};
// Reads the headers of the model's files. An error says what is wrong with them.
absl::StatusOr<BaseFacts> ReadBaseFacts(const std::string& path);

// The hyperparameters with every "auto" replaced, by the rules of the API's guide:
//   n_epochs                  3; where that is fewer than 100 passes over examples, 100 / examples
//                             but at most 25; where more than 25,000, 25,000 / examples, at least 1
//   batch_size                0.2 % of the examples, 1 to 256
//   learning_rate_multiplier  2
//   beta                      0.1
Hyperparameters ResolveAuto(const Hyperparameters& asked, const std::string& method,
                            int64_t examples);

// The learning rate at a multiplier of 1: smaller for larger models, and for dpo, which starts from
// a model that is nearly right.
double BaseLearningRate(const std::string& method, int64_t parameters);

// Steps of an epoch.
int64_t EpochSteps(int64_t examples, int64_t batch_size);

struct RunPlaces {
    std::string base_path;
    std::string adapter_path;                    // that the job continues; empty: none
    std::string training_file, validation_file;  // the latter may be empty
    std::string output;
    int threads = 0;
};

// Of a job whose hyperparameters are resolved. The same job gives the same options, whenever and
// however often it is asked: its result depends on nothing else.
FinetuneOptions MakeOptions(const Job& job, int64_t epoch_steps, const BaseFacts& base,
                            const RunPlaces& places);

}  // namespace hone::platform
