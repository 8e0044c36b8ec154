"""Writes src/model/testdata/pytorch: files as torch.save makes them, and beside each the same numbers in safetensors.

    pytorch.py        needs torch, safetensors. Run from the repository's root.

tensors.bin        every way in which a tensor can lie in its storage, each type of numbers, shared storages, parameters
protocol4.bin      some of them, by the pickle protocol 4
shards/            the same tensors in two shards with their index
older.bin          the format from before PyTorch 1.6
os_system.bin      a file whose pickle calls os.system, and other_calls/NAME.bin: other ways to call something
"""
import collections
import json
import os
import pickle
import zipfile

import torch
from safetensors.torch import save_file

FOLDER = "src/model/testdata/pytorch"


def tensors():
    torch.manual_seed(11)
    base = torch.randn(6, 5)
    shared = torch.randn(3, 4).to(torch.bfloat16)
    return collections.OrderedDict([
        ("f32", torch.randn(3, 7)),
        ("f16", torch.randn(2, 9).to(torch.float16)),
        ("bf16", torch.randn(4, 3).to(torch.bfloat16)),
        ("transposed", base.t()),
        ("rows", base[2:5]),
        ("columns", base[:, 1:4]),
        ("every_second", torch.randn(9, 4).to(torch.float16)[::2, ::3]),
        ("permuted", torch.randn(2, 3, 4, 5).permute(3, 0, 2, 1)),
        ("one_row_of_many", torch.randn(1, 8).expand(1, 8)),
        ("tied.embedding", shared),
        ("tied.head", shared),
        ("tied.part", shared[1:]),
        ("parameter", torch.nn.Parameter(torch.randn(5))),
        ("scalar", torch.tensor(2.5)),
        ("empty", torch.empty(0, 4)),
        ("vector", torch.arange(5.0)[1:4]),
    ])


def others():
    """Types that hone lists and does not read."""
    return {
        "i64": torch.arange(3), "u8": torch.ones(2, 2, dtype=torch.uint8), "bool": torch.tensor([True, False]),
        "f64": torch.zeros(2, dtype=torch.float64), "f8": torch.ones(4).to(torch.float8_e4m3fn),
        "u16": torch.ones(3, dtype=torch.uint16),
    }


def save_shards(state):
    os.makedirs(f"{FOLDER}/shards", exist_ok=True)
    names = [f"pytorch_model-0000{i}-of-00002.bin" for i in (1, 2)]
    keys = list(state)
    halves = [keys[:4], keys[4:]]
    for name, half in zip(names, halves):
        torch.save({key: state[key].clone() for key in half}, f"{FOLDER}/shards/{name}")
    index = {"metadata": {}, "weight_map": {key: name for name, half in zip(names, halves) for key in half}}
    with open(f"{FOLDER}/shards/pytorch_model.bin.index.json", "w") as file:
        file.write(json.dumps(index, indent=2) + "\n")


class Calls:
    """Pickles as function(*arguments)."""

    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


def save_pickle(name, pickled):
    with zipfile.ZipFile(f"{FOLDER}/{name}.bin", "w", zipfile.ZIP_STORED) as archive:
        for entry, content in (("evil/data.pkl", pickled), ("evil/version", b"3\n")):
            archive.writestr(zipfile.ZipInfo(entry, (1980, 1, 1, 0, 0, 0)), content)


def main():
    os.makedirs(f"{FOLDER}/other_calls", exist_ok=True)
    state = tensors()
    state._metadata = collections.OrderedDict([("", {"version": 1})])
    torch.save({**others()}, f"{FOLDER}/other_types.bin")
    torch.save(state, f"{FOLDER}/tensors.bin")
    numbers = {key: value.detach().clone().contiguous() for key, value in state.items()}
    save_file(numbers, f"{FOLDER}/tensors.safetensors")
    some = {key: state[key] for key in ("f32", "transposed", "tied.head")}
    torch.save(some, f"{FOLDER}/protocol4.bin", pickle_protocol=4)
    save_shards({key: state[key] for key in ("f32", "f16", "bf16", "transposed", "rows", "columns", "vector")})
    torch.save({"a": torch.ones(2)}, f"{FOLDER}/older.bin", _use_new_zipfile_serialization=False)
    # Nobody loads these: hone refuses them by the name of what they call.
    save_pickle("os_system", pickle.dumps({"a": Calls(os.system, "false")}, 2))
    save_pickle("other_calls/eval", pickle.dumps({"a": Calls(eval, "1")}, 4))
    save_pickle("other_calls/getattr", pickle.dumps({"a": Calls(getattr, 1, "real")}, 2))
    save_pickle("other_calls/torch_load", pickle.dumps({"a": Calls(torch.load, "x")}, 2))
    save_pickle("other_calls/inst", b"\x80\x02(cos\nsystem\n(S'x'\nios\nsystem\n.")


if __name__ == "__main__":
    main()
