"""A model is asked as it was trained: the words of a run go with its adapter, and what it prints last is right."""
import json
import shlex
import unittest

from support import TINY, USAGE, HoneTest, many_chats

TEMPLATE = r"Query: {text}\nIntent: {category}"
ROWS = [("how do I pay", "pay"), ("where is my card", "card"), ("what a day", "other"), ("pay it now", "pay"),
        ("card is lost", "card"), ("nothing at all", "other")]


class AskedAsTrainedTest(HoneTest):
    def bank(self, name="train.csv"):
        return self.write(name, "text,category\n" + "".join(f"{text},{category}\n" for text, category in ROWS))

    def train(self, out, data, *arguments):
        return self.hone("finetune", "-m", TINY, "-d", data, "-o", out, "--eval_split", "none", "--max_steps", 2,
                         "--lora_r", 4, "--max_seq_len", 64, *arguments)

    def try_it(self, done):
        """The words of the command that a run ends with."""
        return shlex.split(done.stdout.split("Try it:")[1])

    def loss(self, *arguments):
        done = self.hone("evaluate", *arguments, "--output_file", "evaluate.json")
        return self.read_json("evaluate.json")["loss"], done

    def test_evaluate_takes_the_template_of_the_run(self):
        self.train("out", self.bank(), "--text_template", TEMPLATE)
        taken, done = self.loss("-a", "out", "-d", self.bank("test.csv"))
        self.assertIn("out/run.json", done.stderr)
        self.assertIn("--text_template", done.stderr)
        self.assertIn("--max_seq_len 64", done.stderr)
        same, done = self.loss("-a", "out", "-d", "test.csv", "--text_template", TEMPLATE, "--max_seq_len", 64)
        self.assertNotIn("run.json", done.stderr)
        self.assertEqual(taken, same)
        other, done = self.loss("-a", "out", "-d", "test.csv", "--text_field", "text")
        self.assertNotIn("--text_template", done.stderr)
        self.assertNotEqual(other, taken)
        # The adapter's own folder and a checkpoint's are the same run's.
        self.assertEqual(self.loss("-a", "out/adapter", "-d", "test.csv")[0], taken)

    def test_evaluate_takes_the_columns_and_the_date_of_the_run(self):
        data = self.write("faq.csv", "Q one;A one\nwhat is it;this\nwho is it;me\n")
        self.train("out", data, "--columns", "prompt=Q one,completion=A one", "--csv_separator", ";",
                   "--template_date", "2024-02-29")
        done = self.loss("-a", "out", "-d", data)[1]
        for words in ("--columns prompt=Q one,completion=A one", "--csv_separator ;", "--template_date 2024-02-29"):
            self.assertIn(words, done.stderr)

    def test_the_answer_in_brackets_is_asked_for(self):
        done = self.train("out", self.bank(), "--text_template", r"Query: {text}\nIntent: [[{category}]]")
        self.assertEqual(self.try_it(done)[-3:], ["--raw", "--prompt", r"Query: ...\nIntent:"])

    def test_a_whole_model_of_a_run_too(self):
        self.train_full = self.hone("finetune", "-m", TINY, "-d", self.bank(), "-o", "out", "--method", "full",
                                    "--eval_split", "none", "--max_steps", 1, "--text_template", TEMPLATE)
        self.assertIn("--text_template", self.loss("-m", "out/model", "-d", "train.csv")[1].stderr)

    def test_prompts_go_through_the_head_of_the_template(self):
        done = self.train("out", self.bank(), "--text_template", TEMPLATE)
        words = self.try_it(done)
        self.assertEqual(words[:2], ["hone", "generate"])
        self.assertEqual(words[-3:], ["--raw", "--prompt", r"Query: ...\nIntent:"])
        ask = ["generate", "-a", "out", "--max_new_tokens", 5]
        written_out = self.hone(*ask, "--raw", "--prompt", r"Query: pay it\nIntent:")
        self.assertNotIn("run.json", written_out.stderr)
        plain = self.hone(*ask, "--prompt", "pay it")
        self.assertEqual(plain.stdout, written_out.stdout)
        self.assertIn("out/run.json", plain.stderr)
        through_chat = self.hone(*ask, "--raw", "false", "--prompt", "pay it", "--json")
        self.assertNotIn("run.json", through_chat.stderr)
        self.assertNotIn('"prompt_tokens":%d,' % len("Query: pay it\nIntent:"), through_chat.stdout)
        # The others ask in the same words.
        chat = self.hone("chat", "-a", "out", "--temperature", 0, "--max_new_tokens", 5, input="pay it\npay it\n")
        self.assertIn("out/run.json", chat.stderr)
        once = self.hone(*ask, "--prompt", "pay it", "--temperature", 0).stdout
        self.assertEqual(chat.stdout, 2 * once)
        compared = self.hone("compare", "-a", "out", "--prompt", "pay it", "--max_new_tokens", 5, "--json")
        self.assertIn("out/run.json", compared.stderr)
        beside = self.hone("generate", "-m", TINY, "--adapter", "bank=out", "--max_new_tokens", 5, "--prompt_file",
                           self.write("prompts.jsonl", [{"prompt": "pay it", "adapter": "bank"}]), "--json")
        self.assertIn("out/run.json", beside.stderr)

    def test_adapters_combined_are_asked_as_all_of_them(self):
        self.train("one", self.bank(), "--text_template", TEMPLATE)
        self.train("two", "train.csv", "--text_template", TEMPLATE, "--max_seq_len", 48, "--seed", 7)
        done = self.hone("adapters", "combine", "-a", "one", "-a", "two", "-o", "both")
        self.assertEqual(done.stderr, "")
        ask = ["generate", "-a", "both", "--max_new_tokens", 5, "--prompt"]
        plain = self.hone(*ask, "pay it")
        self.assertIn("both/trained_form.json", plain.stderr)
        self.assertEqual(plain.stdout, self.hone(*ask, r"Query: pay it\nIntent:", "--raw").stdout)
        done = self.loss("-a", "both", "-d", self.bank("test.csv"))[1]
        self.assertIn("--text_template", done.stderr)
        # Side by side, each in its own words.
        row = json.loads(self.hone("compare", "-a", "one", "-a", "both", "--prompt", "pay it", "--max_new_tokens", 5,
                                   "--json").stdout)
        self.assertEqual([answer["adapter"] for answer in row["fine_tuned"]], ["one/adapter", "both"])
        same = json.loads(self.hone(*ask, "pay it", "--json").stdout)
        self.assertEqual(row["fine_tuned"][1]["text"], same["text"])
        self.train("three", "train.csv", "--text_template", "{text} is {category}")
        done = self.hone("adapters", "combine", "-a", "one", "-a", "three", "-o", "mixed")
        self.assertIn("one/adapter and three/adapter were trained with another text_template", done.stderr)
        done = self.hone("generate", "-a", "mixed", "--max_new_tokens", 5, "--prompt", "pay it")
        self.assertNotIn("trained_form", done.stderr)
        self.hone("adapters", "rm", "both")

    def test_a_template_of_several_questions_wants_the_text(self):
        self.train("out", self.bank(), "--text_template", "{category}: {text} ({category})")
        done = self.hone("generate", "-a", "out", "--prompt", "pay", code=USAGE)
        self.assertIn("--raw", done.stderr)

    def test_prompt_and_completion_are_continued(self):
        rows = [{"prompt": f"{text} =>\n", "completion": category} for text, category in ROWS]
        words = self.try_it(self.train("out", self.write("pc.jsonl", rows)))
        self.assertEqual(words[:2] + words[-3:], ["hone", "generate", "--raw", "--prompt", "..."])
        ask = ["generate", "-a", "out", "--max_new_tokens", 5, "--prompt", r"pay =>\n"]
        self.assertEqual(self.hone(*ask).stdout, self.hone(*ask, "--raw").stdout)
        self.assertNotEqual(self.hone(*ask, "--json").stdout, self.hone(*ask, "--json", "--raw", "false").stdout)

    def test_chats_are_asked_in_chats(self):
        words = self.try_it(self.train("out", self.write("chats.jsonl", many_chats(6))))
        self.assertEqual(words[:2], ["hone", "chat"])
        self.assertNotIn("--system_prompt", words)

    def test_a_system_message_that_all_rows_have(self):
        system = {"role": "system", "content": 'You "are" it\'s\nfriend.'}
        rows = [{"messages": [system, *row["messages"]]} for row in many_chats(6)]
        words = self.try_it(self.train("out", self.write("chats.jsonl", rows)))
        self.assertEqual(words[-2:], ["--system_prompt", 'You "are" it\'s\\nfriend.'])
        self.assertEqual(self.read_json("out/run.json")["data"]["system_prompt"], system["content"])
        ask = ["generate", "-a", "out", "--max_new_tokens", 5, "--prompt", "gold?", "--json"]

        def tokens(done):
            return int(done.stdout.split('"prompt_tokens":')[1].split(",")[0])

        default, given = self.hone(*ask), self.hone(*ask, "--system_prompt", words[-1])
        self.assertIn("out/run.json", default.stderr)
        self.assertNotIn("run.json", given.stderr)
        self.assertEqual(tokens(default), tokens(given))
        self.assertLess(tokens(self.hone(*ask, "--system_prompt", "")), tokens(given))
        mixed = self.write("mixed.jsonl", rows + many_chats(2))
        self.train("mixed", mixed)
        self.assertEqual(self.read_json("mixed/run.json")["data"]["system_prompt"], "")

    def test_a_prompt_reads_what_a_template_reads(self):
        ask = ["generate", "-m", TINY, "--raw", "--max_new_tokens", 1, "--json", "--prompt"]
        self.assertIn(r'"prompt":"a\nb\tc\\nd"', self.hone(*ask, r"a\nb\tc\\nd").stdout)


