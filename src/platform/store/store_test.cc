#include <gmock/gmock.h>

#include <thread>

#include "base/files/testing.h"
#include "platform/store/database.h"
#include "platform/store/ids.h"
#include "platform/store/listing.h"
#include "platform/store/testing.h"

namespace hone::platform {
namespace {

struct ItemRow {
    std::string id;
    int64_t number = 0;
};
auto ColumnsOf(ItemRow& row) { return std::tie(row.id, row.number); }

// On SQLite, and on the PostgreSQL that HONE_TEST_POSTGRESQL names.
class StoreTest : public testing::TestWithParam<std::string> {
  protected:
    void SetUp() override {
        url_ = GetParam() == "sqlite" ? "sqlite://" + folder_ / "a b.db" : GetParam();
        database_ = Database::Open(url_).value();
        ASSERT_TRUE(database_
                        ->Write([](Sql& sql) {
                            sql.Run("drop table if exists items");
                            sql.Run(
                                "create table items (seq bigint primary key, id text not null, "
                                "number bigint not null)");
                            return absl::OkStatus();
                        })
                        .ok());
    }
    void Fill(int64_t count) {
        ASSERT_TRUE(database_
                        ->Write([&](Sql& sql) {
                            for (int64_t i = 1; i <= count; ++i)
                                sql.Run("insert into items values (:seq, :id, :number)", i,
                                        fmt::format("item-{}", i), i % 2);
                            return absl::OkStatus();
                        })
                        .ok());
    }
    int64_t Count() {
        return database_
            ->Read([](Sql& sql) -> absl::StatusOr<int64_t> {
                int64_t count = 0;
                sql.First("select count(*) from items", std::tie(count));
                return count;
            })
            .value();
    }
    TestFolder folder_;
    std::string url_;
    std::unique_ptr<Database> database_;
};

TEST_P(StoreTest, AnErrorUndoesTheWholeChange) {
    const absl::Status status = database_->Write([](Sql& sql) -> absl::Status {
        sql.Run("insert into items values (1, 'one', 1)");
        return InvalidField("n_epochs", "no");
    });
    EXPECT_EQ(RefusalOf(status).param, "n_epochs");
    EXPECT_EQ(Count(), 0);
}

TEST_P(StoreTest, AFailingStatementIsARefusalAndTheNextChangeWorks) {
    const absl::Status status = database_->Write([](Sql& sql) -> absl::Status {
        sql.Run("insert into items values (1, 'one', 1)");
        sql.Run("insert into no_such_table values (1)");
        return absl::OkStatus();
    });
    EXPECT_EQ(RefusalOf(status).kind, RefusalKind::kInternal);
    EXPECT_THAT(std::string(status.message()), testing::Not(testing::HasSubstr("no_such")));
    EXPECT_EQ(Count(), 0);
    Fill(1);
    EXPECT_EQ(Count(), 1);
}

TEST_P(StoreTest, ChangesOfManyThreadsLoseNothing) {
    Fill(1);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int j = 0; j < 25; ++j)
                EXPECT_TRUE(database_
                                ->Write([](Sql& sql) -> absl::Status {
                                    int64_t number = 0;
                                    sql.First("select number from items", std::tie(number));
                                    sql.Run("update items set number = :number", number + 1);
                                    return absl::OkStatus();
                                })
                                .ok());
        });
    for (auto& thread : threads) thread.join();
    int64_t number = 0;
    ASSERT_TRUE(database_
                    ->Read([&](Sql& sql) {
                        sql.First("select number from items", std::tie(number));
                        return absl::OkStatus();
                    })
                    .ok());
    EXPECT_EQ(number, 1 + 4 * 25);
}

