// Any bytes as an answer and its reference, one on each side of the first newline: scores stay
// within their bounds, and are perfect for an answer that is its reference.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "eval/labels.h"
#include "eval/metrics/bleu.h"
#include "eval/metrics/chrf.h"
#include "eval/metrics/entities.h"
#include "eval/metrics/json_fields.h"
#include "eval/metrics/rouge.h"
#include "eval/metrics/squad.h"
#include "eval/metrics/words.h"

namespace hone {
namespace {

void CheckShare(double share, double most = 1) {
    HONE_CHECK(share >= 0 && share <= most * (1 + 1e-9), "{} is outside 0 to {}", share, most);
}

void CheckTexts(const std::string& answer, const std::string& reference) {
    const BleuOptions options{.lowercase = true, .effective_order = true};
    CheckShare(ScoreBleu(CountBleu(answer, {reference}, options), options).score, 100);
    CheckShare(ScoreChrf(CountChrf(answer, {reference}, {.word_order = 2}), {.word_order = 2}), 100);
    for (const bool stem : {false, true}) {
        const Rouge rouge = ScoreRouge(answer, {reference}, stem);
        for (const RougeScore& score :
             {rouge.rouge1, rouge.rouge2, rouge.rouge_l, rouge.rouge_lsum}) {
            CheckShare(score.precision);
            CheckShare(score.recall);
            CheckShare(score.f1);
        }
    }
    CheckShare(TokenF1(answer, {reference}));
    HONE_CHECK(ExactMatch(answer, {answer}) == 1);
    if (!SplitWords(NormalizeAnswer(answer)).empty())
        HONE_CHECK(std::abs(TokenF1(answer, {answer}) - 1) < 1e-9);
}

void CheckJson(const std::string& answer, const std::string& reference) {
    const auto expected = ParseJsonAnswer(reference);
    if (!expected) return;
    const ClassCounts counts = CountJson(*expected, ParseJsonAnswer(answer));
    HONE_CHECK(counts.correct <= counts.expected && counts.correct <= counts.predicted);
    const JsonScores same = ScoreJson({*expected}, {expected});
    HONE_CHECK(same.exact == 1);
}

void CheckTags(const std::string& answer) {
    const std::vector<std::string> tags = SplitWords(std::string_view(answer));
    for (const TagScheme scheme : {TagScheme::kAny, TagScheme::kBio, TagScheme::kBioes}) {
        const auto entities = FindEntities(tags, scheme);
        if (!entities.ok()) continue;
        for (const Entity& entity : *entities)
            HONE_CHECK(0 <= entity.begin && entity.begin < entity.end &&
                       entity.end <= static_cast<int64_t>(tags.size()));
    }
}

}  // namespace
}  // namespace hone

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr size_t kMost = 2000;  // the longest common subsequence takes the square of it
    const std::string_view bytes(reinterpret_cast<const char*>(data), std::min(size, kMost));
    const size_t newline = std::min(bytes.find('\n'), bytes.size());
    const std::string answer(bytes.substr(0, newline));
    const std::string reference(bytes.substr(std::min(newline + 1, bytes.size())));
    hone::CheckTexts(answer, reference);
    hone::CheckJson(answer, reference);
    hone::CheckTags(answer);
    (void)hone::LabelSet::Of({reference}).Find(answer);
    return 0;
}
