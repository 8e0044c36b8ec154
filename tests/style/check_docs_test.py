"""tools/check_docs.py finds each kind of name that does not exist, and nothing where all exist."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import check_docs  # noqa: E402 (the path comes first)

FLAGS = {"": {"help"}, "train": {"rank", "shuffle"}, "models": set(), "models list": {"json"}, "models pull": set()}


class CheckDocsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.names = set()
        self.write("dev", "# builds hone\n./dev test [--fast]  every test\n")
        self.write("tools/measure.py", 'parser.add_argument("--size")\n')
        self.write("src/base/file.h", "struct MappedFile { void DropPages(); };\nconstexpr int kMaxFiles = 3;\n")
        self.write("src/base/file.cc", 'auto x = getenv("HONE_CACHE"); Write("run.json"); if (line == "/reset") {}\n')
        self.write("src/cli/flags.cc", 'Add("--rank", "--shuffle"); {"models", "pull", "list", "train", "json"}\n')
        self.write("docs/more.md", "# More\n\n## How it is done\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.names.add(name)

    def problems(self, text, flags=FLAGS, name="README.md"):
        self.write(name, text)
        return check_docs.check(self.root, self.names, flags)

    def assert_good(self, text, flags=FLAGS):
        self.assertEqual(self.problems(text, flags), [])

    def assert_one(self, text, *parts, flags=FLAGS):
        found = self.problems(text, flags)
        self.assertEqual(len(found), 1, found)
        for part in parts:
            self.assertIn(part, found[0])

    def test_names_that_exist(self):
        self.assert_good("`src/base/file.h`, `base/file.h`, `src/base/`, `src/*/file.h`, `file.h`, `src/NAME/file.h`\n"
                         "`MappedFile`, `MappedFile::DropPages()`, `kMaxFiles`, `HONE_CACHE`, `run.json`, `/reset`\n"
                         "`--rank 16`, `--no_shuffle`, `hone train --rank 3`, `hone models list|pull`, `~/.cache`\n"
                         "`./dev test --fast`, `tools/measure.py --size 3`, `HONE_CACHE=x hone models list --json`\n"
                         "[more](docs/more.md), [how](docs/more.md#how-it-is-done), [web](https://a.b/c)\n")

    def test_files_of_a_folder_are_named_after_it(self):
        self.assert_good("`src/base/` holds `file.h`; of `src/base` the file `./file.h`\n")

    def test_a_wrong_path(self):
        self.assert_one("# A\n\nsee `src/base/gone.h`\n", "README.md:3: ", "src/base/gone.h")
        self.assert_one("`tests/base/`\n", "tests/base/")
        self.assert_one("`gone.h`\n", "gone.h")
        self.assert_one("`src/*/gone_*.h`\n", "gone_")

    def test_a_wrong_symbol(self):
        self.assert_one("`UnmappedFile`\n", "UnmappedFile")
        self.assert_one("`MappedFile::Gone()`\n", "Gone")
        self.assert_one("`kMaxFolders`\n", "kMaxFolders")
        self.assert_one("`HONE_CASH`\n", "HONE_CASH")
        self.assert_one("```cpp\nMappedFile gone;\n```\n", "README.md:2: ", "gone")

    def test_a_wrong_flag_or_command(self):
        for flags in (FLAGS, None):
            self.assert_one("`--rang 16`\n", "--rang", flags=flags)
            self.assert_one("`hone tain`\n", "hone has no command tain", flags=flags)
        self.assert_one("`hone models list --rank 2`\n", "hone models list has no --rank")
        self.assert_one("`hone models push`\n", "hone has no command models push")
        self.assert_one("`hone models list|push`\n", "hone has no command models push")
        self.assert_one("`./dev tset`\n", "./dev has no command tset")
        self.assert_one("`./dev test --slow`\n", "dev has no --slow")
        self.assert_one("`python3 tools/measure.py --sise 3`\n", "tools/measure.py has no --sise")

    def test_command_lines_in_blocks_go_on_after_a_backslash(self):
        self.assert_good("```bash\nhone train \\\n    --rank 3  # not --rang\n```\n")
        self.assert_one("```bash\n./dev test\n\nhone train \\\n    --rang 3\n```\n", "README.md:4: ", "--rang")
        self.assert_good("```text\nhone train --rang\n```\n")

    def test_links_from_a_document_in_a_folder(self):
        self.write("README.md", "# A\n")
        self.assertEqual(self.problems("[more](more.md) [up](../README.md)\n", name="docs/other.md"), [])

    def test_a_wrong_link(self):
        self.assert_one("[more](docs/less.md)\n", "docs/less.md")
        self.assert_one("[how](docs/more.md#why-it-is-done)\n", "why-it-is-done")
        self.assert_one("![a picture](docs/images/gone.svg)\n", "gone.svg")

    def test_what_is_planned_may_be_named(self):
        self.assert_good("`src/base` is there; `src/server` (planned) speaks `--port`\n")
        self.assert_good("| `src/server` | planned: speaks `--port` |\n")
        self.assert_one("`src/server` is there. `src/web` is planned\n", "src/server")
        self.assert_one("| `src/server` | some of it is planned |\n", "src/server")
        self.assert_good("## Planned\n\n`src/server`\n")
        self.assert_one("## Planned\n\n`src/server`\n\n## Now\n\n`src/server`\n", "README.md:7: ")

    def test_comments_of_the_code(self):
        self.write("src/base/log.h", "// As base/file.h, file.cc and HONE_CACHE say.\n")
        self.assert_good("")
        self.write("src/base/deep/log.h", "// See deep/log.h.\n")
        self.assert_good("")
        self.write("src/base/log.h", "int x;  // see base/gone.h\n")
        self.assert_one("", "src/base/log.h:1: ", "base/gone.h")
        self.write("src/base/log.h", "// HONE_CASH\n")
        self.assert_one("", "src/base/log.h:1: ", "HONE_CASH")

    def test_the_program_says_which_flags_it_has(self):
        program = self.root / "hone"
        program.write_text("#!/bin/sh\ncat <<'TEXT'\n        '':-*) words='--help' ;;\n"
                           "        'models list:--json') words='true false' ;;\n"
                           "        'models list':-*) words='-h --help --json' ;;\nTEXT\n", encoding="utf-8")
        program.chmod(0o755)
        self.assertEqual(check_docs.read_flags(program), {"": {"help"}, "models list": {"help", "json"}})

    def test_the_exit_status_tells(self):
        subprocess.run(["git", "init", "-q", self.root], check=True)
        command = [sys.executable, ROOT / "tools/check_docs.py", "--root", self.root]
        (self.root / "README.md").write_text("`base/file.h`\n", encoding="utf-8")
        self.assertEqual(subprocess.run(command, check=False, capture_output=True).returncode, 0)
        (self.root / "README.md").write_text("`base/gone.h`\n", encoding="utf-8")
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (1, "README.md:1: there is no base/gone.h\n"))


if __name__ == "__main__":
    unittest.main()
