"""One training step with PEFT and transformers on this CPU, timed: what bench.py holds hone against.

peft_step.py MODEL [--method lora] [--batch_size 4] [--seq_len 512] [--lora_r 16] [--dtype bfloat16] [--steps 5]: MODEL
is a folder in Hugging Face's layout or a .gguf file. The method full keeps weights in f32 and computes in bf16 by
autocast, whatever the dtype. Prints one JSON object. Needs torch, transformers, peft, gguf.
"""

import argparse
import json
import pathlib
import resource
import time

import peft
import torch
import transformers

LINEAR_LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def load(path, dtype):
    path = pathlib.Path(path)
    if path.suffix == ".gguf":
        return transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=dtype)
    return transformers.AutoModelForCausalLM.from_pretrained(path, dtype=dtype)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--method", default="lora", choices=["lora", "full"])
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--seq_len", type=int, default=512)
    parser.add_argument("--lora_r", type=int, default=16)
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
    parser.add_argument("--steps", type=int, default=5)
    flags = parser.parse_args()
    if flags.steps < 2:
        parser.error("--steps: at least 2, of which the first warms up")

    torch.manual_seed(0)
    full = flags.method == "full"
    model = load(flags.model, torch.float32 if full else getattr(torch, flags.dtype))
    if not full:
        model = peft.get_peft_model(model, peft.LoraConfig(
            r=flags.lora_r, lora_alpha=2 * flags.lora_r, lora_dropout=0.0, task_type="CAUSAL_LM",
            target_modules=LINEAR_LAYERS))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    tokens = torch.randint(0, model.config.vocab_size, (flags.batch_size, flags.seq_len))
    model.train()
    seconds = []
    for _ in range(flags.steps):
        begin = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=full):
            loss = model(input_ids=tokens, labels=tokens).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - begin)
    # The first step pays for what is made once; the best of the others is the kindest to PEFT.
    best = min(seconds[1:])
    print(json.dumps({
        "tokens_per_second": flags.batch_size * flags.seq_len / best,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "versions": {module.__name__: module.__version__ for module in (torch, transformers, peft)},
    }))


if __name__ == "__main__":
    main()
