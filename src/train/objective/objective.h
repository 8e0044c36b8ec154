// What a run minimises, one object an objective: which rows it wants, and from the
// log-probabilities of their answers to a loss, its derivatives, and the sums that are reported. An
// objective is a file of this folder and its line in Objectives().
//
// The loss of a step depends on the parameters through the answers' log-probabilities alone:
// d loss = sum over answers of (d loss / d logp) d logp. So a step scores its answers without
// gradients, asks the objective for these slopes, and goes forward and backward once with every
// label's weight multiplied by minus the slope of its answer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/options.h"
#include "model/model.h"
#include "nlohmann/json.hpp"
#include "train/events/event.h"
#include "train/options/options.h"
#include "train/options/table.h"

namespace hone {

// An answer as the model scores it.
struct Answer {
    LossSums likelihood;     // over its labelled tokens
    double reference = 0;    // its logp under the model that training started from, where wanted
    bool undesired = false;  // it is not preferred, or was judged bad

    double logp() const { return -likelihood.loss; }
    double tokens() const { return likelihood.weight; }
    double mean_logp() const { return logp() / tokens(); }
    double log_ratio() const { return logp() - reference; }
};

// What an objective looks at: the answers of some rows, in their order, those of a pair side by
// side.
struct ScoredRows {
    std::vector<Answer> answers;
    // Where the objective wants them: to each row's prompt the answer of another row.
    std::vector<Answer> unrelated;
};

// A number that is reported: sum / weight.
struct MetricSum {
    std::string name;  // TRL's: "rewards/margins"
    double sum = 0, weight = 0;
};

// What steps and evaluations add up.
struct ObjectiveSums {
    double loss = 0, weight = 0;  // the mean is loss / weight
    LossSums answers;  // of what is to become likely: all labels, or the preferred or good answers'
    std::vector<MetricSum> metrics;

    ObjectiveSums& operator+=(const ObjectiveSums& other);
    // Adds to the metric of that name.
    void Add(std::string_view metric, double value, double weight = 1);
    double MeanLoss() const { return weight > 0 ? loss / weight : 0; }
    // Of the answers' labels: how many the model ranks first, and exp of their mean loss.
    double TokenAccuracy() const;
    double Perplexity() const;

    nlohmann::ordered_json ToJson() const;
    // The inverse; throws as the library does where it is of another form.
    static ObjectiveSums FromJson(const nlohmann::ordered_json& json);
};

class Objective {
  public:
    virtual ~Objective() = default;

    virtual std::string_view name() const = 0;  // of --objective: "dpo"
    virtual RowKind rows() const = 0;
    // Whether the slopes are the same for every answer, so that a step needs no scores: it is one
    // forward and backward pass with the labels' own weights, divided by their sum.
    virtual bool direct() const { return false; }
    virtual bool wants_reference() const { return false; }
    virtual bool wants_unrelated() const { return false; }
    // What options are under it where nobody gives them; trains_base: every weight is trained.
    virtual std::vector<OptionDefault> defaults(bool trains_base) const;
    // For the plan: "dpo, beta 0.1".
    virtual std::string Summary(const ObjectiveOptions& options) const;

    // The loss of the rows of a step or an evaluation, and slopes[i] (=) = d (mean loss) / d logp
    // of answer i. batch_rows: rows of a batch, for what is estimated over one.
    virtual ObjectiveSums Loss(const ObjectiveOptions& options, const ScoredRows& rows,
                               int64_t batch_rows, std::span<double> slopes) const = 0;
    // The means of the metrics, and what follows from them.
    virtual MetricValues Report(const ObjectiveSums& sums) const;

    // An error of kind kUsage where the option belongs to other objectives alone.
    absl::Status CheckTakes(const OptionRow& option, const OptionNames& names) const;
};

// All of them; the first is the default.
std::span<const Objective* const> Objectives();
// nullptr where there is none of that name.
const Objective* FindObjective(std::string_view name);
// That of options.objective, which must be one.
const Objective& ObjectiveOf(const FinetuneOptions& options);

// log(1 / (1 + exp(-x))), and its derivative 1 / (1 + exp(x)).
double LogSigmoid(double x);
double Sigmoid(double x);

}  // namespace hone
