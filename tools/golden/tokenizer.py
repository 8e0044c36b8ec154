"""Golden values for src/text: token ids, rendered chat templates and Parquet files, from the Python reference.

    python tools/golden/tokenizer.py [--gguf SmolLM2.gguf]

needs transformers, tokenizers, pyarrow (and gguf for --gguf). It trains two small tokenizers on the text below, encodes a
corpus with them and writes everything into src/text/testdata. With --gguf it also writes the ids that transformers'
tokenizer of that file gives, for the test that HONE_TEST_MODEL switches on.
"""

import argparse
import json
import os
import unicodedata

import pyarrow
import pyarrow.parquet
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = os.path.join(os.path.dirname(__file__), "..", "..", "src", "text", "testdata")

TRAINING = [
    "The quick brown fox jumps over the lazy dog, and the dog does not mind at all.",
    "A small model learns from examples: each example is a question and its answer.",
    "Hydrogen is the lightest element; helium is the second, and both fill the stars.",
    "def add(left, right):\n    return left + right\n\n\nfor number in range(10):\n    print(add(number, 1))\n",
    "int main() { std::vector<int> values = {1, 2, 3}; return values[0] == 1 ? 0 : 1; }",
    "In 2024 there were 1234567 reasons, 3.14 of them good; 50% said so, 17 did not.",
    "Öfter hören wir von Übermut, Ärger und Straßen. Où est le café près de l'église ?",
    "Быстрая лиса прыгает через ленивую собаку. Η γρήγορη αλεπού πηδά πάνω από τον σκύλο.",
    "敏捷的狐狸跳过懒狗。素早い狐は怠け者の犬を飛び越える。빠른 여우가 게으른 개를 뛰어넘는다.",
    "الثعلب السريع يقفز فوق الكلب الكسول. השועל המהיר קופץ מעל הכלב העצלן.",
    "तेज़ लोमड़ी आलसी कुत्ते के ऊपर कूदती है। สุนัขจิ้งจอกกระโดดข้ามสุนัข",
    "I'll say it's what they've done; we're sure he'd agree, you don't. I'M HERE.",
    "😀 😃 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 ❤️ ✨",
    '{"role": "user", "content": "What is the answer?", "weight": 1, "tools": []}',
] * 4

CURATED = TRAINING[:14] + [
    "", " ", "  ", "   leading", "trailing   ", "a  b   c    d", "\n", "\n\n\n", "\r\n\r\n", "\t\ttabs\tin\tthe middle\t",
    "line one\nline two\r\nline three\n\n  indented\n", " \n \n ", "x\u00a0y\u2003z\u3000w\u200bv\u2060u\ufeff",
    "\u0000", "a\u0000b", "".join(map(chr, range(1, 32))), "\u007f\u0080\u0085\u009f", "\u2028\u2029\u0085",
    "0 1 12 123 1234 12345 123456 1234567890", "1,000,000.00 -5e-10 0x1F 0b1010 1_000 ½ Ⅷ ² ③", "١٢٣ ৪৫৬ ７８９ 一二三",
    "don't DON'T Don'T we'll WE'LL they've I'm I'd it's 's 't 're ' '' '''", "naïve café e\u0301 A\u030a \u1e9b\u0323 ﬁ ﬂ",
    "😀", "👍🏽👍🏿", "👩‍👩‍👧‍👦👨‍💻🧑🏽‍🚀", "🏳️‍🌈🏴‍☠️🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇩🇪🇫🇷🇯🇵", "1️⃣#️⃣*️⃣", "❤️❤︎☃︎", "\U0001f600\u200d", "\u200d\u200d", "\ufe0f\u20e3",
    "\u202eright to left\u202c \u2066isolated\u2069 \u200f\u200e", "שלום world مرحبا 123 ١٢٣", "नमस्ते क्षत्रिय ज्ञ श्री",
    "ภาษาไทยไม่มีช่องว่าง", "မြန်မာဘာသာ ខ្មែរ ລາວ བོད་ཡིག", "한국어 조합형 ᄒ\u1161\u11ab", "漢字かな交じり文カタカナ", "𝒜𝓁𝓅𝒽𝒶 𝟙𝟚𝟛 𐍈𐌰𐌽 𓀀𓁐 𠮷𡃁",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞", "\ufffd\ufffe\uffff", "\U0010ffff\U000e0001", "\ue000\uf8ff\U000f0000",
    "<s>", "</s>", "<unk>", "<|im_start|>user\nHello<|im_end|>\n", "a<|im_end|>b <|im_end|> c", "<|im_start|><|im_start|>", "<|im_start", "<0x41><0x0A>",
    "▁", "▁a ▁ b▁", " ▁ ", "Ġ Ċ Ġa", "http://example.com/a?b=c&d=e#f", "user@example.com", "C:\\path\\file.txt", "a" * 300, "ab" * 300, " " * 300, "\n" * 300,
    "é" * 100, "漢" * 100, "😀" * 50, "0" * 100, "!" * 100, "aA1!" * 60, "#include <vector>\n\ttemplate <typename T>\n\tusing V = std::vector<T>;",
    "SELECT * FROM t WHERE a='b' AND c>=1; -- comment", "x = {'a': [1, 2, {'b': None}]}\nassert x['a'][2]['b'] is None",
    "$\\int_0^1 x^2\\,dx = \\frac{1}{3}$", "<html><body class=\"a\">&nbsp;&lt;</body></html>", "…—–‘’“”«»¿¡§¶†‡", "ＦＵＬＬ　ｗｉｄｔｈ", "ßẞſ İıIi ǅ ŉ",
]


