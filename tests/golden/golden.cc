#include "golden.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/files/file.h"
#include "model/files/tensor_layout.h"

namespace hone::golden {

namespace {

std::string StripPrefix(const std::string& name) {
    const std::string prefix = "base_model.model.";
    return name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : name;
}

const ParameterSlice& FindSlice(Model& model, const std::string& name) {
    const ParameterSlice* slice = model.parameters().Find(StripPrefix(name));
    HONE_CHECK(slice != nullptr, "no trainable tensor {}", name);
    return *slice;
}

}  // namespace

void ExpectOk(const absl::Status& status) { EXPECT_TRUE(status.ok()) << status; }

std::string Folder() { return HONE_SOURCE_DIR "/tests/golden"; }
std::vector<std::string> ModelNames() { return {"tied", "llama3", "bias", "odd"}; }
std::vector<std::string> FamilyNames() {
    return {"yarn",  "dynamic", "qwen2",  "qwen3",  "mistral", "smollm3", "granite",
            "olmo2", "gemma",   "gemma2", "gemma3", "phi3",    "gpt2",    "phi"};
}
std::vector<std::string> CaseNames() {
    std::vector<std::string> names = {
        "tied-lora", "llama3-rslora", "bias-regex", "odd-head",   "tied-head", "tied-qlora",
        "tied-dora", "bias-dora",     "gpt2-dora",  "tied-qdora", "tied-ia3",  "bias-ia3",
        "odd-ia3",   "llama3-ia3",    "gpt2-ia3",   "phi-ia3",    "gemma3-ia3"};
    for (const char* model : {"tied", "llama3", "gpt2", "gemma3"})
        names.push_back(std::string(model) + "-embed");
    for (const char* model : {"tied", "llama3", "granite", "gemma3", "gpt2", "qwen2", "dynamic"})
        names.push_back(std::string(model) + "-prompt");
    for (const char* model : {"tied", "bias", "gpt2", "qwen2", "gemma3", "mistral", "phi"})
        names.push_back(std::string(model) + "-prefix");
    for (const char* name :
         {"odd-houlsby", "llama3-houlsby", "gpt2-houlsby", "odd-pfeiffer", "mistral-pfeiffer",
          "gpt2-pfeiffer", "llama3-parallel", "mistral-parallel"})
        names.push_back(name);
    for (const std::string& family : FamilyNames()) names.push_back(family + "-lora");
    return names;
}

std::vector<std::string> FullNames() {
    std::vector<std::string> names = ModelNames(), families = FamilyNames();
    names.insert(names.end(), families.begin(), families.end());
    for (std::string& name : names) name += "-full";
    return names;
}
std::vector<std::string> AllCaseNames() {
    std::vector<std::string> names = CaseNames(), full = FullNames();
    names.insert(names.end(), full.begin(), full.end());
    return names;
}

std::string TestName(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

Case::Case(const std::string& name) : name_(name) {
    const std::string path = Folder() + "/values/" + name;
    auto text = ReadFile(path + ".json");
    HONE_CHECK(text.ok(), "{}", text.status().ToString());
    values_ = nlohmann::json::parse(*text);
    auto tensors = OpenSafetensors(path + ".safetensors");
    HONE_CHECK(tensors.ok(), "{}", tensors.status().ToString());
    tensors_ = *tensors;
}

std::vector<float> Case::Tensor(const std::string& name) const {
    const StoredTensor* tensor = tensors_->Find(name);
    HONE_CHECK(tensor != nullptr, "no golden tensor {}", name);
    auto values = ReadTensor(*tensor);
    HONE_CHECK(values.ok(), "{}", values.status().ToString());
    return *std::move(values);
}

std::vector<std::string> Case::TensorsWith(const std::string& prefix) const {
    std::vector<std::string> names;
    for (const StoredTensor& tensor : tensors_->tensors()) {
        if (tensor.name.rfind(prefix, 0) == 0) names.push_back(tensor.name.substr(prefix.size()));
    }
    return names;
}

std::vector<Example> Case::Examples(const nlohmann::json& documents) {
    std::vector<Example> examples;
    for (const nlohmann::json& document : documents) {
        examples.push_back({.tokens = document["tokens"].get<std::vector<int32_t>>(),
                            .weights = document["weights"].get<std::vector<float>>(),
                            .row = static_cast<int64_t>(examples.size())});
    }
    return examples;
}

Loaded LoadBase(const std::string& folder, ComputeType compute, const Context& context,
                WeightStorage storage) {
    Loaded loaded;
    auto files = OpenModel(folder);
    HONE_CHECK(files.ok(), "{}", files.status().ToString());
    loaded.files = *std::move(files);
    auto model = Model::Load(*loaded.files, {.compute = compute, .storage = storage}, context);
    HONE_CHECK(model.ok(), "{}", model.status().ToString());
    loaded.model = *std::move(model);
    return loaded;
}

Loaded LoadTrained(const Case& golden, ComputeType compute, const Context& context,
                   bool gradient_checkpointing) {
    Loaded loaded = LoadBase(golden.model_folder(), compute, context, golden.storage());
    absl::Status added;
    if (golden.full()) {
        loaded.model->MakeAllTrainable();
        added = loaded.model->FinishParameters(context);
    } else {
        added = LoadAdapter(*loaded.model, golden.adapter_folder(), context).status();
    }
    HONE_CHECK(added.ok(), "{}", added.ToString());
    absl::Status prepared = loaded.model->PrepareTraining(256, gradient_checkpointing);
    HONE_CHECK(prepared.ok(), "{}", prepared.ToString());
    return loaded;
}

Batch Pack(const std::vector<Example>& documents) {
    Batch batch;
    for (const Example& document : documents) batch.Append(document);
    return batch;
}

std::span<float> Values(Model& model, const std::string& name) {
    const ParameterSlice& slice = FindSlice(model, name);
    return model.parameters().values().subspan(slice.offset, slice.count);
}

std::span<float> Gradients(Model& model, const std::string& name) {
    const ParameterSlice& slice = FindSlice(model, name);
    return model.parameters().gradients().subspan(slice.offset, slice.count);
}

void ZeroGradients(Model& model) {
    for (float& gradient : model.parameters().gradients()) gradient = 0;
}

std::vector<float> Backward(Model& model, const Context& context, const Batch& batch, double* loss,
                            float scale) {
    ZeroGradients(model);
    auto sums = model.ForwardBackward(context, batch, scale, /*dropout_seed=*/17);
    ExpectOk(sums.status());
    if (loss != nullptr && sums.ok()) *loss = sums->loss;
    const std::span<const float> gradients = model.parameters().gradients();
    return {gradients.begin(), gradients.end()};
}

std::vector<float> AsStored(const Model& model, const std::string& name,
                            std::span<const float> plain) {
    for (const ModelTensor& tensor : model.files().tensors)
        if (tensor.hf_name == StripPrefix(name))
            return ToStored(tensor.row->hf, tensor.shape, model.config().head_dim, plain);
    return {plain.begin(), plain.end()};
}

double ExpectGolden(const Case& golden, Model& model, const std::string& prefix,
                    const std::string& name, double tolerance) {
    const std::vector<float> actual =
        AsStored(model, name, prefix == "gradient" ? Gradients(model, name) : Values(model, name));
    const std::vector<float> want = golden.Tensor(prefix + "." + name);
    if (!golden.full()) {
        const double error = RelativeError(actual, want);
        EXPECT_LT(error, tolerance) << name;
        return error;
    }
    constexpr size_t kSample = 192;  // make.py's
    std::vector<float> sample;
    const size_t step = std::max<size_t>(1, actual.size() / kSample | 1);
    for (size_t i = 0; i < actual.size(); i += step) sample.push_back(actual[i]);
    const double error = RelativeError(sample, want);
    EXPECT_LT(error, tolerance) << name;
    double square = 0;
    for (float value : actual) square += double{value} * value;
    const double norm = golden.values()[prefix + "_norms"][name];
    EXPECT_NEAR(std::sqrt(square), norm, tolerance * norm) << name;
    return std::max(error, norm > 0 ? std::abs(std::sqrt(square) - norm) / norm : 0);
}

double RelativeError(std::span<const float> actual, std::span<const float> expected) {
    HONE_CHECK(actual.size() == expected.size(), "{} values, expected {}", actual.size(),
               expected.size());
    double difference = 0, norm = 0;
    for (size_t i = 0; i < actual.size(); ++i) {
        difference += std::pow(double{actual[i]} - expected[i], 2);
        norm += double{expected[i]} * expected[i];
    }
    return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

double WorstElement(std::span<const float> actual, std::span<const float> expected) {
    HONE_CHECK(actual.size() == expected.size(), "{} values, expected {}", actual.size(),
               expected.size());
    double square = 0, worst = 0;
    for (float value : expected) square += double{value} * value;
    const double rms = std::sqrt(square / static_cast<double>(expected.size()));
    for (size_t i = 0; i < actual.size(); ++i) {
        const double error = std::abs(double{actual[i]} - expected[i]) /
                             (std::abs(double{expected[i]}) + rms + 1e-30);
        // A NaN must not pass for 0.
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

void ExpectSameBits(std::span<const float> a, std::span<const float> b, const std::string& what) {
    ASSERT_EQ(a.size(), b.size()) << what;
    for (size_t i = 0; i < a.size(); ++i) {
        if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0) {
            FAIL() << what << ": element " << i << " of " << a.size() << " is " << a[i] << " and "
                   << b[i];
        }
    }
}

}  // namespace hone::golden
