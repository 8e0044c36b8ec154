// adapter_config.json from anywhere: it parses or is refused, and what parsed selects layers and
// reads back.
#include <cstdint>
#include <string_view>

#include "adapt/adapter_config.h"
#include "adapt/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto config = hone::ParseAdapterConfig({reinterpret_cast<const char*>(data), size}, "input");
    if (!config.ok()) return 0;
    static const std::vector<hone::LinearInfo> kLinears = {
        {"model.layers.0.self_attn.q_proj", 8, 8, false},
        {"model.layers.1.mlp.down_proj", 8, 8, false},
        {"lm_head", 8, 16, true}};
    auto targets = hone::SelectTargets(kLinears, *config, hone::UnmatchedTargets::kAllow);
    if (targets.ok()) {
        HONE_CHECK(!targets->empty());
        for (const auto& target : *targets) {
            auto options = hone::LowRankFor(*config, target.name);
            HONE_CHECK(!options.ok() || options->rank >= 1);
        }
        HONE_CHECK(!hone::SavedTargetNames(kLinears, *targets, *config).empty());
    }
    const std::string text = hone::AdapterConfigText(*config);
    auto again = hone::ParseAdapterConfig(text, "written");
    HONE_CHECK(again.ok() && hone::AdapterConfigText(*again) == text, "{}", text);
    return 0;
}
