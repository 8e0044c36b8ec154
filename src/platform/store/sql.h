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

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

namespace soci {
class backend_factory;
class session;
class statement;
}  // namespace soci

namespace hone::platform {

// As many values, where their number is not known before.
struct Texts {
    std::vector<std::string> all;
};

// Statements stay prepared as long as the connection.
class Sql {
  public:
    Sql(const soci::backend_factory& factory, const std::string& connection);
    ~Sql();

    // Returns how many rows it changed.
    template <typename... Values>
    int64_t Run(std::string_view text, const Values&... values) {
        return Change(text, Bound<Values...>{&values...});
    }

    // Puts the first row into the references of `columns`; false, and nothing put, where there is
    // none.
    template <typename... Columns, typename... Values>
    bool First(std::string_view text, std::tuple<Columns&...> columns, const Values&... values) {
        bool found = false;
        Select(text, PlacesOf(columns), Bound<Values...>{&values...}, [&] {
            found = true;
            return false;
        });
        return found;
    }

    // All rows. Row is a struct with a function ColumnsOf(Row&) beside it, that ties the members
    // into which the columns go.
    template <typename Row, typename... Values>
    std::vector<Row> All(std::string_view text, const Values&... values) {
        std::vector<Row> rows;
        Row row{};
        Select(text, PlacesOf(ColumnsOf(row)), Bound<Values...>{&values...}, [&] {
            rows.push_back(row);
            return true;
        });
        return rows;
    }

  private:
    using Value = std::variant<const int64_t*, const double*, const std::string*, const Texts*>;
    using Place = std::variant<int64_t*, double*, std::string*>;
    template <typename... Values>
    using Bound = std::array<Value, sizeof...(Values)>;

    template <typename... Columns>
    static std::array<Place, sizeof...(Columns)> PlacesOf(const std::tuple<Columns&...>& columns) {
        return std::apply(
            [](auto&... column) { return std::array<Place, sizeof...(Columns)>{&column...}; },
            columns);
    }

    class Use;
    // The same text gives the same statement, until there are too many of them.
    soci::statement& Prepared(std::string_view text);
    // The number of rows that it changed.
    int64_t Change(std::string_view text, std::span<const Value> values);
    // Puts each row into `places` and calls `take`, until that returns false.
    void Select(std::string_view text, std::span<const Place> places, std::span<const Value> values,
                const std::function<bool()>& take);

    std::unique_ptr<soci::session> session_;
    const bool sqlite_;
    std::map<std::string, std::unique_ptr<soci::statement>, std::less<>> prepared_;
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
