"""What ends a run, and what does not: signals, readers that go away, closed descriptors, want of threads."""
import os
import resource
import signal
import subprocess
import time
import unittest

from support import HONE, OUT_OF_MEMORY, TINY, HoneTest, many_chats

ADAPTER = "adapter/adapter_model.safetensors"
STEPS = 600


class StopsTest(HoneTest):
    def setUp(self):
        super().setUp()
        os.symlink(TINY, self.work / "model")
        self.data = self.write("chats.jsonl", many_chats(24))

    def command(self, out, steps=STEPS):
        return [HONE, "finetune", "--model_name_or_path", "model", "--data_name", self.data, "--output_path", out,
                "--eval_split", "none", "--max_seq_len", "256", "--per_device_train_batch_size", "2",
                "--max_steps", str(steps), "--logging_steps", "1"]

    def begin(self, out, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen(self.command(out), cwd=self.work, env=self.environment, **options)
        self.addCleanup(process.kill)
        return process

    def wait_for_steps(self, out, count, process):
        deadline = time.monotonic() + 120
        metrics = self.work / out / "metrics.jsonl"
        while process.poll() is None and not (metrics.exists() and metrics.read_text().count("\n") >= count):
            self.assertLess(time.monotonic(), deadline, "no progress")
            time.sleep(0.002)
        self.assertIsNone(process.returncode, "done before it was to be stopped")

    def checkpoints(self, out):
        return sorted(path.name for path in (self.work / out / "checkpoints").iterdir())

    def finish(self, out):
        subprocess.run(self.command(out), cwd=self.work, env=self.environment, check=True, capture_output=True)

    def test_signals_save_and_leave(self):
        subprocess.run(self.command("whole"), cwd=self.work, env=self.environment, check=True, capture_output=True)
        for name in ("SIGTERM", "SIGHUP", "SIGINT", "SIGXCPU", "SIGUSR1"):
            with self.subTest(name):
                number, out = getattr(signal, name), name.lower()
                process = self.begin(out)
                self.wait_for_steps(out, 3, process)
                # As timeout(1) and terminals do: the same signal again, at once.
                for _ in range(2):
                    process.send_signal(number)
                _, error = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 128 + number)
                self.assertRegex(error.decode(), r"^error: interrupted after step (\d+) of 600; .*\n$")
                step = int(error.split()[4])
                self.assertGreaterEqual(step, 3)
                self.assertEqual(self.checkpoints(out), [f"step-{step}"])
                self.assertEqual(self.read_json(f"{out}/run.json")["status"], "interrupted")
                self.finish(out)
                self.assertEqual(self.sha256(f"{out}/{ADAPTER}"), self.sha256(f"whole/{ADAPTER}"))

    def test_a_reader_that_goes_away_ends_nothing(self):
        """`hone finetune ... 2>&1 | tee log`: tee dies of the same Ctrl-C."""
        process = self.begin("out", stderr=subprocess.STDOUT)
        process.stdout.readline()
        process.stdout.close()
        self.wait_for_steps("out", 5, process)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 128 + signal.SIGINT)
        self.assertEqual(len(self.checkpoints("out")), 1)
        process = self.begin("out", stderr=subprocess.STDOUT)
        process.stdout.close()
        self.assertEqual(process.wait(60), 0)
        self.assertTrue((self.work / "out" / ADAPTER).exists())

    def test_closed_descriptors_get_no_file(self):
        """`hone finetune ... <&- >&- 2>&-`"""
        command = " ".join(self.command("out")) + " <&- >&- 2>&-"
        subprocess.run(["sh", "-c", command], cwd=self.work, env=self.environment, check=True, timeout=120)
        self.assertEqual(len(self.metrics("out")), STEPS)
        self.assertEqual(self.read_json("out/run.json")["status"], "done")

    def test_nohup_stays(self):
        process = self.begin("out", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.wait_for_steps("out", 3, process)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0)

    def test_commands_end_quietly_with_their_reader(self):
        for arguments in (["--help"], ["--explain-kernels"], ["data", "check", self.data, "-m", "model"],
                          ["generate", "-m", "model", "--prompt", "a", "--max_new_tokens", "1"]):
            with self.subTest(arguments):
                read, write = os.pipe()
                os.close(read)
                done = subprocess.run([HONE, *arguments], cwd=self.work, env=self.environment, stdin=subprocess.DEVNULL,
                                      stdout=write, stderr=subprocess.PIPE, text=True)
                os.close(write)
                self.assertEqual(done.returncode, 128 + signal.SIGPIPE)
                self.assertNotIn("error", done.stderr)

    def test_a_finished_run_is_left_as_it_is(self):
        self.finish("out")
        files = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (self.work / "out").rglob("*")}
        again = self.hone(*self.command("out")[1:])
        self.assertIn(f"out holds this run, finished after {STEPS} steps: nothing is changed", again.stdout)
        self.assertEqual(files, {path: (path.stat().st_mtime_ns, path.stat().st_ino)
                                 for path in (self.work / "out").rglob("*")})
        # A result that is gone is made again.
        (self.work / "out" / ADAPTER).unlink()
        self.hone(*self.command("out")[1:])
        self.assertTrue((self.work / "out" / ADAPTER).exists())

    def test_other_kernels_are_named(self):
        process = self.begin("out")
        self.wait_for_steps("out", 3, process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        done = self.hone(*self.command("out")[1:], environment={"HONE_KERNEL": "attention:reference"})
        self.assertRegex(done.stdout, r"warning: the first \d+ steps were computed by other kernels \(kernels\.")
        run = self.read_json("out/run.json")
        first, second = run["processes"]
        self.assertEqual(first["first_step"], 0)
        self.assertEqual(first["last_step"], second["first_step"])
        self.assertEqual(second["last_step"], STEPS)
        self.assertNotEqual(first["machine"]["kernels"], second["machine"]["kernels"])
        self.assertEqual(second["machine"]["kernels"]["attention bf16, heads of 64"], "reference")
        self.assertTrue(first["machine"]["simd"])
        # The report is of both.
        self.assertAlmostEqual(run["wall_seconds"], first["seconds"] + second["seconds"], places=3)
        self.assertEqual(first["tokens"] + second["tokens"], self.metrics("out")[-1]["tokens"])
        self.assertEqual(run["peak_memory_bytes"], max(first["peak_memory_bytes"], second["peak_memory_bytes"]))

    def test_no_more_threads(self):
        """Their stacks want more address space than there is."""
        limit = 3 << 30
        done = subprocess.run([*self.command("out"), "--threads", "1000"], cwd=self.work, env=self.environment,
                              capture_output=True, text=True, timeout=120,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        self.assertEqual(done.returncode, OUT_OF_MEMORY, done.stderr)
        self.assertRegex(done.stderr, r"^error: the system gives no more threads: .*--threads\n$")


if __name__ == "__main__":
    unittest.main()
