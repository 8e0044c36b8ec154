// A loss that the user brings, over the log-probabilities of the labelled tokens of rows: (logps
// [rows, longest], mask [rows, longest]), the mask being 1 where a row has such a token, and 0
// behind its last one, where logps is 0.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "train/custom/loss_program.h"

namespace hone {

class ProgramTokenLoss {
  public:
    explicit ProgramTokenLoss(std::unique_ptr<LossProgram> program)
        : program_(std::move(program)) {}
    std::string Summary() const { return program_->Summary(); }
    // What the program gives for these rows, and unless `slopes` is null (=) its derivatives, of
    // each row as many as it has tokens. A number that is not finite is an error of kind kTraining.
    absl::StatusOr<double> Loss(const std::vector<std::vector<float>>& logps,
                                std::vector<std::vector<float>>* slopes);
    // CheckSlopes with rows of random log-probabilities.
    absl::Status Check();

  private:
    std::unique_ptr<LossProgram> program_;
};

}  // namespace hone
