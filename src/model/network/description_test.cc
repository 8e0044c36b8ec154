// Networks of random descriptions: every part that a graph can have, in random company. Their
// gradients are the slopes of their losses, and there is one way through them, whichever pass takes
// it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "base/files/testing.h"
#include "model/config/decoder_graph.h"
#include "model/config/tensor_table.h"
#include "model/files/give_label_head.h"
#include "model/model.h"

namespace hone {
namespace {

class MemoryWeights : public WeightFile {
  public:
    explicit MemoryWeights(std::vector<std::pair<StoredTensor, std::vector<float>>> tensors) {
        std::vector<StoredTensor> stored;
        for (auto& [tensor, values] : tensors) {
            values_.push_back(std::move(values));
            tensor.bytes = {reinterpret_cast<const uint8_t*>(values_.back().data()),
                            values_.back().size() * sizeof(float)};
            stored.push_back(tensor);
        }
        SetTensors(std::move(stored));
    }
    void DropPages() const override {}
    absl::Status CheckUnchanged() const override { return absl::OkStatus(); }

  private:
    std::vector<std::vector<float>> values_;
};

template <bool kPlusOne, bool kParallel>
void Wire(const ModelConfig&, ModelGraph& graph) {
    if (kPlusOne) ForEachNorm(graph, [](NormSpec& norm) { norm.plus_one = true; });
    for (LayerSpec& layer : graph.layers) layer.parallel = kParallel;
}

// A family of its own, drawn from a seed.
struct Description {
    ArchSpec arch;
    ModelConfig config;
    std::string text;  // what was drawn

    explicit Description(TestRandom& random) {
        const auto flip = [&](const char* what) {
            const bool drawn = random.Between(0, 1) == 1;
            if (drawn) text += fmt::format(" {}", what);
            return drawn;
        };
        arch.architectures = {"TestForCausalLM"};
        DrawSizes(random);
        const bool parallel = flip("parallel"), plus_one = flip("plus_one");
        DrawTable(flip, parallel);
        DrawRotary(random);
        arch.wire = plus_one ? (parallel ? Wire<true, true> : Wire<true, false>)
                             : (parallel ? Wire<false, true> : Wire<false, false>);
        if (flip("window")) config.layers[0].window = random.Between(1, 6);
        if (flip("attention cap")) config.attention_soft_cap = 2;
        if (flip("final cap")) config.final_soft_cap = 3;
        if (flip("attention scale")) config.attention_scale = 0.7f;
        if (flip("embedding scale")) config.embedding_scale = 2.5f;
        if (flip("logit scale")) config.logit_scale = 0.6f;
        if (!parallel && flip("residual scale")) config.residual_scale = 0.4f;
        config.activation = static_cast<ActivationKind>(random.Between(0, 3));
        text += fmt::format(" activation {}", static_cast<int>(config.activation));
    }

  private:
    void DrawSizes(TestRandom& random) {
        config.vocab_size = random.Between(20, 40);
        config.hidden_size = 2 * random.Between(8, 14);
        config.intermediate_size = 2 * random.Between(8, 20);
        config.num_hidden_layers = 2;
        config.num_key_value_heads = random.Between(1, 2);
        config.num_attention_heads = config.num_key_value_heads * random.Between(1, 2);
        config.head_dim = 4 * random.Between(1, 3);
        config.max_position_embeddings = 64;
        config.norm_epsilon = 1e-5f;
        config.layers.resize(2);
        config.tie_word_embeddings = random.Between(0, 1) == 1;
    }

