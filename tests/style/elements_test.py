"""The example data is what its README says: enough chats, each a limerick, none twice, and none of them held out."""

import json
import pathlib
import unittest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "examples/elements"
SYSTEM = "Elle is a factual chatbot that answers questions about elements in the periodic table with a limerick"


def read(name):
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["messages"] for line in lines]


def vowel_groups(line):
    """About the number of syllables."""
    groups, inside = 0, False
    for letter in line.lower():
        vowel = letter in "aeiouyö"
        groups += vowel and not inside
        inside = vowel
    return groups


class ElementsTest(unittest.TestCase):
    def setUp(self):
        self.train = read("train.jsonl")
        self.validation = read("validation.jsonl")

    def test_there_are_enough(self):
        self.assertGreaterEqual(len(self.train), 80)
        self.assertGreaterEqual(len(self.validation), 12)

    def test_each_is_one_question_and_one_limerick(self):
        for messages in self.train + self.validation:
            roles = [message["role"] for message in messages]
            self.assertEqual(roles, ["system", "user", "assistant"])
            system, question, answer = (message["content"] for message in messages)
            self.assertEqual(system, SYSTEM)
            lines = answer.split("\n")
            self.assertEqual(len(lines), 5, answer)
            self.assertEqual(lines, [line.strip() for line in lines])
            self.assertTrue(question)
            syllables = [vowel_groups(line) for line in lines]
            self.assertGreater(min(syllables[0], syllables[1], syllables[4]), 5, answer)
            self.assertLess(max(syllables[2], syllables[3]), 10, answer)

    def test_none_is_there_twice_or_in_both_files(self):
        both = self.train + self.validation
        for place in (1, 2):
            self.assertEqual(len({messages[place]["content"] for messages in both}), len(both))

    def test_the_readme_names_what_is_held_out(self):
        readme = (FOLDER / "README.md").read_text(encoding="utf-8")
        held_out = readme.split("## Held out", 1)[1].lower()
        for messages in self.validation:
            element = messages[1]["content"].rstrip("?").split()[-1].lower()
            if element in ("do", "for"):
                element = messages[1]["content"].split()[2].lower()
            self.assertIn(element, held_out)


if __name__ == "__main__":
    unittest.main()
