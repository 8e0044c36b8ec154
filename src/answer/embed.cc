#include "answer/embed.h"

#include <algorithm>

#include "adapt/adapter_head.h"
#include "adapt/lora.h"
#include "model/files/pooling.h"
#include "tensor/batch.h"

namespace hone {

absl::StatusOr<bool> MakesEmbeddings(const OpenedModel& opened) {
    const std::string& adapter = opened.chosen.adapter;
    if (adapter.empty()) return HasPooling(opened.files->path);
    HONE_ASSIGN_OR_RETURN(const LoraConfig config, ReadAdapterConfig(adapter));
    return MakesEmbeddings(config);
}

absl::StatusOr<std::vector<Embedding>> EmbedTexts(const LoadedModel& loaded,
                                                  const std::vector<std::string>& texts,
                                                  const EmbedOptions& options,
                                                  const Context& context) {
    HONE_ASSIGN_OR_RETURN(const Pooling pooling, ReadPooling(*loaded.files, loaded.chosen.adapter));
    const ModelConfig& config = loaded.model->config();
    const int64_t C = config.hidden_size;
    const auto most =
        static_cast<size_t>(std::min(options.max_seq_len, config.max_position_embeddings));
    std::vector<Embedding> embeddings;
    std::vector<bool> cut;
    Batch batch;
    std::vector<float> hidden;
    const auto pass = [&]() -> absl::Status {
        hidden.resize(static_cast<size_t>(batch.size() * C));
        HONE_RETURN_IF_ERROR(loaded.model->Hidden(context, batch, hidden.data()));
        for (int64_t d = 0; d < batch.num_documents(); ++d) {
            const int64_t begin = batch.document_starts[d], end = batch.document_starts[d + 1];
            embeddings.push_back(
                {Pool(pooling, hidden.data() + begin * C, end - begin, C), cut[embeddings.size()]});
        }
        batch = {};
        if (options.progress && !options.progress(static_cast<int64_t>(embeddings.size())))
            return InterruptedError("interrupted");
        return absl::OkStatus();
    };
    for (const std::string& text : texts) {
        HONE_ASSIGN_OR_RETURN(std::vector<int32_t> tokens,
                              loaded.encoder->EncodeTextPrompt(text, options.add_special_tokens));
        if (tokens.empty()) return DataError("text {} has no tokens", cut.size() + 1);
        cut.push_back(tokens.size() > most);
        tokens.resize(std::min(tokens.size(), most));
        const bool full = batch.num_documents() >= options.max_rows ||
                          batch.size() + static_cast<int64_t>(tokens.size()) > kMicroBatchTokens;
        if (full && batch.size() > 0) HONE_RETURN_IF_ERROR(pass());
        Example example;
        example.weights.assign(tokens.size(), 0.0f);
        example.tokens = std::move(tokens);
        batch.Append(example);
    }
    if (batch.size() > 0) HONE_RETURN_IF_ERROR(pass());
    return embeddings;
}

absl::StatusOr<std::vector<PairCosine>> CompareTexts(const LoadedModel& loaded,
                                                     const std::vector<DataRow>& rows,
                                                     const EmbedOptions& options,
                                                     const Context& context) {
    // Embeddings of so many rows are in memory at a time.
    constexpr size_t kRows = 256;
    std::vector<PairCosine> cosines;
    for (size_t begin = 0; begin < rows.size(); begin += kRows) {
        const size_t end = std::min(rows.size(), begin + kRows);
        std::vector<std::string> texts;
        for (size_t row = begin; row < end; ++row)
            for (const TextPart& part : rows[row].parts) texts.push_back(part.text);
        EmbedOptions here = options;
        if (options.progress)
            here.progress = [&](int64_t done) {
                return options.progress(static_cast<int64_t>(begin) + done / 2);
            };
        HONE_ASSIGN_OR_RETURN(const std::vector<Embedding> embeddings,
                              EmbedTexts(loaded, texts, here, context));
        for (size_t i = 0; i < embeddings.size(); i += 2) {
            const Embedding &a = embeddings[i], &b = embeddings[i + 1];
            PairCosine& pair = cosines.emplace_back();
            pair.cut = a.cut || b.cut;
            for (size_t c = 0; c < a.values.size(); ++c)
                pair.cosine += static_cast<double>(a.values[c]) * b.values[c];
        }
    }
    return cosines;
}

}  // namespace hone
