"""What is wrong is said once, clearly, with the exit code of its kind; nothing is lost and nothing is left behind.

Every case is one row of a table: what is done to good input, the exit code, and words that the message must have.
"""
import gzip
import json
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import unittest

from support import (BAD_DATA, BAD_MODEL, CHATS, GOLDEN, HONE, TINY, TRAINING_FAILED, USAGE, HoneTest, chat, many_chats)


class ErrorTest(HoneTest):
    def check_error(self, done, words):
        """One line that starts with error, with a list behind it where rows are many; no crash, and the words."""
        errors = ("\n" + done.stderr).split("\nerror: ")[1:]
        self.assertEqual(len(errors), 1, done.stderr[-2000:])
        for word in words:
            self.assertIn(word.lower(), errors[0].lower())

    def refuse(self, data, code, words, *arguments, model=TINY):
        done = self.finetune("out", data, "--max_steps", 2, *arguments, model=model, code=code)
        self.check_error(done, words)
        self.assertFalse((self.work / "out/adapter").exists(), "an adapter that nobody trained")


# name, lines of the file, words of the message
BAD_ROWS = [
    ("broken JSON", [CHATS[0], '{"messages": [{"role": "user" "content": "x"}]}'], ["line 2"]),
    ("JSON that ends early", [CHATS[0], '{"messages": [{"role": "user",'], ["line 2"]),
    ("no object", [CHATS[0], "[1, 2]"], ["line 2"]),
    ("content is a number", [CHATS[0], {"messages": [{"role": "user", "content": 7}]}], ["line 2", "content"]),
    ("messages is a string", [CHATS[0], {"messages": "hello"}], ["line 2", "messages"]),
    ("unknown role", [CHATS[0], {"messages": [{"role": "robot", "content": "x"}]}], ["line 2", "robot"]),
    ("no assistant", [CHATS[0], {"messages": [{"role": "user", "content": "x"}]}], ["line 2", "assistant"]),
    ("no messages", [CHATS[0], {"messages": []}], ["line 2", "messages"]),
    ("missing field", [CHATS[0], {"text": "x"}], ["line 2", "messages"]),
    ("nesting without end", [CHATS[0], '{"messages": ' + "[" * 100000 + "]" * 100000 + "}"], ["line 2"]),
    ("weight is neither 0 nor 1", [CHATS[0], {"messages": [{"role": "user", "content": "x"}, {
        "role": "assistant", "content": "y", "weight": 3}]}], ["line 2", "weight"]),
    ("no known format", [{"colour": "red"}], ["colour"]),
    ("ids outside the vocabulary", [{"input_ids": [1, 5, 999999]}], ["line 1", "999999"]),
    ("labels of another length", [{"input_ids": [1, 2, 3], "labels": [1, 2]}], ["line 1", "labels"]),
]


