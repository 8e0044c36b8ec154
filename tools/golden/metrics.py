"""Writes src/eval/testdata/metrics.json: what the Python packages make of examples and of random strings.

usage: python tools/golden/metrics.py src/eval/testdata/metrics.json
       (needs sacrebleu, rouge-score, seqeval, scikit-learn and scipy)
"""
import collections
import json
import random
import re
import string
import sys
import unicodedata
import warnings

import numpy
from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer
from rouge_score import tokenize as rouge_tokenize
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from scipy.stats import spearmanr
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as default_scores
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_scores
from seqeval.scheme import IOB2, IOBES
from sklearn import metrics as sk

warnings.filterwarnings("ignore")
RANDOM = random.Random(1)

WORDS = ("the cat sat on a mat An THE and hopeful relational news flies dying generally it's 3.14 1,000 "
         "U.S. co-operate 7-8 &quot;quoted&quot; &amp; <skipped> naïve Straße ΟΔΟΣ İstanbul K Ⅷ été é 中文 日本語。 "
         "😀 ‘single’ x_y (brackets) [a] {b} 50% a/b @home #1 end. end, , . - -- ... \u200bzero a\u0301 ½ ٣٤ 'tis").split(" ")
SPACES = [" "] * 12 + ["  ", "\t", "\n", "\u00a0", "\u2003", "\u3000", "\x1c", "-\n", "\r\n", ""]
# Characters that have been there for twenty years, so that every version of Unicode knows them alike.
OLD = [chr(c) for c in range(0x20, 0xffff)
       if unicodedata.ucd_3_2_0.category(chr(c))[0] not in "C" and not 0xd800 <= c < 0xe000]


def odd_text(length):
    return "".join(RANDOM.choice(OLD if RANDOM.random() < 0.3 else string.printable) for _ in range(length))


def text(words=12):
    pieces = []
    for _ in range(RANDOM.randrange(words + 1)):
        pieces.append(odd_text(RANDOM.randrange(1, 6)) if RANDOM.random() < 0.1 else RANDOM.choice(WORDS))
        pieces.append(RANDOM.choice(SPACES))
    return "".join(pieces)


def changed(reference):
    """A prediction that has something in common with its reference."""
    words = reference.split(" ")
    for _ in range(RANDOM.randrange(5)):
        at = RANDOM.randrange(len(words) + 1)
        if RANDOM.random() < 0.5:
            words.insert(at, RANDOM.choice(WORDS))
        elif at < len(words):
            words.pop(at)
    return " ".join(words)


def pairs(count, most_references=3):
    rows = []
    for _ in range(count):
        references = [text() for _ in range(RANDOM.randrange(1, most_references + 1))]
        prediction = changed(RANDOM.choice(references)) if RANDOM.random() < 0.8 else text()
        rows.append({"prediction": prediction, "references": references})
    return rows


# Of the packages' own documentation and tests.
EXAMPLES = [
    {"prediction": "The dog bit the man.",
     "references": ["The dog bit the man.", "The dog had bit the man."]},
    {"prediction": "It wasn't surprising.",
     "references": ["It was not unexpected.", "No one was surprised."]},
    {"prediction": "The man had just bitten him.",
     "references": ["The man bit him first.", "The man had bitten the dog."]},
    {"prediction": "The quick brown dog jumps on the log.",
     "references": ["The quick brown fox jumps over the lazy dog"]},
    {"prediction": "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", "references": ["w1 w2 w3 w4 w5"]},
    {"prediction": "", "references": [""]},
    {"prediction": "", "references": ["one"]},
    {"prediction": "one", "references": [""]},
    {"prediction": "one two three", "references": ["one two three"]},
]


def columns(rows):
    """References as sacrebleu wants them: one list for each place, None where a row has fewer."""
    most = max(len(row["references"]) for row in rows)
    return [[row["references"][i] if i < len(row["references"]) else None for row in rows] for i in range(most)]


def bleu_values(rows):
    predictions = [row["prediction"] for row in rows]
    values = {"sentences": []}
    for row in rows:
        sentence = BLEU(effective_order=True).sentence_score(row["prediction"], row["references"])
        values["sentences"].append(sentence.score)
    for name, options in [("corpus", {}), ("lowercase", {"lowercase": True})]:
        score = BLEU(**options).corpus_score(predictions, columns(rows))
        values[name] = {"score": score.score, "precisions": score.precisions, "bp": score.bp,
                        "sys_len": score.sys_len, "ref_len": score.ref_len}
    return values


