#!/usr/bin/env python3
"""The same preferences, the same optimisation: TRL's trainers and hone side by side, step by step.

  compare_preferences.py HONE MODEL ROWS.jsonl OUT [--objective dpo] [--rows 80] [--max_steps 20] ...

MODEL is a folder in Hugging Face's layout. ROWS has TRL's rows: prompt, chosen and rejected, or for kto prompt,
completion and label, each a list of messages. Both train a LoRA adapter (r 16, alpha 32, every linear layer, no
dropout, AdamW, clipping at 1, f32) from the same start, which PEFT makes, the rows in the order of the file. Prints the
margin of the rewards at each step beside the other's. TRL's rows are tokenised here, with hone's mask: the answers and
the end-of-turn token.

TRL's part is kept in OUT/trl.json and taken from there if it was made with the same flags: hone's can be run again.
Exits with 1 if the numbers of steps differ, or a margin by more than --tolerance of the largest one.

Needs: torch, transformers, peft, trl, datasets.
"""
import argparse
import itertools
import json
import os
import subprocess
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden"))
from kept import kept  # noqa: E402
from preferences import SETTINGS, VERSIONS, train  # noqa: E402
from smollm2 import answer_mask  # noqa: E402

# Flags of both, with the names that both know.
SHARED = {"per_device_train_batch_size": (int, 4), "gradient_accumulation_steps": (int, 1), "max_steps": (int, 20),
          "learning_rate": (float, 1e-4), "lr_scheduler_type": (str, "constant"), "weight_decay": (float, 0.0),
          "seed": (int, 42)}


def tokens(tokenizer, prompt, answer):
    """The ids of the prompt and of the answer, up to the last that is trained."""
    ids, mask = answer_mask(tokenizer, prompt + answer)
    first, last = mask.index(True), len(mask) - mask[::-1].index(True)
    return ids[:first], ids[first:last]


def read_rows(tokenizer, path, count):
    rows = []
    with open(path) as file:
        for row in map(json.loads, itertools.islice(file, count)):
            made = {"label": row["label"]} if "label" in row else {}
            for key in ("chosen", "rejected", "completion"):
                if key in row:
                    made["prompt_ids"], made[f"{key}_ids"] = tokens(tokenizer, row["prompt"], row[key])
            rows.append(made)
    return rows


def make_start(model, folder):
    torch.manual_seed(1)
    adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
                             LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear",
                                        task_type="CAUSAL_LM"))
    adapted.save_pretrained(folder)


def run_hone(options, shared, settings, start):
    out = os.path.join(options.out, "hone")
    flags = {"model_name_or_path": options.model, "data_name": options.rows_file, "adapter_path": start,
             "objective": options.objective, "max_samples": options.rows, "eval_split": "none", "output_path": out,
             "resume_from_checkpoint": "none", "logging_steps": 1, "torch_dtype": "float32",
             "train_sampling_strategy": "sequential", **shared, **settings}
    words = itertools.chain.from_iterable((f"--{name}", str(value)) for name, value in flags.items())
    subprocess.run([options.hone, "finetune", *words], check=True, stdout=sys.stderr)
    with open(os.path.join(out, "metrics.jsonl")) as file:
        return [row for row in map(json.loads, file) if "loss" in row]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hone")
    parser.add_argument("model")
    parser.add_argument("rows_file", metavar="rows")
    parser.add_argument("out")
    parser.add_argument("--objective", choices=sorted(SETTINGS), default="dpo")
    parser.add_argument("--rows", type=int, default=80, help="only the first rows")
    parser.add_argument("--tolerance", type=float, default=0.02)
    for name, (kind, default) in SHARED.items():
        parser.add_argument(f"--{name}", type=kind, default=default)
    options = parser.parse_args()
    shared, settings = {name: getattr(options, name) for name in SHARED}, SETTINGS[options.objective]
    start = os.path.join(options.out, "start")
    make_start(options.model, start)
    rows = read_rows(AutoTokenizer.from_pretrained(options.model), options.rows_file, options.rows)
    theirs = kept(os.path.join(options.out, "trl.json"), options, VERSIONS["trl"],
                  lambda: train(options.objective, options.model, start, rows, os.path.join(options.out, "trl"), shared,
                                settings))
    ours = run_hone(options, shared, settings, start)
    with open(os.path.join(options.out, "result.json"), "w") as file:
        json.dump({"trl": theirs, "hone": ours}, file, indent=1)
    wrong = [] if len(theirs) == len(ours) else ["the numbers of steps differ"]
    largest = max(abs(step.get("rewards/margins", 0)) for step in theirs)
    print(f"{'step':>4}  {'TRL loss':>8}  {'hone':>8}  {'TRL margin':>10}  {'hone':>10}")
    for number, (their, our) in enumerate(zip(theirs, ours), 1):
        margins = [step.get("rewards/margins", 0) for step in (their, our)]
        print(f"{number:4}  {their['loss']:8.4f}  {our['loss']:8.4f}  {margins[0]:10.4f}  {margins[1]:10.4f}")
        if abs(margins[0] - margins[1]) > options.tolerance * largest:
            wrong.append(f"the margins of step {number} differ by more than {100 * options.tolerance:g} %")
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
