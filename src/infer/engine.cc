#include "infer/engine.h"

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "fmt/ranges.h"
#include "infer/sequence.h"

namespace hone {
namespace {

// A cache begins with room for so many tokens of the answer, and grows by at least as many.
constexpr int64_t kGrowTokens = 256;

}  // namespace

GenerateStats& GenerateStats::operator+=(const GenerateStats& more) {
    prompt_tokens += more.prompt_tokens;
    reused_tokens += more.reused_tokens;
    new_tokens += more.new_tokens;
    prefill_seconds += more.prefill_seconds;
    decode_seconds += more.decode_seconds;
    decode_tokens += more.decode_tokens;
    return *this;
}

GenerateStats GenerateStats::operator-(const GenerateStats& before) const {
    GenerateStats difference{.prompt_tokens = -before.prompt_tokens,
                             .reused_tokens = -before.reused_tokens,
                             .new_tokens = -before.new_tokens,
                             .prefill_seconds = -before.prefill_seconds,
                             .decode_seconds = -before.decode_seconds,
                             .decode_tokens = -before.decode_tokens};
    return difference += *this;
}

Engine::Engine(Model& model, std::shared_ptr<const Tokenizer> tokenizer,
               std::vector<int32_t> end_ids, const Context& context, const EngineOptions& options)
    : model_(model),
      tokenizer_(std::move(tokenizer)),
      end_ids_(std::move(end_ids)),
      context_(context),
      options_(options),
      prefixes_(options.prefix_cache_bytes) {}

Engine::~Engine() = default;

absl::Status Engine::AddAdapter(const std::string& name, std::shared_ptr<const Adapter> adapter) {
    if (name.empty()) return UsageError("an adapter needs a name");
    if (!adapters_.emplace(name, std::move(adapter)).second)
        return UsageError("there are two adapters \"{}\"", name);
    return absl::OkStatus();
}

absl::Status Engine::RemoveAdapter(const std::string& name) {
    const auto found = adapters_.find(name);
    if (found == adapters_.end()) return UsageError("there is no adapter \"{}\"", name);
    prefixes_.Forget(found->second.get());
    adapters_.erase(found);
    return absl::OkStatus();
}

int64_t Engine::MaxTokens() const {
    // Halves what lies between a number that fits and one that does not: with windows, bytes do
    // not grow evenly.
    int64_t fits = 0, too_many = model_.config().max_position_embeddings + 1;
    while (too_many - fits > 1) {
        const int64_t middle = fits + (too_many - fits) / 2;
        (model_.CacheBytes(middle) <= options_.cache_bytes ? fits : too_many) = middle;
    }
    return fits;
}

int64_t Engine::MaxNewTokens(const GenerateRequest& request) const {
    return std::min(request.options.max_new_tokens,
                    MaxTokens() - static_cast<int64_t>(request.prompt.size()));
}

absl::Status Engine::Check(const GenerateRequest& request) const {
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
    for (const auto& [token, bias] : request.options.sampling.logit_bias)
        if (token < 0 || token >= vocab_size)
            return UsageError("logit_bias names token {}, but the model has {}", token, vocab_size);
    if (MaxNewTokens(request) < 1)
        return DataError(
            "the prompt has {} tokens, and with at least one new token its cache needs {} bytes; "
            "there are {}: shorten it",
            request.prompt.size(),
            model_.CacheBytes(static_cast<int64_t>(request.prompt.size()) + 1),
            options_.cache_bytes);
    return absl::OkStatus();
}

absl::StatusOr<uint64_t> Engine::Submit(GenerateRequest request, RequestSink& sink) {
    HONE_RETURN_IF_ERROR(Check(request));
    if (queue_.size() >= options_.max_queued)
        return MemoryError("{} requests wait already: ask again later", queue_.size());
    auto sequence = std::make_unique<Sequence>(next_id_++, std::move(request), sink, tokenizer_);
    sequence->max_new_tokens = MaxNewTokens(sequence->request);
    const std::string& adapter = sequence->request.adapter;
    if (!adapter.empty()) sequence->adapter = adapters_.at(adapter);
    sequences_.emplace(sequence->id, sequence.get());
    queue_.push_back(std::move(sequence));
    return queue_.back()->id;
}

void Engine::Cancel(uint64_t id) {
    const auto found = sequences_.find(id);
    if (found == sequences_.end()) return;
    found->second->cancelled = true;
    any_cancelled_ = true;
}

size_t Engine::cache_bytes() const {
    size_t bytes = 0;
    for (const auto& sequence : running_) bytes += sequence->cache->bytes();
    return bytes;
}

void Engine::Step() {
    EndCancelled();
    Admit();
    const std::vector<Row> rows = Plan();
    if (!rows.empty()) {
        const double start = NowSeconds();
        const absl::Status status = Feed(rows);
        if (status.ok()) {
            Draw(rows);
        } else {
            for (const Row& row : rows) row.sequence->error = status;
        }
        int64_t prompt_tokens = 0, decode_tokens = 0;
        for (const Row& row : rows)
            (row.sequence->fed > row.sequence->prompt_tokens() ? decode_tokens : prompt_tokens) +=
                row.tokens;
        const double each =
            (NowSeconds() - start) / static_cast<double>(prompt_tokens + decode_tokens);
        stats_.prompt_tokens += prompt_tokens;
        stats_.decode_tokens += decode_tokens;
        stats_.prefill_seconds += each * static_cast<double>(prompt_tokens);
        stats_.decode_seconds += each * static_cast<double>(decode_tokens);
    }
    EndCancelled();
    RemoveEnded();
}

void Engine::EndCancelled() {
    if (!any_cancelled_) return;
    any_cancelled_ = false;
    for (const auto& sequence : running_)
        if (sequence->cancelled && !sequence->ended) sequence->End(FinishReason::kCancelled);
    Sequences ended;
    for (auto& sequence : queue_)
        if (sequence->cancelled) ended.push_back(std::move(sequence));
    std::erase(queue_, nullptr);
    for (const auto& sequence : ended) {
        sequence->End(FinishReason::kCancelled);
        Tell(*sequence);
    }
}

// The end of a sequence that the engine holds no more: the sink may submit others.
void Engine::Tell(Sequence& sequence) {
    sequences_.erase(sequence.id);
    if (!sequence.error.ok()) {
        sequence.sink->OnEnd(sequence.id, sequence.error);
    } else {
        sequence.sink->OnEnd(sequence.id, std::move(sequence.result));
    }
}

void Engine::Admit() {
    size_t bytes = cache_bytes();
    while (!queue_.empty() && running() < options_.max_running) {
        Sequence& sequence = *queue_.front();
        const int64_t capacity = std::min(sequence.max_tokens(), sequence.known() + kGrowTokens);
        if (bytes + model_.CacheBytes(capacity) > options_.cache_bytes) return;
        if (sequence.started == 0) sequence.Start(model_.config().vocab_size);
        KeptCache* kept = sequence.request.kept;
        if (kept && kept->cache && kept->cache->capacity() >= capacity) {
            sequence.cache = std::move(kept->cache);
        } else {
            sequence.cache = model_.NewCache(capacity);
        }
        bytes += sequence.cache->bytes();
        running_.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
}

void Engine::Begin(Sequence& sequence) {
    sequence.begun = true;
    KeptCache* kept = sequence.request.kept;
    if (kept == nullptr) {
        Reuse(sequence);
    } else {
        Continue(sequence, *kept);
    }
    sequence.cache->Expect(sequence.prompt_tokens());
}

void Engine::Continue(Sequence& sequence, KeptCache& kept) {
    // At least one token has to go through the model, for the logits.
    const std::vector<int32_t>& prompt = sequence.request.prompt;
    const size_t reusable = std::min(kept.tokens.size(), prompt.size() - 1);
    const auto [differs, unused] = std::mismatch(
        prompt.begin(), prompt.begin() + static_cast<int64_t>(reusable), kept.tokens.begin());
    // It is the sequence's already, unless it is too small.
    const KvCache& cache = kept.cache ? *kept.cache : *sequence.cache;
    sequence.fed = differs - prompt.begin();
    if (!cache.Serves(sequence.fed, sequence.prompt_tokens())) sequence.fed = 0;
    if (kept.cache) sequence.cache->CopyFrom(cache, sequence.fed);
    sequence.cache->Truncate(sequence.fed);
    kept = {};
    sequence.result.reused_tokens = sequence.fed;
}

void Engine::Reuse(Sequence& sequence) {
    if (prefixes_.max_bytes() == 0) return;
    const Adapter* adapter = sequence.adapter.get();
    PrefixSource best = prefixes_.Find(adapter, sequence.request.prompt);
    int64_t shared = SharedTokens(best, adapter, sequence.request.prompt);
    for (const auto& other : running_) {
        if (!other->begun || other.get() == &sequence) continue;
        const int64_t more = SharedTokens(other->source(), adapter, sequence.request.prompt);
        if (more > shared && other->source().Serves(more, sequence.prompt_tokens()))
            shared = more, best = other->source();
    }
    if (shared == 0) return;
    sequence.cache->CopyFrom(*best.cache, shared);
    sequence.fed = shared;
    sequence.result.reused_tokens = shared;
    stats_.reused_tokens += shared;
}

// One whose prompt is being read, and which begins as this one does: what they share is soon
// there. Once it is, it has to be taken before layers with a window forget it.
bool Engine::WaitsForPrefix(const Sequence& sequence) const {
    if (prefixes_.max_bytes() == 0 || sequence.request.kept) return false;
    for (const auto& other : running_) {
        if (other.get() == &sequence) return false;
        if (other->answering() || other->ended || !other->begun) continue;
        if (SharedTokens(other->source(), sequence.adapter.get(), sequence.request.prompt) >
                other->fed &&
            other->source().Serves(other->fed, sequence.prompt_tokens()))
            return true;
    }
    return false;
}

bool Engine::Grow(Sequence& sequence) {
    const int64_t capacity = sequence.cache->capacity();
    if (sequence.fed < capacity) return true;
    // Half as much again at least, so that a long answer is seldom copied.
    const int64_t wanted =
        std::min(sequence.max_tokens(), capacity + std::max(kGrowTokens, capacity / 2));
    const size_t more = model_.CacheBytes(wanted) - model_.CacheBytes(capacity);
    while (cache_bytes() + more > options_.cache_bytes) {
        size_t last = running_.size() - 1;
        while (running_[last]->ended) --last;
        const bool itself = running_[last].get() == &sequence;
        Preempt(last);
        if (itself) return false;
    }
    auto larger = model_.NewCache(wanted);
    larger->CopyFrom(*sequence.cache, sequence.fed);
    sequence.cache = std::move(larger);
    return true;
}

void Engine::Preempt(size_t index) {
    std::unique_ptr<Sequence> sequence = std::move(running_[index]);
    running_.erase(running_.begin() + static_cast<int64_t>(index));
    sequence->cache.reset();
    sequence->begun = false;
    sequence->fed = 0;
    queue_.push_front(std::move(sequence));
}

std::vector<Engine::Row> Engine::Plan() {
    std::vector<Row> rows;
    // Those that began last may lose their place to the ones before them.
    for (size_t i = 0; i < running_.size(); ++i) {
        Sequence& sequence = *running_[i];
        if (sequence.ended || !sequence.answering()) continue;
        if (Grow(sequence)) rows.push_back({&sequence, 1});
    }
    PlanPrompts(rows.empty() ? options_.prefill_tokens : options_.prefill_tokens_beside, rows);
    // Those of one adapter side by side: its products then take all their rows at once.
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
        return a.sequence->request.adapter < b.sequence->request.adapter;
    });
    return rows;
}

