"""DoRA and what regularises: each learns, goes on from a checkpoint, and says what it cannot do."""
import unittest

from support import CHATS, TINY, USAGE, HoneTest, many_chats

ADAPTER = "adapter/adapter_model.safetensors"


class RegularizedTest(HoneTest):
    def test_learns_and_goes_on_with_the_same_bytes(self):
        data = self.write("chats.jsonl", CHATS)
        arguments = [data, "--learning_rate", "5e-3", "--max_steps", 12, "--use_dora", "--lora_dropout", 0.1,
                     "--neftune_noise_alpha", 2, "--label_smoothing_factor", 0.05]
        self.finetune("out", *arguments, "--save_steps", 5, "--save_total_limit", 0)
        losses = [line["loss"] for line in self.metrics("out")]
        self.assertLess(losses[-1], losses[0] - 0.05)
        self.finetune("again", *arguments, "--resume_from_checkpoint", "out/checkpoints/step-5")
        self.assertEqual(self.sha256(f"out/{ADAPTER}"), self.sha256(f"again/{ADAPTER}"))

    def test_belongs_to_sft(self):
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


if __name__ == "__main__":
    unittest.main()
