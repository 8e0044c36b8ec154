#include "platform/keys/keys.h"

#include <gmock/gmock.h>

#include "base/testing.h"
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

}  // namespace
}  // namespace hone::platform
