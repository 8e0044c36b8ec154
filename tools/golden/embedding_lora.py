"""Golden values of LoRA on embeddings, from PEFT: writes into tests/golden/ cases as make.py's.

  embedding_lora.py [OUT_DIR]     needs what make.py needs; to be run after make.py

values/MODEL-embed.*, adapters/MODEL-embed
"""
import os
import shutil
import sys

import make

# A tied head beside the table; the table alone; tables of tokens and of positions; a table whose rows are scaled.
CASES = {
    "tied-embed": ("tied", dict(r=4, lora_alpha=8, target_modules=["embed_tokens", "q_proj", "down_proj"]),
                   ("linear", 3, 2e-2, 0.01, 1.0)),
    "llama3-embed": ("llama3", dict(r=8, lora_alpha=4, use_rslora=True, target_modules=["embed_tokens"],
                                    rank_pattern={"embed_tokens": 5}), ("cosine", 0, 5e-3, 0.1, 1.8)),
    "gpt2-embed": ("gpt2", dict(r=4, lora_alpha=6, target_modules=["wte", "wpe", "c_attn"]),
                   ("linear", 2, 1e-2, 0.01, 2.0)),
    "gemma3-embed": ("gemma3", dict(r=2, lora_alpha=2, target_modules=r".*\.(embed_tokens|v_proj)"),
                     ("constant", 0, 1e-2, 0.01, 2.0)),
}


def with_every_token(model):
    """The token that pads learns as all others do: no document here is padded."""
    model.get_input_embeddings().padding_idx = None
    return model


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..", "tests", "golden")
    make.torch.set_num_threads(1)
    for index, (case, definition) in enumerate(CASES.items()):
        make.CASES[case] = definition
        shutil.rmtree(os.path.join(out, "adapters", case), ignore_errors=True)
        make.make_case(case, out, 600 + index, with_every_token)
        for folder in ("adapters/" + case + "/adapter_model", "values/" + case):
            os.chmod(os.path.join(out, folder + ".safetensors"), 0o644)


if __name__ == "__main__":
    main()
