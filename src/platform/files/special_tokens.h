// Tokens that mean something to a model beside their letters: "<|im_end|>" in a message would end
// it.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "platform/api/options.h"

namespace hone::platform {

class SpecialTokens {
  public:
    SpecialTokens() = default;
    // Those of one or two bytes are left out: they stand in ordinary texts.
    explicit SpecialTokens(const std::vector<std::string>& tokens);

    // The longest of them at the first place in the text where one begins; empty: none is there.
    std::string_view FindIn(std::string_view text) const;

  private:
    std::array<std::vector<std::string>, 256> by_first_byte_;  // the longest first
    std::string first_bytes_;
};

// Those of the models' tokenizers. A model that cannot be opened has none.
SpecialTokens SpecialTokensOf(const std::vector<BaseModel>& models);

}  // namespace hone::platform