void Engine::PlanPrompts(int64_t budget, std::vector<Row>& rows) {
    bool any = false;
    for (const auto& sequence : running_) {
        if (sequence->ended || sequence->answering()) continue;
        if (!sequence->begun) {
            if (WaitsForPrefix(*sequence)) continue;
            Begin(*sequence);
        }
        const int64_t rest = sequence->prompt_tokens() - sequence->fed;
        // As many as keep the activations in cache; the last piece may be a little longer.
        int64_t piece = rest < kPrefillTokens + kLastPromptTokens ? rest : kPrefillTokens;
        if (piece > budget) {
            // What is left is a piece too, of at least kLastPromptTokens.
            piece = std::min(budget, rest - kLastPromptTokens);
            if (piece < kLastPromptTokens) {
                if (any) return;
                piece = rest;
            }
        }
        rows.push_back({sequence.get(), piece});
        budget -= piece;
        any = true;
    }
}

absl::Status Engine::Feed(const std::vector<Row>& rows) {
    std::vector<std::vector<int32_t>> inputs;
    std::vector<KvCache*> caches;
    std::vector<const Adapter*> adapters;
    for (const Row& row : rows) {
        std::vector<int32_t>& input = inputs.emplace_back();
        for (int64_t t = 0; t < row.tokens; ++t)
            input.push_back(row.sequence->At(row.sequence->fed + t));
        caches.push_back(row.sequence->cache.get());
        adapters.push_back(row.sequence->adapter.get());
    }
    logits_.resize(rows.size() * static_cast<size_t>(model_.config().vocab_size));
    const absl::Status status = model_.Decode(context_, inputs, caches, logits_.data(), adapters);
    for (const Row& row : rows) row.sequence->fed += row.tokens;
    return status;
}

