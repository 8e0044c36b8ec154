// Losses that users bring: --loss FILE.py:NAME, a class or function of Python's torch, which runs
// in a process of its own; or --loss plugin:FILE.so, a function of C (hone_loss.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hone {

// What a loss is given: float32 numbers with their shape.
struct LossInput {
    std::vector<int64_t> shape;
    std::vector<float> values;
    bool wants_slopes = false;  // the derivatives of the loss by these are asked for
};

class LossProgram {
  public:
    virtual ~LossProgram() = default;
    virtual std::string name() const = 0;  // as --loss has it
    // "custom_loss.py:CustomLoss, sha256 0123...": another text is another loss.
    virtual std::string Summary() const = 0;
    // The loss of the inputs, and unless `slopes` is null (=) its derivatives by each of those that
    // want them, in their order. Errors (kind kTraining) say which loss failed, and how: with its
    // own message, where it ended with what it wrote, where a number is not finite which one.
    virtual absl::StatusOr<double> Call(const std::vector<LossInput>& inputs,
                                        std::vector<std::vector<float>>* slopes) = 0;
};

// Whether the text of --loss names one of these.
bool IsLossProgram(std::string_view loss);

// Starts or loads it; Python is the python3 of PATH, such as that of a virtual environment that is
// active. What cannot be started, read or found is an error of kind kUsage.
absl::StatusOr<std::unique_ptr<LossProgram>> OpenLossProgram(const std::string& loss);

// An error of kind kUsage where the derivatives that it gives are not those of its values: central
// differences along the slopes and along directions drawn at random, around each of these sets of
// inputs. A loss may
// have kinks, so one in four may miss.
absl::Status CheckSlopes(LossProgram& program, const std::vector<std::vector<LossInput>>& places);

}  // namespace hone
