"""Writes src/eval/testdata/similarity.json: how alike the Python packages find pairs of texts.

usage: python tools/golden/similarity.py src/eval/testdata/similarity.json
       (needs nltk, rapidfuzz, rouge-score and sacrebleu)
"""
import json
import random
import sys

from nltk.translate.gleu_score import sentence_gleu
from nltk.translate.meteor_score import single_meteor_score
from rapidfuzz import fuzz
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

RANDOM = random.Random(1)
WORDS = ("the cat cats sat sitting on a mat mats An THE and hopeful hopefully relational relation news flies fly dying "
         "generally general 3.14 1,000 end. end, naïve Straße 日本語 running runs ran it , .").split(" ")
ROUGE = [f"rouge{n}" for n in range(1, 6)] + ["rougeL"]


class NoWordNet:
    """Knows no synonyms."""

    def synsets(self, word):
        return []


def text(words):
    return " ".join(RANDOM.choice(WORDS) for _ in range(RANDOM.randrange(words + 1)))


def changed(reference):
    words = reference.split(" ")
    for _ in range(RANDOM.randrange(6)):
        at = RANDOM.randrange(len(words) + 1)
        if RANDOM.random() < 0.5:
            words.insert(at, RANDOM.choice(WORDS))
        elif at < len(words):
            words.pop(at)
    return " ".join(words)


def main():
    pairs = [("", ""), ("a", ""), ("", "a"), ("the cat sat on the mat", "on the mat sat the cat"),
             ("The dog bit the man.", "The dog had bit the man.")]
    for _ in range(150):
        reference = text(30)
        pairs.append((changed(reference) if RANDOM.random() < 0.8 else text(30), reference))
    pairs.append((text(900), text(900)))  # longer than a few machine words
    scorer = rouge_scorer.RougeScorer(ROUGE)
    bleu = BLEU(effective_order=True)
    split = Tokenizer13a()
    rows = []
    for prediction, reference in pairs:
        words, expected = split(prediction).split(), split(reference).split()
        rouge = scorer.score(reference, prediction)
        rows.append({
            "prediction": prediction, "reference": reference,
            "fuzzy": fuzz.ratio(prediction, reference) / 100,
            "bleu": bleu.sentence_score(prediction, [reference]).score / 100,
            "gleu": sentence_gleu([expected], words),
            "meteor": single_meteor_score(expected, words, wordnet=NoWordNet()),
            "rouge": [rouge[name].fmeasure for name in ROUGE]})
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