def blocks():
    """Up to 24 characters of each 128 code points that Unicode fills, as two words: every script there is."""
    for start in range(0, 0x110000, 128):
        if 0xD800 <= start < 0xE000 or (start >= 0xF0080 and start % 0x10000 != 0xFF80):
            continue
        if 0xE000 <= start < 0xF900 and start % 0x800:
            continue
        if 0x3400 <= start < 0xD7A4 and start % 0x400 or 0x17000 <= start < 0x19000 and start % 0x400:
            continue
        if 0x20000 <= start < 0xE0000 and start % 0x1000:
            continue
        found = [chr(c) for c in range(start, start + 128) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
        found = found[:: max(1, len(found) // 24)][:24]
        if found:
            yield "".join(found[:9]) + " " + "".join(found[9:])


def corpus():
    return CURATED + list(blocks())


def digest(ids):
    """64-bit FNV-1a over the ids, each as four bytes, least significant first."""
    value = 0xCBF29CE484222325
    for token in ids:
        for byte in token.to_bytes(4, "little"):
            value = ((value ^ byte) * 0x100000001B3) % (1 << 64)
    return f"{len(ids)}:{value:016x}"


def write(name, value, **style):
    with open(os.path.join(OUT, name), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, **style)
        file.write("\n")
    print(name, os.path.getsize(os.path.join(OUT, name)))


def gguf_of(tokenizer, model, **fields):
    vocab = sorted(tokenizer.get_vocab(True).items(), key=lambda item: item[1])
    assert [item[1] for item in vocab] == list(range(len(vocab)))
    return {"model": model, "tokens": [item[0] for item in vocab], **fields}


def byte_level():
    """Byte-level BPE as SmolLM has it: each digit alone, ids 0 to 2 special."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False)]
    )
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=False, trim_offsets=False)
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=1200, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(TRAINING, trainer)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in specials])
    saved = json.loads(tokenizer.to_str())
    gguf = gguf_of(
        tokenizer, "gpt2", pre="smollm", merges=[" ".join(merge) for merge in saved["model"]["merges"]],
        token_types=[3] * 3 + [1] * (tokenizer.get_vocab_size() - 3), bos_id=1, eos_id=2, unk_id=0, pad_id=2, add_bos=False,
    )
    return tokenizer, gguf


def sentence_piece():
    """SentencePiece-style BPE as Llama 2 has it: the merges from the scores, as transformers derives them."""
    from transformers.tokenization_utils_base import generate_merges

    shape = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trained = Tokenizer(models.BPE())
    trained.normalizer = shape
    trained.pre_tokenizer = pre_tokenizers.Split(Regex("▁[^▁]*"), "isolated")
    trained.train_from_iterator(TRAINING, trainers.BpeTrainer(vocab_size=1000, show_progress=False))
    merged = [left + right for left, right in json.loads(trained.to_str())["model"]["merges"]]
    letters = [token for token in trained.get_vocab() if len(token) == 1]
    pieces = list(dict.fromkeys(merged + sorted(letters)))
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + pieces
    scores = [0.0] * 259 + [float(-rank) for rank in range(len(pieces))]
    types = [2, 3, 3] + [6] * 256 + [1] * len(pieces)
    normal = {token: index for index, token in enumerate(tokens) if types[index] == 1}
    merges = generate_merges(normal, {token: scores[index] for token, index in normal.items()})
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: index for index, token in enumerate(tokens)}, merges=merges, unk_token="<unk>", fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = shape
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in tokens[:3]])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    gguf = gguf_of(
        tokenizer, "llama", pre="", scores=scores, token_types=types, bos_id=1, eos_id=2, unk_id=0, add_bos=True,
        add_eos=False, add_space_prefix=True,
    )
    return tokenizer, gguf


def expectations(encode, decode, lines):
    return {
        "curated": [encode(line, True) for line in CURATED],
        "all": [digest(encode(line, True)) for line in lines],
        "plain": digest([token for line in lines for token in encode(line, False)]),
        "decoded": [decode(encode(line, True), False) for line in CURATED],
        "decoded_without_special": [decode(encode(line, True), True) for line in CURATED],
        "repeated": [
            {"text": text, "count": count, "ids": digest(encode(text * count, True))}
            for text, count in [("hello world, 12 \n", 50_000), ("a", 200_000), ("漢", 50_000), (" ", 200_000)]
        ],
    }


def write_tokenizers(lines):
    for name, (tokenizer, gguf) in {"byte_level": byte_level(), "sentence_piece": sentence_piece()}.items():
        write(f"{name}.tokenizer.json", json.loads(tokenizer.to_str()), separators=(",", ":"))
        write(f"{name}.gguf.json", gguf, separators=(",", ":"))
        expected = expectations(
            lambda text, special: tokenizer.encode(text, add_special_tokens=special).ids,
            lambda ids, skip: tokenizer.decode(ids, skip_special_tokens=skip),
            lines,
        )
        write(f"{name}.expected.json", expected, separators=(",", ":"))


def write_gguf_ids(path, lines):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(os.path.dirname(path), gguf_file=os.path.basename(path))
    # transformers does not look at the file's pre-tokenizer "smollm" and takes GPT-2's; the model's own tokenizer.json
    # takes each digit alone first.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    expected = {"all": [digest(tokenizer.encode(line, add_special_tokens=False)) for line in lines]}
    write("smollm2.expected.json", expected, separators=(",", ":"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gguf")
    arguments = parser.parse_args()
    lines = corpus()
    write("corpus.json", {"curated": len(CURATED), "lines": lines}, indent=0)
    write_tokenizers(lines)
    if arguments.gguf:
        write_gguf_ids(arguments.gguf, lines)


if __name__ == "__main__":
    main()
