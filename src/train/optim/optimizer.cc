#include "train/optim/optimizer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "train/optim/adafactor.h"
#include "train/optim/adamw.h"
#include "train/optim/adamw_8bit.h"
#include "train/optim/lion.h"
#include "train/optim/muon.h"
#include "train/optim/sgd.h"

namespace hone {
namespace {

template <typename Kind>
std::unique_ptr<Optimizer> Make(const OptimizerOptions& options, const ParameterSet& parameters) {
    return std::make_unique<Kind>(options, parameters);
}

struct Entry {
    std::string_view name, title;
    std::unique_ptr<Optimizer> (*make)(const OptimizerOptions&, const ParameterSet&);
};
constexpr std::array<Entry, 6> kEntries = {{
    {"adamw_torch", "AdamW", Make<AdamWOptimizer>},
    {"adamw_8bit", "AdamW in 8 bits", Make<AdamW8Bit>},
    {"adafactor", "Adafactor", Make<Adafactor>},
    {"lion", "Lion", Make<Lion>},
    {"muon", "Muon", Make<Muon>},
    {"sgd", "SGD", Make<Sgd>},
}};

const Entry& EntryOf(std::string_view name) {
    const auto found = std::find_if(kEntries.begin(), kEntries.end(),
                                    [&](const Entry& entry) { return entry.name == name; });
    HONE_CHECK(found != kEntries.end(), "no optimiser is called {}", name);
    return *found;
}

// The number between dots in "model.layers.3.mlp"; -1 without one.
int64_t LayerOf(std::string_view name) {
    for (size_t dot = name.find('.'); dot != name.npos; dot = name.find('.', dot + 1)) {
        int64_t number = 0;
        size_t end = dot + 1;
        while (end < name.size() && end < dot + 8 && name[end] >= '0' && name[end] <= '9')
            number = 10 * number + (name[end++] - '0');
        if (end > dot + 1 && end < name.size() && name[end] == '.') return number;
    }
    return -1;
}

bool IsEmbedding(std::string_view name) {
    for (std::string_view part : {"embed_tokens", "wte", "wpe"})
        if (name.find(part) != name.npos) return true;
    return false;
}

// As ELECTRA and BEiT have it: the head's rate is whole, each layer's is `decay` of the next one's,
// and the embedding counts as a layer below the first.
double LayerRate(const OptimizerOptions& options, std::string_view name) {
    if (options.layerwise_lr_decay == 1) return 1;
    const int64_t layer = IsEmbedding(name) ? -1 : LayerOf(name);
    if (layer < 0 && !IsEmbedding(name)) return 1;
    return std::pow(options.layerwise_lr_decay, static_cast<double>(options.layers - layer));
}

}  // namespace

void Optimizer::Allocate() {
    memory_ = Arena(PlanBytes());
    Take(memory_);
}

size_t Optimizer::PlanBytes() {
    HONE_CHECK(memory_.peak_bytes() == 0, "the optimiser is allocated already");
    Arena plan;
    Take(plan);
    return plan.peak_bytes();
}

std::unique_ptr<Optimizer> MakeOptimizer(const OptimizerOptions& options,
                                         const ParameterSet& parameters) {
    return EntryOf(options.name).make(options, parameters);
}

size_t OptimizerBytes(const OptimizerOptions& options, const ParameterSet& parameters) {
    return MakeOptimizer(options, parameters)->PlanBytes();
}

std::span<const std::string_view> OptimizerNames() {
    static const std::array<std::string_view, kEntries.size()> names = [] {
        std::array<std::string_view, kEntries.size()> made;
        for (size_t i = 0; i < kEntries.size(); ++i) made[i] = kEntries[i].name;
        return made;
    }();
    return names;
}

std::string_view OptimizerTitle(std::string_view name) { return EntryOf(name).title; }

ParameterRun RunOf(const OptimizerOptions& options, const ParameterSlice& slice) {
    // As PEFT's LoRA+ has it: what has one dimension goes with lora_B.
    const bool fast = slice.name.ends_with(".lora_B.weight") || slice.shape.size() == 1;
    return {slice.offset, slice.count,
            (fast ? options.loraplus_lr_ratio : 1) * LayerRate(options, slice.name),
            slice.weight_decay ? options.weight_decay : 0};
}

std::vector<ParameterRun> RunsOf(const OptimizerOptions& options, const ParameterSet& parameters) {
    std::vector<ParameterRun> runs;
    for (const ParameterSlice& slice : parameters.slices()) {
        const ParameterRun run = RunOf(options, slice);
        if (!runs.empty() && runs.back().rate == run.rate &&
            runs.back().weight_decay == run.weight_decay)
            runs.back().count += run.count;
        else
            runs.push_back(run);
    }
    return runs;
}

OptimizerState StateOf(std::string name, std::vector<int64_t> shape, std::span<float> numbers) {
    return {std::move(name),
            std::move(shape),
            DType::kF32,
            {reinterpret_cast<uint8_t*>(numbers.data()), numbers.size_bytes()}};
}

void AddFlatStates(const std::string& prefix, const ParameterSet& parameters, float* numbers,
                   std::vector<OptimizerState>& states) {
    for (const ParameterSlice& slice : parameters.slices())
        states.push_back(StateOf(prefix + slice.name, slice.shape,
                                 {numbers + slice.offset, static_cast<size_t>(slice.count)}));
}

}  // namespace hone
