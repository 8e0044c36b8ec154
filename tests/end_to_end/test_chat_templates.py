"""What a chat template asks of the machine, the day and the memory, never changes or loses a row in silence."""
import os
import resource
import shutil
import subprocess
import unittest

from support import BAD_MODEL, CHATS, OK, OUT_OF_MEMORY, TINY, HoneTest, many_chats

LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 13412\n"


class ChatTemplateTest(HoneTest):
    def setUp(self):
        super().setUp()
        self.model = self.work / "model"
        shutil.copytree(TINY, self.model)

    def put_date(self):
        path = self.model / "chat_template.jinja"
        path.write_text("{{ '<|im_start|>system\\nToday: ' + strftime_now('%d %b %Y') + '<|im_end|>\\n' }}" +
                        path.read_text())

    def test_a_run_goes_on_after_midnight(self):
        self.put_date()
        data = self.write("chats.jsonl", CHATS)
        arguments = ["out", data, "--max_steps", 4, "--save_steps", 2]
        # 26 hours apart: always another date.
        self.finetune(*arguments, model="model", environment={"TZ": "Etc/GMT+12"})
        first = self.read_json("out/run.json")
        self.assertRegex(first["options"]["template_date"], r"^20\d\d-\d\d-\d\d$")
        # As if it had been stopped after two steps.
        shutil.rmtree(self.work / "out/adapter")
        shutil.rmtree(self.work / "out/checkpoints/step-4")
        done = self.finetune(*arguments, model="model", environment={"TZ": "Etc/GMT-14"})
        self.assertIn("step-2", done.stdout + done.stderr)
        self.assertEqual(self.read_json("out/run.json")["options"]["template_date"],
                         first["options"]["template_date"])
        # Another day is another run, and the message says so.
        done = self.finetune(*arguments, "--template_date", "2001-01-01", model="model", code=2)
        self.assertIn("template_date", done.stderr)

    def test_the_day_is_said(self):
        self.put_date()
        data = self.write("chats.jsonl", CHATS)
        check = ["data", "check", data, "-m", "model", "--eval_split", "none"]
        self.assertIn("shows today's date", self.hone(*check).stdout)
        self.assertNotIn("shows today's date", self.hone(*check, "--template_date", "2026-11-26").stdout)
        losses = [self.evaluate(data, "--template_date", day, model="model")["loss"]
                  for day in ("2026-11-26", "2031-05-17", "2026-11-26")]
        self.assertEqual(losses[0], losses[2])
        self.assertNotEqual(losses[0], losses[1])

    def limited(self, megabytes, *arguments):
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
        return subprocess.run([*self.program, *map(str, arguments)], cwd=self.work, env=self.environment, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, preexec_fn=limit, timeout=120)

    @unittest.skipIf("ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ, "a sanitizer maps terabytes")
    def test_little_memory_makes_no_row_bad(self):
        data = self.write("chats.jsonl", many_chats(400))
        check = ["data", "check", data, "-m", "model", "--eval_split", "none", "--threads", 2]
        done = self.limited(800, *check)
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assertIn("400, 400 of them good", done.stdout)
        for megabytes in (300, 400, 600):
            done = self.limited(megabytes, *check)
            self.assertIn(done.returncode, (OK, OUT_OF_MEMORY), f"{megabytes} MB: {done.stderr}")
            if done.returncode == OUT_OF_MEMORY:
                self.assertIn("not enough", done.stderr)
        done = self.limited(1500, *check[:-1], 1000)
        self.assertEqual(done.returncode, OUT_OF_MEMORY, done.stderr)
        self.assertIn("--threads", done.stderr)

    def test_git_lfs_pointers_are_named(self):
        data = self.write("chats.jsonl", CHATS)
        for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "config.json"):
            with self.subTest(name):
                path = self.model / name
                kept = path.read_text()
                path.write_text(LFS_POINTER)
                done = self.hone("data", "check", data, "-m", "model", code=BAD_MODEL)
                self.assertIn(f"model/{name} is a Git LFS pointer, not the file", done.stderr)
                self.assertIn("git lfs pull", done.stderr)
                path.write_text(kept)


if __name__ == "__main__":
    unittest.main()
