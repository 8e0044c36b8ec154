#!/usr/bin/env python3
"""Compiles the rooms that know of processors (base, tensor, kernels) for 64-bit ARM, with Debian's cross compiler.

check_arm.py --build BUILD [--jobs N]: objects go to BUILD/arm; prints `N passed, M failed`. Nothing is linked
or run, for the libraries for ARM are not installed: the code compiles there, it was not tried.
"""

import argparse
import concurrent.futures
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMPILER = "aarch64-linux-gnu-g++"
ROOMS = ("base", "tensor", "kernels")
# Headers that are the same on every processor. The rest of /usr/include is this machine's C library.
LIBRARIES = ("absl", "fmt", "spdlog", "nlohmann", "hwy", "gtest", "gmock", "oneapi", "dnnl*.h*", "openssl")
INCLUDES = pathlib.Path("/usr/include")


def link_headers(folder):
    """A folder with those libraries' headers and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for pattern in LIBRARIES:
        for path in INCLUDES.glob(pattern):
            (folder / path.name).symlink_to(path)
    # OpenSSL's own configuration lies beside the C library's; what is used of it does not depend on the processor.
    for path in INCLUDES.glob("*-linux-gnu/openssl"):
        machine = folder / "machine/openssl"
        machine.parent.mkdir()
        machine.symlink_to(path)
        break
    return ["-isystem", str(folder), "-isystem", str(folder / "machine")]


def compile_source(source, includes, folder):
    """The compiler's complaints, empty when there are none."""
    target = folder / source.relative_to(ROOT / "src").with_suffix(".o")
    target.parent.mkdir(parents=True, exist_ok=True)
    cache = ["ccache"] if shutil.which("ccache") else []
    command = [*cache, COMPILER, "-std=c++20", "-O1", "-Wall", "-Wextra", "-Wno-unused-parameter",
               "-Wno-missing-field-initializers", "-ffp-contract=off", "-I", str(ROOT / "src"), *includes,
               '-DHONE_SOURCE_DIR="."', "-c", str(source), "-o", str(target)]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    return done.stderr if done.returncode else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    folder = (arguments.build / "arm").resolve()
    includes = link_headers(folder / "include")
    sources = sorted(path for room in ROOMS for path in (ROOT / "src" / room).rglob("*.cc"))
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        complaints = list(pool.map(lambda source: compile_source(source, includes, folder), sources))
    for source, complaint in zip(sources, complaints):
        if complaint:
            print(f"{source.relative_to(ROOT)} does not compile for ARM:\n{complaint}")
    failed = sum(1 for complaint in complaints if complaint)
    print(f"{len(sources) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
