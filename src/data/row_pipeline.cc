#include "data/row_pipeline.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <filesystem>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include "base/watch.h"

namespace hone {
namespace {

constexpr size_t kBlockRows = 1024;
constexpr size_t kBlockBytes = size_t{4} << 20;
constexpr size_t kBlocksAhead = 2;

// Rows of one file.
struct Block {
    std::shared_ptr<RowReader> reader;
    const std::string* path = nullptr;
    struct Row {
        RawRow raw;
        bool train = false;
        bool eval = false;
    };
    std::vector<Row> rows;
    absl::Status broken;  // the file ends here for this reason
};

bool Contains(const std::vector<std::pair<int64_t, int64_t>>& ranges, int64_t row) {
    for (const auto& [first, last] : ranges)
        if (row >= first && row < last) return true;
    return false;
}

// Reads on a thread of its own.
class BlockReader {
  public:
    BlockReader(const ReadPlan& plan, const DataOptions& options)
        : plan_(plan),
          cache_folder_(options.cache_folder),
          max_samples_(options.max_samples.value_or(std::numeric_limits<int64_t>::max())) {
        thread_ = std::thread([this] {
            absl::Status status;
            std::exception_ptr failure;  // memory is the usual want
            try {
                status = ReadAll();
            } catch (...) {
                failure = std::current_exception();
            }
            std::lock_guard lock(mutex_);
            status_ = std::move(status);
            failure_ = failure;
            done_ = true;
            changed_.notify_all();
        });
    }
    ~BlockReader() {
        {
            std::lock_guard lock(mutex_);
            cancelled_ = true;
            changed_.notify_all();
        }
        thread_.join();
    }

    // False at the end.
    absl::StatusOr<bool> Next(Block* block) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return done_ || !blocks_.empty(); });
        if (blocks_.empty()) {
            if (failure_) std::rethrow_exception(failure_);
            HONE_RETURN_IF_ERROR(status_);
            return false;
        }
        *block = std::move(blocks_.front());
        blocks_.pop_front();
        changed_.notify_all();
        return true;
    }

  private:
    // False: nobody wants more.
    bool Push(Block block) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return cancelled_ || blocks_.size() < kBlocksAhead; });
        if (cancelled_) return false;
        blocks_.push_back(std::move(block));
        changed_.notify_all();
        return true;
    }

    absl::Status ReadAll() {
        for (const PlannedSplit& split : plan_.splits) {
            int64_t row = 0;
            const int64_t end = split.end();
            for (const DataFile& file : split.files) {
                if (row >= end || Full(split)) break;
                HONE_ASSIGN_OR_RETURN(std::shared_ptr<RowReader> reader,
                                      RowReader::Open(file.path, file.format, cache_folder_));
                if (!ReadFile(split, file, std::move(reader), end, &row)) return absl::OkStatus();
            }
        }
        return absl::OkStatus();
    }

    bool Full(const PlannedSplit& split) const {
        return (split.train.empty() || train_rows_ >= max_samples_) &&
               (split.eval.empty() || eval_rows_ >= max_samples_);
    }

    // False: nobody wants more.
    bool ReadFile(const PlannedSplit& split, const DataFile& file,
                  std::shared_ptr<RowReader> reader, int64_t end, int64_t* row) {
        bool more = true;
        while (more) {
            Block block;
            block.reader = reader;
            block.path = &file.path;
            for (size_t bytes = 0; block.rows.size() < kBlockRows && bytes < kBlockBytes;) {
                if (*row >= end || Full(split)) {
                    more = false;
                    break;
                }
                Block::Row next;
                absl::StatusOr<bool> any = reader->Next(&next.raw);
                if (!any.ok()) block.broken = any.status();
                if (!any.ok() || !*any) {
                    more = false;
                    break;
                }
                next.train = train_rows_ < max_samples_ && Contains(split.train, *row);
                next.eval = eval_rows_ < max_samples_ && Contains(split.eval, *row);
                ++*row;
                if (!next.train && !next.eval) continue;
                train_rows_ += next.train ? 1 : 0;
                eval_rows_ += next.eval ? 1 : 0;
                bytes += next.raw.text.size();
                block.rows.push_back(std::move(next));
            }
            if (block.rows.empty() && block.broken.ok()) continue;
            if (!Push(std::move(block))) return false;
        }
        return true;
    }

    const ReadPlan& plan_;
    std::string cache_folder_;
    int64_t max_samples_;
    int64_t train_rows_ = 0;
    int64_t eval_rows_ = 0;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Block> blocks_;
    bool done_ = false;
    bool cancelled_ = false;
    absl::Status status_;
    std::exception_ptr failure_;
    std::thread thread_;
};

