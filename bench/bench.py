#!/usr/bin/env python3
"""Measures hone on this machine beside what the machine could do and what PEFT and TRL do: a table, and JSON.

bench.py [--hone PROGRAM] [--output FILE] [--model NAME] [--python PYTHON] [--chats FILE] [--only ROW...] [--growth]

Absolute figures differ by two and three times between machines, so all is measured in one run, one thing at a time,
and the table holds ratios. PYTHON is one that has torch, transformers, peft, trl, datasets and gguf; without it the
rows that compare are left out. CHATS are rows of {"messages": [...]}, of which 64 are trained on: real ones say more
than the example's, which are short. --growth adds the curves: threads, batch, length, rank (some minutes more).
"""

import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time

from estimates import estimate

ROOT = pathlib.Path(__file__).resolve().parent.parent
STEP = ("--lora_r", 16, "--target_modules", "all-linear")
CHAT_ROWS = 64


def tokens_per_second(measurement):
    return measurement["tokens_per_second"]


class Bench:
    """What is to be run, and on what, with `peers` or without; results by name, each measured once."""

    def __init__(self, flags, peers):
        self.flags, self.peers = flags, peers
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hone-bench-"))
        self.results = {}

    def run(self, *command):
        """Standard output of a command that must succeed; its standard error is shown when it does not."""
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"bench: exit code {done.returncode} from: {' '.join(map(str, command))}\n{done.stderr}")
        return done.stdout

    def measure(self, name, what):
        if name not in self.results:
            print(f"measuring {name}", file=sys.stderr, flush=True)
            self.results[name] = what()
        return self.results[name]

    def best_of_two(self, name, once, rank=tokens_per_second, **peer):
        """The run of two that ranks higher. A peer's two (its name=what) are run in turn with them, so that what else
        the machine does falls on both; without peers they are left out."""
        runs = {name: once, **(peer if self.peers else {})}
        if name not in self.results:
            print(f"measuring {' and '.join(runs)}, twice", file=sys.stderr, flush=True)
            turns = [[run() for run in runs.values()] for _ in range(2)]
            self.results.update(zip(runs, (max(of, key=rank) for of in zip(*turns))))
        return self.results[name]

    def train_once(self, *flags):
        return json.loads(self.run(
            self.flags.hone, "bench", "train", "--model_name_or_path", self.flags.model, *STEP, "--json", *flags))

    def train(self, name, *flags):
        return self.best_of_two(name, lambda: self.train_once(*flags))

    def infer(self, name, *flags):
        return self.measure(name, lambda: json.loads(self.run(
            self.flags.hone, "bench", "infer", "--model_name_or_path", self.flags.model, "--json", *flags)))

    def lora(self):
        return self.best_of_two("lora_bf16", self.train_once, peft_bf16=self.peft_once)

    def peft(self):
        self.lora()
        return self.results["peft_bf16"]

    def qlora(self):
        return self.train("qlora_bf16", "--method", "qlora")

    def int8(self):
        return self.train("lora_int8", "--base_compute", "int8")

    def loss_after(self, compute):
        """Loss on chats not trained on, with the base in bf16, after a short training whose base computes so."""
        def measure():
            out = self.folder / f"loss-{compute}"
            model = ("--model_name_or_path", self.flags.model, "--data_name", self.flags.chats)
            self.run(self.flags.hone, "finetune", *model, "--train_split", f"train[:{CHAT_ROWS}]", "--eval_split",
                     "none", "--per_device_train_batch_size", 4, "--num_train_epochs", 2,
                     "--learning_rate", "1e-3", *STEP, "--base_compute", compute, "--output_path", out)
            report = self.folder / f"loss-{compute}.json"
            self.run(self.flags.hone, "evaluate", *model, "--eval_split", f"train[{CHAT_ROWS}:{2 * CHAT_ROWS}]",
                     "--adapter_path", out, "--output_file", report)
            return json.loads(report.read_text())
        return self.measure(f"loss_after_{compute}", measure)["loss"]

    def full(self):
        method = ("--method", "full")
        return self.best_of_two("full_bf16", lambda: self.train_once(*method),
                                transformers_full=lambda: self.peft_once(*method))

    def full_reference(self):
        self.full()
        return self.results["transformers_full"]

    def long_rows(self):
        return self.train("lora_8192", "--batch_size", 1, "--seq_len", 8192, "--steps", 1)

    def decode(self, name, *flags):
        return self.infer(name, "--prompt_tokens", 64, "--new_tokens", 128, "--weights", "int4", "--repeats", 6, *flags)

    def reference_model(self):
        """The same weights as a folder in Hugging Face's layout, which is how PEFT's users have them."""
        path = pathlib.Path(self.run(self.flags.hone, "models", "pull", self.flags.model).strip())
        if path.suffix != ".gguf":
            return path
        folder = ROOT / "build/bench" / path.stem
        if not (folder / "config.json").exists():
            self.run(self.flags.python, ROOT / "tools/golden/smollm2.py", "convert", path, folder, "bf16")
        return folder

    def peft_once(self, *flags):
        return json.loads(self.run(
            self.flags.python, ROOT / "bench/peft_step.py", self.reference_model(), *flags).splitlines()[-1])

    def timed(self, *command):
        begin = time.time()
        output = self.run(*command)
        return time.time() - begin, output

    def chats(self):
        """64 chats, batch 8, one epoch, from launch to the saved adapter."""
        def hone():
            out = self.folder / f"chats-{time.time_ns()}"
            seconds, _ = self.timed(
                self.flags.hone, "finetune", "--model_name_or_path", self.flags.model, "--data_name", self.flags.chats,
                "--max_samples", CHAT_ROWS, "--eval_split", "none", "--per_device_train_batch_size", 8,
                "--num_train_epochs", 1, *STEP, "--lora_alpha", 32, "--output_path", out)
            run = json.loads((out / "run.json").read_text())
            return {"seconds": seconds, "peak_memory_bytes": run["peak_memory_bytes"]}

        def trl():
            seconds, output = self.timed(self.flags.python, ROOT / "bench/trl_sft.py", self.reference_model(),
                                         self.flags.chats, self.folder / "trl", "--rows", CHAT_ROWS)
            return {"seconds": seconds, **json.loads(output.splitlines()[-1])}

        return (self.best_of_two("chats_hone", hone, lambda run: -run["seconds"], chats_trl=trl),
                self.results["chats_trl"])

    def launch(self):
        """Seconds from launch to the end of step 1, beyond what the step itself takes."""
        def once():
            out = self.folder / f"launch-{time.time_ns()}"
            begin = time.time()
            self.run(self.flags.hone, "finetune", "--model_name_or_path", self.flags.model, "--data_name",
                     self.flags.chats, "--max_samples", CHAT_ROWS, "--eval_split", "none", "--max_steps", 1,
                     "--per_device_train_batch_size", 1, "--logging_steps", 1, *STEP, "--output_path", out)
            metrics = out / "metrics.jsonl"
            step = json.loads(metrics.read_text().splitlines()[0])
            return metrics.stat().st_mtime - begin - step["tokens"] / step["tokens_per_second"]
        return self.measure("launch_seconds", lambda: min(once() for _ in range(3)))

    def forward(self):
        return self.infer("infer", "--prompt_tokens", 512, "--new_tokens", 16)

    def evaluate(self):
        """Of an evaluation on the chats: its tokens a second over what the products alone would allow: the layers' for
        every token, the head's for those with a label."""
        def once():
            output = self.run(self.flags.hone, "evaluate", "--model_name_or_path", self.flags.model, "--data_name",
                              self.flags.chats, "--max_samples", 2 * CHAT_ROWS)
            found = re.search(r"([\d,]+) with loss, of ([\d,]+) in .*?([\d,.]+) tokens/s", output, re.DOTALL)
            labelled, tokens, rate = (float(number.replace(",", "")) for number in found.groups())
            return {"tokens_per_second": rate, "labelled": labelled / tokens}
        measured = self.best_of_two("evaluate", once)
        forward = self.forward()
        return measured["tokens_per_second"] * (1 / forward["forward_limit_tokens_per_second"] +
                                                measured["labelled"] / forward["head_limit_tokens_per_second"])


