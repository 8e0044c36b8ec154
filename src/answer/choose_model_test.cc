#include "answer/choose_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_files.h"

namespace hone {
namespace {

using ::testing::HasSubstr;

TEST(FindAdapterFolder, TakesTheFolderOfTheAdapterOrOfItsRun) {
    const testing::TempFolder folder;
    const std::string run = folder.path(), adapter = folder / "adapter";
    std::filesystem::create_directory(adapter);
    EXPECT_EQ(KindOf(FindAdapterFolder(run).status()), ErrorKind::kModel);
    testing::Put(adapter + "/adapter_config.json", "{}");
    EXPECT_EQ(FindAdapterFolder(adapter).value(), adapter);
    EXPECT_EQ(FindAdapterFolder(run).value(), adapter);
    EXPECT_EQ(FindAdapterFolder("").value(), "");
}

TEST(ChooseModel, TakesTheAdaptersBaseOrTheDefault) {
    const ChosenModel named = ChooseModel("org/model", "").value();
    EXPECT_EQ(named.name, "org/model");
    EXPECT_TRUE(named.notes.empty());
    const ChosenModel none = ChooseModel("", "").value();
    EXPECT_EQ(none.name, kDefaultModel);
    ASSERT_EQ(none.notes.size(), 1u);
    EXPECT_THAT(none.notes[0], HasSubstr(kDefaultModel));

    const std::string golden = HONE_SOURCE_DIR "/tests/golden/adapters/tied-lora";
    const testing::TempFolder folder;
    const std::string config = testing::Get(golden + "/adapter_config.json");
    testing::Put(folder / "adapter_config.json", config);
    EXPECT_EQ(ChooseModel("other", folder.path()).value().name, "other");
    const ChosenModel base = ChooseModel("", folder.path()).value();
    EXPECT_EQ(base.adapter, folder.path());
    EXPECT_THAT(config, HasSubstr("\"" + base.name + "\""));
    EXPECT_THAT(base.notes.at(0), HasSubstr("the adapter was made for"));
    testing::Put(folder / "adapter_config.json", R"({"peft_type": "LORA", "r": 4})");
    EXPECT_EQ(KindOf(ChooseModel("", folder.path()).status()), ErrorKind::kUsage);
}

}  // namespace
}  // namespace hone
