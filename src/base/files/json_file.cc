#include "base/files/json_file.h"

#include <unordered_set>
#include <vector>

#include "base/files/file.h"
#include "base/files/git_lfs.h"

namespace hone {
namespace {

// "...parse error at line 3, column 7: syntax error..." without the library's own prefix.
std::string Reason(const char* what) {
    std::string_view text(what);
    size_t end = text.find("] ");
    return std::string(end == text.npos ? text : text.substr(end + 2));
}

// Listens to a parse and stops it at what this room refuses. Nothing is built, so that nothing
// large can be.
template <typename Json>
class Checker : public nlohmann::json_sax<Json> {
  public:
    const std::string& problem() const { return problem_; }

    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(typename Json::number_integer_t) override { return true; }
    bool number_unsigned(typename Json::number_unsigned_t) override { return true; }
    bool number_float(typename Json::number_float_t, const std::string&) override { return true; }
    bool string(std::string&) override { return true; }
    bool binary(typename Json::binary_t&) override { return true; }

    bool start_object(size_t) override { return Open(); }
    bool key(std::string& key) override {
        auto& keys = keys_.back();
        if (!keys.insert(key).second)
            return Fail(fmt::format("the key \"{:.100}\" comes twice in one object", key));
        if (std::is_same_v<Json, nlohmann::ordered_json> && keys.size() > kMaxOrderedKeys)
            return Fail(fmt::format("more than {} keys in one object", kMaxOrderedKeys));
        return true;
    }
    bool end_object() override { return Close(); }
    bool start_array(size_t) override { return Open(); }
    bool end_array() override { return Close(); }
    bool parse_error(size_t, const std::string&,
                     const nlohmann::detail::exception& error) override {
        return Fail("not valid JSON: " + Reason(error.what()));
    }

  private:
    bool Open() {
        keys_.emplace_back();
        if (keys_.size() <= kMaxJsonDepth) return true;
        return Fail(fmt::format("JSON nested deeper than the limit of {} levels", kMaxJsonDepth));
    }
    bool Close() {
        keys_.pop_back();
        return true;
    }
    bool Fail(std::string problem) {
        problem_ = std::move(problem);
        return false;
    }

    std::vector<std::unordered_set<std::string>> keys_;  // of the objects and lists that are open
    std::string problem_;
};

}  // namespace

template <typename Json>
absl::StatusOr<Json> ParseJson(std::string_view text, std::string_view what) {
    Checker<Json> checker;
    try {
        if (!Json::sax_parse(text.begin(), text.end(), &checker))
            return ModelError("{}: {}", what, checker.problem());
        return Json::parse(text.begin(), text.end());
    } catch (const std::exception& error) {
        return ModelError("{}: {}", what, Reason(error.what()));
    }
}

template absl::StatusOr<nlohmann::json> ParseJson<nlohmann::json>(std::string_view,
                                                                  std::string_view);
template absl::StatusOr<nlohmann::ordered_json> ParseJson<nlohmann::ordered_json>(std::string_view,
                                                                                  std::string_view);

absl::StatusOr<std::string> ReadModelText(const std::string& path, size_t limit) {
    auto text = ReadFile(path, limit);
    if (!text.ok()) return WithKind(text.status(), ErrorKind::kModel);
    if (IsGitLfsPointer(*text)) return GitLfsPointerError(path);
    return text;
}

absl::StatusOr<nlohmann::ordered_json> ReadJsonObject(const std::string& path, size_t limit) {
    HONE_ASSIGN_OR_RETURN(const std::string text, ReadModelText(path, limit));
    HONE_ASSIGN_OR_RETURN(auto json, ParseJson<nlohmann::ordered_json>(text, path));
    if (!json.is_object()) return ModelError("{} holds JSON, but not an object", path);
    return json;
}

}  // namespace hone
