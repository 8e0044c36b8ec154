// Any bytes as a config.json: refused, or a model whose tensors have sizes that can be counted.
#include "base/files/json_file.h"
#include "base/limits.h"
#include "model/config/arch.h"
#include "model/config/decoder_graph.h"
#include "model/files/model_tensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto json = hone::ParseJson<nlohmann::ordered_json>(
        {reinterpret_cast<const char*>(data), size}, "config.json");
    if (!json.ok() || !json->is_object()) return 0;
    for (const hone::ArchSpec* arch : hone::AllArchs()) {
        const auto config = arch->read_config(*json);
        if (!config.ok()) {
            HONE_CHECK(!config.status().message().empty());
            continue;
        }
        for (const auto& tensor : hone::ExpandTable(*arch, *config)) {
            HONE_CHECK(!tensor.shape.empty());
            int64_t elements = 1;
            for (const int64_t length : tensor.shape) {
                HONE_CHECK(length >= 1 && length <= hone::kMaxTensorElements / elements, "{}",
                           tensor.name);
                elements *= length;
            }
        }
        const hone::ModelGraph graph = hone::MakeGraph(*arch, *config);
        HONE_CHECK(static_cast<int64_t>(graph.layers.size()) == config->num_hidden_layers);
    }
    return 0;
}
