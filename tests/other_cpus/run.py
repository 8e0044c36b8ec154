#!/usr/bin/env python3
"""Runs the program and the kernels' tests as other x86-64 CPUs would, under qemu's user-mode emulation.

run.py [--build BUILD] [--jobs N] [-k PATTERN]...: the last line is `N passed, M failed`. Needs qemu-x86_64 (Debian's
and Ubuntu's package qemu-user), and Python's own library. HONE_SIMD says which kernels are chosen; only a CPU that has
nothing else shows what is executed before the choice.
"""

import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "end_to_end"))
import run as end_to_end  # noqa: E402  the runner and the helpers of the end-to-end tests
import support  # noqa: E402

# The tests of the kernels that compare each implementation with the reference; without threads, which spin while they
# wait, for an emulated CPU is a slow one.
KERNEL_TESTS = ":".join([
    "*.EveryKernelEqualsTheReference*", "*.Every*Path*", "*.EveryThinKernelEqualsTheReference",
    "*.EveryImplementationGivesTheReferencesBits", "*.KnownValues", "*.LayoutsOfAMatrix", "*.NotANumberStaysOne",
    "Dispatch.*", "SimdLevel.*", "Cpu.*"])
FEW_SEEDS = "5"


class OnAnotherCpu(support.HoneTest):
    """The tests; each class below runs them on its CPU."""
    cpu = ""      # as `qemu-x86_64 -cpu help` calls it
    highest = ""  # the value of HONE_SIMD that holds this machine to what that CPU has; none: there is no such value
    STEPS = 20

    def setUp(self):
        super().setUp()
        self.emulated = ["qemu-x86_64", "-cpu", self.cpu, support.HONE]
        self.program = self.emulated

    def on_this_machine(self, *arguments):
        """Held to the kernels of that CPU as far as HONE_SIMD can."""
        self.program = [support.HONE]
        try:
            return self.hone(*arguments, environment={"HONE_SIMD": self.highest} if self.highest else None)
        finally:
            self.program = self.emulated

    def chosen(self, text):
        """{operation: implementation}, as --explain-kernels prints them."""
        return dict(re.findall(r"^(\w+ \(.*?\)): (\w+)$", text, re.MULTILINE))

    def test_kernels_are_those_that_the_cpu_has(self):
        text = self.hone("--explain-kernels").stdout
        chosen = self.chosen(text)
        self.assertGreater(len(chosen), 25)
        self.assertEqual({name for name in chosen.values() if "avx512" in name}, set())
        if self.highest:
            self.assertIn(f"runs in {self.highest.upper()}\n", text)
            self.assertEqual(chosen, self.chosen(self.on_this_machine("--explain-kernels").stdout))
        else:
            self.assertNotRegex(text, r"runs in AVX")
        limited = self.hone("--explain-kernels", environment={"HONE_SIMD": "avx2"}).stdout
        self.assertEqual(chosen, self.chosen(limited))  # what it has not is not given by the variable

    def test_the_version_names_the_cpu(self):
        text = self.hone("--version").stdout
        self.assertIn("\nthis CPU: ", text)
        self.assertNotIn("AVX512", text)
        self.assertEqual("AVX2" in text.split("this CPU: ")[1], self.highest == "avx2")

    def interrupt(self, arguments, out):
        """Starts a run and ends it with Ctrl-C after a few steps."""
        process = self.start(*arguments)
        metrics, deadline = self.work / out / "metrics.jsonl", time.monotonic() + 120
        while process.poll() is None and not (metrics.exists() and metrics.read_text().count("\n") >= 3):
            self.assertLess(time.monotonic(), deadline, "no progress")
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, support.INTERRUPTED, output)

    def results(self, out, run):
        """What training with these rows ends with: the losses, the evaluated one, and an answer."""
        losses = [row["loss"] for row in self.metrics(out) if "loss" in row]
        model = ["--model_name_or_path", support.TINY, "--adapter_path", out, "--threads", 1]
        run("evaluate", *model, "--torch_dtype", "float32", "--data_name", "chats.jsonl", "--max_seq_len", 64,
            "--output_file", "evaluate.json")
        answer = run("generate", *model, "--prompt", "tin", "--max_new_tokens", 8, "--temperature", 0).stdout
        return [*losses, self.read_json("evaluate.json")["loss"]], answer

    def test_training_resuming_evaluating_and_answering(self):
        self.write("chats.jsonl", support.CHATS[:4])
        train = ["finetune", "--model_name_or_path", support.TINY, "--data_name", "chats.jsonl", "--method", "lora",
                 "--eval_split", "none", "--lora_r", 4, "--target_modules", "q_proj", "--max_seq_len", 64,
                 "--per_device_train_batch_size", 1, "--torch_dtype", "float32", "--learning_rate", "1e-3",
                 "--logging_steps", 1, "--max_steps", self.STEPS, "--threads", 1, "--output_path"]
        self.interrupt([*train, "emulated"], "emulated")
        resumed = self.hone(*train, "emulated")
        self.assertIn("checkpoint", (resumed.stdout + resumed.stderr).lower())
        self.on_this_machine(*train, "native")
        numbers, answer = self.results("emulated", self.hone)
        expected, other_answer = self.results("native", self.on_this_machine)
        self.assertEqual(len(expected), self.STEPS + 1)
        self.assertEqual(len(numbers), len(expected))
        for number, right in zip(numbers, expected):
            self.assertAlmostEqual(number / right, 1, delta=1e-4)  # the golden losses' tolerance
        self.assertNotEqual(answer.strip(), "")
        if self.highest:  # generation computes in bf16, whose roundings only the same kernels share
            self.assertEqual(answer, other_answer)

    def test_every_kernel_equals_the_reference(self):
        done = subprocess.run(
            [*self.emulated[:-1], pathlib.Path(support.HONE).parent / "kernels_test", "--gtest_color=no",
             f"--gtest_filter={KERNEL_TESTS}"], capture_output=True, text=True, check=False,
            env={**self.environment, "HONE_TEST_SEEDS": FEW_SEEDS})
        self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr[-2000:])
        ran = re.search(r"(\d+) tests? from \d+ test suites? ran", done.stdout)
        self.assertGreater(int(ran.group(1)), 30, done.stdout[-2000:])
        skipped = {name for line in re.findall(r"^run without (.*)$", done.stdout, re.MULTILINE)
                   for name in re.findall(r"\w+:\w+ \(.*?\)", line)}
        print("", *(f"skipped on {self.cpu}: {name}" for name in sorted(skipped)), sep="\n")


