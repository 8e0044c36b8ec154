#include "train/run/fit_check.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(DiskCheck, CheckpointsAndTheResultAreHeldAgainstWhatIsFree) {
    FinetuneOptions options;
    options.save_total_limit = 3;
    DiskNeed need = PlanDisk(options, 1000, 8'000, 0, 10);
    EXPECT_EQ(need.checkpoint, 12'000u);
    EXPECT_EQ(need.result, 4'000u);
    EXPECT_EQ(need.total, 4 * 12'000u + 4'000u);  // three stay, one more is written beside them
    EXPECT_EQ(PlanDisk(options, 1000, 8'000, 0, 1).total, 16'000u);
    EXPECT_EQ(PlanDisk(options, 1000, 8'000, 3, 10).total,
              16'000u);  // those that stand take nothing more
    options.save_total_limit = 0;
    EXPECT_EQ(PlanDisk(options, 1000, 8'000, 3, 10).total, 124'000u);
    options.method = "full";
    EXPECT_EQ(PlanDisk(options, 1000, 8'000, 0, 1).result, 2'000u);
    EXPECT_EQ(*CheckDisk("out", need, 52'000), "");
    EXPECT_NE(CheckDisk("out", need, 51'999)->find("--save_total_limit"), std::string::npos);
    EXPECT_TRUE(CheckDisk("out", need, 16'000).ok());
    EXPECT_EQ(KindOf(CheckDisk("out", need, 15'999).status()), ErrorKind::kTraining);
}

TEST(MemoryCheck, ATeacherIsHeldAgainstWhatIsFree) {
    const auto teacher = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/tied").value();
    size_t elements = 0;
    for (const ModelTensor& tensor : teacher->tensors)
        elements += static_cast<size_t>(tensor.elements());
    FinetuneOptions options;
    options.teacher_model = "big";
    for (const auto& [weights, bytes] :
         {std::pair("f32", 4 * elements), std::pair("bf16", 2 * elements),
          std::pair("int8", elements), std::pair("int4", elements / 2)}) {
        options.teacher_weights = weights;
        EXPECT_TRUE(CheckTeacherFits(options, *teacher, bytes).ok()) << weights;
        const absl::Status status = CheckTeacherFits(options, *teacher, bytes - 1);
        EXPECT_EQ(KindOf(status), ErrorKind::kMemory) << weights;
        EXPECT_NE(status.message().find("--teacher_model big"), std::string::npos);
        EXPECT_EQ(status.message().find("--teacher_weights int4") == std::string::npos,
                  options.teacher_weights == "int4");
    }
}

TEST(MemoryCheck, ChecksDecidesAndSaysTheCure) {
    auto plan = [](bool checkpointing) {
        MemoryPlan memory;
        memory.weights = 1000;
        memory.parameters = 100;
        memory.activations = checkpointing ? 50 : 500;
        memory.workspace = 10;
        return memory;
    };
    auto decide = [&](const char* mode, size_t available) {
        return DecideMemory(plan, mode, 1024, "a smaller --lora_r", 1200, available);
    };
    EXPECT_FALSE(decide("auto", 610)->gradient_checkpointing);
    EXPECT_TRUE(decide("auto", 609)->gradient_checkpointing);
    EXPECT_TRUE(decide("true", 10000)->gradient_checkpointing);
    EXPECT_EQ(decide("auto", 610)->needed_bytes, 1810u);
    EXPECT_EQ(decide("auto", 610)->to_come_bytes, 610u);
    EXPECT_TRUE(decide("auto", 160).ok());
    absl::Status small = decide("auto", 159).status();
    EXPECT_EQ(KindOf(small), ErrorKind::kMemory);
    EXPECT_NE(std::string(small.message()).find("--micro_batch_tokens"), std::string::npos);
    EXPECT_NE(std::string(small.message()).find("a smaller --lora_r"), std::string::npos);
    absl::Status off = decide("false", 609).status();
    EXPECT_EQ(KindOf(off), ErrorKind::kMemory);
    EXPECT_NE(std::string(off.message()).find("use --gradient_checkpointing true"),
              std::string::npos);
}

}  // namespace
}  // namespace hone
