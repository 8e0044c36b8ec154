#include "answer/classify.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>
#include <numeric>

#include "base/file.h"
#include "base/json_text.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/terminal/layout.h"
#include "cli/terminal/loading.h"
#include "cli/terminal/signals.h"
#include "data/read/row_reader.h"
#include "eval/metrics/entities.h"
#include "hub/hub.h"
#include "text/unicode.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

struct ClassifyFlags {
    ModelFlags model;
    WeightFlags weights;
    MachineFlags machine;
    std::vector<std::string> texts;
    std::string text_file, output_file;
    int64_t batch_size = 8, max_seq_len = 1024, top_k = 1;
    bool json = false;

    void Add(CLI::App& app) {
        Flags flags(app);
        model.Add(flags);
        weights.Add(flags);
        flags.Group("Texts")
            .Repeated("--text", texts, "what to classify; " + std::string(kEscapes))
            .Text("--text_file", text_file,
                  "a text file, a text on each line, or a .jsonl, .json, .csv, .tsv or .parquet "
                  "file with a column text; without any text standard input is one")
            .Integer("--batch_size", batch_size, "texts that go through the model at a time")
            .Integer("--max_seq_len", max_seq_len, "the most tokens of a text; the rest is cut off")
            .Integer("--top_k", top_k, "how many labels of a text are shown, the likeliest first");
        flags.Group("Output")
            .Bool("--json", json, "prints one JSON object per text, with all probabilities")
            .Text("-o,--output_file", output_file, "writes them to a file instead");
        machine.Add(flags);
    }

    absl::Status Check() const {
        if (batch_size < 1 || batch_size > 1024)
            return UsageError("--batch_size {} is outside 1 to 1024", batch_size);
        if (max_seq_len < 1) return UsageError("--max_seq_len {} is below 1", max_seq_len);
        if (top_k < 1) return UsageError("--top_k {} is below 1", top_k);
        return absl::OkStatus();
    }
};

// The texts of a file's rows.
absl::StatusOr<std::vector<std::string>> ReadTexts(const std::string& path) {
    const auto found = DetectFileFormat(path, "");
    const FileFormat format = found.ok() ? *found : FileFormat::kText;
    HONE_ASSIGN_OR_RETURN(HubOptions hub, HubOptions::FromEnvironment());
    HONE_ASSIGN_OR_RETURN(auto reader,
                          RowReader::Open(path, format, {.cache_folder = hub.TemporaryFolder()}));
    std::vector<std::string> texts;
    for (RawRow raw;;) {
        HONE_ASSIGN_OR_RETURN(const bool any, reader->Next(&raw));
        if (!any) break;
        Json row;
        ParseProblem problem{raw.line, raw.column, raw.error};
        if (!raw.error.empty() || !reader->ParseRow(raw, &row, &problem))
            return DataError("{}, line {}: {}", path, problem.line, problem.reason);
        const auto text = row.find("text");
        if (text == row.end() || !text->is_string() || IsBlank(text->get<std::string>()))
            return DataError("{}, line {}: no \"text\", or an empty one", path, raw.line);
        texts.push_back(text->get<std::string>());
    }
    if (texts.empty()) return DataError("{} holds no text", path);
    return texts;
}

absl::StatusOr<std::vector<std::string>> CollectTexts(const ClassifyFlags& flags) {
    std::vector<std::string> texts;
    for (const std::string& text : flags.texts) texts.push_back(Unescape(text));
    if (!flags.text_file.empty()) {
        HONE_ASSIGN_OR_RETURN(const std::vector<std::string> more, ReadTexts(flags.text_file));
        texts.insert(texts.end(), more.begin(), more.end());
    }
    if (!texts.empty()) return texts;
    if (isatty(STDIN_FILENO) == 1)
        return UsageError("no text: say one with --text, or --text_file FILE");
    std::string text((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
    if (IsBlank(text)) return DataError("standard input holds no text");
    return std::vector{std::move(text)};
}

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
    HONE_ASSIGN_OR_RETURN(const std::vector<std::string> texts, CollectTexts(flags));
    HONE_ASSIGN_OR_RETURN(ChosenModel chosen, flags.model.Choose());
    ClassifyOptions options{.max_rows = flags.batch_size, .max_seq_len = flags.max_seq_len};
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
