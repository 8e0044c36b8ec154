#include "data/load/collect_labels.h"

#include "base/limits.h"
#include "base/text/text.h"
#include "data/format/label_table.h"
#include "data/load/row_pipeline.h"

namespace hone {
namespace {

// The names in their order, or an error where they make no classifier.
absl::StatusOr<std::vector<std::string>> Names(const LabelCounts& counts,
                                               const DataOptions& options) {
    std::vector<std::string> names = counts.Names();
    if (!options.label_names.empty()) names = options.label_names;
    if (!options.labels.names.empty()) names = options.labels.names;
    // One label that is right or not is a classifier too.
    const size_t fewest = options.labels.multi ? 1 : 2;
    if (names.size() < fewest)
        return DataError("{} needs rows with different labels, and {}", options.labels.flag,
                         names.empty()
                             ? "there is not one row with a label"
                             : fmt::format("all training rows are \"{:.100}\"", names.front()));
    if (names.size() > kMaxLabels)
        return DataError("the training rows hold {} labels, more than {}: is it the right column?",
                         FormatCount(static_cast<int64_t>(names.size())), kMaxLabels);
    return names;
}

}  // namespace

bool HeldOut(uint64_t hash, double fraction) {
    return static_cast<double>(hash >> 11) * 0x1p-53 < fraction;
}

absl::StatusOr<FoundLabels> CollectLabels(const ReadPlan& plan, const DataOptions& options,
                                          const std::shared_ptr<const ConversationEncoder>& encoder,
                                          const Context& context) {
    LabelCounts counts;
    int64_t rows = 0;
    DataOptions collecting = options;
    collecting.labels.names.clear();
    HONE_ASSIGN_OR_RETURN(const PipelineResult result,
                          RunPipeline(plan, collecting, encoder, context, [&](RowOutcome outcome) {
                              if (!outcome.train || !outcome.problem.empty())
                                  return absl::OkStatus();
                              const bool trained =
                                  !plan.hold_out || !HeldOut(outcome.hash, options.eval_fraction);
                              ++rows;
                              for (const std::string& label : outcome.row.labels)
                                  counts.Add(label, trained);
                              for (const LabelledWord& word : outcome.row.words)
                                  counts.Add(word.tag, trained);
                              return absl::OkStatus();
                          }));
    FoundLabels found;
    HONE_ASSIGN_OR_RETURN(found.names, Names(counts, options));
    HONE_ASSIGN_OR_RETURN(found.weights, counts.Weights(options.labels.class_weights, found.names));
    const auto labels = static_cast<int64_t>(found.names.size());
    if (options.labels.kind == LabelKind::kSequence && rows >= 8 && labels * 2 > rows)
        found.warnings.push_back(fmt::format(
            "{} labels for {} rows: most labels have one row, of which little can be learned; is "
            "it the right column?",
            FormatCount(labels), FormatCount(rows)));
    return found;
}

}  // namespace hone
