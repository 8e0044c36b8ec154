"""Golden values of the whole engine, from transformers and peft: writes tests/golden/{models,adapters,values}.

  make.py [--out DIR] [NAME...]   of all models, or of those; needs torch, transformers, peft, tokenizers (their versions
                                  are written beside the values)

models/NAME    a tiny random model in Hugging Face's layout, of Llama or of another family (FAMILIES); every weight is a bf16 number, so that f32 and bf16 runs
               start from the same ones
adapters/CASE  an adapter as PEFT saved it, with random A and B (a fresh adapter's B is zero, which would hide mistakes)
values/CASE.json, values/CASE.safetensors
               documents with a weight per token; logits and losses without and with the adapter, all gradients, and
               20 steps of training as transformers' Trainer takes them (see Trajectory). Everything in f32 on the CPU.
values/MODEL-full.json, values/MODEL-full.safetensors
               the same for every weight of a model in place of an adapter's. To stay small, a sample of each tensor
               (see sample) and its norm.
values/NAME-chat.json
               of Llama's models: chats with the token ids and the tokens that carry loss, and the loss of each, for the data room.

Documents go through the model one by one: no padding, no packing, nothing to get wrong on this side.
"""
import argparse
import json
import os
import shutil

import peft
import tokenizers
import torch
import transformers
from peft import (IA3Config, LoraConfig, PeftConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model,
                  set_peft_model_state_dict)
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, get_scheduler

from smollm2 import answer_mask

VERSIONS = {module.__name__: module.__version__ for module in (torch, transformers, peft, tokenizers)}
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

# What the tokenizer is trained on; our own words.
TEXT = """
Hydrogen is the lightest of all, one proton and one electron, and most of the stars are made of it.
Helium fills balloons and cools magnets; it was seen in the light of the sun before anybody found it here.
Lithium is soft, silvery and light, it floats on water while it burns, and it keeps the charge in a battery.
Carbon builds diamonds, pencils and people, because each atom makes four bonds and is not shy about them.
Nitrogen is most of the air that we breathe; plants want it, bacteria fix it, and factories copy the bacteria.
Oxygen keeps a flame alive, rusts the iron gate and lets the runner reach the top of the hill.
Neon glows red in the signs above the shops, and does nothing else, which is why we trust it.
Sodium hisses in water and sleeps in salt. Magnesium burns white. Aluminium flies. Silicon counts.
Iron is the end of the road for a star: nothing is won by fusing it, so the star falls in upon itself.
Copper carries the current, silver carries it better, and gold carries it where nobody can reach to repair.
What is the symbol of tin? Sn, from the Latin stannum. What melts in the hand? Gallium, at 29.8 degrees.
How many protons are there in lead? 82. In gold? 79. In mercury? 80. In uranium? 92, and it is not at rest.
A model reads a token, and then a token, and then it says which token it thinks will come next.
"""

ROPE_LLAMA3 = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 32}

# dtype: how the weights are stored. spelling: "new" keeps config.json as transformers 5 writes it, "old" is how
# transformers 4 did (rope_theta and rope_scaling at the top level, torch_dtype); both are in the wild.
MODELS = {
    "tied": dict(dtype="bf16", spelling="new", vocab_size=384, hidden_size=64, intermediate_size=160,
                 num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
                 tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
    "llama3": dict(dtype="f32", spelling="old", vocab_size=384, hidden_size=48, intermediate_size=80,
                   num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=3, head_dim=16,
                   tie_word_embeddings=False, rope_parameters={"rope_theta": 500000.0, **ROPE_LLAMA3}),
    "bias": dict(dtype="bf16", spelling="new", vocab_size=384, hidden_size=64, intermediate_size=128,
                 num_hidden_layers=2, num_attention_heads=8, num_key_value_heads=2, head_dim=8, attention_bias=True,
                 mlp_bias=True, tie_word_embeddings=False,
                 rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}, shards=2),
    "odd": dict(dtype="f16", spelling="old", vocab_size=383, hidden_size=72, intermediate_size=100,
                num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1, head_dim=24,
                tie_word_embeddings=False, rope_parameters={"rope_type": "default", "rope_theta": 5000.0}),
}