    template <typename Flip>
    void DrawTable(const Flip& flip, bool parallel) {
        TensorTable table;
        TensorTable::Norm norm;
        norm.bias = flip("layer norm");
        TensorTable::Linear linear;
        linear.bias = flip("bias") ? Always : nullptr;
        linear.hf = flip("transposed") ? TensorLayout::kTransposed : TensorLayout::kPlain;
        table.AddTokens("wte", "");
        if (flip("positions")) table.AddPositions("wpe", "");
        const bool before = parallel || flip("norms before"),
                   behind = !parallel && (!before || flip("norms behind"));
        if (before) table.AddNorm("layers.{}.attention_norm", "h.{}.n1", "", norm);
        if (flip("fused")) {
            table.AddLinear("layers.{}.attention.qkv", "h.{}.qkv", "", shapes::FusedQkv, linear);
            table.AddLinear("layers.{}.mlp.gate_up", "h.{}.gate_up", "", shapes::FusedGateUp,
                            linear);
        } else {
            table.AddLinear("layers.{}.attention.q", "h.{}.q", "", shapes::Query, linear);
            table.AddLinear("layers.{}.attention.k", "h.{}.k", "", shapes::KeyValue, linear);
            table.AddLinear("layers.{}.attention.v", "h.{}.v", "", shapes::KeyValue, linear);
            if (flip("gated"))
                table.AddLinear("layers.{}.mlp.gate", "h.{}.gate", "", shapes::Up, linear);
            table.AddLinear("layers.{}.mlp.up", "h.{}.up", "", shapes::Up, linear);
        }
        if (flip("head norms")) {
            const bool each = flip("of each head");
            TensorTable::Norm heads;
            heads.shape = each ? shapes::Head : shapes::AllQueries;
            table.AddNorm("layers.{}.attention.q_norm", "h.{}.qn", "", heads);
            heads.shape = each ? shapes::Head : shapes::AllKeys;
            table.AddNorm("layers.{}.attention.k_norm", "h.{}.kn", "", heads);
        }
        table.AddLinear("layers.{}.attention.o", "h.{}.o", "", shapes::Output, linear);
        if (behind) table.AddNorm("layers.{}.attention_post_norm", "h.{}.p1", "", norm);
        if (before && !parallel) table.AddNorm("layers.{}.mlp_norm", "h.{}.n2", "", norm);
        table.AddLinear("layers.{}.mlp.down", "h.{}.down", "", shapes::Down, linear);
        if (behind) table.AddNorm("layers.{}.mlp_post_norm", "h.{}.p2", "", norm);
        table.AddNorm("norm", "norm", "", norm);
        table.AddHead("head", "", flip("head bias") ? Always : nullptr);
        arch.tensors = std::move(table.rows);
    }

