#!/usr/bin/env python3
"""Whether hone and Python compute the same with the same classifier.

  check_heads.py MODEL_DIR ADAPTER_DIR     a base and an adapter with a head of labels: by peft
  check_heads.py MODEL_DIR                 a folder of a ...ForSequenceClassification or ...ForTokenClassification

Both compute in f32. What is compared is the loss of each row of a text and a label, or of words and tags, with all
labels in turn: hone's by `hone evaluate --per_row`, Python's from its logits. Exits with 1 if any differ by more than
--tolerance.

Needs: torch, transformers, peft. Not part of the tests: it is for checking a real model by hand.
"""
import argparse
import json
import os
import subprocess
import tempfile

import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

WORDS = ("The chemist of Basel weighed 12.5 grams of tin , wrote the number down , and asked Marie Curie : what is its "
         "symbol ? Sn , from stannum .").split()


def load(model_dir, adapter_dir):
    """The model, its labels, and whether it classifies tokens."""
    if adapter_dir is None:
        with open(os.path.join(model_dir, "config.json")) as file:
            config = json.load(file)
        tokens, names = config["architectures"][0].endswith("ForTokenClassification"), config["id2label"]
    else:
        with open(os.path.join(adapter_dir, "adapter_config.json")) as file:
            tokens = json.load(file)["task_type"] == "TOKEN_CLS"
        with open(os.path.join(adapter_dir, "labels.json")) as file:
            names = json.load(file)["id2label"]
    labels = [names[str(i)] for i in range(len(names))]
    auto = AutoModelForTokenClassification if tokens else AutoModelForSequenceClassification
    model = auto.from_pretrained(model_dir, num_labels=len(labels), dtype=torch.float32)
    if adapter_dir is not None:
        model = PeftModel.from_pretrained(model, adapter_dir)
    return model.eval(), labels, tokens


def first_tokens(tokenizer, words):
    """The ids of the words joined by spaces, and where each word begins."""
    text = " ".join(words)
    encoded = tokenizer(text, return_offsets_mapping=True)
    starts, at = [], 0
    for word in words:
        begin, at = at, at + len(word) + 1
        starts.append(next(i for i, (b, e) in enumerate(encoded["offset_mapping"])
                           if e > begin and (b >= begin or text[b:begin].isspace()) and e > b))
    return encoded["input_ids"], starts


def rows_of(labels, tokens):
    for i, label in enumerate(labels):
        if tokens:
            words = WORDS[:3 + i % (len(WORDS) - 3)]
            yield {"tokens": words, "tags": [labels[(i + j) % len(labels)] for j in range(len(words))]}
        else:
            yield {"text": " ".join(WORDS[:1 + i % len(WORDS)]), "label": label}


def python_losses(model, tokenizer, rows, labels, tokens):
    losses = []
    with torch.no_grad():
        for row in rows:
            if tokens:
                ids, starts = first_tokens(tokenizer, row["tokens"])
                logits = model(input_ids=torch.tensor([ids])).logits[0, starts].double()
                targets = torch.tensor([labels.index(tag) for tag in row["tags"]])
            else:
                ids = tokenizer(row["text"])["input_ids"]
                logits = model(input_ids=torch.tensor([ids])).logits.double()
                targets = torch.tensor([labels.index(row["label"])])
            losses.append(torch.nn.functional.cross_entropy(logits, targets).item())
    return losses


def hone_losses(hone, model_dir, adapter_dir, rows):
    with tempfile.TemporaryDirectory() as folder:
        data, result = os.path.join(folder, "rows.jsonl"), os.path.join(folder, "result.json")
        with open(data, "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        subprocess.run([hone, "evaluate", "--model_name_or_path", model_dir, "--data_name", data, "--per_row",
                        "--metrics", "loss", "--torch_dtype", "float32", "--output_file", result,
                        *(["--adapter_path", adapter_dir] if adapter_dir else [])], check=True,
                       stdout=subprocess.DEVNULL)
        with open(result) as file:
            return [row["loss"] for row in json.load(file)["rows"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir")
    parser.add_argument("adapter_dir", nargs="?")
    parser.add_argument("--hone", default="build/release/hone")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    arguments = parser.parse_args()
    model, labels, tokens = load(arguments.model_dir, arguments.adapter_dir)
    rows = list(rows_of(labels, tokens))
    theirs = python_losses(model, AutoTokenizer.from_pretrained(arguments.model_dir), rows, labels, tokens)
    ours = hone_losses(arguments.hone, arguments.model_dir, arguments.adapter_dir, rows)
    worst = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
    print(f"{len(rows)} rows of {len(labels)} labels; largest difference {worst:.2e} "
          f"of {arguments.tolerance:.0e} that are allowed")
    raise SystemExit(worst > arguments.tolerance)


if __name__ == "__main__":
    main()
