#include "train/run/pair_training.h"

#include <utility>

#include "base/text/text.h"
#include "train/custom/program_pair_loss.h"

namespace hone {

Pooling PoolingOf(const EmbeddingOptions& options) {
    return options.pooling == "lasttoken" ? Pooling::kLast : Pooling::kMean;
}

absl::StatusOr<std::shared_ptr<PairLoss>> OpenPairLoss(const FinetuneOptions& options, int64_t C) {
    if (IsLossProgram(options.loss)) {
        HONE_ASSIGN_OR_RETURN(auto program, OpenLossProgram(options.loss));
        auto loss = std::make_shared<ProgramPairLoss>(std::move(program));
        HONE_RETURN_IF_ERROR(loss->Check(C));
        return loss;
    }
    return MakePairLoss(options.loss.empty() ? PairLossNames().front() : options.loss,
                        options.embedding);
}

absl::StatusOr<std::shared_ptr<ProgramTokenLoss>> OpenTokenLoss(const FinetuneOptions& options) {
    if (TrainsEmbeddings(options) || options.loss.empty()) return nullptr;
    HONE_ASSIGN_OR_RETURN(auto program, OpenLossProgram(options.loss));
    auto loss = std::make_shared<ProgramTokenLoss>(std::move(program));
    HONE_RETURN_IF_ERROR(loss->Check());
    return loss;
}

absl::Status CheckPairs(const FinetuneOptions& options, const PairLoss& loss,
                        const Dataset& dataset) {
    int64_t alike = 0;
    for (int64_t row = 0; row < dataset.size(); ++row) alike += dataset.Get(row).score >= kAlike;
    if (loss.wants_different() && alike == dataset.size())
        return DataError(
            "all {} pairs are alike, and --loss {} would make all texts the same: add pairs with "
            "the label 0, or use --loss infonce, which tells each text from the others of its "
            "batch",
            FormatCount(dataset.size()), loss.name());
    if (!loss.wants_batches()) return absl::OkStatus();
    if (alike == 0)
        return DataError("none of the {} pairs is alike (label 1): --loss {} has nothing to find",
                         FormatCount(dataset.size()), loss.name());
    if (options.per_device_train_batch_size < 2 || dataset.size() < 2)
        return DataError(
            "--loss {} tells a text from the others of its batch, and there is one: raise "
            "--per_device_train_batch_size, or add rows",
            loss.name());
    return absl::OkStatus();
}

}  // namespace hone
