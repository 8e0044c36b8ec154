"""--task feature-extraction, and what comes of it, as a user has it."""
import json
import math
import unittest

from support import BAD_DATA, TINY, USAGE, HoneTest

METALS = ["tin", "iron", "gold", "copper"]
GASES = ["neon", "helium", "oxygen", "argon"]


def pairs(count):
    """Two words, alike where both are metals or both gases."""
    rows = []
    for i in range(count):
        first, second = (METALS, GASES)[i % 2], (METALS, GASES)[i // 2 % 2]
        rows.append({"text_a": f"the {first[i // 4 % 4]}", "text_b": f"a {second[i // 3 % 4]}",
                     "label": int(first is second)})
    return rows


class EmbeddingTest(HoneTest):
    def train(self, out, data, *arguments, **options):
        return self.finetune(out, data, "--task", "embedding", "--learning_rate", "5e-3", "--max_steps", 30,
                             "--per_device_train_batch_size", 8, "--torch_dtype", "float32", *arguments, **options)

    def measure(self, data, *which):
        done = self.hone("evaluate", *which, "--data_name", data, "--torch_dtype", "float32", "--json")
        return json.loads(done.stdout)["metrics"]

    def embed(self, *arguments):
        return [json.loads(line)["embedding"] for line in self.hone("embed", *arguments).stdout.splitlines()]

    def test_texts_that_are_alike_come_near_each_other(self):
        data = self.write("pairs.jsonl", pairs(32))
        before = self.measure_of_base(data)
        done = self.train("out", data)
        self.assertIn("hone embed", done.stdout)
        config = self.read_json("out/adapter/adapter_config.json")
        self.assertEqual((config["task_type"], config["lora_dropout"]), ("FEATURE_EXTRACTION", 0))
        pooling = self.read_json("out/adapter/1_Pooling/config.json")
        self.assertEqual((pooling["pooling_mode_mean_tokens"], pooling["pooling_mode_lasttoken"]), (True, False))
        self.assertEqual([module["type"].split(".")[-1] for module in self.read_json("out/adapter/modules.json")],
                         ["Transformer", "Pooling", "Normalize"])
        after = self.measure(data, "-m", TINY, "-a", "out")
        self.assertGreater(after["threshold_accuracy"]["accuracy"], max(0.9, before))
        self.assertGreater(after["spearman"], 0.7)
        texts = ("--text", "the tin", "--text", "a gold", "--text", "a neon")
        tin, gold, neon = self.embed("-m", TINY, "-a", "out", *texts)
        self.assertAlmostEqual(math.hypot(*tin), 1, 5)
        self.assertGreater(sum(a * b for a, b in zip(tin, gold)), sum(a * b for a, b in zip(tin, neon)))
        refused = self.hone("generate", "-m", TINY, "-a", "out", "--prompt", "x", code=USAGE)
        self.assertIn("hone embed", refused.stderr)
        refused = self.hone("evaluate", "-m", TINY, "-a", "out", "--data_name", data, "--metrics", "loss", code=USAGE)
        self.assertIn("spearman", refused.stderr)

    def measure_of_base(self, data):
        """The accuracy of the base, as a folder of embeddings: a run of one step with a rate of 0."""
        self.train("base", data, "--learning_rate", "0", "--max_steps", 1)
        return self.measure(data, "-m", TINY, "-a", "base")["threshold_accuracy"]["accuracy"]

    def test_a_stopped_run_ends_with_the_same_bytes(self):
        data = self.write("pairs.jsonl", pairs(32))
        name = "adapter/adapter_model.safetensors"
        self.train("whole", data, "--loss", "infonce")
        self.train("cut", data, "--loss", "infonce", "--save_steps", 10, "--threads", 1)
        self.assertEqual(self.sha256("whole/" + name), self.sha256("cut/" + name))
        self.train("again", data, "--loss", "infonce",
                   "--resume_from_checkpoint", self.path("cut/checkpoints/step-20"))
        self.assertEqual(self.sha256("whole/" + name), self.sha256("again/" + name))
        other = self.train("again", data, "--loss", "contrastive", "--resume_from_checkpoint",
                           self.path("cut/checkpoints/step-20"), code=USAGE)
        self.assertIn("loss", other.stderr)

    def test_every_weight_and_merge(self):
        rows = [{"sentence1": row["text_a"], "sentence2": row["text_b"], "score": 5.0 * row["label"]}
                for row in pairs(32)]
        table = "sentence1,sentence2,score\n" + "\n".join(",".join(map(str, row.values())) for row in rows)
        data = self.write("rows.csv", table)
        common = ["-d", data, "--task", "sentence-similarity", "--max_score", 5, "--loss", "cosine_similarity",
                  "--pooling", "lasttoken", "--eval_split", "none", "--max_steps", 30, "--torch_dtype", "float32"]
        self.hone("finetune", "-m", TINY, "-o", "full", "--method", "full", "--learning_rate", "2e-3", *common)
        self.assertTrue(self.read_json("full/model/1_Pooling/config.json")["pooling_mode_lasttoken"])
        self.assertGreater(self.measure(data, "-m", "full/model", "--max_seq_len", 64)["spearman"], 0.7)
        self.hone("finetune", "-m", TINY, "-o", "out", "--learning_rate", "5e-3", *common)
        self.hone("merge", "-m", TINY, "-a", "out", "-o", "merged")
        texts = ["--text", "the gold", "--text", "a neon"]
        for own, merged in zip(self.embed("-m", TINY, "-a", "out", *texts), self.embed("-m", "merged", *texts)):
            self.assertGreater(sum(a * b for a, b in zip(own, merged)), 0.999)

    def test_what_cannot_work_is_refused(self):
        rows = pairs(8)
        data = self.write("pairs.jsonl", rows)
        for row, why in (({"text_a": "x", "text_b": "y", "label": 3}, "--max_score"),
                         ({"text_a": "x", "text_b": "", "label": 1}, "\"text_b\" is empty"),
                         ({"text_a": "x", "text_b": "y", "label": "far"}, "must be a number")):
            done = self.train("out", self.write("bad.jsonl", rows + [row]), code=BAD_DATA)
            self.assertIn("line 9", done.stderr)
            self.assertIn(why, done.stderr)
        alike = self.write("alike.jsonl", [{"anchor": row["text_a"], "positive": row["text_b"]} for row in rows])
        self.assertIn("--loss infonce", self.train("out", alike, code=BAD_DATA).stderr)
        self.train("alike", alike, "--loss", "infonce", "--max_steps", 1)
        done = self.train("out", alike, "--loss", "infonce", "--per_device_train_batch_size", 1, code=BAD_DATA)
        self.assertIn("--per_device_train_batch_size", done.stderr)
        for flags, why in ((["--loss", "infonc"], "infonce"), (["--lora_dropout", "0.1"], "lora_dropout"),
                           (["--packing"], "packing"), (["--margin", "3"], "margin"),
                           (["--objective", "dpo"], "objective"), (["--text_field", "text_a"], "text_field")):
            self.assertIn(why, self.train("out", data, *flags, code=USAGE).stderr)
        self.assertIn("--task", self.finetune("out", data, "--loss", "infonce", code=USAGE).stderr)
        self.assertIn("text_a", self.train("out", self.write("x.jsonl", [{"text": "x", "label": 1}]),
                                           code=BAD_DATA).stderr)


if __name__ == "__main__":
    unittest.main()
