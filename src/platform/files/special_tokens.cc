#include "platform/files/special_tokens.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>

#include "chat/special_tokens.h"

namespace hone::platform {
namespace {

constexpr size_t kLeastBytes = 3;

}  // namespace

SpecialTokens::SpecialTokens(const std::vector<std::string>& tokens) {
    for (const std::string& token : tokens) {
        if (token.size() < kLeastBytes) continue;
        std::vector<std::string>& same = by_first_byte_[static_cast<unsigned char>(token[0])];
        if (same.empty()) first_bytes_ += token[0];
        if (std::find(same.begin(), same.end(), token) == same.end()) same.push_back(token);
    }
    for (std::vector<std::string>& same : by_first_byte_)
        std::sort(same.begin(), same.end(), [](const std::string& a, const std::string& b) {
            return a.size() > b.size() || (a.size() == b.size() && a < b);
        });
}

std::string_view SpecialTokens::FindIn(std::string_view text) const {
    for (size_t at = text.find_first_of(first_bytes_); at != std::string_view::npos;
         at = text.find_first_of(first_bytes_, at + 1))
        for (const std::string& token : by_first_byte_[static_cast<unsigned char>(text[at])])
            if (text.substr(at).starts_with(token)) return token;
    return {};
}

SpecialTokens SpecialTokensOf(const std::vector<BaseModel>& models) {
    std::vector<std::string> tokens;
    for (const BaseModel& model : models) {
        const auto files = OpenModel(model.path);
        auto own = files.ok() ? ReadSpecialTokens(**files) : files.status();
        if (!own.ok()) {
            spdlog::warn("the special tokens of {} are not known: {}", model.name,
                         std::string(own.status().message()));
            continue;
        }
        std::move(own->begin(), own->end(), std::back_inserter(tokens));
    }
    return SpecialTokens(tokens);
}

}  // namespace hone::platform
