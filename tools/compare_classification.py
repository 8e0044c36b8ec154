#!/usr/bin/env python3
"""A classifier trained by hone and by PEFT with the same rows and settings: how good each is, and how long it took.

  compare_classification.py MODEL_DIR TRAIN TEST [--steps N] [--rows N] [--test_rows N]

TRAIN and TEST are CSV files of text and a label, or CoNLL files of words and tags. Both train a LoRA adapter (rank 16
on every linear layer) and the head on the same rows, and are measured by hone's metrics: PEFT's adapter is read by
`hone evaluate`, so that the only difference is how the weights were trained.

Needs: torch, transformers, peft. Not part of the tests: it is for comparing on real data by hand.
"""
import argparse
import csv
import json
import os
import random
import subprocess
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

from check_heads import first_tokens

RANK, ALPHA = 16, 32


def read_rows(path):
    if path.endswith(".csv"):
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        label = next(name for name in rows[0] if name != "text")
        return [{"text": row["text"], "label": row[label]} for row in rows]
    rows, words = [], []
    with open(path, encoding="utf-8") as file:
        for line in [*file, "\n"]:
            if line.strip():
                word, tag = line.rstrip("\n").split("\t")[:2]
                words.append((word, tag.strip()))
            elif words:
                rows.append({"tokens": [word for word, _ in words], "tags": [tag for _, tag in words]})
                words = []
    return rows


def write(path, rows):
    with open(path, "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def encode(tokenizer, row, labels):
    """Ids, and the (token, label) pairs."""
    if "text" in row:
        ids = tokenizer(row["text"])["input_ids"]
        return ids, [(len(ids) - 1, labels.index(row["label"]))]
    ids, starts = first_tokens(tokenizer, row["tokens"])
    return ids, [(token, labels.index(tag)) for token, tag in zip(starts, row["tags"])]


def train_with_peft(arguments, rows, labels, out):
    torch.manual_seed(42)
    tokens = "tokens" in rows[0]
    auto = AutoModelForTokenClassification if tokens else AutoModelForSequenceClassification
    model = auto.from_pretrained(arguments.model_dir, num_labels=len(labels),
                                 dtype=torch.bfloat16 if arguments.dtype == "bfloat16" else torch.float32)
    # The head is trained itself: with "all-linear" PEFT would take that of tokens for a layer of the base.
    model = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules="all-linear",
                                             exclude_modules=["score"], task_type="TOKEN_CLS" if tokens else "SEQ_CLS"))
    tokenizer = AutoTokenizer.from_pretrained(arguments.model_dir)
    model.config.pad_token_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    pad = model.config.pad_token_id
    encoded = [encode(tokenizer, row, labels) for row in rows]
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=arguments.learning_rate, weight_decay=0.0)
    order, at, begin = [], 0, time.time()
    shuffle = random.Random(42)
    for step in range(1, arguments.steps + 1):
        batch = []
        while len(batch) < arguments.batch:
            if at == len(order):
                order, at = list(range(len(encoded))), 0
                shuffle.shuffle(order)
            batch.append(encoded[order[at]])
            at += 1
        longest = max(len(ids) for ids, _ in batch)
        ids = torch.full((len(batch), longest), pad)
        mask = torch.zeros_like(ids)
        for i, (row, _) in enumerate(batch):
            ids[i, :len(row)] = torch.tensor(row)
            mask[i, :len(row)] = 1
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.dtype == "bfloat16"):
            # Not through the model's own forward: its pooling looks for the last token that is no padding by its id,
            # and its head over tokens has a dropout.
            hidden = model.base_model.model.model(input_ids=ids, attention_mask=mask).last_hidden_state
            where = [(i, token) for i, (_, pairs) in enumerate(batch) for token, _ in pairs]
            logits = model.base_model.model.score(hidden[[i for i, _ in where], [token for _, token in where]])
        targets = torch.tensor([label for _, pairs in batch for _, label in pairs])
        loss = torch.nn.functional.cross_entropy(logits.float(), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 25 == 0:
            rate = (time.time() - begin) / step
            print(f"peft: step {step}, loss {loss.item():.4f}, {rate:.2f} s a step", file=sys.stderr, flush=True)
    seconds = time.time() - begin
    model.save_pretrained(out)
    with open(os.path.join(out, "labels.json"), "w") as file:
        json.dump({"id2label": {str(i): label for i, label in enumerate(labels)}}, file)
    return seconds


def train_with_hone(arguments, rows, train, out):
    task = "token-classification" if "tokens" in rows[0] else "text-classification"
    begin = time.time()
    subprocess.run([arguments.hone, "finetune", "-m", arguments.model_dir, "-d", train, "-o", out, "--task", task,
                    "--eval_split", "none", "--lora_r", str(RANK), "--lora_alpha", str(ALPHA), "--lora_dropout", "0",
                    "--target_modules", "all-linear", "--learning_rate", str(arguments.learning_rate),
                    "--warmup_ratio", "0", "--max_steps", str(arguments.steps), "--save_steps", "0",
                    "--per_device_train_batch_size", str(arguments.batch), "--torch_dtype", arguments.dtype],
                   check=True, stdout=subprocess.DEVNULL)
    return time.time() - begin


def score(arguments, adapter, test):
    done = subprocess.run([arguments.hone, "evaluate", "-m", arguments.model_dir, "-a", adapter, "--data_name", test,
                           "--skip_bad_rows", "true", "--json"], check=True, capture_output=True, text=True)
    metrics = json.loads(done.stdout)["metrics"]
    if "accuracy" in metrics:
        return {"accuracy": metrics["accuracy"], "f1_macro": metrics["f1"]["macro"]}
    return metrics["entity_f1"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir")
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--hone", default="build/release/hone")
    parser.add_argument("--out", default="out/classification")
    parser.add_argument("--only", choices=["hone", "peft"])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--test_rows", type=int, default=500)
    parser.add_argument("--learning_rate", type=float, default=5e-4)
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
    arguments = parser.parse_args()
    random_rows = random.Random(7)
    train, test = read_rows(arguments.train), read_rows(arguments.test)
    for rows in (train, test):
        random_rows.shuffle(rows)
    train, test = train[:arguments.rows], test[:arguments.test_rows]
    labels = sorted({row["label"] for row in train} if "text" in train[0]
                    else {tag for row in train for tag in row["tags"]})
    os.makedirs(arguments.out, exist_ok=True)
    data = write(os.path.join(arguments.out, "train.jsonl"), train)
    held_out = write(os.path.join(arguments.out, "test.jsonl"), test)
    for name in ("hone", "peft"):
        if arguments.only not in (None, name):
            continue
        out = os.path.join(arguments.out, name)
        seconds = (train_with_hone(arguments, train, data, out) if name == "hone"
                   else train_with_peft(arguments, train, labels, out))
        print(name, f"{seconds:.0f} s,", json.dumps(score(arguments, out, held_out)), flush=True)


if __name__ == "__main__":
    main()
