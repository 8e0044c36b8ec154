#include "train/objective/objective.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "train/objective/dpo.h"
#include "train/objective/ipo.h"
#include "train/objective/kto.h"
#include "train/objective/orpo.h"
#include "train/objective/sft.h"
#include "train/objective/simpo.h"
#include "train/options/given.h"

namespace hone {

double Sigmoid(double x) {
    return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}

double LogSigmoid(double x) { return std::min(x, 0.0) - std::log1p(std::exp(-std::abs(x))); }

ObjectiveSums& ObjectiveSums::operator+=(const ObjectiveSums& other) {
    loss += other.loss;
    weight += other.weight;
    answers += other.answers;
    for (const MetricSum& metric : other.metrics) Add(metric.name, metric.sum, metric.weight);
    return *this;
}

void ObjectiveSums::Add(std::string_view metric, double value, double weight) {
    auto found = std::find_if(metrics.begin(), metrics.end(),
                              [&](const MetricSum& sum) { return sum.name == metric; });
    if (found == metrics.end())
        found = metrics.insert(metrics.end(), {.name = std::string(metric)});
    found->sum += value;
    found->weight += weight;
}

double ObjectiveSums::TokenAccuracy() const {
    return answers.labelled > 0
               ? static_cast<double>(answers.correct) / static_cast<double>(answers.labelled)
               : 0;
}

double ObjectiveSums::Perplexity() const {
    return std::exp(answers.weight > 0 ? answers.loss / answers.weight : 0);
}

nlohmann::ordered_json ObjectiveSums::ToJson() const {
    nlohmann::ordered_json json = {{"loss", answers.loss},
                                   {"weight", answers.weight},
                                   {"labelled", answers.labelled},
                                   {"correct", answers.correct}};
    // Without an objective of its own the loss is the answers', and checkpoints hold no more.
    if (metrics.empty()) return json;
    nlohmann::ordered_json& objective = json["objective"] = {{"loss", loss}, {"weight", weight}};
    for (const MetricSum& metric : metrics)
        objective["metrics"][metric.name] = {metric.sum, metric.weight};
    return json;
}

ObjectiveSums ObjectiveSums::FromJson(const nlohmann::ordered_json& json) {
    ObjectiveSums sums;
    sums.answers = {json.at("loss").get<double>(), json.at("weight").get<double>(),
                    json.at("labelled").get<int64_t>(), json.at("correct").get<int64_t>()};
    sums.loss = sums.answers.loss;
    sums.weight = sums.answers.weight;
    const auto objective = json.find("objective");
    if (objective == json.end()) return sums;
    sums.loss = objective->at("loss").get<double>();
    sums.weight = objective->at("weight").get<double>();
    for (const auto& [name, values] : objective->at("metrics").items())
        sums.metrics.push_back({name, values.at(0).get<double>(), values.at(1).get<double>()});
    return sums;
}

std::vector<OptionDefault> Objective::defaults(bool trains_base) const {
    // The rates of TRL's own examples; a preference is measured without dropout.
    const double rate = trains_base ? 5e-7 : 5e-6;
    return {{.option = "learning_rate",
             .value = rate,
             .note = trains_base ? "a learning rate of 5e-07" : "a learning rate of 5e-06"},
            {.option = "lora_dropout", .value = 0.0}};
}

std::string Objective::Summary(const ObjectiveOptions& options) const {
    return fmt::format("{}, beta {:g}", name(), options.beta);
}

MetricValues Objective::Report(const ObjectiveSums& sums) const {
    MetricValues values;
    for (const MetricSum& metric : sums.metrics)
        if (metric.weight > 0) values.emplace_back(metric.name, metric.sum / metric.weight);
    return values;
}

absl::Status Objective::CheckTakes(const OptionRow& option, const OptionNames& names) const {
    if (option.objectives.empty() || std::find(option.objectives.begin(), option.objectives.end(),
                                               name()) != option.objectives.end())
        return absl::OkStatus();
    return UsageError("{} belongs to {} {}: {} {} has no use for it", names(option.name),
                      names.Plain("objective"), option.objectives.front(), names.Plain("objective"),
                      name());
}

std::span<const Objective* const> Objectives() {
    static const SftObjective sft;
    static const DpoObjective dpo;
    static const IpoObjective ipo;
    static const OrpoObjective orpo;
    static const KtoObjective kto;
    static const SimpoObjective simpo;
    static const std::array<const Objective*, 6> objectives = {&sft,  &dpo, &ipo,
                                                               &orpo, &kto, &simpo};
    return objectives;
}

const Objective* FindObjective(std::string_view name) {
    for (const Objective* objective : Objectives())
        if (objective->name() == name) return objective;
    return nullptr;
}

const Objective& ObjectiveOf(const FinetuneOptions& options) {
    const Objective* objective = FindObjective(options.objective);
    HONE_CHECK(objective != nullptr, "no objective is called {}", options.objective);
    return *objective;
}

}  // namespace hone