    void DrawRotary(TestRandom& random) {
        RotaryConfig rotary;
        const int64_t pairs = random.Between(1, config.head_dim / 2);
        rotary.dims = 2 * pairs;
        RopeScaling& scaling = rotary.scaling;
        scaling.kind = static_cast<RopeScaling::Kind>(random.Between(0, 5));
        scaling.factor = 3;
        scaling.original_max_position_embeddings = 6;
        if (random.Between(0, 1) == 1) scaling.attention_factor = 1.3;
        for (int64_t i = 0; i < pairs; ++i) {
            scaling.short_divisors.push_back(1 + 0.1 * static_cast<double>(i));
            scaling.long_divisors.push_back(2 + 0.3 * static_cast<double>(i));
        }
        text += fmt::format(" rotary {} of {}, scaling {}", rotary.dims, config.head_dim,
                            static_cast<int>(scaling.kind));
        config.rotary = {rotary, {.dims = config.head_dim, .theta = 100}};
        config.layers[1].rotary = static_cast<int>(random.Between(-1, 1));
        text += fmt::format(", then table {}", config.layers[1].rotary);
    }
};

std::unique_ptr<ModelFiles> RandomFiles(const Description& description, TestRandom& random) {
    auto files = std::make_unique<ModelFiles>();
    files->path = "memory";
    files->arch = &description.arch;
    files->config = description.config;
    std::vector<std::pair<StoredTensor, std::vector<float>>> tensors;
    for (const ModelTensor& tensor : ExpandTable(description.arch, description.config)) {
        StoredTensor stored;
        stored.name = tensor.hf_name;
        stored.shape = tensor.shape;
        if (tensor.row->hf == TensorLayout::kTransposed)
            std::reverse(stored.shape.begin(), stored.shape.end());
        stored.type = StorageType::kF32;
        stored.type_name = "F32";
        std::vector<float> values(static_cast<size_t>(tensor.elements()));
        const bool norm = tensor.row->role == TensorRole::kNorm;
        const float scale = norm ? 0.3f : 1.5f / std::sqrt(static_cast<float>(tensor.columns()));
        for (float& value : values) value = (norm ? 0.5f : 0) + scale * random.Normal();
        tensors.emplace_back(std::move(stored), std::move(values));
    }
    files->weights = std::make_shared<MemoryWeights>(std::move(tensors));
    auto matched = MatchTensors(description.arch, files->config, *files->weights, false);
    EXPECT_TRUE(matched.ok()) << matched.status();
    files->tensors = *std::move(matched);
    return files;
}

Batch RandomBatch(int64_t vocabulary, TestRandom& random) {
    Batch batch;
    for (const int64_t length : {9, 1, 5}) {
        Example example;
        for (int64_t i = 0; i < length; ++i) {
            example.tokens.push_back(static_cast<int32_t>(random.Between(0, vocabulary - 1)));
            example.weights.push_back(i == 0 ? 0.0f
                                             : 0.25f * static_cast<float>(random.Between(0, 4)));
        }
        if (length > 1) example.weights.back() = 1;
        batch.Append(example);
    }
    return batch;
}

class DescriptionTest : public testing::TestWithParam<uint64_t> {
  protected:
    DescriptionTest() : random_(GetParam()), description_(random_) {
        files_ = RandomFiles(description_, random_);
        batch_ = RandomBatch(description_.config.vocab_size, random_);
    }
    std::unique_ptr<Model> Load(bool train, bool checkpointing = false) {
        auto model = Model::Load(
            *files_, {.compute = ComputeType::kF32, .focal_gamma = focal_gamma_}, context_);
        HONE_CHECK(model.ok(), "{}", model.status().ToString());
        if (!train) return *std::move(model);
        (*model)->MakeAllTrainable();
        HONE_CHECK((*model)->FinishParameters(context_).ok());
        HONE_CHECK((*model)->PrepareTraining(64, checkpointing).ok());
        return *std::move(model);
    }
    double Backward(Model& model) {
        for (float& gradient : model.parameters().gradients()) gradient = 0;
        auto sums = model.ForwardBackward(context_, batch_, 1, 3);
        EXPECT_TRUE(sums.ok()) << sums.status();
        return sums.ok() ? sums->loss : NAN;
    }
    double Loss(Model& model) {
        model.ParametersChanged(context_);
        auto sums = model.Evaluate(context_, batch_);
        EXPECT_TRUE(sums.ok()) << sums.status();
        return sums.ok() ? sums->loss : NAN;
    }

    std::vector<float> Logits(Model& model, const Batch& batch) {
        std::vector<float> logits(
            static_cast<size_t>(batch.size() * description_.config.vocab_size));
        EXPECT_TRUE(model.Logits(context_, batch, logits.data()).ok());
        return logits;
    }
    // The first tokens of that document, or all.
    Batch Document(int64_t index, int64_t count = -1) const {
        Example example;
        example.tokens.assign(batch_.tokens.begin() + batch_.document_starts[index],
                              batch_.tokens.begin() + batch_.document_starts[index + 1]);
        if (count >= 0) example.tokens.resize(static_cast<size_t>(count));
        example.weights.assign(example.tokens.size(), 1.0f);
        Batch alone;
        alone.Append(example);
        return alone;
    }
    // Appends tokens of the first document to a cache, and compares the last one's logits with
    // those of a pass over the tokens up to there.
    void ExpectDecodes(Model& model, KvCache& cache, int64_t from, int64_t to) {
        const Batch document = Document(0, to);
        const std::vector<float> expected = Logits(model, document);
        const size_t V = static_cast<size_t>(description_.config.vocab_size);
        std::vector<float> logits(V);
        const std::vector<int32_t> tokens(document.tokens.begin() + from, document.tokens.end());
        ASSERT_TRUE(model.Decode(context_, {tokens}, {&cache}, logits.data()).ok());
        EXPECT_EQ(cache.length(), to);
        for (size_t i = 0; i < V; ++i)
            ASSERT_NEAR(logits[i], expected[expected.size() - V + i], 2e-4) << "token " << to;
    }

