"""The main job: data in, adapter out, and the model answers differently."""
import json
import unittest

from support import ANSWERS, CHATS, GOLDEN, QUESTIONS, TINY, HoneTest, many_chats


class FinetuneTest(HoneTest):
    # Enough for the tiny model to know eight chats by heart.
    MEMORISE = ["--max_steps", 150, "--learning_rate", "1e-2", "--lr_scheduler_type", "linear", "--lora_r", 16,
                "--lora_alpha", 32]

    def test_the_model_learns_its_answers_by_heart(self):
        data = self.write("chats.jsonl", CHATS)
        self.finetune("out", data, *self.MEMORISE)
        self.assertTrue((self.work / "out/adapter/adapter_model.safetensors").is_file())
        losses = [line["loss"] for line in self.metrics("out") if "loss" in line]
        self.assertGreater(losses[0], 4)
        self.assertLess(losses[-1], 0.3)

        base = self.evaluate(data)
        tuned = self.evaluate(data, "--adapter_path", "out/adapter")
        self.assertGreater(base["loss"], 4)
        self.assertLess(tuned["loss"], 0.3)
        self.assertAlmostEqual(self.evaluate(data, "--adapter_path", "out")["loss"], tuned["loss"], places=6,
                               msg="the folder of a run stands for its adapter")

        for question, answer in zip(QUESTIONS[:3], ANSWERS):
            said = self.hone("generate", "--model_name_or_path", TINY, "--adapter_path", "out/adapter", "--prompt",
                             question, "--temperature", 0, "--max_new_tokens", 40).stdout
            self.assertIn(answer, said)
            self.assertNotIn("<|im_end|>", said)
        self.assertNotIn(ANSWERS[0], self.hone("generate", "--model_name_or_path", TINY, "--prompt", QUESTIONS[0],
                                               "--temperature", 0, "--max_new_tokens", 40).stdout)

    def test_chat_answers_from_standard_input(self):
        data = self.write("chats.jsonl", CHATS)
        self.finetune("out", data, *self.MEMORISE)
        said = self.hone("chat", "--model_name_or_path", TINY, "--adapter_path", "out/adapter", "--temperature", 0,
                         input=f"{QUESTIONS[1]}\n/reset\n{QUESTIONS[2]}\n").stdout
        self.assertIn(ANSWERS[1], said)
        self.assertIn(ANSWERS[2], said)

    def test_an_adapter_is_a_start(self):
        data = self.write("chats.jsonl", CHATS)
        # The second run keeps the first one's dropout, and with one its loss would not be that of `evaluate`.
        self.finetune("first", data, *self.MEMORISE, "--lora_dropout", 0)
        self.finetune("second", data, "--adapter_path", "first/adapter", "--max_steps", 2, "--learning_rate", "1e-5")
        losses = [line["loss"] for line in self.metrics("second") if "loss" in line]
        tuned = self.evaluate(data, "--adapter_path", "first/adapter")
        self.assertAlmostEqual(losses[0], tuned["loss"], places=5)
        self.assertEqual(self.read_json("second/adapter/adapter_config.json")["r"], 16,
                         "the adapter's rank, not the flag's")


class EstimateTest(HoneTest):
    def estimate(self, *arguments):
        done = self.hone("estimate", "--model_name_or_path", TINY, "--lora_r", 4, "--json", *arguments)
        return json.loads(done.stdout)

    def test_it_says_what_the_run_then_plans_and_writes_nothing(self):
        data = self.write("chats.jsonl", many_chats(40))
        flags = ("--data_name", data, "--max_steps", 7, "--output_path", "out")
        said = self.estimate(*flags)
        self.assertFalse((self.work / "out").exists())
        self.assertEqual(said["steps"], 7)
        self.assertGreater(said["seconds"], 0)
        self.hone("finetune", "--model_name_or_path", TINY, "--lora_r", 4, *flags)
        plan = self.read_json("out/run.json")["plan"]
        self.assertEqual(said["activation_bytes"], plan["memory_bytes"]["activations"])
        self.assertEqual(said["trainable_parameters"], plan["trainable_parameters"])
        self.assertAlmostEqual(said["memory_bytes"] / plan["memory_bytes"]["needed"], 1, delta=0.1)

    def test_without_data_it_takes_full_rows(self):
        short = self.estimate("--max_seq_len", 64, "--micro_batch_tokens", 64)
        long = self.estimate("--max_seq_len", 512, "--micro_batch_tokens", 64)
        self.assertEqual(short["steps"], 1)
        self.assertGreater(long["activation_bytes"], 4 * short["activation_bytes"])
        checkpointed = self.estimate("--max_seq_len", 512, "--micro_batch_tokens", 64, "--gradient_checkpointing")
        self.assertGreater(long["activation_bytes"], checkpointed["activation_bytes"])
        # The whole counts what the process itself takes, measured: that differs by more than this model's activations.
        for said in (short, long, checkpointed):
            self.assertGreater(said["memory_bytes"], said["weight_bytes"] + said["parameter_bytes"]
                               + said["activation_bytes"] + said["workspace_bytes"])


