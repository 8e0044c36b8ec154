#include "model/files/model_files.h"

#include <algorithm>
#include <filesystem>

#include "base/hash.h"
#include "base/json_file.h"
#include "base/log.h"
#include "base/watch.h"
#include "hub/catalogue.h"
#include "model/config/arch.h"
#include "model/config/config_reader.h"
#include "model/files/gguf.h"
#include "model/tokenizer_files.h"
#include "tensor/context.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// "architectures"[0], else "model_type".
absl::StatusOr<std::string> ArchitectureOf(const Json& config, const std::string& path) {
    auto list = config.find("architectures");
    if (list != config.end() && list->is_array() && !list->empty() && (*list)[0].is_string())
        return (*list)[0].get<std::string>();
    auto type = config.find("model_type");
    if (type != config.end() && type->is_string()) return type->get<std::string>();
    return ModelError("{} names no architecture (neither \"architectures\" nor \"model_type\")",
                      path);
}

absl::Status ReadGenerationConfig(const std::string& path, ModelFiles& files) {
    std::error_code error;
    if (!fs::exists(path, error)) return absl::OkStatus();
    HONE_ASSIGN_OR_RETURN(Json json, ReadJsonObject(path));
    ConfigReader reader(json, path);
    auto number = [&](const char* key, double low, double high) -> std::optional<float> {
        if (!reader.Find(key)) return std::nullopt;
        return static_cast<float>(reader.Number(key, low, high));
    };
    files.generation.temperature = number("temperature", 0, 1000);
    files.generation.top_p = number("top_p", 0, 1);
    files.generation.repetition_penalty = number("repetition_penalty", 1e-3, 1000);
    if (reader.Find("top_k")) files.generation.top_k = reader.Int("top_k", 0, int64_t{1} << 31);
    files.generation.do_sample = reader.Bool("do_sample", false);
    for (int32_t id : reader.TokenIds("eos_token_id")) {
        auto& ids = files.config.eos_token_ids;
        if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    }
    return reader.status();
}

absl::Status ReadConfigAs(const std::string& architecture, const Json& json,
                          const std::string& where, ModelFiles& files) {
    auto arch = FindArch(architecture);
    if (!arch.ok()) return Annotate(arch.status(), where);
    files.arch = *arch;
    auto config = files.arch->read_config(json);
    if (!config.ok()) return Annotate(config.status(), where);
    files.config = *std::move(config);
    return absl::OkStatus();
}

absl::Status MatchWeights(ModelFiles& files) {
    auto tensors = MatchTensors(*files.arch, files.config, *files.weights, files.gguf);
    if (!tensors.ok()) return Annotate(tensors.status(), files.path);
    files.tensors = *std::move(tensors);
    return absl::OkStatus();
}

absl::Status OpenFolder(ModelFiles& files) {
    std::string config_path = files.path + "/config.json";
    HONE_ASSIGN_OR_RETURN(Json json, ReadJsonObject(config_path));
    HONE_ASSIGN_OR_RETURN(std::string architecture, ArchitectureOf(json, config_path));
    HONE_RETURN_IF_ERROR(ReadConfigAs(architecture, json, files.path, files));
    HONE_RETURN_IF_ERROR(ReadGenerationConfig(files.path + "/generation_config.json", files));
    HONE_ASSIGN_OR_RETURN(files.weights, OpenSafetensors(files.path));
    HONE_RETURN_IF_ERROR(MatchWeights(files));
    return ReadTokenizerFolder(files.path, files);
}

// The metadata with what arch.h promises beside it: the tensors' names, the vocabulary's size, the
// rope divisors.
absl::StatusOr<Json> MetadataForArch(const GgufFile& gguf) {
    Json metadata = gguf.metadata();
    Json names = Json::array();
    for (const auto& tensor : gguf.tensors()) names.push_back(tensor.name);
    metadata["tensors"] = std::move(names);
    if (!gguf.vocabulary().tokens.empty())
        metadata["vocabulary_size"] = gguf.vocabulary().tokens.size();
    if (const StoredTensor* divisors = gguf.Find("rope_freqs.weight")) {
        if (divisors->elements() > 4096)
            return ModelError("rope_freqs.weight has {} values; a head has at most 4096 pairs",
                              divisors->elements());
        HONE_ASSIGN_OR_RETURN(metadata["rope_freqs"], ReadTensor(*divisors));
    }
    return metadata;
}

