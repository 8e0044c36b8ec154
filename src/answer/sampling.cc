#include "answer/sampling.h"

namespace hone {

GenerateOptions SamplingChoice::Resolve(const GenerationDefaults& of_model) const {
    static const GenerationDefaults kNone;
    const GenerationDefaults& model = as_model_says ? of_model : kNone;
    GenerateOptions options;
    options.max_new_tokens = max_new_tokens;
    options.stop = stop;
    SamplingOptions& sampling = options.sampling;
    const bool samples = model.do_sample;
    sampling.temperature =
        temperature.value_or(samples ? model.temperature.value_or(1) : fallback_temperature);
    sampling.top_k = top_k.value_or(samples ? model.top_k.value_or(0) : 0);
    sampling.top_p = top_p.value_or(samples ? model.top_p.value_or(1) : 1);
    sampling.min_p = min_p.value_or(0);
    sampling.repetition_penalty = repetition_penalty.value_or(model.repetition_penalty.value_or(1));
    sampling.seed = seed;
    return options;
}

}  // namespace hone
