"""What the end-to-end tests share: a folder of their own for each test, and the program run in it as a user would.

The program is $HONE, or build/release/hone. HOME and the caches lie in the test's folder, so that nothing depends on
the machine and whatever is written shows.
"""
import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HONE = os.environ.get("HONE", str(ROOT / "build" / "release" / "hone"))
HONE = str((pathlib.Path.cwd() / HONE).resolve()) if os.sep in HONE else HONE
GOLDEN = ROOT / "tests" / "golden"
TINY = str(GOLDEN / "models" / "tied")  # 0.1 million parameters, 384 tokens, ChatML template

OK, USAGE, BAD_DATA, BAD_MODEL, OUT_OF_MEMORY, TRAINING_FAILED, INTERRUPTED = 0, 2, 3, 4, 5, 6, 130

QUESTIONS = ["What is tin?", "Name a gas.", "Which metal is liquid?", "What glows red?", "What burns white?",
             "Who counts?", "What rusts?", "What is light?"]
ANSWERS = ["Sn, a soft metal.", "Helium, or neon.", "Mercury, no. 80.", "Neon, in signs.", "Magnesium does.",
           "Silicon counts.", "The iron gate.", "Hydrogen is."]


def chat(question, answer):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


CHATS = [chat(question, answer) for question, answer in zip(QUESTIONS, ANSWERS)]


def many_chats(count, seed=1):
    """Chats of different lengths that a small model cannot know by heart."""
    rng = random.Random(seed)
    words = "iron gold neon tin the a of and burns floats metal gas light heavy star salt in on what is".split()
    return [chat(" ".join(rng.choices(words, k=rng.randint(2, 9))) + "?",
                 " ".join(rng.choices(words, k=rng.randint(2, 14))) + f" {i}.") for i in range(count)]


class HoneTest(unittest.TestCase):
    maxDiff = None
    program = [HONE]  # the command that starts it

    def random(self, seed):
        """Random numbers from `seed`, or from HONE_TEST_SEED where it is set. A failure prints what repeats it."""
        seed = int(os.environ.get("HONE_TEST_SEED", seed))
        self.seeds.append(seed)
        return random.Random(seed)

    def run(self, result=None):
        self.seeds = []
        result = self.defaultTestResult() if result is None else result
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if self.seeds and len(result.failures) + len(result.errors) > before:
            print(f"repeat with HONE_TEST_SEED={self.seeds[0]} python3 tests/end_to_end/run.py "
                  f"-k {self._testMethodName}")
        return result

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hone-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.work = self.folder / "work"
        self.work.mkdir()
        self.environment = {
            "PATH": os.environ.get("PATH", ""), "HOME": str(self.folder / "home"), "HF_HUB_OFFLINE": "1",
            "HONE_CACHE": str(self.folder / "cache"), "LC_ALL": "C.UTF-8"}
        for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "HONE_KERNEL", "HONE_SIMD"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        (self.folder / "home").mkdir()

    def path(self, name):
        return str(self.work / name)

    def write(self, name, content):
        """Text or bytes as they are, a list as JSON lines; returns the path."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            content = "".join(json.dumps(row) + "\n" for row in content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def read_json(self, name):
        return json.loads((self.work / name).read_text())

    def metrics(self, out):
        return [json.loads(line) for line in (self.work / out / "metrics.jsonl").read_text().splitlines()]

    def sha256(self, name):
        return hashlib.sha256((self.work / name).read_bytes()).hexdigest()

    def start(self, *arguments):
        return subprocess.Popen([*self.program, *map(str, arguments)], cwd=self.work, env=self.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def hone(self, *arguments, code=OK, input=None, timeout=300, environment=None):
        """Runs to the end; the exit code must be `code`. Returns the finished process."""
        done = subprocess.run([*self.program, *map(str, arguments)], cwd=self.work, input=input, text=True,
                              capture_output=True, env={**self.environment, **(environment or {})}, timeout=timeout,
                              stdin=subprocess.DEVNULL if input is None else None)
        if done.returncode != code:
            self.fail(f"hone {' '.join(map(str, arguments))}\nexit code {done.returncode}, expected {code}\n"
                      f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done

    def finetune(self, out, data, *arguments, model=TINY, code=OK, **options):
        """A LoRA run without evaluation rows, on a tiny model; later arguments override earlier ones."""
        # An adapter to start from says itself what it is.
        adapter = () if {"-a", "--adapter_path"} & set(map(str, arguments)) else (
            "--lora_r", 8, "--lora_alpha", 16, "--target_modules", "all-linear")
        return self.hone("finetune", "--model_name_or_path", model, "--data_name", data, "--output_path", out,
                         "--method", "lora", "--eval_split", "none", *adapter, "--max_seq_len", 256,
                         "--logging_steps", 1, *arguments, code=code, **options)

    def evaluate(self, data, *arguments, model=TINY):
        """The JSON that evaluate writes."""
        self.hone("evaluate", "--model_name_or_path", model, "--data_name", data, "--output_file", "evaluate.json",
                  *arguments)
        return self.read_json("evaluate.json")
