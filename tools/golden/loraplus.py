#!/usr/bin/env python3
"""Golden values of LoRA+ and of PiSSA, from PEFT: writes tests/golden/preferences/loraplus.json and pissa.json.

  loraplus.py [OUT_DIR]     needs torch, transformers, peft

Twenty steps of AdamW on the model "tied": the rows as token ids, and the loss of each step.
loraplus   with peft.optimizers.create_loraplus_optimizer, from the adapter preferences/start
pissa      from init_lora_weights="pissa", on every linear layer
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
PISSA = {"lora_r": 4, "lora_alpha": 8.0, "learning_rate": 2e-3, "weight_decay": 0.0, "batch_size": 4, "steps": 20}


def batch_loss(model, rows):
    """Mean loss of all tokens but the first of each row."""
    total, count = 0, 0
    for row in rows:
        ids = torch.tensor([row])
        logits = model(ids).logits[0, :-1]
        total = total + torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum")
        count += len(row) - 1
    return total / count


def train(model, optimizer, rows, settings):
    losses, size = [], settings["batch_size"]
    for step in range(settings["steps"]):
        first = step * size % len(rows)
        loss = batch_loss(model, rows[first:first + size])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    print(losses[0], losses[-1])
    return losses


def write(path, settings, rows, losses):
    versions = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
    with open(path, "w") as file:
        json.dump({"versions": versions, "settings": settings, "rows": rows, "losses": losses}, file)
        file.write("\n")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    golden = os.path.join(here, "..", "..", "tests", "golden")
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(golden, "preferences")
    generator = random.Random(9)
    rows = [[generator.randrange(3, 380) for _ in range(generator.randint(4, 12))] for _ in range(16)]

    def load():
        return AutoModelForCausalLM.from_pretrained(os.path.join(golden, "models", "tied"), dtype=torch.float32)

    model = peft.PeftModel.from_pretrained(load(), os.path.join(golden, "preferences", "start"), is_trainable=True)
    optimizer = create_loraplus_optimizer(
        model, torch.optim.AdamW, lr=SETTINGS["learning_rate"], loraplus_lr_ratio=SETTINGS["loraplus_lr_ratio"],
        loraplus_weight_decay=SETTINGS["weight_decay"])
    write(os.path.join(out, "loraplus.json"), SETTINGS, rows, train(model, optimizer, rows, SETTINGS))

    model = peft.get_peft_model(load(), peft.LoraConfig(
        task_type="CAUSAL_LM", r=PISSA["lora_r"], lora_alpha=PISSA["lora_alpha"], target_modules="all-linear",
        init_lora_weights="pissa"))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=PISSA["learning_rate"], weight_decay=PISSA["weight_decay"])
    write(os.path.join(out, "pissa.json"), PISSA, rows, train(model, optimizer, rows, PISSA))


if __name__ == "__main__":
    main()
