// Many prompts answered side by side: requests come and go between any two steps, each with its own
// adapter.
//
// A step takes the next token of every sequence that is being answered, and beside them a bounded
// piece of the prompts that are being read, through the model at once. So a long prompt slows
// others down a little and never stops them. A request's answer has the same bits alone and in any
// company: a prompt may be cut anywhere (kLastPromptTokens), the sums of a sequence do not depend
// on its neighbours, and its random numbers are its own.
//
// Caches of keys and values are limited by bytes. A request begins when there is room for its
// prompt and a part of its answer, in the order of arrival, and its cache grows with its answer.
// Where there is no room to grow, the request that began last gives its cache up, waits at the head
// of the queue, and is read and decoded again up to where it was: the same bits, for time instead
// of memory. A request that has not enough room alone is refused, so the one that began first
// always goes on.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "infer/prefix_cache.h"
#include "infer/request.h"
#include "text/tokenizer.h"

namespace hone {

// So many tokens of the last pieces of prompts go through the model together, or one prompt's.
inline constexpr int64_t kPromptTokensTogether = 2048;

// The bytes of finished sequences' caches, which are kept for prompts that begin with the same
// tokens.
inline constexpr size_t kPrefixCacheBytes = size_t{256} << 20;

struct EngineOptions {
    int64_t max_running = 256;      // sequences in one step
    size_t max_queued = 1024;       // requests that wait to begin
    size_t cache_bytes = SIZE_MAX;  // of the sequences that run
    size_t prefix_cache_bytes = kPrefixCacheBytes;
    // Tokens of prompts in a step, alone and beside sequences that are being answered.
    int64_t prefill_tokens = kPromptTokensTogether;
    int64_t prefill_tokens_beside = 128;
};

struct GenerateStats {
    int64_t prompt_tokens = 0;  // that were computed, not those that a cache had already
    int64_t reused_tokens = 0;  // of prompts, that another one with the same beginning had computed
    int64_t new_tokens = 0;
    // A step's time is shared out between the tokens of prompts and those that follow an answer's
    // token, by their number. decode_tokens are the tokens that were drawn in decode_seconds: the
    // first one of an answer is its prompt's.
    double prefill_seconds = 0;
    double decode_seconds = 0;
    int64_t decode_tokens = 0;
    GenerateStats& operator+=(const GenerateStats& more);
    GenerateStats operator-(const GenerateStats& before) const;
};

// Everything is called from one thread.
class Engine {
  public:
    // end_ids: the tokens that end an answer (ConversationEncoder::end_ids). The model and the
    // context must outlive the engine, and the model must not change.
    Engine(Model& model, std::shared_ptr<const Tokenizer> tokenizer, std::vector<int32_t> end_ids,
           const Context& context, const EngineOptions& options = {});
    // What still runs gets no OnEnd.
    ~Engine();

    // Why a request cannot be answered: a prompt that is empty or leaves no room in the model's
    // context or the cache's bytes is an error of kind kData, an unknown adapter or a sampling
    // option out of range one of kind kUsage.
    absl::Status Check(const GenerateRequest& request) const;
    // Queues a request and returns its number. `sink` hears of it from the next Step on, and must
    // live until its OnEnd. max_new_tokens is limited by the context and by the cache's bytes.
    // Errors are Check's; a full queue is one of kind kMemory.
    absl::StatusOr<uint64_t> Submit(GenerateRequest request, RequestSink& sink);
    // The next Step ends it with the text so far. Without effect where there is none of that
    // number.
    void Cancel(uint64_t id);
    // One more token for every sequence that is being answered, and a piece of the prompts. Does
    // nothing where nothing was submitted.
    void Step();
    // Whether anything runs or waits.
    bool busy() const { return !queue_.empty() || !running_.empty(); }
    int64_t running() const { return static_cast<int64_t>(running_.size()); }
    int64_t queued() const { return static_cast<int64_t>(queue_.size()); }
    size_t cache_bytes() const;  // of the sequences that run

    // An adapter that requests may name; `model` has packed it. A name that is in use, empty or
    // unknown is an error of kind kUsage. Requests that were submitted keep the adapter that they
    // named.
    absl::Status AddAdapter(const std::string& name, std::shared_ptr<const Adapter> adapter);
    absl::Status RemoveAdapter(const std::string& name);
    bool HasAdapter(const std::string& name) const { return adapters_.contains(name); }

    void set_max_running(int64_t sequences) { options_.max_running = sequences; }
    void set_prefix_cache_bytes(size_t bytes) { prefixes_.set_max_bytes(bytes); }
    const EngineOptions& options() const { return options_; }
    // Of all steps.
    const GenerateStats& stats() const { return stats_; }

  private:
    struct Sequence;
    using Sequences = std::vector<std::unique_ptr<Sequence>>;
    // What one step does with a sequence.
    struct Row {
        Sequence* sequence;
        int64_t tokens;  // that it feeds
    };
    // Of one sequence: what the context and the cache's bytes hold.
    int64_t MaxTokens() const;
    int64_t MaxNewTokens(const GenerateRequest& request) const;
    void EndCancelled();
    void Tell(Sequence& sequence);
    // Moves requests from the queue to those that run, as long as there is room.
    void Admit();
    void Begin(Sequence& sequence);
    // Makes room for one more token in the sequence's cache, at the cost of those that began later;
    // false: at its own.
    bool Grow(Sequence& sequence);
    void Preempt(size_t index);
    std::vector<Row> Plan();
    void PlanPrompts(int64_t budget, std::vector<Row>& rows);
    // Goes on with what a conversation kept.
    void Continue(Sequence& sequence, KeptCache& kept);
    // Copies the part of its prompt that another sequence has computed.
    void Reuse(Sequence& sequence);
    bool WaitsForPrefix(const Sequence& sequence) const;
    absl::Status Feed(const std::vector<Row>& rows);
    void Draw(const std::vector<Row>& rows);
    void Deliver(Sequence& sequence);
    void RemoveEnded();
    void Keep(Sequence& sequence);

    Model& model_;
    std::shared_ptr<const Tokenizer> tokenizer_;
    std::vector<int32_t> end_ids_;
    const Context& context_;
    EngineOptions options_;
    std::map<std::string, std::shared_ptr<const Adapter>> adapters_;
    PrefixCache prefixes_;
    uint64_t next_id_ = 1;
    std::unordered_map<uint64_t, Sequence*> sequences_;  // all, by their numbers
    bool any_cancelled_ = false;
    std::deque<std::unique_ptr<Sequence>> queue_;
    Sequences running_;          // in the order in which they began
    std::vector<float> logits_;  // [rows, V]
    GenerateStats stats_;
};

}  // namespace hone
