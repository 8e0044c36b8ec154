// What is minimised: the objective and its numbers.
#include <cmath>

#include "model/blocks/weight_names.h"
#include "train/embedding/pair_loss.h"
#include "train/objective/objective.h"
#include "train/resolve/rows.h"

namespace hone {

namespace {

// Of embeddings.
std::vector<OptionRow> LossRows() {
    const auto losses = PairLossNames();
    return {
        {.name = "loss",
         .field = HONE_FIELD(loss),
         .help = "contrastive: the cosine distance of texts that are alike becomes 0, that of "
                 "others at least --margin; infonce: each text_a finds its own text_b among those "
                 "of its batch; cosine_similarity: the cosine becomes the label; or a loss of your "
                 "own, FILE.py:NAME or plugin:FILE.so, which written answers can have too. "
                 "Default: contrastive",
         .effect = Effect::kContents,
         .choices = {losses.begin(), losses.end()},
         .spellings = {{"info_nce", "infonce"},
                       {"multiple_negatives_ranking", "infonce"},
                       {"mnrl", "infonce"},
                       {"cosine", "cosine_similarity"}},
         .other_texts = true,
         .value_name = "contrastive|infonce|cosine_similarity|FILE.py:NAME|plugin:FILE.so",
         .tasks = {"feature-extraction", "text-generation"}},
        {.name = "margin",
         .field = HONE_FIELD(embedding.margin),
         .help = "contrastive: the cosine distance, 0 to 2, that texts are to have that are not "
                 "alike",
         .effect = Effect::kTask,
         .range = Range{0, 2},
         .tasks = {"feature-extraction"}},
        {.name = "loss_temperature",
         .field = HONE_FIELD(embedding.temperature),
         .help = "infonce: what cosines are divided by before the softmax",
         .effect = Effect::kTask,
         .range = Range{0, 1e6, true},
         .tasks = {"feature-extraction"}},
    };
}

// What makes a run learn from a teacher. The loss is that of kernels/distillation.
std::vector<OptionRow> TeacherRows() {
    std::vector<OptionRow> rows = {
        {.name = "teacher_model",
         .field = HONE_FIELD(teacher_model),
         .help = "a larger model of the same vocabulary, named as --model_name_or_path is: its "
                 "probabilities for each token are learned beside the labels"},
        {.name = "teacher_weights",
         .field = HONE_FIELD(teacher_weights),
         .help = "how the teacher's weights are held: int8 and int4 take a half and a quarter of "
                 "the memory",
         .choices = WeightNames()},
        {.name = "distillation_alpha",
         .field = HONE_FIELD(distillation_alpha),
         .help = "the teacher's share of the loss: (1 - alpha) * cross-entropy + alpha * T^2 * "
                 "KL(teacher, model)",
         .range = Range{0, 1, true}},
        {.name = "distillation_temperature",
         .field = HONE_FIELD(distillation_temperature),
         .help = "T: what the logits of both are divided by, so that unlikely tokens count, too",
         .range = Range{0.01, 1000}},
    };
    for (OptionRow& row : rows) {
        row.effect = Effect::kContents;
        row.objectives = {"sft"};
        row.tasks = {"text-generation"};
    }
    return rows;
}

}  // namespace

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
    for (OptionRow& row : LossRows()) rows.push_back(std::move(row));
    for (OptionRow& row : TeacherRows()) rows.push_back(std::move(row));
    return rows;
}

}  // namespace hone
