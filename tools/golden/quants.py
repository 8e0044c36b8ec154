"""Writes src/model/testdata/quants.gguf: for every tensor type that hone reads, a tensor "TYPE" and, as F32, the values
that the gguf package makes of it, "TYPE.expected". Needs: pip install gguf numpy. Run from the repository's root."""

import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

ROWS, COLUMNS = 2, 512
TYPES = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K", "Q2_K", "Q3_K",
         "IQ4_NL", "IQ4_XS"]
# Those that the package only reads, and where in a block their halves lie.
HALVES = {Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208], Type.Q2_K: [80, 82], Type.Q3_K: [108], Type.IQ4_NL: [0],
          Type.IQ4_XS: [0]}


def random_blocks(rng, kind, count):
    """Blocks for `count` numbers, of random bits, except that their halves d and dmin are numbers of a sensible size."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    count //= elements
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for at in HALVES[kind]:
        value = (rng.standard_normal(count) * 0.01).astype(np.float16)
        blocks[:, at : at + 2] = value.view(np.uint8).reshape(count, 2)
    return blocks


def main(path):
    rng = np.random.default_rng(7)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_string("general.name", "quantized numbers and what they mean")
    for name in TYPES:
        kind = Type[name]
        values = (rng.standard_normal((ROWS, COLUMNS)) * 0.05).astype(np.float32)
        if name == "F16":
            values[0, :6] = [0, -0.0, 6e-8, -3e-6, 65504, 2.0**-14]  # with halves below the normal range
        if kind in HALVES:
            data = random_blocks(rng, kind, ROWS * COLUMNS).reshape(ROWS, -1)
        else:
            data = gguf.quants.quantize(values, kind)
        expected = gguf.quants.dequantize(data, kind).astype(np.float32).reshape(ROWS, COLUMNS)
        writer.add_tensor(name, data, raw_dtype=kind)
        writer.add_tensor(name + ".expected", expected)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main(sys.argv[1] if len(sys.argv) > 1 else "src/model/testdata/quants.gguf")
