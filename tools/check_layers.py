#!/usr/bin/env python3
"""Checks that the files of src/ include only what comes before them in tools/layers.txt: rooms, and folders in a room.

check_layers.py [--root TREE]: prints FILE:LINE for each include against the order and exits with 1 if there is one.

tools/layers.txt names a room a line, in their order. A room with folders names these too, after a colon and in their
order: "model: config files . network", where "." stands for the files beside the folders. Indented lines continue one,
and "#" begins a comment. Folders deeper down belong to the one that is named, unless they are named themselves.
"""

import argparse
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
SUFFIXES = {".h", ".cc", ".inc"}
LAYERS = "tools/layers.txt"
CURE = "move the shared part up or turn the dependency round"


def read_rooms(root):
    """{room: [folders in their order]}, the rooms in theirs."""
    rooms, room = {}, None
    for line in (root / LAYERS).read_text(encoding="utf-8").splitlines():
        text = line.split("#")[0]
        if not text.strip():
            continue
        if text[0].isspace():
            rooms[room].extend(text.split())
            continue
        room, _, folders = (part.strip() for part in text.partition(":"))
        rooms[room] = folders.split()
    return rooms


def folder_of(parts, folders):
    """The folder of a file, by its path's parts from src/ on: the longest of its room's that holds it, or None."""
    inside = parts[1:-1]
    for length in range(len(inside), 0, -1):
        if "/".join(inside[:length]) in folders:
            return "/".join(inside[:length])
    return "." if not inside and "." in folders else None


def sources(folder):
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)


class Checker:
    def __init__(self, root):
        self.root = root
        self.rooms = read_rooms(root)
        self.places = {room: place for place, room in enumerate(self.rooms)}

    def check_include(self, room, folder, quote, target):
        """What is wrong with the include, or None."""
        parts = pathlib.PurePosixPath(target).parts
        if ".." in parts:
            return f"includes {target}: name the file from src/ instead"
        other = parts[0]
        if other not in self.rooms or not (self.root / "src" / other).is_dir():
            return None
        if quote == "<":
            return f'includes <{target}>: files of src/ are included with ""'
        if self.places[other] > self.places[room]:
            return f"{room} includes {target}, but {other} comes after {room} in {LAYERS}: {CURE}"
        if other != room or folder is None:
            return None
        folders = self.rooms[room]
        other_folder = folder_of(parts, folders)
        if other_folder is not None and folders.index(other_folder) > folders.index(folder):
            return (f"the folder {folder} of {room} includes {target}, but {other_folder} comes after {folder} in "
                    f"{LAYERS}: {CURE}")
        return None

    def check_file(self, path):
        """Yields a message for each include of the file that it may not have."""
        parts = path.relative_to(self.root / "src").parts
        name, room = path.relative_to(self.root), parts[0]
        folder = folder_of(parts, self.rooms[room])
        if folder is None and self.rooms[room]:
            yield f"{name}:1: its folder is missing from the line of {room} in {LAYERS}"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            match = INCLUDE.match(line)
            problem = self.check_include(room, folder, *match.groups()) if match else None
            if problem is not None:
                yield f"{name}:{number}: {problem}"

    def check_room(self, room):
        folder = self.root / "src" / room
        if room not in self.rooms:
            yield f"src/{room}:1: this room is missing from {LAYERS}"
            return
        named = self.rooms[room]
        if not named and any(path.parent != folder for path in sources(folder)):
            yield f"src/{room}:1: this room has folders, whose order is missing from {LAYERS}"
        for name in named:
            if not (folder / name).is_dir():
                yield f"{LAYERS}:1: {room} has no folder {name}"
        for path in sources(folder):
            yield from self.check_file(path)

    def check(self):
        folders = sorted(path.name for path in (self.root / "src").iterdir() if path.is_dir())
        return [problem for room in folders for problem in self.check_room(room)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    problems = Checker(parser.parse_args().root).check()
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
