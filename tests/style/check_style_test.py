"""tools/check_style.py finds each thing that it has a rule for, and nothing in a file that keeps them."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import check_style  # noqa: E402 (the path comes first)


def problems(name, text):
    return list(check_style.check_text(name, text))


class CheckStyleTest(unittest.TestCase):
    def assert_one(self, name, text, line, part):
        found = problems(name, text)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f"{name}:{line}: "), found)
        self.assertIn(part, found[0])

    def test_a_good_file_passes(self):
        self.assertEqual(problems("src/base/a.h", "#pragma once\n\n// TODO: nothing, because all is here.\n"), [])

    def test_the_longest_file_passes_and_one_line_more_does_not(self):
        longest = "int x;\n" * check_style.MAX_LINES
        self.assertEqual(problems("src/base/a.cc", longest), [])
        self.assertEqual(problems("tests/made.py", longest + "pass\n"), [])
        self.assert_one("src/base/a.cc", longest + "int y;\n", check_style.MAX_LINES + 1, "split")

    def test_the_longest_line_passes_and_one_column_more_does_not(self):
        self.assertEqual(problems("src/base/a.cc", "x" * check_style.MAX_COLUMNS + "\n"), [])
        self.assert_one("src/base/a.cc", "\n" + "x" * (check_style.MAX_COLUMNS + 1) + "\n", 2, "columns")

    def test_letters(self):
        self.assert_one("src/base/a.cc", "int\tx;\n", 1, "tab")
        self.assert_one("dev", "build \n", 1, "end of the line")
        self.assert_one("docs/a.md", "one\r\n", 1, "carriage return")
        self.assert_one("src/base/a.cc", "int x;", 1, "no newline")

    def test_paths_of_a_machine(self):
        for folder in ("home", "Users", "root", "work", "mnt"):
            self.assert_one("docs/a.md", f"see /{folder}/anna/x\n", 1, "one machine")
        self.assertEqual(problems("docs/a.md", "~/work/x, src/work/x, /tmp/x, https://a.b/home/x\n"), [])

    def test_a_todo_needs_a_reason(self):
        slashes, hash_sign = "/" "/", "#"
        self.assert_one("src/base/a.cc", f"{slashes}TODO: faster\n", 1, "why it can wait")
        self.assert_one("tools/a.py", f"x = 1  {hash_sign} FIXME wrong\n", 1, "why it can wait")
        self.assertEqual(problems("src/base/a.cc", f"{slashes} TODO: faster, until users ask for it\n"), [])

    def test_headers_and_namespaces(self):
        self.assert_one("src/base/a.h", "int x;\n", 1, "#pragma once")
        self.assertEqual(problems("src/base/a-inl.h", "int x;\n"), [])
        self.assert_one("src/base/a.cc", "using namespace std;\n", 1, "using namespace")
        self.assertEqual(problems("src/base/a.cc", "using namespace simd;  // NOLINT: one set\n"), [])

    def test_the_program_reads_the_tree_and_its_exit_status_tells(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            subprocess.run(["git", "init", "-q", folder], check=True)
            command = [sys.executable, ROOT / "tools/check_style.py", "--root", folder]
            (root / "a.py").write_text("good = 1\n", encoding="utf-8")
            (root / ".gitignore").write_text("/build/\n", encoding="utf-8")
            (root / "build").mkdir()
            (root / "build/made.py").write_text("bad\t\n", encoding="utf-8")
            self.assertEqual(subprocess.run(command, check=False, capture_output=True).returncode, 0)
            (root / "b.py").write_text("bad\t= 1\n", encoding="utf-8")
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (1, "b.py:1: a tab: indent with spaces\n"))


if __name__ == "__main__":
    unittest.main()
