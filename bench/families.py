#!/usr/bin/env python3
"""Measures a step of every family, and of DoRA, DPO and both heads of labels, beside the machine's limit.

families.py [--hone PROGRAM] [--output FILE] [--tokenizer FOLDER] [--only NAME...] [--steps N]

Each model has the shape of one that people use, fewer layers where it is large, and random weights: speed and memory
do not depend on what they are. `hone estimate` says before each run what memory it will take, `hone finetune` takes
its steps (LoRA r=16 on every linear layer, 4 sequences of 512 tokens, bf16; the fastest step counts), and
`hone bench train` measures, right after it, what the matrix products of such a step take alone. FOLDER has the
tokenizer.json that all use.

Needs a python with torch and transformers.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROWS, LENGTH, RANK = 4, 512, 16
TOKENS = 49152  # of the tokenizer: no vocabulary is smaller


def shape(model_type, hidden, intermediate, layers, heads, kv_heads, vocabulary, **more):
    return {"model_type": model_type, "hidden_size": hidden, "intermediate_size": intermediate,
            "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
            "vocab_size": max(vocabulary, TOKENS),
            "max_position_embeddings": 2048, "bos_token_id": 1, "eos_token_id": 2,
            "pad_token_id": 2, "dtype": "bfloat16", **more}


# Sizes: the config.json of each model. "of": the layers that the model has, where these are fewer.
MODELS = {
    "Llama 3.2 1B": (16, shape("llama", 2048, 8192, 4, 32, 8, 128256, head_dim=64, tie_word_embeddings=True)),
    "SmolLM3 3B": (36, shape("smollm3", 2048, 11008, 3, 16, 4, 128256, tie_word_embeddings=True)),
    "Qwen2.5 0.5B": (24, shape("qwen2", 896, 4864, 8, 14, 2, 151936, tie_word_embeddings=True)),
    "Qwen3 0.6B": (28, shape("qwen3", 1024, 3072, 8, 16, 8, 151936, head_dim=128, tie_word_embeddings=True)),
    "Gemma 2B": (18, shape("gemma", 2048, 16384, 2, 8, 1, 256000, head_dim=256)),
    "Gemma 2 2B": (26, shape("gemma2", 2304, 9216, 2, 8, 4, 256000, head_dim=256)),
    "Gemma 3 270M": (18, shape("gemma3_text", 640, 2048, 18, 4, 1, 262144, head_dim=256, sliding_window=512)),
    "Phi-2": (32, shape("phi", 2560, 10240, 3, 32, 32, 51200, partial_rotary_factor=0.4)),
    "Phi-3.5 mini": (32, shape("phi3", 3072, 8192, 2, 32, 32, 32064, sliding_window=2047)),
    "Mistral 7B": (32, shape("mistral", 4096, 14336, 2, 32, 8, 32768, sliding_window=4096)),
    "GPT-2": (12, {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257,
                   "n_positions": 1024, "bos_token_id": 1, "eos_token_id": 2, "dtype": "bfloat16",
                   "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}),
    "Granite 3.1 1B": (24, shape("granite", 1536, 4096, 4, 24, 8, 49155, head_dim=64, tie_word_embeddings=True)),
    "OLMo 2 1B": (16, shape("olmo2", 2048, 8192, 4, 16, 16, 100352)),
}
SMALL = "SmolLM2 135M"
MODELS[SMALL] = (30, shape("llama", 576, 1536, 30, 9, 3, 49152, head_dim=64, tie_word_embeddings=True))

# On SMALL: the flags of a run, passes over all tokens without gradients, and whether the vocabulary's head is there.
WAYS = {
    "DoRA": (("--use_dora",), 0, True),
    # The answers are scored by the policy and by the reference before the step's own passes.
    "DPO": (("--objective", "dpo"), 2, True),
    "head of labels, a text": (("--task", "text-classification"), 0, False),
    "head of labels, each word": (("--task", "token-classification"), 0, False),
}


def make_model(description, tokenizer, folder):
    torch.manual_seed(0)
    description = dict(description)
    config = AutoConfig.for_model(description.pop("model_type"), **description)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(pathlib.Path(tokenizer) / name, folder)


def write_rows(path, way):
    """Rows of about as many tokens as are kept: " the" is one token in nearly every vocabulary."""
    words = " the" * (LENGTH + 8)
    with open(path, "w", encoding="utf-8") as file:
        for i in range(8 * ROWS):
            if way == "DPO":
                half = " the" * (LENGTH // 2 - 8)
                row = {"prompt": " the" * 4, "chosen": half + " good", "rejected": half + " bad"}
            elif way == "head of labels, a text":
                row = {"text": words[:-4 * 16], "label": f"label {i % 4}"}
            elif way == "head of labels, each word":
                row = {"tokens": ["the"] * (LENGTH - 8), "tags": ["O" if j % 4 else "B-X" for j in range(LENGTH - 8)]}
            else:
                row = {"text": words}
            file.write(json.dumps(row) + "\n")


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"families: exit code {done.returncode} from: {' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def limit(roofline, description, passes, head):
    """Tokens a second of the products alone. Without the head, by its share of the products' operations."""
    seconds = 1 / roofline["limit_tokens_per_second"] + passes / roofline["forward_tokens_per_second"]
    if not head:
        head_operations = 4 * description["hidden_size"] * description["vocab_size"]  # forward and to the input
        seconds -= head_operations / (1e9 * roofline["gemm_gflops"])
    return 1 / seconds


