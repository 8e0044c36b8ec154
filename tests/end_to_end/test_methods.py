"""DoRA, the optimisers, and what regularises: each learns, goes on from a checkpoint, and says what it cannot do."""
import json
import unittest

from support import CHATS, GOLDEN, OK, TINY, USAGE, HoneTest, many_chats

ADAPTER = "adapter/adapter_model.safetensors"
# Learning rates of the size that each wants.
OPTIMISERS = {"adamw_torch": 5e-3, "adamw_8bit": 5e-3, "adafactor": 5e-3, "lion": 1e-3, "muon": 5e-3, "sgd": 0.3}


class OptimiserTest(HoneTest):
    def test_each_learns_and_goes_on_with_the_same_bytes(self):
        data = self.write("chats.jsonl", CHATS)
        for name, rate in OPTIMISERS.items():
            with self.subTest(name):
                arguments = [data, "--optim", name, "--learning_rate", rate, "--max_steps", 12, "--use_dora",
                             "--lora_dropout", 0.1, "--neftune_noise_alpha", 2, "--label_smoothing_factor", 0.05,
                             "--layerwise_lr_decay", 0.9, "--weight_decay", 0.01,
                             "--modules_to_save", "lm_head"]  # large enough for states in 8 bits
                self.finetune(name, *arguments, "--save_steps", 5, "--save_total_limit", 0)
                losses = [line["loss"] for line in self.metrics(name)]
                self.assertLess(losses[-1], losses[0] - 0.05)
                self.finetune(f"{name}-again", *arguments, "--resume_from_checkpoint", f"{name}/checkpoints/step-5")
                self.assertEqual(self.sha256(f"{name}/{ADAPTER}"), self.sha256(f"{name}-again/{ADAPTER}"))
        self.assertEqual(len({self.sha256(f"{name}/{ADAPTER}") for name in OPTIMISERS}), len(OPTIMISERS))

    def test_a_checkpoint_of_another_optimiser_is_refused(self):
        data = self.write("chats.jsonl", CHATS)
        self.finetune("out", data, "--max_steps", 4, "--save_steps", 2)
        done = self.finetune("again", data, "--max_steps", 4, "--optim", "lion", "--resume_from_checkpoint",
                             "out/checkpoints/step-2", code=USAGE)
        self.assertIn("optim: nothing there, \"lion\" here", done.stderr)

    def test_spellings_of_transformers(self):
        for word, meant in (("adamw", "adamw_torch"), ("adamw_bnb_8bit", "adamw_8bit"), ("LION_32bit", "lion")):
            self.finetune(word, "x.jsonl", "--optim", word, "--dry_run")
            self.assertEqual(self.read_json(f"{word}/config.json")["options"]["optim"], meant)
        self.assertIn("none of adamw_torch, adamw_8bit",
                      self.finetune("out", "x.jsonl", "--optim", "galore_adamw", code=USAGE).stderr)

    def test_what_regularises_belongs_to_sft(self):
        for flag in ("--label_smoothing_factor", "--neftune_noise_alpha"):
            done = self.finetune("out", "x.jsonl", flag, 0.1, "--objective", "dpo", code=USAGE)
            self.assertIn(flag, done.stderr)


