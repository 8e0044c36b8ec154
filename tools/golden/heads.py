#!/usr/bin/env python3
"""Golden values of heads of labels, from transformers and peft: writes tests/golden/heads/CASE/.

  heads.py [CASE...]     all of them, or those; needs torch, transformers, peft

CASE is MODEL-sequence or MODEL-token, of models of tests/golden/models, and of one model the other losses.
adapter_config.json, adapter_model.safetensors
               a LoRA adapter with its head, as PEFT saves it, with random A, B and head
values.json    documents with their labels; the logits of each labelled token, and the loss; and five steps of AdamW
gradients.safetensors
               of the loss of all documents, of every trained tensor, under PEFT's names

Documents go through the model one by one, in f32 on the CPU. The focal loss is written here by hand; the others are
torch's.
"""
import json
import os
import random
import shutil
import sys

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "..", "..", "tests", "golden", "models")
VERSIONS = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
LABELS = 5
FAMILIES = ["tied", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "gpt2", "mistral", "phi", "phi3", "smollm3"]
# Where PEFT has no choice of its own.
TARGETS = {"phi3": ["qkv_proj"], "smollm3": ["q_proj", "v_proj"]}
# transformers has no such class for these.
NO_TOKEN_CLASS = ["gemma3"]
STEPS, RATE = 5, 2e-3


def documents(kind, loss, vocabulary):
    generator = random.Random(11)
    rows = []
    for length in (5, 9, 1, 12):
        row = {"tokens": [generator.randrange(3, vocabulary) for _ in range(length)]}
        if kind == "token":
            row["labels"] = [[i, generator.randrange(LABELS)] for i in range(length) if generator.random() < 0.7]
            row["labels"] = row["labels"] or [[0, 1]]
        elif loss == "multi":
            # One document has no label at all.
            chosen = [label for label in range(LABELS) if generator.random() < 0.4] if length != 1 else []
            row["labels"] = [[length - 1, label] for label in chosen]
        else:
            row["labels"] = [[length - 1, generator.randrange(LABELS)]]
        rows.append(row)
    return rows


def logits_of(model, row, kind):
    """[labelled tokens, LABELS]"""
    logits = model(input_ids=torch.tensor([row["tokens"]])).logits[0]
    return logits[[token for token, _ in row["labels"]]] if kind == "token" else logits[None]


def loss_of(model, rows, kind, loss, class_weights, gamma):
    total, weight = 0.0, 0.0
    for row in rows:
        logits = logits_of(model, row, kind)
        if loss == "multi":
            targets = torch.zeros(1, LABELS)
            targets[0, [label for _, label in row["labels"]]] = 1
            total = total + torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
            weight += 1
            continue
        targets = torch.tensor([label for _, label in row["labels"]])
        weights = torch.tensor(class_weights)[targets]
        nll = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        total = total + (weights * (1 - torch.exp(-nll)) ** gamma * nll).sum()
        weight += weights.sum().item()
    return total / weight


def case(name, model_name, kind, out, loss="plain", class_weights=(1.0,) * LABELS, gamma=0.0):
    torch.manual_seed(3)
    folder = os.path.join(MODELS, model_name)
    config = AutoConfig.from_pretrained(folder)
    config.num_labels = LABELS
    config.classifier_dropout = 0.0
    auto = AutoModelForSequenceClassification if kind == "sequence" else AutoModelForTokenClassification
    base = auto.from_pretrained(folder, config=config, dtype=torch.float32, attn_implementation="eager")
    model = get_peft_model(base, LoraConfig(r=2, lora_alpha=4, target_modules=TARGETS.get(model_name),
                                            task_type="SEQ_CLS" if kind == "sequence" else "TOKEN_CLS"))
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if "lora_B" in parameter_name:
                parameter.normal_(0.0, 0.1)
            if parameter_name.endswith(("modules_to_save.default.weight", "modules_to_save.default.bias")):
                parameter.normal_(0.0, 0.5)
    model.peft_config["default"].base_model_name_or_path = model_name
    here = os.path.join(out, name)
    shutil.rmtree(here, ignore_errors=True)
    model.save_pretrained(here)
    os.remove(os.path.join(here, "README.md"))
    rows = documents(kind, loss, config.vocab_size)
    values = {"versions": VERSIONS, "model": f"models/{model_name}", "kind": kind, "loss_kind": loss,
              "class_weights": list(class_weights), "focal_gamma": gamma, "documents": rows, "labels": LABELS,
              "architecture": type(base).__name__}
    with torch.no_grad():
        values["logits"] = [logits_of(model, row, kind).tolist() for row in rows]
    trained = {n.replace(".modules_to_save.default", "").replace(".default", ""): p
               for n, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(trained.values(), lr=RATE, weight_decay=0.0)
    values["rate"], values["steps"] = RATE, []
    for step in range(STEPS):
        optimizer.zero_grad()
        value = loss_of(model, rows, kind, loss, class_weights, gamma)
        value.backward()
        values["steps"].append(value.item())
        if step == 0:
            save_file({n: p.grad.clone().contiguous() for n, p in trained.items()},
                      os.path.join(here, "gradients.safetensors"), metadata={"format": "pt"})
        optimizer.step()
    with open(os.path.join(here, "values.json"), "w") as file:
        json.dump(values, file)
        file.write("\n")
    print(name, values["architecture"], values["steps"])


def main():
    out = os.path.join(HERE, "..", "..", "tests", "golden", "heads")
    weights = (0.5, 2.0, 1.0, 3.0, 0.25)
    cases = {"tied-multi": ("tied", "sequence", {"loss": "multi"}),
             "tied-weighted": ("tied", "sequence", {"class_weights": weights}),
             "tied-focal": ("tied", "token", {"class_weights": weights, "gamma": 2.0})}
    for family in FAMILIES:
        for kind in ("sequence", "token"):
            if kind == "sequence" or family not in NO_TOKEN_CLASS:
                cases[f"{family}-{kind}"] = (family, kind, {})
    for name in sys.argv[1:] or cases:
        model_name, kind, settings = cases[name]
        case(name, model_name, kind, out, **settings)


if __name__ == "__main__":
    main()