def measure(flags, folder, name, description, way=None):
    extra, passes, head = WAYS.get(way, ((), 0, True))
    model, data, out = folder / "model", folder / "rows.jsonl", folder / "out"
    shutil.rmtree(model, ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    make_model(description, flags.tokenizer, model)
    write_rows(data, way)
    options = ("--model_name_or_path", model, "--data_name", data, "--eval_split", "none", "--lora_r", RANK,
               "--target_modules", "all-linear", "--max_seq_len", LENGTH, "--per_device_train_batch_size", ROWS,
               "--logging_steps", 1, "--max_steps", flags.steps, "--output_path", out, "--save_steps", 0, *extra)
    estimated = json.loads(run(flags.hone, "estimate", *options, "--json"))["memory_bytes"]
    run(flags.hone, "finetune", *options)
    steps = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    taken = json.loads((out / "run.json").read_text())["peak_memory_bytes"]
    speed = max(step["tokens_per_second"] for step in steps if "tokens_per_second" in step)
    roofline = json.loads(run(flags.hone, "bench", "train", "--model_name_or_path", model, "--lora_r", RANK,
                              "--batch_size", ROWS, "--seq_len", LENGTH, "--steps", 1, "--json"))
    bound = limit(roofline, description, passes, head)
    return {"name": name, "tokens_per_second": speed, "limit_tokens_per_second": bound, "of_limit": speed / bound,
            "peak_memory_bytes": taken, "estimated_over_taken": estimated / taken}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hone", default=ROOT / "build/release/hone")
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--steps", type=int, default=4)
    flags = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    rows = []
    print(f"transformers {transformers.__version__}; {ROWS} x {LENGTH} tokens a step\n")
    print("| what | tokens/s | of the limit | peak memory | estimated over taken |\n|---|---:|---:|---:|---:|")
    cases = [(name, name, None) for name in MODELS] + [(f"{way}, {SMALL}", SMALL, way) for way in WAYS]
    for name, model, way in cases:
        if flags.only and not any(word in name for word in flags.only):
            continue
        layers, description = MODELS[model]
        used = description.get("num_hidden_layers", description.get("n_layer"))
        label = name if used == layers else f"{name}, {used} of its {layers} layers"
        with tempfile.TemporaryDirectory(prefix="hone-families-") as folder:
            row = measure(flags, pathlib.Path(folder), label, description, way)
        rows.append(row)
        print(f"| {label} | {row['tokens_per_second']:.0f} | {row['of_limit']:.2f} | "
              f"{row['peak_memory_bytes'] / 1e9:.2f} GB | {row['estimated_over_taken']:.2f} |", flush=True)
    if flags.output:
        flags.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
