// Any JSON against the API's schemas: what is refused has a message, and a param that names a place
// in the value.
#include <cstdint>
#include <string_view>

#include "base/files/json_file.h"
#include "base/status.h"
#include "server/api/schema.h"
#include "server/api/schemas_inference.h"
#include "server/api/schemas_jobs.h"

namespace {

const hone::server::Schemas& ApiSchemas() {
    static const auto* schemas = [] {
        auto* made = new hone::server::Schemas;
        made->Add(R"json({"Metadata": {"type": ["object", "null"], "maxProperties": 16}})json");
        made->Add(hone::server::kJobSchemas);
        made->Add(hone::server::kInferenceSchemas);
        return made;
    }();
    return *schemas;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto json = hone::ParseJson<nlohmann::ordered_json>(text, "body");
    if (!json.ok()) return 0;
    for (const char* name : {"CreateChatCompletionRequest", "CreateCompletionRequest",
                             "CreateEmbeddingRequest", "CreateFineTuningJobRequest"}) {
        const auto error = ApiSchemas().Check(ApiSchemas().Get(name), *json);
        if (!error) {
            HONE_CHECK(json->is_object() && json->contains("model"));
            continue;
        }
        HONE_CHECK(error->status == 400 && !error->message.empty() && !error->code.empty());
        (void)hone::server::ErrorResponse(*error);
    }
    return 0;
}
