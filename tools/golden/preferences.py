#!/usr/bin/env python3
"""Golden values of preference tuning, from TRL: writes tests/golden/preferences/{start,steps.json}.

  preferences.py [OUT_DIR]     needs torch, transformers, peft, trl, datasets

start          a LoRA adapter of the model "tied" as PEFT starts it, from which each objective trains
steps.json     random rows as token ids, and for each objective what TRL's trainer reports at each of 20 steps: dpo and
               ipo by DPOTrainer, orpo by ORPOTrainer, simpo by CPOTrainer (cpo_alpha 0), kto by KTOTrainer

The rows go to the trainers as tokens, so that nothing depends on where a tokenizer cuts. ORPO's cross-entropy is taken
over the tokens of the preferred answers, as in its paper; ORPOTrainer takes the prompt's too.

compare_preferences.py uses `train` for real models.
"""
import json
import os
import random
import sys
import tempfile

import datasets
import peft
import torch
import transformers
import trl
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

VERSIONS = {module.__name__: module.__version__ for module in (torch, transformers, peft, trl)}
REPORTED = ["loss", "grad_norm", "rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins",
            "logps/chosen", "logps/rejected", "kl"]
# What each objective is trained with here; hone's names.
SETTINGS = {"dpo": {"beta": 0.5}, "ipo": {"beta": 0.2}, "orpo": {"beta": 0.3}, "kto": {"beta": 0.4},
            "simpo": {"beta": 2.0, "simpo_gamma": 0.7, "label_smoothing": 0.1}}


class TokenRows:
    """Mixed into a trainer: takes rows of tokens as they are."""

    def _prepare_dataset(self, dataset, processing_class, args, name):
        return dataset


class TokensDpo(TokenRows, DPOTrainer):
    pass


class TokensKto(TokenRows, KTOTrainer):
    pass


def tokenize_pair(feature):
    """What the older trainers make of a row."""
    row = {"prompt_input_ids": feature["prompt_ids"]}
    for side in ("chosen", "rejected"):
        ids = feature["prompt_ids"] + feature[f"{side}_ids"]
        row |= {f"{side}_input_ids": ids, f"{side}_attention_mask": [1] * len(ids),
                f"{side}_labels": [-100] * len(feature["prompt_ids"]) + feature[f"{side}_ids"]}
    return row


class TokensCpo(CPOTrainer):
    def tokenize_row(self, feature, model=None):
        return tokenize_pair(feature)


class TokensOrpo(ORPOTrainer):
    def tokenize_row(self, feature, model=None):
        return tokenize_pair(feature)

    def concatenated_forward(self, model, batch):
        """As ORPOTrainer's, with the cross-entropy of the answers alone."""
        inputs = self.concatenated_inputs(batch, padding_value=self.padding_value, device=self.accelerator.device)
        logits = model(inputs["concatenated_input_ids"], attention_mask=inputs["concatenated_attention_mask"],
                       use_cache=False).logits
        labels, pairs = inputs["concatenated_labels"], batch["chosen_labels"].shape[0]
        nll = nn.functional.cross_entropy(logits[:pairs, :-1].flatten(0, 1), labels[:pairs, 1:].flatten())
        logps = self.get_batch_logps(logits, labels, average_log_prob=True)
        return logps[:pairs], logps[pairs:], logits[:pairs], logits[pairs:], nll


def trainer_of(objective, model, tokenizer, rows, folder, arguments, settings):
    shared = dict(output_dir=folder, max_grad_norm=1.0, optim="adamw_torch", bf16=False, use_cpu=True, logging_steps=1,
                  save_strategy="no", report_to="none", gradient_checkpointing=False, beta=settings["beta"],
                  disable_tqdm=True, remove_unused_columns=False, train_sampling_strategy="sequential", **arguments)
    batch = arguments["per_device_train_batch_size"]
    if objective == "kto":
        for begin in range(0, len(rows), batch):
            block = [row["completion_ids"] for row in rows[begin:begin + batch]]
            for i, row in enumerate(rows[begin:begin + batch]):
                row["KL_completion_ids"] = block[i - 1]
    dataset = datasets.Dataset.from_list(rows)
    if objective in ("dpo", "ipo"):
        config = DPOConfig(loss_type=["sigmoid" if objective == "dpo" else "ipo"], **shared)
        return TokensDpo(model=model, args=config, train_dataset=dataset, processing_class=tokenizer)
    if objective == "kto":
        return TokensKto(model=model, args=KTOConfig(**shared), train_dataset=dataset, processing_class=tokenizer)
    dataset = dataset.add_column("prompt", ["p"] * len(rows)).add_column("chosen", ["c"] * len(rows))
    dataset = dataset.add_column("rejected", ["r"] * len(rows))
    if objective == "orpo":
        return TokensOrpo(model=model, args=ORPOConfig(**shared), train_dataset=dataset, processing_class=tokenizer)
    config = CPOConfig(loss_type="simpo", cpo_alpha=0.0, simpo_gamma=settings.get("simpo_gamma", 0.5),
                       label_smoothing=settings.get("label_smoothing", 0.0), **shared)
    return TokensCpo(model=model, args=config, train_dataset=dataset, processing_class=tokenizer)


def train(objective, base, start, rows, folder, arguments, settings):
    """What TRL reports at each step of training the adapter `start` on the base with rows of tokens."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = peft.PeftModel.from_pretrained(model, start, is_trainable=True)
    trainer = trainer_of(objective, model, tokenizer, [dict(row) for row in rows], folder, arguments, settings)
    trainer.train()
    return [{key: entry[key] for key in REPORTED if key in entry}
            for entry in trainer.state.log_history if "loss" in entry]


def random_rows(seed, kind, vocabulary, count):
    generator = random.Random(seed)

    def ids(least, most):
        return [generator.randrange(3, vocabulary) for _ in range(generator.randint(least, most))]
    rows = []
    for i in range(count):
        row = {"prompt_ids": ids(3, 8)}
        if kind == "judged":
            rows.append(row | {"completion_ids": ids(2, 7), "label": i % 3 != 1})
        else:
            rows.append(row | {"chosen_ids": ids(2, 7), "rejected_ids": ids(2, 7)})
    return rows


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "..", "tests", "golden", "preferences")
    base, start = os.path.join(here, "..", "..", "tests", "golden", "models", "tied"), os.path.join(out, "start")
    torch.manual_seed(5)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
                           LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules="all-linear",
                                      task_type="CAUSAL_LM"))
    model.peft_config["default"].base_model_name_or_path = "tied"
    model.save_pretrained(start)
    os.remove(os.path.join(start, "README.md"))
    arguments = {"per_device_train_batch_size": 4, "max_steps": 20, "learning_rate": 2e-3,
                 "lr_scheduler_type": "linear", "weight_decay": 0.01, "seed": 1}
    values = {"versions": VERSIONS, "arguments": arguments, "objectives": {}}
    for kind in ("pairs", "judged"):
        values[kind] = random_rows(3, kind, 380, 16)
    for objective, settings in SETTINGS.items():
        rows = values["judged" if objective == "kto" else "pairs"]
        with tempfile.TemporaryDirectory() as folder:
            steps = train(objective, base, start, rows, folder, arguments, settings)
        values["objectives"][objective] = {"settings": settings, "steps": steps}
        print(objective, steps[0], steps[-1], sep="\n  ")
    with open(os.path.join(out, "steps.json"), "w") as file:
        json.dump(values, file)
        file.write("\n")


if __name__ == "__main__":
    main()
