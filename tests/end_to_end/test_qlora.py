"""--method qlora: an adapter over a base in NF4."""
import unittest

from compressed_base import ADAPTER, CompressedBaseTest
from support import USAGE, many_chats


class QloraTest(CompressedBaseTest):
    FLAGS = ("--method", "qlora")

    def test_the_adapter_learns_its_answers_by_heart(self):
        data, run = self.learn_by_heart("base in NF4")
        self.assertEqual((run["options"]["method"], run["options"]["quant_type"], run["options"]["double_quant"]),
                         ("qlora", "nf4", True))
        # On the base as it was trained over, evaluation afterwards is evaluation in the run.
        adapted = self.evaluate(data, "--adapter_path", "out", "--weights", "nf4")
        self.assertLess(adapted["loss"], 0.3)
        self.assertEqual(round(adapted["loss"], 5), round(run["result"]["last_eval"]["loss"], 5))
        # The other precisions are near.
        self.assertLess(self.evaluate(data, "--adapter_path", "out")["loss"], 1)
        self.assertGreater(self.evaluate(data, "--weights", "nf4")["loss"], 4)
        for weights in ("bf16", "nf4"):
            self.assert_answers(weights)

    def test_it_goes_on_from_an_adapter_and_with_the_same_bits_on_any_number_of_threads(self):
        data = self.write("chats.jsonl", many_chats(60))
        short = ["--max_steps", 6, "--learning_rate", "5e-3"]
        self.compressed("first", data, *short)
        adapter = self.adapter_on_any_number_of_threads(data, *short, "--adapter_path", "first")
        self.assertNotEqual(adapter, self.sha256(f"first/{ADAPTER}"))

    def test_estimate_knows_its_memory(self):
        self.assert_estimate("NF4", weight_share=0.5)

    def test_what_is_not_there_is_refused(self):
        data = self.write("chats.jsonl", many_chats(4))
        self.assertIn("nf4", self.compressed("a", data, "--quant_type", "fp4", code=USAGE).stderr)
        self.assertIn("--method qlora", self.finetune("b", data, "--double_quant", "false", code=USAGE).stderr)
        self.assertIn("held in NF4", self.compressed("c", data, "--modules_to_save", "q_proj", code=USAGE).stderr)


if __name__ == "__main__":
    unittest.main()
