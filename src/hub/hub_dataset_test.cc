#include "hub/hub_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/hash.h"
#include "base/files/test_files.h"
#include "base/limits.h"
#include "hub/http_testing.h"
#include "nlohmann/json.hpp"

namespace hone {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testkit::HttpServer;
using testkit::Reply;
using testkit::Request;

using Files = std::map<std::string, std::string>;

// A hub with one data set, org/rows.
class HubDataset : public testing::Test {
  protected:
    HubDataset() : server_([this](const Request& request) { return Answer(request); }) {
        for (int i = 0; i < 5'000; ++i) train_ += fmt::format("{{\"text\": \"row {}\"}}\n", i);
        files_ = {{"data/train-00000-of-00001.jsonl", train_},
                  {"data/validation 1.jsonl", "{\"text\": \"held out\"}\n"},
                  {"README.md", "about"},
                  {"dataset_infos.json", "{}"},
                  {".cache/x.json", "{}"},
                  {"rows.py", "pass"},
                  {"notes.txt", "a note"}};
        options_.endpoint = server_.url();
        options_.cache = folder_ / "cache";
        options_.retry_delay_ms = 1;
        options_.attempts = 3;
        options_.stall_timeout_s = 5;
    }

    Reply Answer(const Request& request) {
        if (override_)
            if (auto reply = override_(request)) return *reply;
        if (request.path == "/api/datasets/org/rows?blobs=true") return {200, Description()};
        constexpr std::string_view kFiles = "/datasets/org/rows/resolve/0123abcd/";
        if (!request.path.starts_with(kFiles)) return {404, "no"};
        std::string name = request.path.substr(kFiles.size());
        if (size_t space = name.find("%20"); space != name.npos) name.replace(space, 3, " ");
        auto file = files_.find(name);
        if (file == files_.end()) return {404, "no"};
        size_t begin = std::min(request.range_begin(), file->second.size());
        return {begin > 0 ? 206 : 200, file->second.substr(begin)};
    }
    std::string Description() const {
        nlohmann::json siblings = nlohmann::json::array();
        for (const auto& [name, content] : files_) {
            nlohmann::json entry{{"rfilename", name}, {"size", content.size()}};
            if (content.size() > 1000)
                entry["lfs"] = {{"sha256", Sha256Hex(content)}, {"size", content.size()}};
            else
                entry["blobId"] = GitBlobHash(content);
            siblings.push_back(std::move(entry));
        }
        nlohmann::json description{{"sha", "0123abcd"}, {"siblings", siblings}};
        if (!configs_.is_null()) description["cardData"] = {{"configs", configs_}};
        return description.dump();
    }

    absl::StatusOr<std::vector<std::string>> Pull(const std::string& subset = "") {
        return PullDataset("org/rows", subset, options_, progress_);
    }
    std::string Error(const std::string& subset = "") {
        auto paths = Pull(subset);
        EXPECT_FALSE(paths.ok());
        EXPECT_EQ(KindOf(paths.status()), ErrorKind::kData) << paths.status();
        EXPECT_FALSE(FindDataset("org/rows", subset, options_));
        return std::string(paths.status().message());
    }
    // The names that are chosen, or the error.
    std::vector<std::string> Chosen(const std::string& subset = "") const {
        auto listing = ParseDataset(Description(), "org/rows", subset);
        if (!listing.ok()) return {std::string(listing.status().message())};
        std::vector<std::string> names;
        for (const HubFile& file : listing->files) names.push_back(file.name);
        return names;
    }

    TestFolder folder_;
    std::string train_;
    Files files_;
    nlohmann::json configs_;
    HubOptions options_;
    ProgressCallback progress_;
    std::function<std::optional<Reply>(const Request&)> override_;
    HttpServer server_;
};

TEST_F(HubDataset, FetchesTheRowsAndKeepsTheirNames) {
    std::vector<PullProgress> seen;
    progress_ = [&](const PullProgress& progress) { seen.push_back(progress); };
    EXPECT_FALSE(FindDataset("org/rows", "", options_));
    auto paths = Pull();
    ASSERT_TRUE(paths.ok()) << paths.status();
    std::string folder = options_.cache + "/datasets/org--rows/";
    EXPECT_THAT(*paths, ElementsAre(folder + "data/train-00000-of-00001.jsonl",
                                    folder + "data/validation 1.jsonl"));
    EXPECT_EQ(testkit::Get((*paths)[0]), train_);
    EXPECT_EQ(testkit::Get((*paths)[1]), files_["data/validation 1.jsonl"]);
    EXPECT_FALSE(fs::exists(folder + "notes.txt")) << "jsonl is the format of most files";
    ASSERT_FALSE(seen.empty());
    EXPECT_EQ(seen.back().file_count, 2);
    EXPECT_EQ(seen.back().bytes, seen.back().total_bytes);
    // A second time nothing is asked for, with or without a network.
    size_t requests = server_.requests().size();
    options_.offline = true;
    EXPECT_EQ(*Pull(), *paths);
    EXPECT_EQ(server_.requests().size(), requests);
    EXPECT_EQ(FindDataset("org/rows", "", options_), *paths);
    // A file that went away is fetched again.
    fs::remove((*paths)[1]);
    EXPECT_THAT(Error(), HasSubstr("HF_HUB_OFFLINE"));
    options_.offline = false;
    EXPECT_EQ(*Pull(), *paths);
    EXPECT_EQ(server_.requests().size(), requests + 2) << "the description and one file";
}

TEST_F(HubDataset, ABrokenDownloadGoesOnWhereItStopped) {
    override_ = [this](const Request& request) -> std::optional<Reply> {
        if (!request.path.ends_with("-00001.jsonl")) return std::nullopt;
        if (request.range_begin() > 0) return Reply{503, "busy"};
        return Reply{200, train_, "", 20'000};
    };
    EXPECT_THAT(Error(), AllOf(HasSubstr("train-00000"), HasSubstr("503")));
    override_ = nullptr;
    auto paths = Pull();
    ASSERT_TRUE(paths.ok()) << paths.status();
    EXPECT_EQ(testkit::Get((*paths)[0]), train_);
    size_t last_begin = 0;
    for (const auto& request : server_.requests())
        if (request.path.ends_with("-00001.jsonl")) last_begin = request.range_begin();
    EXPECT_EQ(last_begin, 20'000u);
}

TEST_F(HubDataset, ErrorsAreOfTheDataAndNameTheCure) {
    auto code = [&](int value) {
        override_ = [value](const Request&) { return Reply{value, "x"}; };
        return Error();
    };
    EXPECT_THAT(code(404),
                AllOf(HasSubstr("not found"), HasSubstr(server_.url() + "/datasets/org/rows")));
    EXPECT_THAT(code(401), HasSubstr("HF_TOKEN"));
    override_ = [](const Request&) { return Reply{200, "nonsense"}; };
    EXPECT_THAT(Error(), HasSubstr("not valid JSON"));
    override_ = [this](const Request& request) -> std::optional<Reply> {
        if (!request.path.ends_with("-00001.jsonl")) return std::nullopt;
        std::string damaged = train_;
        damaged[7] ^= 1;
        return Reply{200, damaged};
    };
    EXPECT_THAT(Error(), HasSubstr("hash"));
    options_.endpoint = "http://127.0.0.1:1";
    EXPECT_THAT(Error(), AllOf(HasSubstr("cannot reach"), HasSubstr("a file or a folder")));
    EXPECT_EQ(KindOf(PullDataset("rows", "", options_, nullptr).status()), ErrorKind::kData);
    EXPECT_THAT(Error("../x"), HasSubstr("cannot be the name of a subset"));
}

TEST_F(HubDataset, SubsetsByFolderAndByName) {
    files_ = {{"main/train-0.parquet", "a"},
              {"main/test-0.parquet", "b"},
              {"mainly/train-0.parquet", "c"},
              {"other-small/train-0.parquet", "d"},
              {"third_train.parquet", "e"}};
    EXPECT_EQ(Chosen().size(), 5u);
    EXPECT_THAT(Chosen("main"), ElementsAre("main/test-0.parquet", "main/train-0.parquet"));
    EXPECT_THAT(Chosen("third"), ElementsAre("third_train.parquet"));
    EXPECT_THAT(Chosen("other"), ElementsAre("other-small/train-0.parquet"));
    EXPECT_THAT(Chosen("none"), ElementsAre(AllOf(HasSubstr("no subset \"none\""),
                                                  HasSubstr("main, mainly, other-small"))));
    // Each subset has its own folder.
    auto paths = Pull("main");
    ASSERT_TRUE(paths.ok()) << paths.status();
    EXPECT_EQ(paths->front(), options_.cache + "/datasets/org--rows--main/main/test-0.parquet");
    EXPECT_FALSE(FindDataset("org/rows", "", options_));
    EXPECT_FALSE(FindDataset("org/rows", "third", options_));
}

TEST_F(HubDataset, SubsetsThatTheCardDeclares) {
    files_ = {{"a/b/train.parquet", "a"}, {"a/test.parquet", "b"}, {"c.parquet", "c"}};
    configs_ = nlohmann::json::parse(R"([
        {"config_name": "one", "data_files": "a/*.parquet"},
        {"config_name": "two", "data_files": [{"split": "train", "path": ["a/**/train.parquet"]},
                                              {"split": "test", "path": "c.parquet"}]},
        {"config_name": "three", "data_dir": "a"}])");
    EXPECT_THAT(Chosen("one"), ElementsAre("a/test.parquet"));
    EXPECT_THAT(Chosen("two"), ElementsAre("a/b/train.parquet", "c.parquet"));
    EXPECT_THAT(Chosen("three"), ElementsAre("a/b/train.parquet", "a/test.parquet"));
    EXPECT_THAT(Chosen("a"), ElementsAre("a/b/train.parquet", "a/test.parquet"))
        << "a folder that the card does not declare";
    EXPECT_THAT(Chosen(),
                ElementsAre(AllOf(HasSubstr("--train_subset"), HasSubstr("one, two, three"))));
    configs_[1]["default"] = true;
    EXPECT_THAT(Chosen(), ElementsAre("a/b/train.parquet", "c.parquet"));
    configs_ = {{{"config_name", "x"}, {"data_files", "**/*.parquet"}}};
    EXPECT_EQ(Chosen().size(), 3u) << "**/ may be no folder";
    configs_ = {{{"config_name", "x"}, {"data_files", "gone/*"}}};
    EXPECT_THAT(Chosen(), ElementsAre(HasSubstr("names no file that hone reads")));
}

TEST_F(HubDataset, ListingsThatHoneCannotUse) {
    files_ = {{"README.md", "a"}, {"images.zip", "b"}, {"readme.txt", "c"}};
    EXPECT_THAT(Chosen(), ElementsAre(HasSubstr("holds no data file that hone reads")));
    for (std::string bad : {"a//b.jsonl", "a\nb.jsonl", "/b.jsonl"}) {
        files_ = {{bad, "a"}};
        EXPECT_THAT(Chosen(), ElementsAre(HasSubstr("name hone does not write"))) << bad;
    }
    files_ = {{"../b.jsonl", "a"}};
    EXPECT_THAT(Chosen(), ElementsAre(HasSubstr("holds no data file")));
    // 230 bytes of one part, kMaxNameBytes of all.
    auto name = [](size_t size) { return std::string(size - 6, 'x') + ".jsonl"; };
    files_ = {{name(230), "a"}};
    EXPECT_THAT(Chosen(), ElementsAre(name(230)));
    files_ = {{name(231), "a"}};
    EXPECT_THAT(Chosen(), ElementsAre(HasSubstr("name hone does not write")));
    std::string folders;
    for (int i = 0; i < 9; ++i) folders += std::string(99, 'f') + "/";
    files_ = {{folders + name(kMaxNameBytes - folders.size()), "a"}};
    EXPECT_EQ(Chosen()[0].size(), kMaxNameBytes);
    files_ = {{folders + name(kMaxNameBytes + 1 - folders.size()), "a"}};
    EXPECT_THAT(Chosen(), ElementsAre(HasSubstr("name hone does not write")));
    auto unsized = ParseDataset(R"({"siblings": [{"rfilename": "a.jsonl"}]})", "org/rows", "");
    EXPECT_EQ(KindOf(unsized.status()), ErrorKind::kData);
    EXPECT_THAT(std::string(unsized.status().message()), HasSubstr("how large a.jsonl is"));
}

}  // namespace
}  // namespace hone
