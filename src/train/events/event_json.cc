#include <cmath>
#include <concepts>
#include <cstdio>
#include <ctime>
#include <limits>
#include <utility>

#include "base/files/json_file.h"
#include "base/text/json_text.h"
#include "train/events/event.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kStages[] = {"validating", "loading", "training", "evaluating",
                                        "delivering"};
constexpr std::string_view kLevels[] = {"info", "warning"};
// The types, in the order of EventBody.
constexpr std::string_view kTypes[] = {
    "stage",      "message", "work",    "plan",     "progress", "step",      "evaluation",
    "checkpoint", "paused",  "resumed", "finished", "failed",   "cancelled", "interrupted"};
static_assert(std::size(kTypes) == std::variant_size_v<EventBody>);

// The index of `name` in `names`; their number where it is not among them.
template <size_t N>
size_t IndexOf(const std::string_view (&names)[N], const std::string& name) {
    size_t index = 0;
    while (index < N && names[index] != name) ++index;
    return index;
}

// The fields of each struct with their names, for writing (const) and for reading.
template <typename S, typename T>
concept Is = std::same_as<std::remove_const_t<S>, T>;

void VisitFields(Is<StageChanged> auto& e, auto visit) { visit("stage", e.stage); }

void VisitFields(Is<RunMessage> auto& e, auto visit) {
    visit("level", e.level);
    visit("text", e.text);
}

void VisitFields(Is<WorkReport> auto& e, auto visit) {
    visit("what", e.what);
    visit("detail", e.detail);
    visit("share", e.share);
    visit("announced", e.announced);
}

void VisitFields(Is<MemoryPlan> auto& e, auto visit) {
    visit("weights", e.weights);
    visit("parameters", e.parameters);
    visit("activations", e.activations);
    visit("workspace", e.workspace);
}

void VisitFields(Is<RunPlan> auto& e, auto visit) {
    visit("model", e.model);
    visit("architecture", e.architecture);
    visit("base_parameters", e.base_parameters);
    visit("method", e.method);
    visit("objective", e.objective);
    visit("trainable_parameters", e.trainable_parameters);
    visit("compute", e.compute);
    visit("threads", e.threads);
    visit("train_rows", e.train_rows);
    visit("train_tokens", e.train_tokens);
    visit("train_labelled_tokens", e.train_labelled_tokens);
    visit("eval_rows", e.eval_rows);
    visit("eval_tokens", e.eval_tokens);
    visit("step_batch", e.step_batch);
    visit("steps_per_epoch", e.steps_per_epoch);
    visit("total_steps", e.total_steps);
    visit("start_step", e.start_step);
    visit("epochs", e.epochs);
    visit("micro_batch_tokens", e.micro_batch_tokens);
    visit("gradient_checkpointing", e.gradient_checkpointing);
    visit("memory_bytes", e.memory);
    visit("needed_bytes", e.needed_bytes);
    visit("to_come_bytes", e.to_come_bytes);
    visit("available_bytes", e.available_bytes);
    visit("disk_bytes", e.disk_bytes);
    visit("free_disk_bytes", e.free_disk_bytes);
    visit("estimated_seconds", e.estimated_seconds);
    visit("data_summary", e.data_summary);
    visit("output_path", e.output_path);
}

void VisitFields(Is<StepProgress> auto& e, auto visit) {
    visit("step", e.step);
    visit("total_steps", e.total_steps);
    visit("share", e.share);
}

void VisitFields(Is<LoggedMeans> auto& e, auto visit) {
    visit("tokens_per_second", e.tokens_per_second);
    visit("token_accuracy", e.token_accuracy);
    visit("metrics", e.metrics);
}

void VisitFields(Is<EvalSample> auto& e, auto visit) {
    visit("loss", e.loss);
    visit("token_accuracy", e.token_accuracy);
}

void VisitFields(Is<StepReport> auto& e, auto visit) {
    visit("step", e.step);
    visit("total_steps", e.total_steps);
    visit("epoch", e.epoch);
    visit("loss", e.loss);
    visit("step_loss", e.step_loss);
    visit("learning_rate", e.learning_rate);
    visit("grad_norm", e.grad_norm);
    visit("tokens", e.tokens);
    visit("tokens_per_second", e.tokens_per_second);
    visit("token_accuracy", e.token_accuracy);
    visit("metrics", e.metrics);
    visit("memory_bytes", e.memory_bytes);
    visit("peak_memory_bytes", e.peak_memory_bytes);
    visit("elapsed_seconds", e.elapsed_s);
    visit("remaining_seconds", e.remaining_s);
    visit("logged", e.logged);
    visit("eval_sample", e.eval_sample);
}

