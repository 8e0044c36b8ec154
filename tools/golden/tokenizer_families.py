"""Golden token ids for the tokenizers that GGUF files of several families have: src/text/testdata/families.json.

    tokenizer_families.py [--gemma GEMMA3.gguf]     needs transformers, tokenizers, sentencepiece, gguf

For each family a small vocabulary is trained on our own text, cut as the family cuts text, and written as a GGUF file has
it. The ids are those of the tokenizer that transformers builds for the family; what a GGUF does not say and a family's
published tokenizer.json does (Unicode's form C, whole words before merges, space taken away after a special token) is set
here by hand. Where SentencePiece itself can read the vocabulary, its ids must be the same, or the script stops.

With --gemma it also writes gemma3.expected.json for the test that HONE_TEST_GEMMA switches on: the ids of transformers'
and SentencePiece's tokenizer of that file's vocabulary.
"""
import argparse
import json

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import GPT2Tokenizer, Qwen2Tokenizer
from transformers.integrations.gguf import gguf_tokenizer_mapping as mapping
from transformers.tokenization_utils_base import generate_merges

from tokenizer import CURATED, TRAINING, corpus, digest, write

CONTROL, USER_DEFINED, BYTE, UNKNOWN, NORMAL = 3, 4, 6, 2, 1
# Beside the corpus: special tokens of each family in the middle of text.
LINES = CURATED + [
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi  there<|eot_id|>", "<start_of_turn>user\nHi<end_of_turn>\n",
    "<|user|>\nHi<|end|>\n<|assistant|>\n  ok<|end|> \n\n", "<s> [INST] Hi [/INST] there </s>", "a  b   c\t\td \n\n\n  e",
    "<table> <table><tr>  x", "\u2581\u2581two\u2581", "  two before, two after  ", "caf\u0065\u0301 \u1112\u1161\u11ab",
]


def train(split, specials, size=600):
    """Byte-level BPE; the vocabulary as a GGUF file has it, special tokens last."""
    tokenizer = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split is None)
    cuts = [] if split is None else [pre_tokenizers.Split(Regex(split), behavior="isolated")]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*cuts, byte_level])
    tokenizer.train_from_iterator(TRAINING, trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    saved = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(saved["vocab"], key=saved["vocab"].get)
    # A word that no merges make: only who looks whole words up first finds it.
    tokens += ["Ġanswer?!", *specials]
    types = [NORMAL] * (len(tokens) - len(specials)) + [CONTROL] * len(specials)
    return {"model": "gpt2", "tokens": tokens, "token_types": types, "merges": [" ".join(m) for m in saved["merges"]]}


def add_tokens(tokenizer, gguf, rstrip=()):
    for token, kind in zip(gguf["tokens"], gguf["token_types"]):
        if kind == CONTROL:
            tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True, rstrip=token in rstrip)])
        if kind == USER_DEFINED:
            tokenizer.add_tokens([AddedToken(token, normalized=False)])


def add_bos(tokenizer, bos):
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.token_to_id(bos))])


def byte_level(pre, split, specials, whole_words=False, bos=None, backend=GPT2Tokenizer):
    gguf = {**train(split, specials), "pre": pre}
    vocab = {token: index for index, token in enumerate(gguf["tokens"])}
    made = backend(vocab=vocab, merges=[tuple(merge.split(" ")) for merge in gguf["merges"]])
    if backend is GPT2Tokenizer:
        mapping.set_split_regex(made, {"pre_tokenizer_type": pre})
    tokenizer = made.backend_tokenizer
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    if whole_words:
        state = json.loads(tokenizer.to_str())
        state["model"]["ignore_merges"] = True
        tokenizer = Tokenizer.from_str(json.dumps(state))
    add_tokens(tokenizer, gguf)
    gguf["eos_id"] = vocab[specials[-1]]
    if bos:
        add_bos(tokenizer, bos)
        gguf["bos_id"] = vocab[bos]
    return gguf, tokenizer


def sentence_piece_vocabulary(specials, user_defined, size=500):
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.pre_tokenizer = pre_tokenizers.Split(Regex("▁[^▁]*"), "isolated")
    trained.train_from_iterator(["▁" + line for line in TRAINING], trainers.BpeTrainer(vocab_size=size, show_progress=False))
    merged = [left + right for left, right in json.loads(trained.to_str())["model"]["merges"]]
    letters = sorted(token for token in trained.get_vocab() if len(token) == 1)
    pieces = list(dict.fromkeys(merged + letters))
    head = specials + user_defined + [f"<0x{byte:02X}>" for byte in range(256)]
    pieces = [piece for piece in pieces if piece not in head and piece.replace("▁", " ") not in user_defined]
    types = [UNKNOWN if t == "<unk>" else CONTROL for t in specials] + [USER_DEFINED] * len(user_defined) + [BYTE] * 256
    return {"model": "llama", "pre": "default", "tokens": head + pieces, "token_types": types + [NORMAL] * len(pieces),
            "scores": [-1000.0 if kind in (CONTROL, USER_DEFINED) else 0.0 for kind in types] +
                      [float(-rank) for rank in range(len(pieces))]}


def proto_of(gguf, add_space_prefix):
    """SentencePiece's own model of a GGUF file's vocabulary."""
    proto = sentencepiece_model_pb2.ModelProto()
    proto.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.BPE
    proto.trainer_spec.byte_fallback = True
    proto.normalizer_spec.add_dummy_prefix = add_space_prefix
    proto.normalizer_spec.remove_extra_whitespaces = False
    proto.normalizer_spec.escape_whitespaces = True
    unknown = gguf.get("unk_id", 0)
    for index, (token, kind, score) in enumerate(zip(gguf["tokens"], gguf["token_types"], gguf["scores"])):
        respelled = token.replace(" ", "▁") if kind == USER_DEFINED else token
        proto.pieces.add(piece=respelled, score=score, type=UNKNOWN if index == unknown else kind)
    processor = sentencepiece.SentencePieceProcessor()
    processor.LoadFromSerializedProto(proto.SerializeToString())
    return processor


