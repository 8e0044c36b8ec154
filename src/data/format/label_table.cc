#include "data/format/label_table.h"

#include <algorithm>

#include "base/text/nearest_word.h"
#include "base/text/text_value.h"

namespace hone {
namespace {

// "A=2,B=0.5": the weights that it names.
absl::StatusOr<std::map<std::string, double>> ReadWeights(const std::string& text) {
    std::map<std::string, double> weights;
    for (const std::string& entry : SplitList(text)) {
        const size_t equals = entry.rfind('=');
        double weight = 0;
        const bool reads = equals != std::string::npos && equals > 0 &&
                           ReadNumber(entry.substr(equals + 1), weight).empty();
        if (!reads || weight <= 0 || weight > 1e6)
            return UsageError(
                "--class_weights takes balanced, none, or LABEL=WEIGHT,LABEL=WEIGHT with weights "
                "above 0 and at most 1e6; \"{}\" is none of these",
                entry);
        weights[entry.substr(0, equals)] = weight;
    }
    return weights;
}

}  // namespace

LabelTable::LabelTable(std::vector<std::string> names, std::vector<float> weights)
    : names_(std::move(names)), weights_(std::move(weights)) {
    HONE_CHECK(weights_.empty() || weights_.size() == names_.size());
    for (size_t i = 0; i < names_.size(); ++i) numbers_.emplace(names_[i], static_cast<int32_t>(i));
    HONE_CHECK(numbers_.size() == names_.size(), "a label stands twice in the table");
}

std::optional<int32_t> LabelTable::Find(std::string_view name) const {
    const auto found = numbers_.find(name);
    if (found == numbers_.end()) return std::nullopt;
    return found->second;
}

std::vector<std::string> LabelCounts::Names() const {
    std::vector<std::string> names;
    std::map<std::string, int64_t> numbers;
    for (const auto& [name, count] : counts_) {
        names.push_back(name);
        int64_t number = 0;
        if (ReadInteger(name, number).empty()) numbers[name] = number;
    }
    if (numbers.size() == names.size())
        std::sort(names.begin(), names.end(), [&](const auto& a, const auto& b) {
            return std::pair(numbers[a], a) < std::pair(numbers[b], b);
        });
    return names;
}

absl::StatusOr<std::vector<float>> LabelCounts::Weights(
    const std::string& class_weights, const std::vector<std::string>& names) const {
    if (class_weights == "none" || class_weights.empty()) return std::vector<float>();
    std::vector<float> weights(names.size(), 1.0f);
    if (class_weights == "balanced") {
        int64_t rows = 0;
        for (const auto& [name, count] : counts_) rows += count;
        for (size_t i = 0; i < names.size(); ++i) {
            const auto found = counts_.find(names[i]);
            if (found == counts_.end() || found->second == 0) continue;
            weights[i] =
                static_cast<float>(static_cast<double>(rows) / static_cast<double>(names.size()) /
                                   static_cast<double>(found->second));
        }
        return weights;
    }
    HONE_ASSIGN_OR_RETURN(const auto given, ReadWeights(class_weights));
    for (const auto& [name, weight] : given) {
        const auto at = std::find(names.begin(), names.end(), name);
        if (at == names.end()) {
            const std::string nearest = NearestWord(name, names);
            return UsageError("--class_weights names the label \"{}\", which no training row has{}",
                              name,
                              nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest));
        }
        weights[static_cast<size_t>(at - names.begin())] = static_cast<float>(weight);
    }
    return weights;
}

}  // namespace hone
