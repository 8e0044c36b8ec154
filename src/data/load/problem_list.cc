#include "data/load/problem_list.h"

#include <algorithm>
#include <cctype>
#include <unordered_map>

#include "base/text/text.h"

namespace hone {
namespace {

constexpr size_t kShownRows = 10;  // of one kind
constexpr size_t kShownKinds = 10;

// The reason without its numbers and what it quotes.
std::string KindOfReason(std::string_view reason) {
    std::string kind;
    bool quoted = false;
    for (char c : reason) {
        if (c == '"') quoted = !quoted;
        const bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
        if (digit && kind.ends_with('0')) continue;
        if (!quoted || c == '"') kind += digit ? '0' : c;
    }
    return kind;
}

}  // namespace

std::string ListProblems(const std::vector<RowProblem>& problems, int64_t count) {
    std::vector<std::vector<const RowProblem*>> kinds;
    std::unordered_map<std::string, size_t> index;
    for (const RowProblem& problem : problems) {
        const auto [found, is_new] = index.emplace(KindOfReason(problem.reason), kinds.size());
        if (is_new) kinds.emplace_back();
        kinds[found->second].push_back(&problem);
    }
    std::string text;
    int64_t left = count;
    for (size_t k = 0; k < std::min(kinds.size(), kShownKinds); ++k) {
        const auto& kind = kinds[k];
        for (size_t i = 0; i < std::min(kind.size(), kShownRows); ++i)
            text += fmt::format("\n  {}", kind[i]->ToText());
        left -= static_cast<int64_t>(kind.size());
        if (kind.size() > kShownRows)
            text += fmt::format("\n  ... and {} more like this",
                                FormatCount(static_cast<int64_t>(kind.size() - kShownRows)));
    }
    if (left > 0) text += fmt::format("\n  ... and {} more", FormatCount(left));
    return text;
}

}  // namespace hone
