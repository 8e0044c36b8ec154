#include "train/method/bottleneck.h"

#include "model/config/decoder_graph.h"

namespace hone {

absl::Status BottleneckMethod::CheckModel(const FinetuneOptions& options,
                                          const ModelFiles& files) const {
    for (const LayerSpec& layer : MakeGraph(*files.arch, files.config).layers)
        if (layer.parallel)
            return UsageError(
                "--method adapter: in {} attention and MLP stand side by side, and a bottleneck "
                "adapter stands behind one of them: use --method lora",
                files.config.architecture);
    return absl::OkStatus();
}

}  // namespace hone
