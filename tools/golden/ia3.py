"""Golden values of IA3, from PEFT: writes into tests/golden/ cases as make.py's.

  ia3.py [OUT_DIR]     needs what make.py needs; to be run after make.py

values/MODEL-ia3.*, adapters/MODEL-ia3
"""
import os
import shutil
import sys

import make

# PEFT's choice for the family, and every place that a vector can have: a tied head, attention's output at either side.
CASES = {
    "tied-ia3": ("tied", dict(target_modules=["k_proj", "v_proj", "o_proj", "down_proj", "lm_head"],
                              feedforward_modules=["o_proj", "down_proj"]), ("linear", 3, 2e-2, 0.01, 1.0)),
    "bias-ia3": ("bias", dict(), ("cosine", 0, 2e-2, 0.1, 1.8)),
    "odd-ia3": ("odd", dict(target_modules=r".*\.(\d+\.mlp\.\w+_proj|1\.self_attn\.q_proj)", feedforward_modules=[]),
                ("constant", 0, 2e-2, 0.05, 3.6)),
    "llama3-ia3": ("llama3", dict(target_modules=["o_proj", "up_proj"], modules_to_save=["lm_head"],
                                  feedforward_modules=r".*\.1\.self_attn\.o_proj"), ("linear", 2, 2e-3, 0.01, 2.0)),
    "gpt2-ia3": ("gpt2", dict(), ("linear", 2, 2e-2, 0.01, 2.0)),
    "phi-ia3": ("phi", dict(target_modules=["q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"],
                            feedforward_modules=["fc2"]), ("linear", 2, 2e-2, 0.01, 2.0)),
    "gemma3-ia3": ("gemma3", dict(), ("linear", 2, 2e-2, 0.01, 2.0)),
}


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..", "tests", "golden")
    make.torch.set_num_threads(1)
    for index, (case, (model, settings, training)) in enumerate(CASES.items()):
        make.CASES[case] = (model, {"ia3": settings}, training)
        shutil.rmtree(os.path.join(out, "adapters", case), ignore_errors=True)
        make.make_case(case, out, 300 + index)
        for folder in ("adapters/" + case + "/adapter_model", "values/" + case):
            os.chmod(os.path.join(out, folder + ".safetensors"), 0o644)


if __name__ == "__main__":
    main()
