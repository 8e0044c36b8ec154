#include "data/batch/batcher.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>
#include <utility>

#include "base/files/hash.h"
#include "base/random.h"

namespace hone {
namespace {

using Bins = std::vector<std::vector<int64_t>>;

constexpr size_t kPackWindow = 4096;  // rows that are packed with one another

// Best-fit decreasing (Johnson 1974): the longest first, each into the fullest bin that still has
// room. Bins of indices in `lengths`; what is longer than a bin gets one alone.
Bins BestFit(const std::vector<int64_t>& lengths, int64_t room) {
    std::vector<int64_t> order(lengths.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        return lengths[static_cast<size_t>(a)] > lengths[static_cast<size_t>(b)];
    });
    Bins bins;
    std::set<std::pair<int64_t, size_t>> free;  // room left, bin
    for (int64_t item : order) {
        const int64_t length = std::min(lengths[static_cast<size_t>(item)], room);
        auto best = free.lower_bound({length, 0});
        size_t bin = bins.size();
        int64_t left = room;
        if (best == free.end()) {
            bins.emplace_back();
        } else {
            std::tie(left, bin) = *best;
            free.erase(best);
        }
        bins[bin].push_back(item);
        free.insert({left - length, bin});
    }
    return bins;
}

Bins PackWindow(const Dataset& dataset, const std::vector<int64_t>& rows, int64_t room) {
    std::vector<int64_t> lengths;
    for (int64_t row : rows) lengths.push_back(dataset.Length(row));
    Bins bins = BestFit(lengths, room);
    for (auto& bin : bins)
        for (int64_t& item : bin) item = rows[static_cast<size_t>(item)];
    return bins;
}

// Neighbours together while they fit: keeps the order.
Bins PackInOrder(const Dataset& dataset, const std::vector<int64_t>& rows, int64_t room) {
    Bins bins;
    int64_t left = 0;
    for (int64_t row : rows) {
        const int64_t length = dataset.Length(row);
        if (bins.empty() || length > left) {
            bins.emplace_back();
            left = room;
        }
        bins.back().push_back(row);
        left -= length;
    }
    return bins;
}

}  // namespace

nlohmann::ordered_json DataCursor::ToJson() const { return {{"epoch", epoch}, {"step", step}}; }

absl::StatusOr<DataCursor> DataCursor::FromJson(const nlohmann::ordered_json& json) {
    DataCursor cursor;
    for (auto [name, target] : {std::pair{"epoch", &cursor.epoch}, {"step", &cursor.step}}) {
        const auto value = json.is_object() ? json.find(name) : json.end();
        if (!json.is_object() || value == json.end() || !value->is_number_integer() ||
            value->get<int64_t>() < 0)
            return DataError("the data cursor of the checkpoint has no valid \"{}\"", name);
        *target = value->get<int64_t>();
    }
    return cursor;
}

absl::StatusOr<StepPlan> StepPlan::Create(std::shared_ptr<const Dataset> dataset,
                                          const BatcherOptions& options) {
    if (options.batch_size < 1)
        return UsageError("--per_device_train_batch_size must be at least 1, not {}",
                          options.batch_size);
    if (options.gradient_accumulation_steps < 1)
        return UsageError("--gradient_accumulation_steps must be at least 1, not {}",
                          options.gradient_accumulation_steps);
    if (options.max_seq_len < 1)
        return UsageError("--max_seq_len must be at least 1, not {}", options.max_seq_len);
    if (options.batch_size > INT32_MAX || options.gradient_accumulation_steps > INT32_MAX)
        return UsageError("the batch of {} x {} is too large", options.batch_size,
                          options.gradient_accumulation_steps);
    if (dataset == nullptr || dataset->size() == 0) return DataError("the data set has no rows");
    return StepPlan(std::move(dataset), options);
}

const StepPlan::Epoch& StepPlan::PlanEpoch(int64_t epoch) {
    if (epoch_.number == epoch) return epoch_;
    std::vector<int64_t> rows(static_cast<size_t>(dataset_->size()));
    std::iota(rows.begin(), rows.end(), 0);
    const std::string_view bytes(reinterpret_cast<const char*>(&epoch), sizeof epoch);
    Random random(StableHash(bytes, options_.seed));
    if (options_.shuffle) random.Shuffle(&rows);

    Bins bins;
    if (options_.packing && !options_.shuffle) {
        bins = PackInOrder(*dataset_, rows, options_.max_seq_len);
    } else if (options_.packing) {
        for (size_t begin = 0; begin < rows.size(); begin += kPackWindow) {
            const size_t end = std::min(rows.size(), begin + kPackWindow);
            Bins window = PackWindow(*dataset_,
                                     {rows.begin() + static_cast<int64_t>(begin),
                                      rows.begin() + static_cast<int64_t>(end)},
                                     options_.max_seq_len);
            // Packing sorted them by length: undo that.
            random.Shuffle(&window);
            std::move(window.begin(), window.end(), std::back_inserter(bins));
        }
    } else {
        for (int64_t row : rows) bins.push_back({row});
    }

    epoch_.number = epoch;
    epoch_.rows.clear();
    epoch_.bins.assign(1, 0);
    for (const auto& bin : bins) {
        epoch_.rows.insert(epoch_.rows.end(), bin.begin(), bin.end());
        epoch_.bins.push_back(static_cast<int64_t>(epoch_.rows.size()));
    }
    return epoch_;
}

