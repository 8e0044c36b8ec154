// Configuration files, as workflows and as options by their names, in YAML and in JSON.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "train/resolve/resolve.h"
#include "workflow/flat_config.h"
#include "workflow/workflow.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const char* path : {"input.yaml", "input.json"}) {
        const auto document = hone::ParseDocument(text, path);
        if (!document.ok()) continue;
        HONE_CHECK(document->root.count <= hone::kMaxConfigNodes);
        // Opens no file but those of an adapter.
        (void)hone::ReadWorkflow(*document, hone::GivenOptions());
        const auto given = hone::ReadFlatConfig(*document);
        if (!given.ok()) continue;
        const auto options = hone::ReadGiven(*given);
        if (!options.ok()) continue;
        const auto again = hone::OptionsFromJson(hone::OptionsToJson(*options));
        HONE_CHECK(again.ok(), "{}", std::string(again.status().message()));
    }
    return 0;
}
