#!/usr/bin/env python3
"""Random requests by /openapi.json, good and bad, made by schemathesis: no answer is a 5xx, and each has the status,
content type and shape that the description says.

schema_cases.py [--hone PROGRAM] [--cases N] [--seed N] [--seconds N]: starts a server and goes on, round by round,
until N requests were made. Prints how many there were; the exit status is 0 if all answers were good.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER.parent / "end_to_end"), str(FOLDER.parent)]

CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance,status_code_conformance"
# The summary: "Test cases:" and "N generated, ...", with a colour or not between the words.
GENERATED = re.compile(r"([\d,]+) generated")


class Round:
    """One run over all operations: each field with every kind of value ("coverage"), then so many random requests of
    each operation ("fuzzing"). `cases` is how many requests it made, `output` what schemathesis says."""

    def __init__(self, server, examples, seed):
        command = [str(pathlib.Path(sys.executable).with_name("schemathesis")), "run",
                   server.url.removesuffix("/v1") + "/openapi.json", "--header",
                   f"Authorization: Bearer {server.key}", "--checks", CHECKS,
                   "--phases", "coverage,fuzzing" if examples else "coverage", "--max-examples", str(examples or 1),
                   "--seed", str(seed), "--workers", "1", "--request-timeout", "60",
                   "--continue-on-failure", "--no-color", "--warnings", "off", "--generation-database", "none",
                   "--suppress-health-check", "all", "--no-shrink"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=server.folder, check=False)
        self.output = done.stdout + done.stderr
        self.good = done.returncode == 0
        found = GENERATED.search(self.output)
        self.cases = int(found.group(1).replace(",", "")) if found else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hone", type=pathlib.Path, default=FOLDER.parents[1] / "build/release/hone")
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=3600, help="begins no round after so long")
    arguments = parser.parse_args()
    os.environ["HONE"] = str(arguments.hone.resolve())
    from served import Server  # reads HONE
    server = Server("--log_level", "2", "--requests-per-minute", "0")
    began, cases, seed, good = time.monotonic(), 0, arguments.seed, True
    try:
        while good and cases < arguments.cases and time.monotonic() - began < arguments.seconds:
            done = Round(server, 100, seed)
            cases, seed, good = cases + done.cases, seed + 1, done.good and done.cases > 0
            print(f"{cases:,} requests, {time.monotonic() - began:.0f} s", flush=True)
        if not good:
            print(done.output[-20_000:])
        good = good and server.process.poll() is None
    finally:
        server.close()
    print(f"{cases:,} requests by /openapi.json: " +
          ("no 5xx, and every answer as it is described" if good else "NOT all answers are good"))
    failed = not good or cases < arguments.cases
    print(f"{int(not failed)} passed, {int(failed)} failed")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
