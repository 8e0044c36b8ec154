"""--base_compute int8: products with the frozen layers in 8-bit integers."""
import unittest

from compressed_base import ADAPTER, CompressedBaseTest
from support import TINY, USAGE, many_chats


class Int8Test(CompressedBaseTest):
    FLAGS = ("--base_compute", "int8")

    def test_the_adapter_learns_its_answers_by_heart(self):
        data, run = self.learn_by_heart("8-bit integers")
        self.assertEqual((run["options"]["method"], run["options"]["base_compute"]), ("lora", "int8"))
        self.assertLess(run["result"]["last_eval"]["loss"], 0.3)
        # It is an adapter for the base in any precision.
        for weights in ("bf16", "int8"):
            self.assertLess(self.evaluate(data, "--adapter_path", "out", "--weights", weights)["loss"], 0.4)
            self.assert_answers(weights)

    def test_the_same_bits_on_any_number_of_threads_and_others_than_in_bf16(self):
        data = self.write("chats.jsonl", many_chats(60))
        short = ["--max_steps", 6, "--learning_rate", "5e-3"]
        self.finetune("native", data, *short, "--base_compute", "native")
        self.assertNotEqual(self.adapter_on_any_number_of_threads(data, *short), self.sha256(f"native/{ADAPTER}"))

    def test_a_run_goes_on_in_its_own_integers_alone(self):
        data = self.write("chats.jsonl", many_chats(60))
        steps = ["--max_steps", 4, "--learning_rate", "5e-3", "--save_steps", 2]
        self.compressed("out", data, *steps)
        self.assertIn("base_weights", self.finetune("out", data, *steps, code=USAGE).stderr)

    def test_estimate_knows_its_memory(self):
        self.assert_estimate("8-bit integers", weight_share=1)

    def test_what_it_does_not_go_with_is_refused(self):
        data = self.write("chats.jsonl", many_chats(4))
        self.assertIn("--base_compute belongs to --method lora",
                      self.compressed("q", data, "--method", "qlora", code=USAGE).stderr)
        full = self.hone("finetune", "--model_name_or_path", TINY, "--data_name", data, "--method", "full",
                         "--output_path", self.work / "f", *self.FLAGS, code=USAGE)
        self.assertIn("--base_compute belongs to --method lora", full.stderr)
        self.assertIn("native, int8", self.finetune("a", data, "--base_compute", "fp8", code=USAGE).stderr)
        self.assertIn("held in 8 bits", self.compressed("b", data, "--modules_to_save", "q_proj", code=USAGE).stderr)


if __name__ == "__main__":
    unittest.main()
