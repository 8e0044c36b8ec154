#include "platform/jobs/job_request.h"

#include <algorithm>
#include <cmath>

#include "platform/api/checks.h"
#include "platform/api/refusal.h"

namespace hone::platform {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxSuffix = 64;
constexpr size_t kMaxIntegrations = 5;
constexpr size_t kMaxTags = 50;
constexpr double kMaxLearningRateMultiplier = 1000;

// An object of the body whose members are read one by one. A member that is null counts as left
// out.
class Object {
  public:
    // `path`: "" for the body, else "method.dpo".
    static absl::StatusOr<Object> Of(const Json& json, std::string path) {
        if (!json.is_object())
            return InvalidField(path, "{} must be an object, but is {}.",
                                path.empty() ? "The request's body" : fmt::format("'{}'", path),
                                Kind(json));
        return Object(json, std::move(path));
    }

    // "a string", "null"
    static std::string Kind(const Json& json) {
        if (json.is_null()) return "null";
        if (json.is_boolean()) return "a boolean";
        if (json.is_number_integer()) return "an integer";
        return fmt::format("{} {}", json.is_object() || json.is_array() ? "an" : "a",
                           json.type_name());
    }

    std::string Path(std::string_view name) const {
        return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
    }

    // nullptr: left out.
    const Json* Find(const char* name) const {
        const auto found = json_.find(name);
        return found == json_.end() || found->is_null() ? nullptr : &*found;
    }

    absl::Status CheckMembers(const std::vector<std::string_view>& known) const {
        for (const auto& [name, value] : json_.items())
            if (std::find(known.begin(), known.end(), name) == known.end())
                return InvalidField(Path(ShownId(name)), "Unrecognized request argument: '{}'.",
                                    Path(ShownId(name)));
        return absl::OkStatus();
    }

    absl::Status Missing(const char* name) const {
        return InvalidField(Path(name), "Missing required parameter: '{}'.", Path(name));
    }

    absl::Status WrongKind(const char* name, const char* wanted, const Json& json) const {
        return InvalidField(Path(name), "'{}' must be {}, but is {}.", Path(name), wanted,
                            Kind(json));
    }

    // Leaves `text` as it is where the member is left out, unless it is needed.
    absl::Status Text(const char* name, bool needed, size_t most, std::string& text) const {
        const Json* json = Find(name);
        if (json == nullptr) return needed ? Missing(name) : absl::OkStatus();
        if (!json->is_string()) return WrongKind(name, "a string", *json);
        text = json->get<std::string>();
        return CheckText(Path(name), text, 1, most);
    }

    // "auto" and what is left out leave it unset.
    absl::Status AutoInteger(const char* name, int64_t least, int64_t most,
                             std::optional<int64_t>& value) const {
        const Json* json = Find(name);
        if (json == nullptr || *json == "auto") return absl::OkStatus();
        if (!json->is_number_integer()) return WrongKind(name, "'auto' or an integer", *json);
        // Unsigned numbers beyond int64 count as too large.
        const bool huge = json->is_number_unsigned() && json->get<uint64_t>() > INT64_MAX;
        value = huge ? INT64_MAX : json->get<int64_t>();
        return CheckRange(Path(name), *value, least, most);
    }

    // Above 0, up to `most`.
    absl::Status AutoNumber(const char* name, double most, std::optional<double>& value) const {
        const Json* json = Find(name);
        if (json == nullptr || *json == "auto") return absl::OkStatus();
        if (!json->is_number()) return WrongKind(name, "'auto' or a number", *json);
        value = json->get<double>();
        if (std::isfinite(*value) && *value > 0 && *value <= most) return absl::OkStatus();
        return InvalidField(Path(name), "'{}' is {}, but must be above 0 and at most {}.",
                            Path(name), *value, most);
    }