class Nehalem(OnAnotherCpu):
    """SSE4.2 and nothing of AVX."""
    cpu = "Nehalem"


class Denverton(OnAnotherCpu):
    """The cores of small servers and NAS boxes: no AVX, but later than others that have none."""
    cpu = "Denverton"


class Haswell(OnAnotherCpu):
    """AVX2 and FMA, as most CPUs that people own."""
    cpu = "Haswell"
    highest = "avx2"


class Baseline(unittest.TestCase):
    def test_a_build_for_more_than_the_cpu_has_ends_with_a_sentence(self):
        folder = support.tempfile.mkdtemp(prefix="hone-test-")
        self.addCleanup(support.shutil.rmtree, folder)
        # Not hone itself, which would have to be built again: what its main file begins with.
        source = pathlib.Path(folder, "main.cc")
        source.write_text('#include "cli/baseline.h"\n#include <vector>\nstd::vector<float> values(64, 1.5f);\n'
                          "int main() { for (float& v : values) v = v * v + v; return values[3] < 0; }\n")
        subprocess.run(["c++", "-std=c++20", "-O2", "-march=haswell", f"-I{support.ROOT}/src", str(source),
                        "-o", f"{folder}/main"], check=True)
        sentence = "error: this hone was compiled for CPUs with avx2, "
        for cpu, status, text in (("Haswell", 0, ""), ("Nehalem", 1, sentence)):
            done = subprocess.run(["qemu-x86_64", "-cpu", cpu, f"{folder}/main"], capture_output=True, text=True,
                                  check=False)
            said = "".join(line + "\n" for line in done.stderr.splitlines() if not line.startswith("qemu-x86_64: warn"))
            self.assertEqual(done.returncode, status, said)
            self.assertTrue(said.startswith(text) and len(said.splitlines()) == (1 if text else 0), said)


def load_tests(loader, tests, pattern):
    """The tests of the classes that name a CPU."""
    suite = unittest.TestSuite()
    for case in (Nehalem, Denverton, Haswell, Baseline):
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=support.ROOT / "build/release")
    parser.add_argument("-k", dest="patterns", action="append", metavar="PATTERN",
                        help="only tests with this in their name")
    parser.add_argument("--jobs", type=int, default=1, help="CPUs that are emulated side by side")
    arguments = parser.parse_args()
    for program in ("hone", "kernels_test"):
        if not os.access(arguments.build / program, os.X_OK):
            sys.exit(f"no program at {arguments.build / program}: ./dev build")
    support.HONE = str((arguments.build / "hone").resolve())
    loader = unittest.TestLoader()
    if arguments.patterns:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in arguments.patterns]
    suite = loader.loadTestsFromModule(sys.modules["__main__"])
    if arguments.jobs > 1 and not arguments.patterns:
        return end_to_end.run_side_by_side(suite, arguments.jobs, [__file__, "--build", arguments.build])
    return end_to_end.run_suite(suite)


if __name__ == "__main__":
    sys.exit(main())
