#!/usr/bin/env python3
"""Runs the end-to-end tests: every test_*.py beside this file drives the program as a user would.

run.py [--hone PROGRAM] [--jobs N] [-k PATTERN]...: the last line is `N passed, M failed`. Needs nothing but Python's
own library.
"""

import argparse
import concurrent.futures
import faulthandler
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

FOLDER = pathlib.Path(__file__).resolve().parent
TEST_TIMEOUT_S = 7200 if "HONE_TEST_TRIES" in os.environ else 600


def end_later():
    """Ends the run, and says where it waited, if this is not called again in time."""
    faulthandler.dump_traceback_later(TEST_TIMEOUT_S, exit=True, file=sys.__stderr__)


class Result(unittest.TextTestResult):
    """Prints each test with its time, and counts a test once, whatever becomes of its subtests and its clean-up."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.broken = set()
        self.began = 0.0

    def startTest(self, test):
        self.began = time.monotonic()
        end_later()
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        end_later()
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
    for ignored in (signal.SIGINT, signal.SIGHUP):  # by a shell's background jobs and by nohup; children would, too
        signal.signal(ignored, signal.default_int_handler)
    end_later()
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(suite)
    skipped, failed = len(result.skipped), len(result.broken)
    passed = result.testsRun - skipped - failed
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


def classes(suite):
    """How many tests each class of the suite has, by `MODULE.CLASS`."""
    if isinstance(suite, unittest.TestCase):
        return {suite.id().rpartition(".")[0]: 1}
    counts = {}
    for part in suite:
        for name, number in classes(part).items():
            counts[name] = counts.get(name, 0) + number
    return counts


def run_side_by_side(suite, jobs, command):
    """Runs each class of the suite in a process of its own, `jobs` at a time, by `command -k CLASS.`; prints what they
    print and the sum of their numbers, and gives the exit status."""
    def run(name):
        return subprocess.run([sys.executable, *command, "-k", f"{name}."], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False)

    counts = classes(suite)
    passed = skipped = failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in pool.map(run, sorted(counts, key=counts.get, reverse=True)):
            *lines, last = done.stdout.splitlines() or [""]
            numbers = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
            print(*lines, sep="\n", flush=True)
            skipped += sum(int(line.split()[0]) for line in lines if re.fullmatch(r"\d+ skipped", line))
            passed += int(numbers[1]) if numbers else 0
            failed += int(numbers[2]) if numbers else 1
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


def main(folder, description):
    """Runs every test_*.py of the folder by the arguments of its run.py, which `description` explains."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--hone", type=pathlib.Path, default=FOLDER.parents[1] / "build/release/hone")
    parser.add_argument("-k", dest="patterns", action="append", metavar="PATTERN",
                        help="only tests with this in their name")
    parser.add_argument("--jobs", type=int, default=1, help="classes that run side by side")
    arguments = parser.parse_args()
    hone = arguments.hone.resolve()
    if not os.access(hone, os.X_OK):
        sys.exit(f"no program at {hone}: ./dev build")
    os.environ["HONE"] = str(hone)  # tests read it when they are imported

    loader = unittest.TestLoader()
    if arguments.patterns:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in arguments.patterns]
    suite = loader.discover(str(folder), top_level_dir=str(folder))
    if arguments.jobs > 1 and not arguments.patterns:
        return run_side_by_side(suite, arguments.jobs, [folder / "run.py", "--hone", hone])
    return run_suite(suite)


if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER))
    sys.exit(main(FOLDER, __doc__))
