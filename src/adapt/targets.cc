#include "adapt/targets.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <regex>
#include <set>

#include "base/limits.h"
#include "fmt/ranges.h"

namespace hone {
namespace {

// libstdc++'s breadth-first matcher: its time is polynomial in pattern and name, where the default
// one is exponential for patterns like (a+)+b.
constexpr auto kRegexFlags = std::regex::ECMAScript | std::regex_constants::__polynomial;

bool EndsInName(std::string_view name, std::string_view suffix) {
    return name == suffix || (name.size() > suffix.size() && name.ends_with(suffix) &&
                              name[name.size() - suffix.size() - 1] == '.');
}

std::vector<std::string> Split(std::string_view name) {
    std::vector<std::string> parts(1);
    for (char c : name) {
        if (c == '.')
            parts.emplace_back();
        else
            parts.back() += c;
    }
    return parts;
}

std::string_view LastName(std::string_view name) {
    size_t dot = name.rfind('.');
    return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

// The short names there are, each once, in order: for error messages.
std::string ShortNames(const std::vector<LinearInfo>& linears) {
    std::vector<std::string_view> names;
    for (const LinearInfo& linear : linears)
        if (std::find(names.begin(), names.end(), LastName(linear.name)) == names.end())
            names.push_back(LastName(linear.name));
    return fmt::format("{}", fmt::join(names, ", "));
}

bool IsAllLinear(const std::vector<std::string>& targets) {
    constexpr std::string_view kName = "all-linear";
    return targets.size() == 1 &&
           std::equal(targets[0].begin(), targets[0].end(), kName.begin(), kName.end(),
                      [](unsigned char a, char b) { return std::tolower(a) == b; });
}

// One list or regular expression of module names.
class NameSet {
  public:
    static absl::StatusOr<NameSet> Make(const std::vector<std::string>& names, bool is_regex,
                                        std::string_view what) {
        NameSet set;
        set.names_ = names;
        if (is_regex) {
            if (names.size() != 1)
                return ModelError("{}: exactly one regular expression, found {}", what,
                                  names.size());
            HONE_ASSIGN_OR_RETURN(auto pattern, NamePattern::Compile(names[0], what));
            set.patterns_.push_back(std::move(pattern));
        }
        return set;
    }
    bool is_regex() const { return !patterns_.empty(); }
    bool Contains(std::string_view name) const {
        if (is_regex()) return patterns_[0].FullMatch(name);
        return std::any_of(names_.begin(), names_.end(),
                           [&](const auto& entry) { return EndsInName(name, entry); });
    }

  private:
    std::vector<std::string> names_;
    std::vector<NamePattern> patterns_;
};

// layers_to_transform: the first number that follows the name of the list of layers.
class LayerFilter {
  public:
    static absl::StatusOr<LayerFilter> Make(const LoraConfig& config) {
        LayerFilter filter;
        filter.layers_.insert(config.layers_to_transform.begin(), config.layers_to_transform.end());
        for (const std::string& pattern : config.layers_pattern) {
            HONE_ASSIGN_OR_RETURN(auto compiled, NamePattern::Compile(pattern, "layers_pattern"));
            filter.patterns_.push_back(std::move(compiled));
        }
        return filter;
    }
    bool Accepts(std::string_view name) const {
        if (layers_.empty()) return true;
        const std::vector<std::string> parts = Split(name);
        // Without a pattern PEFT wants two names before the number ("model.layers.3."); the module
        // comes after it.
        for (size_t i = patterns_.empty() ? 2 : 1; i + 1 < parts.size(); ++i) {
            int64_t layer = 0;
            const char* end = parts[i].data() + parts[i].size();
            auto parsed = std::from_chars(parts[i].data(), end, layer);
            if (parsed.ec != std::errc() || parsed.ptr != end) continue;
            if (patterns_.empty()) return layers_.count(layer) > 0;
            // A pattern may span several parts, so every start before the number is tried.
            for (size_t start = 0; start < i; ++start) {
                std::string before =
                    fmt::format("{}", fmt::join(parts.begin() + start, parts.begin() + i, "."));
                for (const NamePattern& pattern : patterns_)
                    if (pattern.FullMatch(before)) return layers_.count(layer) > 0;
            }
        }
        return false;
    }

  private:
    std::set<int64_t> layers_;
    std::vector<NamePattern> patterns_;
};

template <typename Value>
absl::StatusOr<const Value*> MatchPattern(
    const std::vector<std::pair<std::string, Value>>& patterns, const std::string& name,
    std::string_view what) {
    for (const auto& [expression, value] : patterns) {
        HONE_ASSIGN_OR_RETURN(auto pattern,
                              NamePattern::Compile(fmt::format("(.*\\.)?({})", expression), what));
        if (pattern.FullMatch(name)) return &value;
    }
    return static_cast<const Value*>(nullptr);
}

}  // namespace

// A layer below a module that is saved whole carries no delta.
bool InsideSavedModule(std::string_view name, const std::vector<std::string>& modules_to_save) {
    const std::string whole = fmt::format(".{}.", name);
    return std::any_of(modules_to_save.begin(), modules_to_save.end(),
                       [&](const std::string& module) {
                           return whole.find(fmt::format(".{}.", module)) != std::string::npos;
                       });
}

absl::StatusOr<bool> IsTarget(std::string_view module, const LoraConfig& config) {
    if (IsAllLinear(config.target_modules) || config.target_modules.empty()) return false;
    HONE_ASSIGN_OR_RETURN(auto wanted, NameSet::Make(config.target_modules, config.target_is_regex,
                                                     "target_modules"));
    HONE_ASSIGN_OR_RETURN(auto excluded, NameSet::Make(config.exclude_modules,
                                                       config.exclude_is_regex, "exclude_modules"));
    return wanted.Contains(module) && !excluded.Contains(module);
}

struct NamePattern::Compiled {
    std::regex regex;
};

absl::StatusOr<NamePattern> NamePattern::Compile(std::string_view expression,
                                                 std::string_view what) {
    if (expression.size() > kMaxPatternBytes)
        return ModelError("{}: a regular expression of {} bytes; the limit is {}", what,
                          expression.size(), kMaxPatternBytes);
    int depth = 0;
    for (char c : expression) {
        depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        if (depth > kMaxPatternDepth)
            return ModelError("{}: a regular expression nested deeper than {} parentheses", what,
                              kMaxPatternDepth);
    }
    try {
        auto compiled = std::make_shared<Compiled>();
        compiled->regex = std::regex(expression.begin(), expression.end(), kRegexFlags);
        NamePattern pattern;
        pattern.compiled_ = std::move(compiled);
        return pattern;
    } catch (const std::exception& error) {
        return ModelError("{}: the regular expression '{}' is not understood ({})", what,
                          expression, error.what());
    }
}

bool NamePattern::FullMatch(std::string_view name) const {
    if (name.size() > kMaxNameBytes) return false;
    try {
        return std::regex_match(name.begin(), name.end(), compiled_->regex);
    } catch (const std::exception&) {
        return false;  // the matcher ran out of its own limits
    }
}

absl::StatusOr<std::vector<LinearInfo>> SelectTargets(const std::vector<LinearInfo>& linears,
                                                      const LoraConfig& config,
                                                      UnmatchedTargets unmatched) {
    const bool all = IsAllLinear(config.target_modules);
    const std::vector<std::string>& names = config.target_modules;
    HONE_ASSIGN_OR_RETURN(auto wanted,
                          NameSet::Make(names, config.target_is_regex && !all, "target_modules"));
    HONE_ASSIGN_OR_RETURN(auto excluded, NameSet::Make(config.exclude_modules,
                                                       config.exclude_is_regex, "exclude_modules"));
    HONE_ASSIGN_OR_RETURN(auto layers, LayerFilter::Make(config));
    std::vector<LinearInfo> targets;
    for (const LinearInfo& linear : linears) {
        if (excluded.Contains(linear.name) ||
            InsideSavedModule(linear.name, config.modules_to_save))
            continue;
        const bool chosen = all ? !linear.is_head && !linear.is_embedding
                            : names.empty()
                                ? linear.is_default
                                : wanted.Contains(linear.name) &&
                                      (wanted.is_regex() || layers.Accepts(linear.name));
        if (chosen) targets.push_back(linear);
    }
    if (targets.empty())
        return ModelError(
            "target_modules '{}' names no layer of this model; there are {} (and "
            "all-linear)",
            fmt::join(names, ","), ShortNames(linears));
    if (unmatched == UnmatchedTargets::kError && !all && !wanted.is_regex()) {
        for (const std::string& name : names) {
            const bool found = std::any_of(
                linears.begin(), linears.end(),
                [&](const LinearInfo& linear) { return EndsInName(linear.name, name); });
            if (!found)
                return ModelError("target_modules: '{}' names no layer of this model; there are {}",
                                  name, ShortNames(linears));
        }
    }
    return targets;
}

absl::StatusOr<std::vector<std::string>> SelectModulesToSave(
    const std::vector<std::string>& modules, const LoraConfig& config) {
    std::vector<std::string> selected;
    for (const std::string& module : modules)
        for (const std::string& wanted : config.modules_to_save)
            if (module.ends_with(wanted)) {
                selected.push_back(module);
                break;
            }
    for (const std::string& wanted : config.modules_to_save) {
        const bool found =
            std::any_of(modules.begin(), modules.end(),
                        [&](const std::string& module) { return module.ends_with(wanted); });
        if (wanted.empty() || !found)
            return ModelError(
                "modules_to_save: this model has no module '{}'; it has lm_head, embed_tokens, "
                "norm and "
                "the layers' own, such as {}",
                wanted, modules.empty() ? "none" : modules[modules.size() / 2]);
    }
    return selected;
}

absl::StatusOr<LowRankOptions> LowRankFor(const LoraConfig& config, const std::string& linear) {
    LowRankOptions options;
    HONE_ASSIGN_OR_RETURN(const int64_t* rank,
                          MatchPattern(config.rank_pattern, linear, "rank_pattern"));
    HONE_ASSIGN_OR_RETURN(const double* alpha,
                          MatchPattern(config.alpha_pattern, linear, "alpha_pattern"));
    options.rank = rank ? *rank : config.r;
    if (options.rank < 1 || options.rank > kMaxLoraRank)
        return ModelError("{}: a rank of {}; it must be from 1 to {}", linear, options.rank,
                          kMaxLoraRank);
    const double numerator = alpha ? *alpha : config.lora_alpha;
    const double rank_value = static_cast<double>(options.rank);
    options.scale =
        static_cast<float>(numerator / (config.use_rslora ? std::sqrt(rank_value) : rank_value));
    options.dropout = static_cast<float>(config.lora_dropout);
    options.use_dora = config.use_dora;
    options.fixed_pair = config.init_lora_weights == "pissa";
    return options;
}

std::vector<std::string> SavedTargetNames(const std::vector<LinearInfo>& linears,
                                          const std::vector<LinearInfo>& targets,
                                          const LoraConfig& config) {
    LoraConfig short_form = config;
    short_form.target_modules.clear();
    short_form.target_is_regex = false;
    std::vector<std::string> full;
    for (const LinearInfo& target : targets) {
        full.push_back(target.name);
        std::string name(LastName(target.name));
        auto& names = short_form.target_modules;
        if (std::find(names.begin(), names.end(), name) == names.end())
            names.push_back(std::move(name));
    }
    auto same = SelectTargets(linears, short_form, UnmatchedTargets::kAllow);
    const bool exact = same.ok() && same->size() == targets.size();
    return exact ? short_form.target_modules : full;
}

}  // namespace hone
