#include "platform/answers/answers.h"

#include "platform/api/checks.h"
#include "platform/api/refusal.h"
#include "platform/store/database.h"
#include "platform/store/listing.h"

namespace hone::platform {
namespace {

constexpr int64_t kMaxPage = 100;
constexpr size_t kMaxFilters = 16;
constexpr char kColumns[] = "id, kind, created_at, model, metadata, body, input, seq";

struct AnswerRow {
    StoredAnswer answer;
    std::string metadata;
    int64_t seq = 0;
};

auto ColumnsOf(AnswerRow& row) {
    StoredAnswer& answer = row.answer;
    return std::tie(answer.id, answer.kind, answer.created_at, answer.model, row.metadata,
                    answer.body, answer.input, row.seq);
}

StoredAnswer Unpack(AnswerRow row) {
    row.answer.metadata = nlohmann::json::parse(row.metadata).get<Metadata>();
    return std::move(row.answer);
}

std::string Text(const Metadata& metadata) { return nlohmann::json(metadata).dump(); }

absl::StatusOr<AnswerRow> Find(Sql& sql, const Caller& caller, const std::string& kind,
                               const std::string& id, const std::string& param) {
    AnswerRow row;
    if (sql.First(fmt::format("select {} from answers where id = :id and project = :project and "
                              "kind = :kind",
                              kColumns),
                  ColumnsOf(row), id, caller.project, kind))
        return row;
    return Refuse({RefusalKind::kNotFound, param, "not_found"},
                  fmt::format("No stored {} has the id '{}'.",
                              kind == "response" ? "response" : "chat completion", ShownId(id)));
}

void PutMetadata(Sql& sql, int64_t answer, const Metadata& metadata) {
    for (const auto& [name, value] : metadata)
        sql.Run("insert into answer_metadata (answer, name, value) values (:answer, :name, :value)",
                answer, name, value);
}

// Room for `bytes` more within the project's limits, at the cost of its oldest.
void MakeRoom(Sql& sql, const Limits& limits, const std::string& project, int64_t now,
              int64_t bytes) {
    sql.Run("delete from answers where project = :project and created_at < :old", project,
            now - limits.stored_answer_seconds);
    int64_t count = 0, held = 0, seq = 0, size = 0;
    sql.First("select count(*), coalesce(sum(bytes), 0) from answers where project = :project",
              std::tie(count, held), project);
    while (count > 0 &&
           (count >= limits.stored_answers || held + bytes > limits.stored_answer_bytes)) {
        sql.First("select seq, bytes from answers where project = :project order by seq limit 1",
                  std::tie(seq, size), project);
        sql.Run("delete from answers where seq = :seq", seq);
        --count;
        held -= size;
    }
}

}  // namespace

absl::Status Answers::Keep(const Caller& caller, const StoredAnswer& answer) {
    const auto bytes = static_cast<int64_t>(answer.body.size() + answer.input.size());
    return services_.database.Write([&](Sql& sql) -> absl::Status {
        MakeRoom(sql, services_.options.limits, caller.project, services_.Now(), bytes);
        sql.Run(
            "insert into answers (id, project, kind, created_at, model, bytes, metadata, body, "
            "input) values (:id, :project, :kind, :created_at, :model, :bytes, :metadata, :body, "
            ":input)",
            answer.id, caller.project, answer.kind, answer.created_at, answer.model, bytes,
            Text(answer.metadata), answer.body, answer.input);
        int64_t seq = 0;
        sql.First("select seq from answers where id = :id", std::tie(seq), answer.id);
        PutMetadata(sql, seq, answer.metadata);
        return absl::OkStatus();
    });
}

absl::StatusOr<StoredAnswer> Answers::Get(const Caller& caller, const std::string& kind,
                                          const std::string& id, const std::string& param) {
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<StoredAnswer> {
        HONE_ASSIGN_OR_RETURN(AnswerRow row, Find(sql, caller, kind, id, param));
        return Unpack(std::move(row));
    });
}

absl::StatusOr<Page<StoredAnswer>> Answers::List(const Caller& caller, const std::string& kind,
                                                 const AnswerFilter& filter,
                                                 const PageRequest& page) {
    HONE_RETURN_IF_ERROR(CheckPage(page, kMaxPage));
    if (filter.metadata.size() > kMaxFilters)
        return InvalidField("metadata", "A list may be filtered by at most {} pairs.", kMaxFilters);
    std::string where = "project = :project and kind = :kind";
    Texts values{{caller.project, kind}};
    if (!filter.model.empty()) {
        where += " and model = :model";
        values.all.push_back(filter.model);
    }
    for (const auto& [name, value] : filter.metadata) {
        where += fmt::format(
            " and exists (select 1 from answer_metadata as o where o.answer = answers.seq and "
            "o.name = :n{0} and o.value = :v{0})",
            values.all.size());
        values.all.insert(values.all.end(), {name, value});
    }
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<Page<StoredAnswer>> {
        Page<AnswerRow> rows = ListRows<AnswerRow>(sql, {kColumns, "answers"}, where, page, values);
        Page<StoredAnswer> answers{{}, rows.has_more};
        for (AnswerRow& row : rows.data) answers.data.push_back(Unpack(std::move(row)));
        return answers;
    });
}

absl::StatusOr<StoredAnswer> Answers::SetMetadata(const Caller& caller, const std::string& kind,
                                                  const std::string& id, const std::string& param,
                                                  const Metadata& metadata) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kMember));
    HONE_RETURN_IF_ERROR(CheckMetadata(metadata));
    return services_.database.Write([&](Sql& sql) -> absl::StatusOr<StoredAnswer> {
        HONE_ASSIGN_OR_RETURN(AnswerRow row, Find(sql, caller, kind, id, param));
        row.metadata = Text(metadata);
        sql.Run("update answers set metadata = :metadata where seq = :seq", row.metadata, row.seq);
        sql.Run("delete from answer_metadata where answer = :answer", row.seq);
        PutMetadata(sql, row.seq, metadata);
        NoteAudit(sql, services_.Now(), caller, "answer.update", id);
        return Unpack(std::move(row));
    });
}

absl::Status Answers::Delete(const Caller& caller, const std::string& kind, const std::string& id,
                             const std::string& param) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kMember));
    return services_.database.Write([&](Sql& sql) -> absl::Status {
        HONE_ASSIGN_OR_RETURN(const AnswerRow row, Find(sql, caller, kind, id, param));
        sql.Run("delete from answers where seq = :seq", row.seq);
        NoteAudit(sql, services_.Now(), caller, "answer.delete", id);
        return absl::OkStatus();
    });
}

}  // namespace hone::platform
