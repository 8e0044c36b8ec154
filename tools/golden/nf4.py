"""Golden values of NF4, from bitsandbytes on the CPU: writes into tests/golden/.

  nf4.py [OUT_DIR]     needs what make.py needs, and bitsandbytes; to be run after make.py

values/nf4.safetensors     for some weights: the numbers, the absmax of their blocks, the absmax and the weight as double
                           quantisation gives them back, and the weight in FP4; the 256 numbers of the dynamic map, and
                           FP4's values
values/tied-qlora.*, adapters/tied-qlora, and with DoRA tied-qdora
                           a case as make.py's, on a base whose linear layers hold what NF4 gives back of their weights
"""
import json
import os
import sys

import bitsandbytes
import torch
from bitsandbytes import functional
from safetensors.torch import save_file

import make

make.VERSIONS["bitsandbytes"] = bitsandbytes.__version__


def quantize(weight):
    """Codes, and the state with the absmax that double quantisation gives back: quantize_4bit(compress_statistics=True)
    step by step, since two kernels of bitsandbytes 0.50.2 for CPUs are not what its others compute. Dequantising gives
    rows that are no multiple of 64 other blocks' absmax, so the weight goes through as one row, which changes nothing
    else; quantising f32 to 8 bits looks up a coarse table and misses the nearest number at times, that of f64 does not.
    """
    codes, state = functional.quantize_4bit(weight.reshape(1, -1), quant_type="nf4", compress_statistics=False)
    offset = state.absmax.mean()
    numbers = functional.create_dynamic_map()
    codes8, largest = torch.ops.bitsandbytes.quantize_blockwise((state.absmax - offset).double(), numbers, 256)
    state.absmax = numbers[codes8.long()] * largest.repeat_interleave(256)[:len(codes8)] + offset
    return codes, state


def back(weight):
    return functional.dequantize_4bit(*quantize(weight)).reshape(weight.shape)


def write_weights(path):
    # More than 256 blocks; rows that end within a block, and a last block that is not full; outliers and a row of zeros.
    weights = {"large": torch.randn(40, 448), "across": torch.randn(10, 100) * 0.02, "outliers": torch.randn(6, 128)}
    weights["outliers"][3, 5], weights["outliers"][1] = 37.5, 0
    tensors = {"dynamic_map": functional.create_dynamic_map(),
               "fp4": functional.get_4bit_type("fp4", device="cpu")}
    for name, weight in weights.items():
        weight = weight.to(torch.bfloat16).float()
        _, state = quantize(weight)
        fp4 = functional.quantize_4bit(weight.reshape(1, -1), quant_type="fp4", compress_statistics=False)
        tensors.update({name: weight.to(torch.bfloat16), name + ".absmax": state.absmax,
                        name + ".values": back(weight),
                        name + ".fp4": functional.dequantize_4bit(*fp4).reshape(weight.shape)})
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)


def write_case(out, name, index, **more):
    make.CASES[name] = ("tied", dict(r=4, lora_alpha=8, target_modules=make.ALL, **more),
                        ("linear", 3, 5e-3, 0.01, 1.0))

    def hold_in_nf4(model):
        for layer in model.model.layers:
            for module in layer.modules():
                if isinstance(module, torch.nn.Linear):
                    module.weight.data = back(module.weight.data)
        return model

    make.make_case(name, out, index=index, prepare=hold_in_nf4)
    path = os.path.join(out, "values", name + ".json")
    with open(path, encoding="utf-8") as file:
        values = json.load(file)
    values.update(made_by="tools/golden/nf4.py", base_weights="nf4")
    make.write_json(path, values)


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..", "tests", "golden")
    torch.set_num_threads(1)
    torch.manual_seed(7)
    write_weights(os.path.join(out, "values", "nf4.safetensors"))
    write_case(out, "tied-qlora", 100)
    write_case(out, "tied-qdora", 101, use_dora=True)
    for folder in ("values/nf4", "values/tied-qlora", "adapters/tied-qlora/adapter_model", "values/tied-qdora",
                   "adapters/tied-qdora/adapter_model"):
        os.chmod(os.path.join(out, folder + ".safetensors"), 0o644)


main()
