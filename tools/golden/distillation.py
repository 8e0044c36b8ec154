#!/usr/bin/env python3
"""Golden values of distillation from a teacher, by torch: writes tests/golden/preferences/distillation.json.

  distillation.py [OUT_DIR]     needs torch, transformers, peft

Twenty steps of AdamW on the model "tied" from the adapter preferences/start: the rows as token ids, and of each step
the loss, its two parts and the norm of the gradient. One teacher has as many outputs as the student, one has fewer:
the divergence is then over those that both have.
"""
import json
import os
import random
import sys

import peft
import torch
import transformers
from torch.nn.functional import cross_entropy, kl_div
from transformers import AutoModelForCausalLM

SETTINGS = {"learning_rate": 2e-3, "batch_size": 4, "steps": 20}
CASES = [{"teacher": "bias", "alpha": 0.6, "temperature": 3.0}, {"teacher": "odd", "alpha": 0.9, "temperature": 1.5}]


def parts(model, teacher, rows, temperature):
    """Means over all tokens but the first of each row: cross-entropy, and T^2 KL(teacher || model)."""
    labels, divergence, count = 0, 0, 0
    for row in rows:
        ids = torch.tensor([row])
        logits = model(ids).logits[0, :-1]
        with torch.no_grad():
            wanted = teacher(ids).logits[0, :-1]
        shared = min(logits.shape[-1], wanted.shape[-1])
        labels = labels + cross_entropy(logits, ids[0, 1:], reduction="sum")
        divergence = divergence + temperature ** 2 * kl_div(
            (logits[:, :shared] / temperature).log_softmax(-1), (wanted[:, :shared] / temperature).log_softmax(-1),
            reduction="sum", log_target=True)
        count += len(row) - 1
    return labels / count, divergence / count


def train(case, model, teacher, rows):
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=SETTINGS["learning_rate"], weight_decay=0)
    steps, size = [], SETTINGS["batch_size"]
    for step in range(SETTINGS["steps"]):
        first = step * size % len(rows)
        labels, divergence = parts(model, teacher, rows[first:first + size], case["temperature"])
        loss = (1 - case["alpha"]) * labels + case["alpha"] * divergence
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        steps.append({"loss": loss.item(), "loss/labels": labels.item(), "loss/teacher": divergence.item(),
                      "grad_norm": norm.item()})
    print(steps[0], steps[-1])
    return {**case, "steps": steps}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    golden = os.path.join(here, "..", "..", "tests", "golden")
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(golden, "preferences")
    generator = random.Random(12)
    rows = [[generator.randrange(3, 380) for _ in range(generator.randint(4, 12))] for _ in range(16)]

    def load(name):
        return AutoModelForCausalLM.from_pretrained(os.path.join(golden, "models", name), dtype=torch.float32).eval()

    cases = []
    for case in CASES:
        model = peft.PeftModel.from_pretrained(load("tied"), os.path.join(golden, "preferences", "start"),
                                               is_trainable=True)
        cases.append(train(case, model, load(case["teacher"]), rows))
    versions = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
    with open(os.path.join(out, "distillation.json"), "w") as file:
        json.dump({"versions": versions, "settings": SETTINGS, "rows": rows, "cases": cases}, file)
        file.write("\n")


if __name__ == "__main__":
    main()
