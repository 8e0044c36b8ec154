#include <ctime>
#include <memory>

#include "base/text/json_text.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "platform/platform.h"

namespace hone {
namespace {

struct KeysFlags {
    platform::PlatformOptions platform;
    std::string project = "default", role = "member", name, key_id;
    int64_t days = 0;
    bool json = false;
    LogFlags log;
};

using OpenPlatform = std::unique_ptr<platform::Platform>;

absl::StatusOr<OpenPlatform> Open(const KeysFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.log.Apply());
    if (flags.platform.data_dir.empty())
        return UsageError("--data-dir DIR is needed: the data folder of `hone serve`");
    return platform::Platform::Open(flags.platform);
}

// "2026-01-31", or "-" for never.
std::string Day(int64_t seconds) {
    if (seconds == 0) return "-";
    const std::time_t time = seconds;
    std::tm utc{};
    gmtime_r(&time, &utc);
    return fmt::format("{:04}-{:02}-{:02}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday);
}

absl::StatusOr<platform::Project> FindOrCreate(platform::Keys& keys, const std::string& name) {
    auto project = keys.FindProject(name);
    if (project.ok() ||
        platform::RefusalOf(project.status()).kind != platform::RefusalKind::kNotFound)
        return project;
    return keys.CreateProject(name);
}

absl::Status RunCreate(const KeysFlags& flags) {
    if (flags.days < 0 || flags.days > 36'500)
        return UsageError("--days {}: it is from 1 to 36500, or 0 for no end", flags.days);
    HONE_ASSIGN_OR_RETURN(const OpenPlatform platform, Open(flags));
    HONE_ASSIGN_OR_RETURN(const platform::Role role, platform::ParseRole(flags.role));
    HONE_ASSIGN_OR_RETURN(const platform::Project project,
                          FindOrCreate(platform->keys(), flags.project));
    platform::NewKey key{.name = flags.name, .role = role};
    if (flags.days > 0) key.expires_at = std::time(nullptr) + flags.days * 86'400;
    HONE_ASSIGN_OR_RETURN(const platform::CreatedKey made,
                          platform->keys().Create(platform::Operator(project.id), key));
    if (flags.json) {
        fmt::print("{}", JsonText({{"id", made.key.id},
                                   {"secret", made.secret},
                                   {"project", project.id},
                                   {"role", RoleName(role)}}));
        return absl::OkStatus();
    }
    fmt::print("{}\n", made.secret);
    fmt::print(stderr, "{}: a {} key of the project {} ({}), shown this once\n", made.key.id,
               RoleName(role), project.name, project.id);
    return absl::OkStatus();
}

absl::Status RunList(const KeysFlags& flags) {
    HONE_ASSIGN_OR_RETURN(const OpenPlatform platform, Open(flags));
    HONE_ASSIGN_OR_RETURN(const auto projects, platform->keys().ListProjects());
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const platform::Project& project : projects) {
        platform::PageRequest page{.limit = 100, .newest_first = false};
        for (bool more = true; more;) {
            HONE_ASSIGN_OR_RETURN(const platform::Page<platform::ApiKey> keys,
                                  platform->keys().List(platform::Operator(project.id), page));
            for (const platform::ApiKey& key : keys.data)
                json.push_back({{"id", key.id},
                                {"project", project.name},
                                {"role", RoleName(key.role)},
                                {"name", key.name},
                                {"hint", key.hint},
                                {"created_at", key.created_at},
                                {"expires_at", key.expires_at},
                                {"revoked_at", key.revoked_at}});
            more = keys.has_more && !keys.data.empty();
            if (more) page.after = keys.data.back().id;
        }
    }
    if (flags.json) {
        fmt::print("{}", JsonText(json));
        return absl::OkStatus();
    }
    fmt::print("{:<30} {:<16} {:<7} {:<8} {:<11} {:<11} {:<11} {}\n", "KEY", "PROJECT", "ROLE",
               "ENDS IN", "MADE", "EXPIRES", "REVOKED", "NAME");
    for (const auto& key : json)
        fmt::print("{:<30} {:<16} {:<7} {:<8} {:<11} {:<11} {:<11} {}\n",
                   key["id"].get<std::string>(), key["project"].get<std::string>(),
                   key["role"].get<std::string>(), key["hint"].get<std::string>(),
                   Day(key["created_at"]), Day(key["expires_at"]), Day(key["revoked_at"]),
                   key["name"].get<std::string>());
    return absl::OkStatus();
}

absl::Status RunRevoke(const KeysFlags& flags) {
    HONE_ASSIGN_OR_RETURN(const OpenPlatform platform, Open(flags));
    HONE_ASSIGN_OR_RETURN(const auto projects, platform->keys().ListProjects());
    for (const platform::Project& project : projects) {
        const auto key = platform->keys().Revoke(platform::Operator(project.id), flags.key_id);
        if (key.ok()) {
            fmt::print("revoked {}: it is refused from now on\n", key->id);
            return absl::OkStatus();
        }
        if (platform::RefusalOf(key.status()).kind != platform::RefusalKind::kNotFound)
            return key.status();
    }
    return UsageError("there is no key {}; `hone keys list` shows them", flags.key_id);
}

}  // namespace

void AddKeys(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* keys = AddCommand(root, "keys", "makes, lists and revokes the keys of `hone serve`");
    const auto add = [&](const char* name, const char* help,
                         absl::Status (*run)(const KeysFlags&)) {
        CLI::App* app = AddCommand(*keys, name, help);
        auto flags = std::make_shared<KeysFlags>();
        Flags adder(*app);
        adder.Text("--data-dir", flags->platform.data_dir, "the data folder of the server")
            .Text("--database", flags->platform.database, "as `hone serve` has it");
        commands.push_back({app, [flags, run] { return run(*flags); }});
        return std::pair(flags, adder);
    };
    auto [create, create_flags] = add("create", "makes a key and prints it, this once", RunCreate);
    create_flags.Text("--project", create->project, "its name or id; one that is not there is made")
        .Choice("--role", create->role, {"admin", "member", "viewer"}, "what the key may do")
        .Text("--name", create->name, "what it is for")
        .Integer("--days", create->days, "until it expires; 0: never")
        .Bool("--json", create->json, "prints JSON");
    create->log.Add(create_flags);
    auto [list, list_flags] = add("list", "lists the keys of all projects", RunList);
    list_flags.Bool("--json", list->json, "prints JSON");
    list->log.Add(list_flags);
    auto [revoke, revoke_flags] = add("revoke", "takes a key back", RunRevoke);
    revoke_flags.Positional("KEY", revoke->key_id, "its id, key_...");
    revoke->log.Add(revoke_flags);
}

}  // namespace hone
