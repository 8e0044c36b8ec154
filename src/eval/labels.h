// The labels that answers can be, and which one an answer is.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hone {

class LabelSet {
  public:
    // Those that a user names. Two that cannot be told apart are an error of kind kUsage.
    static absl::StatusOr<LabelSet> Named(const std::vector<std::string>& labels);
    // The different references, in alphabetical order.
    static LabelSet Of(const std::vector<std::string>& references);

    const std::vector<std::string>& labels() const { return labels_; }
    int64_t size() const { return static_cast<int64_t>(labels_.size()); }
    // The label that an answer is, in [0, size()), or kNoClass (metrics/classification.h). What
    // counts is its first line that is not blank: as it stands, else without quotes, asterisks and
    // the stop at its end, in any case, with underscores and dashes as spaces.
    int64_t Find(std::string_view answer) const;

  private:
    std::vector<std::string> labels_;
    // Without and with the liberties of Find; labels that are alike with them are in the first
    // only.
    std::map<std::string, int64_t, std::less<>> exact_, folded_;
};

// Whether texts look like labels: each of one line and at most 100 characters, and there are at
// most half as many different ones as texts.
bool LookLikeLabels(const std::vector<std::string>& references);

// The pieces of "a, b" between separators, without the spaces around them; empty ones are dropped.
std::vector<std::string> SplitLabels(std::string_view text, std::string_view separator);

}  // namespace hone
