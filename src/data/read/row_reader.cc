#include "data/read/row_reader.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/limits.h"
#include "base/text/text.h"
#include "data/read/bytes/temporary_file.h"
#include "data/read/row_readers.h"
#include "text/parquet.h"

namespace hone {
namespace {

// Lines that are rows: JSON lines and plain text.
class LineReader : public RowReader {
  public:
    explicit LineReader(std::unique_ptr<CharScanner> scanner) : scanner_(std::move(scanner)) {}

    absl::StatusOr<bool> Next(RawRow* row) override {
        row->error.clear();
        row->column = 1;
        bool too_long = false;
        do {
            row->line = scanner_->line();
            HONE_ASSIGN_OR_RETURN(bool any, NextLine(*scanner_, &row->text, &too_long));
            if (!any) return false;
        } while (!too_long && IsBlank(row->text));
        if (too_long) row->error = TooLongText();
        return true;
    }

    std::vector<std::string> notes() const override { return scanner_->notes(); }

  private:
    std::unique_ptr<CharScanner> scanner_;
};

class JsonLinesReader : public LineReader {
  public:
    using LineReader::LineReader;
    bool ParseRow(const RawRow& raw, nlohmann::ordered_json* row,
                  ParseProblem* problem) const override {
        return ParseJsonRow(raw, row, problem);
    }
};

class TextReader : public LineReader {
  public:
    using LineReader::LineReader;
    bool ParseRow(const RawRow& raw, nlohmann::ordered_json* row,
                  ParseProblem* problem) const override {
        if (size_t at = FindInvalidUtf8(raw.text); at != std::string_view::npos) {
            *problem = {raw.line, raw.column + static_cast<int64_t>(at),
                        InvalidUtf8Reason(raw.text, at)};
            return false;
        }
        *row = nlohmann::ordered_json::object();
        (*row)["text"] = raw.text;
        return true;
    }
};

class ParquetRowReader : public RowReader {
  public:
    ParquetRowReader(std::optional<TemporaryFile> unpacked, std::unique_ptr<ParquetReader> reader)
        : unpacked_(std::move(unpacked)), reader_(std::move(reader)) {}

    absl::StatusOr<bool> Next(RawRow* row) override {
        constexpr size_t kRowsAtOnce = 256;
        if (next_ == batch_.size()) {
            HONE_ASSIGN_OR_RETURN(batch_, reader_->ReadBatch(kRowsAtOnce));
            next_ = 0;
            if (batch_.empty()) return false;
        }
        row->line = ++number_;
        row->column = 1;
        row->error.clear();
        row->text = std::move(batch_[next_++]);
        return true;
    }

    bool ParseRow(const RawRow& raw, nlohmann::ordered_json* row,
                  ParseProblem* problem) const override {
        return ParseJsonRow(raw, row, problem);
    }

    std::vector<std::string> ClassNames(const std::string& column) const override {
        RawRow metadata;
        metadata.text = reader_->huggingface();
        nlohmann::ordered_json json;
        ParseProblem unused;
        if (metadata.text.empty() || !ParseJsonRow(metadata, &json, &unused)) return {};
        const nlohmann::ordered_json* at = &json;
        for (const std::string& name :
             {std::string("info"), std::string("features"), column, std::string("names")}) {
            if (!at->is_object() || !at->contains(name)) return {};
            at = &(*at)[name];
        }
        if (!at->is_array()) return {};
        std::vector<std::string> names;
        for (const nlohmann::ordered_json& name : *at) {
            if (!name.is_string()) return {};
            names.push_back(name.get<std::string>());
        }
        return names;
    }