    // Along each tensor's gradient, the loss rises as fast as the gradient is long.
    void ExpectGradientsAreSlopes(const std::unique_ptr<Model>& model);

    Context context_{2};
    TestRandom random_;
    Description description_;
    std::unique_ptr<ModelFiles> files_;
    Batch batch_;
    float focal_gamma_ = 0;
};

void DescriptionTest::ExpectGradientsAreSlopes(const std::unique_ptr<Model>& model) {
    const double loss = Backward(*model), start_loss = Loss(*model);
    EXPECT_NEAR(loss, start_loss, 1e-5 * loss);
    const std::vector<float> gradients(model->parameters().gradients().begin(),
                                       model->parameters().gradients().end());
    const std::span<float> values = model->parameters().values();
    for (const ParameterSlice& slice : model->parameters().slices()) {
        double square = 0;
        for (int64_t i = slice.offset; i < slice.offset + slice.count; ++i)
            square += double{gradients[i]} * gradients[i];
        const double norm = std::sqrt(square);
        if (norm == 0) continue;  // a bias of keys changes no score
        const std::vector<float> start(values.begin(), values.end());
        // A long step may cross a corner of relu; a short one sees more of the rounding. Where a
        // corner lies close on one side, the slope to the other side is that of the gradient.
        double slope = 0;
        const auto is_slope = [&](double rise) {
            slope = rise;
            return std::abs(slope - norm) <= 0.02 * norm + 0.02;
        };
        for (const double step : {2e-3, 5e-4, 1e-4}) {
            double losses[2];
            for (int side : {0, 1}) {
                for (int64_t i = slice.offset; i < slice.offset + slice.count; ++i)
                    values[i] = static_cast<float>(start[i] + (side == 0 ? -step : step) *
                                                                  gradients[i] / norm);
                losses[side] = Loss(*model);
            }
            if (is_slope((losses[1] - losses[0]) / (2 * step)) ||
                is_slope((losses[1] - start_loss) / step) ||
                is_slope((start_loss - losses[0]) / step))
                break;
        }
        std::copy(start.begin(), start.end(), values.begin());
        EXPECT_NEAR(slope, norm, 0.02 * norm + 0.02) << slice.name;
    }
}

TEST_P(DescriptionTest, GradientsAreSlopes) {
    SCOPED_TRACE(description_.text);
    ExpectGradientsAreSlopes(Load(true));
}

// Behind any network, of each kind and with each loss.
TEST_P(DescriptionTest, HeadsOfLabelsHaveGradientsThatAreSlopes) {
    const uint64_t seed = GetParam();
    const HeadKind kind = seed % 2 == 0 ? HeadKind::kSequence : HeadKind::kToken;
    const bool multi = seed % 4 == 0;
    if (seed % 3 == 0 && !multi) focal_gamma_ = 2;
    SCOPED_TRACE(fmt::format("{} head {} multi {} focal {}", description_.text,
                             static_cast<int>(kind), multi, focal_gamma_));
    GiveLabelHead(*files_, kind, {"a", "b", "c"}, multi, seed);
    Batch labelled;
    for (int64_t d = 0; d < batch_.num_documents(); ++d) {
        Example example;
        example.kind = kind == HeadKind::kSequence ? LabelKind::kSequence : LabelKind::kToken;
        example.tokens.assign(batch_.tokens.begin() + batch_.document_starts[d],
                              batch_.tokens.begin() + batch_.document_starts[d + 1]);
        example.weights.assign(example.tokens.size(), 0.0f);
        const auto last = static_cast<int32_t>(example.tokens.size()) - 1;
        for (int32_t token = kind == HeadKind::kSequence ? last : 0; token <= last; ++token) {
            example.labels.push_back({token, static_cast<int32_t>(random_.Between(0, 1))});
            if (multi && random_.Between(0, 1) == 1) example.labels.push_back({token, 2});
            example.weights[static_cast<size_t>(token)] = 1 + static_cast<float>(d);
        }
        labelled.Append(example);
    }
    batch_ = labelled;
    const std::unique_ptr<Model> model = Load(true);
    // As it starts, a head is small, and so is every gradient below it.
    const ParameterSlice* head = model->parameters().Find("score.weight");
    ASSERT_NE(head, nullptr);
    for (float& value : model->parameters().values().subspan(static_cast<size_t>(head->offset),
                                                             static_cast<size_t>(head->count)))
        value *= 30;
    model->ParametersChanged(context_);
    ExpectGradientsAreSlopes(model);
}

// Deltas of the tables of tokens and of positions, which scales and other parts stand behind.
TEST_P(DescriptionTest, DeltasOfEmbeddingsHaveGradientsThatAreSlopes) {
    SCOPED_TRACE(description_.text);
    const std::unique_ptr<Model> model = Load(false), base = Load(false);
    for (const LinearInfo& table : model->embeddings())
        ASSERT_TRUE(model->AddLowRank(table.name, {.rank = 3, .scale = 0.7f}).ok());
    ASSERT_TRUE(model->FinishParameters(context_).ok());
    ASSERT_TRUE(model->PrepareTraining(64, false).ok());
    for (float& value : model->parameters().values()) value = 0.3f * random_.Normal();
    model->ParametersChanged(context_);
    ExpectGradientsAreSlopes(model);
    const double adapted = Loss(*model), loss = Loss(*base);
    EXPECT_NE(adapted, loss);
    model->UseLowRank(false);
    EXPECT_EQ(Loss(*model), loss);
    model->UseLowRank(true);
    EXPECT_EQ(Loss(*model), adapted);
    ASSERT_TRUE(model->DropLowRank());
    EXPECT_EQ(Loss(*model), loss);
}

TEST_P(DescriptionTest, CheckpointingDoesNotChangeABit) {
    SCOPED_TRACE(description_.text);
    const std::unique_ptr<Model> plain = Load(true), thrifty = Load(true, true);
    EXPECT_EQ(Backward(*plain), Backward(*thrifty));
    const auto a = plain->parameters().gradients(), b = thrifty->parameters().gradients();
    ASSERT_EQ(a.size(), b.size());
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size_bytes()), 0);
}

