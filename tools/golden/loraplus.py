#!/usr/bin/env python3
"""Golden values of LoRA+, from PEFT: writes tests/golden/preferences/loraplus.json.

  loraplus.py [OUT_DIR]     needs torch, transformers, peft

Twenty steps of AdamW with peft.optimizers.create_loraplus_optimizer from the adapter preferences/start of the model
"tied": the rows as token ids, and the loss of each step.
"""
import json
import os
import random
import sys

import peft
import torch
import transformers
from peft.optimizers import create_loraplus_optimizer
from transformers import AutoModelForCausalLM

SETTINGS = {"loraplus_lr_ratio": 8.0, "learning_rate": 1e-3, "weight_decay": 0.02, "batch_size": 4, "steps": 20}


def batch_loss(model, rows):
    """Mean loss of all tokens but the first of each row."""
    total, count = 0, 0
    for row in rows:
        ids = torch.tensor([row])
        logits = model(ids).logits[0, :-1]
        total = total + torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum")
        count += len(row) - 1
    return total / count


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    golden = os.path.join(here, "..", "..", "tests", "golden")
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(golden, "preferences")
    generator = random.Random(9)
    rows = [[generator.randrange(3, 380) for _ in range(generator.randint(4, 12))] for _ in range(16)]
    base = AutoModelForCausalLM.from_pretrained(os.path.join(golden, "models", "tied"), dtype=torch.float32)
    model = peft.PeftModel.from_pretrained(base, os.path.join(golden, "preferences", "start"), is_trainable=True)
    optimizer = create_loraplus_optimizer(
        model, torch.optim.AdamW, lr=SETTINGS["learning_rate"], loraplus_lr_ratio=SETTINGS["loraplus_lr_ratio"],
        loraplus_weight_decay=SETTINGS["weight_decay"])
    losses, size = [], SETTINGS["batch_size"]
    for step in range(SETTINGS["steps"]):
        first = step * size % len(rows)
        loss = batch_loss(model, rows[first:first + size])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    versions = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
    with open(os.path.join(out, "loraplus.json"), "w") as file:
        json.dump({"versions": versions, "settings": SETTINGS, "rows": rows, "losses": losses}, file)
        file.write("\n")
    print(losses[0], losses[-1])


if __name__ == "__main__":
    main()
