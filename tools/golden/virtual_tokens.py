"""Golden values of prompt tuning and prefix tuning, from PEFT: writes into tests/golden/ cases as make.py's.

  virtual_tokens.py [OUT_DIR]     needs what make.py needs; to be run after make.py

values/MODEL-prompt.*, values/MODEL-prefix.*, adapters/MODEL-prompt, adapters/MODEL-prefix
"""
import os
import shutil
import sys

import make

# Learned positions, embeddings that are scaled in the table (Gemma) and behind it (Granite), windows that are shorter
# than text and tokens together, rotary positions of other scales, norms of keys, halves side by side.
PROMPTS, PREFIXES = (("tied", "llama3", "granite", "gemma3", "gpt2", "qwen2", "dynamic"),
                     ("tied", "bias", "gpt2", "qwen2", "gemma3", "mistral", "phi"))


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..", "tests", "golden")
    make.torch.set_num_threads(1)
    cases = [(model, "prompt") for model in PROMPTS] + [(model, "prefix") for model in PREFIXES]
    for index, (model, kind) in enumerate(cases):
        case = f"{model}-{kind}"
        make.CASES[case] = (model, {kind: {"num_virtual_tokens": 3 + index % 3}}, ("linear", 2, 2e-2, 0.01, 2.0))
        shutil.rmtree(os.path.join(out, "adapters", case), ignore_errors=True)
        make.make_case(case, out, 400 + index)
        for folder in ("adapters/" + case + "/adapter_model", "values/" + case):
            os.chmod(os.path.join(out, folder + ".safetensors"), 0o644)


if __name__ == "__main__":
    main()