// A prompt in two pieces, then token by token, gives the logits of a pass over as many tokens. So
// also where rotary positions follow from the length.
TEST_P(DescriptionTest, DecodeEqualsForward) {
    SCOPED_TRACE(description_.text);
    const std::unique_ptr<Model> model = Load(false);
    auto cache = model->NewCache(9);
    for (int64_t fed = 0, piece = 4; fed < 9; fed += piece, piece = 1)
        ExpectDecodes(*model, *cache, fed, fed + piece);
    cache->Truncate(3);
    ExpectDecodes(*model, *cache, 3, 4);
    cache->Truncate(0);
    cache->Expect(9);
    ExpectDecodes(*model, *cache, 0, 9);
}

class VirtualTokensTest : public DescriptionTest {
  protected:
    static constexpr int64_t kCount = 3;
    // Of either kind, with random numbers.
    std::unique_ptr<Model> LoadWithTokens(bool checkpointing = false) {
        auto model = Load(false);
        const bool prefix = GetParam() % 2 == 0;
        HONE_CHECK(
            model
                ->AddVirtualTokens(
                    prefix ? VirtualTokens::kKeysAndValues : VirtualTokens::kEmbeddings, kCount)
                .ok());
        HONE_CHECK(model->FinishParameters(context_).ok());
        HONE_CHECK(model->PrepareTraining(64, checkpointing).ok());
        for (size_t i = 0; float& value : model->parameters().values())
            value = 0.5f * std::cos(1.7f * static_cast<float>(++i));
        model->ParametersChanged(context_);
        return model;
    }
};

