#include "data/load/row_pipeline.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <filesystem>
#include <limits>
#include <mutex>
#include <new>
#include <set>
#include <thread>
#include <utility>

#include "base/watch.h"
#include "fmt/ranges.h"

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
    BlockReader(const ReadPlan& plan, const DataOptions& options, ReadOptions reading)
        : plan_(plan),
          reading_(std::move(reading)),
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

    // What the readers noted, once Next has returned false.
    std::vector<std::string> TakeNotes() { return std::move(notes_); }

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
                                      RowReader::Open(file.path, file.format, reading_));
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
        for (std::string& note : reader->notes()) notes_.push_back(std::move(note));
        return true;
    }

    const ReadPlan& plan_;
    ReadOptions reading_;
    std::vector<std::string> notes_;
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

// Which share of the planned files so many bytes of rows are; negative where the rows' bytes are
// not the file's (compressed, Parquet) or only some of its rows are read.
class ReadShare {
  public:
    ReadShare(const ReadPlan& plan, const DataOptions& options) {
        known_ = !options.max_samples;
        for (const PlannedSplit& split : plan.splits)
            for (const DataFile& file : split.files) {
                std::error_code error;
                total_ += static_cast<double>(std::filesystem::file_size(file.path, error));
                known_ &=
                    !error && file.format != FileFormat::kParquet && !file.path.ends_with(".gz");
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
        if (const auto label = converter->label_column(); label && options.label_names.empty())
            converter->NameLabels(block.reader->ClassNames(*label));
        return std::optional(*std::move(converter));
    }
    return std::optional<RowConverter>();
}

// The columns of all rows that nothing reads.
class UnusedColumns {
  public:
    void See(const RowConverter& converter, const nlohmann::ordered_json& row) {
        constexpr size_t kMost = 100;
        for (std::string& name : converter.UnusedColumns(row)) {
            std::lock_guard lock(mutex_);
            if (names_.size() < kMost) names_.insert(std::move(name));
        }
    }
    std::vector<std::string> Names() const { return {names_.begin(), names_.end()}; }

  private:
    std::mutex mutex_;
    std::set<std::string> names_;
};

std::string SystemPrompt(const Conversation& conversation) {
    if (conversation.messages.empty()) return "";
    const nlohmann::ordered_json& first = conversation.messages.front();
    const bool system = first["role"] == "system" || first["role"] == "developer";
    return system && first["content"].is_string() ? first["content"].get<std::string>() : "";
}

void Process(const Block& block, const Block::Row& row, const RowConverter* converter,
             const ConversationEncoder& encoder, const EncodeOptions& options,
             UnusedColumns* unused, RowOutcome* outcome) {
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
    unused->See(*converter, json);
    auto converted = converter->Convert(json);
    if (converted.ok() && converted->kind == DataRow::Kind::kLabelled &&
        options.labels == nullptr) {
        outcome->row = *std::move(converted);
        return;
    }
    auto encoded = converted.ok() ? encoder.EncodeRow(*converted, options)
                                  : absl::StatusOr<EncodedRow>(converted.status());
    if (!encoded.ok() && KindOf(encoded.status()) == ErrorKind::kMemory) {
        outcome->broken = encoded.status();
    } else if (!encoded.ok()) {
        outcome->problem = std::string(encoded.status().message());
        outcome->template_failed = IsTemplateFailure(encoded.status());
    } else if (encoded->example.tokens.empty()) {
        outcome->problem = "the row has no tokens";
    } else {
        outcome->encoded = *std::move(encoded);
        if (converted->kind == DataRow::Kind::kConversation)
            outcome->system_prompt = SystemPrompt(converted->conversation);
        outcome->row = *std::move(converted);
    }
}

}  // namespace

std::string LeftOutText(const std::vector<std::string>& left_out) {
    return fmt::format("the chat template does not show {}", fmt::join(left_out, ", "));
}

void TemplateFailures::Count(const RowOutcome& outcome) {
    ++rows_;
    if (!outcome.template_failed) return;
    if (failed_++ == 0) first_ = RowProblem{outcome.place, outcome.problem}.ToText();
}

