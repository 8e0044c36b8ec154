#!/usr/bin/env python3
"""Runs the tests of `hone serve`, driven by the official `openai` package with nothing but base_url and key set.

run.py [--hone PROGRAM] [--jobs N] [-k PATTERN]...: the last line is `N passed, M failed`. Needs a Python that has what
requirements.txt names, and beside it what package.json names; `./dev test` makes both in build/sdk.
"""

import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER.parent / "end_to_end"), str(FOLDER.parent)]

from run import main  # noqa: E402 (of tests/end_to_end)

if __name__ == "__main__":
    sys.exit(main(FOLDER, __doc__))
