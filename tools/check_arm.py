#!/usr/bin/env python3
"""Compiles the rooms that know of processors (base, tensor, kernels) for 64-bit ARM, and runs their tests emulated.

Debian's cross compiler makes them, qemu's user-mode emulation runs them.

check_arm.py --build BUILD [--jobs N]: works in BUILD/arm; the last line is `N passed, M failed, K skipped`, a file or a
test each. The libraries are the distribution's own packages for arm64, unpacked there: nothing is installed. Where its
mirror has none, as Ubuntu's, the files are compiled and the tests are skipped, and a line says so.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMPILER = "aarch64-linux-gnu-g++"
ROOMS = ("base", "tensor", "kernels")
# Headers that are the same on every processor. The rest of /usr/include is this machine's C library.
HEADERS = ("absl", "fmt", "spdlog", "nlohmann", "hwy", "gtest", "gmock", "oneapi", "dnnl*.h*", "openssl")
INCLUDES = pathlib.Path("/usr/include")
PACKAGES = ("libabsl-dev", "libhwy-dev", "libfmt-dev", "libspdlog-dev", "libgtest-dev", "libgmock-dev", "libssl-dev")
# What measures beside oneDNN is compiled, but not linked: that library brings others of its own.
UNLINKED = re.compile(r"kernels/(roofline/|benchmark)")
# As tests/other_cpus has it: what is emulated is slow, and threads that wait spin. The emulation's vfork shares no
# memory, so that a program that cannot be started looks like one that failed.
TESTS = ":".join(["*", "-*DeathTest*", "*Threads*", "*ProductWithExtension", "Attention*.*Documents*",
                  "Attention*.CachedEqualsForward", "Attention.BackwardIsTheSlopeOfForward",
                  "GradGemm*.GradientsOfWeights", "Int8*.ProductsAreThoseOfTheCodes", "Dropout.BitsAreIndependent",
                  "Process.AMissingProgramIsAnError"])


def link_headers(folder):
    """A folder with those libraries' headers and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for pattern in HEADERS:
        for path in INCLUDES.glob(pattern):
            (folder / path.name).symlink_to(path)
    # OpenSSL's own configuration lies beside the C library's; what is used of it does not depend on the processor.
    for path in INCLUDES.glob("*-linux-gnu/openssl"):
        machine = folder / "machine/openssl"
        machine.parent.mkdir()
        machine.symlink_to(path)
        break
    return ["-isystem", str(folder), "-isystem", str(folder / "machine")]


def sources_to_compile(folder):
    """Every file of a room. What is not a kernel is put together into one file for each room, and one for its tests,
    as CMake's build does: it takes a quarter of the time."""
    sources = []
    for room in ROOMS:
        files = sorted((ROOT / "src" / room).rglob("*.cc"))
        if room == "kernels":
            sources += files
            continue
        tests = [path for path in files if path.stem.endswith("_test")]
        for name, together in (("tests", tests), (room, [path for path in files if path not in tests])):
            source = folder / "together" / room / f"{name}.cc"
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_text("".join(f'#include "{path}"\n' for path in together))
            sources.append(source)
    return sources


def compile_source(source, includes, folder):
    """The object, and the compiler's complaints, empty when there are none."""
    base = folder / "together" if source.is_relative_to(folder) else ROOT / "src"
    target = folder / source.relative_to(base).with_suffix(".o")
    target.parent.mkdir(parents=True, exist_ok=True)
    cache = ["ccache"] if shutil.which("ccache") else []
    command = [*cache, COMPILER, "-std=c++20", "-O1", "-Wall", "-Wextra", "-Wno-unused-parameter",
               "-Wno-missing-field-initializers", "-ffp-contract=off", "-I", str(ROOT / "src"), *includes,
               '-DHONE_SOURCE_DIR="."', "-c", str(source), "-o", str(target)]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    return target, done.stderr if done.returncode else ""