class Row:
    """One line of the table: achieved(bench) gives the ratio, `target` bounds it: at least, at most, how far from 1."""

    def __init__(self, key, title, bound, target, achieved, peers=False, unit="x", digits=2):
        self.key, self.title, self.bound, self.target = key, title, bound, target
        self.achieved, self.peers, self.unit, self.digits = achieved, peers, unit, digits

    def met(self, value):
        if self.bound == "1 +-":
            return abs(value - 1) <= self.target
        return value >= self.target if self.bound == ">=" else value <= self.target

    def line(self, value):
        """The row in Markdown."""
        return (f"| {self.title} | {value:.{self.digits}f} {self.unit} | {self.bound} {self.target:g} | "
                f"{'met' if self.met(value) else 'not met'} |")


def over(measurement, other, key="tokens_per_second"):
    return measurement[key] / other[key]


def streams(bench):
    """Of eight streams decoded together over one alone."""
    return over(bench.decode("decode_int4_8", "--streams", 8), bench.decode("decode_int4"),
                "decode_tokens_per_second")


def adapters(bench):
    """Of eight streams, each through an adapter of its own, over eight of the base alone; in turn, the best of each."""
    measured = bench.decode("decode_adapters", "--streams", 8, "--adapters", 8)
    return measured["decode_tokens_per_second"] / measured["base_decode_tokens_per_second"]


