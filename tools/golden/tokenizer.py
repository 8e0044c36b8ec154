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


TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "Wetter für <Ort> & \"Zeit\"",
     "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": ["integer", "null"]},
                    "unit": {"anyOf": [{"type": "string"}, {"type": "number"}]}, "rest": {}},
                    "required": ["city"], "strict": True, "limit": 1.5, "none": None, "nested": {"b": [1, 2], "a": {}}}}},
    {"type": "function", "function": {"name": "stop", "description": "", "parameters": {"properties": {}}}},
]
USER = [{"role": "user", "content": "Hello <b>&\"'ü😀  "}]
CHATS = {
    "user": (USER, None),
    "system": ([{"role": "system", "content": "  Be brief. "}, *USER], None),
    "turns": ([*USER, {"role": "assistant", "content": "Hi!\n"}, {"role": "user", "content": "2+2?\n\n"},
               {"role": "assistant", "content": "<think>\nadd\n</think>\n\n4"}], None),
    "tools": ([{"role": "system", "content": "S"}, *USER, {"role": "assistant", "content": None, "tool_calls": [
        {"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Köln", "days": 2, "f": 1e-7}}}]},
        {"role": "tool", "content": "{\"sun\": true}"}, {"role": "assistant", "content": "stop"}], TOOLS),
    "parts": ([{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": " what? "}]}], None),
    "reasoning": ([*USER, {"role": "assistant", "content": "4", "reasoning": "add"}], None),
    "assistant_first": ([{"role": "assistant", "content": "stop"}], TOOLS),
}

# Expressions and statements, each rendered with the variables of SNIPPET_MESSAGES[0] (as `m`).
SNIPPET_MESSAGES = [{"role": "user", "content": "abc", "f": 1.0, "big": 1e16, "small": 1.5e-5, "i": 7, "n": None, "t": True,
                     "l": [3, 1, 2], "d": {"b": 1, "a": [True, None, 2.5], "ü": "ß<'\""}, "s": " \tpad\u00a0\x1c\n",
                     "w": "one two  three", "q": "it's \"q\"", "e": "", "u": "Füße ǅ 漢字", "ll": [[1, 2], [3, 4]],
                     "objs": [{"k": "x", "v": 1}, {"k": "y", "v": 0}, {"k": "x", "v": 3}], "neg": -7}]
SNIPPETS = r"""
{{ m.f }} {{ m.big }} {{ m.small }} {{ m.i }} {{ m.n }} {{ m.t }} {{ not m.t }} {{ m.missing }}|
{{ m.l }} {{ m.d }} {{ m.ll }} {{ [m.s, m.q, m.n, 1.0] }} {{ {'k': m.t} }} {{ (1, 'a') }} {{ (1,) }} {{ () }} {{ [] }} {{ {} }}
{{ m.d | tojson }}
{{ m.d | tojson(indent=2) }}
{{ m.d | tojson(ensure_ascii=true) }}
{{ m.d | tojson(sort_keys=true, separators=(',', ':')) }}
{{ m.d | tojson(indent=0) }} {{ [] | tojson(indent=2) }} {{ {} | tojson }} {{ [[], {}] | tojson(indent=1) }}
{{ m.s | tojson }} {{ m.big | tojson }} {{ m.small | tojson }} {{ m.f | tojson }} {{ m.n | tojson }} {{ '</script>&' | tojson }}
{{ {1: 2, none: 3, 1.5: 5} | tojson }} {{ (1, 2) | tojson }} {{ m.l | map('string') | list | tojson }}
[{{ m.s.strip() }}] [{{ m.s.lstrip() }}] [{{ m.s.rstrip() }}] [{{ m.s | trim }}] [{{ 'xxaxx'.strip('x') }}] [{{ 'abcab'.lstrip('ba') }}]
{{ m.w.split() }} {{ m.w.split(' ') }} {{ m.w.split(' ', 1) }} {{ m.w.rsplit(' ', 1) }} {{ m.w.split(none, 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'a,b'.split(',', maxsplit=1) }}
{{ m.w.split('two')[-1] }} {{ m.w.partition(' ') }} {{ m.w.rpartition(' ') }} {{ 'a'.partition('x') }}
{{ m.w.startswith('one') }} {{ m.w.startswith(('x', 'o')) }} {{ m.w.endswith('e') }} {{ m.w.find('two') }} {{ m.u.find('漢') }} {{ m.w.find('zz') }} {{ m.w.count('e') }} {{ m.w.index('two') }} {{ m.w.rfind('t') }}
{{ m.w.upper() }} {{ m.u.lower() }} {{ m.u.upper() }} {{ m.w.title() }} {{ m.w.capitalize() }} {{ m.w.replace('o', '0') }} {{ m.w.replace('o', '0', 1) }} {{ m.e.replace('', 'x') }} {{ 'ab'.replace('', '-') }}
{{ 'pre-x'.removeprefix('pre-') }} {{ 'x.txt'.removesuffix('.txt') }} {{ '7'.zfill(3) }} {{ '-7'.zfill(4) }} [{{ 'a'.center(4) }}] [{{ 'ab'.center(5) }}] [{{ 'a'.ljust(3) }}] [{{ 'a'.rjust(3, '*') }}]
{{ 'a\nb\r\nc'.splitlines() }} {{ 'a\n'.splitlines(true) }} {{ '-'.join(['a', 'b']) }} {{ ''.join(m.l | map('string')) }} {{ '{} {}'.format('a', 1) }} {{ '{0}-{x}'.format(5, x=6) }}
{{ 'a'.isalpha() }} {{ '1'.isdigit() }} {{ ''.isdigit() }} {{ ' '.isspace() }} {{ 'aB'.islower() }} {{ 'AB'.isupper() }} {{ 'a1'.isalnum() }} {{ '1'.isnumeric() }} {{ 'é'.isascii() }}
{{ m.d.get('b') }} {{ m.d.get('zz') }} {{ m.d.get('zz', 'dflt') }} {{ m.d.keys() | list }} {{ m.d.values() | list }} {{ m.d.items() | list }}
{{ m.d | items | list }} {{ m.d | dictsort }} {{ m.d | length }} {{ m.l | length }} {{ m.u | length }} {{ m.l | count }}
{{ m.l | sort }} {{ m.l | sort(reverse=true) }} {{ m.l | reverse | list }} {{ m.l | first }} {{ m.l | last }} {{ m.l | sum }} {{ m.l | min }} {{ m.l | max }} {{ m.l | join(', ') }} {{ m.l | unique | list }}
{{ m.objs | map(attribute='k') | list }} {{ m.objs | selectattr('v') | list | length }} {{ m.objs | selectattr('k', 'equalto', 'x') | map(attribute='v') | list }} {{ m.objs | rejectattr('v') | list }} {{ m.objs | join('+', attribute='k') }} {{ m.objs | groupby('k') | length }}
{{ m.l | select('odd') | list }} {{ m.l | reject('equalto', 1) | list }} {{ m.l | map('abs') | list }} {{ m.ll | map('first') | list }} {{ m.ll | map('join', '-') | list }}
{{ m.missing | default('d') }} {{ m.n | default('d') }} {{ m.n | default('d', true) }} {{ m.e | d('x', true) }} {{ m.i | string + 'x' }} {{ '12' | int + 1 }} {{ '1.5' | float }} {{ 'x' | int(5) }} {{ 3.7 | int }} {{ 3.14159 | round(2) }} {{ 2.5 | round }} {{ m.neg | abs }}
{{ m.w | upper }} {{ m.w | capitalize }} {{ m.w | title }} {{ m.w | replace('one', '1') }} {{ 'a b' | wordcount if false else '' }} {{ '%s has %d' | format('x', 3) }} {{ '%s-%s' % ('a', 1) }} {{ 'v=%s' % m.i }} {{ '<&>' | e }} {{ 'x' | safe }} {{ m.e | length }}
{{ 'a\nb\n\nc' | indent }} {{ 'a\nb' | indent(2, true) }} {{ 'a\n\nb' | indent(width=1, blank=true) }} [{{ 'mid' | center(9) }}] {{ 'abc' | list }} {{ m.d | list }} {{ 'abc' | first }} {{ 'abc' | last }} {{ 'abc' | reverse }}
{{ 7 // 2 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ 7 % 3 }} {{ m.neg % 3 }} {{ m.neg // 2 }} {{ 2 ** 10 }} {{ 2 * 3.0 }} {{ 1 + 1.0 }} {{ true + 1 }} {{ -m.i }} {{ 'ab' * 3 }} {{ [0] * 3 }} {{ [1] + [2] }} {{ 'a' + 'b' }} {{ 'a' ~ 1 ~ none ~ true ~ 1.0 ~ m.missing }}
{{ 1 < 2 }} {{ 1 == 1.0 }} {{ 'a' < 'b' }} {{ 1 in m.l }} {{ 9 not in m.l }} {{ 'b' in m.d }} {{ 'bc' in 'abc' }} {{ 1 < 2 < 3 }} {{ none == none }} {{ m.missing == none }} {{ [1, 2] == [1, 2] }} {{ (1, 2) == (1, 2) }} {{ {'a': 1} == {'a': 1} }} {{ true == 1 }}
{{ m.w[0] }} {{ m.w[-1] }} {{ m.w[1:3] }} {{ m.w[::-1] }} {{ m.l[1:] }} {{ m.l[:-1] }} {{ m.l[::2] }} {{ m.l[-1] }} {{ m.l[10] }} {{ m.u[2] }} {{ m.l[:99] }}
{{ m is mapping }} {{ m.l is sequence }} {{ m.d is sequence }} {{ 'a' is sequence }} {{ 'a' is iterable }} {{ m.d is iterable }} {{ 1 is iterable }} {{ m.n is none }} {{ m.missing is defined }} {{ m.missing is undefined }} {{ m.i is number }} {{ m.t is number }} {{ m.f is float }} {{ m.i is integer }} {{ m.t is boolean }} {{ m.t is integer }} {{ 'a' is string }} {{ m.t is true }} {{ m.t is false }} {{ 1 is sameas 1 }} {{ 3 is odd }} {{ 4 is even }} {{ 4 is divisibleby 2 }} {{ 1 is eq 1 }} {{ 'a' is in ['a'] }} {{ raise_exception is callable }} {{ 'a' is lower }} {{ m.missing is sequence }} {{ m.missing is iterable }}
{{ m.i if m.t else 0 }} {{ 'x' if m.missing }} {{ m.n or 'or' }} {{ m.e and 'and' }} {{ not m.e }} {{ m.l and m.w }}
{% for i in range(3) %}{{ i }}{% endfor %} {% for i in range(1, 10, 3) %}{{ i }},{% endfor %} {{ range(3) | list }} {{ range(5, 2, -1) | list }}
{% for k, v in m.d.items() %}{{ loop.index }}{{ k }}={{ v }};{% endfor %} {% for x in m.l if x > 1 %}{{ x }}{{ ',' if not loop.last }}{% else %}none{% endfor %} {% for x in [] %}{% else %}empty{% endfor %} {% for x in m.missing %}{% endfor %}
{% for x in m.l %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.depth }}{{ loop.changed(x) }} {% endfor %}
{% set ns = namespace(a=1, b='x') %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }} {% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }} {% if true %}{% set x = 3 %}{% endif %}{{ x }}
{% set a, b = 1, 2 %}{{ a }}{{ b }} {% set t %}block {{ m.i }}{% endset %}[{{ t }}] {% set t | upper %}up{% endset %}{{ t }} {% with z = 5 %}{{ z }}{% endwith %}{{ z }}
{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %} {% macro f(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }} {{ f(1, 3) }} {{ f(b=4, a=0) }} {% macro g() %}{{ caller() }}!{% endmacro %}{% call g() %}c{% endcall %}
{% raw %}{{ not }} {% generation %}{% endraw %} {# comment {% generation %} #}{% generation %}gen{% set gone = 1 %}{% endgeneration %}{{ gone }} {%- generation -%} x {%- endgeneration %}.
{{ dict(a=1, b=2) }} {{ dict(a=1).a }} {% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }} {% set j = joiner('; ') %}{{ j() }}1{{ j() }}2 {{ {'a': 1}.a }} {{ {'a': {'b': 2}}['a']['b'] }} {{ m['l'][0] }} {{ messages | length }}
{{ m.l.index(1) }} {{ m.l.count(2) }} {{ m.l.copy() }} {{ m.d.copy() | length }} {{ m.objs[0].k }} {{ m.objs | length > 2 }} {{ m.objs[-1]['v'] }} {{ (m.objs | first).k }} {{ m['content'].upper() }}
{{ strftime_now('%Y') | length }} {{ strftime_now('%d %b %Y') | length }} {{ strftime_now('%%') }} {{ bos_token }}{{ eos_token }} {{ tools }} {{ documents }} {{ add_generation_prompt }}
{{ "tab\tnew\nline \\ \" \' \u00fc \x41" }} {{ 'it''s' }} {{ 1_000 }} {{ 1e3 }} {{ true }} {{ True }} {{ none }} {{ None }} {{ false }} {{ False }} {{ "a" "b" }}
{{ 'ß'.upper() }} {{ 'İ'.lower() | length }} {{ 'x\u0000y' | length }} {{ 'a\x85b'.split() }} {{ '\u2003a '.strip() }}
{{ ['b', 'A', 'c'] | sort }} {{ ['b', 'A', 'c'] | sort(case_sensitive=true) }} {{ m.objs | sort(attribute='v') | map(attribute='v') | list }} {{ ['a', 'A', 'b'] | unique | list }} {{ [1, 2, 3, 4] | batch(2) | list }} {{ [1, 2, 3] | slice(2) | list }} {{ m.d.items() | first }}
""".strip().split("\n")
# Statements over several lines: what trim_blocks and lstrip_blocks take away.
SNIPPETS += [
    "a\n  {% if true %}\n    b\n  {% endif %}\nc\n", "a\n  {%+ if true %}\n  b {% endif +%}\n c", "x  {{- ' y ' -}}  z\n\n", "{# c #}\nline\n  {# c #}  \nend\n\n",
    "{% for i in [1, 2] %}\n  {{ i }}\n{% endfor %}\n", "  {{ 1 }}\n  {% set x = 1 %}  {{ x }}\n", "\t{%- if true -%}\t y \t{%- endif %}\n!", "{% if true %}\r\nx\r\n{% endif %}\r\n", "no newline at the end", "one newline\n",
]
FAILURES = """
{{ raise_exception('No: ' + m.role) }}
{{ m.missing.deeper }}
{{ 'a' + 1 }}
{{ 'a' + m.missing }}
{{ 1 / 0 }}
{{ m.l.append(4) }}
{{ m.d.update({}) }}
{{ m.nothing() }}
{{ 'a' | no_such_filter }}
{{ 1 is no_such_test }}
{{ no_such_function() }}
{{ m.missing | tojson }}
{{ 'abc'.index('z') }}
{% for i in 5 %}{% endfor %}
{{ m.content.no_such_method() }}
{% include 'other' %}
{{ [1] + 'a' }}
{{ none + 'a' }}
""".strip().split("\n")
UNPARSABLE = ["{% if %}", "{{ ", "{% endfor %}", "{% for x in y %}", "{{ 1 + }}", "{% unknown %}", "{{ 'open }}", "{% set %}", "{% if true %}", "{{ }", "{% generation %}"]


def render(template, messages, tools, add_generation_prompt):
    from transformers.utils.chat_template_utils import render_jinja_template

    case = {"template": template, "messages": messages, "tools": tools, "add_generation_prompt": add_generation_prompt}
    try:
        rendered, _ = render_jinja_template(
            [messages], tools=tools, chat_template=template, add_generation_prompt=add_generation_prompt,
            bos_token="<s>", eos_token="</s>",
        )
        return {**case, "expected": rendered[0]}
    except Exception as error:
        return {**case, "error": str(error)}


def write_templates():
    chats, folder = [], os.path.join(OUT, "templates")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8", newline="") as file:
            source = file.read()
        for chat, (messages, tools) in CHATS.items():
            for add in (False, True):
                case = render(source, messages, tools, add)
                chats.append({"name": f"{name}/{chat}/{add}", "file": name, **case, "template": None})
    snippets = [render("{% set m = messages[0] %}" + text, SNIPPET_MESSAGES, None, False) for text in SNIPPETS]
    failures = [render("{% set m = messages[0] %}" + text, SNIPPET_MESSAGES, None, False) for text in FAILURES]
    unparsable = [render(text, SNIPPET_MESSAGES, None, False) for text in UNPARSABLE]
    for case in snippets:
        assert "expected" in case, case
    for case in failures + unparsable:
        assert "error" in case, case
    messages = SNIPPET_MESSAGES
    brief = [{key: case[key] for key in ("template", "expected", "error") if key in case} for case in snippets]
    failing = [case["template"] for case in failures]
    write("chat_templates.json", {"chats": chats, "messages": messages, "snippets": brief, "failing": failing,
                                  "unparsable": UNPARSABLE}, indent=1)


def write_parquet():
    """The same rows under each compression and as differences, in two row groups, and a file of the rarer types."""
    import datetime
    import decimal

    rows = [
        {"id": i, "text": f"row {i} ü漢😀\n\"q\"" if i % 5 else None, "score": i / 3, "good": i % 2 == 0,
         "messages": [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": None if i % 7 == 0 else f"a{i}"}][: i % 3],
         "meta": {"source": "s", "tags": ["a", "b"][: i % 3], "deep": {"x": i}}}
        for i in range(40)
    ]
    table = pyarrow.Table.from_pylist(rows)
    for compression in ("none", "snappy", "gzip", "zstd", "lz4", "brotli"):
        path = os.path.join(OUT, f"rows.{compression}.parquet")
        pyarrow.parquet.write_table(table, path, compression=compression, row_group_size=25, store_schema=False)
    deltas = {"id": "DELTA_BINARY_PACKED", "text": "DELTA_BYTE_ARRAY", "messages.list.element.content": "DELTA_LENGTH_BYTE_ARRAY",
              "meta.tags.list.element": "DELTA_BYTE_ARRAY"}
    for version in ("1.0", "2.0"):
        path = os.path.join(OUT, f"rows.delta_v{version[0]}.parquet")
        pyarrow.parquet.write_table(table, path, compression="snappy", row_group_size=25, store_schema=False,
                                    use_dictionary=False, column_encoding=deltas, data_page_version=version)
    write("rows.jsonl.json", [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows], indent=0)
    types = pyarrow.table({
        "i8": pyarrow.array([-128, None], pyarrow.int8()), "u64": pyarrow.array([2**64 - 1, 0], pyarrow.uint64()),
        "f32": pyarrow.array([0.1, float("nan")], pyarrow.float32()), "f64": pyarrow.array([1e300, float("inf")]),
        "day": pyarrow.array([datetime.date(2024, 2, 29), datetime.date(1969, 12, 31)]),
        "time": pyarrow.array([datetime.datetime(2024, 2, 29, 1, 2, 3, 450000), None], pyarrow.timestamp("us")),
        "price": pyarrow.array([decimal.Decimal("-12.30"), decimal.Decimal("0.07")], pyarrow.decimal128(10, 2)),
        "bytes": pyarrow.array([b"caf\xc3\xa9", b""]),
        "map": pyarrow.array([[("k", 1), ("l", 2)], []], pyarrow.map_(pyarrow.string(), pyarrow.int32())),
    })
    pyarrow.parquet.write_table(types, os.path.join(OUT, "types.parquet"), store_schema=False)
    bad = pyarrow.table({"id": [1, 2], "raw": [b"fine", b"\xff\xfe"]})
    pyarrow.parquet.write_table(bad, os.path.join(OUT, "not_utf8.parquet"), store_schema=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gguf")
    arguments = parser.parse_args()
    lines = corpus()
    write("corpus.json", {"curated": len(CURATED), "lines": lines}, indent=0)
    write_tokenizers(lines)
    write_templates()
    write_parquet()
    if arguments.gguf:
        write_gguf_ids(arguments.gguf, lines)


if __name__ == "__main__":
    main()
