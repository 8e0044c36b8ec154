#include "infer/generator.h"

#include <algorithm>

#include "base/clock.h"
#include "fmt/ranges.h"
#include "infer/stop.h"

namespace hone {

std::string_view FinishReasonName(FinishReason reason) {
    switch (reason) {
        case FinishReason::kStop:
            return "stop";
        case FinishReason::kLength:
            return "length";
        case FinishReason::kCancelled:
            return "cancelled";
    }
    return "";
}

// One request on its way: what to feed next, and everything that turns tokens into text.
struct Generator::Sequence {
    Sequence(const GenerateRequest& request, size_t index, int64_t vocab_size,
             const std::shared_ptr<const Tokenizer>& tokenizer)
        : index(index),
          sampler(request.options.sampling, vocab_size),
          tokenizer(tokenizer),
          decoder(tokenizer),
          stops(request.options.stop) {}

    // A token that ends the answer adds nothing to the text; otherwise returns the text that became
    // certain.
    absl::StatusOr<std::string> Push(int32_t token) {
        result.tokens.push_back(token);
        sampler.Observe({&token, 1});
        input = {token};
        std::string text;
        if (std::find(end_tokens.begin(), end_tokens.end(), token) != end_tokens.end()) {
            End(FinishReason::kStop);
        } else {
            // Where the model's vocabulary is padded beyond the tokenizer's, such a token has no
            // text.
            if (tokenizer->IdToToken(token).has_value()) {
                HONE_ASSIGN_OR_RETURN(std::string decoded, decoder.Push(token));
                text = stops.Push(decoded);
            }
            if (stops.stopped()) {
                End(FinishReason::kStop);
            } else if (static_cast<int64_t>(result.tokens.size()) >= max_new_tokens) {
                End(FinishReason::kLength);
            }
        }
        if (done) {
            HONE_ASSIGN_OR_RETURN(std::string rest, decoder.Finish());
            text += stops.Push(rest);
            text += stops.Finish();
        }
        result.text += text;
        return text;
    }

    void End(FinishReason reason) {
        done = true;
        result.finish = reason;
        result.seconds = NowSeconds() - started;
    }

