"""Several adapters on one base: trained in one run, listed, switched between, combined, removed."""
import json
import os
import unittest

from support import BAD_DATA, CHATS, GOLDEN, TINY, USAGE, HoneTest, many_chats

ADAPTER = "adapter/adapter_model.safetensors"


class OneRunTest(HoneTest):
    def setUp(self):
        super().setUp()
        self.first = self.write("first.jsonl", CHATS)
        self.second = self.write("second.jsonl", many_chats(12))
        self.arguments = ["--model_name_or_path", TINY, "--eval_split", "none", "--max_seq_len", 256, "--max_steps", 6,
                          "--learning_rate", "5e-3", "--logging_steps", 1]

    def several(self, out, *arguments, **options):
        return self.hone("finetune", *self.arguments, "-o", out, *arguments, **options)

    def test_each_is_as_if_it_were_trained_alone(self):
        tasks = ["--task_data", f"first={self.first},second={self.second},again={self.first}"]
        for name, method in (("lora", ["--target_modules", "all-linear", "--lora_dropout", 0.1]),
                             ("qlora", ["--method", "qlora"]), ("dora", ["--use_dora"])):
            with self.subTest(name):
                done = self.several(name, *tasks, *method)
                self.assertIn("task 2 of 3: second", done.stdout + done.stderr)
                self.several(f"{name}-alone", "--data_name", self.second, *method)
                self.assertEqual(self.sha256(f"{name}/second/{ADAPTER}"), self.sha256(f"{name}-alone/{ADAPTER}"))
                self.assertEqual(self.sha256(f"{name}/first/{ADAPTER}"), self.sha256(f"{name}/again/{ADAPTER}"))
                self.assertNotEqual(self.sha256(f"{name}/first/{ADAPTER}"), self.sha256(f"{name}/second/{ADAPTER}"))
        self.assertEqual(self.read_json("lora/second/run.json")["task_name"], "second")

    def test_learned_vectors_and_heads_too(self):
        self.several("ia3", "--task_data", f"a={self.first},b={self.first}", "--method", "ia3")
        self.assertEqual(self.sha256(f"ia3/a/{ADAPTER}"), self.sha256(f"ia3/b/{ADAPTER}"))
        # Whose own weights are trained: the base is read again.
        self.several("head", "--task_data", f"a={self.first},b={self.first}", "--modules_to_save", "lm_head")
        self.assertEqual(self.sha256(f"head/a/{ADAPTER}"), self.sha256(f"head/b/{ADAPTER}"))

    def test_the_same_command_goes_on_where_it_failed(self):
        broken = self.write("broken.jsonl", "{\n")
        tasks = ["--task_data", f"first={self.first},second={broken}"]
        self.several("out", *tasks, code=BAD_DATA)
        before = os.stat(self.path(f"out/first/{ADAPTER}")).st_mtime_ns
        self.write("broken.jsonl", CHATS)
        done = self.several("out", *tasks)
        self.assertIn("finished after 6 steps", done.stdout + done.stderr)
        self.assertEqual(os.stat(self.path(f"out/first/{ADAPTER}")).st_mtime_ns, before)
        self.assertEqual(self.sha256(f"out/first/{ADAPTER}"), self.sha256(f"out/second/{ADAPTER}"))

    def test_a_configuration(self):
        self.write("run.yaml", f"""
model_name_or_path: {TINY}
output_path: out
eval_split: none
max_steps: 2
task_data:
  polite: {self.first}
  terse: {self.second}
""")
        self.hone("finetune", "--config", "run.yaml")
        for name, data in (("polite", self.first), ("terse", self.second)):
            options = self.read_json(f"out/{name}/run.json")["options"]
            self.assertEqual((options["task_name"], options["data_name"]), (name, data))

    def test_what_is_refused(self):
        for arguments, what in (
                (["--task_data", "a/b=x.jsonl"], "\"a/b\" becomes the name of a folder"),
                (["--task_data", ".a=x.jsonl"], "becomes the name of a folder"),
                (["--task_data", "a=x.jsonl,a=y.jsonl"], "has a twice"),
                (["--task_data", "a=x.jsonl", "--data_name", "y.jsonl"], "exclude each other"),
                (["--task_data", "a=x.jsonl", "--task_name", "y"], "exclude each other"),
                (["--task_data", "a=x.jsonl", "--method", "full"], "--task_data belongs to --method lora"),
                (["--task_data", "a=x.jsonl", "--resume_from_checkpoint", "out/checkpoints/step-1"],
                 "is a checkpoint of one run")):
            with self.subTest(arguments):
                done = self.hone("finetune", "-m", TINY, "-o", "out", *arguments, code=USAGE)
                self.assertIn(what, done.stderr)
        done = self.hone("estimate", "-m", TINY, "--task_data", f"a={self.first}", code=USAGE)
        self.assertIn("here it is one", done.stderr)


