#include "model/files/model_files.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/files/hash.h"
#include "base/files/json_file.h"
#include "base/watch.h"
#include "model/config/arch.h"
#include "model/config/config_reader.h"
#include "model/config/label_head.h"
#include "model/weights/gguf.h"
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

absl::Status ReadConfigAs(const ArchSpec& arch, const Json& json, const std::string& where,
                          ModelFiles& files) {
    files.arch = &arch;
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
    auto arch = FindArch(architecture);
    if (!arch.ok()) return Annotate(arch.status(), files.path);
    HONE_RETURN_IF_ERROR(ReadConfigAs(**arch, json, files.path, files));
    if (const HeadKind head = HeadKindOf(architecture); head != HeadKind::kLanguageModel) {
        files.config.architecture = architecture;
        HONE_RETURN_IF_ERROR(Annotate(ReadLabelHead(json, head, files.config), files.path));
    }
    HONE_ASSIGN_OR_RETURN(files.weights, OpenWeights(files.path));
    return MatchWeights(files);
}

// The metadata with what arch.h promises beside it: the tensors' names, the vocabulary's size, the
// rope divisors.
absl::StatusOr<Json> MetadataForArch(const GgufFile& gguf) {
    Json metadata = gguf.metadata();
    Json names = Json::array();
    for (const auto& tensor : gguf.tensors()) names.push_back(tensor.name);
    metadata["tensors"] = std::move(names);
    if (!gguf.token_lists().tokens.empty())
        metadata["vocabulary_size"] = gguf.token_lists().tokens.size();
    for (const char* name : {"rope_freqs", "rope_factors_short", "rope_factors_long"}) {
        const StoredTensor* divisors = gguf.Find(fmt::format("{}.weight", name));
        if (divisors == nullptr) continue;
        if (divisors->elements() > 4096)
            return ModelError("{} has {} values; a head has at most 4096 pairs", divisors->name,
                              divisors->elements());
        HONE_ASSIGN_OR_RETURN(metadata[name], ReadTensor(*divisors));
    }
    return metadata;
}

// Takes apart what the file holds as one and the family's table does not.
absl::Status SplitFused(const ArchSpec& arch, const ModelConfig& config, GgufFile& gguf) {
    if (arch.gguf_fused.empty()) return absl::OkStatus();
    std::map<std::string, int64_t> rows;
    for (const ModelTensor& tensor : ExpandTable(arch, config))
        rows[tensor.gguf_name] = tensor.shape[0];
    for (const FusedRows& fused : arch.gguf_fused)
        for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer)
            for (const char* kind : {".weight", ".bias"}) {
                std::vector<std::pair<std::string, int64_t>> parts;
                for (const std::string_view part : fused.parts) {
                    const std::string name = ExpandName(part, layer) + kind;
                    if (rows.contains(name)) parts.emplace_back(name, rows[name]);
                }
                HONE_RETURN_IF_ERROR(gguf.SplitRows(ExpandName(fused.whole, layer) + kind, parts));
            }
    return absl::OkStatus();
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
    auto arch = FindGgufArch(architecture);
    if (!arch.ok()) return Annotate(arch.status(), files.path);
    auto metadata = MetadataForArch(*gguf);
    if (!metadata.ok()) return Annotate(metadata.status(), files.path);
    auto json = (*arch)->config_from_gguf(*metadata);
    if (!json.ok()) return Annotate(json.status(), files.path);
    HONE_ASSIGN_OR_RETURN(const std::string name, ArchitectureOf(*json, files.path));
    HONE_ASSIGN_OR_RETURN(const ArchSpec* family, FindArch(name));
    HONE_RETURN_IF_ERROR(ReadConfigAs(*family, *json, files.path, files));
    HONE_RETURN_IF_ERROR(Annotate(SplitFused(*family, files.config, *gguf), files.path));
    return MatchWeights(files);
}

// Bytes of `file` in pieces, each hashed by any thread: the result does not depend on how many
// there are. What was read leaves the resident set.
absl::StatusOr<std::string> HashBytes(const Context& context, const WeightFile& file,
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
        file.DropPages();
    }
    Sha256 all;
    for (const auto& hash : hashes) all.Update(hash);
    return all.Finish();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelFiles>> OpenModel(const std::string& path) {
    auto files = std::make_unique<ModelFiles>();
    files->path = path;
    std::error_code error;
    HONE_RETURN_IF_ERROR(fs::is_directory(path, error) ? OpenFolder(*files) : OpenGguf(*files));
    return files;
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
        if (!tensor->strides.empty())
            hash.Update(fmt::format("({})", fmt::join(tensor->strides, ",")));
        bytes.push_back(tensor->bytes);
    }
    Context context;
    HONE_ASSIGN_OR_RETURN(const std::string all, HashBytes(context, *files.weights, bytes));
    hash.Update(all);
    HONE_RETURN_IF_ERROR(files.weights->CheckUnchanged());
    return hash.Finish();
}

}  // namespace hone
