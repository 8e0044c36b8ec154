"""Golden values of LoftQ's start, from PEFT: writes values/loftq.safetensors into tests/golden/.

  loftq.py [OUT_DIR]     needs what make.py needs, and bitsandbytes; to be run after make.py

For some layers of the model "tied": NAME.delta, the product of the lora_B and lora_A of rank 4 that PEFT's loftq_init
starts from with one iteration over NF4. PEFT asks for a GPU; here the same function runs on the CPU.
"""
import os
import sys
from unittest import mock

import bitsandbytes
import make
import torch
from peft.utils import loftq_utils
from safetensors.torch import save_file

RANK = 4
LAYERS = ("model.layers.0.self_attn.k_proj", "model.layers.1.self_attn.o_proj", "model.layers.1.mlp.up_proj")


def on_cpu(to):
    def moved(tensor, *arguments, **named):
        cpu = ["cpu" if argument == "cuda" else argument for argument in arguments]
        return to(tensor, *cpu, **{name: "cpu" if value == "cuda" else value for name, value in named.items()})
    return moved


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..", "tests", "golden")
    torch.set_num_threads(1)
    model, deltas = make.load_model(os.path.join(out, "models", "tied")), {}
    for kind in (torch.Tensor, bitsandbytes.nn.Params4bit):
        mock.patch.object(kind, "to", on_cpu(kind.to)).start()
    for name in LAYERS:
        weight = model.get_submodule(name).weight
        quantized, down, up = loftq_utils.loftq_init(weight, 4, RANK)
        # bitsandbytes reorders weights of some shapes for its products on CPUs, and does not undo it.
        assert torch.dist(quantized, weight) < 0.2 * weight.norm(), name
        deltas[name + ".delta"] = (up @ down).contiguous()
    path = os.path.join(out, "values", "loftq.safetensors")
    save_file(deltas, path)
    os.chmod(path, 0o644)


if __name__ == "__main__":
    main()
