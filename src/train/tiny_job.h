// For tests: whole runs of eight steps on a tiny random Llama.
#pragma once

#include "base/files/file.h"
#include "base/files/hash.h"
#include "base/files/testing.h"
#include "train/control/testing.h"
#include "train/finetune.h"

namespace hone {

inline constexpr char kTinyModel[] = HONE_SOURCE_DIR "/tests/golden/models/tied";

struct Job : Watched {
    explicit Job(const TestFolder& folder, const std::string& name = "out") {
        data = folder / "rows.jsonl";
        std::string rows;
        for (int i = 0; i < 24; ++i) rows += Row(i);
        EXPECT_TRUE(WriteFileAtomic(data, rows).ok());
        options.model_name_or_path = kTinyModel;
        options.output_path = folder / name;
        options.data.data_name = data;
        options.data.eval_split = "none";
        options.data.max_seq_len = 64;
        options.lora.r = 4;
        options.lora.lora_dropout = 0.1;
        options.lora.target_modules = {"all-linear"};
        options.per_device_train_batch_size = 2;
        options.max_steps = 8;
        options.save_steps = 2;
        options.logging_steps = 1;
        options.learning_rate = 5e-3;
        options.micro_batch_tokens = 64;
        options.threads = 1;
    }
    static std::string Row(int i) {
        return nlohmann::ordered_json{
                   {"messages",
                    {{{"role", "user"}, {"content", fmt::format("word {}", i)}},
                     {{"role", "assistant"}, {"content", fmt::format("answer {}", i * i % 7)}}}}}
                   .dump() +
               "\n";
    }
    absl::Status Run() { return Finetune(options, events, control); }
    std::string AdapterHash() const {
        return Sha256File(options.output_path + "/adapter/adapter_model.safetensors").value();
    }
    nlohmann::ordered_json RunJson() const {
        return nlohmann::ordered_json::parse(ReadFile(options.output_path + "/run.json").value());
    }

    std::string data;
    FinetuneOptions options;
};

}  // namespace hone
