"""What must hold of an adapter over a base that is held in fewer bits, whichever way: see CompressedBaseTest."""
import json

from support import ANSWERS, CHATS, QUESTIONS, TINY, HoneTest

ADAPTER = "adapter/adapter_model.safetensors"


class CompressedBaseTest(HoneTest):
    """Runs over such a base, which FLAGS ask for. It has no tests of its own: test_int8.py and test_qlora.py have."""
    FLAGS = ()

    def compressed(self, out, data, *arguments, **options):
        return self.finetune(out, data, *self.FLAGS, *arguments, **options)

    def learn_by_heart(self, says):
        """Trains "out" on CHATS until it knows them; the program and the model card say how the base is held.
        Returns the path of the data and run.json."""
        data = self.write("chats.jsonl", CHATS)
        done = self.compressed("out", data, "--lora_r", 16, "--max_steps", 200, "--learning_rate", "1e-2",
                               "--lr_scheduler_type", "linear", "--lora_dropout", 0, "--eval_split", "train")
        self.assertIn(says, done.stdout + done.stderr)
        self.assertIn(says, (self.work / "out/README.md").read_text())
        return data, self.read_json("out/run.json")

    def assert_answers(self, weights):
        """The adapter "out" over the base in this precision gives the first answer."""
        said = self.hone("generate", "--model_name_or_path", TINY, "--adapter_path", "out", "--weights", weights,
                         "--temperature", 0, "--max_new_tokens", 40, "--prompt", QUESTIONS[0])
        self.assertIn(ANSWERS[0], said.stdout, weights)

    def adapter_on_any_number_of_threads(self, data, *arguments):
        """The hash of the adapter that runs on 1, 2 and 3 threads must agree on."""
        hashes = set()
        for threads in (1, 2, 3):
            self.compressed(f"threads{threads}", data, *arguments, "--threads", threads)
            hashes.add(self.sha256(f"threads{threads}/{ADAPTER}"))
        self.assertEqual(len(hashes), 1)
        return hashes.pop()

    def assert_estimate(self, says, weight_share):
        """estimate names the method, and only the weights take less memory: below `weight_share` of LoRA's, but for the
        embedding, which is held as it is."""
        def estimate(*flags):
            return json.loads(self.hone("estimate", "--model_name_or_path", TINY, "--target_modules", "all-linear",
                                        "--max_seq_len", 64, "--json", *flags).stdout)
        lora, compressed = estimate(), estimate(*self.FLAGS)
        self.assertIn(says, compressed["method"])
        embedding = 384 * 64 * 2
        self.assertLess(compressed["weight_bytes"] - embedding, weight_share * (lora["weight_bytes"] - embedding))
        for part in ("parameter_bytes", "activation_bytes"):
            self.assertEqual(compressed[part], lora[part])