class BatchTest(HoneTest):
    """A batch is so many rows: as many steps as transformers and TRL take with the same flags."""

    def steps(self, rows, *arguments):
        """Where the lines of the metrics say that each step ended."""
        self.runs = getattr(self, "runs", 0) + 1
        out = f"out-{self.runs}"
        done = self.finetune(out, self.write("chats.jsonl", many_chats(rows)), *arguments)
        self.plan = self.read_json(f"{out}/run.json")["plan"]
        self.output = done.stdout + done.stderr
        return [round(line["epoch"], 3) for line in self.metrics(out) if "loss" in line]

    def test_forty_rows_are_five_batches_of_eight(self):
        self.assertEqual(self.steps(40, "--num_train_epochs", 2), [0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.6, 1.8, 2])
        self.assertEqual((self.plan["steps_per_epoch"], self.plan["step_batch"]), (5, "8 rows"))
        self.assertIn("10 of 8 rows (2.00 epochs of 5 steps)", self.output)
        self.assertNotIn("whole data set", self.output)

    def test_the_last_batch_and_the_last_accumulation_may_be_smaller(self):
        self.assertEqual(len(self.steps(35, "--num_train_epochs", 1)), 5)
        self.assertEqual(len(self.steps(40, "--num_train_epochs", 1, "--gradient_accumulation_steps", 2)), 3)
        self.assertEqual(self.plan["step_batch"], "16 rows")
        self.assertEqual(len(self.steps(9, "--num_train_epochs", 2, "--per_device_train_batch_size", 2,
                                        "--gradient_accumulation_steps", 3)), 4)

    def test_steps_and_fractions_of_epochs(self):
        self.assertEqual(len(self.steps(40, "--num_train_epochs", 0.5)), 3)
        self.assertEqual(self.steps(40, "--max_steps", 7)[-1], 1.4)

    def test_a_batch_of_all_rows_is_said(self):
        self.steps(8, "--num_train_epochs", 1)
        self.assertIn("each step is the whole data set", self.output)

    def test_packing_fills_sequences(self):
        packed = self.steps(40, "--num_train_epochs", 1, "--packing", "--per_device_train_batch_size", 2)
        full = self.plan["train_tokens"] / (2 * 256)
        self.assertGreaterEqual(len(packed), full)
        self.assertLess(len(packed), full + 2)
        self.assertEqual(self.plan["step_batch"], "2 packed sequences of at most 256 tokens")

    def test_the_memory_is_that_of_the_longest_rows_of_a_batch(self):
        self.steps(40, "--max_steps", 1, "--per_device_train_batch_size", 2)
        two = self.plan
        self.steps(40, "--max_steps", 1, "--per_device_train_batch_size", 4)
        self.assertLess(two["micro_batch_tokens"], self.plan["micro_batch_tokens"])
        self.assertLess(two["memory_bytes"]["activations"], self.plan["memory_bytes"]["activations"])


