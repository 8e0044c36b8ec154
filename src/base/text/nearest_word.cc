#include "base/text/nearest_word.h"

#include <algorithm>
#include <numeric>

namespace hone {
namespace {

// How many letters may be wrong in a word of this length that is still meant.
int Tolerance(size_t length) {
    return length < 3 ? 0 : length < 5 ? 1 : length < 10 ? 2 : length < 16 ? 3 : 4;
}

// A shorter part of a word says too little.
constexpr size_t kShortestPart = 4;

}  // namespace

int EditDistance(std::string_view a, std::string_view b) {
    std::vector<std::vector<int>> distance(a.size() + 1, std::vector<int>(b.size() + 1));
    for (size_t i = 0; i <= a.size(); ++i) distance[i][0] = static_cast<int>(i);
    std::iota(distance[0].begin(), distance[0].end(), 0);
    for (size_t i = 1; i <= a.size(); ++i) {
        for (size_t j = 1; j <= b.size(); ++j) {
            distance[i][j] = std::min({distance[i - 1][j] + 1, distance[i][j - 1] + 1,
                                       distance[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                distance[i][j] = std::min(distance[i][j], distance[i - 2][j - 2] + 1);
            }
        }
    }
    return distance[a.size()][b.size()];
}

std::string NearestWord(std::string_view word, const std::vector<std::string>& candidates) {
    const std::string wanted(word);
    std::string nearest;
    int least = Tolerance(wanted.size()) + 1;
    std::vector<std::string> ending;  // candidates that end in it
    for (const std::string& candidate : candidates) {
        int distance = EditDistance(wanted, candidate);
        if (wanted.size() >= kShortestPart && candidate.starts_with(wanted + "_"))
            distance = std::min(distance, 1);
        if (candidate.ends_with("_" + wanted)) ending.push_back(candidate);
        if (distance < least) {
            least = distance;
            nearest = candidate;
        }
    }
    if (nearest.empty() && wanted.size() >= kShortestPart && ending.size() == 1)
        return ending.front();
    return nearest;
}

}  // namespace hone