int64_t StepPlan::StepsInEpoch(int64_t epoch) {
    const int64_t bins = static_cast<int64_t>(PlanEpoch(epoch).bins.size()) - 1;
    return (bins + BinsPerStep() - 1) / BinsPerStep();
}

int64_t StepPlan::TotalSteps(double epochs) {
    // ceil(epochs * steps), rounded as transformers rounds it: 0.07 epochs of 100 steps are 8
    // there.
    if (!options_.packing) {
        const double steps = std::ceil(epochs * static_cast<double>(steps_per_epoch()));
        return std::max<int64_t>(1, static_cast<int64_t>(steps));
    }
    int64_t steps = 0;
    int64_t epoch = 0;
    for (; static_cast<double>(epoch + 1) <= epochs; ++epoch) steps += StepsInEpoch(epoch);
    const double part = epochs - static_cast<double>(epoch);
    if (part > 0)
        steps += static_cast<int64_t>(std::ceil(part * static_cast<double>(StepsInEpoch(epoch))));
    return std::max<int64_t>(steps, 1);
}

std::vector<int64_t> StepPlan::StepRows(const DataCursor& cursor) {
    const Epoch& epoch = PlanEpoch(cursor.epoch);
    const int64_t bins = static_cast<int64_t>(epoch.bins.size()) - 1;
    const int64_t begin = cursor.step * BinsPerStep();
    HONE_CHECK(cursor.step >= 0 && begin < bins, "step {} of epoch {}", cursor.step, cursor.epoch);
    const int64_t end = std::min(bins, begin + BinsPerStep());
    return {epoch.rows.begin() + epoch.bins[static_cast<size_t>(begin)],
            epoch.rows.begin() + epoch.bins[static_cast<size_t>(end)]};
}

DataCursor StepPlan::Next(const DataCursor& cursor) {
    if (cursor.step + 1 < StepsInEpoch(cursor.epoch)) return {cursor.epoch, cursor.step + 1};
    return {cursor.epoch + 1, 0};
}

int64_t StepPlan::MostTokens(int64_t max_tokens) const {
    return MostBatchTokens(*dataset_, options_.packing ? dataset_->size() : BinsPerStep(),
                           max_tokens);
}

std::string StepPlan::StepText() const {
    const int64_t bins = BinsPerStep();
    if (!options_.packing) return fmt::format("{} row{}", bins, bins == 1 ? "" : "s");
    return fmt::format("{} packed sequence{} of at most {} tokens", bins, bins == 1 ? "" : "s",
                       options_.max_seq_len);
}

std::string StepPlan::Warning() {
    const int64_t bins = static_cast<int64_t>(PlanEpoch(0).bins.size()) - 1;
    if (bins > BinsPerStep() || BinsPerStep() == 1) return "";
    return fmt::format(
        "A step takes {} (--per_device_train_batch_size {} x --gradient_accumulation_steps {}), "
        "the data set has {}: each step is the whole data set. For more steps per epoch make the "
        "batch smaller{}.",
        StepText(), options_.batch_size, options_.gradient_accumulation_steps, bins,
        options_.packing ? " or leave --packing out" : "");
}

Batch BatchPrefix(const Batch& batch, int64_t count) {
    Batch prefix;
    for (int64_t document = 0; document < batch.num_documents(); ++document) {
        const int64_t begin = batch.document_starts[document];
        const int64_t end = std::min<int64_t>(batch.document_starts[document + 1], count);
        if (begin >= end) break;
        Example example;
        example.row = batch.rows[document];
        example.tokens.assign(batch.tokens.begin() + begin, batch.tokens.begin() + end);
        const auto weights = batch.target_weights.begin() + begin;
        if (batch.kind == LabelKind::kNextToken) {
            example.weights = {0.0f};
            example.weights.insert(example.weights.end(), weights, weights + (end - begin - 1));
        } else {
            example.kind = batch.kind;
            if (batch.kind == LabelKind::kPair)
                example.score = batch.scores[static_cast<size_t>(document)];
            example.weights.assign(weights, weights + (end - begin));
            for (const TokenLabel& label : batch.labels)
                if (label.token >= begin && label.token < end)
                    example.labels.push_back(
                        {label.token - static_cast<int32_t>(begin), label.label});
        }
        prefix.Append(example);
    }
    return prefix;
}

