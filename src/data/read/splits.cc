#include "data/read/splits.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "data/read/data_files.h"

namespace hone {
namespace {

constexpr int64_t kAllRows = std::numeric_limits<int64_t>::max();

absl::Status SplitError(std::string_view text, std::string_view why) {
    return UsageError(
        "cannot read the split \"{}\": {}. It looks like train, train[:1000], train[80%:], "
        "train[10%:20%] or train[:50%]+test",
        text, why);
}

absl::StatusOr<std::optional<SplitSlice::Bound>> ParseBound(std::string_view bound,
                                                            std::string_view text) {
    if (bound.empty()) return std::optional<SplitSlice::Bound>();
    SplitSlice::Bound result;
    result.percent = bound.back() == '%';
    if (result.percent) bound.remove_suffix(1);
    const auto [end, error] =
        std::from_chars(bound.data(), bound.data() + bound.size(), result.value);
    if (error != std::errc() || end != bound.data() + bound.size())
        return SplitError(text, fmt::format("\"{}\" is no number of rows or per cent", bound));
    if (result.percent && std::abs(result.value) > 100)
        return SplitError(text, fmt::format("{} % is more than all rows", result.value));
    return std::optional(result);
}

absl::StatusOr<SplitSlice> ParseSlice(std::string_view part, std::string_view text) {
    SplitSlice slice;
    const size_t open = part.find('[');
    slice.name = std::string(part.substr(0, open));
    if (slice.name.empty()) return SplitError(text, "a name is missing");
    if (open == std::string_view::npos) return slice;
    if (part.back() != ']') return SplitError(text, "the ] is missing");
    const std::string_view range = part.substr(open + 1, part.size() - open - 2);
    const size_t colon = range.find(':');
    if (colon == std::string_view::npos || range.find(':', colon + 1) != std::string_view::npos)
        return SplitError(text, "the brackets hold FROM:TO");
    HONE_ASSIGN_OR_RETURN(slice.from, ParseBound(range.substr(0, colon), text));
    HONE_ASSIGN_OR_RETURN(slice.to, ParseBound(range.substr(colon + 1), text));
    return slice;
}

absl::StatusOr<int64_t> CountRows(const std::vector<DataFile>& files,
                                  const ReadOptions& options) {
    int64_t rows = 0;
    for (const DataFile& file : files) {
        HONE_ASSIGN_OR_RETURN(auto reader, RowReader::Open(file.path, file.format, options));
        RawRow row;
        for (;;) {
            HONE_ASSIGN_OR_RETURN(bool any, reader->Next(&row));
            if (!any) break;
            ++rows;
        }
    }
    return rows;
}

// Adds the slices' rows to the plan, as training rows or as evaluation rows.
absl::Status AddSlices(const SplitFiles& files, std::string_view text, bool train,
                       const DataOptions& options, ReadPlan* plan) {
    HONE_ASSIGN_OR_RETURN(std::vector<SplitSlice> slices, ParseSplit(text));
    for (const SplitSlice& slice : slices) {
        HONE_ASSIGN_OR_RETURN(std::vector<DataFile> found, files.Find(slice.name));
        // The same files are read once, for both purposes.
        auto same = [&](const PlannedSplit& split) {
            return std::equal(split.files.begin(), split.files.end(), found.begin(), found.end(),
                              [](const auto& a, const auto& b) { return a.path == b.path; });
        };
        auto split = std::find_if(plan->splits.begin(), plan->splits.end(), same);
        int64_t rows = kAllRows;
        if (!slice.Absolute()) {
            HONE_ASSIGN_OR_RETURN(const ReadOptions reading, ReadingOptions(options));
            HONE_ASSIGN_OR_RETURN(rows, CountRows(found, reading));
        }
        if (split == plan->splits.end()) {
            plan->splits.push_back({slice.name, std::move(found), {}, {}});
            split = plan->splits.end() - 1;
        }
        (train ? split->train : split->eval).push_back(slice.Rows(rows));
    }
    return absl::OkStatus();
}

// Notes files with evaluation rows that are there and that no option names.
void NoteOtherSplits(const SplitFiles& files, const std::vector<SplitSlice>& train,
                     ReadPlan* plan) {
    if (!files.beside.empty())
        plan->notes.push_back(fmt::format("{} lies beside and is not used: --eval_data_files {} "
                                          "would evaluate on it.",
                                          files.beside[0], files.beside[0]));
    for (const auto& [name, list] : files.splits) {
        const bool trained = std::any_of(train.begin(), train.end(),
                                         [&name = name](const auto& slice) { return slice.name == name; });
        if (!trained)
            plan->notes.push_back(fmt::format(
                "{} is not used: --eval_split {} would evaluate on it.", list[0].path, name));
    }
}

}  // namespace

std::pair<int64_t, int64_t> SplitSlice::Rows(int64_t rows) const {
    auto at = [rows](const Bound& bound) {
        int64_t value = bound.value;
        if (bound.percent)
            value = static_cast<int64_t>(
                std::nearbyint(static_cast<double>(bound.value) * static_cast<double>(rows) / 100));
        if (value < 0) value += rows;
        return std::clamp<int64_t>(value, 0, rows);
    };
    const int64_t first = from ? at(*from) : 0;
    return {first, std::max(first, to ? at(*to) : rows)};
}

bool SplitSlice::Absolute() const {
    auto absolute = [](const std::optional<Bound>& bound) {
        return !bound || (!bound->percent && bound->value >= 0);
    };
    return absolute(from) && absolute(to);
}

absl::StatusOr<std::vector<SplitSlice>> ParseSplit(std::string_view text) {
    std::string compact;
    for (char c : text)
        if (!std::isspace(static_cast<unsigned char>(c))) compact += c;
    std::vector<SplitSlice> slices;
    std::string_view rest = compact;
    for (;;) {
        const size_t plus = rest.find('+');
        HONE_ASSIGN_OR_RETURN(SplitSlice slice, ParseSlice(rest.substr(0, plus), text));
        slices.push_back(std::move(slice));
        if (plus == std::string_view::npos) return slices;
        rest.remove_prefix(plus + 1);
    }
}

int64_t PlannedSplit::end() const {
    int64_t end = 0;
    for (const auto& range : train) end = std::max(end, range.second);
    for (const auto& range : eval) end = std::max(end, range.second);
    return end;
}

absl::StatusOr<ReadOptions> ReadingOptions(const DataOptions& options) {
    HONE_ASSIGN_OR_RETURN(const char separator, ParseCsvSeparator(options.csv_separator));
    return ReadOptions{options.cache_folder, separator};
}

absl::StatusOr<ReadPlan> PlanTraining(const DataOptions& options) {
    HONE_ASSIGN_OR_RETURN(SplitFiles files, FindFiles(options, options.train_subset));
    ReadPlan plan;
    HONE_RETURN_IF_ERROR(AddSlices(files, options.train_split, true, options, &plan));
    plan.warnings = files.warnings;
    const bool no_eval =
        options.eval_split && (options.eval_split->empty() || *options.eval_split == "none");
    if (!options.eval_data_files.empty()) {
        if (options.eval_split && !no_eval)
            return UsageError("--eval_data_files and --eval_split exclude each other");
        HONE_ASSIGN_OR_RETURN(SplitFiles eval_files, FindEvalFiles(options));
        HONE_RETURN_IF_ERROR(AddSlices(eval_files, "train", false, options, &plan));
        plan.eval_source = "Evaluation rows come from --eval_data_files.";
        return plan;
    }
    if (no_eval) {
        plan.eval_source = "No evaluation rows (--eval_split none).";
        return plan;
    }
    if (!options.eval_subset.empty() && options.eval_subset != options.train_subset) {
        HONE_ASSIGN_OR_RETURN(files, FindFiles(options, options.eval_subset));
    }
    if (options.eval_split) {
        HONE_RETURN_IF_ERROR(AddSlices(files, *options.eval_split, false, options, &plan));
        plan.eval_source = fmt::format("Evaluation rows are {}.", *options.eval_split);
        return plan;
    }
    HONE_ASSIGN_OR_RETURN(std::vector<SplitSlice> train, ParseSplit(options.train_split));
    const bool trained = std::any_of(train.begin(), train.end(),
                                     [](const auto& slice) { return slice.name == "validation"; });
    if (files.Has("validation") && !trained) {
        HONE_RETURN_IF_ERROR(AddSlices(files, "validation", false, options, &plan));
        plan.eval_source = "Evaluation rows are the validation files of the data set.";
        return plan;
    }
    NoteOtherSplits(files, train, &plan);
    plan.hold_out = true;
    plan.eval_source = fmt::format(
        "No evaluation split was named: {:g} % of the rows are held out by a hash of their content "
        "(--eval_split none holds out nothing).",
        options.eval_fraction * 100);
    return plan;
}

absl::StatusOr<ReadPlan> PlanEvaluation(const DataOptions& options) {
    ReadPlan plan;
    if (!options.eval_data_files.empty()) {
        HONE_ASSIGN_OR_RETURN(SplitFiles files, FindEvalFiles(options));
        HONE_RETURN_IF_ERROR(AddSlices(files, "train", false, options, &plan));
        plan.eval_source = "Evaluation rows come from --eval_data_files.";
        return plan;
    }
    const std::string& subset =
        options.eval_subset.empty() ? options.train_subset : options.eval_subset;
    HONE_ASSIGN_OR_RETURN(SplitFiles files, FindFiles(options, subset));
    plan.warnings = files.warnings;
    std::string split = options.eval_split.value_or("");
    if (split.empty() || split == "none") {
        split = files.splits.size() == 1  ? files.splits.begin()->first
                : files.Has("test")       ? "test"
                : files.Has("validation") ? "validation"
                                          : "";
        if (split.empty())
            return UsageError("say which part of the data set to evaluate with --eval_split: {}",
                              files.Names());
    }
    HONE_RETURN_IF_ERROR(AddSlices(files, split, false, options, &plan));
    plan.eval_source = fmt::format("Evaluation rows are {}.", split);
    return plan;
}

}  // namespace hone