class DoraTest(HoneTest):
    def losses(self, *arguments, model=TINY):
        return self.evaluate(self.data, "--torch_dtype", "float32", *arguments, model=model)["loss"]

    def test_trains_merges_and_says_where_it_cannot_be(self):
        self.data = self.write("chats.jsonl", many_chats(30))
        self.finetune("out", self.data, "--use_dora", "--max_steps", 10, "--learning_rate", "1e-2")
        config = self.read_json("out/adapter/adapter_config.json")
        self.assertIs(config["use_dora"], True)
        before, after = self.losses(), self.losses("-a", "out")
        self.assertLess(after, before - 0.2)
        self.hone("merge", "-a", "out", "-o", "merged")
        self.assertAlmostEqual(self.losses(model=self.path("merged")), after, delta=0.02 * after)
        # Inference in integers measures the lengths through them.
        self.assertAlmostEqual(self.evaluate(self.data, "-a", "out", "--weights", "int8")["loss"], after,
                               delta=0.02 * after)
        done = self.hone("generate", "-m", TINY, "--adapter", "x=out", "--prompt", "x", code=USAGE)
        self.assertIn("hone merge", done.stderr)
        done = self.finetune("int8", self.data, "--use_dora", "--base_compute", "int8", code=USAGE)
        self.assertIn("--base_compute int8", done.stderr)
        done = self.finetune("int8", self.data, "-a", "out", "--base_compute", "int8", code=USAGE)
        self.assertIn("use_dora", done.stderr)

    def test_over_four_bits(self):
        self.data = self.write("chats.jsonl", many_chats(30))
        self.finetune("out", self.data, "--method", "qlora", "--use_dora", "--max_steps", 6, "--learning_rate", "1e-2")
        losses = [line["loss"] for line in self.metrics("out")]
        self.assertLess(losses[-1], losses[0] - 0.1)


class EmbeddingLoraTest(HoneTest):
    def losses(self, *arguments, model=TINY):
        return self.evaluate(self.data, "--torch_dtype", "float32", *arguments, model=model)["loss"]

    def test_trains_merges_and_says_where_it_cannot_be(self):
        self.data = self.write("chats.jsonl", many_chats(30))
        targets = ["--target_modules", "embed_tokens,v_proj"]
        self.finetune("out", self.data, *targets, "--max_steps", 10, "--learning_rate", "1e-2")
        config = self.read_json("out/adapter/adapter_config.json")
        self.assertEqual(config["target_modules"], ["v_proj", "embed_tokens"])
        before, after = self.losses(), self.losses("-a", "out")
        self.assertLess(after, before - 0.2)
        # The head of a tied model stays as it was, so that the merged one has both.
        self.hone("merge", "-a", "out", "-o", "merged")
        self.assertIs(self.read_json("merged/config.json")["tie_word_embeddings"], False)
        self.assertAlmostEqual(self.losses(model=self.path("merged")), after, delta=0.02 * after)
        self.hone("generate", "-m", TINY, "-a", "out", "--prompt", "x", "--max_new_tokens", 2)
        done = self.hone("generate", "-m", TINY, "--adapter", "x=out", "--prompt", "x", code=USAGE)
        self.assertIn("hone merge", done.stderr)
        for flags, words in ((["--use_dora"], "use_dora"), (["--init_lora_weights", "pissa"], "PiSSA"),
                             (["--loraplus_lr_ratio", 16], "--loraplus_lr_ratio")):
            done = self.finetune("no", self.data, *targets, *flags, "--max_steps", 1, code=USAGE)
            self.assertIn(words, done.stderr)