def check_with_sentencepiece(gguf, tokenizer, add_space_prefix, lines):
    """How many lines were compared: all without special tokens and without U+0000, at which SentencePiece stops."""
    processor = proto_of(gguf, add_space_prefix)
    specials = [token for token, kind in zip(gguf["tokens"], gguf["token_types"]) if kind in (CONTROL, UNKNOWN)]
    compared = 0
    for line in lines:
        if any(token in line for token in specials) or not line or "\0" in line:
            continue
        ids = tokenizer.encode(line, add_special_tokens=False).ids
        assert processor.EncodeAsIds(line) == ids, (line, processor.EncodeAsPieces(line), [gguf["tokens"][i] for i in ids])
        compared += 1
    return compared


def of_gguf(gguf):
    return {"tokenizer_type": gguf["model"], "tokens": gguf["tokens"], "scores": gguf["scores"], "token_type": gguf["token_types"]}


def gemma_tokenizer(gguf):
    """As transformers builds it, with the user-defined runs of spaces as SentencePiece has them: in the normalized text."""
    tokenizer = mapping.gemma_tokenizer(of_gguf(gguf)).backend_tokenizer
    spelled = [(t.replace(" ", "▁"), kind) for t, kind in zip(gguf["tokens"], gguf["token_types"])]
    for token, kind in spelled:
        if kind == USER_DEFINED:
            tokenizer.add_tokens([AddedToken(token, normalized=True)])
        if kind == CONTROL:
            tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True)])
    add_bos(tokenizer, "<bos>")
    return tokenizer


def gemma():
    runs = ["\n" * n for n in range(1, 6)] + [" " * n for n in range(2, 8)] + ["\t\t", "\t\t\t"]
    gguf = sentence_piece_vocabulary(["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"],
                                     [*runs, "<table>", "<tr>"])
    gguf["token_types"][3] = CONTROL  # as the converter writes it; the file names the unknown token by its id
    gguf |= {"bos_id": 2, "eos_id": 1, "unk_id": 3, "pad_id": 0, "add_bos": True, "add_space_prefix": False,
             "architecture": "gemma3"}
    tokenizer = gemma_tokenizer(gguf)
    assert check_with_sentencepiece(gguf, tokenizer, False, LINES + corpus()) > 400
    return gguf, tokenizer


def llama_like(architecture, specials, rstrip):
    gguf = sentence_piece_vocabulary(["<unk>", "<s>", "</s>"], [])
    gguf["tokens"] += specials
    gguf["token_types"] += [CONTROL] * len(specials)
    gguf["scores"] += [-1000.0] * len(specials)
    gguf |= {"bos_id": 1, "eos_id": 2, "unk_id": 0, "add_bos": True, "architecture": architecture}
    tokenizer = mapping.phi3_tokenizer(of_gguf(gguf)).backend_tokenizer  # a space before the text, by the normalizer
    tokenizer.add_special_tokens([AddedToken("<unk>", normalized=False)])
    add_tokens(tokenizer, gguf, rstrip)
    add_bos(tokenizer, "<s>")
    assert check_with_sentencepiece(gguf, tokenizer, True, LINES + corpus()) > 400
    return gguf, tokenizer


def families():
    splits, qwen = mapping.GGUF_PRE_TOKENIZER_SPLITS, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    phi3 = ["<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"]
    llama3 = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|end_of_text|>"]
    return {
        "gpt2": byte_level("gpt-2", None, ["<|endoftext|>"]),
        "llama3": byte_level("llama-bpe", splits["llama-bpe"], llama3, whole_words=True, bos="<|begin_of_text|>"),
        "qwen2": byte_level("qwen2", splits["qwen2"], qwen, backend=Qwen2Tokenizer),
        "phi4_mini": byte_level("gpt-4o", splits["gpt-4o"], phi3),
        "mistral_tekken": byte_level("tekken", splits["tekken"], ["<s>", "[INST]", "[/INST]", "</s>"], whole_words=True),
        "gemma": gemma(),
        "tinyllama": llama_like("llama", [], []),
        "phi3": llama_like("phi3", phi3, ["</s>", *phi3[1:]]),
    }


def expected(tokenizer):
    lines = corpus()
    return {
        "lines": [digest(tokenizer.encode(line).ids) for line in LINES],
        "corpus": digest([token for line in lines for token in tokenizer.encode(line).ids]),
        "decoded": digest([byte for line in LINES for byte in tokenizer.decode(tokenizer.encode(line).ids).encode()]),
    }


def write_gemma(path):
    import gguf as package

    fields = package.GGUFReader(path).fields
    read = lambda name: fields[f"tokenizer.ggml.{name}"].contents()
    gguf = {"model": "llama", "tokens": read("tokens"), "token_types": read("token_type"), "scores": read("scores"), "unk_id": 3}
    tokenizer = gemma_tokenizer(gguf)
    lines = LINES + corpus()
    print("equal to SentencePiece on", check_with_sentencepiece(gguf, tokenizer, False, lines), "lines")
    write("gemma3.expected.json", expected(tokenizer), separators=(",", ":"), indent=0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gemma")
    arguments = parser.parse_args()
    if arguments.gemma:
        return write_gemma(arguments.gemma)
    result = {name: {"gguf": gguf, **expected(tokenizer)} for name, (gguf, tokenizer) in families().items()}
    write("families.json", {"lines": LINES, "families": result}, separators=(",", ":"), indent=0)


if __name__ == "__main__":
    main()