def fetch_libraries(folder):
    """The folder with the libraries for arm64. apt keeps its lists below `folder`: the machine's stay as they are."""
    libraries = folder / "root/usr/lib/aarch64-linux-gnu"
    if libraries.is_dir():
        return libraries
    for name in ("apt/state/lists/partial", "apt/cache/archives/partial", "packages"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    status = folder / "apt/state/status"
    status.touch()
    options = [word for option in (
        "APT::Architecture=arm64", "APT::Architectures=arm64", f"Dir::State={folder}/apt/state",
        f"Dir::State::status={status}", f"Dir::Cache={folder}/apt/cache", "APT::Sandbox::User=",
        "Acquire::Languages=none", "APT::Update::Error-Mode=any") for word in ("-o", option)]

    def apt(program, *words):
        return subprocess.run([program, *options, *words], cwd=folder / "packages", check=True, text=True,
                              capture_output=True).stdout

    apt("apt-get", "update")
    # The development packages hold links to the libraries, or the libraries themselves.
    needed = re.findall(r"Depends: (lib(?:absl|hwy|fmt|spdlog|ssl)[0-9]\S*)", apt("apt-cache", "depends", *PACKAGES))
    apt("apt-get", "download", *PACKAGES, *dict.fromkeys(needed))
    for package in (folder / "packages").glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "unpacked")], check=True)
    (folder / "unpacked").rename(folder / "root")
    return libraries


def link(objects, libraries, program):
    archives = [str(path) for name in ("libabsl_*.a", "libgmock_main.a", "libgmock.a", "libgtest.a")
                for path in sorted(libraries.glob(name))]
    subprocess.run([COMPILER, *map(str, objects), "-o", str(program), f"-L{libraries}", f"-Wl,-rpath-link,{libraries}",
                    "-Wl,--start-group", *archives, "-Wl,--end-group", "-lspdlog", "-lfmt", "-lhwy", "-l:libcrypto.a",
                    "-pthread"], check=True, text=True, capture_output=True)


def run_tests(program, libraries):
    """How many passed, failed and were skipped; prints what did not pass."""
    done = subprocess.run(
        ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-E", f"LD_LIBRARY_PATH={libraries}", str(program),
         "--gtest_color=no", f"--gtest_filter={TESTS}"], text=True, capture_output=True, check=False, cwd=ROOT,
        env={**os.environ, "HONE_TEST_SEEDS": "5"})
    passed, failed, skipped = (len(re.findall(rf"^\[ +{word} +\] \S+ \(\d+ ms\)$", done.stdout, re.MULTILINE))
                               for word in ("OK", "FAILED", "SKIPPED"))
    if done.returncode:
        print(f"the tests on ARM ended with status {done.returncode}:\n{done.stdout[-6000:]}{done.stderr[-3000:]}")
    for name in sorted(set(re.findall(r"^run without (.*)$", done.stdout, re.MULTILINE))):
        print(f"skipped on ARM: {name}")
    return passed, max(failed, 1 if done.returncode else 0), skipped


def link_and_run(objects, folder):
    try:
        libraries = fetch_libraries(folder)
    except (subprocess.CalledProcessError, OSError) as error:
        said = getattr(error, "stderr", "") or str(error)
        print(f"skipped: the tests on ARM, for its libraries could not be fetched: {said.strip()[-300:]}")
        return 0, 0, 1
    try:
        link(objects, libraries, folder / "tests")
    except subprocess.CalledProcessError as error:
        print(f"the tests for ARM do not link:\n{error.stderr[-3000:]}")
        return 0, 1, 0
    return run_tests(folder / "tests", libraries)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    folder = (arguments.build / "arm").resolve()
    includes = link_headers(folder / "include")
    sources = sources_to_compile(folder)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        compiled = list(pool.map(lambda source: compile_source(source, includes, folder), sources))
    for source, (_, complaint) in zip(sources, compiled):
        if complaint:
            print(f"{os.path.relpath(source, ROOT)} does not compile for ARM:\n{complaint}")
    failed = sum(1 for _, complaint in compiled if complaint)
    counts = len(sources) - failed, failed, 0
    if not failed:
        objects = [target for source, (target, _) in zip(sources, compiled) if not UNLINKED.search(str(source))]
        counts = [sum(pair) for pair in zip(counts, link_and_run(objects, folder))]
    print("{} passed, {} failed, {} skipped".format(*counts))
    sys.exit(1 if counts[1] else 0)


if __name__ == "__main__":
    main()
