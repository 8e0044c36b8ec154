#include "train/custom/plugin_loss.h"

#include <dlfcn.h>

#include <array>
#include <filesystem>
#include <utility>

#include "base/files/hash.h"
#include "train/custom/hone_loss.h"

namespace hone {
namespace {

class PluginLoss : public LossProgram {
  public:
    PluginLoss(std::string shown, std::string hash, void* library, decltype(&hone_loss) function)
        : shown_(std::move(shown)),
          hash_(std::move(hash)),
          library_(library),
          function_(function) {}
    ~PluginLoss() override { dlclose(library_); }

    std::string name() const override { return shown_; }
    std::string Summary() const override { return fmt::format("{}, sha256 {}", shown_, hash_); }

    absl::StatusOr<double> Call(const std::vector<LossInput>& inputs,
                                std::vector<std::vector<float>>* slopes) override {
        std::array<char, 1024> message{};
        const std::vector<int64_t>& shape = inputs.front().shape;
        hone_loss_batch batch = {.rows = shape[0],
                                 .columns = shape[1],
                                 .inputs = {},
                                 .labels = inputs.back().values.data(),
                                 .slopes = {},
                                 .message = message.data(),
                                 .message_size = message.size()};
        if (slopes != nullptr) slopes->clear();
        for (size_t i = 0; i + 1 < inputs.size(); ++i) {
            batch.inputs[i] = inputs[i].values.data();
            if (slopes != nullptr) slopes->emplace_back(inputs[i].values.size());
        }
        for (size_t i = 0; slopes != nullptr && i < slopes->size(); ++i)
            batch.slopes[i] = (*slopes)[i].data();
        double loss = 0;
        const int failed = function_(&batch, &loss);
        message.back() = '\0';
        if (failed == 0) return loss;
        return TrainingError("--loss {}: hone_loss returned {}{}{}", shown_, failed,
                             message.front() == '\0' ? "" : ": ", message.data());
    }

  private:
    std::string shown_, hash_;
    void* library_;
    decltype(&hone_loss) function_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LossProgram>> OpenPluginLoss(const std::string& file) {
    const std::string shown = "plugin:" + file;
    auto hash = Sha256File(file);
    if (!hash.ok()) return WithKind(Annotate(hash.status(), "--loss"), ErrorKind::kUsage);
    // By its path, or the loader would look for a name elsewhere.
    const std::string path = std::filesystem::absolute(file).string();
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return UsageError("--loss {}: {}", shown, dlerror());
    const auto version =
        reinterpret_cast<decltype(&hone_loss_version)>(dlsym(library, "hone_loss_version"));
    const auto function = reinterpret_cast<decltype(&hone_loss)>(dlsym(library, "hone_loss"));
    std::string problem;
    if (version == nullptr || function == nullptr) {
        problem =
            fmt::format("it defines no {}", version == nullptr ? "hone_loss_version" : "hone_loss");
    } else if (version() != HONE_LOSS_VERSION) {
        problem = fmt::format("it was compiled with version {} of hone_loss.h, this hone has {}",
                              version(), HONE_LOSS_VERSION);
    }
    if (problem.empty())
        return std::make_unique<PluginLoss>(shown, *std::move(hash), library, function);
    dlclose(library);
    return UsageError("--loss {}: {}", shown, problem);
}

}  // namespace hone
