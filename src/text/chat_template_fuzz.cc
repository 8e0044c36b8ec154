// Any bytes as a chat template: an error or a text within its limit, never a fault.
#include <cstdint>
#include <string_view>

#include "text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const auto messages = nlohmann::ordered_json::parse(
        R"([{"role":"system","content":"s"},{"role":"user","content":"u","n":1.5,"l":[1,null,true,{"a":"\u00e9"}]},)"
        R"({"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":{"x":1}}}]}])");
    static const auto tools =
        nlohmann::ordered_json::parse(R"([{"type":"function","function":{"name":"f"}}])");
    auto chat_template = hone::ChatTemplate::Parse(
        std::string_view(reinterpret_cast<const char*>(data), size),
        {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
    if (!chat_template.ok()) return 0;
    auto text = (*chat_template)->Render(messages, tools, true);
    HONE_CHECK(!text.ok() || text->size() <= size_t{64} << 20);
    return 0;
}
