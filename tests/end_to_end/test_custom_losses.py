"""--loss of the user's own: Python beside hone, and a library of C."""
import os
import shutil
import subprocess
import unittest

from support import ROOT, TRAINING_FAILED, USAGE, HoneTest, many_chats
from test_embeddings import pairs

STAND_IN = str(ROOT / "tests" / "end_to_end" / "torch_stand_in")

# Half the squared distance of texts that are alike, less that of others: mean over the rows.
LOSSES = """
import os
import time
import torch

def distance(first, second, labels, turn=1.0):
    rows, columns = first.shape
    value, slopes = 0.0, []
    for i, (a, b) in enumerate(zip(first.values, second.values)):
        sign = (1 if labels.values[i // columns] >= 0.5 else -0.2) / rows
        value += sign * (a - b) ** 2 / 2
        slopes.append(turn * sign * (a - b))
    return torch.Loss(value, [(first, slopes), (second, [-slope for slope in slopes])])

class Distance:
    def __call__(self, output1, output2, label):
        return distance(output1, output2, label)

calls = 0

def counted(first, second, labels):
    global calls
    calls += 1
    return calls

def turned(*inputs):
    return distance(*inputs, turn=-1.0)

def raises(*inputs):
    if counted(*inputs) > 40:
        print("about to fail")
        raise ValueError("forty times is enough")
    return distance(*inputs)

def dies(*inputs):
    if counted(*inputs) > 40:
        os.abort()
    return distance(*inputs)

def closes(*inputs):
    if counted(*inputs) > 40:
        os.closerange(3, 100)
        time.sleep(600)
    return distance(*inputs)

def infinite(*inputs):
    loss = distance(*inputs)
    if counted(*inputs) > 40:
        loss.values[0] = float("inf")
    return loss

def text(*inputs):
    return "0.5"

# What hone minimises itself, where a batch is a step.
def likelihood(logps, mask):
    tokens = sum(mask.values)
    value = -sum(logp * one for logp, one in zip(logps.values, mask.values)) / tokens
    return torch.Loss(value, [(logps, [-one / tokens for one in mask.values])])
"""

PLUGIN = """
#include <string.h>
#include "hone_loss.h"
int hone_loss_version(void) { return VERSION; }
int hone_loss(const struct hone_loss_batch* batch, double* loss) {
    *loss = 0;
    for (int64_t i = 0; i < batch->rows * batch->columns; ++i) {
        const double sign = (batch->labels[i / batch->columns] >= 0.5f ? 1 : -0.2) / (double)batch->rows;
        const double difference = batch->inputs[0][i] - batch->inputs[1][i];
        *loss += sign * difference * difference / 2;
        if (!batch->slopes[0]) continue;
        batch->slopes[0][i] = (float)(sign * difference);
        batch->slopes[1][i] = (float)(-sign * difference);
    }
    if (!FAILS) return 0;
    strncpy(batch->message, "out of luck", batch->message_size);
    return 3;
}
"""


def has_torch():
    return subprocess.run(["python3", "-c", "import torch"], capture_output=True).returncode == 0


