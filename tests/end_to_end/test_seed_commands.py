"""Every `olive finetune` command of the documents that people come from, with hone in Olive's place.

The commands stand here as they were written. What is changed is only what a machine without a network and a test that
takes seconds need: the model and the data, which are added where a command leaves them out, and shorter sequences where
there are many. Arguments keep their order and spelling.
"""
import shlex
import unittest

from support import TINY, HoneTest, many_chats

PHRASES = r'''
olive finetune \
  --model_name_or_path meta-llama/Llama-3.2-1B-Instruct \
  --trust_remote_code \
  --output_path models/llama/ft \
  --data_name xxyyzzz/phrase_classification \
  --text_template "TEMPLATE" \
  --method lora \
  --max_steps 100 \
  --log_level 1
'''.replace("TEMPLATE", r"<|start_header_id|>user<|end_header_id|>\n{phrase}<|eot_id|>"
            r"<|start_header_id|>assistant<|end_header_id|>\n{tone}")  # one line is too long for this file
TINY_CODES = r'''
olive finetune \
  --method qlora \
  --model_name_or_path meta-llama/Meta-Llama-3-8B \
  --data_name nampdn-ai/tiny-codes \
  --train_split "train[:4096]" \
  --eval_split "train[4096:4224]" \
  --text_template "### Language: {programming_language} \n### Question: {prompt} \n### Answer: {response}" \
  --per_device_train_batch_size 16 \
  --per_device_eval_batch_size 16 \
  --max_steps 150 \
  --logging_steps 50 \
  --output_path adapters/tiny-codes
'''
CLASSIFIER = 'olive finetune --method lora --task_name "classification" --output_path adapters/classifier'
GENERATOR = 'olive finetune --method lora --task_name "generation" --output_path adapters/generator'
MONITORED = r'''
olive finetune \
  --logging_steps 10 \
  --eval_steps 50 \
  --save_steps 100 \
  --logging_dir ./logs \
  --report_to tensorboard
'''
OUT_OF_MEMORY = r'''
olive finetune \
  --method qlora \
  --gradient_checkpointing true \
  --per_device_train_batch_size 1 \
  --gradient_accumulation_steps 16
'''


class SeedCommandsTest(HoneTest):
    def run_command(self, command, data, *arguments):
        """Runs it with the tiny model, local data and further arguments; returns what it printed and left."""
        words = shlex.split(command.replace("\\\n", " "))
        self.assertEqual(words[:2], ["olive", "finetune"])
        words = words[1:]
        for flag, value in (("--model_name_or_path", TINY), ("--data_name", data)):
            if flag in words:
                words[words.index(flag) + 1] = value
            else:
                words += [flag, value]
        done = self.hone(*words, *arguments)
        out = words[words.index("--output_path") + 1] if "--output_path" in words else "finetuned-adapter"
        for name in ("adapter/adapter_config.json", "adapter/adapter_model.safetensors", "run.json", "metrics.jsonl"):
            self.assertTrue((self.work / out / name).is_file(), name)
        return done, self.read_json(f"{out}/run.json"), self.metrics(out)

    def phrases(self):
        rng = self.random(3)
        tones = ["joy", "anger", "fear"]
        return self.write("phrases.jsonl", [
            {"phrase": " ".join(rng.choices("what a day this is and was it not so".split(), k=6)),
             "tone": rng.choice(tones)} for _ in range(60)])

    def test_phrase_classification(self):
        done, run, metrics = self.run_command(PHRASES, self.phrases())
        self.assertIn("never runs code", done.stdout + done.stderr)
        self.assertEqual(metrics[-1]["step"], 100)
        config = self.read_json("models/llama/ft/adapter/adapter_config.json")
        self.assertEqual((config["r"], config["lora_alpha"]), (64, 16), "Olive's defaults")

    def test_tiny_codes(self):
        rng = self.random(4)
        rows = [{"programming_language": rng.choice(["C", "Go"]), "prompt": f"add {i} and {rng.randrange(99)}",
                 "response": f"x = {i} + {rng.randrange(99)}"} for i in range(4224)]
        done, run, metrics = self.run_command(TINY_CODES, self.write("codes.jsonl", rows), "--max_seq_len", 64)
        self.assertEqual(metrics[-1]["step"], 150)
        self.assertEqual([line["step"] for line in metrics if "loss" in line], [50, 100, 150])
        self.assertIn("4,096", done.stdout + done.stderr)
        self.assertIn("NF4", run["plan"]["method"])
        self.assertTrue(any("eval_loss" in line for line in metrics))

    def test_classifier_and_generator(self):
        data = self.write("chats.jsonl", many_chats(30))
        for command, name in ((CLASSIFIER, "classification"), (GENERATOR, "generation")):
            _, run, _ = self.run_command(command, data)
            self.assertIn(name, str(run))

    def test_monitored(self):
        _, _, metrics = self.run_command(MONITORED, self.write("chats.jsonl", many_chats(300)))
        self.assertTrue(list((self.work / "logs").rglob("events.out.tfevents*")))
        self.assertTrue(any("eval_loss" in line for line in metrics))

    def test_out_of_memory(self):
        _, run, _ = self.run_command(OUT_OF_MEMORY, self.write("chats.jsonl", many_chats(40)))
        self.assertIn("qlora", run["plan"]["method"])
        self.assertTrue(run["plan"]["gradient_checkpointing"])


class SpellingTest(HoneTest):
    def test_both_spellings_of_a_value_and_of_true(self):
        data = self.write("chats.jsonl", many_chats(10))
        common = ["finetune", f"--model_name_or_path={TINY}", f"--data_name={data}", "--eval_split=", "--max_steps=2",
                  "--lora_r=4"]
        shas = set()
        for name, booleans in (("a", ["--use_rslora", "--load_best_model_at_end=false"]),
                               ("b", ["--use_rslora", "true"]),
                               ("c", ["--use_rslora=true", "--load_best_model_at_end", "false"])):
            self.hone(*common, "--output_path", name, *booleans)
            shas.add(self.sha256(f"{name}/adapter/adapter_model.safetensors"))
            self.assertTrue(self.read_json(f"{name}/adapter/adapter_config.json")["use_rslora"])
        self.assertEqual(len(shas), 1)

    def test_data_files(self):
        rows = many_chats(6)
        one, two = self.write("one.jsonl", rows[:3]), self.write("two.jsonl", rows[3:])
        common = ["finetune", "-m", TINY, "--eval_split", "none", "--max_steps", 1, "--lora_r", 4]
        self.hone(*common, "-d", "json", "--data_files", f"{one},{two}", "-o", "out")
        self.hone(*common, "-d", self.write("whole.jsonl", rows), "-o", "whole")
        self.assertEqual(self.sha256("out/adapter/adapter_model.safetensors"),
                         self.sha256("whole/adapter/adapter_model.safetensors"))

    def test_dry_run_writes_only_its_configuration(self):
        data = self.write("chats.jsonl", many_chats(6))
        self.hone("finetune", "-m", TINY, "-d", data, "-o", "out", "--dry_run", "--learning_rate", "3e-4")
        self.assertEqual([path.name for path in (self.work / "out").iterdir()], ["config.json"])
        self.assertIn("0.0003", (self.work / "out/config.json").read_text())


if __name__ == "__main__":
    unittest.main()
