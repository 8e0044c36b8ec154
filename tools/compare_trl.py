#!/usr/bin/env python3
"""The same flags, the same optimisation: TRL's SFTTrainer and hone side by side, step by step.

  compare_trl.py HONE MODEL TRAIN.jsonl OUT [--rows 64] [--test TEST.jsonl] [--per_device_train_batch_size 8] ...

MODEL is a folder in Hugging Face's layout, TRAIN has chat messages. Trains a LoRA adapter with each (r 16, alpha 32,
every linear layer, no dropout, AdamW, clipping at 1, f32), the rows in the order of the file, and prints the loss of
each step beside the other's. The rows of TRL are tokenised here, with hone's mask, so that the labels are the same
ones: the answers and the end-of-turn token. With --test also the mean loss of TEST's answer tokens without
and with each adapter.

TRL's part is kept in OUT/trl.json and taken from there if it was made with the same flags: hone's can be run again.
Exits with 1 if the numbers of steps differ, if the losses of a step differ by more than --tolerance (the adapters start
from different random numbers), or if the falls of the test loss differ by more than 3 %. Writes OUT/result.json.

Needs: torch, transformers, peft, trl, datasets. TRL takes some minutes for each ten steps on two cores.
"""
import argparse
import itertools
import json
import os
import subprocess
import sys
import time

import torch
import transformers
import trl
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden"))
from kept import kept  # noqa: E402
from smollm2 import answer_mask, row_loss  # noqa: E402

# Flags of both, with the names that both know.
SHARED = {"per_device_train_batch_size": (int, 8), "gradient_accumulation_steps": (int, 1),
          "num_train_epochs": (float, 1.0), "max_steps": (int, -1), "learning_rate": (float, 2e-4),
          "lr_scheduler_type": (str, "linear"), "warmup_steps": (float, 0), "weight_decay": (float, 0.0),
          "seed": (int, 42)}


def read_rows(tokenizer, path, count, max_length):
    rows = []
    with open(path) as file:
        for line in itertools.islice(file, count):
            ids, mask = answer_mask(tokenizer, json.loads(line)["messages"])
            rows.append({"input_ids": ids[:max_length], "completion_mask": [int(m) for m in mask[:max_length]]})
    return rows


def evaluate(model, rows):
    """Mean loss of the answer tokens, one row at a time: no padding."""
    model.eval()
    sums = [row_loss(model, row["input_ids"], [bool(m) for m in row["completion_mask"]]) for row in rows]
    return sum(s[0] for s in sums) / sum(s[1] for s in sums)


def run_trl(options, shared):
    """{"steps": [loss, ...], "seconds": ..., "base": ..., "tuned": ...}; the last two with --test."""
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    dtype = getattr(torch, options.torch_dtype)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype)
    test = read_rows(tokenizer, options.test, options.test_rows, options.max_length) if options.test else []
    result = {"base": evaluate(model, test)} if test else {}
    config = SFTConfig(
        output_dir=os.path.join(options.out, "trl"), train_sampling_strategy="sequential", max_grad_norm=1.0,
        optim="adamw_torch", bf16=dtype == torch.bfloat16, use_cpu=True, logging_steps=1, save_strategy="no",
        report_to="none", max_length=options.max_length, packing=False, gradient_checkpointing=False,
        completion_only_loss=True, **shared)
    rows = read_rows(tokenizer, options.train, options.rows, options.max_length)
    trainer = SFTTrainer(
        model=model, processing_class=tokenizer, args=config, train_dataset=Dataset.from_list(rows),
        peft_config=LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear",
                               task_type="CAUSAL_LM"))
    start = time.time()
    trainer.train()
    result["seconds"] = time.time() - start
    result["steps"] = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    if test:
        result["tuned"] = evaluate(trainer.model, test)
    return result


