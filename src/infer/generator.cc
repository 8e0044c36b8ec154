#include "infer/generator.h"

namespace hone {
namespace {

EngineOptions AllAtOnce() {
    EngineOptions options;
    options.max_queued = SIZE_MAX;
    options.prefill_tokens_beside = options.prefill_tokens;
    return options;
}

// What comes of requests whose numbers follow one another.
class Results : public RequestSink {
  public:
    Results(Engine& engine, size_t count, const TextCallback& callback)
        : engine_(engine), callback_(callback), results_(count) {}

    void Submitted(uint64_t id) {
        if (ids_.empty()) first_ = id;
        ids_.push_back(id);
    }
    void OnToken(uint64_t id, const TokenUpdate& update) override {
        if (callback_ && !callback_(id - first_, update.text)) CancelAll();
    }
    void OnEnd(uint64_t id, absl::StatusOr<GenerateResult> result) override {
        if (result.ok()) {
            results_[id - first_] = *std::move(result);
        } else if (status_.ok()) {
            status_ = result.status();
            CancelAll();
        }
    }
    absl::StatusOr<std::vector<GenerateResult>> Take() {
        if (!status_.ok()) return status_;
        return std::move(results_);
    }

  private:
    void CancelAll() {
        for (uint64_t id : ids_) engine_.Cancel(id);
    }

    Engine& engine_;
    const TextCallback& callback_;
    std::vector<GenerateResult> results_;
    std::vector<uint64_t> ids_;
    uint64_t first_ = 0;
    absl::Status status_;
};

}  // namespace

Generator::Generator(Model& model, std::shared_ptr<const Tokenizer> tokenizer,
                     std::vector<int32_t> end_ids, const Context& context)
    : engine_(model, std::move(tokenizer), std::move(end_ids), context, AllAtOnce()) {}

absl::StatusOr<std::vector<GenerateResult>> Generator::Generate(
    const std::vector<GenerateRequest>& requests, int64_t batch_size, const TextCallback& callback,
    GenerateStats* stats) {
    HONE_CHECK(batch_size >= 1);
    for (size_t i = 0; i < requests.size(); ++i) {
        absl::Status status = engine_.Check(requests[i]);
        if (!status.ok())
            return requests.size() == 1 ? status
                                        : Annotate(status, fmt::format("prompt {}", i + 1));
    }
    const GenerateStats before = engine_.stats();
    engine_.set_max_running(batch_size);
    Results results(engine_, requests.size(), callback);
    for (const GenerateRequest& request : requests) {
        const absl::StatusOr<uint64_t> id = engine_.Submit(request, results);
        HONE_CHECK(id.ok(), "{}", id.status().ToString());
        results.Submitted(*id);
    }
    while (engine_.busy()) engine_.Step();
    if (stats) *stats += engine_.stats() - before;
    return results.Take();
}

}  // namespace hone
