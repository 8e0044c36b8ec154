#include "train/setup.h"

#include <utility>

#include "adapt/lora.h"
#include "base/machine/machine_limits.h"
#include "base/watch.h"
#include "chat/chat_files.h"
#include "data/load/dataset.h"
#include "hub/catalogue.h"
#include "hub/hub.h"
#include "model/files/model_files.h"
#include "train/control/poll.h"
#include "train/method/method.h"
#include "train/output/run_files.h"
#include "train/run/fit_check.h"
#include "train/run/task_head.h"

namespace hone {

absl::Status SetUpFinetune(const FinetuneOptions& options, EventStream& events,
                           const RunControl& control) {
    const auto say = [&](const std::string& text) {
        events.Emit(RunMessage{MessageLevel::kInfo, text});
    };
    Poll poll(control, events);
    HONE_RETURN_IF_ERROR(ValidateOptions(options));
    const Context context(options.threads);
    HONE_ASSIGN_OR_RETURN(const std::string path, LocateOrPullModel(options.model_name_or_path));
    HONE_ASSIGN_OR_RETURN(const auto files, OpenModel(path));
    HONE_RETURN_IF_ERROR(MethodOf(options).CheckModel(options, *files));
    HONE_RETURN_IF_ERROR(CheckWeightsFit(options, *files, AvailableBytes()));
    say(fmt::format("the model {} is there: {}, {} tensors", options.model_name_or_path,
                    files->config.architecture, files->tensors.size()));
    if (!options.adapter_path.empty()) {
        HONE_RETURN_IF_ERROR(ReadAdapterConfig(options.adapter_path).status());
        HONE_RETURN_IF_ERROR(AdapterWeightsPath(options.adapter_path).status());
        say(fmt::format("the adapter {} is there", options.adapter_path));
    }
    HONE_ASSIGN_OR_RETURN(const auto chat, OpenChat(*files));
    HONE_ASSIGN_OR_RETURN(const auto encoder, chat->MakeEncoder());
    DataOptions data = options.data;
    HONE_ASSIGN_OR_RETURN(data.labels, OpenTaskHead(options, *files));
    if (encoder->ReadsClock() && data.template_date.empty()) data.template_date = LocalDate();
    HONE_ASSIGN_OR_RETURN(const HubOptions hub, HubOptions::FromEnvironment());
    data.cache_folder = hub.TemporaryFolder();
    const ScopedWatcher watcher([&](double share, int64_t) {
        events.Emit(WorkReport{.what = "reading the data", .share = share});
        return poll.GoOn();
    });
    HONE_ASSIGN_OR_RETURN(const LoadedData rows, LoadData(data, encoder, context));
    for (const std::string& warning : rows.report.warnings)
        events.Emit(RunMessage{MessageLevel::kWarning, warning});
    say(fmt::format("the data are there: {} rows to train on, {} to evaluate on",
                    rows.train->size(), rows.eval ? rows.eval->size() : 0));
    return absl::OkStatus();
}

}  // namespace hone
