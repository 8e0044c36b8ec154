// The labels of a classifier by their numbers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hone {

class LabelTable {
  public:
    // The names differ. weights: of the rows of each, or none, where all are 1.
    explicit LabelTable(std::vector<std::string> names, std::vector<float> weights = {});

    const std::vector<std::string>& names() const { return names_; }
    std::optional<int32_t> Find(std::string_view name) const;
    float weight(int32_t label) const {
        return weights_.empty() ? 1.0f : weights_[static_cast<size_t>(label)];
    }

  private:
    std::vector<std::string> names_;
    std::vector<float> weights_;
    std::map<std::string, int32_t, std::less<>> numbers_;
};

// The labels that rows hold, and how many of each.
class LabelCounts {
  public:
    // trained: the row counts for the weights; else its label is only one that there is.
    void Add(const std::string& label, bool trained) { counts_[label] += trained ? 1 : 0; }
    // In alphabetical order; where all are whole numbers by their value.
    std::vector<std::string> Names() const;
    // The weights that `class_weights` (LabelOptions) means, of `names` in their order: "balanced"
    // gives rows / (labels * rows of the label), as scikit-learn's does, and 1 to a label without
    // rows. Empty for "none". An error of kind kUsage where the text is none of its forms, or names
    // a label that there is not.
    absl::StatusOr<std::vector<float>> Weights(const std::string& class_weights,
                                               const std::vector<std::string>& names) const;

  private:
    std::map<std::string, int64_t> counts_;
};

}  // namespace hone
