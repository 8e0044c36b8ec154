"""Writes src/train/testdata/schedules.json: the learning rates of transformers' schedules, step by step.

usage: python tools/golden/schedules.py OUT.json     (needs torch and transformers)
"""
import json
import sys

import torch
import transformers
from transformers import get_scheduler

LEARNING_RATE = 3e-4

# (our name, transformers' own arguments, ours where they differ)
CASES = [
    ("linear", 0, 20, {}),
    ("linear", 5, 20, {}),
    ("linear", 20, 20, {}),
    ("cosine", 3, 20, {}),
    ("cosine", 0, 17, {"num_cycles": 1.5}),
    ("cosine_with_restarts", 4, 24, {}),
    ("cosine_with_restarts", 2, 24, {"num_cycles": 3}),
    ("polynomial", 4, 20, {}),
    ("polynomial", 0, 20, {"power": 2.0, "lr_end": 1e-5}),
    ("constant", 5, 12, {}),
    ("constant_with_warmup", 5, 12, {}),
    ("inverse_sqrt", 5, 30, {}),
    ("inverse_sqrt", 0, 30, {}),
    ("warmup_stable_decay", 4, 30, {"num_decay_steps": 8}),
    ("warmup_stable_decay", 3, 21, {"num_decay_steps": 10, "min_lr_ratio": 0.1}),
    ("warmup_stable_decay", 3, 21, {"num_decay_steps": 10, "num_cycles": 1.0}),
]


def rates(name, warmup, total, kwargs):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=LEARNING_RATE)
    scheduler = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total,
                              scheduler_specific_kwargs=dict(kwargs))
    values = []
    for _ in range(total + 3):
        values.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return values


cases = [{"name": name, "warmup_steps": warmup, "total_steps": total, "arguments": kwargs,
          "rates": rates(name, warmup, total, kwargs)} for name, warmup, total, kwargs in CASES]
with open(sys.argv[1], "w") as out:
    json.dump({"transformers": transformers.__version__, "learning_rate": LEARNING_RATE, "cases": cases}, out, indent=1)
    out.write("\n")
