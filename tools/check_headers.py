#!/usr/bin/env python3
"""Checks that every header of src/ compiles on its own, so that none leans on what another includes before it.

check_headers.py --build BUILD [--jobs N] [--every]: takes the compiler and the include paths from
BUILD/compile_commands.json and prints `N passed, M failed`. A header that BUILD compiled first in some file has shown
it already; each of the others is compiled, twice in one file. Most rooms have a precompiled header with the most used
libraries before it, which hides where one of those is not included: --every compiles all headers without it.
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


FIRST_INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)


def read_commands(build):
    """The compiler; every include path and definition that some file of src/ is compiled with; and the headers that
    some file includes before all else."""
    compiler, flags, shown = None, {}, set()
    for command in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        if not command["file"].endswith(".cc"):
            continue
        first = FIRST_INCLUDE.search(pathlib.Path(command["file"]).read_text(encoding="utf-8"))
        shown.add(ROOT / "src" / first[1] if first else None)
        words = shlex.split(command["command"])
        if words[0].endswith("ccache"):
            words = words[1:]
        compiler = compiler or words[0]
        for place, word in enumerate(words):
            if word == "-isystem":
                flags[f"-isystem{words[place + 1]}"] = None
            elif word.startswith(("-I", "-DHONE_")):
                flags[word] = None
    return compiler, list(flags), shown


def compile_header(compiler, flags, header):
    """The compiler's complaints, empty when there are none."""
    name = header.relative_to(ROOT / "src")
    source = f'#include "{name}"\n#include "{name}"\n'
    command = [compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
               "-Wno-missing-field-initializers", "-x", "c++", *flags, "-"]
    done = subprocess.run(command, input=source, text=True, capture_output=True, check=False)
    return done.stderr if done.returncode else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--every", action="store_true")
    arguments = parser.parse_args()
    compiler, flags, shown = read_commands(arguments.build)
    if arguments.every:
        shown = set()
    # Highway's -inl.h files are made to be included by others.
    headers = sorted(path for path in (ROOT / "src").rglob("*.h") if not path.name.endswith("-inl.h"))
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        complaints = list(pool.map(
            lambda header: "" if header in shown else compile_header(compiler, flags, header), headers))
    for header, complaint in zip(headers, complaints):
        if complaint:
            print(f"{header.relative_to(ROOT)} does not compile alone:\n{complaint}")
    failed = sum(1 for complaint in complaints if complaint)
    print(f"{len(headers) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
