// Prompts to answers: all of a list, by an engine's steps.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "infer/engine.h"

namespace hone {

// Called after every token, with the text of that request that became certain with it (maybe none).
// Returns false to cancel everything that still runs.
using TextCallback = std::function<bool(size_t request, std::string_view text)>;

// Answers lists of prompts, and returns when all are answered.
class Generator {
  public:
    // As Engine's constructor. All that is there is answered as fast as it goes: a step takes whole
    // prompts.
    Generator(Model& model, std::shared_ptr<const Tokenizer> tokenizer,
              std::vector<int32_t> end_ids, const Context& context);

    // Prompts of one adapter that begin with the same tokens compute these once, within a call of
    // Generate and from one call to the next. The results have the same bits. `bytes` limits the
    // caches of finished sequences; with 0 nothing is shared.
    void set_prefix_cache_bytes(size_t bytes) { engine_.set_prefix_cache_bytes(bytes); }

    // As the engine's.
    absl::Status AddAdapter(const std::string& name, std::shared_ptr<const Adapter> adapter) {
        return engine_.AddAdapter(name, std::move(adapter));
    }
    absl::Status RemoveAdapter(const std::string& name) { return engine_.RemoveAdapter(name); }

    // Answers all requests; results are in their order. At most `batch_size` sequences run at a
    // time, and a finished one makes room for the next. Errors are Engine::Check's, and name the
    // request; an error of one ends all. max_new_tokens is limited by the context. After the
    // callback cancelled, sequences end with the text so far. Adds to `stats`, if given.
    absl::StatusOr<std::vector<GenerateResult>> Generate(
        const std::vector<GenerateRequest>& requests, int64_t batch_size,
        const TextCallback& callback = nullptr, GenerateStats* stats = nullptr);

  private:
    Engine engine_;
};

}  // namespace hone
