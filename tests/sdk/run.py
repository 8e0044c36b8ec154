#!/usr/bin/env python3
"""Runs the tests of `hone serve`, driven by the official `openai` package with nothing but base_url and key set.

run.py [--hone PROGRAM] [--jobs N] [-k PATTERN]...: the last line is `N passed, M failed`. Needs a Python that has what
requirements.txt names, and beside it what package.json names; `./dev test` makes both in build/sdk.
"""

import argparse
import os
import pathlib
import sys
import unittest

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER.parent / "end_to_end"), str(FOLDER.parent)]

from run import run_side_by_side, run_suite  # noqa: E402 (of tests/end_to_end)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
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
    suite = loader.discover(str(FOLDER), top_level_dir=str(FOLDER))
    if arguments.jobs > 1 and not arguments.patterns:
        return run_side_by_side(suite, arguments.jobs, [__file__, "--hone", hone])
    return run_suite(suite)


if __name__ == "__main__":
    sys.exit(main())
