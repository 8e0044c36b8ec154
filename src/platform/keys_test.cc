#include "platform/keys/keys.h"

#include <gmock/gmock.h>

#include "base/files/testing.h"
#include "platform/api/refusal.h"
#include "platform/platform.h"
#include "platform/testing.h"

namespace hone::platform {
namespace {

using testing::HasSubstr;
using testing::Not;

class KeysTest : public testing::Test {
  protected:
    KeysTest() {
        test_.options.clock = [this] { return now_; };
        test_.Open();
    }
    Keys& keys() { return test_.platform->keys(); }
    RefusalKind KindOfKey(const std::string& secret) {
        return RefusalOf(keys().Authenticate(secret).status()).kind;
    }
    int64_t now_ = 1'700'000'000;
    TestPlatform test_;
};

TEST_F(KeysTest, TheFirstKeyIsMadeOnceAndIsAnAdmins) {
    EXPECT_EQ(test_.caller.role, Role::kAdmin);
    EXPECT_FALSE(keys().CreateFirst()->has_value());
    test_.Open();
    EXPECT_FALSE(keys().CreateFirst()->has_value());
    EXPECT_EQ(keys().ListProjects()->size(), 1u);
}

TEST_F(KeysTest, ASecretStandsForItsProjectAndRoleUntilItExpiresOrIsRevoked) {
    const auto created = keys().Create(test_.caller, {"ci", Role::kViewer, now_ + 10}).value();
    const auto caller = keys().Authenticate(created.secret).value();
    EXPECT_EQ(caller.project, test_.caller.project);
    EXPECT_EQ(caller.role, Role::kViewer);
    EXPECT_EQ(caller.key_id, created.key.id);
    EXPECT_TRUE(created.secret.ends_with(created.key.hint.substr(3)));
    now_ += 10;
    EXPECT_EQ(KindOfKey(created.secret), RefusalKind::kUnauthenticated);
    const auto lasting = keys().Create(test_.caller, {}).value();
    EXPECT_TRUE(keys().Authenticate(lasting.secret).ok());
    EXPECT_EQ(keys().Revoke(test_.caller, lasting.key.id)->revoked_at, now_);
    EXPECT_TRUE(keys().Revoke(test_.caller, lasting.key.id).ok());
    EXPECT_EQ(KindOfKey(lasting.secret), RefusalKind::kUnauthenticated);
}

TEST_F(KeysTest, AnotherSecretIsRefusedAndNotRepeated) {
    const std::string secret = keys().Create(test_.caller, {}).value().secret;
    std::vector<std::string> wrong = {"", "sk-hone-", secret + "x", secret.substr(1)};
    for (const size_t at : {size_t{9}, secret.size() - 1}) {
        std::string changed = secret;
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        wrong.push_back(changed);
    }
    for (const std::string& other : wrong) {
        const auto status = keys().Authenticate(other).status();
        EXPECT_EQ(RefusalOf(status).code, "invalid_api_key") << other;
        EXPECT_THAT(std::string(status.message()), Not(HasSubstr(secret.substr(8, 12))));
    }
}

TEST_F(KeysTest, OnlyAHashOfASecretIsStored) {
    if (!TestPostgresql().empty()) GTEST_SKIP() << "looks at the file of SQLite";
    const std::string secret = keys().Create(test_.caller, {}).value().secret;
    test_.platform.reset();  // so that everything is in the one file
    std::string stored;
    for (const auto& entry : std::filesystem::directory_iterator(test_.options.data_dir))
        if (entry.is_regular_file()) stored += ReadFile(entry.path()).value();
    EXPECT_THAT(stored, HasSubstr(secret.substr(8, 12)));  // the part that finds the key
    EXPECT_THAT(stored, Not(HasSubstr(secret.substr(21))));
    test_.Open();
}

TEST_F(KeysTest, KeysOfAnotherProjectAreNotFoundAndOnlyAnAdminMakesSome) {
    const Project other = keys().CreateProject("other").value();
    const auto theirs = keys().Create(Operator(other.id), {}).value();
    EXPECT_EQ(RefusalOf(keys().Revoke(test_.caller, theirs.key.id).status()).kind,
              RefusalKind::kNotFound);
    EXPECT_TRUE(keys().Authenticate(theirs.secret).ok());
    const auto own = keys().List(test_.caller, {}).value();
    for (const ApiKey& key : own.data) EXPECT_EQ(key.project, test_.caller.project);
    const Caller member = {other.id, Role::kMember, "key_m"};
    EXPECT_EQ(RefusalOf(keys().Create(member, {}).status()).kind, RefusalKind::kForbidden);
    EXPECT_EQ(RefusalOf(keys().List(member, {}).status()).kind, RefusalKind::kForbidden);
    EXPECT_EQ(keys().FindProject("other")->id, other.id);
    EXPECT_EQ(keys().FindProject(other.id)->name, "other");
    EXPECT_FALSE(keys().FindProject("third").ok());
    for (const char* name : {"", "a b", "other", "../x"})
        EXPECT_FALSE(keys().CreateProject(name).ok()) << name;
}

TEST_F(KeysTest, AdminsOfTheFirstProjectManageTheOthers) {
    const Project made = keys().CreateProject(test_.caller, "team").value();
    const Caller there = keys().InProject(test_.caller, made.id).value();
    const auto key = keys().Create(there, {"theirs", Role::kAdmin, 0}).value();
    const Caller theirs = keys().Authenticate(key.secret).value();
    EXPECT_EQ(theirs.project, made.id);
    // The log of each project says what was done in it.
    const auto last = [&](const Caller& caller) {
        return test_.platform->audit().List(caller, {"", 1, true}).value().data.at(0);
    };
    EXPECT_EQ(last(test_.caller).action, "project.create");
    EXPECT_EQ(last(test_.caller).object, made.id);
    EXPECT_EQ(last(theirs).action, "key.create");
    EXPECT_EQ(last(theirs).key_id, test_.caller.key_id);
    test_.Upload(TestPlatform::Chats(2));
    const auto all = keys().ListProjects(test_.caller, {"", 20, false}).value().data;
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].project.id, test_.caller.project);
    EXPECT_EQ(all[0].files, 1);
    EXPECT_EQ(all[0].bytes, static_cast<int64_t>(TestPlatform::Chats(2).size()));
    EXPECT_EQ(all[1].project.name, "team");
    EXPECT_EQ(all[1].keys, 1);
    EXPECT_EQ(all[1].files + all[1].jobs + all[1].bytes, 0);
    ASSERT_TRUE(keys().Revoke(there, key.key.id).ok());
    EXPECT_EQ(keys().ListProjects(test_.caller, {"", 1, true})->data.at(0).keys, 0);
}