  private:
    Object(const Json& json, std::string path) : json_(json), path_(std::move(path)) {}
    const Json& json_;
    std::string path_;
};

// A suffix is a part of a name between colons, which stands in URLs.
absl::Status CheckSuffix(const std::string& suffix) {
    if (suffix.find_first_of(":/?#%\\") == std::string::npos) return absl::OkStatus();
    return InvalidField("suffix", "'suffix' must have none of : / ? # % \\ in it.");
}

absl::Status ReadHyperparameters(const Json& json, const std::string& path, bool dpo,
                                 Hyperparameters& parameters) {
    HONE_ASSIGN_OR_RETURN(const Object object, Object::Of(json, path));
    std::vector<std::string_view> known = {"batch_size", "learning_rate_multiplier", "n_epochs"};
    if (dpo) known.push_back("beta");
    HONE_RETURN_IF_ERROR(object.CheckMembers(known));
    HONE_RETURN_IF_ERROR(object.AutoInteger("batch_size", 1, 256, parameters.batch_size));
    HONE_RETURN_IF_ERROR(object.AutoNumber("learning_rate_multiplier", kMaxLearningRateMultiplier,
                                           parameters.learning_rate_multiplier));
    HONE_RETURN_IF_ERROR(object.AutoInteger("n_epochs", 1, 50, parameters.n_epochs));
    return dpo ? object.AutoNumber("beta", 2, parameters.beta) : absl::OkStatus();
}

absl::Status ReadMethod(const Object& body, JobRequest& request) {
    const Json* method = body.Find("method");
    const Json* beside = body.Find("hyperparameters");
    if (method == nullptr) {
        if (beside == nullptr) return absl::OkStatus();
        return ReadHyperparameters(*beside, "hyperparameters", false, request.hyperparameters);
    }
    HONE_ASSIGN_OR_RETURN(const Object object, Object::Of(*method, "method"));
    std::string type;
    HONE_RETURN_IF_ERROR(object.Text("type", true, 64, type));
    if (type == "reinforcement")
        return InvalidField("method.type",
                            "Reinforcement fine-tuning is not available on this server; "
                            "'supervised' and 'dpo' are.");
    HONE_RETURN_IF_ERROR(CheckOneOf("method.type", type, {"supervised", "dpo"}));
    HONE_RETURN_IF_ERROR(object.CheckMembers({"type", type}));
    request.method = type;
    const Json* own = nullptr;
    if (const Json* settings = object.Find(type.c_str())) {
        HONE_ASSIGN_OR_RETURN(const Object inner, Object::Of(*settings, "method." + type));
        HONE_RETURN_IF_ERROR(inner.CheckMembers({"hyperparameters"}));
        own = inner.Find("hyperparameters");
    }
    if (own != nullptr && beside != nullptr)
        return InvalidField("hyperparameters",
                            "'hyperparameters' and 'method.{}.hyperparameters' exclude each "
                            "other.",
                            type);
    if (beside != nullptr)
        return ReadHyperparameters(*beside, "hyperparameters", LearnsPreferences(type),
                                   request.hyperparameters);
    if (own == nullptr) return absl::OkStatus();
    return ReadHyperparameters(*own, fmt::format("method.{}.hyperparameters", type),
                               LearnsPreferences(type), request.hyperparameters);
}

absl::Status ReadTags(const Object& wandb, Integration& integration) {
    const Json* tags = wandb.Find("tags");
    if (tags == nullptr) return absl::OkStatus();
    if (!tags->is_array()) return wandb.WrongKind("tags", "a list", *tags);
    if (tags->size() > kMaxTags)
        return InvalidField(wandb.Path("tags"), "There may be at most {} tags.", kMaxTags);
    for (const Json& tag : *tags) {
        if (!tag.is_string()) return wandb.WrongKind("tags", "a list of strings", tag);
        HONE_RETURN_IF_ERROR(
            CheckText(wandb.Path("tags"), tag.get_ref<const std::string&>(), 1, 64));
        integration.tags.push_back(tag);
    }
    return absl::OkStatus();
}

absl::Status ReadIntegrations(const Object& body, JobRequest& request) {
    const Json* list = body.Find("integrations");
    if (list == nullptr) return absl::OkStatus();
    if (!list->is_array()) return body.WrongKind("integrations", "a list", *list);
    if (list->size() > kMaxIntegrations)
        return InvalidField("integrations", "There may be at most {} integrations.",
                            kMaxIntegrations);
    for (size_t i = 0; i < list->size(); ++i) {
        const std::string path = fmt::format("integrations[{}]", i);
        HONE_ASSIGN_OR_RETURN(const Object object, Object::Of((*list)[i], path));
        HONE_RETURN_IF_ERROR(object.CheckMembers({"type", "wandb"}));
        std::string type;
        HONE_RETURN_IF_ERROR(object.Text("type", true, 64, type));
        HONE_RETURN_IF_ERROR(CheckOneOf(path + ".type", type, {"wandb"}));
        const Json* wandb = object.Find("wandb");
        if (wandb == nullptr) return object.Missing("wandb");
        HONE_ASSIGN_OR_RETURN(const Object inner, Object::Of(*wandb, path + ".wandb"));
        HONE_RETURN_IF_ERROR(inner.CheckMembers({"project", "name", "entity", "tags"}));
        Integration integration;
        HONE_RETURN_IF_ERROR(inner.Text("project", true, 256, integration.project));
        HONE_RETURN_IF_ERROR(inner.Text("name", false, 256, integration.name));
        HONE_RETURN_IF_ERROR(inner.Text("entity", false, 256, integration.entity));
        HONE_RETURN_IF_ERROR(ReadTags(inner, integration));
        request.integrations.push_back(std::move(integration));
    }
    return absl::OkStatus();
}

absl::Status ReadMetadata(const Object& body, JobRequest& request) {
    const Json* metadata = body.Find("metadata");
    if (metadata == nullptr) return absl::OkStatus();
    if (!metadata->is_object()) return body.WrongKind("metadata", "an object", *metadata);
    request.metadata.emplace();
    for (const auto& [name, value] : metadata->items()) {
        if (!value.is_string())
            return InvalidField("metadata", "'metadata.{}' must be a string, but is {}.",
                                ShownId(name), Object::Kind(value));
        request.metadata->emplace(name, value.get<std::string>());
    }
    return CheckMetadata(*request.metadata);
}

}  // namespace

