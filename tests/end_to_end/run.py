#!/usr/bin/env python3
"""Runs the end-to-end tests: every test_*.py beside this file drives the program as a user would.

run.py [--hone PROGRAM] [-k PATTERN]...: the last line is `N passed, M failed`. Needs nothing but Python's own library.
"""

import argparse
import os
import pathlib
import sys
import time
import unittest

FOLDER = pathlib.Path(__file__).resolve().parent


class Result(unittest.TextTestResult):
    """Prints each test with its time, and counts a test once, whatever becomes of its subtests and its clean-up."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.broken = set()
        self.began = 0.0

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        self.stream.writeln(f"    {time.monotonic() - self.began:.1f} s")

    def addFailure(self, test, err):
        self.broken.add(test.id())
        super().addFailure(test, err)

    def addError(self, test, err):
        self.broken.add(test.id())
        super().addError(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.broken.add(test.id())
        super().addSubTest(test, subtest, err)

    def addUnexpectedSuccess(self, test):
        self.broken.add(test.id())
        super().addUnexpectedSuccess(test)


def run_suite(suite):
    """Runs it, prints the numbers, and gives the exit status."""
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(suite)
    skipped, failed = len(result.skipped), len(result.broken)
    passed = result.testsRun - skipped - failed
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hone", type=pathlib.Path, default=FOLDER.parents[1] / "build/release/hone")
    parser.add_argument("-k", dest="patterns", action="append", metavar="PATTERN",
                        help="only tests with this in their name")
    arguments = parser.parse_args()
    hone = arguments.hone.resolve()
    if not os.access(hone, os.X_OK):
        sys.exit(f"no program at {hone}: ./dev build")
    os.environ["HONE"] = str(hone)  # tests read it when they are imported
    sys.path.insert(0, str(FOLDER))

    loader = unittest.TestLoader()
    if arguments.patterns:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in arguments.patterns]
    suite = loader.discover(str(FOLDER), top_level_dir=str(FOLDER))
    return run_suite(suite)


if __name__ == "__main__":
    sys.exit(main())
