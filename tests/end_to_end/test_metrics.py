"""What a model answers, measured: a model that learned a few labels beside its base, and what makes no sense."""
import json
import unittest

from support import BAD_DATA, CHATS, TINY, USAGE, HoneTest

WORDS = {"metal": ["iron", "tin", "gold", "copper"], "gas": ["neon", "helium", "argon", "xenon"]}
ROWS = [(f"{word} {n}", label) for n in range(4) for label, words in WORDS.items() for word in words]


class MetricsTest(HoneTest):
    def bank(self, name="train.csv"):
        return self.write(name, "text,category\n" + "".join(f"{text},{label}\n" for text, label in ROWS))

    def measure(self, data, *arguments, model=("-m", TINY)):
        """The JSON of an evaluation, and the rows of its predictions."""
        self.hone("evaluate", *model, "-d", data, "-o", "result.json", "--predictions", "rows.jsonl", *arguments)
        rows = (self.work / "rows.jsonl").read_text().splitlines()
        return self.read_json("result.json"), [json.loads(row) for row in rows]

    def test_a_tuned_classifier_beside_its_base(self):
        data = self.bank()
        done = self.finetune("out", data, "--max_steps", 40, "--learning_rate", 0.01, "--lora_dropout", 0,
                             "--lr_scheduler_type", "linear")
        self.assertIn('"category" as label', done.stdout + done.stderr)
        base, rows = self.measure(data, "--metrics", "accuracy,f1,perplexity")
        self.assertEqual(base["metrics"]["accuracy"], 0)
        self.assertEqual(base["metrics"]["no_label"]["rows"], len(ROWS))
        self.assertEqual([row["reference"] for row in rows], [label for _, label in ROWS])
        self.assertEqual([row["prompt"] for row in rows], [text for text, _ in ROWS])
        tuned, rows = self.measure(data, "--metrics", "accuracy,f1,perplexity", model=("-a", "out"))
        self.assertGreater(tuned["metrics"]["accuracy"], 0.9)
        self.assertGreater(tuned["metrics"]["f1"]["macro"], 0.9)
        self.assertLess(tuned["perplexity"], base["perplexity"])
        right = [row["prediction"] == row["reference"] for row in rows]
        self.assertEqual(right, [row["scores"]["correct"] for row in rows])
        self.assertAlmostEqual(sum(right) / len(rows), tuned["metrics"]["accuracy"])
        self.assertEqual({row["line"] for row in rows}, set(range(2, len(ROWS) + 2)))

        # Of its labels the likeliest one; the base has to choose one too.
        chosen, rows = self.measure(data, "--metrics", "accuracy", "--constrain_labels", model=("-a", "out"))
        self.assertGreater(chosen["metrics"]["accuracy"], 0.9)
        self.assertTrue(all(0.5 <= row["probability"] <= 1 for row in rows))
        chosen, rows = self.measure(data, "--metrics", "accuracy", "--constrain_labels")
        self.assertEqual(chosen["metrics"]["no_label"]["rows"], 0)
        self.assertLessEqual({row["prediction"] for row in rows}, set(WORDS))

        table = self.hone("evaluate", "-a", "out", "-d", data, "--metrics", "accuracy,f1").stdout
        for line in ("accuracy", "F1", "macro", "metal  F1 ", "answers"):
            self.assertIn(line, table)
        self.assertNotIn("perplexity", table)

    def test_all_metrics_of_texts(self):
        data = self.write("chats.jsonl", CHATS)
        result, rows = self.measure(data, "--metrics", "accuracy,f1,bleu,chrf,rouge,exact_match,perplexity",
                                    "--max_new_tokens", 8)
        self.assertEqual(set(result["metrics"]), {"exact_match", "token_f1", "bleu", "chrf", "rouge"})
        self.assertIn("perplexity", result)
        self.assertEqual(result["answers"]["max_new_tokens"], 8)
        self.assertEqual(len(rows), len(CHATS))
        for row in rows:
            self.assertLessEqual(row["new_tokens"], 8)
            self.assertLessEqual({"exact_match", "token_f1", "bleu", "chrf", "rouge1", "rougeLsum"},
                                 set(row["scores"]))
        again = self.measure(data, "--metrics", "bleu", "--max_new_tokens", 8, "--per_device_eval_batch_size", 3)
        self.assertEqual([row["prediction"] for row in again[1]], [row["prediction"] for row in rows])
        self.assertNotIn("loss", again[0])

    def test_numbers_behind_a_mark(self):
        rows = [{"prompt": f"{n} and 1?", "completion": f"so #### {n + 1}"} for n in range(6)]
        data = self.write("sums.jsonl", rows)
        done = self.hone("evaluate", "-m", TINY, "-d", data, "--metrics", "exact_match,spearman", "--answer_after",
                         "####", "--max_new_tokens", 2, "--json", "--predictions", "rows.jsonl")
        first = json.loads((self.work / "rows.jsonl").read_text().splitlines()[0])
        self.assertEqual(first["compared"], {"reference": " 1", "prediction": first["prediction"]})
        metrics = json.loads(done.stdout)["metrics"]
        self.assertEqual(metrics["exact_match"], 0)
        self.assertEqual(metrics["no_number"], 6)

    def test_what_makes_no_sense_is_refused(self):
        bank, chats = self.bank(), self.write("chats.jsonl", CHATS)
        text = self.write("text.jsonl", [{"text": "some words"}])
        for data, arguments, code, words in (
                (bank, ["--metrics", "acuracy"], USAGE, "did you mean accuracy?"),
                (bank, ["--metrics", "perplexity", "--predictions", "x"], USAGE, "no metric of answers"),
                (bank, ["--max_new_tokens", 4], USAGE, "no metric of answers"),
                (bank, ["--metrics", "bleu", "--constrain_labels"], USAGE, "needs a metric of labels"),
                (bank, ["--metrics", "accuracy", "--constrain_labels", "--temperature", 1], USAGE, "draws no tokens"),
                (bank, ["--metrics", "accuracy", "--rouge_stemmer"], USAGE, "rouge is not among"),
                (bank, ["--metrics", "accuracy", "--lowercase"], USAGE, "neither bleu nor chrf"),
                (bank, ["--metrics", "accuracy", "--per_row", "--json"], USAGE, "add loss"),
                (bank, ["--metrics", "accuracy", "--labels", "gas"], BAD_DATA, '"metal", which --labels'),
                (bank, ["--metrics", "accuracy", "--max_new_tokens", 0], USAGE, "below 1"),
                (chats, ["--metrics", "accuracy", "--constrain_labels"], USAGE, "are no labels"),
                (chats, ["--metrics", "recall"], USAGE, "8 different texts"),
                (chats, ["--metrics", "json"], BAD_DATA, "is no JSON"),
                (text, ["--metrics", "bleu"], BAD_DATA, "line 1: the whole text is trained")):
            with self.subTest(arguments=arguments):
                done = self.hone("evaluate", "-m", TINY, "-d", data, *arguments, code=code)
                self.assertIn(words, done.stderr)
        self.assertFalse((self.work / "x").exists())

    def test_labels_that_are_numbers(self):
        data = self.write("numbers.jsonl", [{"text": text, "label": int(label == "gas")} for text, label in ROWS])
        self.finetune("out", data, "--max_steps", 1, "--label_names", "metal,gas")
        self.assertEqual(self.read_json("out/run.json")["options"]["label_names"], ["metal", "gas"])
        done = self.hone("evaluate", "-a", "out", "-d", data, "--metrics", "accuracy", "--json")
        self.assertIn("--label_names metal,gas", done.stderr)
        self.assertEqual(list(json.loads(done.stdout)["metrics"]["labels"]), ["gas", "metal"])
        done = self.finetune("bad", data, "--max_steps", 1, "--label_names", "metal", code=BAD_DATA)
        self.assertIn('"label" is 1, and --label_names names 0 to 0', done.stderr)


if __name__ == "__main__":
    unittest.main()
