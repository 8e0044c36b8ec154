#!/usr/bin/env python3
"""Whether hone and Python's peft compute the same with the same adapter, whoever made it.

  check_peft.py MODEL_DIR ADAPTER_DIR               an adapter that hone trained
  check_peft.py MODEL_DIR ADAPTER_DIR --make        makes it first, with peft: random A and B on every linear layer

MODEL_DIR is a Hugging Face folder, which both read. Both compute in f32; what is compared is the log-probability of
many tokens (likely and unlikely ones) after many contexts: hone's by `hone evaluate --per_row` over rows of
input_ids with a single label, peft's from its logits. Exits with 1 if any differ by more than --tolerance.

Needs: torch, transformers, peft, and for bottleneck adapters `adapters`. Not part of the tests: it is for checking a
real model by hand.
"""
import argparse
import json
import os
import subprocess
import tempfile

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXT = ("The chemist weighed 12.5 grams of tin, wrote the number down, and asked: what is its symbol? \"Sn\", said the "
        "student, \"from stannum\". def area(r):\n    return 3.14159 * r * r\nWater freezes at 0 degrees; why? ")


def load(model_dir):
    return AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32).eval()


def make_adapter(model_dir, adapter_dir):
    torch.manual_seed(0)
    model = get_peft_model(load(model_dir), LoraConfig(r=8, lora_alpha=16, target_modules="all-linear",
                                                       task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0.0, 0.01)
    model.save_pretrained(adapter_dir)


def load_adapter(model, adapter_dir):
    with open(os.path.join(adapter_dir, "adapter_config.json")) as file:
        if "peft_type" in json.load(file):
            return PeftModel.from_pretrained(model, adapter_dir).eval()
    import adapters  # AdapterHub's library, for its bottleneck adapters; it wants a transformers of its own
    adapters.init(model)
    model.load_adapter(adapter_dir, use_safetensors=True, set_active=True)
    return model.eval()


def make_probes(tokenizer, vocabulary, contexts, targets):
    """(context, tokens to ask for): the token that follows in the text, and random ones."""
    generator = torch.Generator().manual_seed(1)
    ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    for i in range(contexts):
        length = 1 + i * (len(ids) - 2) // max(contexts - 1, 1)
        random = torch.randint(0, vocabulary, (targets - 1,), generator=generator).tolist()
        yield ids[:length], [ids[length]] + random


def peft_losses(model, probes):
    losses = []
    with torch.no_grad():
        for context, targets in probes:
            logits = model(input_ids=torch.tensor([context])).logits[0, -1].double()
            losses += (-torch.log_softmax(logits, -1))[torch.tensor(targets)].tolist()
    return losses


def hone_losses(hone, model_dir, adapter_dir, probes):
    with tempfile.TemporaryDirectory() as folder:
        rows, result = os.path.join(folder, "rows.jsonl"), os.path.join(folder, "result.json")
        with open(rows, "w") as file:
            for context, targets in probes:
                for target in targets:
                    file.write(json.dumps({"input_ids": context + [target],
                                           "labels": [-100] * len(context) + [target]}) + "\n")
        command = [hone, "evaluate", "--model_name_or_path", model_dir, "--data_name", rows, "--per_row",
                   "--torch_dtype", "float32", "--output_file", result]
        subprocess.run(command + (["--adapter_path", adapter_dir] if adapter_dir else []), check=True,
                       stdout=subprocess.DEVNULL)
        with open(result) as file:
            return [row["loss"] for row in json.load(file)["rows"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir")
    parser.add_argument("adapter_dir")
    parser.add_argument("--make", action="store_true", help="make the adapter with peft first")
    parser.add_argument("--hone", default=os.environ.get("HONE", "build/release/hone"))
    parser.add_argument("--contexts", type=int, default=24)
    parser.add_argument("--targets", type=int, default=8)
    parser.add_argument("--tolerance", type=float, default=1e-3)
    options = parser.parse_args()
    if options.make:
        make_adapter(options.model_dir, options.adapter_dir)
    model = load(options.model_dir)
    tokenizer = AutoTokenizer.from_pretrained(options.model_dir)
    probes = list(make_probes(tokenizer, model.config.vocab_size, options.contexts, options.targets))
    bare = peft_losses(model, probes)
    adapted = peft_losses(load_adapter(model, options.adapter_dir), probes)
    worst = 0.0
    for name, folder, theirs in (("base", None, bare), ("adapter", options.adapter_dir, adapted)):
        ours = hone_losses(options.hone, options.model_dir, folder, probes)
        assert len(ours) == len(theirs), (len(ours), len(theirs))
        difference = max(abs(a - b) for a, b in zip(ours, theirs))
        worst = max(worst, difference)
        print(f"{name}: {len(ours)} log-probabilities, largest difference {difference:.2e}")
    effect = max(abs(a - b) for a, b in zip(bare, adapted))
    print(f"the adapter moves them by up to {effect:.3f}")
    if effect < 10 * options.tolerance:
        raise SystemExit("the adapter does too little for this to say anything")
    if not worst <= options.tolerance:
        raise SystemExit(f"differs by {worst:.2e}, more than {options.tolerance}")


if __name__ == "__main__":
    main()