class BadDataTest(ErrorTest):
    def test_rows(self):
        for name, lines, words in BAD_ROWS:
            with self.subTest(name):
                text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
                self.refuse(self.write("bad.jsonl", text), BAD_DATA, ["bad.jsonl", *words])

    def test_files(self):
        good = "".join(json.dumps(row) + "\n" for row in CHATS).encode()
        cases = [
            ("empty", "bad.jsonl", b"", ["bad.jsonl"]),
            ("only blank lines", "bad.jsonl", b"\n\n\n", ["bad.jsonl"]),
            ("not UTF-8", "bad.jsonl", good + b'{"text": "\xff\xfe"}\n', ["line 9", "utf-8"]),
            ("100 MB on one line", "bad.jsonl", good + b'{"text": "' + b"x" * (100 << 20) + b'"}\n', ["line 9"]),
            ("an array that ends early", "bad.json", b'[{"text": "a"}, {"text": "b"', ["bad.json"]),
            ("no array", "bad.json", b'"text"', ["bad.json"]),
            ("an open quote", "bad.csv", b'text,label\nred,1\n"blue,2\ngreen,3\n', ["bad.csv", "line 3"]),
            ("too many fields", "bad.csv", b"text,label\nred,1\nblue,2,3\n", ["bad.csv", "line 3"]),
            ("no CSV header", "bad.csv", b"", ["bad.csv"]),
            ("cut gzip", "bad.jsonl.gz", gzip.compress(good)[:-20], ["bad.jsonl.gz"]),
            ("no Parquet", "bad.parquet", good, ["bad.parquet"]),
            ("cut Parquet", "bad.parquet", b"PAR1" + b"\0" * 100 + b"\xff\xff\xff\x7fPAR1", ["bad.parquet"]),
            ("unknown ending", "bad.docx", good, ["bad.docx"]),
        ]
        for name, file, content, words in cases:
            with self.subTest(name):
                self.refuse(self.write(file, content), BAD_DATA, words)
        self.refuse(self.path("nowhere.jsonl"), BAD_DATA, ["nowhere.jsonl"])

    def test_nothing_to_learn(self):
        masked = [{"input_ids": [1, 2, 3], "labels": [-100, -100, -100]}] * 3
        self.refuse(self.write("masked.jsonl", masked), BAD_DATA, ["line 3", "trained"])
        silent = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "weight": 0}]}
        self.refuse(self.write("silent.jsonl", [silent] * 3), BAD_DATA, [])
        cut = self.write("cut.jsonl", [chat("what " * 60, "tin")])
        self.refuse(cut, BAD_DATA, [], "--max_seq_len", 32)
        self.refuse(cut, BAD_DATA, ["32"], "--max_seq_len", 32, "--on_overflow", "error")
        self.refuse(cut, BAD_DATA, [], "--max_seq_len", 32, "--on_overflow", "drop")

    def test_templates_and_fields(self):
        data = self.write("rows.jsonl", [{"phrase": "so", "tone": "calm"}] * 3)
        self.refuse(data, BAD_DATA, ["mood", "phrase"], "--text_template", "{phrase} is {mood}")
        self.refuse(data, BAD_DATA, ["nothing"], "--text_field", "nothing")
        done = self.finetune("out", data, "--max_steps", 1, "--text_template", "{phrase is", code=USAGE)
        self.check_error(done, ["template"])

    def test_splits(self):
        data = self.write("chats.jsonl", CHATS)
        self.check_error(self.finetune("out", data, "--train_split", "train[:", code=USAGE), ["train[:"])
        self.refuse(data, BAD_DATA, [], "--train_split", "train[100:]")

    def test_a_byte_order_mark_and_windows_lines_do_no_harm(self):
        plain = self.write("plain.jsonl", CHATS)
        text = pathlib.Path(plain).read_text()
        marked = self.write("marked.jsonl", b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
        self.assertAlmostEqual(self.evaluate(plain)["loss"], self.evaluate(marked)["loss"], places=9)

    def test_fewer_rows_than_a_batch_still_train(self):
        data = self.write("two.jsonl", CHATS[:2])
        self.finetune("out", data, "--max_steps", 3, "--per_device_train_batch_size", 64)
        self.assertEqual(self.metrics("out")[-1]["step"], 3)

    def test_check_reports_every_bad_row(self):
        bad = ['{"messages": 1}', "{", '{"messages": [{"role": "user", "content": "x"}]}']
        good = json.dumps(CHATS[0])
        data = self.write("bad.jsonl", "\n".join([good, *bad, good]) + "\n")
        done = self.hone("data", "check", data, "--model_name_or_path", TINY, code=BAD_DATA)
        for word in ("line 2", "line 3", "line 4", "duplicate"):
            self.assertIn(word, (done.stdout + done.stderr).lower().replace("bad.jsonl:", "line "))
        self.hone("data", "check", self.write("good.jsonl", CHATS), "--model_name_or_path", TINY)


def read_safetensors(path):
    content = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8:8 + length]), content[8 + length:]


