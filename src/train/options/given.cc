#include "train/options/given.h"

#include <algorithm>

#include "base/status.h"
#include "train/options/table.h"

namespace hone {

std::string OptionNames::operator()(std::string_view option) const {
    const auto found = names_.find(option);
    return found == names_.end() ? Plain(option) : found->second;
}

void GivenOptions::Set(std::string_view option, nlohmann::ordered_json value, std::string name) {
    HONE_CHECK(FindOption(option) != nullptr, "no option is called {}", option);
    std::erase_if(values_, [&](const auto& entry) { return entry.first == option; });
    values_.emplace_back(option, std::move(value));
    names_.Call(option, name.empty() ? names_.Plain(option) : std::move(name));
}

void GivenOptions::Override(const GivenOptions& stronger) {
    for (const auto& [option, value] : stronger.values_) {
        for (std::string_view excluded : FindOption(option)->excludes)
            std::erase_if(values_, [&](const auto& entry) { return entry.first == excluded; });
        Set(option, value, stronger.names_(option));
    }
}

const nlohmann::ordered_json* GivenOptions::Find(std::string_view option) const {
    for (const auto& [name, value] : values_)
        if (name == option) return &value;
    return nullptr;
}

}  // namespace hone
