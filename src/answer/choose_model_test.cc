#include "answer/choose_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/test_files.h"

namespace hone {
namespace {

using testing::HasSubstr;

TEST(ChosenModel, TakesTheAdaptersBaseOrTheDefault) {
    const ChosenModel named = ChosenModel::Choose("org/model", "").value();
    EXPECT_EQ(named.name, "org/model");
    EXPECT_TRUE(named.notes.empty());
    const ChosenModel none = ChosenModel::Choose("", "").value();
    EXPECT_EQ(none.name, "smollm2-135m-instruct");
    ASSERT_EQ(none.notes.size(), 1u);
    EXPECT_THAT(none.notes[0], HasSubstr(none.name));

    const std::string golden = HONE_SOURCE_DIR "/tests/golden/adapters/tied-lora";
    const TestFolder folder;
    const std::string config = testkit::Get(golden + "/adapter_config.json");
    testkit::Put(folder / "adapter_config.json", config);
    EXPECT_EQ(ChosenModel::Choose("other", folder.path()).value().name, "other");
    const ChosenModel base = ChosenModel::Choose("", folder.path()).value();
    EXPECT_EQ(base.adapter, folder.path());
    EXPECT_THAT(config, HasSubstr("\"" + base.name + "\""));
    EXPECT_THAT(base.notes.at(0), HasSubstr("the adapter was made for"));
    testkit::Put(folder / "adapter_config.json", R"({"peft_type": "LORA", "r": 4})");
    EXPECT_EQ(KindOf(ChosenModel::Choose("", folder.path()).status()), ErrorKind::kUsage);
}

}  // namespace
}  // namespace hone