# Every other family, and what of Llama the models above lack: one entry each. classes: of the config and the model.
# Documents have up to 17 tokens: windows are shorter, and so are the contexts that scaled positions go beyond.
SMALL = dict(dtype="f32", spelling="new", vocab_size=96, num_hidden_layers=2)
FAMILIES = {
    "yarn": dict(SMALL, classes=("LlamaConfig", "LlamaForCausalLM"), hidden_size=24, intermediate_size=40,
                 num_attention_heads=3, num_key_value_heads=1, head_dim=16, tie_word_embeddings=True,
                 rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0,
                                  "original_max_position_embeddings": 8}),
    "dynamic": dict(SMALL, classes=("LlamaConfig", "LlamaForCausalLM"), hidden_size=28, intermediate_size=40,
                    num_attention_heads=2, num_key_value_heads=2, head_dim=14, tie_word_embeddings=True,
                    rope_parameters={"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}),
    "qwen2": dict(SMALL, classes=("Qwen2Config", "Qwen2ForCausalLM"), num_hidden_layers=3, hidden_size=32,
                  intermediate_size=48, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True,
                  use_sliding_window=True, sliding_window=5, max_window_layers=1),
    "qwen3": dict(SMALL, classes=("Qwen3Config", "Qwen3ForCausalLM"), spelling="old", hidden_size=40,
                  intermediate_size=56, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
                  tie_word_embeddings=False, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}),
    "mistral": dict(SMALL, classes=("MistralConfig", "MistralForCausalLM"), spelling="old", hidden_size=48,
                    intermediate_size=64, num_attention_heads=3, num_key_value_heads=1, head_dim=16,
                    sliding_window=6, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
    "smollm3": dict(SMALL, classes=("SmolLM3Config", "SmolLM3ForCausalLM"), num_hidden_layers=3, hidden_size=36,
                    intermediate_size=48, num_attention_heads=3, num_key_value_heads=1, no_rope_layer_interval=2,
                    tie_word_embeddings=True),
    "granite": dict(SMALL, classes=("GraniteConfig", "GraniteForCausalLM"), hidden_size=44, intermediate_size=60,
                    num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=True, embedding_multiplier=3.0,
                    attention_multiplier=0.3, residual_multiplier=0.6, logits_scaling=2.0),
    "olmo2": dict(SMALL, classes=("Olmo2Config", "Olmo2ForCausalLM"), hidden_size=52, intermediate_size=64,
                  num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=False),
    "gemma": dict(SMALL, classes=("GemmaConfig", "GemmaForCausalLM"), hidden_size=56, intermediate_size=72,
                  num_attention_heads=2, num_key_value_heads=1, head_dim=16, tie_word_embeddings=True),
    "gemma2": dict(SMALL, classes=("Gemma2Config", "Gemma2ForCausalLM"), hidden_size=60, intermediate_size=76,
                   num_attention_heads=2, num_key_value_heads=1, head_dim=12, tie_word_embeddings=True,
                   query_pre_attn_scalar=20, sliding_window=5, attn_logit_softcapping=4.0,
                   final_logit_softcapping=3.0),
    "gemma3": dict(SMALL, classes=("Gemma3TextConfig", "Gemma3ForCausalLM"), num_hidden_layers=3, hidden_size=68,
                   intermediate_size=84, num_attention_heads=2, num_key_value_heads=1, head_dim=16,
                   tie_word_embeddings=True, query_pre_attn_scalar=24, sliding_window=5, sliding_window_pattern=3,
                   rope_parameters={"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
                                    "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}),
    "phi3": dict(SMALL, classes=("Phi3Config", "Phi3ForCausalLM"), hidden_size=64, intermediate_size=72,
                 num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False, sliding_window=7,
                 max_position_embeddings=64, original_max_position_embeddings=12,
                 rope_parameters={"rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.75,
                                  "short_factor": [1.0, 1.1, 1.3, 1.4, 1.6, 2.0],
                                  "long_factor": [1.0, 1.5, 2.5, 4.0, 6.0, 8.0]}),
    "gpt2": dict(SMALL, classes=("GPT2Config", "GPT2LMHeadModel"), n_embd=48, n_layer=2, n_head=3, n_positions=64,
                 resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0),
    "phi": dict(SMALL, classes=("PhiConfig", "PhiForCausalLM"), hidden_size=80, intermediate_size=88,
                num_attention_heads=4, partial_rotary_factor=0.5, tie_word_embeddings=False),
}
LLAMA = ("LlamaConfig", "LlamaForCausalLM")
# A bias of keys that do not turn changes no score: its gradient is rounding noise, of which AdamW makes whole steps.
NOISE = {"gpt2": "attn.c_attn.bias", "phi": "self_attn.k_proj.bias"}

ALL = "all-linear"
# model, LoRA settings, training settings (schedule, warmup steps, learning rate, weight decay, clipping norm; 0: none)
CASES = {
    "tied-lora": ("tied", dict(r=4, lora_alpha=8, target_modules=ALL), ("linear", 3, 5e-3, 0.01, 1.0)),
    "llama3-rslora": ("llama3", dict(r=8, lora_alpha=8, target_modules=ALL, use_rslora=True,
                                     rank_pattern={"q_proj": 2, "layers.1.mlp.up_proj": 5},
                                     alpha_pattern={"layers.1.mlp.up_proj": 3, "o_proj": 20}),
                      ("cosine", 0, 4e-3, 0.1, 4.0)),
    "bias-regex": ("bias", dict(r=6, lora_alpha=12, target_modules=r".*layers\.(0\.mlp|1\.self_attn)\.\w+_proj"),
                   ("constant_with_warmup", 4, 4e-3, 0.0, 1.8)),
    "odd-head": ("odd", dict(r=4, lora_alpha=16, target_modules=["q_proj", "v_proj", "down_proj"],
                             modules_to_save=["lm_head"]), ("constant", 0, 1e-3, 0.05, 3.6)),
    "tied-head": ("tied", dict(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], modules_to_save=["lm_head"]),
                  ("inverse_sqrt", 2, 1e-3, 0.01, 0.0)),
}
CASES.update({f"{name}-lora": (name, dict(r=2, lora_alpha=4, target_modules=ALL), ("linear", 2, 5e-3, 0.01, 2.0))
              for name in FAMILIES})
CASES["gpt2-lora"][1]["modules_to_save"] = ["c_fc"]  # whose weights lie transposed
# DoRA: some layers of a group without, biases, transposed weights, a tied head.
CASES.update({
    "tied-dora": ("tied", dict(r=4, lora_alpha=8, use_dora=True, target_modules=["q_proj", "v_proj", "o_proj", "up_proj",
                                                                                "down_proj", "lm_head"]),
                  ("linear", 3, 5e-3, 0.01, 1.0)),
    "bias-dora": ("bias", dict(r=3, lora_alpha=6, use_dora=True, use_rslora=True, target_modules=ALL),
                  ("cosine", 0, 4e-3, 0.1, 1.8)),
    "gpt2-dora": ("gpt2", dict(r=2, lora_alpha=4, use_dora=True, target_modules=ALL), ("linear", 2, 5e-3, 0.01, 2.0)),
})
# Of the training of every weight, likewise.
FULL = {
    "tied": ("linear", 3, 1e-3, 0.1, 1.0),
    "llama3": ("cosine", 0, 1e-3, 0.0, 4.0),
    "bias": ("constant", 0, 1e-3, 0.1, 2.0),
    "odd": ("constant_with_warmup", 4, 2e-3, 0.05, 0.0),
}
FULL.update({name: ("linear", 2, 1e-3, 0.1, 2.0) for name in FAMILIES})
STEPS, ACCUMULATION, SAMPLE = 20, 2, 192
FAMILY_STEPS = 5

TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + "
            "'<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
CHATS = [
    [("user", "What is tin?"), ("assistant", "Sn, a soft metal.")],
    [("system", "Answer in one word."), ("user", "Which gas fills balloons?"), ("assistant", "Helium")],
    [("user", "Name a metal."), ("assistant", "Iron."), ("user", "And a liquid one?"),
     ("assistant", "Mercury, no. 80.")],
]


def make_tokenizer(folder, adds_bos):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=380, special_tokens=SPECIAL, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(TEXT.strip().split("\n"), trainer)
    if adds_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<|endoftext|> $A", pair="<|endoftext|> $A <|endoftext|> $B", special_tokens=[("<|endoftext|>", 0)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|im_end|>",
                                   pad_token="<|endoftext|>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    return fast


def old_spelling(folder):
    """Rewrites config.json as transformers 4 wrote it."""
    path = os.path.join(folder, "config.json")
    config = json.load(open(path))
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    config["torch_dtype"] = config.pop("dtype")
    json.dump(config, open(path, "w"), indent=2)


def load_model(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def initialise(name, key, parameter):
    if "norm" in key or "ln_" in key:
        # Gemma's norms multiply by 1 + weight.
        parameter.normal_(0.0 if key.endswith("bias") or name.startswith("gemma") else 1.0, 0.2)
    else:
        parameter.normal_(0.0, parameter.shape[-1] ** -0.5)


def make_model(name, folder):
    settings = dict(MODELS[name] if name in MODELS else FAMILIES[name])
    dtype, spelling, shards = settings.pop("dtype"), settings.pop("spelling"), settings.pop("shards", 1)
    config_class, model_class = (getattr(transformers, each) for each in settings.pop("classes", LLAMA))
    defaults = dict(max_position_embeddings=512, rms_norm_eps=1e-5, bos_token_id=0, eos_token_id=2, pad_token_id=0,
                    attn_implementation="eager")
    if "n_positions" in settings:
        del defaults["max_position_embeddings"]  # GPT-2's other name for it
    config = config_class(**{**defaults, **settings})
    model = model_class(config)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            initialise(name, key, parameter)
            # The mantissa of bf16 and, for the model stored as f16, well inside its range of exponents.
            parameter.copy_(parameter.to(torch.bfloat16).float())
            if dtype == "f16":
                parameter[parameter.abs() < 2.0 ** -10] = 0
    stored = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}[dtype]
    model.generation_config.update(do_sample=False, eos_token_id=[2, 0], pad_token_id=0, bos_token_id=0)
    size = sum(p.numel() * p.element_size() for p in model.parameters())
    limit = size // 2 // shards + 40_000 if shards > 1 else size * 2
    model.to(stored).save_pretrained(folder, max_shard_size=limit)
    if spelling == "old":
        old_spelling(folder)
    if name in FAMILIES:
        return None, None
    tokenizer = make_tokenizer(folder, adds_bos=name == "llama3")
    # Read back from disk: the values are those of the files, whatever was in memory.
    return load_model(folder), tokenizer


def make_documents(generator, lengths, vocabulary):
    """Random tokens; weights 1, 0, and here and there a fraction. The first token's is never used."""
    documents = []
    for length in lengths:
        tokens = torch.randint(0, vocabulary, (length,), generator=generator).tolist()
        draw = torch.rand(length, generator=generator).tolist()
        weights = [0.0 if x < 0.3 else 0.5 if x < 0.4 else 1.0 for x in draw]
        weights[0] = 0.0
        documents.append({"tokens": tokens, "weights": weights})
    return documents


def document_loss(model, document):
    """Weighted sum of negative log-likelihoods, the number of first-ranked labelled tokens, and the logits [T, V]."""
    # Without those of virtual tokens, where prompt tuning has them.
    logits = model(input_ids=torch.tensor([document["tokens"]])).logits[0][-len(document["tokens"]):]
    targets, weights = torch.tensor(document["tokens"][1:], dtype=torch.long), torch.tensor(document["weights"][1:])
    losses = torch.nn.functional.cross_entropy(logits[:-1], targets, reduction="none")
    correct = ((logits[:-1].argmax(-1) == targets) & (weights > 0)).sum().item()
    return (losses * weights).sum(), correct, logits


def forward(model, documents, grad=False):
    sums, correct, logits = [], [], []
    with torch.set_grad_enabled(grad):
        for document in documents:
            loss, right, scores = document_loss(model, document)
            if grad:
                loss.backward()
            sums.append(loss.item())
            correct.append(right)
            logits.append(scores.detach())
    weight = sum(sum(d["weights"][1:]) for d in documents)
    return {"loss": sum(sums) / weight, "weight": weight, "document_losses": sums,
            "correct": correct}, torch.cat(logits)


def saved_name(name):
    """PEFT's name of a parameter in the file that it saves."""
    if name.startswith("prompt_encoder."):
        return "prompt_embeddings"
    return name.replace(".default", "").replace("modules_to_save.", "").replace("_vector.weight", "_vector")


def trajectory(model, batches, settings, total_steps):
    """Steps as transformers' Trainer takes them.

    The loss of a step is the weighted sum over all its micro-batches divided by the weight of the whole step; gradients
    are clipped to max_norm (before the update; the norm before clipping is what is reported); AdamW(0.9, 0.999, 1e-8)
    decays every matrix, but no norm and no bias; the schedule moves after the optimiser, so step 1 uses its value at 0.
    """
    schedule, warmup, rate, decay, max_norm = settings
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW([{"params": [p for p in trainable if p.dim() > 1], "weight_decay": decay},
                                   {"params": [p for p in trainable if p.dim() == 1], "weight_decay": 0.0}], lr=rate)
    scheduler = get_scheduler(schedule, optimizer, num_warmup_steps=warmup, num_training_steps=total_steps)
    steps = []
    for step in range(total_steps):
        chosen = [batches[(step * ACCUMULATION + i) % len(batches)] for i in range(ACCUMULATION)]
        weight = sum(sum(d["weights"][1:]) for batch in chosen for d in batch)
        total = 0.0
        for batch in chosen:
            loss = sum(document_loss(model, d)[0] for d in batch)
            (loss / weight).backward()
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(trainable, max_norm or float("inf")).item()
        steps.append({"loss": total / weight, "grad_norm": norm, "learning_rate": scheduler.get_last_lr()[0]})
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    return steps


def make_adapter(base, settings, folder):
    kinds = {"ia3": IA3Config, "prompt": PromptTuningConfig, "prefix": PrefixTuningConfig}
    kind = next((kind for kind in kinds if kind in settings), None)
    model = get_peft_model(base, kinds[kind](task_type="CAUSAL_LM", **settings[kind]) if kind else
                           LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, bias="none", **settings))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_A" in name:
                parameter.normal_(0.0, parameter.shape[1] ** -0.5)
            elif "lora_B" in name:
                parameter.normal_(0.0, 0.1)
            elif "prompt_encoder" in name:
                parameter.normal_(0.0, 0.5)
            elif "ia3_l" in name:
                parameter.normal_(1.0, 0.2)
            elif parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.02)
    model.save_pretrained(folder)
    readme = os.path.join(folder, "README.md")
    if os.path.exists(readme):
        os.remove(readme)
    # The base's place on this machine means nothing elsewhere.
    path = os.path.join(folder, "adapter_config.json")
    config = json.load(open(path))
    config["base_model_name_or_path"] = "models/" + settings_model_name(folder)
    for key in ("target_modules", "feedforward_modules"):
        if isinstance(config.get(key), list):
            config[key] = sorted(config[key])
    json.dump(config, open(path, "w"), indent=2, sort_keys=True)