def safetensors(header, data):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class BadModelTest(ErrorTest):
    def broken(self, change):
        """A copy of the tiny model after change(folder)."""
        folder = self.work / "model"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(TINY, folder)
        for path in folder.iterdir():
            path.chmod(0o644)
        change(folder)
        return str(folder)

    def changed_weights(self, change):
        """Header and data of the weights go through change(header, data), which returns the file's bytes."""
        def apply(folder):
            path = folder / "model.safetensors"
            path.write_bytes(change(*read_safetensors(path)))
        return self.broken(apply)

    def changed_json(self, name, **values):
        def apply(folder):
            content = json.loads((folder / name).read_text())
            content.update(values)
            (folder / name).write_text(json.dumps(content))
        return self.broken(apply)

    def replaced(self, name, content):
        return self.broken(lambda folder: (folder / name).write_bytes(content))

    def refuse_model(self, name, model, words, code=BAD_MODEL):
        data = self.write("chats.jsonl", CHATS)
        with self.subTest(name):
            self.refuse(data, code, words, model=model)
            done = self.hone("generate", "--model_name_or_path", model, "--prompt", "x", code=code)
            self.check_error(done, words)

    def test_weights(self):
        norm = "model.norm.weight"

        def with_entry(name, **values):
            def change(header, data):
                header[name] = {**header.get(name, {}), **values}
                return safetensors(header, data)
            return change

        def without(header, data):
            begin, end = header.pop(norm)["data_offsets"]
            for entry in header.values():
                if entry.get("data_offsets", [0])[0] >= end:
                    entry["data_offsets"] = [offset - (end - begin) for offset in entry["data_offsets"]]
            return safetensors(header, data[:begin] + data[end:])

        def overlapping(header, data):
            header[norm]["data_offsets"] = list(header["model.layers.0.input_layernorm.weight"]["data_offsets"])
            return safetensors(header, data)

        cases = [
            ("cut", lambda header, data: safetensors(header, data)[:-1000], []),
            ("header larger than the file", lambda header, data: struct.pack("<Q", 1 << 62) + b"{}", ["header"]),
            ("header past the limit", lambda header, data: struct.pack("<Q", (100 << 20) + 1) + b" " * 100, ["header"]),
            ("header is no JSON", lambda header, data: struct.pack("<Q", 8) + b"{{{{{{{{" + data, []),
            ("three bytes", lambda header, data: b"abc", []),
            ("no bytes", lambda header, data: b"", []),
            ("overlap", overlapping, []),
            ("offsets backwards", with_entry(norm, data_offsets=[128, 0]), [norm]),
            ("offsets past the end", with_entry(norm, data_offsets=[0, 1 << 40]), [norm]),
            ("unknown dtype", with_entry(norm, dtype="F31"), [norm]),
            ("integers for weights", with_entry(norm, dtype="I16"), [norm]),
            ("another size than the shape says", with_entry(norm, shape=[63]), [norm]),
            ("10^12 elements", with_entry(norm, shape=[10 ** 6, 10 ** 6]), [norm]),
            ("more elements than a number holds", with_entry(norm, shape=[1 << 40, 1 << 40]), [norm]),
            ("negative shape", with_entry(norm, shape=[-64]), [norm]),
            ("missing tensor", without, [norm]),
            ("extra tensor", with_entry("model.layers.7.extra.weight", dtype="F32", shape=[0], data_offsets=[0, 0]),
             ["model.layers.7.extra.weight"]),
        ]
        for name, change, words in cases:
            self.refuse_model(name, self.changed_weights(change), words)

    def test_config(self):
        for name, values, words in [
                ("unknown architecture", {"architectures": ["MysteryForCausalLM"], "model_type": "mystery"},
                 ["mystery"]),
                ("hidden size contradicts the weights", {"hidden_size": 128}, []),
                ("more layers than weights", {"num_hidden_layers": 5}, ["layers.2"]),
                ("fewer layers than weights", {"num_hidden_layers": 1}, ["layers.1"]),
                ("heads that do not divide", {"num_key_value_heads": 3}, ["num_key_value_heads"]),
                ("no heads", {"num_attention_heads": 0}, ["num_attention_heads"]),
                ("a string for a number", {"hidden_size": "64"}, ["hidden_size"]),
                ("larger vocabulary", {"vocab_size": 100000}, []),
                ("unknown rope", {"rope_parameters": {"rope_type": "spiral", "rope_theta": 1e4}}, ["spiral"]),
                ("unknown activation", {"hidden_act": "sawtooth"}, ["sawtooth"])]:
            self.refuse_model(name, self.changed_json("config.json", **values), words)
        self.refuse_model("no JSON", self.replaced("config.json", b"{"), ["config.json"])
        self.refuse_model("no config", self.broken(lambda folder: (folder / "config.json").unlink()), ["config.json"])
        self.refuse_model("no weights", self.broken(lambda folder: (folder / "model.safetensors").unlink()), [])
        self.refuse_model("no folder", self.path("nowhere"), ["nowhere"])

    def test_shards(self):
        def shards(change):
            folder = self.work / "sharded"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(GOLDEN / "models" / "bias", folder)
            index = folder / "model.safetensors.index.json"
            content = json.loads(index.read_text())
            change(folder, content)
            index.write_text(json.dumps(content))
            return str(folder)

        second = "model-00002-of-00002.safetensors"
        self.refuse_model("missing shard", shards(lambda folder, index: (folder / second).unlink()), [second])
        self.refuse_model("a shard outside", shards(
            lambda folder, index: index["weight_map"].update({"lm_head.weight": "../../x.safetensors"})), [])
        self.refuse_model("a tensor in the wrong shard", shards(
            lambda folder, index: index["weight_map"].update(
                {"lm_head.weight": second if index["weight_map"]["lm_head.weight"] != second
                 else "model-00001-of-00002.safetensors"})), ["lm_head.weight"])

    def test_tokenizer(self):
        self.refuse_model("no JSON", self.replaced("tokenizer.json", b'{"model": '), ["tokenizer"])
        self.refuse_model("no model", self.replaced("tokenizer.json", b'{"version": "1.0"}'), ["tokenizer"])
        self.refuse_model("no file", self.broken(lambda folder: (folder / "tokenizer.json").unlink()), ["tokenizer"])

    def test_chat_templates(self):
        data = self.write("chats.jsonl", CHATS)
        for name, source, words in [
                ("does not parse", b"{% for message in messages %}{{ message", ["template"]),
                ("raises", b"{{ raise_exception('no such thing here') }}", ["no such thing here"]),
                ("has no end", b"{% for i in range(99999) %}{% for j in range(99999) %}{{ j }}{% endfor %}{% endfor %}",
                 ["template"]),
                ("calls what is not there", b"{{ frobnicate(messages) }}", ["template"])]:
            with self.subTest(name):
                done = self.hone("finetune", "--model_name_or_path", self.replaced("chat_template.jinja", source),
                                 "--data_name", data, "--output_path", "out", "--max_steps", 1, "--eval_split", "none",
                                 code=BAD_MODEL if name == "does not parse" else BAD_DATA)
                self.check_error(done, words)

    def test_gguf(self):
        def text(value):
            return struct.pack("<Q", len(value)) + value.encode()

        head = b"GGUF" + struct.pack("<I", 3)
        architecture = text("general.architecture") + struct.pack("<I", 8)
        for name, content in [
                ("empty", b""), ("magic", b"GGUX" + b"\0" * 100), ("version", b"GGUF" + struct.pack("<IQQ", 99, 0, 0)),
                ("cut", head + struct.pack("<Q", 1)),
                ("too many tensors", head + struct.pack("<QQ", 1 << 60, 0)),
                ("too many keys", head + struct.pack("<QQ", 0, 1 << 60)),
                ("a string longer than the file", head + struct.pack("<QQ", 0, 1) + struct.pack("<Q", 1 << 50)),
                ("unknown type of a value", head + struct.pack("<QQ", 0, 1) + text("a") + struct.pack("<I", 77)),
                ("no architecture", head + struct.pack("<QQ", 0, 0)),
                ("unknown architecture", head + struct.pack("<QQ", 0, 1) + architecture + text("mystery"))]:
            self.refuse_model(name, self.write("bad.gguf", content), [])