absl::Status TemplateFailures::Check() const {
    if (rows_ == 0 || failed_ < rows_) return absl::OkStatus();
    return DataError(
        "the model's chat template fails on {}: it is the template, or it is made for other "
        "conversations than these. {}",
        rows_ == 1 ? "the only row" : fmt::format("every one of {} rows", rows_), first_);
}

absl::StatusOr<PipelineResult> RunPipeline(const ReadPlan& plan, const DataOptions& options,
                                           std::shared_ptr<const ConversationEncoder> encoder,
                                           const Context& context,
                                           const std::function<absl::Status(RowOutcome)>& sink,
                                           const std::vector<float>& label_weights) {
    HONE_ASSIGN_OR_RETURN(encoder, encoder->WithDate(options.template_date));
    const RowFormatOptions format_options = {
        options.columns,     options.text_template,     options.text_field,
        options.label_names, options.use_chat_template, encoder->has_own_template(),
        options.row_kind,    options.row_kind_flag,     options.labels};
    std::optional<LabelTable> labels;
    if (!options.labels.names.empty()) labels.emplace(options.labels.names, label_weights);
    const EncodeOptions encode_options = {options.train_on_prompt, options.add_special_tokens,
                                          labels ? &*labels : nullptr, options.labels.multi};
    PipelineResult result;
    result.format_name = "unknown";
    std::optional<RowConverter> converter;
    UnusedColumns unused;
    HONE_ASSIGN_OR_RETURN(ReadOptions reading, ReadingOptions(options));
    BlockReader reader(plan, options, std::move(reading));
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
            Process(block, block.rows[at], converter ? &*converter : nullptr, *encoder,
                    encode_options, &unused, &outcomes[at]);
        });
        for (RowOutcome& outcome : outcomes) {
            HONE_RETURN_IF_ERROR(outcome.broken);
            HONE_RETURN_IF_ERROR(sink(std::move(outcome)));
        }
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
    if (converter) {
        result.format = converter->format();
        result.kind = converter->kind();
        result.format_name = RowFormatName(converter->format());
        if (result.kind == RowKind::kJudged) result.format_name += ", each judged by its label";
        result.columns = converter->columns();
        result.prompt_template = converter->PromptTemplate();
        result.shows_today = converter->uses_chat_template() && encoder->ReadsClock() &&
                             options.template_date.empty();
    }
    result.unused_columns = unused.Names();
    result.notes = reader.TakeNotes();
    return result;
}

namespace {

std::string QuotedNames(const std::vector<std::string>& names) {
    constexpr size_t kMost = 12;
    std::string text;
    for (size_t i = 0; i < std::min(names.size(), kMost); ++i)
        text += (i == 0 ? "\"" : ", \"") + names[i] + "\"";
    return names.size() > kMost ? text + ", ..." : text;
}

// The column that is most likely the answer to a text.
std::string LabelColumn(const std::vector<std::string>& columns) {
    for (std::string_view label : {"label", "category", "intent", "class", "sentiment", "target",
                                   "answer", "tag", "topic", "summary"})
        for (const std::string& column : columns)
            if (column == label) return column;
    return columns.size() == 1 ? columns[0] : "";
}

}  // namespace

std::vector<std::string> DescribeColumns(const PipelineResult& result) {
    std::vector<std::string> notes;
    std::string read;
    for (const auto& [field, column] : result.columns)
        if (field != column)
            read += fmt::format("{}\"{}\" as {}", read.empty() ? "" : ", ", column, field);
    if (!read.empty()) notes.push_back("Columns are read under other names: " + read + ".");
    if (result.unused_columns.empty()) return notes;
    std::string cure;
    const std::string label = LabelColumn(result.unused_columns);
    if (result.format == RowFormat::kText && !label.empty())
        cure = fmt::format(" (--text_template \"{{text}}\\n[[{{{}}}]]\" would train on it)", label);
    notes.push_back(
        result.unused_columns.size() == 1
            ? fmt::format("The column \"{}\" is not used{}.", result.unused_columns[0], cure)
            : fmt::format("Columns that are not used: {}{}.", QuotedNames(result.unused_columns),
                          cure));
    return notes;
}

nlohmann::ordered_json ColumnsJson(
    const std::vector<std::pair<std::string, std::string>>& columns) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    for (const auto& [field, column] : columns) json[field] = column;
    return json;
}

}  // namespace hone