class Ia3Test(HoneTest):
    def train(self, out, *arguments, code=OK):
        return self.hone("finetune", "-m", TINY, "-d", self.data, "-o", out, "--method", "ia3", "--eval_split", "none",
                         "--max_seq_len", 256, "--logging_steps", 1, *arguments, code=code)

    def losses(self, *arguments, model=TINY):
        return self.evaluate(self.data, "--torch_dtype", "float32", *arguments, model=model)["loss"]

    def test_trains_goes_on_merges_and_answers(self):
        self.data = self.write("chats.jsonl", many_chats(30))
        rate = ["--max_steps", 10, "--learning_rate", "5e-2"]
        self.train("out", *rate, "--save_steps", 4, "--save_total_limit", 0)
        config = self.read_json("out/adapter/adapter_config.json")
        self.assertEqual((config["peft_type"], config["target_modules"], config["feedforward_modules"]),
                         ("IA3", ["k_proj", "v_proj", "down_proj"], ["down_proj"]))
        before, after = self.losses(), self.losses("-a", "out")
        self.assertLess(after, before - 0.2)
        self.train("again", *rate, "--resume_from_checkpoint", "out/checkpoints/step-4")
        self.assertEqual(self.sha256(f"out/{ADAPTER}"), self.sha256(f"again/{ADAPTER}"))
        self.write("run.yaml", f'''
            input_model: {{type: HfModel, model_path: "{TINY}"}}
            data_configs: [{{name: chats, load_dataset_config: {{data_files: "{self.data}"}}}}]
            passes: {{a: {{type: IA3, peft_type: IA3, eval_split: none, max_seq_len: 256, max_steps: 10,
                           learning_rate: 5e-2}}}}
            output_dir: by-file''')
        self.hone("run", "--config", "run.yaml")
        self.assertEqual(self.sha256(f"out/{ADAPTER}"), self.sha256(f"by-file/{ADAPTER}"))
        self.assertIn("An IA3 adapter", (self.work / "out/README.md").read_text())
        self.train("more", "-a", "out", "--max_steps", 1)
        self.assertAlmostEqual(self.metrics("more")[0]["loss"], after, delta=0.5)
        done = self.train("ready", "--max_steps", 1)
        self.assertIn("ia3 on 6 layers", done.stdout + done.stderr)

        self.hone("merge", "-a", "out", "-o", "merged")
        self.assertAlmostEqual(self.losses(model=self.path("merged")), after, delta=0.02 * after)
        self.assertAlmostEqual(self.evaluate(self.data, "-a", "out", "--weights", "int8")["loss"], after,
                               delta=0.02 * after)
        ask = ["--prompt", "Hydrogen", "--temperature", 0, "--max_new_tokens", 8]
        alone, base = (self.hone("generate", "-m", TINY, *which, *ask).stdout for which in (["-a", "out"], []))
        self.assertNotEqual(alone, base)
        done = self.hone("generate", "-m", TINY, "--adapter", "x=out", "--prompt", "x", code=USAGE)
        self.assertIn("IA3", done.stderr)
        self.assertIn("hone merge", done.stderr)

    def test_preferences_have_the_base_for_reference(self):
        self.data = self.write("pairs.jsonl", [{"prompt": "Name a metal.", "chosen": "Iron.", "rejected": "Neon."},
                                               {"prompt": "Name a gas.", "chosen": "Neon.", "rejected": "Iron."}] * 4)
        self.train("out", "--objective", "dpo", "--max_steps", 6, "--learning_rate", "2e-2")
        losses = [line["loss"] for line in self.metrics("out")]
        self.assertAlmostEqual(losses[0], 0.6931, delta=1e-3)
        self.assertLess(losses[-1], losses[0] - 0.01)

    def test_says_what_it_cannot_do(self):
        self.data = self.write("chats.jsonl", CHATS)
        self.train("out", "--max_steps", 1)
        for words, arguments in ((["--lora_r"], ["--lora_r", 4]), (["--use_dora"], ["--use_dora"]),
                                 (["q_proj", "input"],
                                  ["--target_modules", "q_proj", "--feedforward_modules", "q_proj"]),
                                 (["feedforward_modules", "k_proj"],
                                  ["--target_modules", "v_proj", "--feedforward_modules", "k_proj"]),
                                 (["no_such"], ["--target_modules", "no_such"])):
            with self.subTest(arguments):
                said = self.train("wrong", *arguments, code=USAGE).stderr
                for word in words:
                    self.assertIn(word, said)
        said = self.finetune("wrong", self.data, "--feedforward_modules", "down_proj", code=USAGE).stderr
        self.assertIn("--method ia3", said)
        self.assertIn("--method ia3", self.finetune("wrong", self.data, "-a", "out", code=USAGE).stderr)


class MethodTest(HoneTest):
    def train_by(self, out, method, *arguments, code=OK):
        return self.hone("finetune", "-m", TINY, "-d", self.data, "-o", out, "--method", method, "--eval_split",
                         "none", "--max_seq_len", 256, "--logging_steps", 1, *arguments, code=code)

    def losses(self, *arguments):
        return self.evaluate(self.data, "--torch_dtype", "float32", *arguments)["loss"]


