"""`hone run --config FILE` and `hone finetune --config FILE`: the same runs as by flags."""
import json
import unittest

from support import BAD_DATA, TINY, USAGE, HoneTest, many_chats

ADAPTER = "adapter/adapter_model.safetensors"
ROWS = [{"input": f"What is {n}?", "output": f"It is number {n}."} for n in range(24)]

# As documents about Olive have it, but for the model, the data and the names of its modules: those of a GPT-2 there.
OLIVE = """\
# olive-config.yaml
model:
  type: PyTorchModel
  config:
    model_path: "MODEL"
    task: "text-generation"

data_configs:
  - name: "custom_dataset"
    type: "HuggingfaceContainer"
    load_dataset_config:
      data_files: "dataset.json"
      split: "train"
    pre_process_data_config:
      text_template: "User: {input}\\nAssistant: {output}"

passes:
  lora:
    type: LoRA
    config:
      r: 16
      lora_alpha: 32
      target_modules: ["q_proj", "o_proj"]
      modules_to_save: ["norm", "lm_head"]
""".replace("MODEL", TINY)
OLIVE_FLAGS = ("--model_name_or_path", TINY, "--task", "text-generation", "--data_files", "dataset.json",
               "--train_split", "train", "--text_template", r"User: {input}\nAssistant: {output}",
               "--lora_r", 16, "--lora_alpha", 32, "--target_modules", "q_proj,o_proj",
               "--modules_to_save", "norm,lm_head")
REGULARISED = """
passes:
  lora:
    type: LoRA
    config:
      r: 16  # Reduce rank to prevent overfitting
      lora_alpha: 16  # Lower alpha value
      lora_dropout: 0.1  # Add dropout
      weight_decay: 0.01  # L2 regularization
"""
FASTER = """
training_config:
  fp16: true  # Mixed precision
  dataloader_num_workers: 4
  optim: "adamw_torch"
  lr_scheduler_type: "cosine"
"""


