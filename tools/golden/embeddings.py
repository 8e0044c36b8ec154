#!/usr/bin/env python3
"""Golden values of embeddings, from transformers and peft: writes tests/golden/embeddings/CASE/.

  embeddings.py [CASE...]     all of them, or those; needs torch, transformers, peft

CASE is MODEL-LOSS-POOLING, of models of tests/golden/models.
adapter_config.json, adapter_model.safetensors
               a LoRA adapter of AutoModel, as PEFT saves it, with random A and B
values.json    pairs of token ids with their scores; their embeddings; and the losses of five steps of AdamW
gradients.safetensors
               of the loss of all pairs, of every trained tensor, under PEFT's names

Texts go through the model one by one, in f32 on the CPU. The losses are those of sentence_transformers, written here
with torch: ContrastiveLoss over the cosine distance, MultipleNegativesRankingLoss, CosineSimilarityLoss; and "custom",
that of examples/losses/contrastive.py.
"""
import importlib.util
import json
import os
import random
import shutil
import sys

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from torch.nn import functional
from transformers import AutoModel

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "..", "..", "tests", "golden", "models")
VERSIONS = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
MARGIN, TEMPERATURE = 0.8, 0.05
STEPS, RATE = 5, 2e-3
CASES = [("tied", "contrastive", "mean"), ("tied", "infonce", "lasttoken"), ("tied", "cosine_similarity", "lasttoken"),
         ("gpt2", "infonce", "mean"), ("gemma3", "contrastive", "lasttoken"), ("qwen3", "cosine_similarity", "mean"),
         ("tied", "custom", "mean")]


def pairs(vocabulary, loss):
    generator = random.Random(5)
    rows = []
    for i in range(6):
        texts = [[generator.randrange(3, vocabulary) for _ in range(generator.choice((1, 3, 7, 11)))] for _ in range(2)]
        score = [1.0, 0.0, 1.0, 0.0, 1.0, 1.0][i] if loss != "cosine_similarity" else generator.randrange(11) / 10
        rows.append({"text_a": texts[0], "text_b": texts[1], "score": score})
    return rows


def embed(model, tokens, pooling):
    hidden = model(input_ids=torch.tensor([tokens])).last_hidden_state[0]
    return functional.normalize(hidden.mean(0) if pooling == "mean" else hidden[-1], dim=0)


def example():
    path = os.path.join(HERE, "..", "..", "examples", "losses", "contrastive.py")
    spec = importlib.util.spec_from_file_location("example", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.EuclideanContrastiveLoss()


def loss_of(loss, first, second, scores):
    cosines = (first * second).sum(1)
    if loss == "contrastive":
        distances = 1 - cosines
        return 0.5 * (scores * distances ** 2 + (1 - scores) * functional.relu(MARGIN - distances) ** 2).mean()
    if loss == "cosine_similarity":
        return functional.mse_loss(cosines, scores)
    if loss == "custom":
        return example()(first, second, scores)
    alike = [i for i, score in enumerate(scores) if score >= 0.5]
    return functional.cross_entropy((first @ second.T / TEMPERATURE)[alike], torch.tensor(alike))


def case(model_name, loss, pooling, out):
    torch.manual_seed(3)
    base = AutoModel.from_pretrained(os.path.join(MODELS, model_name), dtype=torch.float32,
                                     attn_implementation="eager")
    model = get_peft_model(base, LoraConfig(r=2, lora_alpha=4, task_type="FEATURE_EXTRACTION"))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0.0, 0.1)
    model.peft_config["default"].base_model_name_or_path = model_name
    here = os.path.join(out, f"{model_name}-{loss}-{pooling}")
    shutil.rmtree(here, ignore_errors=True)
    model.save_pretrained(here)
    os.remove(os.path.join(here, "README.md"))
    rows = pairs(base.config.vocab_size, loss)
    scores = torch.tensor([row["score"] for row in rows])
    trained = {n.replace(".default", ""): p for n, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(trained.values(), lr=RATE, weight_decay=0.0)
    values = {"versions": VERSIONS, "model": f"models/{model_name}", "loss": loss, "pooling": pooling,
              "margin": MARGIN, "temperature": TEMPERATURE, "pairs": rows, "rate": RATE, "steps": []}
    for step in range(STEPS):
        optimizer.zero_grad()
        first = torch.stack([embed(model, row["text_a"], pooling) for row in rows])
        second = torch.stack([embed(model, row["text_b"], pooling) for row in rows])
        value = loss_of(loss, first, second, scores)
        value.backward()
        values["steps"].append(value.item())
        if step == 0:
            values["embeddings"] = [text.tolist() for pair in zip(first, second) for text in pair]
            save_file({n: p.grad.clone().contiguous() for n, p in trained.items()},
                      os.path.join(here, "gradients.safetensors"), metadata={"format": "pt"})
        optimizer.step()
    with open(os.path.join(here, "values.json"), "w", encoding="utf-8") as file:
        json.dump(values, file)
        file.write("\n")
    print(os.path.basename(here), values["steps"])


def main():
    out = os.path.join(HERE, "..", "..", "tests", "golden", "embeddings")
    for model_name, loss, pooling in CASES:
        if not sys.argv[1:] or f"{model_name}-{loss}-{pooling}" in sys.argv[1:]:
            case(model_name, loss, pooling, out)


if __name__ == "__main__":
    main()