TEST_P(VirtualTokensTest, HaveGradientsThatAreSlopes) {
    SCOPED_TRACE(description_.text);
    ExpectGradientsAreSlopes(LoadWithTokens());
}

TEST_P(VirtualTokensTest, CheckpointingDoesNotChangeABit) {
    SCOPED_TRACE(description_.text);
    const auto plain = LoadWithTokens(), thrifty = LoadWithTokens(true);
    EXPECT_EQ(Backward(*plain), Backward(*thrifty));
    const auto a = plain->parameters().gradients(), b = thrifty->parameters().gradients();
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size_bytes()), 0);
}

// Each document has its own, and what comes out of a pass is of the batch's tokens alone.
TEST_P(VirtualTokensTest, StandAheadOfEveryDocument) {
    SCOPED_TRACE(description_.text);
    const auto model = LoadWithTokens(), base = Load(false);
    EXPECT_EQ(model->virtual_tokens(), kCount);
    EXPECT_EQ(model->config().max_position_embeddings,
              base->config().max_position_embeddings - kCount);
    const std::vector<float> together = Logits(*model, batch_);
    double moved = 0;
    for (int64_t d = 0; d < batch_.num_documents(); ++d) {
        const std::vector<float> alone = Logits(*model, Document(d));
        const int64_t first = batch_.document_starts[d] * description_.config.vocab_size;
        for (size_t i = 0; i < alone.size(); ++i) {
            EXPECT_NEAR(alone[i], together[static_cast<size_t>(first) + i], 1e-4);
            moved += std::abs(alone[i] - Logits(*base, Document(d))[i]);
        }
    }
    EXPECT_GT(moved, 0.1);
    // Without them the model is its base, also where the numbers are other ones.
    model->UseLowRank(false);
    EXPECT_EQ(model->virtual_tokens(), 0);
    EXPECT_EQ(Logits(*model, batch_), Logits(*base, batch_));
}

// Also after a cache is cut, or continues another one.
TEST_P(VirtualTokensTest, DecodeEqualsForward) {
    SCOPED_TRACE(description_.text);
    const auto model = LoadWithTokens();
    const Batch document = Document(0);
    const int64_t count = document.size();
    const auto feed = [&](KvCache& cache, int64_t from, int64_t to) {
        ExpectDecodes(*model, cache, from, to);
    };
    auto cache = model->NewCache(count);
    feed(*cache, 0, 4);
    for (int64_t fed = 4; fed < count; ++fed) feed(*cache, fed, fed + 1);
    cache->Truncate(5);
    feed(*cache, 5, 7);
    auto longer = model->NewCache(count + 4);
    longer->CopyFrom(*cache, 6);
    feed(*longer, 6, count);
    cache->Truncate(0);
    feed(*cache, 0, count);
}

TEST_P(VirtualTokensTest, LeaveRoomForTheText) {
    const auto model = Load(false);
    const int64_t context = description_.config.max_position_embeddings;
    for (const int64_t count : {int64_t{0}, context}) {
        const absl::Status refused = model->AddVirtualTokens(VirtualTokens::kEmbeddings, count);
        EXPECT_EQ(KindOf(refused), ErrorKind::kUsage) << refused;
    }
    ASSERT_TRUE(model->AddVirtualTokens(VirtualTokens::kEmbeddings, context - 1).ok());
    ASSERT_TRUE(model->FinishParameters(context_).ok());
    EXPECT_EQ(Logits(*model, Document(1)).size(),
              static_cast<size_t>(description_.config.vocab_size));
    auto sums = model->Evaluate(context_, batch_);
    EXPECT_EQ(KindOf(sums.status()), ErrorKind::kData) << sums.status();
    EXPECT_NE(sums.status().message().find("9 tokens is longer than the 1 "), std::string::npos)
        << sums.status();
}

