"""What the program says of itself: help, manual, completion, and the documents that name its flags."""
import pathlib
import re
import shutil
import subprocess
import unittest

from support import HONE, ROOT, HoneTest

COMMANDS = ["finetune", "run", "estimate", "evaluate", "generate", "chat", "compare", "models pull", "models list",
            "models inspect", "models rm", "data check", "bench train", "bench infer", "bench kernels", "help",
            "completion", "worker", "serve-model", "serve", "merge", "keys create", "keys list", "keys revoke",
            "admin backup", "admin restore", "admin check"]


class CommandLineTest(HoneTest):
    def flags(self, command=""):
        text = self.hone(*command.split(), "--help").stdout
        return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9_-]*", "\n".join(
            line for line in text.splitlines() if re.match(r"  -", line))))

    def test_flags_that_the_documents_name_are_there(self):
        there = set().union(self.flags(), *(self.flags(command) for command in COMMANDS))
        for name in ("docs/cli.md", "docs/events.md", "docs/formats.md", "docs/serving.md", "docs/server.md",
                     "docs/platform.md", "docs/evaluation.md", "README.md"):
            named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9_-]*", (ROOT / name).read_text()))
            # Examples of a form, a flag that is refused, and flags of other programs.
            others = {"--flag", "--x", "--no_x", "--compute_dtype", "--fast", "--cpus", "--preset", "--build",
                      "--install"}
            self.assertEqual(named - there - others, set(), name)

    def test_the_table_of_commands_is_whole(self):
        table = (ROOT / "docs/cli.md").read_text()
        for command in COMMANDS:
            first, *rest = command.split()
            self.assertIn(f"`hone {first}", table)
            for word in rest:
                self.assertRegex(table, rf"`hone {first}[^`]*{word}")

    def test_the_manual_has_every_flag(self):
        page = self.hone("help", "--man").stdout.replace("\\-", "-")
        for command in COMMANDS:
            self.assertIn(f".SS hone {command}", page)
            for flag in self.flags(command) - {"--help"}:
                self.assertIn(flag, page)

    def test_the_program_is_the_same_from_every_checkout(self):
        """Else a fresh clone would find nothing in the compiler's cache, and messages would name folders of ours."""
        self.assertNotIn(str(ROOT).encode(), pathlib.Path(HONE).read_bytes())

    def complete(self, *words):
        """What bash offers for the last word."""
        script = ('eval "$("$1" completion bash)"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hone; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script, "bash", HONE, "hone", *words], capture_output=True, text=True,
                              env=self.environment, check=True)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_bash_completes(self):
        self.assertEqual(self.complete("fi"), {"finetune"})
        self.assertEqual({word for word in self.complete("models", "") if not word.startswith("-")},
                         {"pull", "list", "inspect", "rm"})
        self.assertEqual(self.complete("finetune", "--lora_"), {"--lora_r", "--lora_alpha", "--lora_dropout"})
        self.assertEqual(self.complete("finetune", "-d", "x.csv", "--max_st"), {"--max_steps"})
        self.assertEqual(self.complete("finetune", "--on_overflow", "d"), {"drop"})
        self.assertEqual(self.complete("data", "check", ""), set())  # files, which bash knows
        self.assertEqual(self.complete("bench", "infer", "--streams"), {"--streams"})

    def test_other_shells_read_their_scripts(self):
        for shell in ("zsh", "fish"):
            with self.subTest(shell):
                script = self.write(f"complete.{shell}", self.hone("completion", shell).stdout)
                self.assertIn("lora_alpha", (self.work / script).read_text())
                if shutil.which(shell):
                    subprocess.run([shell, "-n", script], check=True)

    def test_an_unknown_shell_is_refused(self):
        self.assertIn("bash, zsh, fish", self.hone("completion", "tcsh", code=2).stderr)


if __name__ == "__main__":
    unittest.main()
