#!/usr/bin/env python3
"""Checks what a person should not have to look for in a review: the sizes and the letters of the files that git knows.

check_style.py [--root TREE]: prints FILE:LINE for each problem and exits with 1 if there is one. The layout of C++ is
clang-format's business.
"""

import argparse
import pathlib
import re
import subprocess
import sys

MAX_LINES = 600      # of one file in src/
MAX_COLUMNS = 120    # clang-format aims at 100; strings and tables may be longer
CODE = {".h", ".cc", ".inc", ".rs", ".py", ".cmake", ".sh"}
PROSE = {".md", ".txt", ".json", ".yaml", ".toml", ".svg"}

# A path that only this or that machine has. In prose and code a user's own folder is written ~ or $HOME.
MACHINE_PATH = re.compile(r"(?<![\w.~$}/])/(?:home|Users|root|work|mnt|media)/\w")
# A marker at the start of a comment says what is missing and that it can wait because of something, or until something.
TODO = re.compile(r"(?://|#|/\*)\s*(?:TODO|FIXME|XXX)\b")
REASON = re.compile(r"\b(because|until)\b \w+ \w+")
# Only with a reason: "// NOLINT: ...".
USING_NAMESPACE = re.compile(r"^\s*using\s+namespace\b(?!.*NOLINT: \w)")


def check_code_line(line, suffix):
    """Yields what is wrong with one line of code."""
    if "\t" in line:
        yield "a tab: indent with spaces"
    if line != line.rstrip():
        yield "spaces at the end of the line"
    if len(line) > MAX_COLUMNS:
        yield f"{len(line)} columns, more than {MAX_COLUMNS}"
    if TODO.search(line) and not REASON.search(line):
        yield "an open end without the reason why it can wait (`because ...` or `until ...`)"
    if suffix in (".h", ".cc") and USING_NAMESPACE.match(line):
        yield "using namespace: name what is used"


def check_text(name, text):
    """Yields a message for each problem of the file `name` (a path from the root) that holds `text`."""
    suffix = pathlib.PurePosixPath(name).suffix
    lines = text.split("\n")
    if text and lines.pop() != "":
        yield f"{name}:{len(lines) + 1}: no newline at the end of the file"
    if name.startswith("src/") and suffix in CODE and len(lines) > MAX_LINES:
        yield f"{name}:{MAX_LINES + 1}: {len(lines)} lines, more than {MAX_LINES}: find the missing idea and split it"
    # Highway includes its -inl.h files once per instruction set.
    if suffix == ".h" and not name.endswith("-inl.h") and "#pragma once" not in lines:
        yield f"{name}:1: a header without #pragma once"
    for number, line in enumerate(lines, start=1):
        if "\r" in line:
            yield f"{name}:{number}: a carriage return"
        if MACHINE_PATH.search(line):
            yield f"{name}:{number}: a path that only one machine has"
        if name.startswith("tools/golden/"):
            continue  # full of texts in every script, each on its line
        if suffix in CODE or name == "dev":
            for problem in check_code_line(line, suffix):
                yield f"{name}:{number}: {problem}"


def check(root, names):
    problems = []
    for name in names:
        path = root / name
        if not path.is_file() or path.is_symlink():
            continue
        if path.suffix not in CODE | PROSE and name not in ("dev", ".ci/run", "tests/fuzz/run_all"):
            continue
        if "/corpus/" in name or name.startswith("tests/golden/"):
            continue  # made to be wrong, or by a program
        problems.extend(check_text(name, path.read_text(encoding="utf-8")))
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            check=True, capture_output=True, text=True)
    problems = check(root, sorted(filter(None, listed.stdout.split("\0"))))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