def run_hone(options, shared):
    out = os.path.join(options.out, "hone")

    def hone(*arguments):
        subprocess.run([options.hone, *map(str, arguments)], check=True, stdout=sys.stderr)

    def hone_evaluate(*arguments):
        report = os.path.join(options.out, "evaluation.json")
        rows = ("--max_samples", options.test_rows) if options.test_rows else ()
        hone("evaluate", "--model_name_or_path", options.model, "--data_name", options.test, "--max_seq_len",
             options.max_length, "--torch_dtype", options.torch_dtype, "--output_file", report, *rows, *arguments)
        with open(report) as file:
            return json.load(file)["loss"]

    flags = itertools.chain.from_iterable((f"--{name}", value) for name, value in shared.items())
    start = time.time()
    hone("finetune", "--model_name_or_path", options.model, "--data_name", options.train, "--max_samples", options.rows,
         "--eval_split", "none", "--output_path", out, "--resume_from_checkpoint", "none", "--lora_r", 16,
         "--lora_alpha", 32, "--lora_dropout", 0, "--target_modules", "all-linear", "--max_seq_len", options.max_length,
         "--train_sampling_strategy", "sequential", "--logging_steps", 1, "--torch_dtype", options.torch_dtype,
         *flags)
    result = {"seconds": time.time() - start}
    with open(os.path.join(out, "metrics.jsonl")) as file:
        result["steps"] = [line["loss"] for line in map(json.loads, file) if "loss" in line]
    if options.test:
        result |= {"base": hone_evaluate(), "tuned": hone_evaluate("--adapter_path", out)}
    return result


def compare(theirs, ours, tolerance):
    """Prints the table; the sentences that say what differs."""
    wrong = []
    print(f"{'step':>4}  {'TRL':>8}  {'hone':>8}  hone / TRL")
    for step, (their, our) in enumerate(zip(theirs["steps"], ours["steps"]), 1):
        print(f"{step:4}  {their:8.4f}  {our:8.4f}  {our / their:.4f}")
        if abs(our / their - 1) > tolerance:
            wrong.append(f"the losses of step {step} differ by more than {100 * tolerance:g} %")
    counts, seconds = ([run[key] for run in (theirs, ours)] for key in ("steps", "seconds"))
    print(f"steps: {len(counts[0])} and {len(counts[1])}; seconds: {seconds[0]:.0f} and {seconds[1]:.0f}")
    if len(theirs["steps"]) != len(ours["steps"]):
        wrong.append("the numbers of steps differ")
    if "base" in theirs:
        falls = [run["base"] - run["tuned"] for run in (theirs, ours)]
        for name, run, fall in zip(("TRL", "hone"), (theirs, ours), falls):
            print(f"test loss, {name}: {run['base']:.4f} -> {run['tuned']:.4f}, fell by {fall:.4f}")
        if abs(falls[1] / falls[0] - 1) > 0.03:
            wrong.append("the falls of the test loss differ by more than 3 %")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hone")
    parser.add_argument("model")
    parser.add_argument("train")
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, default=64, help="only the first rows of TRAIN")
    parser.add_argument("--test")
    parser.add_argument("--test_rows", type=int, help="only the first rows of TEST")
    parser.add_argument("--torch_dtype", choices=["bfloat16", "float32"], default="float32",
                        help="bfloat16 rounds in other places there and here: float32 compares the optimisation")
    parser.add_argument("--max_length", type=int, default=1024)
    parser.add_argument("--tolerance", type=float, default=0.02)
    for name, (kind, default) in SHARED.items():
        parser.add_argument(f"--{name}", type=kind, default=default)
    options = parser.parse_args()
    shared = {name: getattr(options, name) for name in SHARED}
    os.makedirs(options.out, exist_ok=True)
    print(f"trl {trl.__version__}, transformers {transformers.__version__}, torch {torch.__version__}; "
          + ", ".join(f"{name} {value}" for name, value in shared.items()), flush=True)
    theirs = kept(os.path.join(options.out, "trl.json"), options, trl.__version__, lambda: run_trl(options, shared))
    result = {"trl": theirs, "hone": run_hone(options, shared)}
    with open(os.path.join(options.out, "result.json"), "w") as file:
        json.dump(result, file, indent=1)
    wrong = compare(result["trl"], result["hone"], options.tolerance)
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
