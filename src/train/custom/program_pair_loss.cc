#include "train/custom/program_pair_loss.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace hone {
namespace {

std::vector<LossInput> Inputs(const EmbeddedPairs& pairs) {
    const int64_t rows = pairs.rows();
    return {{{rows, pairs.C}, pairs.first, true},
            {{rows, pairs.C}, pairs.second, true},
            {{rows}, pairs.scores, false}};
}

std::vector<float> RandomUnits(Random& random, int64_t rows, int64_t C) {
    std::vector<float> units;
    for (int64_t row = 0; row < rows; ++row) {
        double squares = 0;
        for (int64_t c = 0; c < C; ++c) {
            units.push_back(static_cast<float>(2 * random.NextUnit() - 1));
            squares += static_cast<double>(units.back()) * units.back();
        }
        for (size_t i = units.size() - static_cast<size_t>(C); i < units.size(); ++i)
            units[i] = static_cast<float>(units[i] / std::sqrt(squares));
    }
    return units;
}

}  // namespace

absl::StatusOr<double> ProgramPairLoss::Loss(const EmbeddedPairs& pairs, PairSlopes* slopes) {
    std::vector<std::vector<float>> given;
    HONE_ASSIGN_OR_RETURN(const double loss,
                          program_->Call(Inputs(pairs), slopes == nullptr ? nullptr : &given));
    if (!std::isfinite(loss))
        return TrainingError("--loss {}: it gives a loss of {} for {} pairs of finite embeddings",
                             program_->name(), loss, pairs.rows());
    if (slopes == nullptr) return loss;
    for (size_t input = 0; input < given.size(); ++input)
        for (size_t i = 0; i < given[input].size(); ++i)
            if (!std::isfinite(given[input][i]))
                return TrainingError(
                    "--loss {}: its loss is {:g}, and its derivative by the {} embedding of pair "
                    "{} "
                    "of {} is {}: look for a root or a quotient of 0",
                    program_->name(), loss, input == 0 ? "first" : "second",
                    static_cast<int64_t>(i) / pairs.C + 1, pairs.rows(), given[input][i]);
    slopes->first = std::move(given[0]);
    slopes->second = std::move(given[1]);
    return loss;
}

absl::Status ProgramPairLoss::Check(int64_t C) {
    constexpr int64_t kRows = 4;
    std::vector<std::vector<LossInput>> places;
    for (uint64_t seed = 1; seed <= 3; ++seed) {
        Random random(seed);
        EmbeddedPairs pairs = {.C = C, .scores = {1, 0, 1, 0}};
        pairs.first = RandomUnits(random, kRows, C);
        pairs.second = RandomUnits(random, kRows, C);
        // Of texts that are half alike: most losses have no slope where two are far apart.
        for (size_t i = 0; i < pairs.second.size(); ++i)
            pairs.second[i] = 0.8f * pairs.first[i] + 0.6f * pairs.second[i];
        places.push_back(Inputs(pairs));
    }
    return CheckSlopes(*program_, places);
}

}  // namespace hone