def chrf_values(rows):
    predictions = [row["prediction"] for row in rows]
    return {"sentences": [CHRF().sentence_score(row["prediction"], row["references"]).score for row in rows],
            "corpus": CHRF().corpus_score(predictions, columns(rows)).score,
            "plus": CHRF(word_order=2).corpus_score(predictions, columns(rows)).score,
            "lowercase": CHRF(lowercase=True).corpus_score(predictions, columns(rows)).score}


def rouge_values(rows, stem):
    kinds = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    scorer = rouge_scorer.RougeScorer(kinds, use_stemmer=stem)
    scores = [scorer.score_multi(row["references"], row["prediction"]) for row in rows]
    return [[list(score[kind]) for kind in kinds] for score in scores]


def normalize_answer(answer):
    """As SQuAD's evaluate-v1.1.py defines it."""
    kept = "".join(c for c in answer.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def token_f1(prediction, reference):
    predicted, expected = normalize_answer(prediction).split(), normalize_answer(reference).split()
    same = sum((collections.Counter(predicted) & collections.Counter(expected)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(predicted), same / len(expected)
    return 2 * precision * recall / (precision + recall)


def squad_values(rows):
    return [{"normalized": normalize_answer(row["prediction"]),
             "exact": max(normalize_answer(row["prediction"]) == normalize_answer(r) for r in row["references"]),
             "f1": max(token_f1(row["prediction"], r) for r in row["references"])} for row in rows]


def averages(expected, predicted, labels, zero_division, names):
    found = {}
    for name in names:
        p, r, f, _ = sk.precision_recall_fscore_support(expected, predicted, labels=labels, average=name,
                                                        zero_division=zero_division)
        found[name] = [p, r, f]
    p, r, f, support = sk.precision_recall_fscore_support(expected, predicted, labels=labels,
                                                          zero_division=zero_division)
    found["classes"] = [list(row) for row in zip(p, r, f, support.tolist())]
    return found


def classification_cases():
    cases = []
    for _ in range(12):
        classes, rows = RANDOM.randrange(1, 6), RANDOM.randrange(1, 30)
        used = RANDOM.randrange(1, classes + 1)
        expected = [RANDOM.randrange(used) for _ in range(rows)]
        # A prediction outside of the labels (here -1) is scikit-learn's way to say an answer that is none.
        predicted = [e if RANDOM.random() < 0.6 else RANDOM.randrange(-1, classes) for e in expected]
        case = {"classes": classes, "expected": expected, "predicted": predicted,
                "accuracy": sk.accuracy_score(expected, predicted),
                "confusion": sk.confusion_matrix(expected, predicted, labels=range(classes)).tolist()}
        for zero in (0, 1):
            case[f"zero_division_{zero}"] = averages(expected, predicted, range(classes), zero,
                                                     ["micro", "macro", "weighted"])
        cases.append(case)
    return cases


def multi_label_cases():
    cases = []
    for _ in range(8):
        classes, rows = RANDOM.randrange(2, 6), RANDOM.randrange(1, 20)
        expected = numpy.array([[RANDOM.random() < 0.3 for _ in range(classes)] for _ in range(rows)]).astype(int)
        flips = numpy.array([[RANDOM.random() < 0.2 for _ in range(classes)] for _ in range(rows)]).astype(int)
        predicted = expected ^ flips
        case = {"expected": expected.tolist(), "predicted": predicted.tolist(),
                "exact": sk.accuracy_score(expected, predicted),
                "hamming_loss": sk.hamming_loss(expected, predicted)}
        for zero in (0, 1):
            case[f"zero_division_{zero}"] = averages(expected, predicted, None, zero,
                                                     ["micro", "macro", "weighted", "samples"])
        cases.append(case)
    return cases


def entity_cases():
    # Of seqeval's documentation first.
    cases = [("BIO", [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]],
              [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]),
             ("BIO", [["B-NP", "I-NP", "O"]], [["I-NP", "I-NP", "O"]])]
    for scheme in ("BIO", "BIOES") * 8:
        tags = ["O", scheme[0], scheme[1]] + [f"{p}-{t}" for p in scheme if p != "O" for t in ("PER", "LOC", "a-b")]
        expected, predicted = [], []
        for _ in range(RANDOM.randrange(1, 6)):
            text_tags = [RANDOM.choice(tags) for _ in range(RANDOM.randrange(1, 12))]
            expected.append(text_tags)
            predicted.append([t if RANDOM.random() < 0.8 else RANDOM.choice(tags) for t in text_tags])
        cases.append((scheme, expected, predicted))
    values = []
    for scheme, expected, predicted in cases:
        case = {"scheme": scheme, "expected": expected, "predicted": predicted}
        for mode in (None, "strict"):
            found = {}
            for average in ("micro", "macro", "weighted", None):
                if mode:
                    found_scores = strict_scores(expected, predicted, average=average, zero_division=0,
                                                 scheme=IOB2 if scheme == "BIO" else IOBES)
                else:
                    found_scores = default_scores(expected, predicted, average=average, zero_division=0)
                p, r, f, support = found_scores
                if average:
                    found[average] = [p, r, f]
                else:
                    found["classes"] = [list(row) for row in zip(p, r, f, support.tolist())]
            case[mode or "default"] = found
        values.append(case)
    return values


def spearman_cases():
    cases = []
    for size in (2, 3, 10, 40):
        for _ in range(3):
            a = [RANDOM.randrange(size) / 4 for _ in range(size)]
            b = [x + RANDOM.randrange(-3, 4) / 2 for x in a]
            value = spearmanr(a, b).statistic
            cases.append({"a": a, "b": b, "value": None if numpy.isnan(value) else value})
    cases.append({"a": [1, 1, 1], "b": [1, 2, 3], "value": None})
    return cases


def threshold_cases():
    """By trying every threshold between two scores, below all and above all."""
    cases = []
    for size in (1, 2, 5, 30):
        for _ in range(3):
            scores = [RANDOM.randrange(size + 1) / 2 for _ in range(size)]
            positive = [RANDOM.random() < 0.2 + 0.6 * s / (size + 1) for s in scores]
            levels = sorted(set(scores))
            tried = [levels[0] - 1] + [(a + b) / 2 for a, b in zip(levels, levels[1:])] + [levels[-1] + 1]
            best = max(sk.accuracy_score(positive, [s >= t for s in scores]) for t in tried)
            cases.append({"scores": scores, "positive": positive, "accuracy": best})
    return cases


STEMMED = """caresses ponies ties caress cats feed agreed plastered bled motoring sing conflated troubled sized hopping
tanned falling hissing fizzed failing filing happy sky relational conditional rational valenci hesitanci digitizer
conformabli radicalli differentli vileli analogousli vietnamization predication operator feudalism decisiveness
hopefulness callousness formaliti sensitiviti sensibiliti triplicate formative formalize electriciti electrical hopeful
goodness revival allowance inference airliner gyroscopic adjustable defensible irritant replacement adjustment
dependent adoption homologou communism activate angulariti homologous effective bowdlerize probate rate cease controll
roll skies dying lying tying news innings outings cannings howe proceed exceed succeed dies died spied flies enjoy spy
theologi geologi archaeologi carefulli generalli ying yyyy syzygy 123ing a1ed ies ied eed ing ed ss aabb xing""".split()


def stem_cases():
    stemmer, words = PorterStemmer(), list(STEMMED)
    suffixes = ("ational tional enci anci izer bli alli entli eli ousli ization ation ator alism iveness fulness ousness "
                "aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence er ic able ible ant "
                "ement ment ent ion ou ism ate iti ous ive ize e ll s es ies ss ed ing eed y ied sses").split()
    for _ in range(400):
        stem = "".join(RANDOM.choice("abcdeilostuyz1") for _ in range(RANDOM.randrange(1, 7)))
        words.append(stem + RANDOM.choice(suffixes) + (RANDOM.choice(suffixes) if RANDOM.random() < 0.4 else ""))
    return [[word, stemmer.stem(word)] for word in sorted(set(words))]


def main(path):
    rows = EXAMPLES + pairs(60)
    odd = [odd_text(RANDOM.randrange(30)) for _ in range(60)] + ["a-\n-\nb", "--\n\n", "&amp;quot;", "1-2-3", "a.b,c.1,2"]
    values = {
        "rows": rows,
        "bleu": bleu_values(rows), "bleu_examples": bleu_values(EXAMPLES[:3]), "chrf": chrf_values(rows),
        "rouge": rouge_values(rows, False), "rouge_stemmed": rouge_values(rows, True),
        "squad": squad_values(rows),
        "tokens_13a": [[line, Tokenizer13a()(line)] for line in odd],
        "tokens_rouge": [[line, " ".join(rouge_tokenize.tokenize(line, None))] for line in odd],
        "normalized": [[line, normalize_answer(line)] for line in odd],
        "stems": stem_cases(),
        "classification": classification_cases(), "multi_label": multi_label_cases(),
        "entities": entity_cases(), "spearman": spearman_cases(), "threshold": threshold_cases(),
    }
    with open(path, "w", encoding="ascii") as file:
        file.write("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in values.items())
                   + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1])