    size_t index;
    Sampler sampler;
    std::shared_ptr<const Tokenizer> tokenizer;
    StreamDecoder decoder;
    StopFilter stops;
    std::vector<int32_t> end_tokens;
    int64_t max_new_tokens = 0;
    std::unique_ptr<KvCache> owned_cache;  // empty in a chat, whose session owns it
    KvCache* cache = nullptr;
    std::string adapter_name;  // empty: the base alone
    const Adapter* adapter = nullptr;
    std::vector<int32_t> prompt;
    std::vector<int32_t> input;  // not in the cache yet
    PrefixSource source() const { return {adapter, prompt, cache}; }
    GenerateResult result;
    double started = 0;
    bool done = false;
};

absl::Status Generator::AddAdapter(const std::string& name,
                                   std::shared_ptr<const Adapter> adapter) {
    if (name.empty()) return UsageError("an adapter needs a name");
    if (!adapters_.emplace(name, std::move(adapter)).second)
        return UsageError("there are two adapters \"{}\"", name);
    return absl::OkStatus();
}

absl::Status Generator::RemoveAdapter(const std::string& name) {
    const auto found = adapters_.find(name);
    if (found == adapters_.end()) return UsageError("there is no adapter \"{}\"", name);
    prefixes_.Forget(found->second.get());
    adapters_.erase(found);
    return absl::OkStatus();
}

absl::Status Generator::CheckRequest(const GenerateRequest& request) const {
    HONE_RETURN_IF_ERROR(CheckSampling(request.options.sampling));
    if (request.options.max_new_tokens < 1) {
        return UsageError("max_new_tokens is {}; at least one is needed",
                          request.options.max_new_tokens);
    }
    if (!request.adapter.empty() && !adapters_.contains(request.adapter)) {
        std::vector<std::string> names;
        for (const auto& [name, adapter] : adapters_) names.push_back(name);
        return UsageError(
            "there is no adapter \"{}\"; {}", request.adapter,
            names.empty() ? "none was added" : fmt::format("there are {}", fmt::join(names, ", ")));
    }
    if (request.prompt.empty())
        return DataError("the prompt is empty: it needs at least one token");
    const int64_t limit = model_.config().max_position_embeddings;
    if (static_cast<int64_t>(request.prompt.size()) >= limit) {
        return DataError(
            "the prompt has {} tokens, and with at least one new token that is more than the "
            "model's context of {}; "
            "shorten it",
            request.prompt.size(), limit);
    }
    const int64_t vocab_size = model_.config().vocab_size;
    for (int32_t token : request.prompt) {
        if (token < 0 || token >= vocab_size) {
            return ModelError(
                "the tokenizer made token {}, but the model knows only {}: they do not belong "
                "together",
                token, vocab_size);
        }
    }
    return absl::OkStatus();
}

std::unique_ptr<Generator::Sequence> Generator::Start(const GenerateRequest& request,
                                                      size_t index) const {
    const ModelConfig& config = model_.config();
    auto sequence = std::make_unique<Sequence>(request, index, config.vocab_size, tokenizer_);
    const int64_t prompt_tokens = static_cast<int64_t>(request.prompt.size());
    sequence->max_new_tokens =
        std::min(request.options.max_new_tokens, config.max_position_embeddings - prompt_tokens);
    if (!request.options.ignore_eos) sequence->end_tokens = end_ids_;
    sequence->adapter_name = request.adapter;
    if (!request.adapter.empty()) sequence->adapter = adapters_.at(request.adapter).get();
    sequence->sampler.Observe(request.prompt);
    sequence->prompt = request.prompt;
    sequence->input = request.prompt;
    sequence->result.prompt_tokens = prompt_tokens;
    sequence->started = NowSeconds();
    return sequence;
}

absl::StatusOr<std::vector<GenerateResult>> Generator::Generate(
    const std::vector<GenerateRequest>& requests, int64_t batch_size, const TextCallback& callback,
    GenerateStats* stats) {
    HONE_CHECK(batch_size >= 1);
    for (size_t i = 0; i < requests.size(); ++i) {
        absl::Status status = CheckRequest(requests[i]);
        if (!status.ok())
            return requests.size() == 1 ? status
                                        : Annotate(status, fmt::format("prompt {}", i + 1));
    }
    GenerateStats unused;
    GenerateStats& sums = stats ? *stats : unused;
    std::vector<GenerateResult> results(requests.size());
    for (GenerateResult& result : results) result.finish = FinishReason::kCancelled;
    std::vector<std::unique_ptr<Sequence>> running;
    size_t next = 0;
    bool cancelled = false;
    while (!cancelled && (next < requests.size() || !running.empty())) {
        std::vector<Sequence*> fresh;
        while (next < requests.size() && static_cast<int64_t>(running.size()) < batch_size) {
            auto sequence = Start(requests[next], next);
            sequence->owned_cache =
                model_.NewCache(sequence->result.prompt_tokens + sequence->max_new_tokens);
            sequence->cache = sequence->owned_cache.get();
            fresh.push_back(sequence.get());
            running.push_back(std::move(sequence));
            ++next;
        }
        if (!fresh.empty()) {
            HONE_ASSIGN_OR_RETURN(cancelled, PrefillAll(fresh, running, callback, sums));
        } else {
            std::vector<Sequence*> all;
            for (const auto& sequence : running) all.push_back(sequence.get());
            HONE_ASSIGN_OR_RETURN(cancelled, DecodeOnce(all, callback, sums));
        }
        for (auto& sequence : running) {
            if (cancelled && !sequence->done) sequence->End(FinishReason::kCancelled);
            if (!sequence->done) continue;
            results[sequence->index] = std::move(sequence->result);
            prefixes_.Put(sequence->adapter, std::move(sequence->prompt),
                          std::move(sequence->owned_cache));
        }
        std::erase_if(running, [](const auto& sequence) { return sequence->done; });
    }
    return results;
}

void Generator::Reuse(Sequence& sequence, const std::vector<std::unique_ptr<Sequence>>& running,
                      GenerateStats& stats) {
    if (prefixes_.max_bytes() == 0) return;
    PrefixSource best = prefixes_.Find(sequence.adapter, sequence.prompt);
    int64_t shared = SharedTokens(best, sequence.adapter, sequence.prompt);
    for (const auto& other : running) {
        if (!other->source().ready()) continue;
        const int64_t more = SharedTokens(other->source(), sequence.adapter, sequence.prompt);
        if (more > shared) shared = more, best = other->source();
    }
    if (shared == 0) return;
    sequence.cache->CopyFrom(*best.cache, shared);
    sequence.input.erase(sequence.input.begin(), sequence.input.begin() + shared);
    stats.reused_tokens += shared;
}

absl::StatusOr<bool> Generator::PrefillAll(const std::vector<Sequence*>& fresh,
                                           const std::vector<std::unique_ptr<Sequence>>& running,
                                           const TextCallback& callback, GenerateStats& stats) {
    std::vector<Sequence*> first, later;
    for (Sequence* sequence : fresh) {
        const bool waits = std::any_of(first.begin(), first.end(), [&](const Sequence* other) {
            return SharedTokens(other->source(), sequence->adapter, sequence->prompt) > 0;
        });
        (waits && prefixes_.max_bytes() > 0 ? later : first).push_back(sequence);
    }
    for (const auto& wave : {first, later}) {
        for (Sequence* sequence : wave) Reuse(*sequence, running, stats);
        HONE_ASSIGN_OR_RETURN(const bool cancelled, Prefill(wave, callback, stats));
        if (cancelled) return true;
    }
    return false;
}

absl::StatusOr<bool> Generator::Prefill(const std::vector<Sequence*>& sequences,
                                        const TextCallback& callback, GenerateStats& stats) {
    const double start = NowSeconds();
    for (const Sequence* sequence : sequences) stats.prompt_tokens += sequence->input.size();
    bool cancelled = false;
    for (size_t begin = 0; begin < sequences.size() && !cancelled;) {
        // As many of the next prompts as fit together.
        std::vector<Sequence*> group;
        int64_t tokens = 0;
        for (size_t i = begin; i < sequences.size(); ++i) {
            tokens += LastPieceTokens(static_cast<int64_t>(sequences[i]->input.size()));
            if (tokens > kPromptTokensTogether && !group.empty()) break;
            group.push_back(sequences[i]);
        }
        begin += group.size();
        HONE_ASSIGN_OR_RETURN(cancelled, Step(group, callback));
        stats.new_tokens += static_cast<int64_t>(group.size());
    }
    stats.prefill_seconds += NowSeconds() - start;
    return cancelled;
}

absl::StatusOr<bool> Generator::DecodeOnce(const std::vector<Sequence*>& sequences,
                                           const TextCallback& callback, GenerateStats& stats) {
    const double start = NowSeconds();
    HONE_ASSIGN_OR_RETURN(bool cancelled, Step(sequences, callback));
    stats.decode_seconds += NowSeconds() - start;
    stats.decode_tokens += static_cast<int64_t>(sequences.size());
    stats.new_tokens += static_cast<int64_t>(sequences.size());
    return cancelled;
}

absl::StatusOr<bool> Generator::Step(std::vector<Sequence*> sequences,
                                     const TextCallback& callback) {
    // Those of one adapter side by side: its products then take all their rows at once.
    std::stable_sort(sequences.begin(), sequences.end(), [](const Sequence* a, const Sequence* b) {
        return a->adapter_name < b->adapter_name;
    });
    const size_t vocab_size = static_cast<size_t>(model_.config().vocab_size);
    std::vector<std::vector<int32_t>> inputs;
    std::vector<KvCache*> caches;
    std::vector<const Adapter*> adapters;
    for (Sequence* sequence : sequences) {
        inputs.push_back(std::move(sequence->input));
        caches.push_back(sequence->cache);
        adapters.push_back(sequence->adapter);
    }
    logits_.resize(sequences.size() * vocab_size);
    HONE_RETURN_IF_ERROR(model_.Decode(context_, inputs, caches, logits_.data(), adapters));

    std::vector<absl::StatusOr<int32_t>> drawn(sequences.size(), 0);
    context_.ParallelFor(static_cast<int64_t>(sequences.size()), [&](int64_t i, int) {
        drawn[i] = sequences[i]->sampler.Next({logits_.data() + i * vocab_size, vocab_size});
    });
    bool cancelled = false;
    for (size_t i = 0; i < sequences.size(); ++i) {
        HONE_RETURN_IF_ERROR(drawn[i].status());
        HONE_ASSIGN_OR_RETURN(std::string text, sequences[i]->Push(*drawn[i]));
        if (callback && !callback(sequences[i]->index, text)) cancelled = true;
    }
    return cancelled;
}

ChatSession::ChatSession(Generator& generator, EncodeMessages encode)
    : generator_(generator), encode_(std::move(encode)) {}

void ChatSession::Reset(std::string system_prompt) {
    messages_ = nlohmann::ordered_json::array();
    if (!system_prompt.empty())
        messages_.push_back({{"role", "system"}, {"content", std::move(system_prompt)}});
}

void ChatSession::TakeBack() {
    if (messages_.empty() || messages_.back()["role"] != "assistant") return;
    messages_.erase(messages_.size() - 1);
    messages_.erase(messages_.size() - 1);
}

absl::StatusOr<GenerateResult> ChatSession::Say(const std::string& user,
                                                const GenerateOptions& options,
                                                const TextCallback& callback,
                                                GenerateStats* stats) {
    messages_.push_back({{"role", "user"}, {"content", user}});
    GenerateStats unused;
    auto result = Answer(options, callback, stats ? *stats : unused);
    if (!result.ok()) {
        // The cache may hold a part of what failed.
        cache_.reset();
        cached_.clear();
    }
    if (!result.ok() || (result->finish == FinishReason::kCancelled && result->text.empty())) {
        messages_.erase(messages_.size() - 1);
    } else {
        messages_.push_back({{"role", "assistant"}, {"content", result->text}});
    }
    return result;
}

absl::StatusOr<GenerateResult> ChatSession::Answer(const GenerateOptions& options,
                                                   const TextCallback& callback,
                                                   GenerateStats& stats) {
    GenerateRequest request;
    request.options = options;
    HONE_ASSIGN_OR_RETURN(request.prompt, encode_(messages_));
    HONE_RETURN_IF_ERROR(generator_.CheckRequest(request));
    auto sequence = generator_.Start(request, 0);

    const int64_t needed = sequence->result.prompt_tokens + sequence->max_new_tokens;
    if (!cache_ || cache_->capacity() < needed) {
        // Twice what is needed now, so that a long chat seldom computes its beginning again.
        cache_ = generator_.model_.NewCache(
            std::min(2 * needed, generator_.model_.config().max_position_embeddings));
        cached_.clear();
    }
    // At least one token has to go through the model, for the logits.
    const size_t reusable = std::min(cached_.size(), request.prompt.size() - 1);
    const auto [differs, unused] =
        std::mismatch(cached_.begin(), cached_.begin() + reusable, request.prompt.begin());
    const size_t kept = static_cast<size_t>(differs - cached_.begin());
    cache_->Truncate(static_cast<int64_t>(kept));
    sequence->cache = cache_.get();
    sequence->input.assign(request.prompt.begin() + kept, request.prompt.end());

    HONE_ASSIGN_OR_RETURN(bool cancelled, generator_.Prefill({sequence.get()}, callback, stats));
    while (!cancelled && !sequence->done) {
        HONE_ASSIGN_OR_RETURN(cancelled, generator_.DecodeOnce({sequence.get()}, callback, stats));
    }
    if (!sequence->done) sequence->End(FinishReason::kCancelled);
    // The last token was drawn, but not put into the cache.
    cached_ = std::move(request.prompt);
    cached_.insert(cached_.end(), sequence->result.tokens.begin(),
                   sequence->result.tokens.end() - 1);
    HONE_CHECK(static_cast<int64_t>(cached_.size()) == cache_->length());
    return std::move(sequence->result);
}

}  // namespace hone
