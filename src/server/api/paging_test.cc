#include "server/api/paging.h"

#include <gtest/gtest.h>

namespace hone::server {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;
constexpr PageRules kRules{.limit = 20, .most = 100, .ordered = true};

// "after limit newest_first", or the status of the refusal and the parameter that it names.
std::string Read(Query query, const PageRules& rules = kRules) {
    const HttpRequest request{.query = std::move(query)};
    platform::PageRequest page;
    const auto wrong = ReadPage(request, rules, page);
    if (!wrong) return fmt::format("{} {} {}", page.after, page.limit, page.newest_first);
    const auto error = nlohmann::json::parse(wrong->body)["error"];
    return fmt::format("{} {}", wrong->status, error["param"].get<std::string>());
}

TEST(Paging, ReadsWhatIsAskedFor) {
    EXPECT_EQ(Read({}), " 20 true");
    EXPECT_EQ(Read({{"after", "file-1"}, {"limit", "5"}, {"order", "asc"}}), "file-1 5 false");
    EXPECT_EQ(Read({{"limit", "0"}, {"order", "desc"}}), " 0 true");
    EXPECT_EQ(Read({{"limit", "100"}}), " 100 true");
    EXPECT_EQ(Read({{"order", "asc"}}, {.ordered = false}), " 20 true");
}

TEST(Paging, AListMayBeginWithItsOldest) {
    const PageRules rules{.ordered = true, .newest = false};
    EXPECT_EQ(Read({}, rules), " 20 false");
    EXPECT_EQ(Read({{"order", "desc"}}, rules), " 20 true");
}

TEST(Paging, PagesOfAWholeList) {
    const auto ids = [](const platform::PageRequest& page) {
        std::vector<nlohmann::ordered_json> all;
        for (const char* id : {"a", "b", "c"}) all.push_back({{"id", id}});
        const auto json = PageJson(all, page);
        std::string text;
        for (const auto& one : json["data"]) text += one["id"].get<std::string>();
        return text + (json["has_more"] ? "+" : "");
    };
    EXPECT_EQ(ids({"", 20, false}), "abc");
    EXPECT_EQ(ids({"", 2, false}), "ab+");
    EXPECT_EQ(ids({"", 2, true}), "cb+");
    EXPECT_EQ(ids({"b", 2, false}), "c");
    EXPECT_EQ(ids({"b", 1, true}), "a");
    EXPECT_EQ(ids({"c", 5, false}), "");
    EXPECT_EQ(ids({"none", 5, false}), "");
    EXPECT_EQ(ids({"", 0, false}), "");
    EXPECT_EQ(ids({"", 3, true}), "cba");
}

TEST(Paging, ReadsPairsOfMetadata) {
    const HttpRequest request{
        .query = {{"metadata[team]", "a"}, {"metadata[]", "b"}, {"metadata", "c"}, {"x", "d"}}};
    EXPECT_EQ(ReadMetadataFilter(request), (platform::Metadata{{"team", "a"}, {"", "b"}}));
}

TEST(Paging, SaysWhatIsWrong) {
    for (const char* limit : {"101", "-1", "x", "", "1.5", "1e1", "99999999999999999999"})
        EXPECT_EQ(Read({{"limit", limit}}), "400 limit") << limit;
    EXPECT_EQ(Read({{"order", "up"}}), "400 order");
    EXPECT_EQ(Read({{"after", std::string(256, 'x')}}), std::string(256, 'x') + " 20 true");
    EXPECT_EQ(Read({{"after", std::string(257, 'x')}}), "400 after");
}

TEST(Paging, AListNamesItsEnds) {
    const auto to_json = [](int id) { return nlohmann::ordered_json{{"id", id}}; };
    EXPECT_EQ(CompactJson(ListJson(std::vector{1, 2}, true, to_json)),
              R"({"object":"list","data":[{"id":1},{"id":2}],"first_id":1,"last_id":2,)"
              R"("has_more":true})");
    EXPECT_EQ(CompactJson(ListJson(std::vector<int>(), false, to_json)),
              R"({"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false})");
}

}  // namespace
}  // namespace hone::server
