// Base models that are fetched while the platform runs, from a hub on this machine.
#include "platform/bases/pulls.h"

#include <gmock/gmock.h>

#include <atomic>
#include <fstream>

#include "base/files/file.h"
#include "base/files/hash.h"
#include "hub/http_testing.h"
#include "platform/testing.h"

namespace hone::platform {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kModel[] = HONE_SOURCE_DIR "/tests/golden/models/tied/";

// A hub with one model, org/little. While `held`, it says nothing of the weights but a part.
class PullsTest : public testing::Test {
  protected:
    PullsTest() : server_([this](const testkit::Request& request) { return Answer(request); }) {
        HubOptions hub{.endpoint = server_.url(), .cache = test_.folder / "cache"};
        hub.attempts = 2;
        hub.retry_delay_ms = 1;
        test_.options.hub = hub;
        test_.Open();
    }
    ~PullsTest() override { held_ = false; }

    testkit::Reply Answer(const testkit::Request& request) {
        if (request.path.starts_with("/api/models/org/little")) return {200, Listing()};
        constexpr std::string_view kFiles = "/org/little/resolve/0123abcd/";
        if (!request.path.starts_with(kFiles)) return {404, "no"};
        const std::string name = request.path.substr(kFiles.size());
        const std::string content = ReadFile(kModel + name).value();
        const size_t begin = request.range_begin();
        testkit::Reply reply{begin > 0 ? 206 : 200, content.substr(begin)};
        if (name != "model.safetensors") return reply;
        if (held_ && begin == 0) reply.cut_after = content.size() / 2;
        if (held_ && begin > 0)
            while (held_) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return reply;
    }
    static std::string Listing() {
        nlohmann::json siblings = nlohmann::json::array();
        for (const auto& entry : std::filesystem::directory_iterator(kModel)) {
            const std::string content = ReadFile(entry.path()).value();
            siblings.push_back({{"rfilename", entry.path().filename()},
                                {"size", content.size()},
                                {"lfs", {{"sha256", Sha256Hex(content)}}}});
        }
        return nlohmann::json{{"sha", "0123abcd"}, {"siblings", siblings}}.dump();
    }

