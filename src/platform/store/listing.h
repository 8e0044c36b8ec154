// Lists by keyset: a page begins behind a row, however many there are before it.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "platform/api/page.h"
#include "platform/api/refusal.h"
#include "platform/store/sql.h"

namespace hone::platform {

// A refusal where the limit is not 0 to `largest`.
inline absl::Status CheckPage(const PageRequest& page, int64_t largest) {
    if (page.limit >= 0 && page.limit <= largest) return absl::OkStatus();
    return InvalidField("limit", "limit is {}, but must be between 0 and {}.", page.limit, largest);
}

// Where a list comes from.
struct ListSource {
    std::string_view columns;
    std::string_view table;        // one, or several that are joined
    std::string_view key = "seq";  // the column, a positive number, in whose order the rows are
};

// One page of the rows for which `where` is true, which has a placeholder for each of the values
// ("project = :project"). page.after is an id among these rows.
template <typename Row, typename... Values>
Page<Row> ListRows(Sql& sql, const ListSource& source, std::string_view where,
                   const PageRequest& page, const Values&... values) {
    Page<Row> result;
    if (page.limit <= 0) return result;
    int64_t start = page.newest_first ? std::numeric_limits<int64_t>::max() : 0;
    if (!page.after.empty() && !sql.First(fmt::format("select {} from {} where {} and id = :after",
                                                      source.key, source.table, where),
                                          std::tie(start), values..., page.after))
        return result;
    result.data = sql.All<Row>(
        fmt::format("select {} from {} where {} and {} {} :start order by {} {} limit :rows",
                    source.columns, source.table, where, source.key, page.newest_first ? "<" : ">",
                    source.key, page.newest_first ? "desc" : "asc"),
        values..., start, page.limit + 1);
    result.has_more = static_cast<int64_t>(result.data.size()) > page.limit;
    if (result.has_more) result.data.pop_back();
    return result;
}

}  // namespace hone::platform
