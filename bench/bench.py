#!/usr/bin/env python3
"""Measures hone on this machine beside what the machine could do and what PEFT does: prints a table, writes JSON.

bench.py [--hone PROGRAM] [--output FILE] [--model NAME] [--python PYTHON]

Absolute figures differ by two and three times between machines, so all is measured in one run. PYTHON is one that
has torch, transformers, peft and gguf; without it, and where this Python lacks them, PEFT is left out.
"""

import argparse
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BATCH_SIZE, SEQ_LEN, LORA_R = 4, 512, 16
PROMPT_TOKENS, NEW_TOKENS, STREAMS = 512, 128, 8


def run(*command):
    """Standard output of a command that must succeed; what it says on standard error is shown."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: exit code {done.returncode} from: {' '.join(map(str, command))}")
    return done.stdout


def has_peft(python):
    check = "import torch, transformers, peft, gguf"
    done = subprocess.run([python, "-c", check], stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def measure(flags):
    model = ("--model_name_or_path", flags.model)
    print("hone: training", file=sys.stderr)
    results = {"train": json.loads(run(
        flags.hone, "bench", "train", *model, "--method", "lora", "--lora_r", LORA_R, "--target_modules", "all-linear",
        "--batch_size", BATCH_SIZE, "--seq_len", SEQ_LEN, "--torch_dtype", "bfloat16", "--json"))}
    print("hone: inference", file=sys.stderr)
    infer = (flags.hone, "bench", "infer", *model, "--prompt_tokens", PROMPT_TOKENS, "--new_tokens", NEW_TOKENS,
             "--json")
    results["infer"] = json.loads(run(*infer))
    results["infer_int4"] = json.loads(run(*infer, "--weights", "int4"))
    results["infer_streams"] = json.loads(run(*infer, "--weights", "int4", "--streams", STREAMS))
    python = flags.python or sys.executable
    if has_peft(python):
        print("peft: training", file=sys.stderr)
        path = run(flags.hone, "models", "pull", flags.model).strip()
        output = run(python, ROOT / "bench/peft_step.py", path, "--batch_size", BATCH_SIZE, "--seq_len", SEQ_LEN,
                     "--lora_r", LORA_R)
        peft = json.loads(output.strip().splitlines()[-1])
        results["peft"] = peft
        results["speed_over_peft"] = results["train"]["tokens_per_second"] / peft["tokens_per_second"]
        results["memory_over_peft"] = results["train"]["peak_memory_bytes"] / peft["peak_memory_bytes"]
    elif flags.python:
        sys.exit(f"bench: {python} lacks one of torch, transformers, peft, gguf")
    return results


def table(results):
    """The lines of a table in Markdown."""
    train, infer = results["train"], results["infer"]
    rows = [("LoRA step, tokens/s", train["tokens_per_second"], f"{train['limit_ratio']:.2f} of the limit"),
            ("limit: every product of the step at full rate, tokens/s", train["limit_tokens_per_second"], ""),
            ("roofline: the base's products alone, tokens/s", train["roofline_tokens_per_second"], ""),
            ("LoRA step, peak memory, MB", train["peak_memory_bytes"] / 1e6, "")]
    if "peft" in results:
        peft = results["peft"]
        rows += [("PEFT, the same step, tokens/s", peft["tokens_per_second"],
                  f"hone is {results['speed_over_peft']:.2f} times as fast"),
                 ("PEFT, peak memory, MB", peft["peak_memory_bytes"] / 1e6,
                  f"hone takes {results['memory_over_peft']:.2f} of it")]
    int4, streams = results["infer_int4"], results["infer_streams"]
    gain = streams["decode_tokens_per_second"] / int4["decode_tokens_per_second"]
    rows += [(f"prefill of {PROMPT_TOKENS} tokens, tokens/s", infer["prefill_tokens_per_second"],
              f"{infer['prefill_limit_ratio']:.2f} of the layers' products alone"),
             (f"decode of {NEW_TOKENS} tokens, tokens/s", infer["decode_tokens_per_second"],
              f"reads weights at {infer['decode_limit_ratio']:.2f} of the memory's rate"),
             ("the same with int4 weights, tokens/s", int4["decode_tokens_per_second"],
              f"reads weights at {int4['decode_limit_ratio']:.2f} of the memory's rate"),
             (f"the same, {STREAMS} streams together, tokens/s", streams["decode_tokens_per_second"],
              f"{gain:.2f} times one stream")]
    yield f"LoRA r={LORA_R} on all linear layers, {BATCH_SIZE} x {SEQ_LEN} tokens a step, bf16"
    yield ""
    yield "| | | |"
    yield "|---|---:|---|"
    for name, value, remark in rows:
        yield f"| {name} | {value:.0f} | {remark} |"
    if "peft" not in results:
        yield ""
        yield "PEFT was not measured: --python PYTHON, one that has torch, transformers, peft and gguf."


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hone", type=pathlib.Path, default=ROOT / "build/release/hone")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "build/bench.json")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--python", help="a Python that has torch, transformers, peft and gguf")
    flags = parser.parse_args()
    results = measure(flags)
    flags.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print("\n".join(table(results)))
    print(f"\nwritten to {flags.output}")


if __name__ == "__main__":
    main()
