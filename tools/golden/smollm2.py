"""The real SmolLM2-135M-Instruct as transformers sees it: a Hugging Face folder, and reference losses.

  smollm2.py convert MODEL.gguf OUT_DIR [bf16|f32]     OUT_DIR can be loaded by transformers, peft and trl
  smollm2.py losses MODEL.gguf ROWS.jsonl OUT.json     f32 loss of each row's answers, the reference of the
                                                       end-to-end test (tests/golden/smollm2.json)

Needs: torch, transformers, gguf. The loss of a row is the mean negative log-likelihood over the tokens of its assistant
answers and of the end-of-turn token after each; the template's text around them carries none.
"""
import hashlib
import json
import os
import sys

import tokenizers
import torch
import transformers
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer


def load_tokenizer(gguf):
    """The GGUF's tokenizer, with the pre-tokenizer that its "tokenizer.ggml.pre" = "smollm" stands for.

    transformers does not read that key and cuts text as GPT-2 does; the model was trained with every digit apart.
    """
    folder, name = os.path.split(os.path.abspath(gguf))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True),
         pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.backend_tokenizer.normalizer = None
    return tokenizer


def load_model(gguf, dtype):
    folder, name = os.path.split(os.path.abspath(gguf))
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    # The weights are plain numbers from here on.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    return model.to(dtype)


def convert(gguf, out, precision="bf16"):
    load_model(gguf, torch.bfloat16 if precision == "bf16" else torch.float32).save_pretrained(out)
    load_tokenizer(gguf).save_pretrained(out)
    print(f"{out}: {sorted(os.listdir(out))}")


def answer_mask(tokenizer, messages):
    """Token ids of a chat, and for each whether it is of an answer or the end-of-turn token after one."""
    ids, mask = [], []
    for end in range(1, len(messages) + 1):
        text = tokenizer.apply_chat_template(messages[:end], tokenize=False)
        whole = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert whole[:len(ids)] == ids, "the template rewrites earlier turns"
        answer = messages[end - 1]["role"] == "assistant"
        head = len(ids)
        if answer:
            prompt = tokenizer.apply_chat_template(messages[:end - 1], tokenize=False, add_generation_prompt=True)
            head = len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
        stop = max((i + 1 for i, token in enumerate(whole) if token == tokenizer.eos_token_id), default=len(whole))
        mask += [answer and head <= i < stop for i in range(len(ids), len(whole))]
        ids = whole
    return ids, mask


def row_loss(model, ids, mask):
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits[0, :-1].float()
    targets = torch.tensor(ids[1:])
    losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    chosen = torch.tensor(mask[1:])
    correct = (logits.argmax(-1) == targets) & chosen
    return losses[chosen].double().sum().item(), int(chosen.sum()), int(correct.sum())


def losses(gguf, rows, out):
    tokenizer, model = load_tokenizer(gguf), load_model(gguf, torch.float32).eval()
    result, total, count, right = [], 0.0, 0, 0
    data = open(rows, "rb").read()
    for line in data.decode().splitlines()[:64]:
        ids, mask = answer_mask(tokenizer, json.loads(line)["messages"])
        loss, tokens, correct = row_loss(model, ids, mask)
        result.append({"loss": round(loss / tokens, 6), "tokens": tokens, "length": len(ids)})
        total, count, right = total + loss, count + tokens, right + correct
    document = {
        "made_by": "tools/golden/smollm2.py losses",
        "versions": {module.__name__: module.__version__ for module in (torch, transformers, tokenizers)},
        "model": os.path.basename(gguf),
        "model_sha256": hashlib.sha256(open(gguf, "rb").read()).hexdigest(),
        "data": "/".join(os.path.abspath(rows).split(os.sep)[-3:]),
        "data_sha256": hashlib.sha256(data).hexdigest(),
        "dtype": "float32", "loss": total / count, "tokens": count, "correct": right, "rows": result}
    with open(out, "w") as file:
        head = json.dumps({key: value for key, value in document.items() if key != "rows"}, indent=1)
        lines = ",\n".join("  " + json.dumps(row) for row in result)
        file.write(head[:-2] + ',\n "rows": [\n' + lines + "\n ]\n}\n")
    print(f"{len(result)} rows, {count} tokens, loss {total / count:.6f}")


if __name__ == "__main__":
    {"convert": convert, "losses": losses}[sys.argv[1]](*sys.argv[2:])
