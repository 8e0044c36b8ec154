#!/usr/bin/env python3
"""Tests of tests/run.py: what it makes of the output of a program that passes, fails, skips or dies."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import run  # noqa: E402

PROGRAM = pathlib.Path("some_test")


class ReadOutput(unittest.TestCase):
    def outcomes(self, output, status):
        return [(result.test, result.outcome) for result in run.read_output(PROGRAM, output, status)]

    def test_each_outcome(self):
        output = ("[==========] Running 3 tests\n"
                  "[ RUN      ] A.Passes\n[       OK ] A.Passes (12 ms)\n"
                  "[ RUN      ] A.Fails\na.cc:1: Failure\nboth\n[  FAILED  ] A.Fails, where GetParam() = 3 (1 ms)\n"
                  "[ RUN      ] A.Skips\na.cc:2: Skipped\nno AVX-512\n\n[  SKIPPED ] A.Skips (0 ms)\n"
                  "[  FAILED  ] 1 test, listed below:\n[  FAILED  ] A.Fails\n")
        results = run.read_output(PROGRAM, output, 1)
        self.assertEqual([(result.test, result.outcome) for result in results],
                         [("A.Passes", "OK"), ("A.Fails", "FAILED"), ("A.Skips", "SKIPPED")])
        self.assertEqual(results[0].time_s, 0.012)
        self.assertIn("a.cc:1: Failure\nboth", results[1].output)
        self.assertIn("--gtest_filter=A.Fails", results[1].repeat())

    def test_result_after_what_a_test_prints_without_a_line_feed(self):
        self.assertEqual(self.outcomes("[ RUN      ] A.B\nprinted[       OK ] A.B (0 ms)\n", 0), [("A.B", "OK")])

    def test_death_within_a_test(self):
        output = "[ RUN      ] A.B\n[       OK ] A.B (0 ms)\n[ RUN      ] A.Dies\nruntime error: overflow\n"
        results = run.read_output(PROGRAM, output, -6)
        self.assertEqual(results[1].outcome, "FAILED")
        self.assertIn("runtime error: overflow", results[1].output)

    def test_death_after_the_tests(self):
        output = "[ RUN      ] A.B\n[       OK ] A.B (0 ms)\nERROR: LeakSanitizer: detected memory leaks\n"
        self.assertEqual(self.outcomes(output, 23), [("A.B", "OK"), ("*", "FAILED")])

    def test_death_before_any_test(self):
        self.assertEqual(self.outcomes("cannot load a library\n", 127), [("*", "FAILED")])


if __name__ == "__main__":
    unittest.main()
