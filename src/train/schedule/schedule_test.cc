#include "train/schedule/schedule.h"

#include <gtest/gtest.h>

#include "base/files/file.h"
#include "nlohmann/json.hpp"

namespace hone {
namespace {

TEST(Schedule, EqualsTransformersStepForStep) {
    auto text = ReadFile(HONE_SOURCE_DIR "/src/train/testdata/schedules.json");
    ASSERT_TRUE(text.ok()) << text.status();
    auto golden = nlohmann::json::parse(*text);
    ASSERT_GE(golden["cases"].size(), 16u);
    for (const auto& entry : golden["cases"]) {
        const auto& arguments = entry["arguments"];
        ScheduleOptions options;
        options.kind = ParseScheduleKind(entry["name"].get<std::string>()).value();
        options.learning_rate = golden["learning_rate"];
        options.warmup_steps = entry["warmup_steps"];
        options.total_steps = entry["total_steps"];
        options.num_cycles = arguments.value("num_cycles", -1.0);
        options.power = arguments.value("power", 1.0);
        options.lr_end = arguments.value("lr_end", 1e-7);
        options.decay_steps = arguments.value("num_decay_steps", 0);
        options.min_lr_ratio = arguments.value("min_lr_ratio", 0.0);
        const auto& rates = entry["rates"];
        for (size_t step = 0; step < rates.size(); ++step) {
            const double expected = rates[step];
            // One step past the end transformers' polynomial stays at lr_end; every value is
            // compared.
            EXPECT_NEAR(LearningRate(options, static_cast<int64_t>(step)), expected,
                        1e-12 * options.learning_rate)
                << entry["name"] << " " << arguments << " step " << step;
        }
    }
}

TEST(Schedule, EveryNameParsesAndOthersAreNamedInTheError) {
    for (auto name : ScheduleNames()) EXPECT_TRUE(ParseScheduleKind(name).ok()) << name;
    auto unknown = ParseScheduleKind("cosin");
    ASSERT_FALSE(unknown.ok());
    EXPECT_EQ(KindOf(unknown.status()), ErrorKind::kUsage);
    EXPECT_NE(std::string(unknown.status().message()).find("cosine_with_restarts"),
              std::string::npos);
}

}  // namespace
}  // namespace hone
