"""The loss of the real model, SmolLM2-135M-Instruct, against the committed values of transformers in f32.

Needs the model: in the cache, or through pip or the Hub. Without it and without a network the test is skipped, and says
so.
"""
import hashlib
import json
import os
import subprocess
import unittest

from support import GOLDEN, HONE, OK, ROOT, HoneTest

MODEL = "smollm2-135m-instruct"
EXPECTED = GOLDEN / "smollm2.json"


class SmolLM2Test(HoneTest):
    @classmethod
    def setUpClass(cls):
        pulled = subprocess.run([HONE, "models", "pull", MODEL], capture_output=True, text=True)
        if pulled.returncode != OK:
            raise unittest.SkipTest(f"{MODEL} cannot be had here: {pulled.stderr.strip()[-300:]}")

    def setUp(self):
        super().setUp()
        # The user's own cache: 98 MB are not fetched for each test.
        for name in ("HOME", "HONE_CACHE", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE"):
            self.environment.pop(name, None)
            if name in os.environ:
                self.environment[name] = os.environ[name]
        self.expected = json.loads(EXPECTED.read_text())
        self.data = ROOT / self.expected["data"]
        self.assertEqual(hashlib.sha256(self.data.read_bytes()).hexdigest(), self.expected["data_sha256"],
                         f"{self.data} changed: make {EXPECTED.name} again with tools/golden/smollm2.py")

    def check(self, dtype, rows, mean_tolerance, row_tolerance):
        expected = self.expected["rows"][:rows]
        self.hone("evaluate", "--model_name_or_path", MODEL, "--data_name", self.data, "--max_samples", rows,
                  "--per_row", "--torch_dtype", dtype, "--output_file", "result.json", timeout=1200)
        result = self.read_json("result.json")
        self.assertEqual([row["tokens"] for row in result["rows"]], [row["tokens"] for row in expected])
        for index, (ours, theirs) in enumerate(zip(result["rows"], expected)):
            self.assertLess(abs(ours["loss"] / theirs["loss"] - 1), row_tolerance, f"row {index}")
        mean = sum(row["loss"] * row["tokens"] for row in expected) / sum(row["tokens"] for row in expected)
        self.assertLess(abs(result["loss"] / mean - 1), mean_tolerance)

    def test_bf16_within_a_fifth_of_a_percent(self):
        self.check("bfloat16", len(self.expected["rows"]), 2e-3, 1e-2)

    def test_f32_within_a_ten_thousandth(self):
        self.check("float32", 16, 1e-4, 1e-4)


if __name__ == "__main__":
    unittest.main()
