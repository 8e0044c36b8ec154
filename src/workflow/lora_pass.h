// The passes that train an adapter, LoRA, QLoRA, IA3 and virtual tokens: Olive's keys, PEFT's, and
// every option of hone.
#pragma once

#include <string>

#include "workflow/pass.h"

namespace hone {

class LoraPassKind : public PassKind {
  public:
    // `method` is what --method calls it.
    LoraPassKind(std::string_view type, std::string_view method, std::string_view help)
        : type_(type), method_(method), help_(help) {}
    std::string_view type() const override { return type_; }
    std::string_view help() const override { return help_; }
    std::vector<const OptionRow*> options() const override;
    absl::StatusOr<std::unique_ptr<Pass>> Read(const PassSource& source,
                                               SectionReader& reader) const override;

  private:
    std::string_view type_, method_, help_;
};

}  // namespace hone
