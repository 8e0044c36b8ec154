"""Golden values of the whole engine, from transformers and peft: writes tests/golden/{models,adapters,values}.

  make.py [OUT_DIR]     needs torch, transformers, peft, tokenizers (their versions are written beside the values)

models/NAME    a tiny random Llama in Hugging Face's layout; every weight is a bf16 number, so that f32 and bf16 runs
               start from the same ones
adapters/CASE  an adapter as PEFT saved it, with random A and B (a fresh adapter's B is zero, which would hide mistakes)
values/CASE.json, values/CASE.safetensors
               documents with a weight per token; logits and losses without and with the adapter, all gradients, and
               20 steps of training as transformers' Trainer takes them (see Trajectory). Everything in f32 on the CPU.
values/MODEL-full.json, values/MODEL-full.safetensors
               the same for every weight of a model in place of an adapter's. To stay small, a sample of each tensor
               (see sample) and its norm.
values/NAME-chat.json
               chats with the token ids and the tokens that carry loss, and the loss of each, for the data room.

Documents go through the model one by one: no padding, no packing, nothing to get wrong on this side.
"""
import json
import os
import shutil
import sys

import peft
import tokenizers
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, get_scheduler

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
# Of the training of every weight, likewise.
FULL = {
    "tied": ("linear", 3, 1e-3, 0.1, 1.0),
    "llama3": ("cosine", 0, 1e-3, 0.0, 4.0),
    "bias": ("constant", 0, 1e-3, 0.1, 2.0),
    "odd": ("constant_with_warmup", 4, 2e-3, 0.05, 0.0),
}
STEPS, ACCUMULATION, SAMPLE = 20, 2, 192

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


def make_model(name, folder):
    settings = dict(MODELS[name])
    dtype, spelling, shards = settings.pop("dtype"), settings.pop("spelling"), settings.pop("shards", 1)
    config = LlamaConfig(max_position_embeddings=512, rms_norm_eps=1e-5, bos_token_id=0, eos_token_id=2, pad_token_id=0,
                         attn_implementation="eager", **settings)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.normal_(1.0 if "norm" in key else 0.0, 0.2 if "norm" in key else parameter.shape[-1] ** -0.5)
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
    tokenizer = make_tokenizer(folder, adds_bos=name == "llama3")
    # Read back from disk: the values are those of the files, whatever was in memory.
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    return model, tokenizer


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
    logits = model(input_ids=torch.tensor([document["tokens"]])).logits[0]
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
    return name.replace(".default", "").replace("modules_to_save.", "")


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
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, bias="none", **settings))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_A" in name:
                parameter.normal_(0.0, parameter.shape[1] ** -0.5)
            elif "lora_B" in name:
                parameter.normal_(0.0, 0.1)
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
    config["target_modules"] = sorted(config["target_modules"]) if isinstance(config["target_modules"], list) \
        else config["target_modules"]
    json.dump(config, open(path, "w"), indent=2, sort_keys=True)


def settings_model_name(folder):
    return CASES[os.path.basename(folder)][0]


def make_case(case, out, index, prepare=lambda model: model):
    """`prepare` changes the base's weights after they are read."""
    model_name, lora, training = CASES[case]
    model_folder, adapter_folder = os.path.join(out, "models", model_name), os.path.join(out, "adapters", case)
    torch.manual_seed(1000 + index)
    generator = torch.Generator().manual_seed(2000 + index)

    def load():
        return prepare(LlamaForCausalLM.from_pretrained(model_folder, dtype=torch.float32,
                                                        attn_implementation="eager").eval())

    base = load()
    vocabulary = base.config.vocab_size
    documents = make_documents(generator, [9, 1, 17, 2, 8], vocabulary)
    tensors, values = {}, {"made_by": "tools/golden/make.py", "versions": VERSIONS, "model": f"models/{model_name}",
                           "adapter": f"adapters/{case}", "documents": documents}
    values["base"], tensors["base.logits"] = forward(base, documents)
    make_adapter(base, lora, adapter_folder)

    model = PeftModel.from_pretrained(load(), adapter_folder, is_trainable=True)
    values["adapted"], tensors["adapted.logits"] = forward(model, documents, grad=True)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            tensors["gradient." + saved_name(name)] = parameter.grad  # of the weighted sum, not of the mean

    model = PeftModel.from_pretrained(load(), adapter_folder, is_trainable=True)
    batches = [make_documents(generator, lengths, vocabulary)
               for lengths in ([9, 14], [21], [5, 6, 7], [16, 3])]
    schedule, warmup, rate, decay, max_norm = training
    values["training"] = {
        "lr_scheduler_type": schedule, "warmup_steps": warmup, "learning_rate": rate, "weight_decay": decay,
        "max_grad_norm": max_norm, "gradient_accumulation_steps": ACCUMULATION, "batches": batches,
        "steps": trajectory(model, batches, training, STEPS)}
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


def sample(tensor):
    """SAMPLE elements at equal distances, an odd number apart; all of a small tensor."""
    flat = tensor.detach().flatten()
    return flat[::max(1, flat.numel() // SAMPLE | 1)].clone()


def make_full(name, out, index):
    model_folder = os.path.join(out, "models", name)
    generator = torch.Generator().manual_seed(3000 + index)

    def load():
        model = LlamaForCausalLM.from_pretrained(model_folder, dtype=torch.float32, attn_implementation="eager").eval()
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
        "steps": trajectory(model, batches, FULL[name], STEPS)}
    values["final_norms"] = {key: parameter.norm().item() for key, parameter in model.named_parameters()}
    tensors.update({"final." + key: sample(parameter) for key, parameter in model.named_parameters()})
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
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..", "tests", "golden")
    torch.set_num_threads(1)
    for folder in ("models", "adapters", "values"):
        shutil.rmtree(os.path.join(out, folder), ignore_errors=True)
        os.makedirs(os.path.join(out, folder))
    for index, name in enumerate(MODELS):
        torch.manual_seed(index)
        model, tokenizer = make_model(name, os.path.join(out, "models", name))
        with torch.no_grad():
            make_chats(name, model, tokenizer, out)
    for index, case in enumerate(CASES):
        make_case(case, out, index)
    for index, name in enumerate(FULL):
        make_full(name, out, index)
    for folder, _, names in os.walk(out):
        for name in names:
            if name.endswith(".safetensors"):
                os.chmod(os.path.join(folder, name), 0o644)


if __name__ == "__main__":
    main()