std::vector<Batch> CutMicroBatches(const std::vector<Example>& examples, int64_t max_tokens) {
    std::vector<int64_t> lengths;
    for (const Example& example : examples)
        lengths.push_back(static_cast<int64_t>(example.tokens.size()));
    std::vector<Batch> batches;
    for (const auto& bin : BestFit(lengths, max_tokens)) {
        Batch& batch = batches.emplace_back();
        for (int64_t item : bin) batch.Append(examples[static_cast<size_t>(item)]);
    }
    return batches;
}

int64_t MostBatchTokens(const Dataset& dataset, int64_t rows, int64_t max_tokens) {
    const int64_t limit = std::max(max_tokens, dataset.longest());
    if (rows >= dataset.size()) return std::min(limit, dataset.total_tokens());
    std::vector<int64_t> lengths(static_cast<size_t>(dataset.size()));
    for (size_t i = 0; i < lengths.size(); ++i)
        lengths[i] = dataset.Length(static_cast<int64_t>(i));
    std::nth_element(lengths.begin(), lengths.begin() + rows, lengths.end(), std::greater<>());
    return std::min(limit, std::accumulate(lengths.begin(), lengths.begin() + rows, int64_t{0}));
}

struct StepPrefetcher::State {
    State(StepPlan the_plan, DataCursor start, int64_t tokens, int steps_ahead)
        : plan(std::move(the_plan)), cursor(start), max_tokens(tokens), ahead(steps_ahead) {}

    TrainingStep Make() {
        TrainingStep step;
        std::vector<Example> examples;
        step.rows = plan.StepRows(cursor);
        for (int64_t row : step.rows) examples.push_back(plan.dataset().Get(row));
        step.cursor = cursor;
        step.next = plan.Next(cursor);
        step.documents = static_cast<int64_t>(examples.size());
        step.micro_batches = CutMicroBatches(examples, max_tokens);
        for (const Batch& batch : step.micro_batches) {
            step.total_weight += batch.TotalWeight();
            step.tokens += batch.size();
        }
        cursor = step.next;
        return step;
    }

    // What it throws (memory is the usual want) is for whoever waits for the next step.
    void Work() {
        try {
            MakeSteps();
        } catch (...) {
            std::lock_guard lock(mutex);
            failure = std::current_exception();
            changed.notify_all();
        }
    }

    void MakeSteps() {
        for (;;) {
            TrainingStep step = Make();
            std::unique_lock lock(mutex);
            changed.wait(lock, [this] { return stop || static_cast<int>(ready.size()) < ahead; });
            if (stop) return;
            ready.push_back(std::move(step));
            changed.notify_all();
        }
    }

    StepPlan plan;      // the thread's alone
    DataCursor cursor;  // the thread's alone: of the next step to make
    const int64_t max_tokens;
    const int ahead;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<TrainingStep> ready;
    bool stop = false;
    std::exception_ptr failure;
    std::thread thread;
};

StepPrefetcher::StepPrefetcher(StepPlan plan, DataCursor start, int64_t max_tokens, int ahead)
    : state_(std::make_unique<State>(std::move(plan), start, max_tokens, std::max(ahead, 1))) {
    // A cursor of other data or options than these may point past the epoch's end.
    if (start.step >= state_->plan.StepsInEpoch(start.epoch)) state_->cursor = {start.epoch + 1, 0};
    state_->thread = std::thread([state = state_.get()] { state->Work(); });
}

StepPrefetcher::~StepPrefetcher() {
    {
        std::lock_guard lock(state_->mutex);
        state_->stop = true;
        state_->changed.notify_all();
    }
    state_->thread.join();
}

TrainingStep StepPrefetcher::Next() {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [this] { return state_->failure || !state_->ready.empty(); });
    if (state_->ready.empty()) std::rethrow_exception(state_->failure);
    TrainingStep step = std::move(state_->ready.front());
    state_->ready.pop_front();
    state_->changed.notify_all();
    return step;
}

bool EvaluationBatches::Next(Batch* batch) {
    *batch = Batch();
    for (int64_t rows = 0; next_ < end_ && rows < max_rows_; ++rows) {
        if (batch->size() > 0 && batch->size() + dataset_->Length(next_) > max_tokens_) break;
        batch->Append(dataset_->Get(next_++));
    }
    return batch->size() > 0;
}

}  // namespace hone