// Which share of the planned files so many bytes of rows are; negative where the rows' bytes are not
// the file's (compressed, Parquet) or only some of its rows are read.
class ReadShare {
  public:
    ReadShare(const ReadPlan& plan, const DataOptions& options) {
        known_ = !options.max_samples;
        for (const PlannedSplit& split : plan.splits)
            for (const DataFile& file : split.files) {
                std::error_code error;
                total_ += static_cast<double>(std::filesystem::file_size(file.path, error));
                known_ &= !error && file.format != FileFormat::kParquet &&
                          !file.path.ends_with(".gz");
            }
    }
    double Add(const Block& block) {
        for (const Block::Row& row : block.rows) done_ += static_cast<double>(row.raw.text.size());
        return known_ && total_ > 0 ? std::min(1.0, done_ / total_) : -1;
    }

  private:
    bool known_ = false;
    double total_ = 0, done_ = 0;
};

RowPlace Place(const Block& block, const RawRow& raw) { return {*block.path, raw.line, 0}; }

// The format of the data set, by the first row that parses.
absl::StatusOr<std::optional<RowConverter>> DetectFormat(const Block& block,
                                                         const RowFormatOptions& options) {
    for (const Block::Row& row : block.rows) {
        nlohmann::ordered_json json;
        ParseProblem problem;
        if (!row.raw.error.empty() || !block.reader->ParseRow(row.raw, &json, &problem)) continue;
        auto converter = RowConverter::Detect(json, options);
        if (!converter.ok())
            return Annotate(converter.status(),
                            fmt::format("{}, line {}", *block.path, row.raw.line));
        return std::optional(*std::move(converter));
    }
    return std::optional<RowConverter>();
}

void Process(const Block& block, const Block::Row& row, const RowConverter* converter,
             const ConversationEncoder& encoder, const EncodeOptions& options,
             RowOutcome* outcome) {
    outcome->place = Place(block, row.raw);
    outcome->train = row.train;
    outcome->eval = row.eval;
    if (!row.raw.error.empty()) {
        outcome->place.column = row.raw.column;
        outcome->problem = row.raw.error;
        return;
    }
    nlohmann::ordered_json json;
    ParseProblem problem;
    if (!block.reader->ParseRow(row.raw, &json, &problem)) {
        outcome->place.line = problem.line;
        outcome->place.column = problem.column;
        outcome->problem = std::move(problem.reason);
        return;
    }
    HONE_CHECK(converter != nullptr);
    outcome->parsed = true;
    outcome->hash = RowHash(json);
    auto converted = converter->Convert(json);
    auto encoded = converted.ok() ? encoder.EncodeRow(*converted, options)
                                  : absl::StatusOr<EncodedRow>(converted.status());
    if (!encoded.ok()) {
        outcome->problem = std::string(encoded.status().message());
    } else if (encoded->example.tokens.empty()) {
        outcome->problem = "the row has no tokens";
    } else {
        outcome->encoded = *std::move(encoded);
    }
}

}  // namespace

absl::StatusOr<PipelineResult> RunPipeline(const ReadPlan& plan, const DataOptions& options,
                                           const ConversationEncoder& encoder,
                                           const Context& context,
                                           const std::function<absl::Status(RowOutcome)>& sink) {
    const RowFormatOptions format_options = {options.text_template, options.text_field,
                                             options.use_chat_template, encoder.has_own_template()};
    const EncodeOptions encode_options = {options.train_on_prompt, options.add_special_tokens};
    PipelineResult result;
    std::optional<RowConverter> converter;
    BlockReader reader(plan, options);
    ReadShare share(plan, options);
    int64_t rows = 0;
    Block block;
    for (;;) {
        HONE_ASSIGN_OR_RETURN(bool any, reader.Next(&block));
        if (!any) break;
        if (result.files.empty() || result.files.back() != *block.path)
            result.files.push_back(*block.path);
        if (!converter) {
            HONE_ASSIGN_OR_RETURN(converter, DetectFormat(block, format_options));
        }
        std::vector<RowOutcome> outcomes(block.rows.size());
        context.ParallelFor(static_cast<int64_t>(outcomes.size()), [&](int64_t i, int) {
            const auto at = static_cast<size_t>(i);
            Process(block, block.rows[at], converter ? &*converter : nullptr, encoder,
                    encode_options, &outcomes[at]);
        });
        for (RowOutcome& outcome : outcomes) HONE_RETURN_IF_ERROR(sink(std::move(outcome)));
        rows += static_cast<int64_t>(block.rows.size());
        HONE_RETURN_IF_ERROR(ReportProgress(share.Add(block), rows));
        if (!block.broken.ok()) {
            RowOutcome outcome;
            outcome.place.file = *block.path;
            if (!block.rows.empty()) outcome.place.line = block.rows.back().raw.line + 1;
            outcome.train = true;
            outcome.problem =
                fmt::format("{}; nothing after it was read", std::string(block.broken.message()));
            HONE_RETURN_IF_ERROR(sink(std::move(outcome)));
        }
    }
    if (converter) result.format = converter->format();
    return result;
}

}  // namespace hone
