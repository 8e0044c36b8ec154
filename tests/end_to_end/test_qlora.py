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

    def test_fp4(self):
        data = self.write("chats.jsonl", many_chats(20))
        arguments = [data, "--max_steps", 8, "--learning_rate", "5e-3", "--quant_type", "fp4",
                     "--eval_data_files", data]
        done = self.compressed("out", *arguments, "--save_steps", 4, "--save_total_limit", 0)
        self.assertIn("base in FP4", done.stdout + done.stderr)
        run = self.read_json("out/run.json")
        adapted = self.evaluate(data, "--adapter_path", "out", "--weights", "fp4")
        self.assertEqual(round(adapted["loss"], 5), round(run["result"]["last_eval"]["loss"], 5))
        self.assertNotEqual(adapted["loss"], self.evaluate(data, "--adapter_path", "out", "--weights", "nf4")["loss"])
        resume = ["--resume_from_checkpoint", "out/checkpoints/step-4"]
        self.compressed("again", *arguments, *resume)
        self.assertEqual(self.sha256(f"out/{ADAPTER}"), self.sha256(f"again/{ADAPTER}"))
        done = self.compressed("other", *arguments, *resume, "--quant_type", "nf4", code=USAGE)
        self.assertIn("base_weights", done.stderr)
        self.assertIn("held in FP4", self.compressed("c", data, "--quant_type", "fp4", "--modules_to_save", "q_proj",
                                                     code=USAGE).stderr)

    def test_estimate_knows_its_memory(self):
        self.assert_estimate("NF4", weight_share=0.5)

    def test_what_is_not_there_is_refused(self):
        data = self.write("chats.jsonl", many_chats(4))
        done = self.compressed("d", data, "--quant_type", "gguf", code=USAGE)
        self.assertIn("a GGUF file", done.stderr)
        done = self.compressed("d", data, "--quant_type", "gguf", "--double_quant", "false", code=USAGE)
        self.assertIn("--double_quant", done.stderr)
        self.assertIn("nf4, fp4", self.compressed("a", data, "--quant_type", "fp8", code=USAGE).stderr)
        self.assertIn("--method qlora", self.finetune("b", data, "--double_quant", "false", code=USAGE).stderr)
        self.assertIn("held in NF4", self.compressed("c", data, "--modules_to_save", "q_proj", code=USAGE).stderr)


if __name__ == "__main__":
    unittest.main()
