"""--method qlora: an adapter over a base in NF4."""
import json
import unittest

from support import ANSWERS, CHATS, QUESTIONS, TINY, USAGE, HoneTest, many_chats

ADAPTER = "adapter/adapter_model.safetensors"


class QloraTest(HoneTest):
    def qlora(self, out, data, *arguments, **options):
        return self.finetune(out, data, "--method", "qlora", *arguments, **options)

    def test_the_adapter_learns_its_answers_by_heart(self):
        data = self.write("chats.jsonl", CHATS)
        done = self.qlora("out", data, "--lora_r", 16, "--max_steps", 200, "--learning_rate", "1e-2",
                          "--lr_scheduler_type", "linear", "--lora_dropout", 0, "--eval_split", "train")
        self.assertIn("base in NF4", done.stdout + done.stderr)
        self.assertIn("NF4", (self.work / "out/README.md").read_text())
        run = self.read_json("out/run.json")
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
            said = self.hone("generate", "--model_name_or_path", TINY, "--adapter_path", "out", "--weights", weights,
                             "--temperature", 0, "--max_new_tokens", 40, "--prompt", QUESTIONS[0])
            self.assertIn(ANSWERS[0], said.stdout, weights)

    def test_it_goes_on_from_an_adapter_and_with_the_same_bits_on_any_number_of_threads(self):
        data = self.write("chats.jsonl", many_chats(60))
        short = ["--max_steps", 6, "--learning_rate", "5e-3"]
        self.qlora("first", data, *short)
        hashes = set()
        for threads in (1, 2, 3):
            out = f"next{threads}"
            self.qlora(out, data, *short, "--adapter_path", "first", "--threads", threads)
            hashes.add(self.sha256(f"{out}/{ADAPTER}"))
        self.assertEqual(len(hashes), 1)
        self.assertNotIn(self.sha256(f"first/{ADAPTER}"), hashes)

    def test_estimate_knows_its_memory(self):
        def estimate(method):
            return json.loads(self.hone("estimate", "--model_name_or_path", TINY, "--target_modules", "all-linear",
                                        "--method", method, "--max_seq_len", 64, "--json").stdout)
        lora, qlora = estimate("lora"), estimate("qlora")
        self.assertIn("NF4", qlora["method"])
        self.assertLess(qlora["weight_bytes"], 0.5 * lora["weight_bytes"])
        self.assertEqual(qlora["parameter_bytes"], lora["parameter_bytes"])
        self.assertEqual(qlora["activation_bytes"], lora["activation_bytes"])

    def test_what_is_not_there_is_refused(self):
        data = self.write("chats.jsonl", many_chats(4))
        self.assertIn("nf4", self.qlora("a", data, "--quant_type", "fp4", code=USAGE).stderr)
        self.assertIn("--method qlora", self.finetune("b", data, "--double_quant", "false", code=USAGE).stderr)
        self.assertIn("held in NF4", self.qlora("c", data, "--modules_to_save", "q_proj", code=USAGE).stderr)


if __name__ == "__main__":
    unittest.main()
