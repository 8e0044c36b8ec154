#include "platform/store/sql.h"

#include "soci/soci.h"

namespace hone::platform {
namespace {

void Bind(soci::statement& statement, const Texts& texts) {
    for (const std::string& text : texts.all) statement.exchange(soci::use(text));
}

template <typename Value>
void Bind(soci::statement& statement, const Value& value) {
    statement.exchange(soci::use(value));
}

}  // namespace

Sql::Sql(const soci::backend_factory& factory, const std::string& connection)
    : session_(std::make_unique<soci::session>(factory, connection)) {}

Sql::~Sql() = default;

int64_t Sql::Change(std::string_view text, std::span<const Value> values) {
    soci::statement statement(*session_);
    for (const Value& value : values)
        std::visit([&](const auto* bound) { Bind(statement, *bound); }, value);
    statement.alloc();
    statement.prepare(std::string(text));
    statement.define_and_bind();
    statement.execute(true);
    return statement.get_affected_rows();
}

void Sql::Select(std::string_view text, std::span<const Place> places,
                 std::span<const Value> values, const std::function<bool()>& take) {
    soci::statement statement(*session_);
    for (const Place& place : places)
        std::visit([&](auto* column) { statement.exchange(soci::into(*column)); }, place);
    for (const Value& value : values)
        std::visit([&](const auto* bound) { Bind(statement, *bound); }, value);
    statement.alloc();
    statement.prepare(std::string(text));
    statement.define_and_bind();
    statement.execute(false);
    while (statement.fetch())
        if (!take()) return;
}

}  // namespace hone::platform
