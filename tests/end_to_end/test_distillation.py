"""--teacher_model: a student learns from the probabilities of another model beside the labels."""
import json
import shutil
import unittest

from support import BAD_MODEL, CHATS, GOLDEN, TINY, USAGE, HoneTest, many_chats

ADAPTER = "adapter/adapter_model.safetensors"


class DistillationTest(HoneTest):
    def setUp(self):
        super().setUp()
        self.data = self.write("chats.jsonl", CHATS)

    def make_teacher(self):
        """One that knows the answers."""
        self.hone("finetune", "-m", TINY, "--data_name", self.data, "-o", "teacher", "--method", "full", "--eval_split",
                  "none", "--learning_rate", "1e-2", "--max_steps", 25, "--max_seq_len", 256)
        return self.path("teacher/model")

    def test_each_method_learns_from_the_teacher_and_goes_on_with_the_same_bytes(self):
        teacher = self.make_teacher()
        for method in ("lora", "qlora", "full"):
            with self.subTest(method):
                adapter = () if method == "full" else (
                    "--lora_r", 8, "--lora_alpha", 16, "--target_modules", "all-linear", "--lora_dropout", 0.1)
                arguments = ["finetune", "-m", TINY, "--data_name", self.data, "--method", method, *adapter,
                             "--eval_data_files", self.data, "--max_seq_len", 256, "--logging_steps", 1,
                             "--max_steps", 12, "--learning_rate", "5e-3", "--micro_batch_tokens", 64,
                             "--teacher_model", teacher, "--distillation_alpha", 0.9,
                             "--distillation_temperature", 1.5]
                done = self.hone(*arguments, "-o", method, "--save_steps", 5, "--save_total_limit", 0)
                self.assertIn("alpha 0.9, temperature 1.5", done.stdout + done.stderr)
                lines = [line for line in self.metrics(method) if "loss/teacher" in line]
                self.assertLess(lines[-1]["loss/teacher"], lines[0]["loss/teacher"] - 0.1)
                for line in lines:
                    self.assertAlmostEqual(line["loss"], 0.1 * line["loss/labels"] + 0.9 * line["loss/teacher"],
                                           delta=1e-4 * line["loss"])
                self.hone(*arguments, "-o", f"{method}-again", "--threads", 1, "--resume_from_checkpoint",
                          f"{method}/checkpoints/step-5")
                weights = "model/model.safetensors" if method == "full" else ADAPTER
                self.assertEqual(self.sha256(f"{method}/{weights}"), self.sha256(f"{method}-again/{weights}"))

    def test_a_configuration_of_yaml_and_a_teacher_in_8_bits(self):
        self.write("run.yaml", f"""
            model_name_or_path: {TINY}
            data_name: {self.data}
            output_path: out
            eval_split: none
            max_steps: 3
            logging_steps: 1
            teacher_model: {GOLDEN}/models/odd
            teacher_weights: int8
            distillation_alpha: 0.3
            """.replace("\n            ", "\n"))
        self.hone("finetune", "--config", "run.yaml")
        plan = self.read_json("out/run.json")["plan"]
        self.assertIn("odd in int8, alpha 0.3, temperature 2", plan["objective"])
        self.assertIn("loss/teacher", self.metrics("out")[-1])
        self.hone("finetune", "--config", "run.yaml", "-o", "alone", "--teacher_model", "", "--teacher_weights", "bf16",
                  "--distillation_alpha", 0.5)
        alone = self.read_json("alone/run.json")["plan"]
        self.assertGreater(plan["memory_bytes"]["weights"], alone["memory_bytes"]["weights"])

    def test_a_checkpoint_of_another_teacher_is_refused(self):
        arguments = [self.data, "--max_steps", 4, "--save_steps", 2]
        self.finetune("out", *arguments, "--teacher_model", TINY)
        for others, what in ((["--teacher_model", f"{GOLDEN}/models/bias"], "teacher.model"),
                             (["--teacher_model", TINY, "--distillation_temperature", 3], "teacher.temperature"),
                             ([], "teacher: {")):
            done = self.finetune("again", *arguments, *others, "--resume_from_checkpoint",
                                 "out/checkpoints/step-2", code=USAGE)
            self.assertIn(what, done.stderr)

    def test_what_cannot_teach_is_refused_before_its_weights_are_read(self):
        for arguments, code, what in (
                (["--teacher_model", "nowhere"], BAD_MODEL, "--teacher_model: "),
                (["--distillation_alpha", 0.7], USAGE, "--distillation_alpha needs a teacher: name one with "
                                                       "--teacher_model"),
                (["--teacher_weights", "int8"], USAGE, "--teacher_weights needs a teacher"),
                (["--teacher_model", TINY, "--distillation_alpha", 0], USAGE, "above 0 and at most 1"),
                (["--teacher_model", TINY, "--distillation_temperature", 0], USAGE, "--distillation_temperature is 0"),
                (["--teacher_model", TINY, "--label_smoothing_factor", 0.1], USAGE, "--label_smoothing_factor has no"),
                (["--teacher_model", TINY, "--objective", "dpo"], USAGE, "--teacher_model belongs to --objective sft"),
                (["--teacher_model", TINY, "--task", "text-classification"], USAGE,
                 "--teacher_model belongs to --task text-generation"),
                (["--teacher_model", TINY, "--loss", "x.py:Loss"], USAGE, "two losses"),
                (["--teacher_modle", TINY], USAGE, "--teacher_model"),
                (["--kd_ratio", 0.5], USAGE, "--distillation_alpha")):
            with self.subTest(arguments):
                done = self.finetune("out", self.data, "--max_steps", 1, *arguments, code=code)
                self.assertIn(what, done.stderr)
                self.assertNotIn("reading the teacher", done.stderr)

    def changed(self, name, change):
        """The tiny model with another tokenizer."""
        shutil.copytree(TINY, self.work / name)
        tokenizer = self.read_json(f"{name}/tokenizer.json")
        change(tokenizer["model"])
        self.write(f"{name}/tokenizer.json", json.dumps(tokenizer))
        return self.path(name)

    def test_another_tokenizer_is_refused(self):
        def exchange(model):
            first, second = [token for token, number in model["vocab"].items() if number in (300, 301)]
            model["vocab"][first], model["vocab"][second] = model["vocab"][second], model["vocab"][first]

        for name, change, what in (("exchanged", exchange, "has another vocabulary than"),
                                   ("uncut", lambda model: model["merges"].clear(), "cuts texts into others")):
            done = self.finetune("out", self.data, "--max_steps", 1, "--teacher_model", self.changed(name, change),
                                 code=USAGE)
            self.assertIn(what, done.stderr)
            self.assertNotIn("reading the", done.stderr)
            if name == "exchanged":
                self.assertIn("token 300 is ", done.stderr)

    def test_rows_that_are_too_long_for_the_teacher(self):
        data = self.write("long.jsonl", many_chats(3) + [{"messages": [
            {"role": "user", "content": "x " * 700}, {"role": "assistant", "content": "y"}]}])
        done = self.finetune("out", data, "--max_seq_len", 2000, "--teacher_model", f"{GOLDEN}/models/bias",
                             "--max_steps", 1, code=USAGE)
        self.assertIn("takes 512 tokens at a time, and rows have up to", done.stderr)


if __name__ == "__main__":
    unittest.main()
