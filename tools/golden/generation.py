#!/usr/bin/env python3
"""Golden values of transformers' generate(): writes tests/golden/values/NAME-generation.{json,safetensors}.

  generation.py [OUT_DIR]     needs torch, transformers, safetensors

Prompts on models with sliding windows, and tokens drawn after them with transformers' own caches; the logits that each
was drawn from. Phi 3's prompts begin below, at and past its original context, and what is drawn crosses it: transformers
then drops its cache and computes the sequence again with the other rotary positions.
"""
import json
import os
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

PROMPTS = {"phi3": [5, 12, 13, 20], "mistral": [9], "qwen2": [9], "gemma2": [9], "gemma3": [9]}
DRAWN = 24


def generate(folder, lengths, seed):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    torch.manual_seed(seed)
    sequences, tensors = [], {}
    for i, length in enumerate(lengths):
        prompt = torch.randint(3, model.config.vocab_size, (1, length))
        out = model.generate(prompt, max_new_tokens=DRAWN, do_sample=True, temperature=1.0, top_k=0, eos_token_id=None,
                             output_logits=True, return_dict_in_generate=True)
        tokens = out.sequences[0].tolist()
        sequences.append({"prompt": length, "tokens": tokens})
        tensors[f"logits.{i}"] = torch.cat(out.logits).contiguous()
    return sequences, tensors


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    golden = os.path.join(here, "..", "..", "tests", "golden")
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(golden, "values")
    versions = {module.__name__: module.__version__ for module in (torch, transformers)}
    for seed, (name, lengths) in enumerate(PROMPTS.items()):
        sequences, tensors = generate(os.path.join(golden, "models", name), lengths, seed)
        path = os.path.join(out, f"{name}-generation")
        save_file(tensors, path + ".safetensors")
        with open(path + ".json", "w") as file:
            json.dump({"made_by": "tools/golden/generation.py", "versions": versions, "model": f"models/{name}",
                       "sequences": sequences}, file, separators=(",", ":"))
            file.write("\n")
        print(name, [sequence["tokens"] for sequence in sequences])


if __name__ == "__main__":
    main()