  private:
    std::optional<TemporaryFile> unpacked_;
    std::unique_ptr<ParquetReader> reader_;
    std::vector<std::string> batch_;
    size_t next_ = 0;
    int64_t number_ = 0;
};

// The ending in lower case, ".gz" taken off.
std::string Ending(std::string_view path) {
    std::string name(path.substr(path.rfind('/') + 1));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (name.ends_with(".gz")) name.resize(name.size() - 3);
    const size_t dot = name.rfind('.');
    return dot == std::string::npos ? "" : name.substr(dot + 1);
}

std::optional<FileFormat> FormatOfEnding(const std::string& ending) {
    if (ending == "jsonl" || ending == "ndjson") return FileFormat::kJsonLines;
    if (ending == "json") return FileFormat::kJson;
    if (ending == "csv") return FileFormat::kCsv;
    if (ending == "tsv") return FileFormat::kTsv;
    if (ending == "parquet") return FileFormat::kParquet;
    if (ending == "txt") return FileFormat::kText;
    if (ending == "conll" || ending == "iob" || ending == "bio") return FileFormat::kConll;
    return std::nullopt;
}

}  // namespace

std::string TooLongText() {
    return fmt::format("longer than the limit of {} MiB for one row", kMaxLineBytes >> 20);
}

bool IsDataFile(const std::string& path) { return FormatOfEnding(Ending(path)).has_value(); }

absl::StatusOr<FileFormat> DetectFileFormat(const std::string& path, std::string_view forced) {
    const std::optional<FileFormat> format = FormatOfEnding(Ending(path));
    const bool lines = format == FileFormat::kJsonLines;
    if (forced == "json") return lines ? FileFormat::kJsonLines : FileFormat::kJson;
    if (forced == "csv") return format == FileFormat::kTsv ? FileFormat::kTsv : FileFormat::kCsv;
    if (forced == "parquet") return FileFormat::kParquet;
    if (forced == "text") return FileFormat::kText;
    if (forced == "conll") return FileFormat::kConll;
    if (format) return *format;
    return DataError(
        "cannot tell the format of {} by its name: it should end in .jsonl, .json, .csv, .tsv, "
        ".parquet, .txt or .conll (or one of them with .gz), or use --data_name "
        "json|csv|parquet|text|conll with --data_files",
        path);
}

std::unique_ptr<RowReader> MakeJsonLinesReader(std::unique_ptr<CharScanner> scanner) {
    return std::make_unique<JsonLinesReader>(std::move(scanner));
}

std::unique_ptr<RowReader> MakeTextReader(std::unique_ptr<CharScanner> scanner) {
    return std::make_unique<TextReader>(std::move(scanner));
}

absl::StatusOr<std::unique_ptr<RowReader>> MakeParquetReader(const std::string& path,
                                                             const std::string& cache_folder) {
    HONE_ASSIGN_OR_RETURN(auto source, ByteSource::Open(path));
    std::optional<TemporaryFile> unpacked;
    if (source->gzip()) {
        // Parquet is read from its end: it has to be unpacked first.
        if (cache_folder.empty())
            return DataError("{} has to be unpacked first, and there is no cache folder", path);
        HONE_ASSIGN_OR_RETURN(unpacked, TemporaryFile::Create(cache_folder));
        for (;;) {
            HONE_ASSIGN_OR_RETURN(std::string_view piece, source->Next());
            if (piece.empty()) break;
            HONE_RETURN_IF_ERROR(unpacked->Write(piece));
        }
    }
    auto reader = ParquetReader::Open(unpacked ? unpacked->path() : path);
    if (!reader.ok())
        return unpacked ? Annotate(reader.status(), path + ", unpacked") : reader.status();
    return std::make_unique<ParquetRowReader>(std::move(unpacked), *std::move(reader));
}

absl::StatusOr<std::unique_ptr<RowReader>> RowReader::Open(const std::string& path,
                                                           FileFormat format,
                                                           const ReadOptions& options) {
    if (format == FileFormat::kParquet) return MakeParquetReader(path, options.cache_folder);
    const bool json = format == FileFormat::kJson || format == FileFormat::kJsonLines;
    const bool table = format == FileFormat::kCsv || format == FileFormat::kTsv;
    HONE_ASSIGN_OR_RETURN(auto scanner,
                          CharScanner::Open(path, {.windows_1252 = !json, .quotes = table}));
    if (json) return MakeJsonReader(std::move(scanner));
    if (table)
        return MakeCsvReader(std::move(scanner), format == FileFormat::kCsv ? ',' : '\t',
                             options.csv_separator);
    if (format == FileFormat::kConll) return MakeConllReader(std::move(scanner));
    return MakeTextReader(std::move(scanner));
}

}  // namespace hone
