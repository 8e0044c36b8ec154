#!/usr/bin/env python3
"""The fall of the loss that TRL's SFTTrainer reaches, to hold hone's against.

  compare_trl.py MODEL_DIR TRAIN.jsonl TEST.jsonl OUT_DIR [--steps 50] [--hone BASE.json TUNED.json]

Trains a LoRA adapter with the settings of `hone finetune --no_packing`: rows of chat messages, loss on the answers
and the end-of-turn token (the rows are tokenised here, with hone's mask, so that the labels are the same ones),
batches of 8 rows, AdamW, constant learning rate 2e-4, r 16, alpha 16, all linear layers, clipping at 1, bf16. Then
the mean loss of the answer tokens of TEST without and with the adapter, written to OUT_DIR/result.json. With --hone
(two results of `hone evaluate`) prints both falls and their ratio, and exits with 1 if they differ by more than 3 %.

Needs: torch, transformers, peft, trl, datasets. Takes some minutes for each ten steps on two cores.
"""
import argparse
import json
import os
import sys
import time

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden"))
from smollm2 import answer_mask, row_loss  # noqa: E402


def read_rows(tokenizer, path, max_length):
    rows = []
    with open(path) as file:
        for line in file:
            ids, mask = answer_mask(tokenizer, json.loads(line)["messages"])
            rows.append({"input_ids": ids[:max_length], "completion_mask": [int(m) for m in mask[:max_length]]})
    return rows


def evaluate(model, rows):
    """Mean loss of the answer tokens, one row at a time: no padding."""
    model.eval()
    sums = [row_loss(model, row["input_ids"], [bool(m) for m in row["completion_mask"]]) for row in rows]
    return sum(s[0] for s in sums) / sum(s[1] for s in sums), sum(s[1] for s in sums)


def train(model, tokenizer, rows, options):
    config = SFTConfig(
        output_dir=options.out_dir, max_steps=options.steps, per_device_train_batch_size=8, learning_rate=2e-4,
        lr_scheduler_type="constant", weight_decay=0.0, max_grad_norm=1.0, optim="adamw_torch", bf16=True, use_cpu=True,
        logging_steps=1, save_strategy="no", report_to="none", max_length=options.max_length, packing=False,
        gradient_checkpointing=False, completion_only_loss=True, seed=options.seed, dataloader_num_workers=0)
    trainer = SFTTrainer(
        model=model, processing_class=tokenizer, args=config, train_dataset=Dataset.from_list(rows),
        peft_config=LoraConfig(r=16, lora_alpha=16, lora_dropout=0.0, target_modules="all-linear",
                               task_type="CAUSAL_LM"))
    trainer.train()
    trainer.save_model(options.out_dir)
    return trainer.model, [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir")
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("out_dir")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--max_length", type=int, default=1024)
    parser.add_argument("--test_rows", type=int, default=None, help="only the first rows of TEST")
    parser.add_argument("--hone", nargs=2, metavar=("BASE", "TUNED"), help="results of hone evaluate on TEST")
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.model_dir)
    test = read_rows(tokenizer, options.test, options.max_length)[:options.test_rows]
    rows = read_rows(tokenizer, options.train, options.max_length)
    model = AutoModelForCausalLM.from_pretrained(options.model_dir, dtype=torch.bfloat16)
    base, tokens = evaluate(model, test)
    print(f"base: loss {base:.4f} over {tokens} tokens of {len(test)} rows", flush=True)
    start = time.time()
    model, losses = train(model, tokenizer, rows, options)
    seconds = time.time() - start
    tuned, _ = evaluate(model, test)
    result = {"base": base, "tuned": tuned, "fall": base - tuned, "tokens": tokens, "steps": losses, "seconds": seconds}
    print(f"tuned: loss {tuned:.4f}, fell by {base - tuned:.4f} in {options.steps} steps, {seconds:.0f} s", flush=True)
    with open(os.path.join(options.out_dir, "result.json"), "w") as file:
        json.dump(result, file, indent=1)
    if options.hone:
        before, after = (json.load(open(path))["loss"] for path in options.hone)
        ratio = (before - after) / (base - tuned)
        print(f"hone: {before:.4f} -> {after:.4f}, fell by {before - after:.4f}: {ratio:.3f} of TRL's")
        if not 0.97 <= ratio <= 1.03:
            raise SystemExit("the falls differ by more than 3 %")


if __name__ == "__main__":
    main()
