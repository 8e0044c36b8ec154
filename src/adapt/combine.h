// Several LoRA adapters of one base as one: a weighted sum of their deltas, as PEFT's
// add_weighted_adapter makes it. The base itself is not needed.
//
// With deltas s_i B_i A_i of weights w_i, of each layer:
//   cat      A = [w_i s_i A_i], B = [B_i]: the sum itself; its rank is that of all together
//   svd      the nearest delta to the sum that has a rank of svd_rank
//   linear   A = sum of sign(w_i) sqrt(|w_i s_i|) A_i, B = sum of sqrt(|w_i s_i|) B_i: as small as
//   one of them,
//            but products of one adapter's A with another's B come in
// A layer that some of them lack is combined of the others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapt/lora.h"
#include "base/status.h"

namespace hone {

inline constexpr std::string_view kCombinations[] = {"cat", "svd", "linear"};

struct CombineOptions {
    std::vector<std::string> folders;  // of adapters, two or more
    std::vector<double> weights;       // one for each
    std::string combination = "cat";   // one of kCombinations
    int64_t svd_rank = 0;              // svd alone; 0: the largest rank among them
};

struct CombinedAdapter {
    int64_t layers = 0, rank = 0;
};

// Writes the combined adapter into `folder`, which must not be there or be empty, and reads it
// back. Adapters that are no plain LoRA, of different bases, of different tasks, and ranks that the
// combination cannot join are errors of kind kUsage that name them; on any error nothing of the
// result remains.
absl::StatusOr<CombinedAdapter> CombineAdapters(const CombineOptions& options,
                                                const std::string& folder);

}  // namespace hone
