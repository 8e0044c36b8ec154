"""tools/check_layers.py fails on the trees it should fail on."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class CheckLayersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("tools/layers.txt", "base\ntensor\nmodel\n")
        self.write("src/base/file.h", "#include <string>\n")
        self.write("src/tensor/buffer.h", '#include "base/file.h"\n#include "tensor/shape.h"\n')
        self.write("src/model/model.cc", '#include "tensor/buffer.h"\n#include "absl/status/status.h"\n')

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run_check(self):
        done = subprocess.run([sys.executable, ROOT / "tools/check_layers.py", "--root", self.root],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def assert_finds(self, start, *parts):
        status, output = self.run_check()
        self.assertEqual(status, 1)
        self.assertTrue(output.startswith(start), output)
        self.assertEqual(output.count("\n"), 1, output)
        for part in parts:
            self.assertIn(part, output)

    def test_a_tree_in_order_passes(self):
        self.assertEqual(self.run_check(), (0, ""))

    def test_an_include_against_the_order_is_named_by_file_and_line(self):
        self.write("src/base/file.cc", '#include "base/file.h"\n\n#include "model/model.h"\n')
        self.assert_finds("src/base/file.cc:3:", "base includes model/model.h")

    def test_tests_and_files_in_deeper_folders_count_too(self):
        self.write("src/tensor/deep/er/view_test.cc", '  #  include "model/model.h"\n')
        self.assert_finds("src/tensor/deep/er/view_test.cc:1:")

    def test_angle_brackets_do_not_hide_a_room(self):
        self.write("src/model/loader.cc", "#include <base/file.h>\n")
        self.assert_finds("src/model/loader.cc:1:", "<base/file.h>")

    def test_a_path_upwards_does_not_hide_a_room(self):
        self.write("src/base/sly.h", '#include "../model/model.h"\n')
        self.assert_finds("src/base/sly.h:1:", "from src/")

    def test_a_room_outside_the_order_is_named(self):
        self.write("src/attic/old.h", "")
        self.assert_finds("src/attic:1:", "tools/layers.txt")


if __name__ == "__main__":
    unittest.main()