class BadAdapterTest(ErrorTest):
    def refuse_adapter(self, folder, words, code=BAD_MODEL):
        data = self.write("chats.jsonl", CHATS)
        done = self.hone("evaluate", "--model_name_or_path", TINY, "--adapter_path", folder, "--data_name", data,
                         code=code)
        self.check_error(done, words)
        self.refuse(data, code, words, "--adapter_path", folder)

    def copy(self, **values):
        folder = self.work / "adapter"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(GOLDEN / "adapters" / "tied-lora", folder)
        config = json.loads((folder / "adapter_config.json").read_text())
        config.update(values)
        (folder / "adapter_config.json").write_text(json.dumps(config))
        return folder

    def test_adapters(self):
        self.refuse_adapter(GOLDEN / "adapters" / "odd-head", [])
        self.refuse_adapter(GOLDEN / "adapters" / "llama3-rslora", [])
        self.refuse_adapter(self.path("nowhere"), ["nowhere"])
        for values, words in [({"use_dora": True}, ["lora_magnitude_vector"]), ({"peft_type": "VERA"}, ["VERA"]),
                              ({"r": 0}, ["r"]), ({"r": 3}, []), ({"r": 5000}, []), ({"bias": "all"}, ["bias"]),
                              ({"target_modules": ["no_such_proj"]}, ["no_such_proj"]),
                              ({"target_modules": "(unclosed"}, [])]:
            with self.subTest(str(values)):
                self.refuse_adapter(self.copy(**values), words)
        folder = self.copy()
        (folder / "adapter_config.json").write_text("{")
        self.refuse_adapter(folder, ["adapter_config.json"])
        folder = self.copy()
        (folder / "adapter_model.safetensors").write_bytes(b"\0" * 20)
        self.refuse_adapter(folder, ["adapter_model.safetensors"])


