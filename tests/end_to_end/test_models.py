"""What lies in a model's or an adapter's folder counts, whatever it is; and what is wrong with it is said as it is."""
import json
import os
import pathlib
import shutil
import signal
import struct
import time
import unittest

from support import BAD_DATA, BAD_MODEL, CHATS, GOLDEN, INTERRUPTED, OK, TINY, USAGE, HoneTest, many_chats

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
WEIGHTS, ADAPTER = "model.safetensors", "adapter_model.safetensors"
LFS_POINTER = ("version https://git-lfs.github.com/spec/v1\n"
               "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n")
F32 = ("--torch_dtype", "float32", "--train_on_prompt")


def read_tensors(path):
    """{name: (dtype, shape, bytes)}"""
    content = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8:8 + length])
    header.pop("__metadata__", None)
    data = content[8 + length:]
    return {name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])])
            for name, entry in header.items()}


def write_tensors(path, tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, content) in sorted(tensors.items()):
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def edit_json(path, **values):
    content = json.loads(path.read_text())
    content.update(values)
    path.write_text(json.dumps(content))


def reversed_rows(tensor):
    """The same tensor with its rows in the opposite order: other numbers of the same size."""
    dtype, shape, content = tensor
    row = len(content) // shape[0]
    return dtype, shape, b"".join(content[i * row:(i + 1) * row] for i in reversed(range(shape[0])))


class ModelTest(HoneTest):
    def setUp(self):
        super().setUp()
        self.data = self.write("chats.jsonl", CHATS)

    def copy(self, name, source=TINY):
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)
        for path in folder.iterdir():
            path.chmod(0o644)
        return folder

    def loss(self, model, *arguments):
        return self.evaluate(self.data, *F32, *arguments, model=model)["loss"]

    def fails(self, code, words, *arguments):
        """One line that says all of the words."""
        done = self.hone(*arguments, code=code, timeout=60)
        lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        self.assertEqual(len(lines), 1, done.stderr)
        for word in words:
            self.assertIn(word, lines[0])
        return lines[0]

    def evaluation_fails(self, code, words, model=TINY, *arguments):
        return self.fails(code, words, "evaluate", "-m", model, "-d", self.data, *arguments)