void VisitFields(Is<EvalReport> auto& e, auto visit) {
    visit("step", e.step);
    visit("epoch", e.epoch);
    visit("loss", e.loss);
    visit("perplexity", e.perplexity);
    visit("token_accuracy", e.token_accuracy);
    visit("tokens", e.tokens);
    visit("metrics", e.metrics);
    visit("seconds", e.seconds);
    visit("best", e.best);
    visit("memory_bytes", e.memory_bytes);
}

void VisitFields(Is<CheckpointSaved> auto& e, auto visit) {
    visit("step", e.step);
    visit("folder", e.folder);
}

void VisitFields(Is<RunPaused> auto&, auto) {}

void VisitFields(Is<RunResumed> auto& e, auto visit) { visit("paused_seconds", e.paused_seconds); }

void VisitFields(Is<RunResult> auto& e, auto visit) {
    visit("output_path", e.output_path);
    visit("artifact", e.artifact);
    visit("artifact_path", e.artifact_path);
    visit("artifact_sha256", e.artifact_sha256);
    visit("prompt_template", e.prompt_template);
    visit("system_prompt", e.system_prompt);
    visit("classifies", e.classifies);
    visit("embeds", e.embeds);
    visit("steps", e.steps);
    visit("train_loss", e.train_loss);
    visit("first_eval", e.first_eval);
    visit("last_eval", e.last_eval);
    visit("best_eval", e.best_eval);
    visit("stopped_early", e.stopped_early);
    visit("stop_reason", e.stop_reason);
    visit("best_step", e.best_step);
    visit("seconds", e.seconds);
    visit("tokens_per_second", e.tokens_per_second);
    visit("peak_memory_bytes", e.peak_memory_bytes);
    visit("processes", e.processes);
}

void VisitFields(Is<RunFinished> auto& e, auto visit) {
    visit("trained", e.trained);
    visit("result", e.result);
}

void VisitFields(Is<RunFailed> auto& e, auto visit) {
    visit("code", e.code);
    visit("message", e.message);
    visit("exit_code", e.exit_code);
}

void VisitFields(Is<RunCancelled> auto& e, auto visit) { visit("message", e.message); }

void VisitFields(Is<RunInterrupted> auto& e, auto visit) { visit("message", e.message); }

// Writing. A struct is an object of its fields.
template <typename T>
Json ToValue(const std::optional<T>& value);

template <typename T>
Json ToValue(const T& value) {
    if constexpr (std::is_same_v<T, RunStage>) {
        return StageName(value);
    } else if constexpr (std::is_same_v<T, MessageLevel>) {
        return kLevels[static_cast<int>(value)];
    } else if constexpr (std::is_floating_point_v<T>) {
        return std::isfinite(value) ? Json(value) : Json();
    } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string> ||
                         std::is_same_v<T, Json>) {
        return value;
    } else if constexpr (std::is_same_v<T, MetricValues>) {
        Json json = Json::object();
        for (const auto& [name, number] : value) json[name] = ToValue(number);
        return json;
    } else {
        Json json = Json::object();
        VisitFields(value,
                    [&](const char* name, const auto& field) { json[name] = ToValue(field); });
        return json;
    }
}
template <typename T>
Json ToValue(const std::optional<T>& value) {
    return value ? ToValue(*value) : Json();
}

// Reading: each returns whether the value has the type, and leaves `out` alone where it has not.
template <size_t N, typename Enum>
bool FromName(const Json& json, const std::string_view (&names)[N], Enum& out) {
    if (!json.is_string()) return false;
    const size_t index = IndexOf(names, json.get_ref<const std::string&>());
    if (index == N) return false;
    out = static_cast<Enum>(index);
    return true;
}

template <typename T>
bool FromValue(const Json& json, T& out);

template <typename T>
bool FromValue(const Json& json, std::optional<T>& out) {
    out.reset();
    if (json.is_null()) return true;
    T value{};
    if (!FromValue(json, value)) return false;
    out = std::move(value);
    return true;
}

template <typename T>
bool FromInteger(const Json& json, T& out) {
    if (!json.is_number_integer()) return false;
    const bool fits = json.is_number_unsigned() ? std::in_range<T>(json.get<uint64_t>())
                                                : std::in_range<T>(json.get<int64_t>());
    if (fits) out = json.get<T>();
    return fits;
}

bool FromMetrics(const Json& json, MetricValues& out) {
    if (!json.is_object()) return false;
    MetricValues values;
    for (const auto& [name, number] : json.items())
        if (!FromValue(number, values.emplace_back(name, 0).second)) return false;
    out = std::move(values);
    return true;
}

template <typename T>
bool FromFields(const Json& json, T& out) {
    if (!json.is_object()) return false;
    bool good = true;
    VisitFields(out, [&](const char* name, auto& field) {
        if (const auto found = json.find(name); good && found != json.end())
            good = FromValue(*found, field);
    });
    return good;
}

