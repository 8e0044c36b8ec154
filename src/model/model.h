// A loaded model: forward, backward, and forward with a key-value cache.
//
// Order of use for training: Load; AddLowRank / AddBottlenecks / MakeTrainable; FinishParameters
// (then fill parameters().values()); PrepareTraining; then, for each step: zero the gradients,
// ForwardBackward per micro-batch, the optimiser, ParametersChanged. Evaluation and generation work
// on any loaded model.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/blocks/soft_targets.h"
#include "model/files/model_files.h"
#include "model/linear/options.h"
#include "model/linear/parameters.h"
#include "tensor/batch.h"
#include "tensor/context.h"

namespace hone {

// One linear layer, or table of embeddings, that can carry a low-rank delta, with the name that
// users and PEFT call it by.
struct LinearInfo {
    std::string name;  // "model.layers.0.self_attn.q_proj"
    int64_t in = 0, out = 0;
    bool is_head = false;     // lm_head: not part of "all-linear"
    bool is_default = false;  // gets an adapter where nobody says which do (ArchSpec::lora_targets)
    // embed_tokens, wte or wpe: `in` counts its rows, `out` is their length. Not part of it either.
    bool is_embedding = false;
};

struct LossSums {
    double loss = 0;       // sum over labelled tokens of weight * negative log-likelihood (nats)
    double weight = 0;     // sum of weights
    int64_t labelled = 0;  // tokens with a weight other than 0
    int64_t correct = 0;   // of those, how many the model ranks first
    LossSums& operator+=(const LossSums& other) {
        loss += other.loss;
        weight += other.weight;
        labelled += other.labelled;
        correct += other.correct;
        return *this;
    }
};

// Of a pass that learns from a teacher, or is compared with one.
struct DistilledSums {
    LossSums labels;        // cross-entropy, as without a teacher
    double divergence = 0;  // sum over labelled tokens of weight * T^2 * KL(teacher || model)
};

struct MemoryPlan {          // bytes
    size_t weights = 0;      // frozen, packed
    size_t parameters = 0;   // trainable values and gradients, and what the optimiser keeps
    size_t activations = 0;  // saved for the backward pass
    size_t workspace = 0;    // everything that one block needs at a time, logits included
    size_t total() const { return weights + parameters + activations + workspace; }
};

// Tokens of a prompt that Decode takes at once: as many as keep the activations in cache.
inline constexpr int64_t kPrefillTokens = 512;

// Where a prompt is cut does not change a bit of what comes out, as long as each piece has at least
// so many tokens: fewer are taken for ones that are decoded, whose attention adds up in another
// order.
inline constexpr int64_t kLastPromptTokens = 8;

// Decode cuts a prompt of `tokens` tokens into pieces of kPrefillTokens, which go through one after
// another, and a last one of so many, which goes through together with those of other sequences.
constexpr int64_t LastPieceTokens(int64_t tokens) {
    if (tokens < kPrefillTokens + kLastPromptTokens) return tokens;
    return kLastPromptTokens + (tokens - kLastPromptTokens) % kPrefillTokens;
}

// Keys and values of one sequence, for every layer; grows by what Decode appends. Layers with a
// sliding window keep as much as their window needs and a piece of a prompt, and forget what is
// farther behind.
class KvCache {
  public:
    virtual ~KvCache() = default;
    virtual int64_t length() const = 0;
    virtual int64_t capacity() const = 0;
    // The sequence will have at least `total` tokens. Until it is cut, which forgets this, Decode
    // then chooses the rotary positions of such a length from the first token on, where these
    // follow from the length (RopeScaling::Kind::kLongRope). Otherwise a sequence that grows beyond
    // its original positions is computed again, once, by the Decode that makes it so long.
    virtual void Expect(int64_t total) = 0;
    // Whether a sequence of `total` tokens, as far as is known, can go on from its first `length`
    // tokens: what windows need of them is there, and with the rotary positions of such a length.
    // Always so of 0.
    virtual bool Serves(int64_t length, int64_t total) const = 0;
    // Forgets everything from `length` on; a length that it does not serve with any total is a
    // programming error.
    virtual void Truncate(int64_t length) = 0;
    // = the first `length` tokens of another cache of the same model, which serves them and which
    // fit this one.
    virtual void CopyFrom(const KvCache& other, int64_t length) = 0;
    virtual size_t bytes() const = 0;
};

// An adapter that was made ready for one model and is used beside its base, each sequence of a
// batch with its own: it goes into no parameter, and comes and goes at any time between two calls.
class Adapter {
  public:
    virtual ~Adapter() = default;
    virtual size_t bytes() const = 0;  // as packed
};

class Model {
  public:
    static absl::StatusOr<std::unique_ptr<Model>> Load(const ModelFiles& files,
                                                       const LoadOptions& options,
                                                       const Context& context);
    virtual ~Model() = default;