class HeadTest(ModelTest):
    def model(self, name, tied, edit):
        folder = self.copy(name)
        edit_json(folder / "config.json", tie_word_embeddings=tied)
        tensors = read_tensors(folder / WEIGHTS)
        edit(tensors)
        write_tensors(folder / WEIGHTS, tensors)
        return folder

    def test_a_tied_model_with_a_head_of_its_own_keeps_it(self):
        """The config says tied, the file holds another head: as transformers 5 reads it."""
        def own(tensors):
            tensors[HEAD] = reversed_rows(tensors[EMBEDDING])

        def copied(tensors):
            tensors[HEAD] = tensors[EMBEDDING]

        said_tied, untied = self.model("said_tied", True, own), self.model("untied", False, own)
        plain = self.loss(TINY)
        self.assertEqual(self.loss(said_tied), self.loss(untied))
        self.assertGreater(abs(self.loss(said_tied) - plain), 0.1)
        self.assertEqual(self.loss(self.model("copy", True, copied)), plain)
        self.assertIn("has its own weights", self.hone("models", "inspect", said_tied).stdout)

        self.finetune("lora", self.data, "--max_steps", 1, model=said_tied)
        self.finetune("lora_untied", self.data, "--max_steps", 1, model=untied)
        self.assertEqual(self.sha256(f"lora/adapter/{ADAPTER}"), self.sha256(f"lora_untied/adapter/{ADAPTER}"))

        self.hone("finetune", "-m", said_tied, "-d", self.data, "-o", "full", "--method", "full", "--max_steps", 1,
                  "--learning_rate", "1e-5", "--eval_split", "none", "--torch_dtype", "float32")
        self.assertIs(self.read_json("full/model/config.json")["tie_word_embeddings"], False)
        self.assertIn(HEAD, read_tensors(self.work / "full/model" / WEIGHTS))
        self.assertLess(abs(self.loss("full/model") - self.loss(said_tied)), 0.1)

    def test_a_tied_model_under_the_name_of_its_head(self):
        def renamed(tensors):
            tensors[HEAD] = tensors.pop(EMBEDDING)

        self.assertEqual(self.loss(self.model("renamed", True, renamed)), self.loss(TINY))
        self.evaluation_fails(BAD_MODEL, [EMBEDDING, "missing"], self.model("untied", False, renamed))

    def test_an_adapter_brings_its_own_head(self):
        """PEFT stores the frozen head beside its delta, and loads it: other rows than the base's count."""
        odd = GOLDEN / "models" / "odd"
        self.finetune("made", self.data, "--target_modules", "q_proj,lm_head", "--max_steps", 2, "--learning_rate",
                      "1e-2", model=odd)
        bare = self.work / "made/adapter"
        copied, own = self.copy("copied", bare), self.copy("own", bare)
        tensors = read_tensors(copied / ADAPTER)
        name = "base_model.model.lm_head.base_layer.weight"
        base_head = read_tensors(odd / WEIGHTS)[HEAD]
        tensors[name] = base_head
        write_tensors(copied / ADAPTER, tensors)
        tensors[name] = reversed_rows(base_head)
        write_tensors(own / ADAPTER, tensors)
        other = self.copy("other", odd)  # a base that has that head
        weights = read_tensors(other / WEIGHTS)
        weights[HEAD] = reversed_rows(base_head)
        write_tensors(other / WEIGHTS, weights)

        expected = self.loss(other, "-a", bare)
        self.assertEqual(self.loss(odd, "-a", own), expected)
        self.assertEqual(self.loss(odd, "-a", copied), self.loss(odd, "-a", bare))
        self.assertNotEqual(self.loss(odd, "-a", copied), expected)

        # A run that starts from it trains over that head, and its adapter brings it again.
        self.finetune("out", self.data, "-a", own, "--max_steps", 1, "--learning_rate", "1e-9", model=odd)
        self.assertAlmostEqual(self.loss(odd, "-a", "out"), expected, places=5)
        self.fails(BAD_MODEL, [name, "--adapter_path"], "generate", "-m", odd, "--adapter", f"x={own}", "--prompt", "x")

        # A vocabulary that grew before the adapter was trained.
        dtype, shape, content = base_head
        tensors[name] = (dtype, [shape[0] + 2, shape[1]], content + content[:2 * len(content) // shape[0]])
        write_tensors(own / ADAPTER, tensors)
        self.evaluation_fails(BAD_MODEL, [name, str(shape[0] + 2), "tokens were added"], odd, "-a", own)

    def test_an_adapter_brings_its_own_embedding(self):
        """Saved where tokens were added; of a tied base it is the head too."""
        adapter = self.copy("adapter", GOLDEN / "adapters" / "tied-lora")
        tensors = read_tensors(adapter / ADAPTER)
        other = self.copy("other")
        weights = read_tensors(other / WEIGHTS)
        weights[EMBEDDING] = reversed_rows(weights[EMBEDDING])
        write_tensors(other / WEIGHTS, weights)
        expected = self.loss(other, "-a", adapter)
        tensors[f"base_model.model.{EMBEDDING}"] = weights[EMBEDDING]
        write_tensors(adapter / ADAPTER, tensors)
        self.assertEqual(self.loss(TINY, "-a", adapter), expected)
        tensors[f"base_model.model.{HEAD}"] = reversed_rows(weights[EMBEDDING])
        write_tensors(adapter / ADAPTER, tensors)
        self.evaluation_fails(BAD_MODEL, ["tied"], TINY, "-a", adapter)


class UnsupportedAdapterTest(ModelTest):
    def test_each_feature_is_named(self):
        part = "base_model.model.model.layers.0.self_attn.q_proj"
        embedding = "base_model.model.model.embed_tokens"
        one = ("F32", [1], struct.pack("<f", 1))
        for config, tensor, words in [
                ({}, f"{embedding}.lora_embedding_A", ["LoRA on the embedding", "target_modules"]),
                ({}, f"{part}.lora_magnitude_vector", ["DoRA", "adapter_config.json"]),
                ({"trainable_token_indices": {"embed_tokens": [1]}}, None, ["trainable_token_indices"]),
                ({}, f"{embedding}.token_adapter.trainable_tokens_delta", ["trainable_token_indices"]),
                ({"alora_invocation_tokens": [1, 2]}, None, ["aLoRA"]),
                ({"target_parameters": ["experts.gate_up_proj"]}, None, ["target_parameters"]),
                ({}, f"{part}.lora_B.bias", ["lora_bias"]),
                ({}, f"{part}.bias", ["bias"]),
                ({"modules_to_save": ["score"]}, None, ["score"]),
                ({}, f"{part}.ia3_l", ["IA3", "peft_type"]),
                ({"peft_type": "VERA"}, None, ["VERA"])]:
            with self.subTest(config=config, tensor=tensor):
                folder = self.copy("adapter", GOLDEN / "adapters" / "tied-lora")
                edit_json(folder / "adapter_config.json", **config)
                if tensor:
                    write_tensors(folder / ADAPTER, {**read_tensors(folder / ADAPTER), tensor: one})
                said = self.evaluation_fails(BAD_MODEL, words, TINY, "-a", folder)
                self.assertNotIn("another base", said)


class FilesTest(ModelTest):
    def test_git_lfs_pointers_are_named(self):
        for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
                     "chat_template.jinja", WEIGHTS):
            with self.subTest(name):
                folder = self.copy("model")
                (folder / name).write_text(LFS_POINTER)
                self.evaluation_fails(BAD_MODEL, [name, "Git LFS pointer", "git lfs pull"], folder)
        self.evaluation_fails(BAD_MODEL, ["x.gguf", "Git LFS pointer"], self.write("x.gguf", LFS_POINTER))
        for name in ("adapter_config.json", ADAPTER):
            with self.subTest(name):
                folder = self.copy("adapter", GOLDEN / "adapters" / "tied-lora")
                (folder / name).write_text(LFS_POINTER)
                self.evaluation_fails(BAD_MODEL, [name, "Git LFS pointer"], TINY, "-a", folder)
        folder = self.copy("sharded", GOLDEN / "models" / "bias")
        (folder / "model.safetensors.index.json").write_text(LFS_POINTER)
        self.evaluation_fails(BAD_MODEL, ["index.json", "Git LFS pointer"], folder)

    def test_a_named_pipe_is_not_waited_for(self):
        for source, name in ((TINY, WEIGHTS), (TINY, "config.json"), (TINY, "tokenizer.json"),
                             (GOLDEN / "adapters" / "tied-lora", ADAPTER),
                             (GOLDEN / "adapters" / "tied-lora", "adapter_config.json")):
            with self.subTest(name):
                folder = self.copy("copy", source)
                (folder / name).unlink()
                os.mkfifo(folder / name)
                model = folder if source == TINY else TINY
                self.evaluation_fails(BAD_MODEL, [name, "named pipe"], model,
                                      *(() if source == TINY else ("-a", folder)))
        os.mkfifo(self.path("pipe.jsonl"))
        self.fails(BAD_DATA, ["pipe.jsonl", "named pipe"], "evaluate", "-m", TINY, "-d", "pipe.jsonl")

    def test_what_a_library_says_is_no_answer(self):
        folder = self.copy("model")
        (folder / "tokenizer.json").write_text("{")
        self.evaluation_fails(BAD_MODEL, ["tokenizer.json", "not valid JSON"], folder)
        (folder / "tokenizer.json").write_text('{"version": "1.0", "model": {"type": "Mystery"}}')
        self.evaluation_fails(BAD_MODEL, ["tokenizer.json", "the model's own repository"], folder)

    def test_a_number_that_is_none_is_the_base_s(self):
        """A NaN or an infinity among the weights is not blamed on the rows or the learning rate."""
        for bits, word in ((0x7fc0, "NaN"), (0x7f80, "infinity")):
            with self.subTest(word):
                folder = self.copy("model")
                tensors = read_tensors(folder / WEIGHTS)
                dtype, shape, content = tensors["model.norm.weight"]
                tensors["model.norm.weight"] = (dtype, shape, content[:-2] + struct.pack("<H", bits))
                write_tensors(folder / WEIGHTS, tensors)
                words = ["model's weights are damaged", "model.norm.weight", word]
                self.evaluation_fails(BAD_MODEL, words, folder)
                for method in ("lora", "full"):
                    self.fails(BAD_MODEL, words, "finetune", "-m", folder, "-d", self.data, "--eval_split", "none",
                               "--max_steps", 2, "--method", method, "-o", f"out_{word}_{method}")


class ChangingFilesTest(ModelTest):
    """The model's file is cut, written over or replaced while a run is at work."""

    def run_while(self, change, *arguments):
        folder = self.copy("model")
        out = f"out{len(list(self.work.iterdir()))}"
        self.write("many.jsonl", many_chats(100))
        run = self.start("finetune", "-m", folder, "-d", "many.jsonl", "--max_seq_len", 256, "--eval_split", "none",
                         "--per_device_train_batch_size", 2, "--num_train_epochs", 2000, "--logging_steps", 1,
                         "-o", out, *arguments)
        self.addCleanup(run.stdout.close)
        metrics = self.work / out / "metrics.jsonl"
        deadline = time.monotonic() + 60
        while not (metrics.exists() and metrics.read_text().count("\n") > 3):
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(run.poll(), "it ended too early")
            time.sleep(0.02)
        change(folder / WEIGHTS)
        said, _ = run.communicate(timeout=60)
        return run.returncode, said, out

    def test_it_ends_with_a_line_and_a_checkpoint(self):
        def cut(path):
            path.write_bytes(b"")

        def overwrite(path):
            tensors = read_tensors(path)
            tensors[EMBEDDING] = reversed_rows(tensors[EMBEDDING])
            write_tensors(path, tensors)

        def replace(path):
            shutil.copy(path, path.with_suffix(".new"))
            path.with_suffix(".new").rename(path)

        for change, word, arguments in ((cut, "cut short", ()), (cut, "cut short", ("--method", "qlora")),
                                        (cut, "cut short", ("--method", "full")), (overwrite, "written to", ()),
                                        (replace, "replaced", ())):
            with self.subTest(word, arguments=arguments):
                code, said, out = self.run_while(change, *arguments)
                self.assertEqual(code, BAD_MODEL, said)
                last = said.splitlines()[-1]
                for part in ("error: ", WEIGHTS, word, "checkpoints/step-"):
                    self.assertIn(part, last)
                step = last.split("checkpoints/step-")[1].split(" ")[0]
                state = self.read_json(f"{out}/checkpoints/step-{step}/trainer_state.json")
                self.assertEqual(state["step"], int(step))

    def test_a_model_that_is_gone_is_no_reason_to_stop(self):
        """Nothing is read from its files after they were loaded."""
        def leave(run_folder):
            shutil.rmtree(run_folder.parent)

        folder = self.copy("model")
        self.write("many.jsonl", many_chats(30))
        flags = ("-d", "many.jsonl", "--eval_split", "none", "--per_device_train_batch_size", 1, "--max_steps", 60,
                 "--logging_steps", 1)
        run = self.start("finetune", "-m", folder, *flags, "-o", "gone")
        self.addCleanup(run.stdout.close)
        metrics = self.work / "gone/metrics.jsonl"
        while not (metrics.exists() and metrics.read_text()):
            self.assertIsNone(run.poll(), "it ended too early")
            time.sleep(0.02)
        leave(folder / WEIGHTS)
        said, _ = run.communicate(timeout=100)
        self.assertEqual(run.returncode, OK, said)
        self.hone("finetune", "-m", TINY, *flags, "-o", "there")
        self.assertEqual(self.sha256(f"gone/adapter/{ADAPTER}"), self.sha256(f"there/adapter/{ADAPTER}"))


class RunFolderTest(ModelTest):
    def test_an_unfinished_run_names_its_checkpoint(self):
        self.write("many.jsonl", many_chats(100))
        run = self.start("finetune", "-m", TINY, "-d", "many.jsonl", "--eval_split", "none", "--num_train_epochs", 2000,
                         "--per_device_train_batch_size", 2, "--save_steps", 1, "-o", "out")
        self.addCleanup(run.stdout.close)
        deadline = time.monotonic() + 60
        while not list(self.work.glob("out/checkpoints/step-*")):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=60)
        self.assertEqual(run.returncode, INTERRUPTED)
        last = max(self.work.glob("out/checkpoints/step-*"), key=lambda path: int(path.name.split("-")[1]))
        self.evaluation_fails(BAD_MODEL, ["not finished", f"out/checkpoints/{last.name}"], TINY, "-a", "out")
        self.loss(TINY, "-a", last)

    def test_a_run_of_every_weight_is_no_adapter(self):
        self.hone("finetune", "-m", TINY, "-d", self.data, "-o", "full", "--method", "full", "--max_steps", 1,
                  "--eval_split", "none")
        self.evaluation_fails(BAD_MODEL, ["full/model", "--model_name_or_path"], TINY, "-a", "full")

    def test_the_card_shows_names_as_text(self):
        name = "a<script>\n# b\x1b[31m*c*"
        self.finetune("out", self.data, "--max_steps", 1, "--task_name", name)
        card = (self.work / "out/README.md").read_text()
        self.assertIn("\n# a\\<script\\> \\# b \\[31m\\*c\\*\n", card)
        self.assertNotIn("\x1b", card)


