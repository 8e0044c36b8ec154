#include "train/custom/program_token_loss.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace hone {
namespace {

std::vector<LossInput> PaddedInputs(const std::vector<std::vector<float>>& logps) {
    size_t longest = 1;
    for (const auto& row : logps) longest = std::max(longest, row.size());
    const std::vector<int64_t> shape = {static_cast<int64_t>(logps.size()),
                                        static_cast<int64_t>(longest)};
    std::vector<float> values(logps.size() * longest), mask(values.size());
    for (size_t row = 0; row < logps.size(); ++row)
        for (size_t i = 0; i < logps[row].size(); ++i) {
            values[row * longest + i] = logps[row][i];
            mask[row * longest + i] = 1;
        }
    return {{shape, std::move(values), true}, {shape, std::move(mask), false}};
}

}  // namespace

absl::StatusOr<double> ProgramTokenLoss::Loss(const std::vector<std::vector<float>>& logps,
                                              std::vector<std::vector<float>>* slopes) {
    const std::vector<LossInput> inputs = PaddedInputs(logps);
    std::vector<std::vector<float>> given;
    HONE_ASSIGN_OR_RETURN(const double loss,
                          program_->Call(inputs, slopes == nullptr ? nullptr : &given));
    if (!std::isfinite(loss))
        return TrainingError(
            "--loss {}: it gives a loss of {} for {} rows of finite log-probabilities",
            program_->name(), loss, logps.size());
    if (slopes == nullptr) return loss;
    const auto longest = static_cast<size_t>(inputs.front().shape[1]);
    slopes->clear();
    for (size_t row = 0; row < logps.size(); ++row) {
        const float* begin = given.front().data() + row * longest;
        std::vector<float>& of_row = slopes->emplace_back(begin, begin + logps[row].size());
        for (size_t i = 0; i < of_row.size(); ++i)
            if (!std::isfinite(of_row[i]))
                return TrainingError(
                    "--loss {}: its loss is {:g}, and its derivative by the log-probability of "
                    "token {} of row {} of {} is {}",
                    program_->name(), loss, i + 1, row + 1, logps.size(), of_row[i]);
    }
    return loss;
}

absl::Status ProgramTokenLoss::Check() {
    std::vector<std::vector<LossInput>> places;
    for (uint64_t seed = 1; seed <= 3; ++seed) {
        Random random(seed);
        std::vector<std::vector<float>> logps;
        for (const size_t tokens : {6, 3, 8, 1}) {
            std::vector<float>& row = logps.emplace_back();
            while (row.size() < tokens)
                row.push_back(static_cast<float>(-0.1 - 4 * random.NextUnit()));
        }
        places.push_back(PaddedInputs(logps));
    }
    return CheckSlopes(*program_, places);
}

}  // namespace hone