def load_trainable(base, folder):
    config = PeftConfig.from_pretrained(folder)
    if not config.is_prompt_learning:
        return PeftModel.from_pretrained(base, folder, is_trainable=True)
    config.inference_mode = False  # from_pretrained would refuse it
    model = get_peft_model(base, config)
    set_peft_model_state_dict(model, load_file(os.path.join(folder, "adapter_model.safetensors")))
    return model


def settings_model_name(folder):
    return CASES[os.path.basename(folder)][0]


def make_case(case, out, index, prepare=lambda model: model):
    """`prepare` changes the base's weights after they are read."""
    model_name, lora, training = CASES[case]
    model_folder, adapter_folder = os.path.join(out, "models", model_name), os.path.join(out, "adapters", case)
    torch.manual_seed(1000 + index)
    generator = torch.Generator().manual_seed(2000 + index)

    def load():
        return prepare(load_model(model_folder))

    base = load()
    vocabulary = base.config.vocab_size
    documents = make_documents(generator, [9, 1, 17, 2, 8], vocabulary)
    tensors, values = {}, {"made_by": "tools/golden/make.py", "versions": VERSIONS, "model": f"models/{model_name}",
                           "adapter": f"adapters/{case}", "documents": documents}
    values["base"], tensors["base.logits"] = forward(base, documents)
    make_adapter(base, lora, adapter_folder)

    model = load_trainable(load(), adapter_folder)
    values["adapted"], tensors["adapted.logits"] = forward(model, documents, grad=True)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            tensors["gradient." + saved_name(name)] = parameter.grad  # of the weighted sum, not of the mean

    model = load_trainable(load(), adapter_folder)
    batches = [make_documents(generator, lengths, vocabulary)
               for lengths in ([9, 14], [21], [5, 6, 7], [16, 3])]
    schedule, warmup, rate, decay, max_norm = training
    values["training"] = {
        "lr_scheduler_type": schedule, "warmup_steps": warmup, "learning_rate": rate, "weight_decay": decay,
        "max_grad_norm": max_norm, "gradient_accumulation_steps": ACCUMULATION, "batches": batches,
        "steps": trajectory(model, batches, training, steps_of(model_name))}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            tensors["final." + saved_name(name)] = parameter.detach()

    path = os.path.join(out, "values", case)
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path + ".safetensors")
    write_json(path + ".json", values)
    steps = values["training"]["steps"]
    print(f"{case}: loss {values['base']['loss']:.4f} -> {values['adapted']['loss']:.4f}, trajectory "
          f"{steps[0]['loss']:.4f} -> {steps[-1]['loss']:.4f}, norms {min(s['grad_norm'] for s in steps):.2f}.."
          f"{max(s['grad_norm'] for s in steps):.2f}")


