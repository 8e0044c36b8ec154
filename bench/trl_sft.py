"""Fine-tunes on chats with TRL's SFTTrainer and PEFT on this CPU, from launch to the saved adapter: what bench.py holds
`hone finetune` against.

trl_sft.py MODEL CHATS.jsonl OUT [--rows 64] [--batch_size 8] [--lora_r 16]: MODEL is a folder in Hugging Face's layout.
One epoch, loss on the last message only. Prints one JSON object: peak memory; the caller takes the time of the whole.
Needs torch, transformers, peft, trl, datasets.
"""

import argparse
import itertools
import json
import resource

import datasets
import peft
import torch
import transformers
import trl


def read_chats(path, rows):
    with open(path, encoding="utf-8") as file:
        for line in itertools.islice(file, rows):
            *prompt, answer = json.loads(line)["messages"]
            yield {"prompt": prompt, "completion": [answer]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("chats")
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--lora_r", type=int, default=16)
    flags = parser.parse_args()

    config = trl.SFTConfig(
        output_dir=flags.out, num_train_epochs=1, per_device_train_batch_size=flags.batch_size, learning_rate=2e-4,
        bf16=True, use_cpu=True, save_strategy="no", report_to="none", max_length=1024, gradient_checkpointing=False,
        completion_only_loss=True)
    trainer = trl.SFTTrainer(
        model=transformers.AutoModelForCausalLM.from_pretrained(flags.model, dtype=torch.bfloat16),
        processing_class=transformers.AutoTokenizer.from_pretrained(flags.model), args=config,
        train_dataset=datasets.Dataset.from_list(list(read_chats(flags.chats, flags.rows))),
        peft_config=peft.LoraConfig(r=flags.lora_r, lora_alpha=2 * flags.lora_r, target_modules="all-linear",
                                    task_type="CAUSAL_LM"))
    trainer.train()
    trainer.save_model(flags.out)
    print(json.dumps({"peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
