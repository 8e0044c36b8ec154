#include "platform/store/sql.h"

#include "soci/soci.h"
#include "soci/sqlite3/soci-sqlite3.h"

namespace hone::platform {
namespace {

constexpr size_t kMaxPrepared = 256;  // texts differ by how many values they have; few do

void Bind(soci::statement& statement, const Texts& texts) {
    for (const std::string& text : texts.all) statement.exchange(soci::use(text));
}

template <typename Value>
void Bind(soci::statement& statement, const Value& value) {
    statement.exchange(soci::use(value));
}

}  // namespace

// A statement while it is used. Afterwards it knows nothing of what it was given, and holds no
// transaction open.
class Sql::Use {
  public:
    Use(soci::statement& statement, bool sqlite, std::span<const Place> places,
        std::span<const Value> values)
        : statement_(statement), sqlite_(sqlite) {
        for (const Place& place : places)
            std::visit([&](auto* column) { statement.exchange(soci::into(*column)); }, place);
        for (const Value& value : values)
            std::visit([&](const auto* bound) { Bind(statement, *bound); }, value);
        statement.define_and_bind();
    }
    ~Use() {
        statement_.bind_clean_up();
        // A select whose rows were not all read would keep its view of the database.
        if (sqlite_)
            sqlite3_reset(
                static_cast<soci::sqlite3_statement_backend*>(statement_.get_backend())->stmt_);
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

  private:
    soci::statement& statement_;
    const bool sqlite_;
};

Sql::Sql(const soci::backend_factory& factory, const std::string& connection)
    : session_(std::make_unique<soci::session>(factory, connection)),
      sqlite_(session_->get_backend_name() == "sqlite3") {}

Sql::~Sql() = default;

soci::statement& Sql::Prepared(std::string_view text) {
    if (const auto found = prepared_.find(text); found != prepared_.end()) return *found->second;
    if (prepared_.size() >= kMaxPrepared) prepared_.clear();
    auto statement = std::make_unique<soci::statement>(*session_);
    statement->alloc();
    statement->prepare(std::string(text));
    return *prepared_.emplace(text, std::move(statement)).first->second;
}

int64_t Sql::Change(std::string_view text, std::span<const Value> values) {
    soci::statement& statement = Prepared(text);
    const Use use(statement, sqlite_, {}, values);
    statement.execute(true);
    return statement.get_affected_rows();
}

void Sql::Select(std::string_view text, std::span<const Place> places,
                 std::span<const Value> values, const std::function<bool()>& take) {
    soci::statement& statement = Prepared(text);
    const Use use(statement, sqlite_, places, values);
    statement.execute(false);
    while (statement.fetch())
        if (!take()) return;
}

}  // namespace hone::platform
