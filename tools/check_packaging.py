#!/usr/bin/env python3
"""Lints what packaging/ holds: the systemd unit by systemd-analyze, the Dockerfile by hadolint.

check_packaging.py --hadolint PROGRAM: the last line is `N passed, M failed, K skipped`. Without systemd the unit is
skipped.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "packaging"
MOST_EXPOSED = 2.0  # of 10, as `systemd-analyze security` counts


def output_of(*words):
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout


def check_unit(folder):
    """What is wrong with hone.service; the program that it starts need not be installed here."""
    text = (FOLDER / "hone.service").read_text(encoding="utf-8")
    unit = folder / "hone.service"
    unit.write_text(text.replace("/usr/bin/hone", shutil.which("true")), encoding="utf-8")
    status, output = output_of("systemd-analyze", "verify", "--man=no", unit)
    if status != 0 or output.strip():
        return output or f"systemd-analyze ended with {status}"
    _, output = output_of("systemd-analyze", "security", "--offline=yes", "--no-pager", unit)
    exposure = re.search(r"Overall exposure level for hone.service: ([0-9.]+)", output)
    if not exposure or float(exposure[1]) > MOST_EXPOSED:
        return f"{output}\nthe unit is more exposed than {MOST_EXPOSED}"
    print(f"hone.service: exposure {exposure[1]} of 10")
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hadolint", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    problems, skipped = {}, 0
    if shutil.which("systemd-analyze"):
        with tempfile.TemporaryDirectory() as folder:
            problems["hone.service"] = check_unit(pathlib.Path(folder))
    else:
        print("skipped hone.service: systemd is not installed here")
        skipped += 1
    status, output = output_of(arguments.hadolint, "--no-color", FOLDER / "Dockerfile")
    problems["Dockerfile"] = output if status != 0 else ""
    for name, problem in problems.items():
        if problem:
            print(f"FAILED packaging/{name}\n{problem}")
    failed = sum(bool(problem) for problem in problems.values())
    print(f"{len(problems) - failed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
