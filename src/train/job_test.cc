#include "train/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/file.h"
#include "base/files/testing.h"

namespace hone {
namespace {

using testing::HasSubstr;

TEST(Job, ReadsBackAsItWasWritten) {
    FinetuneOptions options;
    options.model_name_or_path = "base";
    options.data.data_name = "rows.jsonl";
    options.learning_rate = 1e-3;
    options.lora.target_modules = {"q_proj", "v_proj"};
    auto read = ParseJob(JobText(options), "job");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(OptionsToJson(*read), OptionsToJson(options));
    TestFolder folder;
    ASSERT_TRUE(WriteFileAtomic(folder / "job.json", JobText(options)).ok());
    EXPECT_TRUE(ReadJob(folder / "job.json").ok());
}

TEST(Job, WhatIsNoneIsRefusedByName) {
    const auto refused = [](std::string_view text) {
        const absl::Status status = ParseJob(text, "job.json").status();
        EXPECT_EQ(KindOf(status), ErrorKind::kUsage) << text;
        EXPECT_THAT(std::string(status.message()), HasSubstr("job.json"));
        return std::string(status.message());
    };
    EXPECT_THAT(refused("[]"), HasSubstr("object"));
    EXPECT_THAT(refused("{"), HasSubstr("line 1"));
    EXPECT_THAT(refused(R"({"version":2,"kind":"finetune","options":{}})"), HasSubstr("version"));
    EXPECT_THAT(refused(R"({"kind":"finetune","options":{}})"), HasSubstr("version"));
    EXPECT_THAT(refused(R"({"version":1,"kind":"search","options":{}})"), HasSubstr("kind"));
    EXPECT_THAT(refused(R"({"version":1,"kind":"finetune"})"), HasSubstr("object"));
    EXPECT_THAT(refused(R"({"version":1,"kind":"finetune","options":{},"name":1})"),
                HasSubstr("name"));
    EXPECT_THAT(refused(R"({"version":1,"kind":"finetune","options":{"lora_rr":1}})"),
                HasSubstr("lora_rr"));
    EXPECT_EQ(KindOf(ReadJob("/nowhere/job.json").status()), ErrorKind::kUsage);
}

}  // namespace
}  // namespace hone