class VirtualTokensTest(MethodTest):
    METHODS = {"prompt": ("PROMPT_TUNING", "PromptTuning", "prompt-tuning", "0.2"),
               "prefix": ("PREFIX_TUNING", "PrefixTuning", "prefix-tuning", "0.2")}

    def test_trains_goes_on_and_answers(self):
        self.data = self.write("chats.jsonl", many_chats(30))
        before = self.losses()
        ask = ["--prompt", "Hydrogen", "--temperature", 0, "--max_new_tokens", 8]
        base = self.hone("generate", "-m", TINY, *ask).stdout
        for method, (peft_type, kind, card, rate) in self.METHODS.items():
            with self.subTest(method):
                out = method
                train = ["--num_virtual_tokens", 6, "--max_steps", 10, "--learning_rate", rate]
                done = self.train_by(out, method, *train, "--save_steps", 4, "--save_total_limit", 0)
                self.assertIn("6 virtual tokens", done.stdout + done.stderr)
                config = self.read_json(f"{out}/adapter/adapter_config.json")
                self.assertEqual((config["peft_type"], config["num_virtual_tokens"]), (peft_type, 6))
                after = self.losses("-a", out)
                self.assertLess(after, before - 0.2)
                self.train_by(f"{out}-again", method, *train, "--resume_from_checkpoint", f"{out}/checkpoints/step-4")
                self.assertEqual(self.sha256(f"{out}/{ADAPTER}"), self.sha256(f"{out}-again/{ADAPTER}"))
                self.write("run.yaml", f'''
                    input_model: {{type: HfModel, model_path: "{TINY}"}}
                    data_configs: [{{name: chats, load_dataset_config: {{data_files: "{self.data}"}}}}]
                    passes: {{a: {{type: {kind}, peft_type: {peft_type}, num_virtual_tokens: 6, eval_split: none,
                                   max_seq_len: 256, max_steps: 10, learning_rate: {rate}}}}}
                    output_dir: {out}-by-file''')
                self.hone("run", "--config", "run.yaml")
                self.assertEqual(self.sha256(f"{out}/{ADAPTER}"), self.sha256(f"{out}-by-file/{ADAPTER}"))
                self.assertIn(f"A {card} adapter", (self.work / out / "README.md").read_text())
                self.train_by(f"{out}-more", method, "-a", out, "--max_steps", 1)
                self.assertAlmostEqual(self.metrics(f"{out}-more")[0]["loss"], after, delta=0.5)
                self.assertAlmostEqual(self.evaluate(self.data, "-a", out, "--weights", "int8")["loss"], after,
                                       delta=0.03 * after)
                self.assertNotEqual(self.hone("generate", "-m", TINY, "-a", out, *ask).stdout, base)
                for command in (["merge", "-a", out, "-o", "merged"],
                                ["generate", "-m", TINY, "--adapter", f"x={out}", "--prompt", "x"]):
                    said = self.hone(*command, code=USAGE).stderr
                    self.assertIn(card.replace("-", " "), said)
                    self.assertIn("--adapter_path", said)

    def test_starts_from_a_text(self):
        self.data = self.write("chats.jsonl", CHATS)
        start = ["--num_virtual_tokens", 9, "--max_steps", 1, "--learning_rate", 0]
        text = ["--prompt_tuning_init", "text", "--prompt_tuning_init_text", "Hydrogen is the lightest."]
        self.train_by("text", "prompt", *start, *text)
        self.train_by("random", "prompt", *start)
        self.train_by("again", "prompt", *start, *text, "--seed", 7)
        # The words are where they start whatever the seed, and a likelier start than noise.
        self.assertEqual(self.sha256(f"text/{ADAPTER}"), self.sha256(f"again/{ADAPTER}"))
        self.assertNotEqual(self.sha256(f"text/{ADAPTER}"), self.sha256(f"random/{ADAPTER}"))
        config = self.read_json("text/adapter/adapter_config.json")
        self.assertEqual((config["prompt_tuning_init"], config["prompt_tuning_init_text"]), ("TEXT", text[-1]))

    def test_preferences_and_labels(self):
        self.data = self.write("pairs.jsonl", [{"prompt": "Name a metal.", "chosen": "Iron.", "rejected": "Neon."},
                                               {"prompt": "Name a gas.", "chosen": "Neon.", "rejected": "Iron."}] * 4)
        for method in self.METHODS:
            self.train_by(f"{method}-dpo", method, "--objective", "dpo", "--max_steps", 8, "--learning_rate", "5e-2")
            losses = [line["loss"] for line in self.metrics(f"{method}-dpo")]
            self.assertLess(losses[-1], losses[0] - 0.01)
        self.data = self.write("labels.jsonl", [{"text": f"{word} {i}", "label": label} for i in range(8)
                                                for word, label in (("iron", "metal"), ("neon", "gas"))])
        self.train_by("labels", "prompt", "--task", "text-classification", "--max_steps", 12, "--learning_rate", "5e-2")
        losses = [line["loss"] for line in self.metrics("labels")]
        self.assertLess(losses[-1], losses[0] - 0.1)
        self.assertLess(self.evaluate(self.data, "-a", "labels")["loss"], losses[0])
        said = self.train_by("wrong", "prefix", "--task", "text-classification", code=USAGE).stderr
        self.assertIn("or prompt", said)

    def test_says_what_it_cannot_do(self):
        self.data = self.write("chats.jsonl", CHATS)
        self.train_by("out", "prefix", "--max_steps", 1)
        for method, words, arguments in (
                ("prompt", ["--lora_r"], ["--lora_r", 4]),
                ("prompt", ["--target_modules"], ["--target_modules", "q_proj"]),
                ("prompt", ["--modules_to_save"], ["--modules_to_save", "lm_head"]),
                ("prompt", ["--prompt_tuning_init_text"], ["--prompt_tuning_init", "text"]),
                ("prefix", ["--layerwise_lr_decay"], ["--layerwise_lr_decay", 0.9]),
                ("prompt", ["--prompt_tuning_init"], ["--prompt_tuning_init_text", "Elements:"]),
                ("prefix", ["--method prompt"], ["--prompt_tuning_init", "text"]),
                ("prefix", ["num_virtual_tokens", "4096"], ["--num_virtual_tokens", 4096]),
                ("prompt", ["PREFIX_TUNING", "--method prefix"], ["-a", "out"])):
            with self.subTest(arguments):
                said = self.train_by("wrong", method, *arguments, code=USAGE).stderr
                for word in words:
                    self.assertIn(word, said)
        said = self.finetune("wrong", self.data, "--num_virtual_tokens", 4, code=USAGE).stderr
        self.assertIn("--method prompt", said)