    const ModelConfig& config() const { return files_.config; }
    // What it was loaded from.
    const ModelFiles& files() const { return files_; }
    // Every linear layer in the order of the network (of Llama: q, k, v, o, gate, up, down per
    // layer; the head last).
    const std::vector<LinearInfo>& linears() const { return linears_; }
    // The tables that embed tokens and, where they are learned, positions.
    const std::vector<LinearInfo>& embeddings() const { return embeddings_; }
    int64_t num_base_parameters() const;
    // What a weight of the layers takes that products unpack (kNf4, kGgufBlocks), in bits with what
    // scales it; 0 where there are none.
    virtual double bits_per_weight() const = 0;
    // As it was loaded; four_bits: of kNf4.
    virtual WeightStorage storage() const = 0;
    virtual FourBits four_bits() const = 0;

    // To one of linears() or embeddings(). An embedding takes no DoRA and no fixed pair (kUsage),
    // and a head that is tied to it reads it without the delta, as in PEFT.
    virtual absl::Status AddLowRank(const std::string& linear, const LowRankOptions& options) = 0;
    // A learned vector, of ones at first: the parameter NAME.ia3_l, [out, 1] or [1, in] as PEFT has
    // it. An error (kind kModel) where the layer's input has none of its own: only the last layers
    // of attention and of an MLP do.
    virtual absl::Status AddScale(const std::string& linear, ScaledSide side) = 0;
    // Puts a bottleneck adapter behind that half of every layer, all zero at first: parameters
    // LAYER.attention_adapters.adapter_down.0.weight and so on (bottleneck.h), or
    // LAYER.output_adapters. An error of kind kModel where the halves of a layer stand side by
    // side.
    virtual absl::Status AddBottlenecks(LayerHalf half, const BottleneckOptions& options) = 0;
    // Puts `count` learned tokens ahead of every document of every pass, also of one that decodes:
    // the parameter prompt_embeddings as PEFT has it, [count, C], or [count, layers * 2 * KV * D]
    // with each layer's keys before its values. Batches, logits and caches are those of the tokens
    // that are there without them; config().max_position_embeddings is what is left for these. An
    // error (kind kUsage) where that is nothing.
    virtual absl::Status AddVirtualTokens(VirtualTokens kind, int64_t count) = 0;
    // How many there are; they take room in a pass beside the tokens of a batch.
    virtual int64_t virtual_tokens() const = 0;
    // The pair of a linear layer that was added with LowRankOptions::fixed_pair: once it is set,
    // call ParametersChanged. Before that it is zero.
    virtual void SetFixedPair(const std::string& linear, const FixedPair& pair) = 0;
    virtual FixedPair GetFixedPair(const std::string& linear) const = 0;
    // Makes a base module's own weights trainable in full ("lm_head", "model.embed_tokens",
    // "model.norm", a linear's name). A tied embedding and head become two, or with keep_tied stay
    // one, whichever of them is named.
    virtual absl::Status MakeTrainable(const std::string& module, bool keep_tied = false) = 0;
    // Makes every weight of the base trainable: full fine-tuning. A tied embedding and head stay
    // one.
    virtual void MakeAllTrainable() = 0;
    // Takes away all that AddLowRank and AddScale added, with the parameters and what was prepared
    // for training: the model is its base again, as it was loaded. False, and nothing changes,
    // where there are parameters of another kind: the base's own weights may then be others.
    virtual bool DropLowRank() = 0;
    // Allocates parameters(); trainable base modules start from the base's values, low-rank ones
    // and virtual tokens from zero, learned vectors from one.
    virtual absl::Status FinishParameters(const Context& context) = 0;
    ParameterSet& parameters() { return parameters_; }
    // After parameters().values() changed by whatever means: packs them for the next pass.
    virtual void ParametersChanged(const Context& context) = 0;

