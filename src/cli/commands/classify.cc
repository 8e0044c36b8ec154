#include "answer/classify.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "base/files/file.h"
#include "base/text/json_text.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/flags/text_flags.h"
#include "cli/terminal/layout.h"
#include "cli/terminal/loading.h"
#include "cli/terminal/signals.h"
#include "eval/metrics/entities.h"
#include "text/unicode.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

struct ClassifyFlags {
    ModelFlags model;
    WeightFlags weights;
    MachineFlags machine;
    TextFlags texts;
    std::string output_file;
    int64_t top_k = 1;
    bool json = false;

    void Add(CLI::App& app) {
        Flags flags(app);
        model.Add(flags);
        weights.Add(flags);
        texts.Add(flags, "what to classify");
        flags.Integer("--top_k", top_k, "how many labels of a text are shown, the likeliest first");
        flags.Group("Output")
            .Bool("--json", json, "prints one JSON object per text, with all probabilities")
            .Text("-o,--output_file", output_file, "writes them to a file instead");
        machine.Add(flags);
    }

    absl::Status Check() const {
        HONE_RETURN_IF_ERROR(texts.Check());
        if (top_k < 1) return UsageError("--top_k {} is below 1", top_k);
        return absl::OkStatus();
    }
};

// Labels by their probability, the likeliest first.
std::vector<size_t> Ranked(const Classified& result) {
    std::vector<size_t> order(result.probabilities.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        return result.probabilities[a] > result.probabilities[b];
    });
    return order;
}

// An entity's text and how sure the model is of its words.
struct Found {
    std::string type, text;
    size_t begin = 0, end = 0;  // bytes
    double probability = 1;
};

absl::StatusOr<std::vector<Found>> Entities(const std::string& text, const Classified& result) {
    std::vector<std::string> tags;
    for (const ClassifiedWord& word : result.words) tags.push_back(word.tag);
    HONE_ASSIGN_OR_RETURN(const std::vector<Entity> entities, FindEntities(tags, TagScheme::kAny));
    std::vector<Found> found;
    for (const Entity& entity : entities) {
        Found& one = found.emplace_back();
        one.type = entity.type;
        one.begin = result.words[static_cast<size_t>(entity.begin)].begin;
        one.end = result.words[static_cast<size_t>(entity.end - 1)].end;
        one.text = text.substr(one.begin, one.end - one.begin);
        for (int64_t i = entity.begin; i < entity.end; ++i)
            one.probability *= result.words[static_cast<size_t>(i)].probability;
    }
    return found;
}

absl::StatusOr<Json> ResultJson(const std::string& text, const Classified& result,
                                const ModelConfig& config) {
    Json json = {{"text", text}};
    if (config.head == HeadKind::kToken) {
        HONE_ASSIGN_OR_RETURN(const std::vector<Found> entities, Entities(text, result));
        Json& list = json["entities"] = Json::array();
        // In characters, as spans of training rows are.
        for (const Found& one : entities)
            list.push_back({{"start", CountCharacters(std::string_view(text).substr(0, one.begin))},
                            {"end", CountCharacters(std::string_view(text).substr(0, one.end))},
                            {"label", one.type},
                            {"text", one.text},
                            {"probability", one.probability}});
    } else {
        Json labels = Json::array(), probabilities = Json::object();
        for (const int32_t label : result.labels)
            labels.push_back(config.labels[static_cast<size_t>(label)]);
        for (const size_t label : Ranked(result))
            probabilities[config.labels[label]] = result.probabilities[label];
        if (config.multi_label) {
            json["labels"] = std::move(labels);
        } else {
            json["label"] = labels.front();
        }
        json["probabilities"] = std::move(probabilities);
    }
    if (result.cut) json["cut"] = true;
    return json;
}

absl::StatusOr<std::string> ResultText(const std::string& text, const Classified& result,
                                       const ModelConfig& config, int64_t top_k) {
    std::string lines = fmt::format("### {}\n", text);
    if (config.head == HeadKind::kToken) {
        HONE_ASSIGN_OR_RETURN(const std::vector<Found> entities, Entities(text, result));
        if (entities.empty()) return lines + "no entities\n";
        for (const Found& one : entities)
            lines += fmt::format("{}: {} ({:.1f} %)\n", one.type, one.text, 100 * one.probability);
        return lines;
    }
    const std::vector<size_t> ranked = Ranked(result);
    const size_t chosen = result.labels.size(), wanted = static_cast<size_t>(top_k);
    const size_t shown = std::min(ranked.size(), std::max(chosen, wanted));
    for (size_t i = 0; i < shown; ++i)
        lines += fmt::format("{}{} ({:.1f} %)\n", i < chosen || chosen == 0 ? "" : "  ",
                             config.labels[ranked[i]], 100 * result.probabilities[ranked[i]]);
    if (chosen == 0) lines += "none of the labels\n";
    return lines;
}

absl::Status RunClassify(const ClassifyFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    HONE_RETURN_IF_ERROR(flags.Check());
    HONE_ASSIGN_OR_RETURN(const std::vector<std::string> texts, flags.texts.Collect());
    HONE_ASSIGN_OR_RETURN(ChosenModel chosen, flags.model.Choose());
    ClassifyOptions options{.max_rows = flags.texts.batch_size,
                            .max_seq_len = flags.texts.max_seq_len};
    if (chosen.form) options.add_special_tokens = chosen.form->data.add_special_tokens;
    const RunControl& control = StopOnInterrupt();
    const Context context(flags.machine.threads);
    HONE_ASSIGN_OR_RETURN(OpenedModel opened, FetchAndOpen(std::move(chosen)));
    if (opened.files->config.head == HeadKind::kLanguageModel)
        return UsageError(
            "{} has no head of labels: train one with `hone finetune --task text-classification`, "
            "or ask this model with `hone generate`",
            opened.chosen.adapter.empty() ? opened.chosen.name : opened.chosen.adapter);
    HONE_ASSIGN_OR_RETURN(const LoadedModel loaded,
                          Load(std::move(opened), flags.weights.options(), context));
    std::vector<DataRow> rows;
    for (const std::string& text : texts) rows.push_back(TextToClassify(text));
    HONE_ASSIGN_OR_RETURN(const std::vector<Classified> results,
                          Classify(loaded, rows, options, context,
                                   [&control](int64_t, int64_t) { return !control.ending(); }));
    const bool as_json = flags.json || !flags.output_file.empty();
    const bool interactive = DetectTerminal().interactive;
    std::string output;
    for (size_t i = 0; i < texts.size(); ++i) {
        if (as_json) {
            HONE_ASSIGN_OR_RETURN(const Json json,
                                  ResultJson(texts[i], results[i], loaded.model->config()));
            output += JsonLine(json);
            continue;
        }
        HONE_ASSIGN_OR_RETURN(
            const std::string text,
            ResultText(texts[i], results[i], loaded.model->config(), flags.top_k));
        output += (i == 0 ? "" : "\n") + (interactive ? Printable(text) : text);
    }
    if (!flags.output_file.empty()) return WriteFileAtomic(flags.output_file, output);
    fmt::print("{}", output);
    return absl::OkStatus();
}

}  // namespace

void AddClassify(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app = AddCommand(root, "classify",
                               "says what texts are, or which entities they name, with a model "
                               "that was trained for that");
    auto flags = std::make_shared<ClassifyFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunClassify(*flags); }});
}

}  // namespace hone