class CustomLossTest(HoneTest):
    def train(self, out, loss, *arguments, stand_in=True, rows=None, **options):
        data = self.write("pairs.jsonl", rows or pairs(32))
        environment = {"PYTHONPATH": STAND_IN} if stand_in else {}
        return self.finetune(out, data, "--task", "feature-extraction", "--learning_rate", "5e-3", "--max_steps", 30,
                             "--per_device_train_batch_size", 8, "--torch_dtype", "float32", "--loss", loss, *arguments,
                             environment=environment, **options)

    def losses(self, out):
        return [line["loss"] for line in self.metrics(out) if "loss" in line]

    def test_a_loss_of_python_trains(self):
        self.write("losses.py", LOSSES)
        self.train("out", "losses.py:Distance", "--save_steps", 10)
        losses = self.losses("out")
        self.assertLess(losses[-1], losses[0])
        self.train("again", "losses.py:distance", "--resume_from_checkpoint",
                   self.path("out/checkpoints/step-20"), code=USAGE)  # another loss
        self.train("again", "losses.py:Distance", "--resume_from_checkpoint", self.path("out/checkpoints/step-20"))
        name = "adapter/adapter_model.safetensors"
        self.assertEqual(self.sha256("out/" + name), self.sha256("again/" + name))

    def test_a_loss_of_tokens_trains_as_the_built_in_one(self):
        self.write("losses.py", LOSSES)
        data = self.write("chats.jsonl", many_chats(24))
        common = ["--learning_rate", "2e-3", "--max_steps", 12, "--per_device_train_batch_size", 8, "--lora_dropout", 0,
                  "--torch_dtype", "float32", "--eval_split", "train[:6]", "--per_device_eval_batch_size", 8]
        self.finetune("plain", data, *common)
        own = ["--loss", "losses.py:likelihood"]
        self.finetune("own", data, *common, *own, environment={"PYTHONPATH": STAND_IN})
        for name in ("loss", "eval_loss", "token_accuracy", "eval_token_accuracy"):
            pairs_of = [[line[name] for line in self.metrics(out) if name in line] for out in ("plain", "own")]
            self.assertTrue(pairs_of[0], name)
            self.assertEqual(len(pairs_of[0]), len(pairs_of[1]), name)
            for plain, other in zip(*pairs_of):
                self.assertAlmostEqual(plain, other, delta=1e-3 * max(1, abs(plain)), msg=name)
        for flags, why in ((["--objective", "orpo", *own], "--objective"),
                           (["--loss", "infonce"], "feature-extraction"),
                           (["--lora_dropout", 0.1, *own], "lora_dropout"),
                           (["--task", "text-classification", *own], "--loss")):
            self.assertIn(why, self.finetune("bad", data, *flags, code=USAGE).stderr)

    def test_what_is_wrong_with_a_loss_is_named(self):
        self.write("losses.py", LOSSES)
        self.write("broken.py", "import torch\nraise RuntimeError('no such day')\n")
        for loss, code, parts in (
                ("losses.py:turned", USAGE, ["derivatives are not those of its values"]),
                ("losses.py:text", USAGE, ["a loss is one number", "str"]),
                ("losses.py:nothing", USAGE, ["there is no nothing in it", "Distance, closes, counted"]),
                ("broken.py:any", USAGE, ["RuntimeError: no such day", "broken.py"]),
                ("missing.py:any", USAGE, ["missing.py"]),
                ("losses.py:raises", TRAINING_FAILED, ["forty times is enough", "about to fail", "losses.py"]),
                ("losses.py:dies", TRAINING_FAILED, ["signal 6"]),
                ("losses.py:closes", TRAINING_FAILED, ["closed descriptor 3"]),
                ("losses.py:infinite", TRAINING_FAILED, ["it gives a loss of inf"])):
            with self.subTest(loss):
                done = self.train("bad", loss, code=code)
                for part in ["--loss", *parts]:
                    self.assertIn(part, done.stderr)
        if not has_torch():
            done = self.train("bad", "losses.py:Distance", stand_in=False, code=USAGE)
            self.assertIn("has no torch", done.stderr)

    @unittest.skipUnless(shutil.which("cc"), "there is no C compiler")
    def test_a_loss_of_c_trains_as_the_one_of_python(self):
        self.write("losses.py", LOSSES)
        source = self.write("mine.c", PLUGIN)

        def build(name, version="HONE_LOSS_VERSION", fails="0"):
            subprocess.run(["cc", "-O2", "-shared", "-fPIC", f"-DVERSION={version}", f"-DFAILS={fails}",
                            "-I", str(ROOT / "src" / "train" / "custom"), "-o", self.path(name), source], check=True)

        build("libmine.so")
        self.train("c", "plugin:libmine.so")
        self.train("python", "losses.py:distance")
        for own, other in zip(self.losses("c"), self.losses("python")):
            self.assertAlmostEqual(own, other, delta=1e-5 * max(1, abs(other)))
        build("old.so", version="99")
        self.assertIn("version 99", self.train("bad", "plugin:old.so", code=USAGE).stderr)
        build("failing.so", fails="1")
        self.assertIn("returned 3: out of luck", self.train("bad", "plugin:failing.so", code=USAGE).stderr)
        self.write("no.so", "no library")
        self.train("bad", "plugin:no.so", code=USAGE)

    @unittest.skipUnless(has_torch(), "the python3 of PATH has no torch")
    def test_the_example_trains(self):
        example = ROOT / "examples" / "losses" / "contrastive.py"
        rows = [{**row, "label": 1 - row["label"]} for row in pairs(32)]
        self.train("out", f"{example}:EuclideanContrastiveLoss", stand_in=False, rows=rows)
        losses = self.losses("out")
        self.assertLess(sum(losses[-4:]), 0.7 * sum(losses[:4]))


if __name__ == "__main__":
    unittest.main()
