// A loaded model with what requests for it share: the engine, adapters that come when they are
// named, and grammars that are kept.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "answer/loaded_model.h"
#include "answer/openai/tool_calls.h"
#include "infer/engine.h"
#include "infer/grammar/constraint.h"
#include "model/files/pooling.h"

namespace hone {

struct ServedModelOptions {
    EngineOptions engine;
    size_t adapter_bytes = size_t{2} << 30;  // of adapters that no request in flight needs
};

class ServedModel {
  public:
    // The context must outlive it.
    ServedModel(LoadedModel loaded, const Context& context, const ServedModelOptions& options);

    Engine& engine() { return engine_; }
    const ConversationEncoder& encoder() const { return *loaded_.encoder; }
    const LoadedModel& loaded() const { return loaded_; }
    const TokenBytes& token_bytes() const { return bytes_; }
    const ToolForm& tool_form() const { return tool_form_; }
    int64_t context_length() const { return loaded_.model->config().max_position_embeddings; }
    int64_t hidden_size() const { return loaded_.model->config().hidden_size; }

    // The tokens of a prompt or input; `param` is the field that an error is about.
    absl::StatusOr<std::vector<int32_t>> Encode(const TextOrTokens& text,
                                                std::string_view param) const;

    // The adapter of that folder, loaded unless it is there; those that were used longest ago go
    // where there are more than adapter_bytes. "" is the base alone. Errors are HttpError's: 404
    // where there is no adapter, 400 where it does not fit the base.
    absl::Status UseAdapter(const std::string& folder);
    void ForgetAdapter(const std::string& folder);
    // One that UseAdapter has just loaded; null for "".
    std::shared_ptr<const Adapter> FindAdapter(const std::string& folder) const;
    size_t num_adapters() const { return adapters_.size(); }

    // An answer's constraint: to any JSON object, to a schema, or to a call of one of the
    // functions. `param` is the field that an error of the schema is about.
    std::shared_ptr<TokenConstraint> JsonObject();
    absl::StatusOr<std::shared_ptr<TokenConstraint>> JsonSchema(
        const nlohmann::ordered_json& schema, const std::string& param);
    absl::StatusOr<std::shared_ptr<TokenConstraint>> FunctionCall(
        const std::vector<FunctionTool>& functions);

    // The log-probability of every token of a text but the first, which has none, and of the `top`
    // likeliest in its place.
    absl::StatusOr<std::vector<TokenLogprob>> Score(const std::vector<int32_t>& tokens,
                                                    const std::string& adapter, int64_t top);

    // The embedding of each text, f32 [hidden_size()] of length 1: the same bits in any company. It
    // is pooled as the adapter's folder says, else as the model does.
    absl::StatusOr<std::vector<std::vector<float>>> Embed(
        const std::vector<std::vector<int32_t>>& texts, const std::string& adapter_folder,
        const Adapter* adapter);

  private:
    struct HeldAdapter {
        std::shared_ptr<const Adapter> adapter;
        uint64_t last_use = 0;
    };
    // The grammar under that key, made where it is not there yet.
    template <typename Compile>
    absl::StatusOr<std::shared_ptr<TokenConstraint>> Constraint(const std::string& key,
                                                                Compile compile);
    void ShrinkAdapters();

    LoadedModel loaded_;
    const Context& context_;
    ServedModelOptions options_;
    TokenBytes bytes_;
    TokenTrie trie_;
    ToolForm tool_form_;
    Engine engine_;
    std::map<std::string, HeldAdapter> adapters_;
    uint64_t uses_ = 0;
    std::list<std::pair<std::string, std::shared_ptr<Grammar>>> grammars_;  // the last used first
};

}  // namespace hone
