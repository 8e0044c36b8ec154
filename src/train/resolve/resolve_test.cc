#include "train/resolve/resolve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/files/testing.h"
#include "train/options/table.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What a front end that is no command line asks for.
GivenOptions Asked(const std::vector<std::pair<const char*, Json>>& values) {
    GivenOptions given(OptionNames("hyperparameters."));
    given.Set("model_name_or_path", "m");
    given.Set("data_name", "d.jsonl");
    for (const auto& [option, value] : values) given.Set(option, value);
    return given;
}

ResolvedOptions Resolve(const std::vector<std::pair<const char*, Json>>& values) {
    auto resolved = ResolveOptions(Asked(values));
    EXPECT_TRUE(resolved.ok()) << resolved.status();
    return resolved.ok() ? *std::move(resolved) : ResolvedOptions();
}

std::string ErrorOf(const std::vector<std::pair<const char*, Json>>& values) {
    const absl::Status status = ResolveOptions(Asked(values)).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kUsage) << status;
    return std::string(status.message());
}

TEST(ResolveOptions, DefaultsAreThoseOfTheMethod) {
    EXPECT_EQ(Resolve({}).options.lora.lora_dropout, 0.05);
    EXPECT_THAT(Resolve({}).options.lora.target_modules, IsEmpty());
    EXPECT_THAT(Resolve({{"method", "qlora"}}).options.lora.target_modules,
                ElementsAre("all-linear"));
    const ResolvedOptions full = Resolve({{"method", "full"}});
    EXPECT_EQ(full.options.learning_rate, 5e-5);
    EXPECT_EQ(full.options.output_path, "finetuned-model");
    EXPECT_THAT(full.notes, Contains("hyperparameters.method full: a learning rate of 5e-05 where "
                                     "none is given"));
    EXPECT_EQ(Resolve({{"method", "full"}, {"learning_rate", 1e-3}}).options.learning_rate, 1e-3);
}

// The words of the line as flags, resolved as a command line is.
FinetuneOptions ReadLine(std::string line) {
    const std::string begin = "hone finetune";
    EXPECT_TRUE(line.starts_with(begin)) << line;
    std::istringstream words(line.substr(begin.size()));
    GivenOptions given;
    for (std::string flag, value; words >> flag >> value;)
        given.Set(flag.substr(2), value == "''" ? "" : value);
    const auto resolved = ResolveOptions(given);
    EXPECT_TRUE(resolved.ok()) << resolved.status() << line;
    return resolved.ok() ? resolved->options : FinetuneOptions();
}

TEST(CommandLine, AsksForTheSameOptions) {
    EXPECT_EQ(CommandLine(Resolve({}).options),
              "hone finetune --model_name_or_path m --data_name d.jsonl");
    const std::vector<std::pair<const char*, Json>> cases[] = {
        {},
        {{"method", "full"}, {"learning_rate", 1e-3}, {"num_train_epochs", 2}},
        {{"method", "qlora"}, {"lora_r", 4}, {"target_modules", "q_proj,v_proj"}},
        {{"objective", "dpo"}, {"beta", 0.25}, {"lora_r", 64}},
        {{"task", "text-classification"}, {"gradient_checkpointing", true}, {"eval_split", "none"}},
    };
    for (const auto& asked : cases) {
        const FinetuneOptions options = Resolve(asked).options;
        EXPECT_EQ(OptionsToJson(ReadLine(CommandLine(options))), OptionsToJson(options))
            << CommandLine(options);
    }
    FinetuneOptions odd = Resolve({}).options;
    odd.data.data_name = "it's a file.jsonl";
    EXPECT_THAT(CommandLine(odd), HasSubstr("--data_name 'it'\\''s a file.jsonl'"));
}

TEST(ResolveOptions, AnObjectiveHasDefaultsOfItsOwn) {
    const ResolvedOptions dpo = Resolve({{"objective", "dpo"}});
    EXPECT_EQ(dpo.options.learning_rate, 5e-6);
    EXPECT_EQ(dpo.options.lora.lora_dropout, 0);
    EXPECT_THAT(dpo.notes, Contains("hyperparameters.objective dpo: a learning rate of 5e-06 "
                                    "where none is given"));
    for (const char* method : {"full", "freeze"}) {
        const ResolvedOptions all = Resolve({{"objective", "kto"}, {"method", method}});
        EXPECT_EQ(all.options.learning_rate, 5e-7);
        EXPECT_EQ(all.options.output_path, "finetuned-model");
        for (const std::string& note : all.notes)
            EXPECT_THAT(note, testing::Not(HasSubstr("hyperparameters.method")));
    }
    EXPECT_EQ(Resolve({{"objective", "ipo"}, {"learning_rate", 1e-4}}).options.learning_rate, 1e-4);
    EXPECT_THAT(
        ErrorOf({{"objective", "dpo"}, {"simpo_gamma", 1}}),
        HasSubstr("hyperparameters.simpo_gamma belongs to hyperparameters.objective simpo"));
    EXPECT_THAT(ErrorOf({{"beta", 0.2}}), HasSubstr("hyperparameters.objective sft has no use"));
    EXPECT_THAT(ErrorOf({{"objective", "orpo"}, {"lora_dropout", 0.1}}),
                HasSubstr("without dropout"));
    EXPECT_THAT(ErrorOf({{"objective", "ppo"}}), HasSubstr("simpo"));
}

