"""Golden values of the optimisers: writes src/train/testdata/optimizers.json.

  optimizers.py [FILE]     needs torch, transformers and bitsandbytes

Twenty steps of each on the same tensors and gradients, which src/train/optim/optimizer_test.cc makes too: numbers from
a hash of their index. Of what each tensor is in the end, a sample and the norm. Weight decay 0.1, but not on the norm.

adamw_torch   torch.optim.AdamW
sgd           torch.optim.SGD
adafactor     transformers.Adafactor, with scale_parameter and relative_step off as the Trainer has it
lion          bitsandbytes' Lion in 32 bits, step by step
muon          torch.optim.Muon with adjust_lr_fn match_rms_adamw, its products in f32 in place of bf16; AdamW for the
              embedding and the norm
adamw_8bit    bitsandbytes' AdamW in 8 bits, step by step: its maps and its quantiser, which for f32 on a CPU misses the
              nearest number at times, and for f64 does not
"""
import json
import os
import sys

import bitsandbytes
import numpy
import torch
import transformers
from bitsandbytes import functional
from torch.optim import _muon

STEPS, EVERY, RATE, DECAY, SCALE = 20, 17, 0.01, 0.1, 0.5
SHAPES = {
    "model.embed_tokens.weight": (40, 6),
    "model.layers.0.mlp.up_proj.lora_A.weight": (4, 12),
    "model.layers.0.mlp.up_proj.lora_B.weight": (10, 4),
    "model.layers.1.mlp.up_proj.weight": (70, 66),
    "model.norm.weight": (12,),
}
PLAIN = ("model.embed_tokens.weight", "model.norm.weight")  # of Muon's


def numbers(seed, count):
    x = (numpy.uint64(seed * 2654435761) + numpy.arange(count, dtype=numpy.uint64)) & 0xffffffff
    for _ in range(2):
        x ^= x >> numpy.uint64(16)
        x = (x * numpy.uint64(0x45d9f3b)) & 0xffffffff
    x ^= x >> numpy.uint64(16)
    return ((x >> numpy.uint64(8)).astype(numpy.int64) - (1 << 23)).astype(numpy.float32) * numpy.float32(2.0 ** -23)


def cut(flat):
    tensors, begin = {}, 0
    for name, shape in SHAPES.items():
        end = begin + int(numpy.prod(shape))
        tensors[name] = torch.from_numpy(flat[begin:end].reshape(shape).copy())
        begin = end
    return tensors


TOTAL = sum(int(numpy.prod(shape)) for shape in SHAPES.values())


def gradients(step):
    tensors = cut(numbers(100 + step, TOTAL) * numpy.float32(0.1))
    return {name: tensor * (index + 1) * (1 + step % 3) * SCALE for index, (name, tensor) in enumerate(tensors.items())}


def groups(parameters, names=None):
    chosen = {name: p for name, p in parameters.items() if names is None or name in names}
    return [{"params": [p for p in chosen.values() if p.dim() > 1], "weight_decay": DECAY},
            {"params": [p for p in chosen.values() if p.dim() == 1], "weight_decay": 0.0}]


def run(make):
    parameters = {name: torch.nn.Parameter(tensor) for name, tensor in cut(numbers(1, TOTAL)).items()}
    optimizers = make(parameters)
    for step in range(1, STEPS + 1):
        for name, gradient in gradients(step).items():
            parameters[name].grad = gradient
        for optimizer in optimizers:
            optimizer.step()
    return parameters


class Lion:
    def __init__(self, parameters):
        self.parameters = parameters
        self.state = {name: torch.zeros_like(p) for name, p in parameters.items()}

    @torch.no_grad()
    def step(self, beta1=0.9, beta2=0.999):
        for name, p in self.parameters.items():
            state = self.state[name]
            p.mul_(1 - RATE * (DECAY if p.dim() > 1 else 0))
            p.add_(torch.sign(state * beta1 + p.grad * (1 - beta1)), alpha=-RATE)
            state.mul_(beta2).add_(p.grad, alpha=1 - beta2)


