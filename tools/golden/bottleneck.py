"""Golden values of bottleneck adapters, from AdapterHub's library: writes into tests/golden/ cases as make.py's.

  bottleneck.py [OUT_DIR]     needs what make.py needs, and `adapters` 1.3.0 with the transformers that it wants; to be
                              run after make.py

values/MODEL-KIND.*, adapters/MODEL-KIND, KIND being houlsby, pfeiffer or parallel. Of the models that the library
knows, those whose config.json that transformers reads as the current one does.
"""
import os
import shutil
import sys

import adapters
from adapters import DoubleSeqBnConfig, ParBnConfig, SeqBnConfig

import make

KINDS = {"houlsby": DoubleSeqBnConfig, "pfeiffer": SeqBnConfig, "parallel": ParBnConfig}
# Sizes that are odd and that are even, every activation; of relu a few, since finite differences meet its corners.
CASES = {"odd-houlsby": dict(reduction_factor=5), "llama3-houlsby": dict(reduction_factor=4, non_linearity="gelu_new"),
         "gpt2-houlsby": dict(reduction_factor=5), "odd-pfeiffer": dict(reduction_factor=9, non_linearity="gelu"),
         "mistral-pfeiffer": dict(reduction_factor=4, non_linearity="gelu"), "gpt2-pfeiffer": dict(reduction_factor=8),
         "llama3-parallel": dict(non_linearity="swish"),
         "mistral-parallel": dict(reduction_factor=6, scaling=0.5, non_linearity="silu")}


def make_adapter(model, settings, folder):
    adapters.init(model)
    kind = os.path.basename(folder).split("-")[1]
    model.add_adapter("golden", config=KINDS[kind](**settings))
    model.train_adapter("golden")
    with make.torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(0.0, 0.3 if parameter.dim() == 1 else parameter.shape[1] ** -0.5)
    model.save_adapter(folder, "golden", with_head=False, use_safetensors=True)
    path = os.path.join(folder, "adapter_config.json")
    config = make.json.load(open(path))
    config["model_name"] = "models/" + make.settings_model_name(folder)
    make.json.dump(config, open(path, "w"), indent=2, sort_keys=True)


def load_trainable(model, folder):
    adapters.init(model)
    name = model.load_adapter(folder, with_head=False, use_safetensors=True)
    model.train_adapter(name)
    return model


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..", "tests", "golden")
    make.torch.set_num_threads(1)
    make.make_adapter, make.load_trainable = make_adapter, load_trainable
    make.saved_name = lambda name: name.replace(".adapters.golden", "")
    make.VERSIONS["adapters"] = adapters.__version__
    for index, (case, settings) in enumerate(CASES.items()):
        make.CASES[case] = (case.split("-")[0], settings, ("linear", 2, 5e-3, 0.01, 2.0))
        shutil.rmtree(os.path.join(out, "adapters", case), ignore_errors=True)
        make.make_case(case, out, 500 + index)
        for path in ("adapters/" + case + "/adapter", "values/" + case):
            os.chmod(os.path.join(out, path + ".safetensors"), 0o644)


if __name__ == "__main__":
    main()