class LossTest(HoneTest):
    def golden_rows(self, model):
        rows = json.loads((GOLDEN / "values" / f"{model}-chat.json").read_text())["rows"]
        return rows, self.write(f"{model}.jsonl", [{"messages": row["messages"]} for row in rows])

    def test_evaluate_equals_transformers(self):
        for model in ("tied", "llama3", "bias", "odd"):
            rows, data = self.golden_rows(model)
            expected = sum(row["loss_sum"] for row in rows) / sum(sum(row["weights"]) for row in rows)
            for dtype, tolerance in (("float32", 1e-4), ("bfloat16", 0.02)):
                with self.subTest(model=model, dtype=dtype):
                    result = self.evaluate(data, "--torch_dtype", dtype, "--per_row",
                                           model=str(GOLDEN / "models" / model))
                    self.assertLess(abs(result["loss"] / expected - 1), tolerance)
                    self.assertEqual(result["tokens"], sum(sum(row["weights"]) for row in rows))
                    self.assertEqual([row["tokens"] for row in result["rows"]], [sum(row["weights"]) for row in rows])
                    for ours, row in zip(result["rows"], rows):
                        self.assertLess(abs(ours["loss"] * sum(row["weights"]) / row["loss_sum"] - 1), 2 * tolerance)

    def test_peft_adapters_load(self):
        for adapter in ("tied-lora", "llama3-rslora", "bias-regex", "odd-head", "tied-head"):
            with self.subTest(adapter=adapter):
                golden = json.loads((GOLDEN / "values" / f"{adapter}.json").read_text())
                # Documents whose weights are all 0 or 1 can be said with labels.
                rows, loss, tokens = [], 0.0, 0
                for document, total in zip(golden["documents"], golden["adapted"]["document_losses"]):
                    if any(document["weights"]) and not any(0 < weight < 1 for weight in document["weights"]):
                        rows.append({"input_ids": document["tokens"],
                                     "labels": [token if weight else -100
                                                for token, weight in zip(document["tokens"], document["weights"])]})
                        loss, tokens = loss + total, tokens + sum(document["weights"])
                self.assertTrue(rows)
                result = self.evaluate(self.write("rows.jsonl", rows), "--torch_dtype", "float32", "--adapter_path",
                                       GOLDEN / "adapters" / adapter, model=str(GOLDEN / golden["model"]))
                self.assertEqual(result["tokens"], tokens)
                self.assertLess(abs(result["loss"] * tokens / loss - 1), 1e-4)

    def test_packing_and_accumulation_do_not_change_the_loss(self):
        data = self.write("chats.jsonl", many_chats(8))
        ways = {"packed": ["--packing"], "rows": [],
                "accumulated": ["--per_device_train_batch_size", 2, "--gradient_accumulation_steps", 4],
                "passes": ["--micro_batch_tokens", 40], "checkpointed": ["--gradient_checkpointing"]}
        losses = {}
        for name, arguments in ways.items():
            # Each step holds all eight rows.
            self.finetune(name, data, "--max_steps", 4, "--torch_dtype", "float32", "--learning_rate", "1e-3",
                          *arguments)
            losses[name] = [line["loss"] for line in self.metrics(name) if "loss" in line]
            self.assertEqual(len(losses[name]), 4)
        for name, values in losses.items():
            for ours, packed in zip(values, losses["packed"]):
                self.assertLess(abs(ours / packed - 1), 1e-3, f"{name}: {values} and {losses['packed']}")
        self.assertLess(losses["packed"][-1], losses["packed"][0])

    def test_the_loss_of_a_batch_is_that_of_its_rows(self):
        data = self.write("chats.jsonl", many_chats(10))
        self.finetune("out", data, "--train_sampling_strategy", "sequential", "--torch_dtype", "float32",
                      "--per_device_train_batch_size", 4, "--num_train_epochs", 1, "--learning_rate", "1e-9")
        losses = [line["loss"] for line in self.metrics("out") if "loss" in line]
        rows = self.evaluate(data, "--torch_dtype", "float32", "--per_row", "--per_device_eval_batch_size", 1)["rows"]
        self.assertEqual(len(losses), 3)
        for step, loss in enumerate(losses):
            batch = rows[4 * step:4 * step + 4]
            alone = sum(row["loss"] * row["tokens"] for row in batch) / sum(row["tokens"] for row in batch)
            self.assertLess(abs(loss / alone - 1), 1e-5, f"step {step + 1}")

    def test_train_on_prompt_counts_every_token(self):
        data = self.write("chats.jsonl", CHATS)
        self.assertGreater(self.evaluate(data, "--train_on_prompt")["tokens"], 2 * self.evaluate(data)["tokens"])


class EvaluationTest(HoneTest):
    def run_until_worse(self, out, *arguments):
        """Learns two chats by heart and gets worse at others."""
        train, held_out = self.write("train.jsonl", CHATS[:2]), self.write("eval.jsonl", many_chats(12))
        return self.finetune(out, train, "--eval_data_files", held_out, "--eval_steps", 10, "--max_steps", 200,
                             "--learning_rate", "2e-2", *arguments)

    def test_overfitting_is_said_and_the_best_model_kept(self):
        done = self.run_until_worse("out", "--load_best_model_at_end", "true")
        self.assertIn("overfit", (done.stdout + done.stderr).lower())
        evaluations = [line["eval_loss"] for line in self.metrics("out") if "eval_loss" in line]
        self.assertEqual(len(evaluations), 20)
        self.assertLess(min(evaluations), evaluations[-1])
        kept = self.evaluate(self.path("eval.jsonl"), "--adapter_path", "out/adapter")
        self.assertAlmostEqual(kept["loss"], min(evaluations), delta=1e-3)

    def test_early_stopping(self):
        done = self.run_until_worse("out", "--early_stopping_patience", 2)
        evaluations = [line["eval_loss"] for line in self.metrics("out") if "eval_loss" in line]
        self.assertLess(len(evaluations), 20)
        best = min(range(len(evaluations)), key=evaluations.__getitem__)
        self.assertEqual(len(evaluations), best + 3, "two evaluations without improvement, then the end")
        self.assertIn("early", (done.stdout + done.stderr).lower())

    def test_rows_are_held_out_by_their_content(self):
        rows = many_chats(200)
        for name in ("one", "two"):
            data = self.write(f"{name}.jsonl", rows if name == "one" else rows[::-1])
            done = self.hone("finetune", "--model_name_or_path", TINY, "--data_name", data, "--output_path", name,
                             "--max_steps", 1, "--lora_r", 4)
            self.assertIn("held out", (done.stdout + done.stderr).lower())
        one, two = ([line for line in self.metrics(name) if "eval_loss" in line][-1] for name in ("one", "two"))
        self.assertAlmostEqual(one["eval_loss"], two["eval_loss"], delta=0.05)


if __name__ == "__main__":
    unittest.main()