    // What training with passes over at most max_tokens tokens takes, virtual ones among them,
    // without what an optimiser keeps.
    virtual MemoryPlan PlanTraining(int64_t max_tokens, bool gradient_checkpointing) const = 0;
    virtual absl::Status PrepareTraining(int64_t max_tokens, bool gradient_checkpointing) = 0;
    // Of ForwardBackward from now on; a new model has none of it.
    virtual void Regularize(const Regularization& regularization) = 0;
    // gradients += loss_scale * d(sum of weighted losses)/d(parameters). The seed fixes dropout and
    // noise. Weights may be negative: their tokens become less likely.
    virtual absl::StatusOr<LossSums> ForwardBackward(const Context& context, const Batch& batch,
                                                     float loss_scale, uint64_t dropout_seed) = 0;
    // The same for a loss of the final hidden states, which the caller computed from Hidden:
    // gradients += d(sum of hidden * slopes)/d(parameters), slopes being f32 [T, C]. The head has
    // no part in it.
    virtual absl::Status HiddenBackward(const Context& context, const Batch& batch,
                                        const float* slopes, uint64_t dropout_seed) = 0;

    // ForwardBackward with the loss of SoftTargets instead of cross-entropy; label smoothing has no
    // part in it.
    virtual absl::StatusOr<DistilledSums> DistilForwardBackward(const Context& context,
                                                                const Batch& batch,
                                                                const SoftTargets& targets,
                                                                float loss_scale,
                                                                uint64_t dropout_seed) = 0;
    // The sums alone, without dropout.
    virtual absl::StatusOr<DistilledSums> DistilEvaluate(const Context& context, const Batch& batch,
                                                         const SoftTargets& targets) = 0;

    // Whether Evaluate goes through the low-rank deltas, learned vectors, bottleneck adapters and
    // virtual tokens, as it does unless this says otherwise. Without them the model is its base,
    // but for base modules that are trained.
    virtual void UseLowRank(bool use) = 0;
    // No dropout. per_document, if given, gets one entry per document. adapters[d] is what document
    // d goes through, nullptr the base alone; empty: all the base alone.
    virtual absl::StatusOr<LossSums> Evaluate(const Context& context, const Batch& batch,
                                              std::vector<LossSums>* per_document = nullptr,
                                              const std::vector<const Adapter*>& adapters = {}) = 0;
    // losses [T] (=): what each token adds to the loss of Evaluate; 0 where it has no label.
    virtual absl::Status TokenLosses(const Context& context, const Batch& batch,
                                     double* losses) = 0;
    // logits [T, config().outputs()] of every token, f32. adapters: as in Evaluate.
    virtual absl::Status Logits(const Context& context, const Batch& batch, float* logits,
                                const std::vector<const Adapter*>& adapters = {}) = 0;
    // The same for a few rows at a time, so that the logits never exist whole: calls `use` with
    // what computes those of rows of this batch, while no other pass of this model begins. Returns
    // what `use` returns.
    virtual absl::Status WithLogits(
        const Context& context, const Batch& batch,
        const std::function<absl::Status(const RowLogits& logits)>& use) = 0;
    // Bytes that passes without gradients over batches of at most max_tokens tokens take: weights
    // and workspace.
    virtual MemoryPlan PlanForward(int64_t max_tokens) const = 0;
    // hidden f32 [T, C] (=): the final hidden state of every token of the batch, after the last
    // norm. adapters: as in Evaluate. A document's rows are the same bits whatever others are in
    // the batch.
    virtual absl::Status Hidden(const Context& context, const Batch& batch, float* hidden,
                                const std::vector<const Adapter*>& adapters = {}) = 0;

    virtual std::unique_ptr<KvCache> NewCache(int64_t capacity) const = 0;
    // What such a cache takes.
    virtual size_t CacheBytes(int64_t capacity) const = 0;
    // Appends tokens[i] to caches[i] (each at least one token: a prompt or the last sampled one)
    // and writes the logits of each sequence's last token: logits [caches.size(), V], f32.
    // adapters[i] is what sequence i goes through, as in Evaluate. A sequence's logits are the same
    // bits whatever others run beside it.
    virtual absl::Status Decode(const Context& context,
                                const std::vector<std::vector<int32_t>>& tokens,
                                const std::vector<KvCache*>& caches, float* logits,
                                const std::vector<const Adapter*>& adapters = {}) = 0;
    // Packs deltas for the passes above. An error (kind kModel) names the layer that this model
    // does not have, or whose sizes are others; the model's own parameters must be empty (kUsage).
    virtual absl::StatusOr<std::shared_ptr<const Adapter>> MakeAdapter(
        const std::vector<LowRankDelta>& deltas) const = 0;

  protected:
    explicit Model(const ModelFiles& files) : files_(files) {}
    ModelFiles files_;
    std::vector<LinearInfo> linears_, embeddings_;
    ParameterSet parameters_;
};

}  // namespace hone
