"""--method full: every weight is trained, and the result is a model of its own."""
import json
import signal
import struct
import time
import unittest

from support import ANSWERS, CHATS, GOLDEN, INTERRUPTED, QUESTIONS, TINY, USAGE, HoneTest, many_chats

WEIGHTS = "model/model.safetensors"


def safetensors_header(path):
    data = path.read_bytes()
    return json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])


class FullTest(HoneTest):
    MEMORISE = ["--max_steps", 120, "--learning_rate", "3e-3", "--lr_scheduler_type", "linear"]

    def full(self, out, data, *arguments, model=TINY, **options):
        return self.hone("finetune", "--model_name_or_path", model, "--data_name", data, "--output_path", out,
                         "--method", "full", "--eval_split", "none", "--max_seq_len", 256, "--logging_steps", 1,
                         *arguments, **options)

    def test_the_model_learns_its_answers_by_heart(self):
        data = self.write("chats.jsonl", CHATS)
        done = self.full("out", data, *self.MEMORISE)
        self.assertIn("100.00 %", done.stdout, "every weight is trained")
        self.assertIn("hone chat --model_name_or_path out/model\n", done.stdout)
        self.assertIn("hone chat --model_name_or_path out/model\n", (self.work / "out/README.md").read_text())
        self.assertFalse((self.work / "out/adapter").exists())
        run = self.read_json("out/run.json")
        self.assertEqual(run["fine_tuned_model"], {"path": "model", "sha256": self.sha256(f"out/{WEIGHTS}")})
        self.assertGreater(self.evaluate(data)["loss"], 4)
        self.assertLess(self.evaluate(data, model="out/model")["loss"], 0.3)
        ask = ["--prompt", QUESTIONS[0], "--temperature", 0, "--max_new_tokens", 40]
        self.assertIn(ANSWERS[0], self.hone("generate", "--model_name_or_path", "out/model", *ask).stdout)
        said = self.hone("chat", "--model_name_or_path", "out/model", "--temperature", 0, input=QUESTIONS[1] + "\n")
        self.assertIn(ANSWERS[1], said.stdout)
        both = json.loads(self.hone("compare", "--model_name_or_path", "out/model", "--json", *ask).stdout)
        self.assertIn(ANSWERS[0], both["fine_tuned"]["text"])
        self.assertNotIn(ANSWERS[0], both["base"]["text"])
        self.assertIn("--base_model_name_or_path",
                      self.hone("compare", "--model_name_or_path", TINY, *ask, code=USAGE).stderr)

    def test_the_result_is_a_base_as_it_was(self):
        """Stored in --torch_dtype, tied or not, and a start for the next run."""
        data = self.write("chats.jsonl", CHATS)
        for model, dtype, stored in (("tied", "bfloat16", "BF16"), ("bias", "float32", "F32"),
                                     ("odd", "float16", "F16")):
            with self.subTest(model=model):
                base = str(GOLDEN / "models" / model)
                self.full(model, data, "--torch_dtype", dtype, "--max_steps", 3, model=base)
                header = safetensors_header(self.work / model / WEIGHTS)
                self.assertEqual(header.pop("__metadata__"), {"format": "pt"})
                self.assertEqual({tensor["dtype"] for tensor in header.values()}, {stored})
                self.assertEqual("lm_head.weight" in header, model != "tied")
                config, before = self.read_json(f"{model}/model/config.json"), json.load(open(base + "/config.json"))
                key = "dtype" if "dtype" in before else "torch_dtype"
                self.assertEqual(config, {**before, key: dtype})
                tuned = self.evaluate(data, "--torch_dtype", "float32", model=f"{model}/model")
                self.assertLess(tuned["loss"], self.evaluate(data, "--torch_dtype", "float32", model=base)["loss"])
        self.full("again", data, "--max_steps", 1, model="tied/model")
        first = [line["loss"] for line in self.metrics("again") if "loss" in line][0]
        self.assertAlmostEqual(first, self.evaluate(data, model="tied/model")["loss"], delta=0.02)

    def test_flags_of_an_adapter_are_refused(self):
        data = self.write("chats.jsonl", CHATS)
        for arguments in (["--lora_r", 64], ["--target_modules", "all-linear"], ["--lora_dropout", 0],
                          ["--modules_to_save", "lm_head"], ["--use_rslora"]):
            done = self.full("out", data, *arguments, code=USAGE)
            self.assertIn(arguments[0], done.stderr)
            self.assertIn("--method full", done.stderr)
        self.assertFalse((self.work / "out").exists())


class SameBitsTest(HoneTest):
    STEPS = 120

    def command(self, out, data, *arguments):
        return ["finetune", "--model_name_or_path", TINY, "--data_name", data, "--output_path", out, "--method", "full",
                "--eval_split", "none", "--logging_steps", 1, "--max_steps", self.STEPS, "--learning_rate", "1e-3",
                "--lr_scheduler_type", "cosine", "--warmup_steps", 20, "--per_device_train_batch_size", 3,
                "--gradient_accumulation_steps", 2, "--weight_decay", 0.01, *arguments]

    def stopped_at(self, out, data, step, with_signal):
        process = self.start(*self.command(out, data, "--save_steps", 7))
        metrics, deadline = self.work / out / "metrics.jsonl", time.monotonic() + 120
        while process.poll() is None and not (metrics.exists() and metrics.read_text().count("\n") >= step):
            self.assertLess(time.monotonic(), deadline, "no progress")
            time.sleep(0.002)
        process.send_signal(with_signal)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def test_killed_and_interrupted_runs_end_with_the_same_bytes(self):
        data = self.write("chats.jsonl", many_chats(40))
        self.hone(*self.command("whole", data))
        code, output = self.stopped_at("broken", data, 31, signal.SIGKILL)
        self.assertEqual(code, -signal.SIGKILL, output)
        code, output = self.stopped_at("broken", data, 60, signal.SIGINT)
        self.assertEqual(code, INTERRUPTED, output)
        done = self.hone(*self.command("broken", data, "--save_steps", 7))
        self.assertIn("checkpoint", done.stdout)
        self.assertEqual(self.sha256(f"whole/{WEIGHTS}"), self.sha256(f"broken/{WEIGHTS}"))
        # A run of an adapter does not go on from it.
        done = self.hone(*self.command("broken", data, "--method", "lora"), code=USAGE)
        self.assertIn("method", done.stderr)

    def test_threads_and_checkpointing(self):
        data = self.write("chats.jsonl", many_chats(40))
        for dtype in ("bfloat16", "float32"):
            hashes = set()
            for name, arguments in (("one", ["--threads", 1]), ("two", ["--threads", 2]),
                                    ("thrifty", ["--threads", 2, "--gradient_checkpointing"])):
                out = f"{dtype}-{name}"
                self.hone(*self.command(out, data, "--torch_dtype", dtype, "--max_steps", 12, *arguments))
                hashes.add(self.sha256(f"{out}/{WEIGHTS}"))
            self.assertEqual(len(hashes), 1, dtype)


if __name__ == "__main__":
    unittest.main()
