// A loss that the user brings, over the embeddings of pairs: (first [rows, C], second [rows, C],
// scores [rows]), as modules of torch call them output1, output2 and label.
#pragma once

#include <memory>
#include <utility>

#include "train/custom/loss_program.h"
#include "train/embedding/pair_loss.h"

namespace hone {

class ProgramPairLoss : public PairLoss {
  public:
    explicit ProgramPairLoss(std::unique_ptr<LossProgram> program) : program_(std::move(program)) {}
    std::string_view name() const override { return "custom"; }
    std::string Summary() const override { return program_->Summary(); }
    // What the program gives; a number that is not finite is an error of kind kTraining.
    absl::StatusOr<double> Loss(const EmbeddedPairs& pairs, PairSlopes* slopes) override;
    // CheckSlopes with embeddings of C numbers.
    absl::Status Check(int64_t C);

  private:
    std::unique_ptr<LossProgram> program_;
};

}  // namespace hone
