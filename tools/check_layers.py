#!/usr/bin/env python3
"""Checks that every room of src/ includes only rooms above it in tools/layers.txt.

check_layers.py [--root TREE]: prints FILE:LINE for each include against the order and exits with 1 if there is one.
"""

import argparse
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
SUFFIXES = {".h", ".cc", ".inc"}


def read_rooms(root):
    lines = (root / "tools/layers.txt").read_text(encoding="utf-8").split()
    return {room: place for place, room in enumerate(lines)}


def check_file(path, root, rooms):
    """Yields a message for each include of the file that its room may not have."""
    room = path.relative_to(root / "src").parts[0]
    name = path.relative_to(root)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, target = match.groups()
        parts = pathlib.PurePosixPath(target).parts
        if ".." in parts:
            yield f"{name}:{number}: includes {target}: name the file from src/ instead"
            continue
        if parts[0] not in rooms or not (root / "src" / parts[0]).is_dir():
            continue
        if quote == "<":
            yield f'{name}:{number}: includes <{target}>: files of src/ are included with ""'
        if rooms[parts[0]] > rooms[room]:
            yield (f"{name}:{number}: {room} includes {target}, but {parts[0]} comes after {room} in tools/layers.txt: "
                   f"move the shared part up or turn the dependency round")


def check(root):
    rooms = read_rooms(root)
    problems = []
    for folder in sorted(path for path in (root / "src").iterdir() if path.is_dir()):
        if folder.name not in rooms:
            problems.append(f"src/{folder.name}:1: this room is missing from tools/layers.txt")
            continue
        for path in sorted(folder.rglob("*")):
            if path.suffix in SUFFIXES:
                problems.extend(check_file(path, root, rooms))
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    problems = check(parser.parse_args().root)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