class SurroundingsTest(ModelTest):
    def test_without_a_home_what_needs_no_cache_works(self):
        home = {name: "" for name in ("HOME", "HONE_CACHE", "XDG_CACHE_HOME")}
        self.hone("evaluate", "-m", TINY, "-d", self.data, environment=home)
        self.hone("data", "check", self.data, "-m", TINY, environment=home)
        self.hone("models", "inspect", TINY, environment=home)
        self.hone("finetune", "-m", TINY, "-d", self.data, "-o", "out", "--max_steps", 1, "--eval_split", "none",
                  environment=home)
        for arguments in (("models", "pull", "smollm2-135m-instruct"), ("evaluate", "-m", "org/repo", "-d", self.data)):
            done = self.hone(*arguments, environment=home, code=USAGE)
            self.assertIn("set HONE_CACHE", done.stderr)

    def test_logs_are_not_results(self):
        """What fetching a model logs goes to standard error, at every level."""
        tools = self.work / "tools"
        tools.mkdir()
        for name in ("python3", "pip", "pip3"):
            (tools / name).write_text("#!/bin/sh\necho no network\nexit 1\n")
            (tools / name).chmod(0o755)
        for level in ((), ("--log_level", 0)):
            done = self.hone("models", "pull", "smollm2-135m-instruct", *level, code=BAD_MODEL,
                             environment={"HF_HUB_OFFLINE": "", "HF_ENDPOINT": "http://127.0.0.1:9",
                                          "PATH": f"{tools}:/bin:/usr/bin"})
            self.assertEqual(done.stdout, "")
            self.assertIn("trying", done.stderr)

    def test_models_are_listed_with_their_size_and_removed(self):
        cache = self.folder / "cache/models/org--tiny"
        cache.parent.mkdir(parents=True)
        shutil.copytree(TINY, cache)
        files = [{"name": path.name, "size": path.stat().st_size} for path in cache.iterdir()]
        (cache / "manifest.json").write_text(json.dumps({"source": "org/tiny", "revision": "x", "files": files}))
        unfinished = self.folder / "cache/models/org--half"
        unfinished.mkdir()
        (unfinished / "model.safetensors.abc.part").write_bytes(b"x" * 5000)
        self.hone("evaluate", "-m", "org/tiny", "-d", self.data)
        listed = {model["name"]: model for model in json.loads(self.hone("models", "list", "--json").stdout)}
        self.assertGreaterEqual(listed["org/tiny"]["bytes"], sum(file["size"] for file in files))
        self.assertFalse(listed["org/tiny"]["unfinished"])
        self.assertEqual((listed["org/half"]["bytes"], listed["org/half"]["unfinished"]), (5000, True))
        self.assertEqual({name: (listed[name]["licence"], listed[name]["gated"])
                          for name in ("smollm2-135m", "llama-3.2-1b-instruct")},
                         {"smollm2-135m": ("Apache 2.0", False), "llama-3.2-1b-instruct": ("Llama licence", True)})
        self.assertNotIn("licence", listed["org/tiny"], "which nobody looked up")
        text = self.hone("models", "list").stdout
        self.assertIn("unfinished", text)
        self.assertIn(str(self.folder / "cache"), text)
        self.assertRegex(self.hone("models", "rm", "org/tiny").stdout, r"removed org/tiny: .*B freed")
        self.hone("models", "rm", "org/half")
        self.assertFalse(cache.exists() or unfinished.exists())
        self.fails(BAD_MODEL, ["org/tiny", "not in the cache"], "models", "rm", "org/tiny")
        self.fails(BAD_MODEL, ["nothing"], "models", "rm", "nothing")
        mine = self.copy("mine")
        self.fails(USAGE, [str(mine)], "models", "rm", mine)
        self.assertTrue(mine.exists())


if __name__ == "__main__":
    unittest.main()
