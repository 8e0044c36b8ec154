"""Several adapters over one base: each row of a file of prompts is answered by the one it names."""
import json
import unittest

from support import ANSWERS, BAD_DATA, BAD_MODEL, GOLDEN, QUESTIONS, TINY, USAGE, HoneTest, chat


class AdaptersTest(HoneTest):
    def setUp(self):
        super().setUp()
        for name, shift in (("one", 0), ("two", 3)):  # two adapters that answer the same questions differently
            rows = [chat(question, ANSWERS[(i + shift) % len(ANSWERS)]) for i, question in enumerate(QUESTIONS)]
            self.finetune(name, self.write(f"{name}.jsonl", rows), "--max_steps", 2, "--learning_rate", 0.05)

    def answers(self, rows, *arguments):
        done = self.hone("generate", "-m", TINY, "--prompt_file", self.write("prompts.jsonl", rows), "--json",
                         "--max_new_tokens", 12, "--temperature", 0, *arguments)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_each_row_is_answered_as_by_its_adapter_alone(self):
        rows = [{"prompt": question, **({"adapter": name} if name else {})}
                for question in QUESTIONS[:3] for name in ("one", "", "two")]
        both = ("--adapter", f"one={self.path('one')}", "--adapter", f"two={self.path('two/adapter')}")
        for weights in ("bf16", "int4"):
            mixed = self.answers(rows, *both, "--weights", weights)
            self.assertEqual([line.get("adapter", "") for line in mixed], ["one", "", "two"] * 3)
            for i, name in enumerate(("one", "", "two")):
                alone = self.answers([{"prompt": question} for question in QUESTIONS[:3]], "--weights", weights,
                                     *(("--adapter_path", name) if name else ()))
                self.assertEqual([line["text"] for line in mixed[i::3]], [line["text"] for line in alone])
            self.assertEqual(len({line["text"] for line in mixed[:3]}), 3)

    def test_errors_say_what_is_wrong(self):
        prompts = self.write("prompts.jsonl", [{"prompt": "x", "adapter": "three"}])
        for arguments, code, words in (
                (("--adapter", "one=one"), USAGE, ["three", "one"]),
                ((), USAGE, ["three"]),
                (("--adapter", "one"), USAGE, ["NAME=FOLDER"]),
                (("--adapter", "three=one", "--adapter", "three=two"), USAGE, ["two adapters", "three"]),
                (("--adapter", "three=nowhere"), BAD_MODEL, ["nowhere"]),
                (("--adapter", f"three={GOLDEN}/adapters/llama3-rslora"), BAD_MODEL, ["another base model"]),
                (("--adapter", f"three={GOLDEN}/adapters/tied-head"), USAGE, ["lm_head"]),
                (("--adapter", "three=one", "--adapter_path", "two"), USAGE, ["--adapter_path"])):
            done = self.hone("generate", "-m", TINY, "--prompt_file", prompts, *arguments, code=code)
            for word in words:
                self.assertIn(word, done.stderr)
        bad = self.write("bad.jsonl", [{"prompt": "x", "adapter": 3}])
        self.assertIn("line 1", self.hone("generate", "-m", TINY, "--prompt_file", bad, code=BAD_DATA).stderr)

    def test_benchmark(self):
        done = self.hone("bench", "infer", "-m", TINY, "--prompt_tokens", 8, "--new_tokens", 4, "--streams", 3,
                         "--adapters", 2, "--weights", "int8", "--json")
        self.assertEqual(json.loads(done.stdout)["adapters"], 2)
        self.hone("bench", "infer", "-m", TINY, "--streams", 2, "--adapters", 3, code=USAGE)


if __name__ == "__main__":
    unittest.main()