class AdamW8Bit:
    """bitsandbytes/backends/cpu/ops.py, _optimizer_update_8bit_blockwise_cpu, for adam."""

    def __init__(self, parameters):
        self.parameters, self.number = parameters, 0
        self.maps = [functional.create_dynamic_map(signed=True), functional.create_dynamic_map(signed=False)]
        self.small = [p for p in parameters.values() if p.numel() < 4096]
        self.rest = torch.optim.AdamW(groups({str(i): p for i, p in enumerate(self.small)}), lr=RATE)
        self.state = {name: [(torch.zeros(p.numel(), dtype=torch.uint8), torch.zeros(-(-p.numel() // 256)))] * 2
                      for name, p in parameters.items() if p.numel() >= 4096}

    @torch.no_grad()
    def step(self, beta1=0.9, beta2=0.999, eps=1e-8):
        self.number += 1
        self.rest.step()
        for name, states in self.state.items():
            p = self.parameters[name]
            s1, s2 = (number_map[codes.long()] * absmax.repeat_interleave(256)[:p.numel()]
                      for (codes, absmax), number_map in zip(states, self.maps))
            gradient = p.grad.flatten()
            s1.mul_(beta1).add_(gradient, alpha=1 - beta1)
            s2.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
            correction1, correction2 = 1 - beta1 ** self.number, (1 - beta2 ** self.number) ** 0.5
            p.mul_(1 - RATE * DECAY)
            p.view(-1).addcdiv_(s1, (s2.sqrt() / correction2).add_(eps), value=-RATE / correction1)
            self.state[name] = []
            for state, number_map in zip((s1, s2), self.maps):
                codes, absmax = torch.ops.bitsandbytes.quantize_blockwise(state.double(), number_map, 256)
                self.state[name].append((codes, absmax.float()))


def make_muon(parameters):
    # In f32: bf16 would leave two digits to compare.
    class Float32:
        bfloat16 = torch.float32

        def __getattr__(self, name):
            return getattr(torch, name)

    _muon.torch = Float32()
    matrices = [p for name, p in parameters.items() if name not in PLAIN]
    return [torch.optim.Muon(matrices, lr=RATE, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(groups(parameters, PLAIN), lr=RATE)]


OPTIMIZERS = {
    "adamw_torch": lambda p: [torch.optim.AdamW(groups(p), lr=RATE)],
    "adamw_8bit": lambda p: [AdamW8Bit(p)],
    "adafactor": lambda p: [transformers.Adafactor(groups(p), lr=RATE, scale_parameter=False, relative_step=False)],
    "lion": lambda p: [Lion(p)],
    "muon": make_muon,
    "sgd": lambda p: [torch.optim.SGD(groups(p), lr=RATE)],
}


def main():
    default = os.path.join(os.path.dirname(__file__), "..", "..", "src", "train", "testdata", "optimizers.json")
    path = sys.argv[1] if len(sys.argv) > 1 else default
    torch.set_num_threads(1)
    values = {"made_by": "tools/golden/optimizers.py",
              "versions": {m.__name__: m.__version__ for m in (torch, transformers, bitsandbytes)},
              "sampled_every": EVERY, "optimizers": {}}
    for name, make in OPTIMIZERS.items():
        parameters = run(make)
        values["optimizers"][name] = {
            key: {"norm": p.detach().double().norm().item(),
                  "sample": [float(f"{x:.9g}") for x in p.detach().flatten()[::EVERY].tolist()]}
            for key, p in parameters.items()}
        print(name, {key: round(value["norm"], 4) for key, value in values["optimizers"][name].items()})
    with open(path, "w", encoding="utf-8") as file:
        json.dump(values, file, separators=(",", ":"))
        file.write("\n")


main()
