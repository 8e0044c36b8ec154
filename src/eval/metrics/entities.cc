#include "eval/metrics/entities.h"

#include <algorithm>
#include <set>

namespace hone {
namespace {

struct Tag {
    char prefix = 'O';
    std::string type;
};

constexpr char kNoType[] = "_";

// "I-PER" is I of PER in every mode. What else stands there is read as seqeval reads it: in its
// default mode one dash goes, in a strict one all dashes at both ends.
Tag ReadTag(const std::string& text, bool strict) {
    Tag tag;
    if (text.empty()) return tag;
    tag.prefix = text[0];
    tag.type = text.substr(1);
    if (strict) {
        tag.type.erase(0, std::min(tag.type.find_first_not_of('-'), tag.type.size()));
        tag.type.erase(tag.type.find_last_not_of('-') + 1);
    } else if (const size_t dash = tag.type.find('-'); dash != std::string::npos) {
        tag.type.erase(0, dash + 1);
    }
    if (tag.type.empty()) tag.type = kNoType;
    return tag;
}

bool IsOneOf(char c, const char* letters) {
    return std::string_view(letters).find(c) != std::string_view::npos;
}

bool EndsBetween(const Tag& before, const Tag& tag) {
    if (IsOneOf(before.prefix, "ES")) return true;
    if (IsOneOf(before.prefix, "BI") && IsOneOf(tag.prefix, "BSO")) return true;
    return !IsOneOf(before.prefix, "O.") && before.type != tag.type;
}

bool BeginsBetween(const Tag& before, const Tag& tag) {
    if (IsOneOf(tag.prefix, "BS")) return true;
    if (IsOneOf(before.prefix, "ESO") && IsOneOf(tag.prefix, "EI")) return true;
    return !IsOneOf(tag.prefix, "O.") && before.type != tag.type;
}

std::vector<Entity> FindLoose(const std::vector<std::string>& tags) {
    std::vector<Entity> entities;
    Tag before;
    int64_t begin = 0;
    for (size_t i = 0; i <= tags.size(); ++i) {
        const Tag tag = ReadTag(i < tags.size() ? tags[i] : "O", false);
        const auto at = static_cast<int64_t>(i);
        if (EndsBetween(before, tag)) entities.push_back({before.type, begin, at});
        if (BeginsBetween(before, tag)) begin = at;
        before = tag;
    }
    return entities;
}

// Whether `tag` goes on with the entity of `before`.
bool IsInside(const Tag& before, const Tag& tag, TagScheme scheme) {
    const char* inside = scheme == TagScheme::kBio ? "I" : "IE";
    return IsOneOf(before.prefix, "BI") && IsOneOf(tag.prefix, inside) && before.type == tag.type;
}

}  // namespace

absl::StatusOr<std::vector<Entity>> FindEntities(const std::vector<std::string>& texts,
                                                 TagScheme scheme) {
    if (scheme == TagScheme::kAny) return FindLoose(texts);
    const bool bio = scheme == TagScheme::kBio;
    std::vector<Tag> tags;
    for (const std::string& text : texts) {
        tags.push_back(ReadTag(text, true));
        if (text.empty() || !IsOneOf(text[0], bio ? "BIO" : "BIOES"))
            return DataError("the tag \"{}\" is none of {}", text,
                             bio ? "B-, I- and O" : "B-, I-, E-, S- and O");
    }
    std::vector<Entity> entities;
    for (size_t i = 0; i < tags.size();) {
        const size_t begin = i++;
        if (!IsOneOf(tags[begin].prefix, bio ? "B" : "BS")) continue;
        while (i < tags.size() && IsInside(tags[i - 1], tags[i], scheme)) ++i;
        if (!bio && !IsOneOf(tags[i - 1].prefix, "ES")) continue;  // it has no end
        entities.push_back(
            {tags[begin].type, static_cast<int64_t>(begin), static_cast<int64_t>(i)});
    }
    return entities;
}

TagScheme DetectScheme(const std::vector<std::vector<std::string>>& texts) {
    for (const auto& tags : texts)
        for (const std::string& tag : tags)
            if (!tag.empty() && IsOneOf(tag[0], "ES")) return TagScheme::kBioes;
    return TagScheme::kBio;
}

EntityScores ScoreEntities(const std::vector<std::vector<Entity>>& expected,
                           const std::vector<std::vector<Entity>>& predicted) {
    HONE_CHECK(expected.size() == predicted.size());
    std::map<std::string, ClassCounts> counts;
    for (size_t i = 0; i < expected.size(); ++i) {
        const std::set<Entity> right(expected[i].begin(), expected[i].end());
        const std::set<Entity> found(predicted[i].begin(), predicted[i].end());
        for (const Entity& entity : right) ++counts[entity.type].expected;
        for (const Entity& entity : found) {
            ClassCounts& type = counts[entity.type];
            ++type.predicted;
            type.correct += right.contains(entity);
        }
    }
    EntityScores scores;
    std::vector<ClassCounts> in_order;
    for (const auto& [type, count] : counts) {
        scores.types.push_back(type);
        in_order.push_back(count);
    }
    scores.report = ReportClasses(in_order);
    return scores;
}

}  // namespace hone