template <typename T>
bool FromValue(const Json& json, T& out) {
    if constexpr (std::is_same_v<T, RunStage>) {
        return FromName(json, kStages, out);
    } else if constexpr (std::is_same_v<T, MessageLevel>) {
        return FromName(json, kLevels, out);
    } else if constexpr (std::is_same_v<T, Json>) {
        out = json;
        return true;
    } else if constexpr (std::is_same_v<T, bool>) {
        if (json.is_boolean()) out = json.get<bool>();
        return json.is_boolean();
    } else if constexpr (std::is_integral_v<T>) {
        return FromInteger(json, out);
    } else if constexpr (std::is_floating_point_v<T>) {
        if (json.is_null()) out = std::numeric_limits<T>::quiet_NaN();
        if (json.is_number()) out = json.get<T>();
        return json.is_null() || json.is_number();
    } else if constexpr (std::is_same_v<T, std::string>) {
        if (json.is_string()) out = json.get<std::string>();
        return json.is_string();
    } else if constexpr (std::is_same_v<T, MetricValues>) {
        return FromMetrics(json, out);
    } else {
        return FromFields(json, out);
    }
}

// Reads `data` as the alternative of that index.
template <size_t... I>
bool FromIndex(size_t index, const Json& data, EventBody& out, std::index_sequence<I...>) {
    bool good = false;
    ((index == I && (good = FromFields(data, out.emplace<I>()))), ...);
    return good;
}

// "2031-05-17T08:15:00.250Z".
std::string TimeText(int64_t time_ms) {
    const std::time_t seconds = time_ms / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                       time_ms % 1000);
}

std::optional<int64_t> ParseTime(const std::string& text) {
    std::tm parts{};
    int ms = 0, end = 0;
    const int read =
        std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &parts.tm_year, &parts.tm_mon,
                    &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &ms, &end);
    if (read != 7 || static_cast<size_t>(end) != text.size()) return std::nullopt;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    const int64_t time_ms = int64_t{1000} * timegm(&parts) + ms;
    // What is no day or hour, as February 30, would be another one.
    if (time_ms < 0 || TimeText(time_ms) != text) return std::nullopt;
    return time_ms;
}

}  // namespace

std::string_view StageName(RunStage stage) { return kStages[static_cast<int>(stage)]; }

bool EndsRun(const EventBody& body) {
    return std::holds_alternative<RunFinished>(body) || std::holds_alternative<RunFailed>(body) ||
           std::holds_alternative<RunCancelled>(body) ||
           std::holds_alternative<RunInterrupted>(body);
}

Json ToJson(const Event& event) {
    return {{"sequence", event.sequence},
            {"time", TimeText(event.time_ms)},
            {"stage", StageName(event.stage)},
            {"type", kTypes[event.body.index()]},
            {"data", std::visit([](const auto& body) { return ToValue(body); }, event.body)}};
}

absl::StatusOr<Event> EventFromJson(const Json& json) {
    const auto member = [&](const char* name) {
        const auto found = json.is_object() ? json.find(name) : json.end();
        return found == json.end() ? Json() : Json(*found);
    };
    Event event;
    if (!FromInteger(member("sequence"), event.sequence) || event.sequence < 1)
        return DataError("an event without a \"sequence\" of 1 or more");
    const Json time = member("time");
    const auto time_ms = time.is_string() ? ParseTime(time.get<std::string>()) : std::nullopt;
    if (!time_ms)
        return DataError("event {}: \"time\" is not of the form 2031-05-17T08:15:00.250Z",
                         event.sequence);
    event.time_ms = *time_ms;
    if (!FromValue(member("stage"), event.stage))
        return DataError("event {}: \"stage\" is none of the stages of a run", event.sequence);
    size_t index = std::size(kTypes);
    if (!FromName(member("type"), kTypes, index))
        return DataError("event {}: its \"type\" is not known", event.sequence);
    if (!FromIndex(index, member("data"), event.body,
                   std::make_index_sequence<std::variant_size_v<EventBody>>()))
        return DataError("event {}: its \"data\" is not that of the type \"{}\"", event.sequence,
                         kTypes[index]);
    return event;
}

std::string EventLine(const Event& event) { return JsonLine(ToJson(event)); }

absl::StatusOr<Event> ParseEvent(std::string_view line) {
    auto json = ParseJson<Json>(line, "event");
    if (!json.ok()) return WithKind(json.status(), ErrorKind::kData);
    return EventFromJson(*json);
}

Json ToJson(const EvalReport& report) { return ToValue(report); }

absl::StatusOr<EvalReport> EvalReportFromJson(const Json& json) {
    EvalReport report;
    if (!FromFields(json, report)) return DataError("an evaluation of another form");
    return report;
}

}  // namespace hone
