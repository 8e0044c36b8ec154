// Models with a short name, each with the places it can come from, in order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "hub/hub.h"

namespace hone {

struct CatalogueEntry {
    std::string_view name;          // "smollm2-135m-instruct"
    std::string_view repo;          // on the Hub; the first source
    std::string_view architecture;  // as its config.json says it: "LlamaForCausalLM"
    std::string_view parameters;    // "135 M"
    std::string_view kind;          // "chat" or "base"
    std::string_view context;       // "8k"
    std::string_view licence;       // "Apache 2.0"
    bool gated = false;             // the licence is to be accepted on the Hub first
    // The second source, for machines that do not reach the Hub; empty: none.
    std::string_view wheel_package = {}, wheel_member = {}, wheel_sha256 = {};
};

// "135 M parameters, chat, 8k context, Apache 2.0"; of a gated one also what is needed.
std::string DescriptionOf(const CatalogueEntry& entry);

// Those whose family hone reads (FindArch of model/config/arch.h).
std::span<const CatalogueEntry> Catalogue();
// nullptr when there is no such name.
const CatalogueEntry* FindInCatalogue(std::string_view name);
// The name that others know a model by: of one of the catalogue its repository, of others what it
// is called here.
std::string PublicName(const std::string& name);
// The catalogue's name for a repository; of others what it is called already.
std::string CatalogueName(const std::string& repo);

// Fetches a catalogue name or org/repo into the cache if it is not there, and returns its folder or
// .gguf file. A source that fails gives way to the next one, and the error of the last names them
// all.
absl::StatusOr<std::string> PullModel(const std::string& name_or_repo, const HubOptions& options,
                                      const ProgressCallback& progress = nullptr);

// Where a model argument lies now, without any network: a folder, a .gguf file, or a cached name or
// repository. Empty when it would have to be pulled; an error when it can be nothing of all that.
absl::StatusOr<std::string> LocateModel(const std::string& argument, const HubOptions& options);

// LocateModel, and PullModel where it has to be fetched.
absl::StatusOr<std::string> LocateOrPullModel(const std::string& argument,
                                              const HubOptions& options,
                                              const ProgressCallback& progress);
// With the environment's options; progress goes to the log.
absl::StatusOr<std::string> LocateOrPullModel(const std::string& argument);

// Of a model's file, or of all files of its folder.
int64_t BytesIn(const std::string& path);

struct ModelListing {
    std::string name;  // catalogue name, or org/repo
    std::string repo;
    std::string description;
    const CatalogueEntry* entry = nullptr;  // of those that the catalogue names
    std::string path;                       // empty: not in the cache
    int64_t bytes = 0;                      // on disk
    bool unfinished = false;                // a download that broke off; path is its folder
};
// The catalogue in its order, then what else is in hone's cache, by name.
std::vector<ModelListing> ListModels(const HubOptions& options);

// Removes a catalogue name or org/repo from hone's cache, an unfinished download too, and returns
// the bytes that it took. Errors of kind kModel: it is not there, or lies in Hugging Face's cache,
// which is not hone's to clean.
absl::StatusOr<int64_t> RemoveModel(const std::string& name_or_repo, const HubOptions& options);

}  // namespace hone
