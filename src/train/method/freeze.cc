#include "train/method/freeze.h"

#include <algorithm>
#include <set>

#include "base/text/nearest_word.h"
#include "fmt/ranges.h"
#include "model/files/give_label_head.h"

namespace hone {
namespace {

// "model.layers.3.mlp.up_proj" of its weight or bias.
std::string ModuleOf(const ModelTensor& tensor) {
    return tensor.hf_name.substr(0, tensor.hf_name.rfind('.'));
}

// The words between the dots: "mlp", "up_proj".
std::vector<std::string> Words(const std::string& module) {
    std::vector<std::string> words;
    for (size_t begin = 0; begin <= module.size();) {
        const size_t end = std::min(module.find('.', begin), module.size());
        words.push_back(module.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

// Whether the module, or one that it is in, has one of the names; those that it has leave `unseen`.
bool Named(const std::string& module, const std::vector<std::string>& names,
           std::set<std::string>& unseen) {
    const std::vector<std::string> words = Words(module);
    bool named = false;
    for (const std::string& name : names)
        if (module == name || std::find(words.begin(), words.end(), name) != words.end()) {
            named = true;
            unseen.erase(name);
        }
    return named;
}

absl::Status NotThere(std::string_view flag, const std::string& name,
                      const std::set<std::string>& there) {
    const std::string nearest = NearestWord(name, {there.begin(), there.end()});
    return UsageError("--{} {}: the model has no such module{}; there are {}", flag, name,
                      nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest),
                      fmt::join(there, ", "));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ModulesToTrain(const FreezeOptions& options,
                                                        const ModelFiles& files) {
    const int64_t layers = files.config.num_hidden_layers, wanted = options.trainable_layers;
    if (std::abs(wanted) > layers)
        return UsageError("--freeze_trainable_layers {}: the model has {} layers", wanted, layers);
    const int64_t first = wanted >= 0 ? layers - wanted : 0, end = wanted >= 0 ? layers : -wanted;
    std::vector<std::string> modules;
    std::set<std::string> unseen(options.trainable_modules.begin(),
                                 options.trainable_modules.end()),
        unseen_extra(options.extra_modules.begin(), options.extra_modules.end()), inside, outside;
    for (const ModelTensor& tensor : files.tensors) {
        const std::string module = ModuleOf(tensor);
        const std::vector<std::string> words = Words(module);
        (tensor.layer >= 0 ? inside : outside).insert(words.back());
        const bool chosen = tensor.layer >= 0
                                ? tensor.layer >= first && tensor.layer < end &&
                                      (options.trainable_modules.empty() ||
                                       Named(module, options.trainable_modules, unseen))
                                : Named(module, options.extra_modules, unseen_extra);
        if (chosen && std::find(modules.begin(), modules.end(), module) == modules.end())
            modules.push_back(module);
    }
    // A tied head is in no tensor of its own.
    if (files.config.tie_word_embeddings) {
        outside.insert("lm_head");
        if (unseen_extra.erase("lm_head") > 0) modules.emplace_back("lm_head");
    }
    if (wanted != 0 && !unseen.empty())
        return NotThere("freeze_trainable_modules", *unseen.begin(), inside);
    if (!unseen_extra.empty())
        return NotThere("freeze_extra_modules", *unseen_extra.begin(), outside);
    if (modules.empty())
        return UsageError(
            "--freeze_trainable_layers 0 without --freeze_extra_modules trains nothing");
    return modules;
}

std::string FreezeMethod::Headline(const FinetuneOptions& options) const {
    return fmt::format("{} layers", options.freeze.trainable_layers);
}

absl::StatusOr<std::unique_ptr<EngineLearner>> FreezeMethod::MakeLearner(
    const FinetuneOptions& options, const ModelFiles& files, Model& model,
    const Context& context) const {
    HONE_ASSIGN_OR_RETURN(const std::vector<std::string> modules,
                          ModulesToTrain(options.freeze, files));
    for (const std::string& module : modules)
        HONE_RETURN_IF_ERROR(model.MakeTrainable(module, /*keep_tied=*/true));
    // A head of labels has learned nothing yet.
    if (files.config.head != HeadKind::kLanguageModel)
        HONE_RETURN_IF_ERROR(model.MakeTrainable(LabelHeadModule(files)));
    HONE_RETURN_IF_ERROR(model.FinishParameters(context));
    return std::make_unique<FullLearner>(model, files, ResultType(options), name(), context);
}

}  // namespace hone
