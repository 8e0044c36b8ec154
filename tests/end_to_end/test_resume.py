"""The same bits: after a kill, for the same seed, on any number of threads."""
import os
import signal
import time
import unittest

from support import CHATS, INTERRUPTED, TINY, USAGE, HoneTest, many_chats

ADAPTER = "adapter/adapter_model.safetensors"


class ResumeTest(HoneTest):
    STEPS = 300
    # Everything that has a state: shuffling over several epochs, dropout, moments, schedule, accumulation, evaluation.
    ARGUMENTS = ["--max_steps", STEPS, "--learning_rate", "5e-3", "--lr_scheduler_type", "cosine", "--warmup_steps", 20,
                 "--lora_dropout", 0.1, "--per_device_train_batch_size", 3,
                 "--gradient_accumulation_steps", 2, "--save_steps", 7, "--weight_decay", 0.01]

    def command(self, out, data):
        return ["finetune", "--model_name_or_path", "model", "--data_name", data, "--output_path", out,
                "--method", "lora", "--eval_split", "none", "--lora_r", 8, "--target_modules", "all-linear",
                "--logging_steps", 1, *self.ARGUMENTS]

    def setUp(self):
        super().setUp()
        os.symlink(TINY, self.work / "model")
        self.data = self.write("chats.jsonl", many_chats(40))

    def steps_done(self, out):
        try:
            return (self.work / out / "metrics.jsonl").read_text().count("\n")
        except FileNotFoundError:
            return 0

    def kill_at(self, out, step, with_signal):
        """Starts the run, lets it come to the step, sends the signal; the exit code, or None if it was done before."""
        process = self.start(*self.command(out, self.data))
        deadline = time.monotonic() + 120
        while process.poll() is None and self.steps_done(out) < step:
            self.assertLess(time.monotonic(), deadline, "no progress")
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(with_signal)
        output, _ = process.communicate(timeout=60)
        self.output = output
        return process.returncode

    def test_killed_runs_end_with_the_same_bytes(self):
        self.hone(*self.command("whole", self.data))
        kills, killed = sorted(self.random(1).sample(range(1, self.STEPS - 20), 3)), 0
        for step in kills:
            code = self.kill_at("broken", step, signal.SIGKILL)
            killed += code == -signal.SIGKILL
        self.assertGreater(killed, 0, "no run was still going when it was to be killed")
        done = self.hone(*self.command("broken", self.data))
        message = f"killed after steps {kills}"
        self.assertIn("checkpoint", (done.stdout + done.stderr).lower(), message)
        self.assertEqual(self.sha256(f"whole/{ADAPTER}"), self.sha256(f"broken/{ADAPTER}"), message)
        # Every step once, in order, with the same numbers.
        def steps(out):
            return [(line["step"], line["loss"], line["learning_rate"], line["grad_norm"], line["tokens"])
                    for line in self.metrics(out) if "loss" in line]
        self.assertEqual(steps("whole"), steps("broken"), message)

    def test_an_interrupt_saves_and_the_next_run_goes_on(self):
        self.hone(*self.command("whole", self.data))
        code = self.kill_at("broken", 40, signal.SIGINT)
        self.assertEqual(code, INTERRUPTED, self.output)
        saved = sorted(int(path.name.split("-")[1]) for path in (self.work / "broken/checkpoints").glob("step-*"))
        self.assertGreaterEqual(saved[-1], 40)
        self.assertGreaterEqual(saved[-1], self.steps_done("broken"), "every step that was reported was saved")
        self.hone(*self.command("broken", self.data))
        self.assertEqual(self.sha256(f"whole/{ADAPTER}"), self.sha256(f"broken/{ADAPTER}"))

    def test_another_configuration_is_refused(self):
        self.kill_at("out", 30, signal.SIGINT)
        before = sorted(path.name for path in (self.work / "out/checkpoints").iterdir())
        done = self.hone(*self.command("out", self.data), "--learning_rate", "1e-3", code=USAGE)
        self.assertIn("learning_rate", done.stderr)
        other = self.write("other.jsonl", many_chats(40, seed=2))
        done = self.hone(*self.command("out", other), code=USAGE)
        self.assertIn("data", done.stderr)
        self.assertEqual(before, sorted(path.name for path in (self.work / "out/checkpoints").iterdir()))

    def test_a_damaged_checkpoint_is_not_believed(self):
        self.kill_at("out", 30, signal.SIGINT)
        newest = max((self.work / "out/checkpoints").glob("step-*"), key=lambda path: int(path.name.split("-")[1]))
        weights = newest / "adapter_model.safetensors"
        content = bytearray(weights.read_bytes())
        content[-3] ^= 1
        weights.write_bytes(content)
        done = self.hone(*self.command("out", self.data), "--resume_from_checkpoint", newest, code=6)
        self.assertIn("adapter_model.safetensors", done.stderr)


class SameBitsTest(HoneTest):
    def train(self, out, data, *arguments):
        self.finetune(out, data, "--max_steps", 12, "--learning_rate", "5e-3", "--lora_dropout", 0.1, *arguments)
        return self.sha256(f"{out}/{ADAPTER}")

    def test_seed_and_threads(self):
        data = self.write("chats.jsonl", CHATS + many_chats(60))
        first = self.train("first", data)
        self.assertEqual(first, self.train("again", data), "same seed")
        self.assertEqual(first, self.train("one", data, "--threads", 1), "one thread")
        self.assertEqual(first, self.train("two", data, "--threads", 2), "two threads")
        self.assertEqual(first, self.train("three", data, "--threads", 3), "three threads")
        self.assertEqual(first, self.train("workers", data, "--dataloader_num_workers", 3), "other readers")
        self.assertNotEqual(first, self.train("seed", data, "--seed", 43), "another seed")

    def test_f32_threads_and_checkpointing(self):
        data = self.write("chats.jsonl", many_chats(60))
        first = self.train("one", data, "--torch_dtype", "float32", "--threads", 1, "--gradient_checkpointing", "false")
        self.assertEqual(first, self.train("two", data, "--torch_dtype", "float32", "--threads", 2,
                                           "--gradient_checkpointing", "true"))


if __name__ == "__main__":
    unittest.main()
