"""Weights as torch.save writes them: a folder with pytorch_model.bin, an adapter with adapter_model.bin."""
import io
import os
import pathlib
import pickle
import shutil
import sys
import types
import unittest
import unittest.mock
import zipfile

from support import BAD_MODEL, CHATS, GOLDEN, TINY, HoneTest
from test_models import read_tensors

ADAPTER = GOLDEN / "adapters" / "tied-lora"
STORAGES = {"F32": ("FloatStorage", 4), "BF16": ("BFloat16Storage", 2)}


def named(module, name, **members):
    return type(name, (), {"__module__": module, **members})


class Pickler(pickle.Pickler):
    def persistent_id(self, item):
        return item.place if isinstance(item, Storage) else None


class Storage:
    def __init__(self, *place):
        self.place = ("storage", *place)


def pickled(make):
    """What make(classes by torch's name, the function that puts tensors together) returns, as torch would pickle it."""
    classes = {name: named("torch", name) for name, _ in STORAGES.values()}
    rebuild = types.FunctionType((lambda: None).__code__, {}, "_rebuild_tensor_v2")
    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    modules = {"torch": types.SimpleNamespace(**classes),
               "torch._utils": types.SimpleNamespace(_rebuild_tensor_v2=rebuild)}
    file = io.BytesIO()
    with unittest.mock.patch.dict(sys.modules, modules):
        Pickler(file, 2).dump(make(classes, rebuild))
    return file.getvalue()


class Reduced:
    """Pickles as function(*arguments)."""

    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


def write_pytorch(path, tensors, extra=()):
    """tensors as read_tensors has them; the matrices lie transposed in their storages. extra: more entries."""
    with zipfile.ZipFile(path, "w") as archive:
        contents = {}

        def make(classes, rebuild):
            result = {}
            for name, (dtype, shape, content) in tensors.items():
                storage, size = STORAGES[dtype]
                strides = (1,)
                if len(shape) == 2:
                    rows, columns = shape
                    numbers = [content[i * size:(i + 1) * size] for i in range(rows * columns)]
                    content = b"".join(numbers[row * columns + column]
                                       for column in range(columns) for row in range(rows))
                    strides = (1, rows)
                key = str(len(contents))
                contents[key] = content
                place = Storage(classes[storage], key, "cpu", len(content) // size)
                result[name] = Reduced(rebuild, place, 0, tuple(shape), strides, False, None)
            result.update(extra)
            return result

        archive.writestr("archive/data.pkl", pickled(make))
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")
        for key, content in contents.items():
            archive.writestr(f"archive/data/{key}", content)


class PytorchFilesTest(HoneTest):
    def setUp(self):
        super().setUp()
        self.data = self.write("chats.jsonl", CHATS)

    def converted(self, source, name, weights, extra=()):
        """A copy of the folder whose weights are in PyTorch's format; `weights`: their file without its ending."""
        folder = self.work / name
        shutil.copytree(source, folder)
        path = folder / f"{weights}.safetensors"
        name = "pytorch_model.bin" if weights == "model" else f"{weights}.bin"
        write_pytorch(folder / name, read_tensors(path), extra)
        path.unlink()
        return folder

    def test_a_model_trains_and_answers_as_from_safetensors(self):
        model = self.converted(TINY, "pytorch", "model")
        self.assertEqual(self.evaluate(self.data, model=model)["loss"], self.evaluate(self.data)["loss"])
        for out, start in (("a", TINY), ("b", model)):
            self.finetune(out, self.data, "--max_steps", 3, model=start)
        weights = "adapter/adapter_model.safetensors"
        self.assertEqual(self.sha256(f"a/{weights}"), self.sha256(f"b/{weights}"))

    def test_an_adapter_answers_as_from_safetensors(self):
        adapter = self.converted(ADAPTER, "adapter", "adapter_model")
        losses = [self.evaluate(self.data, "--adapter_path", path)["loss"] for path in (ADAPTER, adapter)]
        self.assertEqual(*losses)
        self.assertNotEqual(losses[0], self.evaluate(self.data)["loss"])

    def test_a_pickle_that_calls_something_is_refused_and_does_nothing(self):
        marker = pathlib.Path(self.path("called"))
        for call, name in ((Reduced(os.system, f"touch {marker}"), ".system"), (Reduced(eval, "1"), "eval"),
                           (Reduced(getattr, "", "join"), "getattr")):
            model = self.converted(TINY, f"bad{name}", "model", {"x": call})
            for command in (["evaluate", "--data_name", self.data], ["generate", "--prompt", "x"],
                            ["models", "inspect"]):
                flag = [] if command[0] == "models" else ["--model_name_or_path"]
                done = self.hone(*command, *flag, model, code=BAD_MODEL)
                self.assertIn("the pickle calls", done.stderr)
                self.assertIn(name, done.stderr)
                self.assertIn("pytorch_model.bin", done.stderr)
        self.assertFalse(marker.exists())


if __name__ == "__main__":
    unittest.main()
