#include "eval/labels.h"

#include <algorithm>
#include <set>

#include "eval/metrics/classification.h"
#include "eval/metrics/words.h"
#include "text/unicode.h"

namespace hone {
namespace {

constexpr size_t kLongestLabel = 100;  // characters

// The first line that is not blank, without the spaces around it.
std::string FirstLine(std::string_view text) {
    const std::string stripped = StripSpace(text);
    return StripSpace(std::string_view(stripped).substr(0, stripped.find('\n')));
}

// With the liberties of LabelSet::Find.
std::string Fold(std::string_view label) {
    std::string text = LowerCase(label);
    constexpr std::string_view kAround = "\"'`*.! ";
    const size_t begin = std::min(text.find_first_not_of(kAround), text.size());
    text = text.substr(begin, text.find_last_not_of(kAround) + 1 - begin);
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == '_' || c == '-'; }, ' ');
    std::string folded;
    for (const std::string& word : SplitWords(std::string_view(text)))
        folded += (folded.empty() ? "" : " ") + word;
    return folded;
}

}  // namespace

absl::StatusOr<LabelSet> LabelSet::Named(const std::vector<std::string>& labels) {
    for (size_t i = 0; i < labels.size(); ++i)
        if (std::find(labels.begin(), labels.begin() + static_cast<int64_t>(i), labels[i]) !=
            labels.begin() + static_cast<int64_t>(i))
            return UsageError("--labels names \"{}\" twice", labels[i]);
    LabelSet set;
    set.labels_ = labels;
    std::set<std::string> alike;
    for (size_t i = 0; i < labels.size(); ++i) {
        const auto index = static_cast<int64_t>(i);
        set.exact_.emplace(labels[i], index);
        if (!set.folded_.emplace(Fold(labels[i]), index).second) alike.insert(Fold(labels[i]));
    }
    for (const std::string& folded : alike) set.folded_.erase(folded);
    return set;
}

LabelSet LabelSet::Of(const std::vector<std::string>& references) {
    const std::set<std::string> different(references.begin(), references.end());
    return Named({different.begin(), different.end()}).value();
}

int64_t LabelSet::Find(std::string_view answer) const {
    const std::string line = FirstLine(answer);
    if (const auto found = exact_.find(line); found != exact_.end()) return found->second;
    const auto found = folded_.find(Fold(line));
    return found == folded_.end() ? kNoClass : found->second;
}

bool LookLikeLabels(const std::vector<std::string>& references) {
    const std::set<std::string> different(references.begin(), references.end());
    return !references.empty() && different.size() * 2 <= references.size() &&
           std::all_of(different.begin(), different.end(), [](const std::string& text) {
               return text.find('\n') == std::string::npos &&
                      Characters(text).size() <= kLongestLabel;
           });
}

std::vector<std::string> SplitLabels(std::string_view text, std::string_view separator) {
    std::vector<std::string> labels;
    for (;;) {
        const size_t end = text.find(separator);
        std::string label = StripSpace(text.substr(0, end));
        if (!label.empty()) labels.push_back(std::move(label));
        if (end == std::string_view::npos) return labels;
        text.remove_prefix(end + separator.size());
    }
}

}  // namespace hone