def memory_over_time(bench):
    """Of checkpointing: the activations that remain, and the time that it adds."""
    base, less = bench.lora(), bench.train("lora_checkpointing", "--gradient_checkpointing")
    return over(less, base, "activation_bytes"), over(base, less)


def estimates(name, title):
    """The two rows of what `hone estimate` said of a run, over what it took."""
    for what, tolerance in (("memory", 0.1), ("time", 0.25)):
        yield Row(f"estimate_{what}_{name}", f"{what} of {title}, estimated over taken", "1 +-", tolerance,
                  lambda b, what=what: estimate(b, name)[what])


ROWS = [
    Row("lora", "LoRA step r=16 4x512 bf16, of the limit", ">=", 0.75, lambda b: b.lora()["limit_ratio"]),
    Row("lora_f32", "the same in f32, of the limit", ">=", 0.75,
        lambda b: b.train("lora_f32", "--torch_dtype", "float32")["limit_ratio"]),
    Row("peft", "LoRA step, speed over PEFT bf16", ">=", 2.8,
        lambda b: over(b.lora(), b.peft()), peers=True),
    Row("peft_memory", "LoRA step, peak memory over PEFT bf16", "<=", 0.2,
        lambda b: over(b.lora(), b.peft(), "peak_memory_bytes"), peers=True),
    Row("trl", f"{CHAT_ROWS} chats, launch to adapter, times as fast as TRL", ">=", 6,
        lambda b: over(*reversed(b.chats()), key="seconds"), peers=True),
    Row("trl_memory", f"{CHAT_ROWS} chats, peak memory over TRL", "<=", 0.1,
        lambda b: over(*b.chats(), key="peak_memory_bytes"), peers=True),
    Row("full", "full fine-tuning 4x512 bf16, speed over transformers autocast", ">=", 3,
        lambda b: over(b.full(), b.full_reference()), peers=True),
    Row("full_memory", "full fine-tuning, peak memory over transformers autocast", "<=", 0.5,
        lambda b: over(b.full(), b.full_reference(), "peak_memory_bytes"), peers=True),
    Row("qlora", "QLoRA step (NF4, double quantisation), speed over hone's own bf16 LoRA", ">=", 0.8,
        lambda b: over(b.qlora(), b.lora())),
    Row("qlora_weights", "QLoRA: bytes of a frozen weight", "<=", 0.6,
        lambda b: b.qlora()["nf4_bits_per_weight"] / 8, unit="B"),
    Row("int8", "LoRA step, base products in int8, speed over hone's own bf16 LoRA", ">=", 1.2,
        lambda b: over(b.int8(), b.lora())),
    Row("int8_loss", "loss after training with int8 products, over that with bf16", "1 +-", 0.005,
        lambda b: b.loss_after("int8") / b.loss_after("native"), digits=4),
    Row("long", "rows of 8,192 tokens: cost of a token over that at 512", "<=", 2,
        lambda b: over(b.lora(), b.long_rows())),
    Row("long_memory", "rows of 8,192 tokens: peak memory, GB", "<=", 3,
        lambda b: b.long_rows()["peak_memory_bytes"] / 1e9, unit="GB"),
    Row("checkpointing_memory", "gradient checkpointing: activations that remain", "<=", 0.25,
        lambda b: memory_over_time(b)[0]),
    Row("checkpointing_time", "gradient checkpointing: time of a step", "<=", 1.35, lambda b: memory_over_time(b)[1]),
    Row("launch", "launch to step 1 done, seconds beyond the step", "<=", 1.5, lambda b: b.launch(), unit="s"),
    Row("evaluate", "hone evaluate, over the forward products it needs", ">=", 0.75, lambda b: b.evaluate()),
    Row("prefill", "prefill of 512 tokens, over the forward products alone", ">=", 0.6,
        lambda b: b.forward()["prefill_limit_ratio"]),
    Row("decode", "decode with int4 weights, bytes read over the memory's rate", ">=", 0.6,
        lambda b: b.decode("decode_int4")["decode_limit_ratio"]),
    Row("streams", "decode of 8 streams over one, all tokens", ">=", 4, streams),
    Row("adapters", "8 LoRA adapters over one base, 8 streams, over 8 of the base alone", ">=", 0.85, adapters),
    *(row for name, title in (("lora", "a LoRA run"), ("full", "full fine-tuning"),
                              ("long", "long rows, checkpointing")) for row in estimates(name, title)),
]


