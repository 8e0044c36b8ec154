#include "text/tokenizer.h"

namespace hone {
namespace {

constexpr std::string_view kReplacement =
    "\uFFFD";  // what a decoder writes for bytes that are no character

}  // namespace

// The ids since the last place where the text was certain are decoded again with each new id. They
// stay behind the new ones as context, because decoders treat the first token of a text differently
// (a leading space goes).
absl::StatusOr<std::string> StreamDecoder::Push(int32_t id) {
    if (skip_special_tokens_ && tokenizer_->IsSpecial(id)) return std::string();
    pending_.push_back(id);
    // A run of byte tokens is decoded as a whole: one bad byte turns each of them into a
    // replacement character.
    if (tokenizer_->IsByte(id)) return std::string();
    auto text = tokenizer_->Decode(pending_, skip_special_tokens_);
    if (!text.ok()) {
        pending_.pop_back();
        return text.status();
    }
    if (text->size() <= emitted_.size() || text->ends_with(kReplacement)) return std::string();
    std::string fresh = text->substr(emitted_.size());
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(context_));
    context_ = pending_.size();
    HONE_ASSIGN_OR_RETURN(emitted_, tokenizer_->Decode(pending_, skip_special_tokens_));
    return fresh;
}

absl::StatusOr<std::string> StreamDecoder::Finish() {
    HONE_ASSIGN_OR_RETURN(std::string text, tokenizer_->Decode(pending_, skip_special_tokens_));
    std::string rest = text.size() > emitted_.size() ? text.substr(emitted_.size()) : std::string();
    pending_.clear();
    context_ = 0;
    emitted_.clear();
    return rest;
}

}  // namespace hone