    Pulls& pulls() { return test_.platform->pulls(); }
    Pull Await(const std::string& id, const std::function<bool(const Pull&)>& wanted) {
        for (int i = 0; i < 6000; ++i) {
            const Pull pull = pulls().Get(test_.caller, id).value();
            if (wanted(pull)) return pull;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        ADD_FAILURE() << id << " stays " << pulls().Get(test_.caller, id)->status;
        return {};
    }
    Pull AwaitEnd(const std::string& id) {
        return Await(id, [](const Pull& pull) { return pull.finished_at > 0; });
    }
    Pull AwaitBytes(const std::string& id) {
        return Await(id, [](const Pull& pull) { return pull.bytes > pull.total_bytes / 2; });
    }
    std::vector<std::string> BaseNames() {
        std::vector<std::string> names;
        for (const BaseModel& base : test_.platform->bases().All()) names.push_back(base.name);
        return names;
    }

    std::atomic<bool> held_ = false;
    testkit::HttpServer server_;
    TestPlatform test_;
};

TEST_F(PullsTest, AFetchedModelIsABaseNowAndLater) {
    ASSERT_TRUE(test_.platform->Start().ok());
    const auto pull = pulls().Create(test_.caller, "org/little");
    ASSERT_TRUE(pull.ok()) << pull.status();
    EXPECT_EQ(pull->status, "queued");
    EXPECT_EQ(pull->model, "little");
    const Pull done = AwaitEnd(pull->id);
    EXPECT_EQ(done.status, "succeeded") << done.error;
    EXPECT_THAT(BaseNames(), ElementsAre("tiny", "little"));
    JobRequest request;
    request.model = "little";
    request.training_file = test_.Upload(TestPlatform::Chats(12));
    request.hyperparameters.n_epochs = 1;
    const Job job = test_.AwaitEnd(test_.platform->jobs().Create(test_.caller, request)->id);
    EXPECT_EQ(job.status, JobStatus::kSucceeded);
    // A second one would take its name.
    EXPECT_EQ(RefusalOf(pulls().Create(test_.caller, "other/little").status()).code,
              "model_exists");
    test_.Open();
    EXPECT_THAT(BaseNames(), ElementsAre("tiny", "little"));
    EXPECT_TRUE(test_.platform->models().Get(test_.caller, "little").ok());
    // Whose files are gone is no base any more, and can be one again.
    std::filesystem::remove_all(test_.folder / "cache");
    test_.Open();
    EXPECT_THAT(BaseNames(), ElementsAre("tiny"));
    ASSERT_TRUE(test_.platform->Start().ok());
    EXPECT_EQ(AwaitEnd(pulls().Create(test_.caller, "org/little")->id).status, "succeeded");
}

TEST_F(PullsTest, APullIsCancelledWhileNothingComes) {
    held_ = true;
    ASSERT_TRUE(test_.platform->Start().ok());
    const std::string id = pulls().Create(test_.caller, "org/little")->id;
    const Pull half = AwaitBytes(id);
    EXPECT_EQ(half.status, "running");
    EXPECT_EQ(half.file, "model.safetensors");
    EXPECT_LT(half.bytes, half.total_bytes);
    EXPECT_EQ(RefusalOf(pulls().Create(test_.caller, "org/little").status()).code,
              "pull_in_progress");
    EXPECT_EQ(pulls().Cancel(test_.caller, id)->status, "cancelled");
    EXPECT_EQ(RefusalOf(pulls().Cancel(test_.caller, id).status()).code, "invalid_pull_status");
    // The next one goes on where it stopped.
    held_ = false;
    const std::string next = pulls().Create(test_.caller, "org/little")->id;
    EXPECT_EQ(AwaitEnd(next).status, "succeeded");
    size_t begin = 0;
    for (const testkit::Request& request : server_.requests())
        if (request.path.ends_with("model.safetensors")) begin = request.range_begin();
    EXPECT_GT(begin, 0u);
    const auto all = pulls().List(test_.caller, {});
    ASSERT_EQ(all->data.size(), 2u);
    EXPECT_EQ(all->data[0].id, next);
    EXPECT_EQ(all->data[1].status, "cancelled");
}

TEST_F(PullsTest, APullGoesOnAfterARestart) {
    held_ = true;
    ASSERT_TRUE(test_.platform->Start().ok());
    const std::string id = pulls().Create(test_.caller, "org/little")->id;
    AwaitBytes(id);
    test_.Open();
    EXPECT_EQ(pulls().Get(test_.caller, id)->status, "running");
    held_ = false;
    ASSERT_TRUE(test_.platform->Start().ok());
    EXPECT_EQ(AwaitEnd(id).status, "succeeded");
    EXPECT_THAT(BaseNames(), ElementsAre("tiny", "little"));
}

TEST_F(PullsTest, ABaseIsRemovedOnceNothingNeedsIt) {
    ASSERT_TRUE(test_.platform->Start().ok());
    const auto refusal = [&](const std::string& name) {
        return pulls().Remove(test_.caller, name).status();
    };
    EXPECT_EQ(RefusalOf(refusal("tiny")).code, "model_not_fetched");
    EXPECT_EQ(RefusalOf(refusal("little")).kind, RefusalKind::kNotFound);
    ASSERT_EQ(AwaitEnd(pulls().Create(test_.caller, "org/little")->id).status, "succeeded");
    EXPECT_TRUE(test_.platform->advisor().DescribeBases().at(1).fetched);
    JobRequest request;
    request.model = "little";
    request.training_file = test_.Upload(TestPlatform::Chats(12));
    request.hyperparameters.n_epochs = 1;
    const Job job = test_.AwaitEnd(test_.platform->jobs().Create(test_.caller, request)->id);
    ASSERT_EQ(job.status, JobStatus::kSucceeded);
    EXPECT_THAT(std::string(refusal("little").message()),
                HasSubstr("1 fine-tuned model stands on it"));
    ASSERT_TRUE(test_.platform->models().Delete(test_.caller, job.fine_tuned_model).ok());
    request.hyperparameters.n_epochs = 50;
    const std::string running = test_.platform->jobs().Create(test_.caller, request)->id;
    EXPECT_THAT(std::string(refusal("little").message()),
                HasSubstr("1 job that is not over uses it"));
    EXPECT_EQ(RefusalOf(refusal("little")).code, "model_in_use");
    ASSERT_TRUE(test_.platform->jobs().Cancel(test_.caller, running).ok());

    const std::string folder = test_.folder / "cache/models/org--little";
    ASSERT_TRUE(std::filesystem::exists(folder));
    const auto removed = pulls().Remove(test_.caller, "little");
    ASSERT_TRUE(removed.ok()) << removed.status();
    EXPECT_EQ(removed->path, folder);
    EXPECT_GT(removed->freed_bytes, 1000);
    EXPECT_FALSE(std::filesystem::exists(folder));
    EXPECT_EQ(test_.platform->audit().List(test_.caller, {})->data.at(0).action, "model.remove");
    EXPECT_EQ(RefusalOf(test_.platform->jobs().Create(test_.caller, request).status()).code,
              "model_not_available");
    test_.Open();
    EXPECT_THAT(BaseNames(), ElementsAre("tiny"));
    ASSERT_TRUE(test_.platform->Start().ok());
    EXPECT_EQ(AwaitEnd(pulls().Create(test_.caller, "org/little")->id).status, "succeeded");
}

TEST_F(PullsTest, FilesThatAreNotOfTheBaseAloneStay) {
    ASSERT_TRUE(test_.platform->Start().ok());
    ASSERT_EQ(AwaitEnd(pulls().Create(test_.caller, "org/little")->id).status, "succeeded");
    const std::string folder = test_.folder / "cache/models/org--little";
    // Another base has the same files.
    test_.options.models.push_back({"mine", folder});
    test_.Open();
    EXPECT_THAT(std::string(pulls().Remove(test_.caller, "little").status().message()),
                HasSubstr("its files are those of 'mine' too"));
    // They lie in a cache that is not this server's.
    test_.options.models.pop_back();
    test_.options.hub->cache = test_.folder / "another";
    test_.Open();
    const auto removed = pulls().Remove(test_.caller, "little");
    ASSERT_TRUE(removed.ok()) << removed.status();
    EXPECT_EQ(removed->freed_bytes, 0);
    EXPECT_TRUE(std::filesystem::exists(folder));
    EXPECT_THAT(BaseNames(), ElementsAre("tiny"));
}

TEST_F(PullsTest, ABaseWhoseFilesVanishIsNotDescribed) {
    ASSERT_TRUE(test_.platform->Start().ok());
    ASSERT_EQ(AwaitEnd(pulls().Create(test_.caller, "org/little")->id).status, "succeeded");
    EXPECT_EQ(test_.platform->advisor().DescribeBases().size(), 2u);
    std::filesystem::remove_all(test_.folder / "cache");
    const auto bases = test_.platform->advisor().DescribeBases();
    ASSERT_EQ(bases.size(), 1u);
    EXPECT_EQ(bases[0].name, "tiny");
}

TEST_F(PullsTest, AFailureNamesTheCure) {
    ASSERT_TRUE(test_.platform->Start().ok());
    const Pull failed = AwaitEnd(pulls().Create(test_.caller, "org/none")->id);
    EXPECT_EQ(failed.status, "failed");
    EXPECT_THAT(failed.error, HasSubstr("check the name at " + server_.url() + "/org/none"));
    EXPECT_THAT(BaseNames(), ElementsAre("tiny"));
}

TEST_F(PullsTest, OnlyAnAdminFetchesAndOnlyWhatIsAModel) {
    const Caller member = {test_.caller.project, Role::kMember, "key_m"};
    for (const absl::Status& status :
         {pulls().Create(member, "org/little").status(), pulls().List(member, {}).status(),
          pulls().Get(member, "pull-x").status(), pulls().Cancel(member, "pull-x").status(),
          pulls().Remove(member, "tiny").status(), pulls().Catalogue(member).status()})
        EXPECT_EQ(RefusalOf(status).kind, RefusalKind::kForbidden) << status;
    for (const char* wrong : {"", "nonsense", "../etc/passwd", "http://host/x", "a/b/c"})
        EXPECT_EQ(RefusalOf(pulls().Create(test_.caller, wrong).status()).param, "model") << wrong;
    EXPECT_EQ(RefusalOf(pulls().Get(test_.caller, "pull-x").status()).kind, RefusalKind::kNotFound);
}

TEST_F(PullsTest, TheCatalogueSaysWhatIsThere) {
    const auto models = pulls().Catalogue(test_.caller);
    ASSERT_TRUE(models.ok()) << models.status();
    ASSERT_FALSE(models->empty());
    for (const CatalogueModel& model : *models) {
        EXPECT_FALSE(model.is_base) << model.name;
        EXPECT_EQ(model.cached_bytes, 0) << model.name;
        EXPECT_FALSE(model.licence.empty()) << model.name;
    }
    // A repository that has a name here is known by it.
    const auto pull = pulls().Create(test_.caller, models->front().repo);
    ASSERT_TRUE(pull.ok()) << pull.status();
    EXPECT_EQ(pull->model, models->front().name);
}

}  // namespace
}  // namespace hone::platform
