// One connection to the database, inside a transaction of Database: statements with their values.
//
//   int64_t bytes = 0;
//   if (!sql.First("select bytes from files where id = :id", std::tie(bytes), id)) ...
//   sql.Run("update files set bytes = :bytes where id = :id", bytes, id);
//   for (const FileRow& row : sql.All<FileRow>("select ... limit :limit", limit)) ...
//
// Placeholders are filled in their order and have different names. Values are int64_t, double,
// std::string or Texts. Both databases run the same text, so it keeps to what both know; no column
// is NULL. A failure of the database is an exception, which Database turns into a status.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "soci/soci.h"

namespace hone::platform {

// As many values, where their number is not known before.
struct Texts {
    std::vector<std::string> all;
};

class Sql {
  public:
    Sql(const soci::backend_factory& factory, const std::string& connection)
        : session_(factory, connection) {}

    // Returns how many rows it changed.
    template <typename... Values>
    int64_t Run(std::string_view text, const Values&... values) {
        soci::statement statement(session_);
        Prepare(statement, text, std::tuple<>(), values...);
        statement.execute(true);
        return statement.get_affected_rows();
    }

    // Puts the first row into the references of `columns`; false, and nothing put, where there is
    // none.
    template <typename... Columns, typename... Values>
    bool First(std::string_view text, std::tuple<Columns&...> columns, const Values&... values) {
        soci::statement statement(session_);
        Prepare(statement, text, columns, values...);
        return statement.execute(true);
    }

    // All rows. Row is a struct with a function ColumnsOf(Row&) beside it, that ties the members
    // into which the columns go.
    template <typename Row, typename... Values>
    std::vector<Row> All(std::string_view text, const Values&... values) {
        std::vector<Row> rows;
        Row row{};
        soci::statement statement(session_);
        Prepare(statement, text, ColumnsOf(row), values...);
        statement.execute(false);
        while (statement.fetch()) rows.push_back(row);
        return rows;
    }

  private:
    template <typename Value>
    static void Bind(soci::statement& statement, const Value& value) {
        statement.exchange(soci::use(value));
    }
    static void Bind(soci::statement& statement, const Texts& texts) {
        for (const std::string& text : texts.all) statement.exchange(soci::use(text));
    }

    template <typename... Columns, typename... Values>
    void Prepare(soci::statement& statement, std::string_view text,
                 const std::tuple<Columns...>& columns, const Values&... values) {
        std::apply([&](auto&... column) { (statement.exchange(soci::into(column)), ...); },
                   columns);
        (Bind(statement, values), ...);
        statement.alloc();
        statement.prepare(std::string(text));
        statement.define_and_bind();
    }

    soci::session session_;
};

// A row that is one number or one text.
struct NumberRow {
    int64_t value = 0;
};
inline std::tuple<int64_t&> ColumnsOf(NumberRow& row) { return std::tie(row.value); }
struct TextRow {
    std::string value;
};
inline std::tuple<std::string&> ColumnsOf(TextRow& row) { return std::tie(row.value); }

}  // namespace hone::platform