class UsageTest(ErrorTest):
    def test_flags(self):
        data = self.write("chats.jsonl", CHATS)
        for arguments, words in [
                (["--learning_rat", "1e-3"], ["learning_rat", "--learning_rate"]),
                (["--lora_rank=4"], ["lora_rank"]),
                (["--max_steps", "many"], ["max_steps", "many"]),
                (["--lora_r", "0"], ["lora_r"]), (["--lora_r", "1000000"], ["lora_r"]),
                (["--lora_dropout", "1.5"], ["lora_dropout"]),
                (["--learning_rate", "-1"], ["learning_rate"]), (["--learning_rate", "nan"], ["learning_rate"]),
                (["--lr_scheduler_type", "zigzag"], ["zigzag", "cosine"]),
                (["--torch_dtype", "int3"], ["int3", "bfloat16"]),
                (["--method", "magic"], ["magic", "lora"]),
                (["--optim", "galore_adamw"], ["galore_adamw"]),
                (["--report_to", "carrier_pigeon"], ["carrier_pigeon"]),
                (["--target_modules", "no_such_proj"], ["no_such_proj", "q_proj"]),
                (["--modules_to_save", "no_such_module"], ["no_such_module"]),
                (["--per_device_train_batch_size", "0"], ["per_device_train_batch_size"]),
                (["--max_seq_len", "0"], ["max_seq_len"]),
                (["--resume_from_checkpoint", "nowhere"], ["nowhere"]),
                (["--deepspeed", "x.json"], ["deepspeed"]),
                (["--load_best_model_at_end"], ["load_best_model_at_end"]),
        ]:
            with self.subTest(" ".join(arguments)):
                done = self.finetune("out", data, *arguments, code=USAGE)
                self.check_error(done, words)
        self.check_error(self.hone("finetun", code=USAGE), ["finetun", "finetune"])
        self.check_error(self.hone("finetune", "--model_name_or_path", TINY, code=USAGE), ["data_name"])

    def test_variables(self):
        for name, value, words in [("HONE_SIMD", "sse9", ["HONE_SIMD", "sse9"]),
                                   ("HONE_KERNEL", "gemm:magic", ["HONE_KERNEL", "magic", "highway"])]:
            with self.subTest(name):
                done = self.hone("bench", "kernels", "--smoke", code=USAGE, environment={name: value})
                self.check_error(done, words)
        self.hone("--help", environment={"HONE_SIMD": "sse9"})

    def test_help_is_no_error(self):
        for command in ("finetune", "evaluate", "generate", "chat", "models", "data", "bench"):
            self.assertIn("--", self.hone(command, "--help").stdout)
        text = self.hone("finetune", "--help").stdout
        for flag in ("--lora_r", "64", "--learning_rate", "0.0002", "--lr_scheduler_type", "constant"):
            self.assertIn(flag, text)