class ServedAloneTest(HoneTest):
    def test_any_adapter_answers_requests(self):
        data = self.write("chats.jsonl", CHATS)
        request = json.dumps({"id": "1", "kind": "chat.completion", "body": {
            "messages": [{"role": "user", "content": "Hydrogen"}], "temperature": 0, "max_tokens": 8}}) + "\n"

        def answer(*arguments):
            lines = self.hone("serve-model", "-m", TINY, *arguments, input=request).stdout.splitlines()
            done = [line for line in map(json.loads, lines) if line.get("id") == "1"]
            return done[-1]["data"]["choices"][0]["message"]["content"]

        base = answer()
        for method in ("prefix", "adapter"):
            self.hone("finetune", "-m", TINY, "-d", data, "-o", method, "--method", method, "--eval_split", "none",
                      "--max_seq_len", 256, "--max_steps", 4, "--learning_rate", "5e-2")
            self.assertNotEqual(answer("-a", method), base)


class BottleneckTest(MethodTest):
    WEIGHTS = "adapter/adapter.safetensors"

    def train(self, out, *arguments, code=OK):
        return self.train_by(out, "adapter", *arguments, code=code)

    def test_trains_goes_on_and_answers(self):
        self.data = self.write("chats.jsonl", many_chats(30))
        before = self.losses()
        for kind, places in (("houlsby", (True, True, False)), ("pfeiffer", (False, True, False)),
                             ("par_bn", (False, True, True))):
            with self.subTest(kind):
                train = ["--adapter_config", kind, "--max_steps", 10, "--learning_rate", "1e-2",
                         "--adapter_reduction_factor", 4]
                done = self.train(kind, *train, "--save_steps", 4, "--save_total_limit", 0)
                self.assertIn("bottleneck adapters of 16 numbers", done.stdout + done.stderr)
                config = self.read_json(f"{kind}/adapter/adapter_config.json")["config"]
                self.assertEqual((config["mh_adapter"], config["output_adapter"], config["is_parallel"]), places)
                after = self.losses("-a", kind)
                self.assertLess(after, before - 0.2)
                self.train(f"{kind}-again", *train, "--resume_from_checkpoint", f"{kind}/checkpoints/step-4")
                self.assertEqual(self.sha256(f"{kind}/{self.WEIGHTS}"), self.sha256(f"{kind}-again/{self.WEIGHTS}"))
        self.write("run.yaml", f'''
            input_model: {{type: HfModel, model_path: "{TINY}"}}
            data_configs: [{{name: chats, load_dataset_config: {{data_files: "{self.data}"}}}}]
            passes: {{a: {{type: Adapter, adapter_config: houlsby, adapter_reduction_factor: 4, eval_split: none,
                           max_seq_len: 256, max_steps: 10, learning_rate: 1e-2}}}}
            output_dir: by-file''')
        self.hone("run", "--config", "run.yaml")
        self.assertEqual(self.sha256(f"houlsby/{self.WEIGHTS}"), self.sha256(f"by-file/{self.WEIGHTS}"))
        self.assertIn("adapters.init(base)", (self.work / "houlsby/README.md").read_text())
        after = self.losses("-a", "houlsby")
        self.train("more", "-a", "houlsby", "--max_steps", 1)
        self.assertAlmostEqual(self.metrics("more")[0]["loss"], after, delta=0.5)
        self.assertAlmostEqual(self.evaluate(self.data, "-a", "houlsby", "--weights", "int8")["loss"], after,
                               delta=0.03 * after)
        ask = ["--prompt", "Hydrogen", "--temperature", 0, "--max_new_tokens", 8]
        alone, base = (self.hone("generate", "-m", TINY, *which, *ask).stdout for which in (["-a", "houlsby"], []))
        self.assertNotEqual(alone, base)
        for command in (["merge", "-a", "houlsby", "-o", "merged"],
                        ["generate", "-m", TINY, "--adapter", "x=houlsby", "--prompt", "x"]):
            said = self.hone(*command, code=USAGE).stderr
            self.assertIn("bottleneck adapter", said)
            self.assertIn("--adapter_path", said)

    def test_preferences_have_the_base_for_reference(self):
        self.data = self.write("pairs.jsonl", [{"prompt": "Name a metal.", "chosen": "Iron.", "rejected": "Neon."},
                                               {"prompt": "Name a gas.", "chosen": "Neon.", "rejected": "Iron."}] * 4)
        # These start as the base is: their second layer is zero.
        self.train("out", "--adapter_config", "parallel", "--objective", "dpo", "--max_steps", 6, "--learning_rate",
                   "1e-2")
        losses = [line["loss"] for line in self.metrics("out")]
        self.assertAlmostEqual(losses[0], 0.6931, delta=1e-3)
        self.assertLess(losses[-1], losses[0] - 0.01)

    def test_says_what_it_cannot_do(self):
        self.data = self.write("chats.jsonl", CHATS)
        self.train("out", "--max_steps", 1)
        for words, arguments in ((["--lora_r"], ["--lora_r", 4]),
                                 (["--target_modules"], ["--target_modules", "q_proj"]),
                                 (["--adapter_config", "houlsby"], ["--adapter_config", "compacter"]),
                                 (["--adapter_non_linearity"], ["--adapter_non_linearity", "tanh"]),
                                 (["--adapter_config", "adapter_path"], ["-a", "out", "--adapter_config", "pfeiffer"]),
                                 (["--task", "or ia3"], ["--task", "text-classification"])):
            with self.subTest(arguments):
                said = self.train("wrong", *arguments, code=USAGE).stderr
                for word in words:
                    self.assertIn(word, said)
        phi = self.hone("finetune", "-m", GOLDEN / "models" / "phi", "-d", self.data, "-o", "wrong", "--method",
                        "adapter", code=USAGE)
        self.assertIn("side by side", phi.stderr)
        self.assertIn("--method adapter", self.finetune("wrong", self.data, "-a", "out", code=USAGE).stderr)
        self.assertIn("--method adapter", self.finetune("wrong", self.data, "--adapter_config", "houlsby",
                                                        code=USAGE).stderr)


