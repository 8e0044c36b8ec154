// Bytes -> rows -> format -> conversations, texts or ids.
#include <cstdint>
#include <optional>

#include "base/status.h"
#include "data/format/row_format.h"
#include "data/read/fuzz_support.h"

namespace hone {
namespace {

void CheckRow(const DataRow& row) {
    for (const DataRow& other : row.other) CheckRow(other);
    if (row.kind == DataRow::Kind::kTokens)
        HONE_CHECK(!row.input_ids.empty() && row.input_ids.size() == row.weights.size());
    if (row.kind == DataRow::Kind::kText) {
        size_t trained = 0;
        for (const TextPart& part : row.parts) trained += part.trained ? part.text.size() : 0;
        HONE_CHECK(trained > 0);
    }
    if (row.kind == DataRow::Kind::kLabelled) {
        HONE_CHECK(row.parts.size() == 1 && (row.labels.empty() || row.words.empty()));
        for (const LabelledWord& word : row.words)
            HONE_CHECK(word.begin <= word.end && word.end <= row.parts[0].text.size() &&
                       !word.tag.empty());
    }
    if (row.kind != DataRow::Kind::kConversation) return;
    const Conversation& conversation = row.conversation;
    HONE_CHECK(conversation.messages.size() == conversation.weights.size());
    HONE_CHECK(!conversation.messages.empty() && conversation.messages.size() <= kMaxMessages + 1);
    HONE_CHECK(conversation.tools.is_null() || conversation.tools.is_array());
    for (const auto& message : conversation.messages)
        HONE_CHECK(message["role"].is_string() && message["content"].is_string() &&
                   !message.contains("weight"));
}

void Convert(const uint8_t* data, size_t size, const RowFormatOptions& options) {
    std::optional<RowConverter> converter;
    ReadBytes(data, size, FileFormat::kJson, [&](const nlohmann::ordered_json& row) {
        RowHash(row);
        if (!converter) {
            auto detected = RowConverter::Detect(row, options);
            if (detected.ok()) converter = *std::move(detected);
        }
        if (!converter) return;
        const auto converted = converter->Convert(row);
        if (converted.ok()) {
            CheckRow(*converted);
        } else {
            HONE_CHECK(!converted.status().message().empty());
        }
    });
}

}  // namespace
}  // namespace hone

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using hone::RowFormatOptions;
    hone::Convert(data, size, {});
    RowFormatOptions any;
    any.kind.reset();
    hone::Convert(data, size, any);
    any.use_chat_template = true;
    hone::Convert(data, size, any);
    RowFormatOptions judged;
    judged.kind = hone::RowKind::kJudged;
    hone::Convert(data, size, judged);
    RowFormatOptions chat;
    chat.use_chat_template = true;
    hone::Convert(data, size, chat);
    RowFormatOptions filled;
    filled.text_template = "{text}\\n{{}} [[{output}]]";
    hone::Convert(data, size, filled);
    RowFormatOptions named;
    named.columns = {{"prompt", "text"}, {"completion", "output"}};
    hone::Convert(data, size, named);
    for (const hone::LabelKind kind :
         {hone::LabelKind::kSequence, hone::LabelKind::kToken, hone::LabelKind::kPair}) {
        RowFormatOptions labelled;
        labelled.labels = {.kind = kind, .multi = true, .separator = ";"};
        hone::Convert(data, size, labelled);
    }
    return 0;
}