absl::Status OpenGguf(ModelFiles& files) {
    HONE_ASSIGN_OR_RETURN(auto gguf, GgufFile::Open(files.path));
    files.gguf = true;
    files.weights = gguf;
    ConfigReader reader(gguf->metadata(), files.path);
    std::string architecture = reader.Text("general.architecture");
    if (int64_t parts = reader.Int("split.count", 0, 1 << 16, 1); parts > 1)
        reader.Fail(fmt::format(
            "this is one of {} parts; join them first (llama-gguf-split --merge)", parts));
    HONE_RETURN_IF_ERROR(reader.status());
    auto arch = FindArch(architecture);
    if (!arch.ok()) return Annotate(arch.status(), files.path);
    auto metadata = MetadataForArch(*gguf);
    if (!metadata.ok()) return Annotate(metadata.status(), files.path);
    auto json = (*arch)->config_from_gguf(*metadata);
    if (!json.ok()) return Annotate(json.status(), files.path);
    HONE_RETURN_IF_ERROR(ReadConfigAs(architecture, *json, files.path, files));
    // Chat models in GGUF may end a turn with another token than a text.
    ConfigReader ids(gguf->metadata(), files.path);
    for (const char* key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"})
        for (int32_t id : ids.TokenIds(key))
            if (std::find(files.config.eos_token_ids.begin(), files.config.eos_token_ids.end(),
                          id) == files.config.eos_token_ids.end())
                files.config.eos_token_ids.push_back(id);
    HONE_RETURN_IF_ERROR(ids.status());
    HONE_RETURN_IF_ERROR(MatchWeights(files));
    return ReadTokenizerGguf(*gguf, files);
}

// Progress for the log: called a few times a second, it writes one line for each tenth of the way.
ProgressCallback LogEveryTenth() {
    return [last = int64_t{-1}](const PullProgress& progress) mutable {
        int64_t tenth = progress.total_bytes > 0 ? progress.bytes * 10 / progress.total_bytes : -1;
        if (tenth == last) return;
        last = tenth;
        spdlog::info("{}: {:.1f} of {:.1f} MB, {:.1f} MB/s", progress.file,
                     static_cast<double>(progress.bytes) / 1e6,
                     static_cast<double>(progress.total_bytes) / 1e6,
                     progress.bytes_per_second / 1e6);
    };
}

// Bytes in pieces, each hashed by any thread: the result does not depend on how many there are.
absl::StatusOr<std::string> HashBytes(const Context& context,
                                      const std::vector<std::span<const uint8_t>>& tensors) {
    constexpr size_t kPiece = size_t{4} << 20;
    constexpr size_t kPiecesAtATime = 64;  // a moment
    std::vector<std::string_view> pieces;
    for (auto bytes : tensors)
        for (size_t at = 0; at < bytes.size(); at += kPiece)
            pieces.emplace_back(reinterpret_cast<const char*>(bytes.data()) + at,
                                std::min(kPiece, bytes.size() - at));
    std::vector<std::string> hashes(pieces.size());
    for (size_t begin = 0; begin < pieces.size(); begin += kPiecesAtATime) {
        HONE_RETURN_IF_ERROR(
            ReportProgress(static_cast<double>(begin) / static_cast<double>(pieces.size())));
        const size_t count = std::min(kPiecesAtATime, pieces.size() - begin);
        context.ParallelFor(static_cast<int64_t>(count), [&](int64_t i, int) {
            const size_t at = begin + static_cast<size_t>(i);
            hashes[at] = Sha256Hex(pieces[at]);
        });
    }
    Sha256 all;
    for (const auto& hash : hashes) all.Update(hash);
    return all.Finish();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelFiles>> OpenModel(const std::string& argument,
                                                      const HubOptions& options,
                                                      const ProgressCallback& progress) {
    HONE_ASSIGN_OR_RETURN(std::string path, LocateModel(argument, options));
    if (path.empty()) {
        HONE_ASSIGN_OR_RETURN(path, PullModel(argument, options, progress));
    }
    auto files = std::make_unique<ModelFiles>();
    files->argument = argument;
    files->path = path;
    std::error_code error;
    HONE_RETURN_IF_ERROR(fs::is_directory(path, error) ? OpenFolder(*files) : OpenGguf(*files));
    return files;
}

absl::StatusOr<std::unique_ptr<ModelFiles>> OpenModel(const std::string& argument) {
    HONE_ASSIGN_OR_RETURN(auto options, HubOptions::FromEnvironment());
    return OpenModel(argument, options, LogEveryTenth());
}

absl::StatusOr<std::string> ModelFingerprint(const ModelFiles& files) {
    std::vector<const StoredTensor*> tensors;
    for (const auto& tensor : files.tensors) tensors.push_back(tensor.stored);
    std::sort(tensors.begin(), tensors.end(),
              [](const StoredTensor* a, const StoredTensor* b) { return a->name < b->name; });
    Sha256 hash;
    hash.Update(files.config.json.dump(-1, ' ', false, Json::error_handler_t::replace));
    std::vector<std::span<const uint8_t>> bytes;
    for (const StoredTensor* tensor : tensors) {
        hash.Update(fmt::format("\n{} {} [{}]", tensor->name, tensor->type_name,
                                fmt::join(tensor->shape, ",")));
        bytes.push_back(tensor->bytes);
    }
    Context context;
    HONE_ASSIGN_OR_RETURN(const std::string all, HashBytes(context, bytes));
    hash.Update(all);
    files.weights->DropPages();
    HONE_RETURN_IF_ERROR(files.weights->CheckUnchanged());
    return hash.Finish();
}

}  // namespace hone