class PissaTest(HoneTest):
    def test_delivers_a_plain_adapter_of_twice_the_rank(self):
        data = self.write("chats.jsonl", CHATS)
        arguments = [data, "--init_lora_weights", "pissa", "--max_steps", 8, "--learning_rate", "5e-3",
                     "--rank_pattern", "q_proj=3"]
        self.finetune("out", *arguments, "--save_steps", 3, "--save_total_limit", 0)
        losses = [line["loss"] for line in self.metrics("out")]
        self.assertLess(losses[-1], losses[0] - 0.2)
        config = self.read_json("out/adapter/adapter_config.json")
        self.assertEqual((config["r"], config["lora_alpha"], config["rank_pattern"], config["init_lora_weights"]),
                         (16, 32, {"q_proj": 6}, True))
        self.finetune("again", *arguments, "--resume_from_checkpoint", "out/checkpoints/step-3")
        self.assertEqual(self.sha256(f"out/{ADAPTER}"), self.sha256(f"again/{ADAPTER}"))
        # It stands beside the base, as every plain adapter does, and training goes on from it.
        self.hone("generate", "-m", TINY, "--adapter", "x=out", "--prompt", "x", "--max_new_tokens", 2)
        self.finetune("more", data, "-a", "out", "--max_steps", 2)
        self.assertLess(self.metrics("more")[0]["loss"], losses[0] - 0.1)
        done = self.finetune("both", data, "--init_lora_weights", "pissa", "--use_dora", code=USAGE)
        self.assertIn("--use_dora", done.stderr)