void Engine::Draw(const std::vector<Row>& rows) {
    const size_t vocab_size = static_cast<size_t>(model_.config().vocab_size);
    // Not those whose prompt goes on, or whose next token was drawn before they were preempted.
    const auto draws = [&](const Row& row) { return row.sequence->fed == row.sequence->known(); };
    context_.ParallelFor(static_cast<int64_t>(rows.size()), [&](int64_t i, int) {
        if (draws(rows[i])) rows[i].sequence->Draw({logits_.data() + i * vocab_size, vocab_size});
    });
    std::vector<Sequence*> drawn;
    for (const Row& row : rows)
        if (draws(row)) drawn.push_back(row.sequence);
    std::sort(drawn.begin(), drawn.end(),
              [](const Sequence* a, const Sequence* b) { return a->id < b->id; });
    for (Sequence* sequence : drawn) Deliver(*sequence);
}

void Engine::Deliver(Sequence& sequence) {
    const absl::StatusOr<std::string> text = sequence.TakeDrawn(end_ids_);
    if (!text.ok()) {
        sequence.error = text.status();
        return;
    }
    ++stats_.new_tokens;
    sequence.sink->OnToken(
        sequence.id,
        {.text = *text,
         .token = sequence.result.tokens.back(),
         .logprob = sequence.result.logprobs.empty() ? nullptr : &sequence.result.logprobs.back()});
}

void Engine::RemoveEnded() {
    Sequences ended;
    for (auto& sequence : running_)
        if (sequence->ended || !sequence->error.ok()) ended.push_back(std::move(sequence));
    std::erase(running_, nullptr);
    for (const auto& sequence : ended) {
        Keep(*sequence);
        Tell(*sequence);
    }
}

// The cache of a sequence that ended, for those that come after it.
void Engine::Keep(Sequence& sequence) {
    KeptCache* kept = sequence.request.kept;
    if (kept && sequence.error.ok()) {
        // The last token was drawn, but not put into the cache.
        kept->cache = std::move(sequence.cache);
        kept->tokens.clear();
        for (int64_t t = 0; t < kept->cache->length(); ++t) kept->tokens.push_back(sequence.At(t));
        return;
    }
    const std::string& name = sequence.request.adapter;
    const auto adapter = adapters_.find(name);
    // An adapter that was removed meanwhile is asked for no more.
    const bool there =
        name.empty() || (adapter != adapters_.end() && adapter->second == sequence.adapter);
    if (kept || !there || !sequence.error.ok()) return;
    prefixes_.Put(sequence.adapter.get(), std::move(sequence.request.prompt),
                  std::move(sequence.cache));
}

}  // namespace hone