def steps_of(model_name):
    return FAMILY_STEPS if model_name in FAMILIES else STEPS


def sample(tensor):
    """SAMPLE elements at equal distances, an odd number apart; all of a small tensor."""
    flat = tensor.detach().flatten()
    return flat[::max(1, flat.numel() // SAMPLE | 1)].clone()


def make_full(name, out, index):
    model_folder = os.path.join(out, "models", name)
    generator = torch.Generator().manual_seed(3000 + index)

    def load():
        model = load_model(model_folder)
        # torch leaves the padding token's row without a gradient, though that token may be a real one (BOS, EOS) too.
        # Nothing is padded here: every row has the gradient of the loss.
        model.get_input_embeddings().padding_idx = None
        return model

    model = load()
    vocabulary = model.config.vocab_size
    documents = make_documents(generator, [9, 1, 17, 2, 8], vocabulary)
    tensors, values = {}, {"made_by": "tools/golden/make.py", "versions": VERSIONS, "model": f"models/{name}",
                           "documents": documents}
    values["base"], _ = forward(model, documents, grad=True)
    values["gradient_norms"] = {key: parameter.grad.norm().item() for key, parameter in model.named_parameters()}
    tensors.update({"gradient." + key: sample(parameter.grad) for key, parameter in model.named_parameters()})
    model.zero_grad()
    batches = [make_documents(generator, lengths, vocabulary)
               for lengths in ([9, 14], [21], [5, 6, 7], [16, 3])]
    schedule, warmup, rate, decay, max_norm = FULL[name]
    values["training"] = {
        "lr_scheduler_type": schedule, "warmup_steps": warmup, "learning_rate": rate, "weight_decay": decay,
        "max_grad_norm": max_norm, "gradient_accumulation_steps": ACCUMULATION, "batches": batches,
        "steps": trajectory(model, batches, FULL[name], steps_of(name))}
    final = {key: parameter for key, parameter in model.named_parameters()
             if not (name in NOISE and key.endswith(NOISE[name]))}
    values["final_norms"] = {key: parameter.norm().item() for key, parameter in final.items()}
    tensors.update({"final." + key: sample(parameter) for key, parameter in final.items()})
    values["not_compared"] = sum(1 for _ in model.named_parameters()) - len(final)
    path = os.path.join(out, "values", name + "-full")
    save_file(tensors, path + ".safetensors")
    write_json(path + ".json", values)
    steps = values["training"]["steps"]
    print(f"{name}-full: trajectory {steps[0]['loss']:.4f} -> {steps[-1]['loss']:.4f}, norms "
          f"{min(s['grad_norm'] for s in steps):.2f}..{max(s['grad_norm'] for s in steps):.2f}")


def make_chats(name, model, tokenizer, out):
    rows = []
    for chat in CHATS:
        messages = [{"role": role, "content": content} for role, content in chat]
        ids, mask = answer_mask(tokenizer, messages)
        loss, correct, _ = document_loss(model, {"tokens": ids, "weights": [float(m) for m in mask]})
        rows.append({"messages": messages, "tokens": ids, "weights": [int(m) for m in mask],
                     "loss_sum": loss.item(), "correct": correct})
    write_json(os.path.join(out, "values", name + "-chat.json"),
               {"made_by": "tools/golden/make.py", "versions": VERSIONS, "model": f"models/{name}", "rows": rows})


def write_json(path, document):
    with open(path, "w") as file:
        json.dump(document, file, separators=(",", ":"))
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default=os.path.join(os.path.dirname(__file__), "..", "..", "tests", "golden"))
    parser.add_argument("names", nargs="*", help="models (tied, qwen3, ...); without any: all")
    arguments = parser.parse_args()
    out, everything = arguments.out, [*MODELS, *FAMILIES]
    unknown = set(arguments.names) - set(everything)
    if unknown:
        parser.error(f"no model {', '.join(sorted(unknown))}; there are {', '.join(everything)}")
    chosen = arguments.names or everything
    torch.set_num_threads(1)
    for folder in ("models", "adapters", "values"):
        os.makedirs(os.path.join(out, folder), exist_ok=True)
    for index, name in enumerate(everything):
        if name not in chosen:
            continue
        torch.manual_seed(index)
        shutil.rmtree(os.path.join(out, "models", name), ignore_errors=True)
        model, tokenizer = make_model(name, os.path.join(out, "models", name))
        if model is not None:
            with torch.no_grad():
                make_chats(name, model, tokenizer, out)
    for index, case in enumerate(CASES):
        if CASES[case][0] in chosen:
            shutil.rmtree(os.path.join(out, "adapters", case), ignore_errors=True)
            make_case(case, out, index)
    for index, name in enumerate(FULL):
        if name in chosen:
            make_full(name, out, index)
    for folder, _, names in os.walk(out):
        for name in names:
            if name.endswith(".safetensors"):
                os.chmod(os.path.join(folder, name), 0o644)


if __name__ == "__main__":
    main()