class WorkflowTest(HoneTest):
    def setUp(self):
        super().setUp()
        self.write("dataset.json", json.dumps(ROWS))

    def files(self):
        return sorted(str(path.relative_to(self.work)) for path in self.work.rglob("*"))

    def test_olives_configuration_trains_the_adapter_that_the_flags_train(self):
        self.write("olive-config.yaml", OLIVE)
        before = self.files()
        ready = self.hone("run", "--config", "olive-config.yaml", "--setup")
        self.assertIn("21 rows to train on, 3 to evaluate on", ready.stdout)
        self.assertEqual(self.files(), before)  # nothing is trained, nothing written
        self.hone("run", "--config", "olive-config.yaml")
        run = self.read_json("finetuned-adapter/run.json")
        self.assertEqual(run["status"], "done")
        self.hone("finetune", *OLIVE_FLAGS, "-o", "by-flags")
        self.assertEqual(self.sha256(f"finetuned-adapter/{ADAPTER}"), self.sha256(f"by-flags/{ADAPTER}"))
        # The same workflow again is the same run, finished.
        self.assertIn("nothing is changed", self.hone("run", "--config", "olive-config.yaml").stdout)

    def test_json_says_the_same_as_yaml(self):
        config = {"input_model": {"type": "HfModel", "model_path": TINY},
                  "data_configs": [{"name": "d", "load_dataset_config": {"data_files": "dataset.json"},
                                    "pre_process_data_config": {"text_template": "{input} {output}"}}],
                  "passes": {"p": {"type": "QLoRA", "r": 4, "training_args": {"max_steps": 2}}}}
        self.write("run.json", json.dumps(config, indent=4))
        self.hone("run", "--config", "run.json", "-o", "by-json")
        self.hone("finetune", "--method", "qlora", "-m", TINY, "--data_files", "dataset.json", "--text_template",
                  "{input} {output}", "--lora_r", 4, "--max_steps", 2, "-o", "by-flags")
        self.assertEqual(self.sha256(f"by-json/{ADAPTER}"), self.sha256(f"by-flags/{ADAPTER}"))

    def test_blocks_of_regularisation_and_speed(self):
        head = OLIVE[:OLIVE.index("passes:")]
        self.write("run.yaml", head + REGULARISED + FASTER)
        self.hone("run", "--config", "run.yaml", "-o", "out")
        options = self.read_json("out/run.json")["options"]
        self.assertEqual([options[name] for name in ("lora_r", "lora_alpha", "lora_dropout", "weight_decay",
                                                     "torch_dtype", "dataloader_num_workers", "lr_scheduler_type")],
                         [16, 16, 0.1, 0.01, "float16", 4, "cosine"])
        self.assertTrue((self.work / "out" / ADAPTER).is_file())

    def test_options_by_their_names_and_what_a_run_wrote(self):
        data = self.write("chats.jsonl", many_chats(20))
        flags = ("-m", TINY, "-d", data, "--lora_r", 4, "--max_steps", 3, "--eval_split", "none",
                 "--target_modules", r".*\.[qv]_proj", "--learning_rate", "1e-3")
        self.hone("finetune", *flags, "-o", "by-flags")
        wanted = self.sha256(f"by-flags/{ADAPTER}")
        self.write("flat.yaml", f"model_name_or_path: {TINY}\ndata_name: {data}\nlora_r: 8\nmax_steps: 3\n"
                                "eval_split: none\ntarget_modules: '.*\\.[qv]_proj'\nlearning_rate: 1e-3\n")
        self.hone("finetune", "--config", "flat.yaml", "--lora_r", 4, "-o", "by-file")  # flags win
        self.assertEqual(self.sha256(f"by-file/{ADAPTER}"), wanted)
        self.hone("finetune", *flags, "-o", "dry", "--dry_run")
        self.assertEqual([path.name for path in (self.work / "dry").iterdir() if path.is_file()
                          and path.suffix == ".json"], ["config.json"])
        self.hone("finetune", "--config", "dry/config.json", "-o", "by-config")
        self.assertEqual(self.sha256(f"by-config/{ADAPTER}"), wanted)
        estimate = json.loads(self.hone("estimate", "--config", "flat.yaml", "--json").stdout)
        self.assertEqual(estimate["steps"], 3)

    def test_a_dry_run_trains_nothing(self):
        self.write("olive-config.yaml", OLIVE)
        self.hone("run", "--config", "olive-config.yaml", "--dry_run", "-o", "out")
        self.assertEqual(self.read_json("out/config.json")["options"]["lora_r"], 16)
        self.assertFalse((self.work / "out/adapter").exists())

    def test_what_is_wrong_is_named_with_its_place(self):
        self.write("olive-config.yaml", OLIVE.replace("lora_alpha", "lora_alhpa"))
        error = self.hone("run", "--config", "olive-config.yaml", code=USAGE).stderr
        self.assertIn("olive-config.yaml:22:7: passes.lora.config has no key lora_alhpa; did you mean lora_alpha?",
                      error)
        self.write("olive-config.yaml", OLIVE.replace("r: 16", "r: 0"))
        self.assertIn("passes.lora.config.r at olive-config.yaml:21:7 is 0",
                      self.hone("run", "--config", "olive-config.yaml", "--setup", code=USAGE).stderr)
        self.assertIn("--config FILE", self.hone("run", code=USAGE).stderr)
        self.write("flat.yaml", "lora_r: 8\nlearning_rat: 1\n")
        self.assertIn("flat.yaml:2:1: a configuration has no key learning_rat; did you mean learning_rate?",
                      self.hone("finetune", "--config", "flat.yaml", code=USAGE).stderr)

    def test_setup_finds_what_is_missing(self):
        self.write("olive-config.yaml", OLIVE.replace("dataset.json", "none.json"))
        error = self.hone("run", "--config", "olive-config.yaml", "--setup", code=BAD_DATA).stderr
        self.assertIn("none.json", error)

    def test_passes_are_listed_with_their_options(self):
        listed = self.hone("run", "--list_passes").stdout
        for words in ("LoRA: ", "QLoRA: ", "lora_r INT [64]"):
            self.assertIn(words, listed)


if __name__ == "__main__":
    unittest.main()
