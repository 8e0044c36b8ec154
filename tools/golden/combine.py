#!/usr/bin/env python3
"""Golden values of PEFT's add_weighted_adapter: writes tests/golden/preferences/combine.json.

  combine.py [OUT_DIR]     needs torch, transformers, peft

The adapters tied-lora and tied-qlora on the model "tied", combined in each way: the loss of one document, and of one
layer a sample of the delta.
"""
import json
import os
import sys

import peft
import torch
import transformers
from transformers import AutoModelForCausalLM

WEIGHTS = [0.75, -0.5]
LAYER = "model.layers.1.mlp.down_proj"
DOCUMENT = [(7 * i * i + 3 * i) % 380 for i in range(24)]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    golden = os.path.join(here, "..", "..", "tests", "golden")
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(golden, "preferences")
    base = AutoModelForCausalLM.from_pretrained(os.path.join(golden, "models", "tied"), dtype=torch.float32)
    model = peft.PeftModel.from_pretrained(base, os.path.join(golden, "adapters", "tied-lora"), adapter_name="a")
    model.load_adapter(os.path.join(golden, "adapters", "tied-qlora"), adapter_name="b")
    ids = torch.tensor([DOCUMENT])
    cases = []
    for kind, rank in (("cat", None), ("linear", None), ("svd", None), ("svd", 2)):
        name = f"{kind}{rank}"
        model.add_weighted_adapter(["a", "b"], WEIGHTS, name, combination_type=kind, svd_rank=rank)
        model.set_adapter(name)
        with torch.no_grad():
            loss = model(ids, labels=ids).loss.item()
            delta = model.base_model.model.get_submodule(LAYER).get_delta_weight(name).flatten()
        cases.append({"combination": kind, "svd_rank": rank or 0, "r": model.peft_config[name].r, "loss": loss,
                      "norm": delta.norm().item(), "delta": delta[::97].tolist()})
        print(cases[-1]["combination"], cases[-1]["r"], loss)
    versions = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
    with open(os.path.join(out, "combine.json"), "w") as file:
        json.dump({"versions": versions, "weights": WEIGHTS, "layer": LAYER, "document": DOCUMENT, "cases": cases},
                  file)
        file.write("\n")


if __name__ == "__main__":
    main()
