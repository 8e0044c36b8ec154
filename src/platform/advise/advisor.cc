#include "platform/advise/advisor.h"

#include <algorithm>
#include <numeric>

#include "base/log.h"
#include "chat/chat_files.h"
#include "data/read/row_reader.h"
#include "hub/catalogue.h"
#include "model/files/model_files.h"
#include "platform/api/refusal.h"
#include "platform/conduct/recipe.h"
#include "train/resolve/resolve.h"

namespace hone::platform {
namespace {

using Json = nlohmann::ordered_json;

// The row as tokens; an error where the model cannot read it.
absl::StatusOr<EncodedRow> Encode(const Json& row, const ConversationEncoder& encoder) {
    RowFormatOptions options{.model_has_template = encoder.has_own_template()};
    options.kind.reset();
    HONE_ASSIGN_OR_RETURN(const RowConverter converter, RowConverter::Detect(row, options));
    HONE_ASSIGN_OR_RETURN(const DataRow converted, converter.Convert(row));
    return encoder.EncodeRow(converted, {});
}

std::vector<TextPiece> PiecesOf(const Example& example, const Tokenizer& tokenizer) {
    std::vector<TextPiece> pieces;
    size_t begin = 0, bytes = 0;
    for (size_t i = 1; i <= example.tokens.size() && bytes < kMaxLineText; ++i) {
        const bool trained = example.weights[begin] > 0;
        if (i < example.tokens.size() && (example.weights[i] > 0) == trained) continue;
        const auto at = [&](size_t index) {
            return example.tokens.begin() + static_cast<int64_t>(index);
        };
        auto text = tokenizer.Decode({at(begin), at(i)}, /*skip_special_tokens=*/false);
        if (!text.ok()) break;
        text->resize(std::min(text->size(), kMaxLineText - bytes));
        bytes += text->size();
        pieces.push_back({*std::move(text), trained});
        begin = i;
    }
    return pieces;
}

FileLine Describe(const RowReader& reader, const RawRow& raw, const ConversationEncoder* encoder) {
    FileLine line{.line = raw.line,
                  .text = raw.text.substr(0, kMaxLineText),
                  .shortened = raw.text.size() > kMaxLineText || !raw.error.empty()};
    Json row;
    ParseProblem problem;
    if (encoder == nullptr || !raw.error.empty() || !reader.ParseRow(raw, &row, &problem))
        return line;
    const auto encoded = Encode(row, *encoder);
    if (!encoded.ok()) return line;
    line.tokens = static_cast<int64_t>(encoded->example.tokens.size());
    line.pieces = PiecesOf(encoded->example, encoder->tokenizer());
    return line;
}

absl::StatusOr<TokenCounts> CountTokens(const std::string& path, const ConversationEncoder& encoder,
                                        int64_t longest) {
    HONE_ASSIGN_OR_RETURN(const auto reader, RowReader::Open(path, FileFormat::kJsonLines, {}));
    std::vector<uint32_t> lengths;
    TokenCounts counts;
    RawRow raw;
    while (static_cast<int64_t>(lengths.size()) < kCountedExamples) {
        const auto any = reader->Next(&raw);
        if (!any.ok() || !*any) break;  // the report says what is wrong with the file
        Json row;
        ParseProblem problem;
        if (!raw.error.empty() || !reader->ParseRow(raw, &row, &problem)) continue;
        const auto encoded = Encode(row, encoder);
        if (!encoded.ok()) continue;
        lengths.push_back(static_cast<uint32_t>(encoded->example.tokens.size()));
        counts.too_long += lengths.back() > longest;
        counts.mean_trained += static_cast<double>(
            std::count_if(encoded->example.weights.begin(), encoded->example.weights.end(),
                          [](float weight) { return weight > 0; }));
    }
    if (lengths.empty()) return counts;
    counts.examples = std::ssize(lengths);
    const auto n = static_cast<double>(lengths.size());
    counts.mean = std::accumulate(lengths.begin(), lengths.end(), 0.0) / n;
    counts.mean_trained /= n;
    counts.lengths = PercentilesOf(std::move(lengths));
    return counts;
}

}  // namespace

std::vector<BaseDescription> Advisor::DescribeBases() const {
    std::vector<BaseDescription> bases;
    for (const BaseModel& model : bases_.All()) {
        const auto opened = OpenModel(model.path);
        if (!opened.ok()) {
            spdlog::warn("the base model {} cannot be read: {}", model.name,
                         std::string(opened.status().message()));
            continue;
        }
        const auto& files = *opened;
        BaseDescription base{.name = model.name, .architecture = files->config.architecture};
        for (const auto& [alias, name] : services_.options.aliases)
            if (name == model.name) base.aliases.push_back(alias);
        if (const CatalogueEntry* entry = FindInCatalogue(model.name))
            base.licence = entry->licence;
        for (const ModelTensor& tensor : files->tensors) base.parameters += tensor.elements();
        base.context = files->config.max_position_embeddings;
        base.bytes = BytesIn(model.path);
        base.fetched = bases_.WasFetched(model.name);
        bases.push_back(std::move(base));
    }
    return bases;
}

absl::StatusOr<Advisor::Encoder> Advisor::EncoderOf(const ModelPlace& place) {
    const std::lock_guard lock(mutex_);
    if (const int64_t version = bases_.version(); version != encoders_version_) {
        encoders_.clear();
        encoders_version_ = version;
    }
    Encoder& encoder = encoders_[place.base];
    if (encoder == nullptr) {
        HONE_ASSIGN_OR_RETURN(const auto files, OpenModel(place.base_path));
        HONE_ASSIGN_OR_RETURN(const auto chat, OpenChat(*files));
        HONE_ASSIGN_OR_RETURN(encoder, chat->MakeEncoder());
    }
    return encoder;
}

absl::StatusOr<FileLines> Advisor::Lines(const Caller& caller, const std::string& file_id,
                                         const LinesRequest& request) {
    HONE_ASSIGN_OR_RETURN(const std::string path, files_.PathOf(caller.project, file_id));
    Encoder encoder;
    if (!request.model.empty()) {
        HONE_ASSIGN_OR_RETURN(const ModelPlace place, models_.Resolve(caller, request.model));
        HONE_ASSIGN_OR_RETURN(encoder, EncoderOf(place));
    }
    HONE_ASSIGN_OR_RETURN(const auto reader, RowReader::Open(path, FileFormat::kJsonLines, {}));
    const std::vector<int64_t>& wanted = request.numbers;
    const int64_t last =
        wanted.empty() ? INT64_MAX : *std::max_element(wanted.begin(), wanted.end());
    FileLines found;
    RawRow raw;
    for (;;) {
        const auto any = reader->Next(&raw);
        if (!any.ok() || !*any || raw.line > last) return found;
        const bool chosen = wanted.empty() ? raw.line > request.after
                                           : std::count(wanted.begin(), wanted.end(), raw.line) > 0;
        if (!chosen) continue;
        if (wanted.empty() && found.lines.size() == request.limit) {
            found.has_more = true;
            return found;
        }
        found.lines.push_back(Describe(*reader, raw, encoder.get()));
    }
}

absl::StatusOr<JobEstimate> Advisor::Estimate(const Caller& caller, const JobRequest& request) {
    HONE_ASSIGN_OR_RETURN(const ModelPlace place, models_.Resolve(caller, request.model));
    HONE_ASSIGN_OR_RETURN(const std::string path,
                          files_.PathOf(caller.project, request.training_file));
    HONE_ASSIGN_OR_RETURN(const Encoder encoder, EncoderOf(place));
    HONE_ASSIGN_OR_RETURN(const BaseFacts facts, ReadBaseFacts(place.base_path));
    HONE_ASSIGN_OR_RETURN(const TrainingFileReport report, ReadTrainingFile(path));
    JobEstimate estimate;
    estimate.examples = report.examples;
    estimate.bad_lines = report.bad_lines;
    Job job{.method = request.method};
    job.hyperparameters = ResolveAuto(request.hyperparameters, request.method, report.examples);
    const int64_t epoch = EpochSteps(report.examples, *job.hyperparameters.batch_size);
    const FinetuneOptions options = MakeOptions(job, epoch, facts, {});
    estimate.hyperparameters = job.hyperparameters;
    estimate.steps = epoch * *job.hyperparameters.n_epochs;
    estimate.learning_rate = options.learning_rate;
    estimate.longest_example = options.data.max_seq_len;
    HONE_ASSIGN_OR_RETURN(estimate.tokens, CountTokens(path, *encoder, estimate.longest_example));
    HONE_ASSIGN_OR_RETURN(estimate.command, CommandOf(caller, request, job, epoch, place, facts));
    return estimate;
}

absl::StatusOr<std::string> Advisor::CommandOf(const Caller& caller, const JobRequest& request,
                                               const Job& job, int64_t epoch_steps,
                                               const ModelPlace& place, const BaseFacts& facts) {
    RunPlaces places{.base_path = place.base, .adapter_path = place.adapter_path, .output = "out"};
    if (!places.adapter_path.empty()) places.adapter_path = "adapter";  // downloaded and unpacked
    HONE_ASSIGN_OR_RETURN(const File training, files_.Get(caller, request.training_file));
    places.training_file = training.filename;
    if (!request.validation_file.empty()) {
        HONE_ASSIGN_OR_RETURN(const File validation, files_.Get(caller, request.validation_file));
        places.validation_file = validation.filename;
    }
    FinetuneOptions options = MakeOptions(job, epoch_steps, facts, places);
    // What is the server's alone.
    const FinetuneOptions plain;
    options.task_name = plain.task_name;
    options.report_to = plain.report_to;
    options.data.template_date = plain.data.template_date;
    options.seed = request.seed ? static_cast<uint64_t>(*request.seed) : plain.seed;
    return CommandLine(options);
}

}  // namespace hone::platform
