"""DoRA, the optimisers, and what regularises: each learns, goes on from a checkpoint, and says what it cannot do."""
import unittest

from support import CHATS, TINY, USAGE, HoneTest, many_chats

ADAPTER = "adapter/adapter_model.safetensors"
# Learning rates of the size that each wants.
OPTIMISERS = {"adamw_torch": 5e-3, "adamw_8bit": 5e-3, "adafactor": 5e-3, "lion": 1e-3, "muon": 5e-3, "sgd": 0.3}


class OptimiserTest(HoneTest):
    def test_each_learns_and_goes_on_with_the_same_bytes(self):
        data = self.write("chats.jsonl", CHATS)
        for name, rate in OPTIMISERS.items():
            with self.subTest(name):
                arguments = [data, "--optim", name, "--learning_rate", rate, "--max_steps", 12, "--use_dora",
                             "--lora_dropout", 0.1, "--neftune_noise_alpha", 2, "--label_smoothing_factor", 0.05,
                             "--layerwise_lr_decay", 0.9, "--weight_decay", 0.01,
                             "--modules_to_save", "lm_head"]  # large enough for states in 8 bits
                self.finetune(name, *arguments, "--save_steps", 5, "--save_total_limit", 0)
                losses = [line["loss"] for line in self.metrics(name)]
                self.assertLess(losses[-1], losses[0] - 0.05)
                self.finetune(f"{name}-again", *arguments, "--resume_from_checkpoint", f"{name}/checkpoints/step-5")
                self.assertEqual(self.sha256(f"{name}/{ADAPTER}"), self.sha256(f"{name}-again/{ADAPTER}"))
        self.assertEqual(len({self.sha256(f"{name}/{ADAPTER}") for name in OPTIMISERS}), len(OPTIMISERS))

    def test_a_checkpoint_of_another_optimiser_is_refused(self):
        data = self.write("chats.jsonl", CHATS)
        self.finetune("out", data, "--max_steps", 4, "--save_steps", 2)
        done = self.finetune("again", data, "--max_steps", 4, "--optim", "lion", "--resume_from_checkpoint",
                             "out/checkpoints/step-2", code=USAGE)
        self.assertIn("optim: nothing there, \"lion\" here", done.stderr)

    def test_spellings_of_transformers(self):
        for word, meant in (("adamw", "adamw_torch"), ("adamw_bnb_8bit", "adamw_8bit"), ("LION_32bit", "lion")):
            self.finetune(word, "x.jsonl", "--optim", word, "--dry_run")
            self.assertEqual(self.read_json(f"{word}/config.json")["options"]["optim"], meant)
        self.assertIn("none of adamw_torch, adamw_8bit",
                      self.finetune("out", "x.jsonl", "--optim", "galore_adamw", code=USAGE).stderr)

    def test_what_regularises_belongs_to_sft(self):
        for flag in ("--label_smoothing_factor", "--neftune_noise_alpha"):
            done = self.finetune("out", "x.jsonl", flag, 0.1, "--objective", "dpo", code=USAGE)
            self.assertIn(flag, done.stderr)


class DoraTest(HoneTest):
    def losses(self, *arguments, model=TINY):
        return self.evaluate(self.data, "--torch_dtype", "float32", *arguments, model=model)["loss"]

    def test_trains_merges_and_says_where_it_cannot_be(self):
        self.data = self.write("chats.jsonl", many_chats(30))
        self.finetune("out", self.data, "--use_dora", "--max_steps", 10, "--learning_rate", "1e-2")
        config = self.read_json("out/adapter/adapter_config.json")
        self.assertIs(config["use_dora"], True)
        before, after = self.losses(), self.losses("-a", "out")
        self.assertLess(after, before - 0.2)
        self.hone("merge", "-a", "out", "-o", "merged")
        self.assertAlmostEqual(self.losses(model=self.path("merged")), after, delta=0.02 * after)
        # Inference in integers measures the lengths through them.
        self.assertAlmostEqual(self.evaluate(self.data, "-a", "out", "--weights", "int8")["loss"], after,
                               delta=0.02 * after)
        done = self.hone("generate", "-m", TINY, "--adapter", "x=out", "--prompt", "x", code=USAGE)
        self.assertIn("hone merge", done.stderr)
        done = self.finetune("int8", self.data, "--use_dora", "--base_compute", "int8", code=USAGE)
        self.assertIn("--base_compute int8", done.stderr)
        done = self.finetune("int8", self.data, "-a", "out", "--base_compute", "int8", code=USAGE)
        self.assertIn("use_dora", done.stderr)

    def test_over_four_bits(self):
        self.data = self.write("chats.jsonl", many_chats(30))
        self.finetune("out", self.data, "--method", "qlora", "--use_dora", "--max_steps", 6, "--learning_rate", "1e-2")
        losses = [line["loss"] for line in self.metrics("out")]
        self.assertLess(losses[-1], losses[0] - 0.1)


class PissaTest(HoneTest):
    def test_delivers_a_plain_adapter_of_twice_the_rank(self):
        data = self.write("chats.jsonl", CHATS)
        arguments = [data, "--init_lora_weights", "pissa", "--max_steps", 8, "--learning_rate", "5e-3",
                     "--rank_pattern", "q_proj=3"]
        self.finetune("out", *arguments, "--save_steps", 3, "--save_total_limit", 0)
        losses = [line["loss"] for line in self.metrics("out")]
        self.assertLess(losses[-1], losses[0] - 0.2)
        config = self.read_json("out/adapter/adapter_config.json")
        self.assertEqual((config["r"], config["lora_alpha"], config["rank_pattern"], config["init_lora_weights"]),
                         (16, 32, {"q_proj": 6}, True))
        self.finetune("again", *arguments, "--resume_from_checkpoint", "out/checkpoints/step-3")
        self.assertEqual(self.sha256(f"out/{ADAPTER}"), self.sha256(f"again/{ADAPTER}"))
        # It stands beside the base, as every plain adapter does, and training goes on from it.
        self.hone("generate", "-m", TINY, "--adapter", "x=out", "--prompt", "x", "--max_new_tokens", 2)
        self.finetune("more", data, "-a", "out", "--max_steps", 2)
        self.assertLess(self.metrics("more")[0]["loss"], losses[0] - 0.1)
        done = self.finetune("both", data, "--init_lora_weights", "pissa", "--use_dora", code=USAGE)
        self.assertIn("--use_dora", done.stderr)


if __name__ == "__main__":
    unittest.main()