TEST_F(KeysTest, OtherAdminsAndMembersManageNoProject) {
    const Project made = keys().CreateProject("team").value();
    const Caller theirs = {made.id, Role::kAdmin, "key_a"};
    const Caller member = {test_.caller.project, Role::kMember, "key_m"};
    for (const absl::Status& status :
         {keys().ListProjects(theirs, {}).status(), keys().CreateProject(theirs, "more").status(),
          keys().InProject(theirs, test_.caller.project).status(),
          keys().ListProjects(member, {}).status(), keys().CreateProject(member, "more").status(),
          keys().InProject(member, made.id).status()})
        EXPECT_EQ(RefusalOf(status).kind, RefusalKind::kForbidden) << status;
    EXPECT_EQ(keys().InProject(theirs, made.id)->project, made.id);
    EXPECT_EQ(keys().InProject(member, "")->project, member.project);
    EXPECT_EQ(RefusalOf(keys().InProject(test_.caller, "proj_none").status()).param, "project_id");
    const absl::Status again = keys().CreateProject(test_.caller, "team").status();
    EXPECT_EQ(RefusalOf(again).kind, RefusalKind::kConflict);
    EXPECT_THAT(std::string(again.message()), HasSubstr("choose another name"));
    const absl::Status wrong = keys().CreateProject(test_.caller, "a b").status();
    EXPECT_EQ(RefusalOf(wrong).param, "name");
    EXPECT_THAT(std::string(wrong.message()), HasSubstr("1 to 64 letters"));
}

}  // namespace
}  // namespace hone::platform
