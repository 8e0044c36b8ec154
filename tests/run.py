#!/usr/bin/env python3
"""Runs GoogleTest programs and replays of fuzz corpora, each cut into shards that run side by side.

run.py --build BUILD [--jobs N] [--programs NAME...] [--filter PATTERN]: without names, every *_test and *_replay of the
folder BUILD. Prints what failed with its output and the line that repeats it, what was skipped and why, and at the end
`N passed, M failed, K skipped`.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARDS = 4
TIMEOUT_S = 900
# GoogleTest's lines. What a test prints may stand before the second on its line, so that one is not anchored.
STARTED = re.compile(r"^\[ RUN      \] (\S+)$")
ENDED = re.compile(r"\[ +(OK|FAILED|SKIPPED) +\] (\S+?),? .*?\((\d+) ms\)$")


@dataclasses.dataclass
class Result:
    program: pathlib.Path
    test: str
    outcome: str  # OK, FAILED or SKIPPED
    output: str = ""
    time_s: float = 0

    def repeat(self):
        """The command that runs this test alone."""
        program = os.path.relpath(self.program, ROOT)
        if self.test == "replay":
            return f"{program} {os.path.relpath(corpus_of(self.program), ROOT)}"
        return f"{program} --gtest_filter={self.test}"


def read_output(program, output, status):
    """The results in what a program printed. A test that began and did not end has failed."""
    results, test, lines = [], None, []
    for line in output.splitlines():
        started, ended = STARTED.match(line), ENDED.search(line)
        if started:
            test, lines = started.group(1), []
        elif ended and ended.group(2) == test:
            lines.append(line[:ended.start()])
            results.append(Result(program, test, ended.group(1), "\n".join(lines), int(ended.group(3)) / 1000))
            test = None
        else:
            lines.append(line)
    if test:
        text = "\n".join(lines[-60:])
        results.append(Result(program, test, "FAILED", f"{text}\nended with status {status} in the middle of the test"))
    elif status != 0 and all(result.outcome != "FAILED" for result in results):
        text = "\n".join(lines[-60:])
        results.append(Result(program, "*", "FAILED", f"{text}\nended with status {status} after its tests"))
    return results


def corpus_of(program):
    """The folder of a replay's inputs: src/.../corpus/NAME_fuzz."""
    name = program.name.removesuffix("_replay")
    return next(path.parent for path in (ROOT / "src").rglob("*_fuzz.cc") if path.stem == name) / "corpus" / name


def run(command, environment):
    """What a command printed and its status, -1 where it took too long."""
    try:
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=TIMEOUT_S, check=False)
        return done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode(errors="replace") + f"\nstopped after {TIMEOUT_S} s", -1


def run_shard(program, shard, pattern):
    if program.name.endswith("_replay"):
        output, status = run([program, corpus_of(program)], {})
        return [Result(program, "replay", "FAILED" if status else "OK", output)]
    output, status = run([program, f"--gtest_filter={pattern}"],
                         {"GTEST_TOTAL_SHARDS": str(SHARDS), "GTEST_SHARD_INDEX": str(shard), "GTEST_COLOR": "no"})
    return read_output(program, output, status)


def find_programs(build, names):
    if names:
        return [build / name for name in names]
    return sorted(path for path in build.iterdir()
                  if path.name.endswith(("_test", "_replay")) and path.is_file() and os.access(path, os.X_OK))


def print_results(results):
    for result in results:
        if result.outcome == "FAILED":
            print(f"FAILED {result.program.name} {result.test}\n{result.output.rstrip()}\nrepeat: {result.repeat()}\n")
    for result in results:
        if result.outcome == "SKIPPED":
            why = next((line.strip() for line in result.output.splitlines()
                        if line.strip() and not re.search(r": Skipped$", line)), "no reason given")
            print(f"skipped {result.program.name} {result.test}: {why}")
    slowest = sorted(results, key=lambda result: -result.time_s)[:10]
    print("slowest:", ", ".join(f"{result.test} {result.time_s:.1f} s" for result in slowest))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--programs", nargs="*", default=[])
    parser.add_argument("--filter", default="*", help="GoogleTest's: Suite.Test with * and ?, -PATTERN to leave out")
    arguments = parser.parse_args()
    programs = find_programs(arguments.build.resolve(), arguments.programs)
    work = [(program, shard) for program in programs
            for shard in range(1 if program.name.endswith("_replay") else SHARDS)]
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        shards = list(pool.map(lambda item: run_shard(*item, arguments.filter), work))
    results = [result for shard in shards for result in shard]
    print_results(results)
    count = {outcome: sum(result.outcome == outcome for result in results) for outcome in ("OK", "FAILED", "SKIPPED")}
    print(f"{len(programs)} programs in {time.monotonic() - start:.0f} s")
    print(f"{count['OK']} passed, {count['FAILED']} failed, {count['SKIPPED']} skipped")
    return 1 if count["FAILED"] or not count["OK"] else 0


if __name__ == "__main__":
    sys.exit(main())