class EstimateTest(HoneTest):
    def test_without_data_and_beyond_the_models_limit(self):
        done = self.hone("estimate", "-m", TINY, "--json")
        self.assertIn("the model's limit", done.stderr)
        self.assertIn('"memory_bytes"', done.stdout)
        self.assertIn("longer than", self.hone("estimate", "-m", TINY, "--max_seq_len", 100_000, code=3).stderr)

    def test_it_has_no_flag_that_writes(self):
        self.assertNotIn("--dry_run", self.hone("estimate", "--help").stdout)
        self.assertIn("hone finetune", self.hone("estimate", "--dry_run", code=USAGE).stderr)


class JsonTest(HoneTest):
    def test_evaluate_prints_what_it_writes(self):
        data = self.write("chats.jsonl", many_chats(4))
        done = self.hone("evaluate", "-m", TINY, "-d", data, "--json", "--per_row", "--output_file", "result.json")
        self.assertEqual(done.stdout, (self.work / "result.json").read_text())
        self.assertEqual(len(self.read_json("result.json")["rows"]), 4)


class AdapterToStartFromTest(HoneTest):
    def test_flags_that_it_decides_are_refused(self):
        data = self.write("chats.jsonl", many_chats(4))
        common = ["finetune", "-m", TINY, "-d", data, "--eval_split", "none", "--max_steps", 1]
        self.hone(*common, "-o", "first", "--lora_r", 4)
        done = self.hone(*common, "-o", "second", "-a", "first", "--lora_r", 16, code=USAGE)
        self.assertIn("--lora_r and --adapter_path exclude each other", done.stderr)
        self.assertFalse((self.work / "second").exists())
        self.hone(*common, "-o", "second", "-a", "first")


if __name__ == "__main__":
    unittest.main()
