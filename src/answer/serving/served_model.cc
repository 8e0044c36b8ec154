#include "answer/serving/served_model.h"

#include <algorithm>
#include <filesystem>

#include "adapt/base_adapter.h"
#include "answer/openai/api_error.h"
#include "infer/grammar/json_schema.h"
#include "infer/logprob.h"

namespace hone {
namespace {

constexpr size_t kMaxGrammars = 64;
// Logits of a text that is scored, in one piece.
constexpr size_t kMaxScoreBytes = size_t{1} << 30;

}  // namespace

ServedModel::ServedModel(LoadedModel loaded, const Context& context,
                         const ServedModelOptions& options)
    : loaded_(std::move(loaded)),
      context_(context),
      options_(options),
      bytes_(*loaded_.chat->tokenizer, loaded_.model->config().vocab_size),
      trie_(bytes_, loaded_.encoder->end_ids()),
      tool_form_(FindToolForm(*loaded_.encoder)),
      engine_(*loaded_.model, loaded_.chat->tokenizer, loaded_.encoder->end_ids(), context,
              options.engine) {}

absl::Status ServedModel::UseAdapter(const std::string& folder) {
    if (folder.empty()) return absl::OkStatus();
    auto found = adapters_.find(folder);
    if (found == adapters_.end()) {
        std::error_code error;
        if (!std::filesystem::is_directory(folder, error))
            return HttpError(404, "invalid_request_error",
                             "The model does not exist: its adapter is not there.", "model",
                             "model_not_found");
        auto adapter = OpenAdapter(*loaded_.model, folder);
        if (!adapter.ok())
            return RequestError(
                "The model cannot be used: " + std::string(adapter.status().message()), "model",
                "model_not_available");
        HONE_RETURN_IF_ERROR(engine_.AddAdapter(folder, *adapter));
        found = adapters_.emplace(folder, HeldAdapter{*std::move(adapter)}).first;
    }
    found->second.last_use = ++uses_;
    ShrinkAdapters();
    return absl::OkStatus();
}

void ServedModel::ShrinkAdapters() {
    for (;;) {
        size_t bytes = 0;
        auto oldest = adapters_.end();
        for (auto held = adapters_.begin(); held != adapters_.end(); ++held) {
            bytes += held->second.adapter->bytes();
            if (held->second.last_use == uses_) continue;
            if (oldest == adapters_.end() || held->second.last_use < oldest->second.last_use)
                oldest = held;
        }
        if (bytes <= options_.adapter_bytes || oldest == adapters_.end()) return;
        ForgetAdapter(std::string(oldest->first));
    }
}

void ServedModel::ForgetAdapter(const std::string& folder) {
    if (adapters_.erase(folder) == 0) return;
    const absl::Status removed = engine_.RemoveAdapter(folder);
    HONE_CHECK(removed.ok(), "{}", removed.ToString());
}

std::shared_ptr<const Adapter> ServedModel::FindAdapter(const std::string& folder) const {
    return folder.empty() ? nullptr : adapters_.at(folder).adapter;
}

absl::StatusOr<std::vector<int32_t>> ServedModel::Encode(const TextOrTokens& text,
                                                         std::string_view param) const {
    std::vector<int32_t> tokens;
    if (std::holds_alternative<std::string>(text)) {
        auto encoded = encoder().EncodeTextPrompt(std::get<std::string>(text));
        if (!encoded.ok()) return RequestError(std::string(encoded.status().message()), param);
        tokens = *std::move(encoded);
    } else {
        tokens = std::get<std::vector<int32_t>>(text);
        const auto rows = static_cast<int32_t>(bytes_.size());
        for (const int32_t token : tokens)
            if (token >= rows)
                return RequestError(fmt::format("Invalid '{}': the model has no token {}, only {}.",
                                                param, token, rows),
                                    param, "invalid_value");
    }
    if (tokens.empty())
        return RequestError(fmt::format("Invalid '{}': it has no token.", param), param,
                            "invalid_value");
    return tokens;
}

template <typename Compile>
absl::StatusOr<std::shared_ptr<TokenConstraint>> ServedModel::Constraint(const std::string& key,
                                                                         Compile compile) {
    auto found = std::find_if(grammars_.begin(), grammars_.end(),
                              [&](const auto& grammar) { return grammar.first == key; });
    if (found == grammars_.end()) {
        HONE_ASSIGN_OR_RETURN(std::shared_ptr<const Automaton> automaton, compile());
        grammars_.emplace_front(key, std::make_shared<Grammar>(std::move(automaton), trie_));
        if (grammars_.size() > kMaxGrammars) grammars_.pop_back();
    } else {
        grammars_.splice(grammars_.begin(), grammars_, found);
    }
    return grammars_.front().second->NewConstraint();
}

std::shared_ptr<TokenConstraint> ServedModel::JsonObject() {
    return Constraint(
               "object",
               [] { return absl::StatusOr<std::shared_ptr<const Automaton>>(JsonObjectGrammar()); })
        .value();
}

absl::StatusOr<std::shared_ptr<TokenConstraint>> ServedModel::JsonSchema(
    const nlohmann::ordered_json& schema, const std::string& param) {
    auto made = Constraint("schema " + schema.dump(), [&] { return CompileJsonSchema(schema); });
    if (!made.ok())
        return RequestError("Invalid schema: " + std::string(made.status().message()), param,
                            "invalid_json_schema");
    return made;
}

absl::StatusOr<std::shared_ptr<TokenConstraint>> ServedModel::FunctionCall(
    const std::vector<FunctionTool>& functions) {
    std::vector<CallableFunction> callable;
    std::string key = "call " + tool_form_.arguments_key;
    for (const FunctionTool& function : functions) {
        callable.push_back({function.name, function.parameters});
        key += "\n" + function.name + " " + function.parameters.dump();
    }
    auto made =
        Constraint(key, [&] { return CompileFunctionCall(callable, tool_form_.arguments_key); });
    if (!made.ok())
        return RequestError("Invalid schema: " + std::string(made.status().message()), "tools",
                            "invalid_function_parameters");
    return made;
}

absl::StatusOr<std::vector<TokenLogprob>> ServedModel::Score(const std::vector<int32_t>& tokens,
                                                             const std::string& adapter,
                                                             int64_t top) {
    const size_t vocab_size = static_cast<size_t>(loaded_.model->config().vocab_size);
    if (tokens.size() * vocab_size * sizeof(float) > kMaxScoreBytes)
        return RequestError(
            fmt::format("'echo' with 'logprobs' takes prompts of at most {} tokens, and this one "
                        "has {}.",
                        kMaxScoreBytes / sizeof(float) / vocab_size, tokens.size()),
            "prompt", "invalid_value");
    Batch batch;
    batch.Append({.tokens = tokens, .weights = std::vector<float>(tokens.size())});
    std::vector<float> logits(tokens.size() * vocab_size);
    const Adapter* beside = adapter.empty() ? nullptr : adapters_.at(adapter).adapter.get();
    HONE_RETURN_IF_ERROR(loaded_.model->Logits(context_, batch, logits.data(), {beside}));
    std::vector<TokenLogprob> scores(tokens.size() - 1);
    context_.ParallelFor(static_cast<int64_t>(scores.size()), [&](int64_t i, int) {
        scores[i] = LogprobOf({logits.data() + i * vocab_size, vocab_size}, tokens[i + 1], top);
    });
    return scores;
}

absl::StatusOr<std::vector<std::vector<float>>> ServedModel::Embed(
    const std::vector<std::vector<int32_t>>& texts, const std::string& adapter_folder,
    const Adapter* adapter) {
    const absl::StatusOr<Pooling> pooling = ReadPooling(*loaded_.files, adapter_folder);
    if (!pooling.ok())
        return RequestError(
            "The model makes no embeddings: " + std::string(pooling.status().message()), "model",
            "model_not_supported");
    Batch batch;
    for (const std::vector<int32_t>& text : texts)
        batch.Append({.tokens = text, .weights = std::vector<float>(text.size())});
    const int64_t C = hidden_size();
    std::vector<float> hidden(static_cast<size_t>(batch.size() * C));
    HONE_RETURN_IF_ERROR(loaded_.model->Hidden(context_, batch, hidden.data(),
                                               std::vector<const Adapter*>(texts.size(), adapter)));
    std::vector<std::vector<float>> embeddings;
    for (size_t i = 0; i < texts.size(); ++i)
        embeddings.push_back(Pool(*pooling, hidden.data() + batch.document_starts[i] * C,
                                  static_cast<int64_t>(texts[i].size()), C));
    return embeddings;
}

}  // namespace hone
