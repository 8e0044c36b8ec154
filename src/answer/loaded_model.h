// A chosen model made ready: opened with its tokenizer and templates, loaded with its adapter.
#pragma once

#include <memory>

#include "answer/choose_model.h"
#include "chat/chat_files.h"
#include "model/model.h"

namespace hone {

// Opened, its weights still on the disk.
struct OpenedModel {
    ChosenModel chosen;
    std::unique_ptr<ModelFiles> files;
    std::unique_ptr<ChatFiles> chat;
    std::shared_ptr<const ConversationEncoder> encoder;  // the one that training uses too
};

struct LoadedModel : OpenedModel {
    std::unique_ptr<Model> model;  // with the adapter as part of it
};

// Fetches the model into the cache where it is not there yet, and opens it.
absl::StatusOr<OpenedModel> OpenChosen(ChosenModel chosen);
// Loads what was opened. A watcher (base/watch.h) of the calling thread sees how far it is.
absl::StatusOr<LoadedModel> LoadOpened(OpenedModel opened, const LoadOptions& options,
                                       const Context& context);
// An error of kind kUsage where the model has a head of labels, or the adapter is for embeddings,
// and so cannot answer.
absl::Status CheckGenerates(const OpenedModel& opened);
// All three, one after the other.
absl::StatusOr<LoadedModel> LoadChosen(ChosenModel chosen, const LoadOptions& options,
                                       const Context& context);

}  // namespace hone
