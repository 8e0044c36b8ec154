"""Everything that a run leaves: complete, in the formats that others read, and nothing beside it."""
import hashlib
import json
import math
import struct
import unittest
import xml.etree.ElementTree

from support import CHATS, TINY, HoneTest, many_chats

METRICS = {"step", "epoch", "loss", "learning_rate", "grad_norm", "tokens", "tokens_per_second", "token_accuracy"}


def crc32c(data):
    """Castagnoli's CRC, bit by bit: TensorBoard's records carry it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(crc):
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def read_records(content):
    """TFRecord: length, its CRC, bytes, their CRC."""
    at = 0
    while at < len(content):
        head = content[at:at + 8]
        (length,), (check,) = struct.unpack("<Q", head), struct.unpack("<I", content[at + 8:at + 12])
        assert masked(crc32c(head)) == check, f"CRC of the length at {at}"
        record = content[at + 12:at + 12 + length]
        assert len(record) == length, f"record at {at} is cut"
        (check,) = struct.unpack("<I", content[at + 12 + length:at + 16 + length])
        assert masked(crc32c(record)) == check, f"CRC of the record at {at}"
        yield record
        at += 16 + length


def read_fields(message):
    """(number, value) of a protobuf message: integers, bytes, or the raw bytes of fixed-size fields."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 2: None, 5: 4}[kind]
            size = varint() if size is None else size
            yield key >> 3, message[at:at + size]
            at += size


def read_scalars(content):
    """{(tag, step): value} of an event file; checks that the first record names the format's version."""
    scalars = {}
    for index, record in enumerate(read_records(content)):
        fields = dict(read_fields(record))
        if index == 0:
            assert fields[3] == b"brain.Event:2", fields
        for number, value in read_fields(fields.get(5, b"")):
            assert number == 1
            entry = dict(read_fields(value))
            scalars[entry[1].decode(), fields.get(2, 0)] = struct.unpack("<f", entry[2])[0]
    return scalars


class OutputsTest(HoneTest):
    def setUp(self):
        super().setUp()
        self.data = self.write("chats.jsonl", many_chats(80))
        self.hone("finetune", "--model_name_or_path", TINY, "--data_name", self.data, "--output_path", "out",
                  "--lora_r", 4, "--target_modules", "all-linear", "--max_steps", 20, "--logging_steps", 2,
                  "--eval_steps", 5, "--save_steps", 5, "--save_total_limit", 2, "--task_name", "words",
                  "--max_seq_len", 128, "--per_device_train_batch_size", 2)

    def test_tree(self):
        out = self.work / "out"
        for name in ("adapter/adapter_config.json", "adapter/adapter_model.safetensors", "metrics.jsonl", "run.json",
                     "README.md"):
            self.assertGreater((out / name).stat().st_size, 0, name)
        self.assertEqual(len(list(out.glob("*.svg"))), 1)
        self.assertEqual(sorted(path.name for path in (out / "checkpoints").iterdir())[0], "step-15")
        self.assertEqual(sorted(path.name for path in (out / "checkpoints").iterdir()), ["step-15", "step-20"])
        self.assertFalse([path for path in out.rglob("*") if "tmp" in path.name.lower()], "temporary files remain")
        # Nothing beside the output folder and the cache.
        self.assertEqual(sorted(path.name for path in self.work.iterdir()), ["chats.jsonl", "out"])
        self.assertEqual(list((self.folder / "home").rglob("*")), [])

    def test_metrics(self):
        lines = self.metrics("out")
        training = [line for line in lines if "loss" in line]
        self.assertEqual([line["step"] for line in training], list(range(2, 21, 2)))
        for line in training:
            self.assertLessEqual(METRICS, line.keys())
            self.assertTrue(any("memory" in key for key in line), line)
            self.assertTrue(all(math.isfinite(line[key]) for key in METRICS), line)
        evaluations = [line for line in lines if "eval_loss" in line]
        self.assertEqual([line["step"] for line in evaluations], [5, 10, 15, 20])
        tokens = [line["tokens"] for line in training]
        self.assertEqual(tokens, sorted(set(tokens)))

    def test_tensorboard(self):
        files = list((self.work / "out").rglob("events.out.tfevents*"))
        self.assertEqual(len(files), 1)
        scalars = read_scalars(files[0].read_bytes())
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)  # the check value of the CRC's definition
        for line in self.metrics("out"):
            for key, part in (("loss", "train"), ("eval_loss", "eval")):
                if key in line:
                    found = [value for (tag, step), value in scalars.items()
                             if step == line["step"] and tag.startswith(part) and tag.endswith("loss")]
                    self.assertEqual(len(found), 1, f"{part} loss of step {line['step']} in {sorted(scalars)[:8]}")
                    self.assertAlmostEqual(found[0], line[key], places=4)

    def test_run_json(self):
        run = self.read_json("out/run.json")
        text = json.dumps(run)
        for word in ("hone", "lora_r", "learning_rate", "words", "seed", "cpu", "peak_memory", "sha256"):
            self.assertIn(word, text.lower())
        config = self.read_json("out/adapter/adapter_config.json")
        self.assertEqual(config["peft_type"], "LORA")
        self.assertEqual(config["r"], 4)
        self.assertEqual(sorted(config["target_modules"]),
                         ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"])

    def test_adapter_file(self):
        content = (self.work / "out/adapter/adapter_model.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8:8 + length])
        header.pop("__metadata__", None)
        self.assertEqual(len(header), 2 * 7 * 2, "A and B of seven layers in two blocks")
        name = "base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"
        self.assertEqual(header[name]["shape"], [4, 160])
        self.assertEqual(header[name.replace("lora_A", "lora_B")]["shape"], [64, 4])
        self.assertEqual({entry["dtype"] for entry in header.values()}, {"F32"})
        self.assertEqual(8 + length + max(entry["data_offsets"][1] for entry in header.values()), len(content))

    def test_checkpoint_manifest(self):
        folder = self.work / "out/checkpoints/step-20"
        manifest = json.loads((folder / "manifest.json").read_text())
        files = sorted(path.name for path in folder.iterdir() if path.name != "manifest.json")
        text = json.dumps(manifest)
        for name in files:
            self.assertIn(name, text)
            self.assertIn(hashlib.sha256((folder / name).read_bytes()).hexdigest(), text)

    def test_loss_curve_and_card(self):
        (curve,) = (self.work / "out").glob("*.svg")
        root = xml.etree.ElementTree.parse(curve).getroot()
        self.assertTrue(root.tag.endswith("svg"))
        shapes = [element for element in root.iter() if element.tag.rpartition("}")[2] in ("polyline", "path")]
        self.assertGreaterEqual(len(shapes), 2, "a curve of training and one of evaluation")
        card = (self.work / "out/README.md").read_text()
        for word in ("hone", "peft", "words"):
            self.assertIn(word, card.lower())


class CodedWeightsTest(HoneTest):
    def test_evaluate_says_what_coded_weights_cost(self):
        data = self.write("chats.jsonl", CHATS)
        exact = self.evaluate(data)["loss"]
        for weights, bound in (("int8", 0.01), ("int4", 0.03)):
            loss = self.evaluate(data, "--weights", weights)["loss"]
            self.assertNotEqual(loss, exact)
            self.assertLess(abs(loss / exact - 1), bound, weights)
        done = self.hone("evaluate", "-m", TINY, "-d", data, "--weights", "int8", "--torch_dtype", "float32", code=2)
        self.assertIn("exclude each other", done.stderr)


if __name__ == "__main__":
    unittest.main()