class FoldersTest(HoneTest):
    def setUp(self):
        super().setUp()
        self.data = self.write("chats.jsonl", CHATS)

    def train(self, out, rate, *arguments):
        self.finetune(out, self.data, "--max_steps", 12, "--learning_rate", rate, "--task_name", f"task {out}",
                      *arguments)

    def loss(self, *arguments):
        return self.evaluate(self.data, "--torch_dtype", "float32", *arguments)["loss"]

    def test_list_combine_and_remove(self):
        self.train("runs/a", "1e-2")
        self.train("runs/b", "1e-2", "--lora_r", 4, "--seed", 7)
        rows = json.loads(self.hone("adapters", "list", "--json").stdout)
        self.assertEqual([(row["path"], row["task_name"], row["r"]) for row in rows],
                         [("runs/a", "task runs/a", 8), ("runs/b", "task runs/b", 4)])
        self.assertIn("LoRA r=8", self.hone("adapters", "list", "runs").stdout)

        both = ["-a", "runs/a", "-a", "runs/b"]
        done = self.hone("adapters", "combine", *both, "--adapter_weights", "1,0", "-o", "first")
        self.assertIn("rank 12 on 14 layers", done.stdout)
        self.assertAlmostEqual(self.loss("-a", "first"), self.loss("-a", "runs/a"), delta=1e-5)
        self.hone("adapters", "combine", *both, "--combination_type", "svd", "--svd_rank", 12, "-o", "svd")
        self.hone("adapters", "combine", *both, "-o", "cat")
        self.assertAlmostEqual(self.loss("-a", "svd"), self.loss("-a", "cat"), delta=1e-4)
        self.assertLess(self.loss("-a", "cat"), self.loss() - 0.1)
        # Combined, they stand beside a base, are merged and trained further as others are.
        self.hone("merge", "-m", TINY, "-a", "cat", "-o", "merged")
        self.finetune("further", self.data, "-a", "cat", "--max_steps", 1)
        for arguments, what in ((["-a", "runs/a"], "two adapters or more"),
                                ([*both, "--adapter_weights", "1"], "1 numbers for 2 adapters"),
                                ([*both, "--adapter_weights", "1,x"], "\"x\" is not a number"),
                                ([*both, "--combination_type", "linear"], "linear adds up adapters of one rank"),
                                ([*both, "--svd_rank", 3], "--svd_rank belongs to --combination_type svd"),
                                ([*both, "-o", "cat"], "not empty"),
                                (["-a", "runs/a", "-a", f"{GOLDEN}/adapters/bias-regex"], "adapters of one base")):
            with self.subTest(arguments):
                done = self.hone("adapters", "combine", *arguments, code=USAGE)
                self.assertIn(what, done.stderr)
                self.assertFalse((self.work / "combined-adapter").exists())

        self.assertIn("name that", self.hone("adapters", "rm", "runs/a/adapter", code=USAGE).stderr)
        self.write("runs/a/notes.txt", "mine")
        self.assertIn("holds notes.txt", self.hone("adapters", "rm", "runs/a", code=USAGE).stderr)
        self.assertTrue((self.work / "runs/a" / ADAPTER).exists())
        (self.work / "runs/a/notes.txt").unlink()
        self.assertIn("removed runs/a: ", self.hone("adapters", "rm", "runs/a").stdout)
        self.assertFalse((self.work / "runs/a").exists())
        self.hone("adapters", "rm", "cat/")
        self.assertFalse((self.work / "cat").exists())
        self.assertIn("no adapter", self.hone("adapters", "rm", "runs", code=USAGE).stderr)
        self.assertIn("use `hone adapters rm FOLDER`", self.hone("adapters", "delete", "x", code=USAGE).stderr)

    def test_adapters_of_two_bases_are_not_compared(self):
        adapters = [word for name in ("tied-lora", "bias-regex") for word in ("-a", f"{GOLDEN}/adapters/{name}")]
        done = self.hone("compare", *adapters, "--prompt", "hi", code=USAGE)
        self.assertIn("for models/bias: say what both are compared with, by --base_model_name_or_path", done.stderr)

    def test_a_chat_switches(self):
        self.train("a", "2e-2")
        self.train("b", "2e-2", "--seed", 7)
        chat = ["chat", "-m", TINY, "--max_new_tokens", 12, "--temperature", 0]
        question = "What is tin?\n"
        alone = {name: self.hone(*chat, *(["-a", name] if name else []), input=question).stdout.strip()
                 for name in ("", "a", "b")}
        self.assertNotEqual(alone["a"], alone[""])
        done = self.hone(*chat, "--adapter", "A=a", "--adapter", "B=b",
                         input=f"{question}/adapter B\n{question}/adapter\n{question}/adapter A\n{question}")
        self.assertEqual(done.stdout.strip(), "\n".join([
            alone["a"], "(with B; forgotten)", alone["b"], "(the base alone; forgotten)", alone[""],
            "(with A; forgotten)", alone["a"]]))
        done = self.hone(*chat, "--adapter", "A=a", input="/adapter C\n", code=USAGE)
        self.assertIn("they are A", done.stderr)
        done = self.hone(*chat, "-a", "a", "--adapter", "A=a", input="", code=USAGE)
        self.assertIn("use one of the two", done.stderr)


if __name__ == "__main__":
    unittest.main()