absl::StatusOr<JobRequest> ParseJobRequest(const Json& json) {
    JobRequest request;
    HONE_ASSIGN_OR_RETURN(const Object body, Object::Of(json, ""));
    HONE_RETURN_IF_ERROR(
        body.CheckMembers({"model", "training_file", "validation_file", "suffix", "seed",
                           "hyperparameters", "method", "integrations", "metadata"}));
    HONE_RETURN_IF_ERROR(body.Text("model", true, 256, request.model));
    HONE_RETURN_IF_ERROR(body.Text("training_file", true, 256, request.training_file));
    HONE_RETURN_IF_ERROR(body.Text("validation_file", false, 256, request.validation_file));
    HONE_RETURN_IF_ERROR(body.Text("suffix", false, kMaxSuffix, request.suffix));
    HONE_RETURN_IF_ERROR(CheckSuffix(request.suffix));
    if (const Json* seed = body.Find("seed"); seed != nullptr && *seed == "auto")
        return body.WrongKind("seed", "an integer", *seed);
    HONE_RETURN_IF_ERROR(body.AutoInteger("seed", 0, INT32_MAX, request.seed));
    HONE_RETURN_IF_ERROR(ReadMethod(body, request));
    HONE_RETURN_IF_ERROR(ReadIntegrations(body, request));
    HONE_RETURN_IF_ERROR(ReadMetadata(body, request));
    return request;
}

}  // namespace hone::platform