class OutputTest(ErrorTest):
    def test_a_folder_that_holds_something_else(self):
        data = self.write("chats.jsonl", CHATS)
        precious = self.write("out/thesis.txt", "years of work")
        self.check_error(self.finetune("out", data, "--max_steps", 1, code=USAGE), ["out"])
        self.assertEqual(os.listdir(self.work / "out"), ["thesis.txt"])
        self.assertEqual(pathlib.Path(precious).read_text(), "years of work")
        self.check_error(self.finetune("chats.jsonl", data, "--max_steps", 1, code=USAGE), ["chats.jsonl"])

    def test_no_permission(self):
        data = self.write("chats.jsonl", CHATS)
        # Not even root may make a folder there.
        done = subprocess.run([HONE, "finetune", "--model_name_or_path", TINY, "--data_name", data, "--output_path",
                               "/proc/hone-out", "--max_steps", "1", "--eval_split", "none"],
                              capture_output=True, text=True, env=self.environment)
        self.assertIn(done.returncode, (USAGE, TRAINING_FAILED), done.stderr)
        self.check_error(done, ["/proc/hone-out"])

    def limited(self, size, *arguments):
        """Runs hone where no file can grow past `size` bytes: what a full disk looks like to a program."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return subprocess.run([HONE, *map(str, arguments)], cwd=self.work, env=self.environment, capture_output=True,
                              text=True, preexec_fn=limit, timeout=120)

    def test_no_space_left(self):
        data = self.write("chats.jsonl", many_chats(20))
        command = ["finetune", "--model_name_or_path", TINY, "--data_name", data, "--output_path", "out", "--lora_r", 8,
                   "--eval_split", "none", "--target_modules", "all-linear", "--save_steps", 5, "--logging_steps", 1,
                   "--max_steps", 20]
        done = self.limited(60000, *command)
        self.assertEqual(done.returncode, TRAINING_FAILED, done.stderr)
        self.check_error(done, ["out"])
        self.assertFalse((self.work / "out/adapter/adapter_model.safetensors").exists())
        checkpoints = self.work / "out/checkpoints"
        self.assertEqual([path.name for path in checkpoints.iterdir()] if checkpoints.exists() else [], [])
        # With room again the same command goes through.
        self.hone(*command)
        self.assertTrue((self.work / "out/adapter/adapter_model.safetensors").is_file())

    def test_the_last_checkpoint_survives_a_full_disk(self):
        data = self.write("chats.jsonl", many_chats(20))

        def command(out):
            return ["finetune", "--model_name_or_path", TINY, "--data_name", data, "--output_path", out, "--eval_split",
                    "none", "--lora_r", 8, "--target_modules", "all-linear", "--save_steps", 5, "--logging_steps", 1,
                    "--max_steps", 40, "--lora_dropout", 0.1]
        process = self.start(*command("out"))
        while process.poll() is None and not (self.work / "out/checkpoints/step-10").exists():
            pass
        process.kill()
        process.communicate()
        kept = sorted(path.name for path in (self.work / "out/checkpoints").glob("step-*"))
        self.assertIn("step-10", kept)
        done = self.limited(60000, *command("out"))
        self.assertEqual(done.returncode, TRAINING_FAILED, done.stderr)
        self.assertLessEqual(set(kept), {path.name for path in (self.work / "out/checkpoints").iterdir()})
        self.hone(*command("out"))
        self.hone(*command("whole"))
        self.assertEqual(self.sha256("out/adapter/adapter_model.safetensors"),
                         self.sha256("whole/adapter/adapter_model.safetensors"))


class DivergenceTest(ErrorTest):
    def test_a_loss_that_is_no_number_fails_the_run(self):
        data = self.write("chats.jsonl", many_chats(20))
        done = self.finetune("out", data, "--max_steps", 50, "--learning_rate", "1e12", "--lora_alpha", "1e12",
                             "--max_grad_norm", 0, code=TRAINING_FAILED)
        self.check_error(done, ["step"])
        self.assertFalse((self.work / "out/adapter/adapter_model.safetensors").exists())


if __name__ == "__main__":
    unittest.main()
