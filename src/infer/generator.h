// Prompts to answers: batched decoding with key-value caches, stop conditions, streaming; and chats
// of many turns.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "infer/prefix_cache.h"
#include "infer/sampler.h"
#include "model/model.h"
#include "nlohmann/json.hpp"
#include "text/tokenizer.h"

namespace hone {

struct GenerateOptions {
    int64_t max_new_tokens = 256;
    SamplingOptions sampling;
    std::vector<std::string> stop;  // the answer ends before the first of these
    bool ignore_eos = false;        // goes on after an end token (benchmarks)
};

struct GenerateRequest {
    std::vector<int32_t> prompt;
    GenerateOptions options;
    std::string adapter;  // a name that AddAdapter was given; empty: the base alone
};

enum class FinishReason {
    kStop,    // an end token or a stop string
    kLength,  // max_new_tokens, or the model's context is full
    kCancelled,
};
std::string_view FinishReasonName(FinishReason reason);  // "stop", "length", "cancelled"

struct GenerateResult {
    std::string text;             // without the stop string
    std::vector<int32_t> tokens;  // what was drawn, the end token included
    FinishReason finish = FinishReason::kLength;
    int64_t prompt_tokens = 0;
    // From the start of its prefill to its last token; others may run beside it.
    double seconds = 0;
};

struct GenerateStats {
    int64_t prompt_tokens = 0;  // that were computed, not those that a cache had already
    int64_t reused_tokens = 0;  // of prompts, that another one with the same beginning had computed
    int64_t new_tokens = 0;
    // Prefill is the time until the first new token of each sequence, decode the time from there
    // on. decode_tokens are the tokens that were drawn in decode_seconds.
    double prefill_seconds = 0;
    double decode_seconds = 0;
    int64_t decode_tokens = 0;
};

// Called after every token, with the text of that request that became certain with it (maybe none).
// Returns false to cancel everything that still runs.
using TextCallback = std::function<bool(size_t request, std::string_view text)>;

// So many tokens of the last pieces of prompts go through the model together, or one prompt's.
inline constexpr int64_t kPromptTokensTogether = 2048;

// The bytes of finished sequences' caches, which are kept for prompts that begin with the same
// tokens.
inline constexpr size_t kPrefixCacheBytes = size_t{256} << 20;

class Generator {
  public:
    // end_ids: the tokens that end an answer (ConversationEncoder::end_ids). The model and the
    // context must outlive the generator, and the model must not change.
    Generator(Model& model, std::shared_ptr<const Tokenizer> tokenizer,
              std::vector<int32_t> end_ids, const Context& context)
        : model_(model),
          tokenizer_(std::move(tokenizer)),
          end_ids_(std::move(end_ids)),
          context_(context) {}

    // Prompts of one adapter that begin with the same tokens compute these once, within a call of
    // Generate and from one call to the next. The results have the same bits. `bytes` limits the
    // caches of finished sequences; with 0 nothing is shared.
    void set_prefix_cache_bytes(size_t bytes) { prefixes_.set_max_bytes(bytes); }

    // Adds or removes an adapter that requests may name; `model` has packed it. Only between calls
    // of Generate. A name that is in use, empty or unknown is an error of kind kUsage.
    absl::Status AddAdapter(const std::string& name, std::shared_ptr<const Adapter> adapter);
    absl::Status RemoveAdapter(const std::string& name);

    // Answers all requests; results are in their order. At most `batch_size` sequences run at a
    // time, and a finished one makes room for the next. A prompt that is empty or leaves no room in
    // the model's context is an error of kind kData that names the request, an unknown adapter one
    // of kind kUsage. max_new_tokens is limited by the context. After the callback cancelled,
    // sequences end with the text so far. Adds to `stats`, if given.
    absl::StatusOr<std::vector<GenerateResult>> Generate(
        const std::vector<GenerateRequest>& requests, int64_t batch_size,
        const TextCallback& callback = nullptr, GenerateStats* stats = nullptr);

  private:
    friend class ChatSession;
    struct Sequence;
    absl::Status CheckRequest(const GenerateRequest& request) const;
    std::unique_ptr<Sequence> Start(const GenerateRequest& request, size_t index) const;
    // Copies the part of its prompt that another sequence has computed.
    void Reuse(Sequence& sequence, const std::vector<std::unique_ptr<Sequence>>& running,
               GenerateStats& stats);
    // Prefills new sequences. One that begins as another does comes after it.
    absl::StatusOr<bool> PrefillAll(const std::vector<Sequence*>& fresh,
                                    const std::vector<std::unique_ptr<Sequence>>& running,
                                    const TextCallback& callback, GenerateStats& stats);
    // Each: one more token for every sequence; returns whether the callback cancelled.
    absl::StatusOr<bool> Prefill(const std::vector<Sequence*>& sequences,
                                 const TextCallback& callback, GenerateStats& stats);
    absl::StatusOr<bool> DecodeOnce(const std::vector<Sequence*>& sequences,
                                    const TextCallback& callback, GenerateStats& stats);
    absl::StatusOr<bool> Step(std::vector<Sequence*> sequences, const TextCallback& callback);

    Model& model_;
    std::shared_ptr<const Tokenizer> tokenizer_;
    std::vector<int32_t> end_ids_;
    const Context& context_;
    std::map<std::string, std::shared_ptr<const Adapter>> adapters_;
    PrefixCache prefixes_{kPrefixCacheBytes};
    std::vector<float> logits_;  // [batch, V]
};

// A conversation: keeps the messages, and of the cache the part that the next prompt starts with.
class ChatSession {
  public:
    // Turns messages into the prompt's tokens, the same way as training did.
    using EncodeMessages =
        std::function<absl::StatusOr<std::vector<int32_t>>(const nlohmann::ordered_json& messages)>;

    ChatSession(Generator& generator, EncodeMessages encode);

    // Forgets the conversation; an empty system prompt means none.
    void Reset(std::string system_prompt);
    // Adds the user's message, answers it, and adds the answer. On an error or a cancelled answer
    // without text the user's message is taken back.
    absl::StatusOr<GenerateResult> Say(const std::string& user, const GenerateOptions& options,
                                       const TextCallback& callback = nullptr,
                                       GenerateStats* stats = nullptr);
    // Forgets the last answer and the message that it answers; nothing where there is none.
    void TakeBack();
    const nlohmann::ordered_json& messages() const { return messages_; }
  private:
    absl::StatusOr<GenerateResult> Answer(const GenerateOptions& options,
                                          const TextCallback& callback, GenerateStats& stats);

    Generator& generator_;
    EncodeMessages encode_;
    nlohmann::ordered_json messages_ = nlohmann::ordered_json::array();
    std::unique_ptr<KvCache> cache_;
    std::vector<int32_t> cached_;  // the tokens in cache_
};

}  // namespace hone