class LoftqTest(HoneTest):
    def test_starts_from_what_four_bits_take_and_stays_with_them(self):
        data = self.write("chats.jsonl", CHATS)
        arguments = [data, "--torch_dtype", "float32", "--max_steps", 5, "--learning_rate", "2e-3", "--lora_r", 16,
                     "--lora_dropout", 0]
        loftq = [*arguments, "--method", "qlora", "--init_lora_weights", "loftq"]
        self.finetune("qlora", *arguments, "--method", "qlora")
        self.finetune("out", *loftq, "--save_steps", 2, "--save_total_limit", 0)
        losses = [line["loss"] for line in self.metrics("out")]
        # The same rows, before anything is learned.
        self.assertAlmostEqual(losses[0], self.metrics("qlora")[0]["loss"], delta=0.1)
        self.assertNotEqual(losses[0], self.metrics("qlora")[0]["loss"])
        self.assertLess(losses[-1], losses[0] - 0.1)
        self.finetune("again", *loftq, "--resume_from_checkpoint", "out/checkpoints/step-2")
        self.assertEqual(self.sha256(f"out/{ADAPTER}"), self.sha256(f"again/{ADAPTER}"))

        config = self.read_json("out/adapter/adapter_config.json")
        self.assertEqual((config["r"], config["init_lora_weights"]), (16, True))
        loss = self.evaluate(data, "-a", "out", "--weights", "nf4", "--torch_dtype", "float32")["loss"]
        self.assertLess(loss, losses[0] - 0.1)
        self.finetune("more", data, "-a", "out", "--method", "qlora", "--max_steps", 1)
        for arguments in (["generate", "-m", TINY, "-a", "out", "--prompt", "x"],
                          ["merge", "-a", "out", "-o", "merged"],
                          ["generate", "-m", TINY, "--adapter", "x=out", "--prompt", "x"]):
            self.assertIn("--weights nf4", self.hone(*arguments, code=USAGE).stderr)
        done = self.finetune("wrong", data, "--init_lora_weights", "loftq", code=USAGE)
        self.assertIn("--method qlora", done.stderr)


if __name__ == "__main__":
    unittest.main()