def machine():
    """What the figures were measured on."""
    info = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = re.search(r"model name\s*: (.*)", info)
    flags = re.search(r"flags\s*: (.*)", info)
    wide = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
            if flags and flag in flags[1].split()]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"cpu": name[1] if name else platform.machine(), "cores": os.cpu_count(), "memory_bytes": memory,
            "instructions": wide, "system": platform.platform(), "date": time.strftime("%Y-%m-%d")}


def growth(bench):
    """Tokens per second as one thing grows."""
    def speed(name, *flags):
        return bench.train(name, "--steps", 1, *flags)["tokens_per_second"]
    return {
        "threads": {n: speed(f"threads_{n}", "--threads", n) for n in range(1, os.cpu_count() + 1)},
        "batch_size": {n: speed(f"batch_{n}", "--batch_size", n) for n in (1, 2, 4, 8, 16, 64)},
        "seq_len": {n: speed(f"length_{n}", "--batch_size", max(1, 2048 // n), "--seq_len", n)
                    for n in (128, 512, 2048, 8192)},
        "lora_r": {n: speed(f"rank_{n}", "--lora_r", n) for n in (4, 16, 64, 256)},
    }


def has_peers(python):
    check = "import torch, transformers, peft, trl, datasets, gguf"
    return subprocess.run([python, "-c", check], stderr=subprocess.DEVNULL, check=False).returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hone", type=pathlib.Path, default=ROOT / "build/release/hone")
    parser.add_argument("--output", type=pathlib.Path, help="default: bench/results/MACHINE.json")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--python", default=sys.executable, help="a Python that has torch, transformers, peft, trl")
    parser.add_argument("--chats", type=pathlib.Path, default=ROOT / "examples/elements/train.jsonl")
    parser.add_argument("--only", nargs="+", choices=[row.key for row in ROWS],
                        help="these rows alone; written only to --output")
    parser.add_argument("--growth", action="store_true", help="the curves as well")
    flags = parser.parse_args()
    peers = has_peers(flags.python)
    bench = Bench(flags, peers)
    here = machine()
    print(f"{here['cpu']}, {here['cores']} cores, {here['memory_bytes'] / 1e9:.0f} GB\n")
    print("| work | achieved | target | |\n|---|---:|---:|---|", flush=True)
    rows = []
    for row in ROWS:
        if (flags.only and row.key not in flags.only) or (row.peers and not peers):
            continue
        value = row.achieved(bench)
        print(row.line(value), flush=True)
        rows.append({"key": row.key, "title": row.title, "achieved": value, "bound": row.bound, "target": row.target,
                     "unit": row.unit, "met": row.met(value)})
    curves = growth(bench) if flags.growth else {}
    for name, points in curves.items():
        print(f"\ntokens/s by {name}: " + ", ".join(f"{at}: {value:.0f}" for at, value in points.items()))
    for name, unit, what in (("lora_bf16", "GFLOP/s", "gemm_gflops"), ("decode_int4", "B/s", "read_bytes_per_second")):
        if name in bench.results:
            print(f"\nmeasured: {what.replace('_', ' ')} {bench.results[name][what]:.4g} {unit}")
    if not peers:
        print("\nPEFT and TRL were not measured: --python PYTHON, one that has torch, transformers, peft, trl, "
              "datasets and gguf.")
    if flags.only and not flags.output:
        return  # a part of the table does not replace the machine's last whole one
    slug = re.sub(r"[^a-z0-9]+", "-", f"{here['cpu']} {here['cores']} cores".lower()).strip("-")
    output = flags.output or ROOT / "bench/results" / f"{slug}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({"machine": here, "model": flags.model, "rows": rows, "growth": curves,
                                  "measurements": bench.results}, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {output}")


if __name__ == "__main__":
    main()