TEST(ResolveOptions, TextAndTypedValuesAreTheSame) {
    for (const Json& rank : {Json("8"), Json(8)})
        EXPECT_EQ(Resolve({{"lora_r", rank}}).options.lora.r, 8);
    EXPECT_TRUE(Resolve({{"use_rslora", "yes"}}).options.lora.use_rslora);
    EXPECT_EQ(Resolve({{"gradient_checkpointing", true}}).options.gradient_checkpointing, "true");
    EXPECT_EQ(Resolve({{"torch_dtype", "torch.FLOAT32"}}).options.torch_dtype, "float32");
    EXPECT_EQ(Resolve({{"rank_pattern", {{"q_proj", 8}}}}).options.lora.rank_pattern,
              Resolve({{"rank_pattern", "q_proj=8"}}).options.lora.rank_pattern);
    // null: as if nobody had said it.
    EXPECT_EQ(Resolve({{"lora_r", nullptr}}).options.lora.r, FinetuneOptions().lora.r);
}

TEST(ResolveOptions, ErrorsCallOptionsAsTheFrontEndDoes) {
    EXPECT_EQ(ErrorOf({{"lora_r", 0}}),
              "hyperparameters.lora_r is 0; it must be at least 1 and at most 4096");
    EXPECT_EQ(ErrorOf({{"lora_r", 2.5}}), "hyperparameters.lora_r: 2.5 is not a whole number");
    EXPECT_EQ(ErrorOf({{"method", "full"}, {"lora_r", 64}}),
              "hyperparameters.lora_r belongs to hyperparameters.method lora: "
              "hyperparameters.method full trains every weight of the model, without an adapter; "
              "leave it out");
    EXPECT_THAT(ErrorOf({{"method", "loftq"}}), HasSubstr("hyperparameters.method: \"loftq\""));
    EXPECT_THAT(ErrorOf({{"method", "qlora"}, {"quant_type", "gguf"}, {"double_quant", true}}),
                HasSubstr("hyperparameters.double_quant is of nf4 and fp4"));
    EXPECT_THAT(ErrorOf({{"num_train_epochs", 0}}), HasSubstr("hyperparameters.num_train_epochs"));
    EXPECT_THAT(ErrorOf({{"rank_pattern", {{"q_proj", -1}}}}), HasSubstr("NAME=NUMBER"));
    EXPECT_THAT(ErrorOf({{"columns", {{"nonsense", "a"}}}}), HasSubstr("no field of a row"));
    EXPECT_THAT(ErrorOf({{"eval_strategy", "epoch"}, {"eval_steps", 3}}),
                HasSubstr("hyperparameters.eval_strategy epoch contradicts"));
}

TEST(GivenOptions, TheStrongerWinAndSetAsideWhatTheyExclude) {
    GivenOptions weak = Asked({{"text_field", "a"}, {"lora_r", 8}});
    GivenOptions strong;
    strong.Set("text_template", "{a}");
    strong.Set("lora_r", "4");
    weak.Override(strong);
    const FinetuneOptions options = ResolveOptions(weak).value().options;
    EXPECT_EQ(options.data.text_template, "{a}");
    EXPECT_EQ(options.data.text_field, "");
    EXPECT_EQ(options.lora.r, 4);
    EXPECT_EQ(weak.names()("lora_r"), "--lora_r");
    EXPECT_THAT(ErrorOf({{"text_field", "a"}, {"text_template", "{a}"}}),
                HasSubstr("exclude each other"));
}

TEST(ResolveOptions, DataOfTheFolderAreTakenWhereNobodyNamesThem) {
    TestFolder folder;
    GivenOptions given;
    EXPECT_FALSE(HasData(given, folder.path()));
    EXPECT_THAT(std::string(ResolveOptions(given, folder.path()).status().message()),
                HasSubstr("--data_name"));
    ASSERT_TRUE(WriteFileAtomic(folder / "train.jsonl", "{}\n").ok());
    EXPECT_TRUE(HasData(given, folder.path()));
    EXPECT_EQ(ResolveOptions(given, folder.path()).value().options.data.data_name,
              folder / "train.jsonl");
}

}  // namespace
}  // namespace hone
