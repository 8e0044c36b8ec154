#include "train/custom/loss_program.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "train/custom/plugin_loss.h"
#include "train/custom/python_loss.h"

namespace hone {
namespace {

constexpr std::string_view kPluginPrefix = "plugin:", kPythonEnding = ".py:";

// Float32 values are right to about 1e-7 of their size: a step of 1e-2 leaves five digits.
constexpr float kSlopeStep = 1e-2f;
constexpr double kSlopeTolerance = 2e-2;
constexpr int kDirections = 4;

// How far the derivative along a direction is from the difference, as a share of the larger.
struct Miss {
    double share = 0, given = 0, measured = 0;
};

absl::StatusOr<Miss> MissAlong(LossProgram& program, const std::vector<LossInput>& inputs,
                               const std::vector<std::vector<float>>& slopes, bool steepest,
                               uint64_t seed) {
    Random random(seed);
    double squares = 0, most = 0;
    for (const auto& of_input : slopes)
        for (const float slope : of_input) {
            squares += static_cast<double>(slope) * slope;
            most = std::max(most, std::abs(static_cast<double>(slope)));
        }
    std::vector<LossInput> above = inputs, below = inputs;
    double along = 0;
    size_t at = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
        if (!inputs[i].wants_slopes) continue;
        // Each row moves by about kSlopeStep.
        const double size = std::sqrt(3.0 / static_cast<double>(inputs[i].shape.back()));
        for (size_t j = 0; j < inputs[i].values.size(); ++j) {
            const double random_part = size * (2 * random.NextUnit() - 1);
            const double direction =
                steepest && squares > 0 ? slopes[at][j] / std::sqrt(squares) : random_part;
            above[i].values[j] += static_cast<float>(kSlopeStep * direction);
            below[i].values[j] -= static_cast<float>(kSlopeStep * direction);
            along += slopes[at][j] * direction;
        }
        ++at;
    }
    HONE_ASSIGN_OR_RETURN(const double high, program.Call(above, nullptr));
    HONE_ASSIGN_OR_RETURN(const double low, program.Call(below, nullptr));
    Miss miss{.given = along, .measured = (high - low) / (2.0 * kSlopeStep)};
    // Below this the difference has no digits left.
    const double floor = std::max(1e-3 * most, 1e-6 * (1 + std::abs(high)) / kSlopeStep);
    miss.share = std::max(0.0, std::abs(miss.given - miss.measured) - floor) /
                 std::max({std::abs(miss.given), std::abs(miss.measured), 1e-30});
    return miss;
}

absl::Status DirectionsAgree(LossProgram& program,
                             const std::vector<std::vector<LossInput>>& places) {
    int tried = 0, missed = 0;
    Miss worst;
    for (size_t place = 0; place < places.size(); ++place) {
        std::vector<std::vector<float>> slopes;
        HONE_RETURN_IF_ERROR(program.Call(places[place], &slopes).status());
        for (int direction = 0; direction < kDirections; ++direction) {
            HONE_ASSIGN_OR_RETURN(const Miss miss,
                                  MissAlong(program, places[place], slopes, direction == 0,
                                            static_cast<uint64_t>(direction) + 1000 * place));
            ++tried;
            missed += miss.share > kSlopeTolerance;
            if (miss.share > worst.share) worst = miss;
        }
    }
    if (4 * missed <= tried) return absl::OkStatus();
    return UsageError(
        "--loss {}: its derivatives are not those of its values: along {} of {} directions they "
        "differ, in one {:.4g} where the values change by {:.4g}. Look for detach(), .item(), "
        "no_grad or numpy in it, or for a wrong sign in what it gives as slopes",
        program.name(), missed, tried, worst.given, worst.measured);
}

}  // namespace

bool IsLossProgram(std::string_view loss) {
    return loss.starts_with(kPluginPrefix) || loss.find(kPythonEnding) != std::string_view::npos;
}

absl::StatusOr<std::unique_ptr<LossProgram>> OpenLossProgram(const std::string& loss) {
    if (loss.starts_with(kPluginPrefix)) return OpenPluginLoss(loss.substr(kPluginPrefix.size()));
    const size_t colon = loss.rfind(kPythonEnding) + kPythonEnding.size();
    return OpenPythonLoss(loss.substr(0, colon - 1), loss.substr(colon));
}

absl::Status CheckSlopes(LossProgram& program, const std::vector<std::vector<LossInput>>& places) {
    // What fails here fails before the run began.
    const absl::Status checked = DirectionsAgree(program, places);
    return KindOf(checked) == ErrorKind::kTraining ? WithKind(checked, ErrorKind::kUsage) : checked;
}

}  // namespace hone
