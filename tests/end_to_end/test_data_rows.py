"""Data files as people have them: what `hone data check` and `hone finetune` read out of them and say of it."""
import json
import unittest

from support import BAD_DATA, CHATS, TINY, USAGE, HoneTest, chat


class DataRowsTest(HoneTest):
    def check(self, data, *arguments, code=0):
        """The report of `data check` as JSON."""
        done = self.hone("data", "check", data, "-m", TINY, "--eval_split", "none", "--json", *arguments, code=code)
        return json.loads(done.stdout)

    def test_turns_that_may_not_be_trained(self):
        turns = [{"from": "human", "value": "hi", "loss": None}, {"from": "gpt", "value": "OK OK OK", "loss": False},
                 {"from": "human", "value": "hi", "loss": None}, {"from": "gpt", "value": "ho", "loss": True}]
        messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "OK OK OK", "train": False},
                    {"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
        short = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
        expected = self.check(self.write("short.jsonl", [{"messages": short}]))["label_tokens"]
        self.assertEqual(self.check(self.write("a.jsonl", [{"conversations": turns}]))["label_tokens"], expected)
        self.assertEqual(self.check(self.write("b.jsonl", [{"messages": messages}]))["label_tokens"], expected)

    def test_indented_and_wrapped_json(self):
        plain = self.check(self.write("plain.jsonl", CHATS[:2]))
        one = json.dumps(CHATS[0], indent=1), json.dumps(CHATS[1], indent=1)
        for name, text in (("pretty.jsonl", "".join(one)), ("pretty.json", "\n".join(one)),
                           ("array.jsonl", json.dumps(CHATS[:2], indent=1)),
                           ("wrapped.json", json.dumps({"version": 1, "data": CHATS[:2]}, indent=1)),
                           ("compact.json", json.dumps({"data": CHATS[:2]}))):
            with self.subTest(name):
                report = self.check(self.write(name, text))
                self.assertEqual((report["rows"], report["tokens"]), (2, plain["tokens"]))

    def test_carriage_returns(self):
        report = self.check(self.write("rows.csv", b"instruction,output\rfirst,one\rsecond,two\r"))
        self.assertEqual((report["rows"], report["good_rows"]), (2, 2))
        self.assertEqual(self.check(self.write("lines.txt", b"first\rsecond\rthird\r"))["rows"], 3)

    def test_a_spreadsheet_as_it_is(self):
        text = ("Question;Answer;Source\r\nWas ist Zinn, bitte?;Ein weiches Metall für Löter.;x\r\n"
                "Und Gas?;Helium.;y\r\n")
        data = self.write("faq.csv", text.encode("cp1252"))
        report = self.check(data)
        self.assertEqual(report["columns"], {"input": "Question", "output": "Answer"})
        self.assertEqual(report["unused_columns"], ["Source"])
        self.assertEqual(report["good_rows"], 2)
        notes = " ".join(report["notes"])
        self.assertIn("semicolons", notes)
        self.assertIn("Windows-1252 (\"für\")", notes)
        self.finetune("out", data, "--max_steps", 1, "--columns", "prompt=Question,completion=Answer",
                      "--csv_separator", ";")
        run = self.read_json("out/run.json")
        self.assertEqual(run["options"]["columns"], {"prompt": "Question", "completion": "Answer"})
        self.assertEqual(run["options"]["csv_separator"], ";")

    def test_a_label_column_is_named(self):
        data = self.write("train.csv", "text,topic\nlost my card,card_lost\nwhere is it,card_arrival\n")
        done = self.hone("data", "check", data, "-m", TINY, "--eval_split", "none")
        self.assertIn('The column "topic" is not used (--text_template', done.stdout)
        done = self.finetune("out", data, "--max_steps", 1)
        self.assertEqual((done.stdout + done.stderr).count('"topic" is not used'), 1)
        template = "Query: {text}\\nIntent: [[{topic}]]"
        marked = self.check(data, "--text_template", template)
        whole = self.check(data, "--text_template", template.replace("[[", "").replace("]]", ""))
        self.assertEqual(marked["tokens"], whole["tokens"])
        self.assertLess(marked["label_tokens"], whole["label_tokens"] // 2)
        self.assertEqual(marked["unused_columns"], [])

    def test_rows_without_an_answer_are_refused(self):
        data = self.write("faq.csv", "question,answer\na,b\nc,\n,\n")
        self.assertEqual(self.check(data, code=BAD_DATA)["bad_row_count"], 2)
        for template in ("Q: {question} A: {answer}", "Q: {question} A: [[{answer}]]!"):
            self.assertEqual(self.check(data, "--text_template", template, code=BAD_DATA)["bad_row_count"], 2)

    def test_many_like_errors_are_ten_and_a_count(self):
        data = self.write("rows.csv", "prompt,completion\n" + "x,y,z\n" * 3000)
        done = self.finetune("out", data, "--max_steps", 1, code=BAD_DATA)
        lines = done.stderr.splitlines()
        error = next(i for i, line in enumerate(lines) if line.startswith("error: "))
        self.assertIn("3,000 rows of 3,000 cannot be used:", lines[error])
        self.assertEqual(len(lines) - error, 13)
        self.assertIn("... and 2,990 more like this", lines[error + 11])
        done = self.hone("data", "check", data, "-m", TINY, code=BAD_DATA)
        self.assertLess(len(done.stdout.splitlines()), 40)
        self.assertEqual(len(self.check(data, code=BAD_DATA)["bad_rows"]), 3000)

    def test_what_hone_does_not_read_is_named(self):
        rows = [{"prompt": "q", "chosen": "a", "rejected": "b"}]
        done = self.finetune("out", self.write("dpo.jsonl", rows), code=BAD_DATA)
        self.assertIn("preferences", done.stderr)
        done = self.hone("data", "check", "-", "-m", TINY, code=USAGE)
        self.assertIn("standard input", done.stderr)
        pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
        done = self.finetune("out", self.write("rows.jsonl", pointer), code=BAD_DATA)
        self.assertIn("Git LFS pointer", done.stderr)

    def test_the_test_file_beside_is_named(self):
        self.write("set/train.jsonl", CHATS)
        self.write("set/test.jsonl", [chat("x", "y")])
        done = self.hone("data", "check", "set", "-m", TINY)
        self.assertIn("test.jsonl is not used: --eval_split test would evaluate on it", done.stdout)


if __name__ == "__main__":
    unittest.main()
