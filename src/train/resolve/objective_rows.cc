// What is minimised: the objective and its numbers.
#include <cmath>

#include "train/objective/objective.h"
#include "train/resolve/rows.h"

namespace hone {

std::vector<OptionRow> ObjectiveRows() {
    std::vector<std::string_view> names;
    for (const Objective* objective : Objectives()) names.push_back(objective->name());
    const double below_half = std::nextafter(0.5, 0.0);
    std::vector<OptionRow> rows = {
        {.name = "beta",
         .field = HONE_FIELD(preference.beta),
         .help = "how near to the model that it starts from; ipo: tau; orpo: the weight of the "
                 "odds ratio; simpo: the scale of the rewards, 2 to 2.5 in its paper",
         .range = Range{0, 1e6, true},
         .objectives = {"dpo", "ipo", "orpo", "kto", "simpo"}},
        {.name = "label_smoothing",
         .field = HONE_FIELD(preference.label_smoothing),
         .help = "the share of pairs that are labelled the wrong way round",
         .range = Range{0, below_half},
         .objectives = {"dpo", "simpo"}},
        {.name = "simpo_gamma",
         .field = HONE_FIELD(preference.simpo_gamma),
         .help = "how far apart the rewards of the two answers are to be",
         .range = Range{0, 1e6},
         .objectives = {"simpo"}},
        {.name = "desirable_weight",
         .field = HONE_FIELD(preference.desirable_weight),
         .help = "weight of the good answers, for data that has few of them",
         .range = Range{0, 1e6},
         .objectives = {"kto"}},
        {.name = "undesirable_weight",
         .field = HONE_FIELD(preference.undesirable_weight),
         .help = "likewise of the bad ones",
         .range = Range{0, 1e6},
         .objectives = {"kto"}},
    };
    for (OptionRow& row : rows) row.effect = Effect::kObjective;
    rows.insert(rows.begin(),
                {.name = "objective",
                 .field = HONE_FIELD(objective),
                 .help = "sft: the answers become likely; dpo, ipo, orpo, simpo: the first of two "
                         "answers becomes likelier than the other (rows: prompt, chosen, rejected, "
                         "or OpenAI's input, preferred_output, non_preferred_output); kto: good "
                         "answers become likelier, bad ones less (rows: prompt, completion, label)",
                 .effect = Effect::kContents,
                 .choices = names});
    return rows;
}

}  // namespace hone
