// Losses of a head of labels, beside plain cross-entropy (kernels/cross_entropy). Rows and labels
// are few, so these are loops.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/batch.h"

namespace hone {

// Focal loss of one label: -weight * (1 - p)^gamma * log p (Lin et al. 2017, arXiv:1708.02002), p
// being the probability of the right one.
struct FocalTerm {
    double loss = 0;
    // -d loss / d log p. The gradient of cross-entropy with this as the row's weight is the focal
    // loss's.
    double slope = 0;
};
FocalTerm FocalLoss(double nll, double weight, double gamma);

// Any number of V labels can be right: the mean over the labels of the binary cross-entropy of
// sigmoid(logit), as torch's BCEWithLogitsLoss. `right`: the labels that are. `correct`: whether
// all decisions are right, a label being chosen where its logit is above 0.
struct BinaryTerm {
    double loss = 0;  // times weight
    bool correct = false;
};
BinaryTerm BinaryLoss(std::span<const float> logits, const std::vector<bool>& right, float weight);

// The gradient of scale * BinaryLoss's loss, over the logits, as T from the row's first byte on.
template <typename T>
void BinaryGradient(std::span<float> logits, const std::vector<bool>& right, float weight,
                    float scale);

// [V] which labels the token of a batch has.
std::vector<bool> LabelsOf(const Batch& batch, int64_t token, int64_t V);

}  // namespace hone
