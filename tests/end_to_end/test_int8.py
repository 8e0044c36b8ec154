"""--base_compute int8: products with the frozen layers in 8-bit integers."""
import json
import unittest

from support import ANSWERS, CHATS, QUESTIONS, TINY, USAGE, HoneTest, many_chats

ADAPTER = "adapter/adapter_model.safetensors"


class Int8Test(HoneTest):
    def int8(self, out, data, *arguments, **options):
        return self.finetune(out, data, "--base_compute", "int8", "--target_modules", "all-linear", *arguments,
                             **options)

    def test_the_adapter_learns_its_answers_by_heart(self):
        data = self.write("chats.jsonl", CHATS)
        done = self.int8("out", data, "--lora_r", 16, "--max_steps", 200, "--learning_rate", "1e-2",
                         "--lr_scheduler_type", "linear", "--lora_dropout", 0, "--eval_split", "train")
        self.assertIn("8-bit integers", done.stdout + done.stderr)
        self.assertIn("8-bit integers", (self.work / "out/README.md").read_text())
        run = self.read_json("out/run.json")
        self.assertEqual((run["options"]["method"], run["options"]["base_compute"]), ("lora", "int8"))
        self.assertLess(run["result"]["last_eval"]["loss"], 0.3)
        # It is an adapter for the base in any precision.
        for weights in ("bf16", "int8"):
            self.assertLess(self.evaluate(data, "--adapter_path", "out", "--weights", weights)["loss"], 0.4)
            said = self.hone("generate", "--model_name_or_path", TINY, "--adapter_path", "out", "--weights", weights,
                             "--temperature", 0, "--max_new_tokens", 40, "--prompt", QUESTIONS[0])
            self.assertIn(ANSWERS[0], said.stdout, weights)

    def test_the_same_bits_on_any_number_of_threads_and_others_than_in_bf16(self):
        data = self.write("chats.jsonl", many_chats(60))
        short = ["--max_steps", 6, "--learning_rate", "5e-3"]
        hashes = set()
        for threads in (1, 2, 3):
            self.int8(f"out{threads}", data, *short, "--threads", threads)
            hashes.add(self.sha256(f"out{threads}/{ADAPTER}"))
        self.assertEqual(len(hashes), 1)
        self.finetune("native", data, *short, "--target_modules", "all-linear", "--base_compute", "native")
        self.assertNotIn(self.sha256(f"native/{ADAPTER}"), hashes)

    def test_a_run_goes_on_in_its_own_integers_alone(self):
        data = self.write("chats.jsonl", many_chats(60))
        steps = ["--learning_rate", "5e-3", "--save_steps", 2]
        self.int8("out", data, "--max_steps", 4, *steps)
        refused = self.finetune("out", data, "--max_steps", 4, "--target_modules", "all-linear", *steps, code=USAGE)
        self.assertIn("base_weights", refused.stderr)

    def test_estimate_knows_its_memory(self):
        def estimate(compute):
            return json.loads(self.hone("estimate", "--model_name_or_path", TINY, "--target_modules", "all-linear",
                                        "--base_compute", compute, "--max_seq_len", 64, "--json").stdout)
        native, int8 = estimate("native"), estimate("int8")
        self.assertIn("8-bit integers", int8["method"])
        self.assertLess(int8["weight_bytes"], native["weight_bytes"])
        self.assertEqual(int8["parameter_bytes"], native["parameter_bytes"])
        self.assertEqual(int8["activation_bytes"], native["activation_bytes"])

    def test_what_it_does_not_go_with_is_refused(self):
        data = self.write("chats.jsonl", many_chats(4))
        self.assertIn("--base_compute int8 belongs to --method lora",
                      self.int8("q", data, "--method", "qlora", code=USAGE).stderr)
        full = self.hone("finetune", "--model_name_or_path", TINY, "--data_name", data, "--method", "full",
                         "--output_path", self.work / "f", "--base_compute", "int8", code=USAGE)
        self.assertIn("--base_compute int8 belongs to --method lora", full.stderr)
        self.assertIn("native, int8", self.finetune("a", data, "--base_compute", "fp8", code=USAGE).stderr)
        self.assertIn("held in 8 bits", self.int8("b", data, "--modules_to_save", "q_proj", code=USAGE).stderr)


if __name__ == "__main__":
    unittest.main()
