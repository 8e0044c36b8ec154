// Answers that clients asked to keep.
#include "platform/answers/answers.h"

#include <gmock/gmock.h>

#include "platform/testing.h"

namespace hone::platform {
namespace {

using testing::ElementsAre;

class AnswersTest : public testing::Test {
  protected:
    AnswersTest() {
        test_.options.clock = [this] { return now_; };
        test_.options.limits.stored_answers = 4;
        test_.options.limits.stored_answer_bytes = 1000;
        test_.Open();
    }
    Answers& answers() { return test_.platform->answers(); }
    void Keep(const std::string& id, Metadata metadata = {}, const std::string& body = "{}") {
        const absl::Status kept = answers().Keep(
            test_.caller, {id, "chat.completion", now_, "tiny", std::move(metadata), body, "[]"});
        EXPECT_TRUE(kept.ok()) << kept;
    }
    std::vector<std::string> Listed(const AnswerFilter& filter = {}, const PageRequest& page = {}) {
        const auto answered = answers().List(test_.caller, "chat.completion", filter, page).value();
        std::vector<std::string> ids;
        for (const StoredAnswer& one : answered.data) ids.push_back(one.id);
        return ids;
    }
    RefusalKind Missing(const Caller& caller, const std::string& kind, const std::string& id) {
        return RefusalOf(answers().Get(caller, kind, id, "x").status()).kind;
    }

    int64_t now_ = 1'700'000'000;
    TestPlatform test_;
};

TEST_F(AnswersTest, AreKeptListedChangedAndDeleted) {
    Keep("a", {{"team", "x"}, {"run", "1"}}, R"({"n": 1})");
    Keep("b", {{"team", "x"}});
    Keep("c");
    const StoredAnswer a = answers().Get(test_.caller, "chat.completion", "a", "id").value();
    EXPECT_EQ(a.body, R"({"n": 1})");
    EXPECT_EQ(a.input, "[]");
    EXPECT_EQ(a.metadata.at("run"), "1");
    EXPECT_THAT(Listed(), ElementsAre("c", "b", "a"));
    EXPECT_THAT(Listed({}, {"c", 1, true}), ElementsAre("b"));
    EXPECT_THAT(Listed({.metadata = {{"team", "x"}}}), ElementsAre("b", "a"));
    EXPECT_THAT(Listed({.metadata = {{"team", "x"}, {"run", "1"}}}), ElementsAre("a"));
    EXPECT_THAT(Listed({.model = "tiny"}), ElementsAre("c", "b", "a"));
    EXPECT_THAT(Listed({.model = "other"}), ElementsAre());
    ASSERT_TRUE(
        answers().SetMetadata(test_.caller, "chat.completion", "a", "id", {{"team", "y"}}).ok());
    EXPECT_THAT(Listed({.metadata = {{"team", "y"}}}), ElementsAre("a"));
    EXPECT_THAT(Listed({.metadata = {{"run", "1"}}}), ElementsAre());
    test_.Open();
    EXPECT_EQ(answers().Get(test_.caller, "chat.completion", "a", "id")->metadata.at("team"), "y");
    ASSERT_TRUE(answers().Delete(test_.caller, "chat.completion", "a", "id").ok());
    EXPECT_EQ(Missing(test_.caller, "chat.completion", "a"), RefusalKind::kNotFound);
}

TEST_F(AnswersTest, AreTheProjectsAlone) {
    Keep("a");
    EXPECT_EQ(Missing(test_.caller, "response", "a"), RefusalKind::kNotFound);
    const Caller other = Operator(test_.platform->keys().CreateProject("other").value().id);
    EXPECT_EQ(Missing(other, "chat.completion", "a"), RefusalKind::kNotFound);
    EXPECT_FALSE(answers().Delete(other, "chat.completion", "a", "id").ok());
    EXPECT_FALSE(answers().SetMetadata(other, "chat.completion", "a", "id", {}).ok());
    EXPECT_TRUE(answers().List(other, "chat.completion", {}, {})->data.empty());
    Caller viewer = test_.caller;
    viewer.role = Role::kViewer;
    EXPECT_TRUE(answers().Get(viewer, "chat.completion", "a", "id").ok());
    EXPECT_EQ(RefusalOf(answers().Delete(viewer, "chat.completion", "a", "id")).kind,
              RefusalKind::kForbidden);
}

TEST_F(AnswersTest, TheOldestMakeRoom) {
    for (const char* id : {"a", "b", "c", "d"}) Keep(id);
    EXPECT_EQ(Listed().size(), 4u);
    Keep("e");
    EXPECT_THAT(Listed(), ElementsAre("e", "d", "c", "b"));
    Keep("f", {}, std::string(992, 'x'));  // with e, that has 4 bytes, 998
    EXPECT_THAT(Listed(), ElementsAre("f", "e"));
    now_ += test_.options.limits.stored_answer_seconds + 1;
    Keep("g");
    EXPECT_THAT(Listed(), ElementsAre("g"));
}

}  // namespace
}  // namespace hone::platform