class BottleneckTest : public DescriptionTest {
  protected:
    // Behind either half or both, of each kind and activation, with random numbers.
    std::unique_ptr<Model> LoadAdapted(bool checkpointing = false) {
        auto model = Load(false);
        const auto seed = static_cast<int64_t>(GetParam());
        const BottleneckOptions options{.size = 3 + seed % 4,
                                        .activation = static_cast<ActivationKind>(seed % 4),
                                        .scale = seed % 2 == 0 ? 1 : 0.7f,
                                        .input = static_cast<BottleneckInput>(seed / 2 % 3)};
        for (const LayerHalf half : {LayerHalf::kAttention, LayerHalf::kMlp})
            if (seed % 3 != (half == LayerHalf::kMlp ? 1 : 2))
                HONE_CHECK(model->AddBottlenecks(half, options).ok());
        HONE_CHECK(model->FinishParameters(context_).ok());
        HONE_CHECK(model->PrepareTraining(64, checkpointing).ok());
        for (size_t i = 0; float& value : model->parameters().values())
            value = 0.4f * std::cos(1.7f * static_cast<float>(++i));
        model->ParametersChanged(context_);
        return model;
    }
    std::vector<float> Logits(Model& model) {
        std::vector<float> logits(
            static_cast<size_t>(batch_.size() * description_.config.vocab_size));
        EXPECT_TRUE(model.Logits(context_, batch_, logits.data()).ok());
        return logits;
    }
    // Those whose halves stand one after the other.
    bool Takes() const { return description_.text.find(" parallel") == std::string::npos; }
};

TEST_P(BottleneckTest, HasGradientsThatAreSlopes) {
    SCOPED_TRACE(description_.text);
    if (Takes()) ExpectGradientsAreSlopes(LoadAdapted());
}

TEST_P(BottleneckTest, CheckpointingDoesNotChangeABit) {
    SCOPED_TRACE(description_.text);
    if (!Takes()) return;
    const auto plain = LoadAdapted(), thrifty = LoadAdapted(true);
    EXPECT_EQ(Backward(*plain), Backward(*thrifty));
    const auto a = plain->parameters().gradients(), b = thrifty->parameters().gradients();
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size_bytes()), 0);
}

TEST_P(BottleneckTest, DecodesAsItGoesForwardAndCanBeLeftOut) {
    SCOPED_TRACE(description_.text);
    const auto base = Load(false);
    if (!Takes()) {
        const absl::Status refused = base->AddBottlenecks(LayerHalf::kMlp, {.size = 2});
        EXPECT_EQ(KindOf(refused), ErrorKind::kModel) << refused;
        return;
    }
    EXPECT_EQ(KindOf(base->AddBottlenecks(LayerHalf::kMlp, {.size = 0})), ErrorKind::kUsage);
    EXPECT_EQ(KindOf(base->AddBottlenecks(LayerHalf::kMlp, {.size = kMaxBottleneck + 1})),
              ErrorKind::kUsage);
    const auto model = LoadAdapted();
    const std::vector<float> expected = Logits(*model), plain = Logits(*base);
    EXPECT_NE(expected, plain);
    const int64_t V = description_.config.vocab_size, count = batch_.document_starts[1];
    auto cache = model->NewCache(count);
    std::vector<float> logits(static_cast<size_t>(V));
    const std::vector<int32_t> tokens(batch_.tokens.begin(), batch_.tokens.begin() + count);
    ASSERT_TRUE(model->Decode(context_, {tokens}, {cache.get()}, logits.data()).ok());
    for (int64_t i = 0; i < V; ++i) EXPECT_NEAR(logits[i], expected[(count - 1) * V + i], 2e-4);
    model->UseLowRank(false);
    EXPECT_EQ(Logits(*model), plain);
}

INSTANTIATE_TEST_SUITE_P(Random, DescriptionTest, testing::Range<uint64_t>(1, 33));
INSTANTIATE_TEST_SUITE_P(Random, BottleneckTest, testing::Range<uint64_t>(1, 25));
INSTANTIATE_TEST_SUITE_P(Random, VirtualTokensTest, testing::Range<uint64_t>(1, 17));

}  // namespace
}  // namespace hone
