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

    def with_folders(self):
        """Two folders of model and a file beside them, in order."""
        self.write("tools/layers.txt", "# the order\nbase\ntensor\nmodel: config\n    config/deep . blocks\n")
        self.write("src/model/config/config.h", '#include "base/file.h"\n')
        self.write("src/model/config/deep/deep.h", '#include "model/config/config.h"\n')
        self.write("src/model/model.h", '#include "model/config/config.h"\n#include "model/config/deep/deep.h"\n')
        self.write("src/model/blocks/block.h", '#include "model/model.h"\n')

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
        self.write("tools/layers.txt", "base\ntensor: . deep\nmodel\n")
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

    def test_folders_in_order_pass(self):
        self.with_folders()
        self.assertEqual(self.run_check(), (0, ""))

    def test_a_folder_that_includes_a_later_one_is_named_by_file_and_line(self):
        self.with_folders()
        self.write("src/model/config/reader.cc", '#include "model/config/config.h"\n#include "model/blocks/block.h"\n')
        self.assert_finds("src/model/config/reader.cc:2:", "config of model includes model/blocks/block.h")

    def test_one_arrow_of_a_cycle_is_always_against_the_order(self):
        self.with_folders()
        self.write("src/model/model.cc", '#include "model/blocks/block.h"\n')
        self.assert_finds("src/model/model.cc:1:", "blocks comes after .")

    def test_a_deeper_folder_may_have_a_place_of_its_own(self):
        self.with_folders()
        self.write("src/model/config/deep/er/file.h", '#include "model/config/deep/deep.h"\n')
        self.assertEqual(self.run_check(), (0, ""))
        self.write("src/model/config/file.h", '#include "model/config/deep/er/file.h"\n')
        self.assert_finds("src/model/config/file.h:1:", "config/deep comes after config")

    def test_a_folder_outside_the_order_is_named(self):
        self.with_folders()
        self.write("src/model/attic/old.h", "")
        self.assert_finds("src/model/attic/old.h:1:", "tools/layers.txt")
        (self.root / "src/model/attic/old.h").unlink()
        self.write("src/model/testdata/numbers.json", "[]")  # no source
        self.assertEqual(self.run_check(), (0, ""))
        self.write("src/tensor/deep/view.h", "")
        self.assert_finds("src/tensor:1:", "folders, whose order is missing")

    def test_a_folder_that_is_gone_is_named(self):
        self.with_folders()
        (self.root / "src/model/blocks/block.h").unlink()
        (self.root / "src/model/blocks").rmdir()
        self.assert_finds("tools/layers.txt:1:", "no folder blocks")


if __name__ == "__main__":
    unittest.main()
