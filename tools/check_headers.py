#!/usr/bin/env python3
"""Checks that every header of src/ compiles on its own, so that none leans on what another includes before it.

check_headers.py --build BUILD [--jobs N]: takes the compiler and the include paths from BUILD/compile_commands.json,
compiles each header, twice in one file, and prints `N passed, M failed`.
"""

import argparse
import concurrent.futures
import json
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def read_commands(build):
    """The compiler, and every include path and definition that some file of src/ is compiled with."""
    compiler, flags = None, {}
    for command in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        words = shlex.split(command["command"])
        if words[0].endswith("ccache"):
            words = words[1:]
        compiler = compiler or words[0]
        for place, word in enumerate(words):
            if word == "-isystem":
                flags[f"-isystem{words[place + 1]}"] = None
            elif word.startswith(("-I", "-DHONE_")):
                flags[word] = None
    return compiler, list(flags)


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
    arguments = parser.parse_args()
    compiler, flags = read_commands(arguments.build)
    # Highway's -inl.h files are made to be included by others.
    headers = sorted(path for path in (ROOT / "src").rglob("*.h") if not path.name.endswith("-inl.h"))
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        complaints = list(pool.map(lambda header: compile_header(compiler, flags, header), headers))
    for header, complaint in zip(headers, complaints):
        if complaint:
            print(f"{header.relative_to(ROOT)} does not compile alone:\n{complaint}")
    failed = sum(1 for complaint in complaints if complaint)
    print(f"{len(headers) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
