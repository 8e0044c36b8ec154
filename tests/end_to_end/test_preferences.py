"""--objective dpo and its kin, `hone merge` and --method freeze, as a user has them."""
import signal
import time
import unittest

from support import BAD_DATA, CHATS, TINY, USAGE, HoneTest, many_chats

ADAPTER = "adapter/adapter_model.safetensors"


def message(role, content):
    return {"role": role, "content": content}


def openai_pairs(count):
    """OpenAI's rows: each answer of a chat against the one of the next."""
    chats = [row["messages"] for row in many_chats(count)]
    return [{"input": {"messages": chat[:1], "tools": [], "parallel_tool_calls": True},
             "preferred_output": chat[1:], "non_preferred_output": [message("assistant", f"no idea, {i}")]}
            for i, chat in enumerate(chats)]


class PreferencesTest(HoneTest):
    def dpo(self, out, data, *arguments, **options):
        return self.finetune(out, data, "--objective", "dpo", "--beta", 0.5, "--learning_rate", "2e-3",
                             "--per_device_train_batch_size", 4, *arguments, **options)

    def test_dpo_learns_which_answer_is_preferred(self):
        data = self.write("pairs.jsonl", openai_pairs(24))
        done = self.dpo("out", data, "--max_steps", 20, "--eval_split", "train[:8]", "--eval_on_start")
        rows = self.metrics("out")
        steps, evaluations = [row for row in rows if "loss" in row], [row for row in rows if "eval_loss" in row]
        self.assertEqual(len(steps), 20)
        self.assertAlmostEqual(steps[0]["loss"], 0.6931, 2)
        self.assertGreater(steps[-1]["rewards/margins"], 0.3)
        self.assertEqual(steps[-1]["rewards/accuracies"], 1)
        self.assertAlmostEqual(evaluations[0]["eval_rewards/margins"], 0, 5)
        self.assertGreater(evaluations[-1]["eval_rewards/margins"], 0.3)
        self.assertIn("objective  dpo, beta 0.5", done.stdout + done.stderr)
        run = self.read_json("out/run.json")
        self.assertEqual((run["options"]["objective"], run["options"]["beta"], run["plan"]["objective"]),
                         ("dpo", 0.5, "dpo, beta 0.5"))
        self.assertIn("preferences", run["data"]["format"])
        self.hone("evaluate", "-m", TINY, "-a", "out", "--data_name", self.write("chats.jsonl", CHATS))

    def test_a_killed_run_ends_with_the_same_bytes(self):
        data = self.write("pairs.jsonl", openai_pairs(24))
        arguments = ["--max_steps", 60, "--save_steps", 5]
        self.dpo("whole", data, *arguments)
        command = ["finetune", "-m", TINY, "-d", data, "-o", "cut", "--method", "lora", "--eval_split", "none",
                   "--lora_r", 8, "--lora_alpha", 16, "--target_modules", "all-linear", "--max_seq_len", 256,
                   "--logging_steps", 1, "--objective", "dpo", "--beta", 0.5, "--learning_rate", "2e-3",
                   "--per_device_train_batch_size", 4, *arguments]
        process = self.start(*command)
        metrics = self.work / "cut" / "metrics.jsonl"
        deadline = time.monotonic() + 60
        while process.poll() is None and not (metrics.exists() and metrics.read_text().count("\n") >= 12):
            self.assertLess(time.monotonic(), deadline, "no progress")
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGKILL, "it was done before it was killed")
        self.hone(*command)
        self.assertEqual(self.sha256(f"whole/{ADAPTER}"), self.sha256(f"cut/{ADAPTER}"))

    def test_rows_of_another_kind_and_options_of_others_are_refused(self):
        pairs, chats = self.write("pairs.jsonl", openai_pairs(8)), self.write("chats.jsonl", CHATS)
        self.assertIn("--objective dpo", self.finetune("a", pairs, code=BAD_DATA).stderr)
        self.assertIn("--objective sft", self.dpo("b", chats, code=BAD_DATA).stderr)
        refused = {"--simpo_gamma 1": "belongs to --objective simpo", "--lora_dropout 0.1": "without dropout",
                   "--train_on_prompt true": "belongs to --objective sft", "--beta 0": "above 0"}
        for flag, reason in refused.items():
            self.assertIn(reason, self.dpo("c", pairs, *flag.split(), code=USAGE).stderr)
        self.assertIn("belongs to --objective dpo", self.finetune("d", chats, "--beta", 1, code=USAGE).stderr)
        self.assertIn("--data_name", self.hone("estimate", "-m", TINY, "--objective", "kto", code=USAGE).stderr)

    def test_data_check_names_bad_pairs(self):
        rows = openai_pairs(3)
        rows[1]["non_preferred_output"] = rows[1]["preferred_output"]
        done = self.hone("data", "check", self.write("pairs.jsonl", rows), "-m", TINY, code=BAD_DATA)
        self.assertIn("line 2: \"preferred_output\" and \"non_preferred_output\" are the same", done.stdout)
        self.assertIn("2 of two answers", done.stdout)

    def test_estimate_knows_the_memory(self):
        data = self.write("pairs.jsonl", openai_pairs(24))
        self.dpo("out", data, "--max_steps", 6)
        run = self.read_json("out/run.json")
        needed, peak = run["plan"]["memory_bytes"]["needed"], run["peak_memory_bytes"]
        self.assertLess(abs(needed / peak - 1), 0.1, (needed, peak))


class MergeTest(HoneTest):
    def test_the_merged_model_answers_as_base_and_adapter(self):
        data = self.write("chats.jsonl", CHATS)
        self.finetune("run", data, "--max_steps", 40, "--learning_rate", "1e-2")
        done = self.hone("merge", "-m", TINY, "-a", "run", "-o", "merged", "--shard_size", "100KB")
        self.assertIn("read back", done.stdout)
        self.assertTrue((self.work / "merged" / "model.safetensors.index.json").exists())
        adapted = self.evaluate(data, "--adapter_path", "run")["loss"]
        merged = self.evaluate(data, model="merged")["loss"]
        self.assertLess(abs(merged - adapted), 0.02 * adapted + 0.005)
        self.assertGreater(self.evaluate(data)["loss"], merged + 1)
        again = self.hone("merge", "-m", TINY, "-a", "run", "-o", "merged", code=USAGE)
        self.assertIn("is there already", again.stderr)
        self.assertIn("--adapter_path", self.hone("merge", "-m", TINY, code=USAGE).stderr)
        self.assertIn("5GB", self.hone("merge", "-a", "run", "--shard_size", "big", code=USAGE).stderr)


class FreezeTest(HoneTest):
    def test_the_last_layer_learns_and_the_model_is_whole(self):
        data = self.write("chats.jsonl", CHATS)
        self.hone("finetune", "-m", TINY, "-d", data, "-o", "out", "--method", "freeze", "--eval_split", "none",
                  "--freeze_trainable_layers", 1, "--freeze_extra_modules", "norm", "--max_steps", 30,
                  "--learning_rate", "5e-3", "--logging_steps", 1)
        self.assertLess(self.metrics("out")[-1]["loss"], 0.7 * self.metrics("out")[0]["loss"])
        self.assertLess(self.evaluate(data, model="out/model")["loss"], self.evaluate(data)["loss"] - 1)
        self.assertIn("belongs to --method freeze",
                      self.finetune("lora", data, "--freeze_trainable_layers", 1, code=USAGE).stderr)


if __name__ == "__main__":
    unittest.main()
