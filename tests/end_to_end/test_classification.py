"""--task text-classification and token-classification, and what comes of them, as a user has them."""
import json
import unittest

from support import BAD_DATA, TINY, USAGE, HoneTest

METALS = ["tin", "iron", "gold", "copper"]
GASES = ["neon", "helium", "oxygen", "argon"]


def texts(count):
    """What is said of a metal or a gas, and which it is."""
    rows = []
    for i in range(count):
        names, label = (METALS, "metal") if i % 2 else (GASES, "gas")
        rows.append({"text": f"The {names[i // 2 % 4]} is in the {'street air wall lamp'.split()[i // 3 % 4]}.",
                     "label": label})
    return rows


def tagged(count):
    rows = []
    for i in range(count):
        metal, gas = METALS[i % 4], GASES[i // 2 % 4]
        rows.append({"tokens": ["The", metal, "and", "noble", gas, "of", "the", "star"],
                     "ner_tags": ["O", "B-metal", "O", "B-gas", "I-gas", "O", "O", "O"]})
    return rows


def conll(rows):
    return "\n".join("".join(f"{word}\t{tag}\n" for word, tag in zip(row["tokens"], row["ner_tags"])) for row in rows)


class ClassificationTest(HoneTest):
    def train(self, out, data, *arguments, task="text-classification", **options):
        return self.finetune(out, data, "--task", task, "--learning_rate", "5e-3", "--max_steps", 30,
                             "--per_device_train_batch_size", 8, "--torch_dtype", "float32", *arguments, **options)

    def measure(self, out, data, *arguments):
        done = self.hone("evaluate", "-m", TINY, "-a", out, "--data_name", data, "--torch_dtype", "float32", "--json",
                         *arguments)
        return json.loads(done.stdout)

    def test_texts_are_classified(self):
        data = self.write("texts.jsonl", texts(32))
        done = self.train("out", data)
        config = self.read_json("out/adapter/adapter_config.json")
        self.assertEqual((config["task_type"], config["modules_to_save"]), ("SEQ_CLS", ["score"]))
        self.assertEqual(self.read_json("out/adapter/labels.json"),
                         {"id2label": {"0": "gas", "1": "metal"}, "problem_type": "single_label_classification"})
        run = self.read_json("out/run.json")
        self.assertEqual((run["options"]["task"], run["data"]["labels"]), ("text-classification", ["gas", "metal"]))
        self.assertIn("hone classify", done.stdout)
        self.assertIn("pipeline_tag: text-classification", (self.work / "out" / "README.md").read_text())
        result = self.measure("out", data)
        self.assertGreater(result["metrics"]["accuracy"], 0.95)
        self.assertEqual(sum(map(sum, result["metrics"]["confusion_matrix"]["rows"])), 32)
        self.assertEqual(result["tokens"], 32)
        answered = self.hone("classify", "-m", TINY, "-a", "out", "--json", "--text", "The neon is in the lamp.",
                             "--text", "The iron is in the wall.")
        lines = [json.loads(line) for line in answered.stdout.splitlines()]
        self.assertEqual([line["label"] for line in lines], ["gas", "metal"])
        self.assertAlmostEqual(sum(lines[0]["probabilities"].values()), 1, 5)
        shown = self.hone("classify", "-m", TINY, "-a", "out", "--text", "The neon is in the lamp.")
        self.assertIn("gas (", shown.stdout)
        refused = self.hone("generate", "-m", TINY, "-a", "out", "--prompt", "x", code=USAGE)
        self.assertIn("hone classify", refused.stderr)

    def test_a_stopped_run_ends_with_the_same_bytes(self):
        data = self.write("texts.jsonl", texts(32))
        self.train("whole", data)
        self.train("cut", data, "--max_steps", 30, "--save_steps", 10)
        name = "adapter/adapter_model.safetensors"
        self.assertEqual(self.sha256("whole/" + name), self.sha256("cut/" + name))
        # The step-20 checkpoint of another folder goes on to the same end.
        again = self.train("again", data, "--resume_from_checkpoint", self.path("cut/checkpoints/step-20"))
        self.assertIn("20", again.stdout + again.stderr)
        self.assertEqual(self.sha256("whole/" + name), self.sha256("again/" + name))
        other = self.train("again", data, "--focal_gamma", 2, "--resume_from_checkpoint",
                           self.path("cut/checkpoints/step-20"), code=USAGE)
        self.assertIn("focal_gamma", other.stderr)

    def test_every_weight_and_merge_make_a_classifier(self):
        data = self.write("texts.jsonl", texts(32))
        self.hone("finetune", "-m", TINY, "-d", data, "-o", "full", "--task", "text-classification", "--method", "full",
                  "--eval_split", "none", "--learning_rate", "2e-3", "--max_steps", 30, "--torch_dtype", "float32")
        config = self.read_json("full/model/config.json")
        self.assertEqual(config["architectures"], ["LlamaForSequenceClassification"])
        self.assertEqual((config["id2label"], config["label2id"]),
                         ({"0": "gas", "1": "metal"}, {"gas": 0, "metal": 1}))
        done = self.hone("evaluate", "-m", "full/model", "--data_name", data, "--metrics", "accuracy,f1", "--json")
        self.assertGreater(json.loads(done.stdout)["metrics"]["accuracy"], 0.9)
        self.train("out", data)
        self.hone("merge", "-m", TINY, "-a", "out", "-o", "merged")
        self.assertEqual(self.read_json("merged/config.json")["architectures"], ["LlamaForSequenceClassification"])
        probabilities = [
            json.loads(self.hone("classify", *which, "--json", "--text", "The gold is in the air.").stdout)
            ["probabilities"]["metal"] for which in (("-m", TINY, "-a", "out"), ("-m", "merged"))]
        self.assertAlmostEqual(*probabilities, delta=0.02)

    def test_several_labels(self):
        rows = [{"text": f"{a} {b}", "label": sorted({k for k, names in (("metal", METALS), ("gas", GASES))
                                                     if a in names or b in names})}
                for a in METALS + GASES + ["water"] for b in METALS + GASES + ["water"]]
        data = self.write("rows.jsonl", rows)
        self.train("out", data, "--problem_type", "multi_label_classification", "--max_steps", 60)
        result = self.measure("out", data)
        self.assertGreater(result["metrics"]["accuracy"], 0.8)
        self.assertIn("hamming_loss", result["metrics"])
        line = json.loads(self.hone("classify", "-m", TINY, "-a", "out", "--json", "--text", "tin neon").stdout)
        self.assertEqual(set(line["labels"]), {"metal", "gas"})
        table = "text,label\n" + "\n".join(f"\"{row['text']}\",\"{'; '.join(row['label'])}\"" for row in rows)
        again = self.train("csv", self.write("rows.csv", table), "--problem_type", "multi_label_classification",
                           "--label_separator", ";", "--max_steps", 1)
        self.assertEqual(self.read_json("csv/adapter/labels.json")["id2label"], {"0": "gas", "1": "metal"})
        self.assertEqual(again.returncode, 0)

    def test_entities(self):
        rows = tagged(16)
        data = self.write("rows.conll", conll(rows))
        self.train("out", data, task="token-classification")
        self.assertEqual(self.read_json("out/adapter/adapter_config.json")["task_type"], "TOKEN_CLS")
        result = self.measure("out", data)
        self.assertGreater(result["metrics"]["entity_f1"]["f1"]["micro"], 0.95)
        line = json.loads(self.hone("classify", "-m", TINY, "-a", "out", "--json", "--text",
                                    "The tin and noble argon of the star").stdout)
        self.assertEqual([(entity["label"], entity["text"], entity["start"], entity["end"])
                          for entity in line["entities"]], [("metal", "tin", 4, 7), ("gas", "noble argon", 12, 23)])
        spans = [{"text": " ".join(row["tokens"]),
                  "spans": [{"start": 4, "end": 4 + len(row["tokens"][1]), "label": "metal"}]} for row in rows]
        self.train("spans", self.write("spans.jsonl", spans), "--max_steps", 1, task="token-classification")
        self.assertEqual(self.read_json("spans/adapter/labels.json")["id2label"], {"0": "B-metal", "1": "O"})

    def test_what_cannot_work_is_refused(self):
        data = self.write("texts.jsonl", texts(8))
        unseen = self.write("unseen.jsonl", texts(2) + [{"text": "Wood.", "label": "plant"}])
        done = self.hone("finetune", "-m", TINY, "-d", data, "-o", "out", "--task", "text-classification",
                         "--eval_data_files", unseen, code=BAD_DATA)
        self.assertIn("plant", done.stderr)
        self.assertIn("line 3", done.stderr)
        one = self.write("one.jsonl", [{"text": "a", "label": "x"}, {"text": "b", "label": "x"}])
        self.assertIn("\"x\"", self.train("out", one, code=BAD_DATA).stderr)
        for spans, says in (([[0, 5, "a"], [3, 8, "b"]], "overlap"), ([[4, 50, "a"]], "crosses the text")):
            bad = self.write("bad.jsonl", [{"text": "Tin is soft.", "spans": [[0, 3, "metal"]]},
                                           {"text": "Gold is not.", "spans": spans}])
            done = self.train("out", bad, task="token-classification", code=BAD_DATA)
            self.assertIn(says, done.stderr)
            self.assertIn("line 2", done.stderr)
        for arguments, says in ((("--objective", "dpo"), "--objective"), (("--text_field", "text"), "--text_field"),
                                (("--class_weights", "wood=2"), "wood"),
                                (("--problem_type", "multi_label", "--focal_gamma", 1), "--focal_gamma")):
            self.assertIn(says, self.train("out", data, *arguments, code=USAGE).stderr)
        self.assertIn("--task text-generation has no use for it",
                      self.finetune("out", data, "--focal_gamma", 1, code=USAGE).stderr)


if __name__ == "__main__":
    unittest.main()
