// What a teacher says of a batch, for the head of a student that learns from it.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace hone {

// A head computes logits for at most so many rows at a time.
inline constexpr int64_t kMostLogitRows = 512;

// logits f32 [rows.size(), V] (=) of these rows of a batch, which ascend.
using RowLogits = std::function<void(const std::vector<int64_t>& rows, float* logits)>;

// The loss is then that of kernels/distillation: (1 - alpha) * cross-entropy + alpha * T^2 * KL.
struct SoftTargets {
    RowLogits logits;         // the teacher's, of the same batch
    int64_t teacher_V = 0;    // the outputs that it has
    float* memory = nullptr;  // f32 [kMostLogitRows, teacher_V], for those of some rows
    float alpha = 0.5f;
    float temperature = 2;
};

}  // namespace hone