TEST_P(StoreTest, PagesGoThroughAllRowsInBothOrders) {
    Fill(10);
    for (const bool newest_first : {true, false}) {
        std::vector<std::string> ids;
        PageRequest page{"", 2, newest_first};
        for (bool more = true; more;) {
            ASSERT_TRUE(database_
                            ->Read([&](Sql& sql) {
                                const auto rows =
                                    ListRows<ItemRow>(sql, {"id, number", "items"},
                                                      "number = :number", page, int64_t{1});
                                for (const auto& row : rows.data) ids.push_back(row.id);
                                more = rows.has_more;
                                page.after = ids.back();
                                return absl::OkStatus();
                            })
                            .ok());
        }
        std::vector<std::string> expected = {"item-1", "item-3", "item-5", "item-7", "item-9"};
        if (newest_first) std::reverse(expected.begin(), expected.end());
        EXPECT_EQ(ids, expected);
        // What is not in the list begins no page; a limit of 0 has none.
        for (const PageRequest& empty :
             {PageRequest{"item-2", 2, newest_first}, PageRequest{"nothing", 2, newest_first},
              PageRequest{"", 0, newest_first}})
            ASSERT_TRUE(database_
                            ->Read([&](Sql& sql) {
                                const auto rows =
                                    ListRows<ItemRow>(sql, {"id, number", "items"},
                                                      "number = :number", empty, int64_t{1});
                                EXPECT_TRUE(rows.data.empty() && !rows.has_more);
                                return absl::OkStatus();
                            })
                            .ok());
    }
}

TEST_P(StoreTest, AnotherDatabaseObjectSeesWhatWasWritten) {
    Fill(3);
    auto other = Database::Open(url_).value();
    int64_t count = 0;
    ASSERT_TRUE(other
                    ->Read([&](Sql& sql) {
                        sql.First("select count(*) from items", std::tie(count));
                        return absl::OkStatus();
                    })
                    .ok());
    EXPECT_EQ(count, 3);
}

TEST_P(StoreTest, ANewerVersionIsRefused) {
    ASSERT_TRUE(database_
                    ->Write([](Sql& sql) {
                        sql.Run("update schema_version set version = version + 1");
                        return absl::OkStatus();
                    })
                    .ok());
    const auto status = Database::Open(url_).status();
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("newer hone"));
    ASSERT_TRUE(database_
                    ->Write([](Sql& sql) {
                        sql.Run("update schema_version set version = version - 1");
                        return absl::OkStatus();
                    })
                    .ok());
}

INSTANTIATE_TEST_SUITE_P(Each, StoreTest, testing::ValuesIn(TestDatabases()));

TEST(Database, WhatIsNoDatabaseIsRefused) {
    EXPECT_THAT(std::string(Database::Open("mysql://secret@host/x").status().message()),
                testing::AllOf(testing::HasSubstr("postgresql://"),
                               testing::Not(testing::HasSubstr("secret"))));
    for (const char* url : {"postgresql://secret@[", "postgresql://u:a%20secret@h/x"})
        EXPECT_THAT(std::string(Database::Open(url).status().message()),
                    testing::AllOf(testing::HasSubstr("PostgreSQL"),
                                   testing::Not(testing::HasSubstr("secret"))));
    EXPECT_FALSE(Database::Open("sqlite:///no/such/folder/x.db").ok());
}

TEST(Database, ACopyHoldsEverything) {
    TestFolder folder;
    auto database = Database::Open("sqlite://" + folder / "a.db").value();
    ASSERT_TRUE(database
                    ->Write([](Sql& sql) {
                        sql.Run(
                            "insert into projects (id, name, created_at, stored_bytes, "
                            "stored_files) values "
                            "('p', 'p', 1, 0, 0)");
                        return absl::OkStatus();
                    })
                    .ok());
    ASSERT_TRUE(database->CopyTo(folder / "b.db").ok());
    auto copy = Database::Open("sqlite://" + folder / "b.db").value();
    std::string id;
    ASSERT_TRUE(copy->Read([&](Sql& sql) {
                        sql.First("select id from projects", std::tie(id));
                        return absl::OkStatus();
                    })
                    .ok());
    EXPECT_EQ(id, "p");
}

TEST(Ids, AreRandomLettersAndDigits) {
    EXPECT_THAT(NewId("ftjob-"), testing::MatchesRegex("ftjob-[A-Za-z0-9]{24}"));
    EXPECT_NE(NewId("file-"), NewId("file-"));
    EXPECT_GE(RandomSeed(), 0);
    EXPECT_LE(RandomSeed(), 2147483647);
    EXPECT_TRUE(EqualInConstantTime("abc", "abc"));
    EXPECT_FALSE(EqualInConstantTime("abc", "abd"));
    EXPECT_FALSE(EqualInConstantTime("abc", "abcd"));
}

}  // namespace
}  // namespace hone::platform
