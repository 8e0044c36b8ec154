"""`hone serve-model`: requests of the OpenAI API as lines, and what comes back."""
import json
import signal
import subprocess
import unittest

try:
    from openai.types import Completion
    from openai.types.chat import ChatCompletion, ChatCompletionChunk
except ImportError:
    Completion = None

from support import HONE, ROOT, TINY, USAGE, HoneTest

ADAPTER = str(ROOT / "tests/golden/adapters/tied-lora")


class Served:
    """One that is at work."""

    def __init__(self, test, *flags, model=TINY):
        self.test = test
        self.process = subprocess.Popen(
            [HONE, "serve-model", "-m", model, "--threads", "2", *map(str, flags)], cwd=test.work, text=True,
            env=test.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        test.addCleanup(self.process.kill)
        self.lines = []

    def ask(self, name, kind, body=None, **members):
        request = {"id": name, "kind": kind, **members}
        if body is not None:
            request["body"] = body
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def until(self, **members):
        """Reads lines up to the first one with these members, and returns it."""
        for text in self.process.stdout:
            line = json.loads(text)
            self.lines.append(line)
            if members.items() <= line.items():
                return line
        self.test.fail(f"no line {members}: {self.process.communicate()}")

    def end(self, code=0):
        out, error = self.process.communicate(timeout=60)
        self.test.assertEqual(self.process.returncode, code, error)
        return [json.loads(line) for line in out.splitlines()]


def chat(content, **members):
    return {"messages": [{"role": "user", "content": content}], "max_tokens": 20, "seed": 1, **members}


class ServeModelTest(HoneTest):
    def test_answers_side_by_side_are_those_alone(self):
        served = Served(self)
        ready = served.until(event="ready")
        self.assertEqual(ready["context_length"], 512)
        bodies = {f"r{i}": chat("hello " * i, temperature=0.5 * (i % 3)) for i in range(1, 7)}
        for name, body in bodies.items():
            served.ask(name, "chat.completion", body, **({"adapter": ADAPTER} if int(name[1]) % 2 else {}))
        together = {}
        while len(together) < len(bodies):
            line = served.until(event="done")
            together[line["id"]] = line["data"]
        for name, body in bodies.items():
            served.ask(name, "chat.completion", body, **({"adapter": ADAPTER} if int(name[1]) % 2 else {}))
            alone = served.until(event="done", id=name)["data"]
            self.assertEqual(alone["choices"], together[name]["choices"])
        # What was asked before the end is answered.
        served.ask("last", "completion", {"prompt": "hello", "max_tokens": 5})
        self.assertEqual([line["id"] for line in served.end() if line["event"] == "done"], ["last"])

    def test_lives_through_bad_input(self):
        served = Served(self)
        for text in ("nonsense", "{}", "[1]", '{"id":"x"}', '{"id":"x","kind":"chat.completion","body":[]}',
                     "[" * 100000, '{"id":"x","kind":"completion","body":{"prompt":"\\ud800"}}'):
            served.process.stdin.write(text + "\n")
        served.ask("good", "completion", {"prompt": "hello", "max_tokens": 3})
        served.until(event="done", id="good")
        errors = [line for line in served.lines if line["event"] == "error"]
        self.assertEqual(len(errors), 7)
        for error in errors:
            self.assertEqual(set(error["error"]), {"message", "type", "param", "code"})
            self.assertEqual(error["status"], 400)
        served.end()

    def test_a_signal_ends_it_once_all_is_answered(self):
        served = Served(self)
        served.until(event="ready")
        served.ask("1", "chat.completion", chat("hello", stream=True, max_tokens=100, logit_bias={"2": -100}))
        served.until(event="chunk")
        served.process.send_signal(signal.SIGTERM)
        self.assertEqual(served.until(event="done")["id"], "1")
        served.end()

    def test_heartbeats_and_what_cannot_be_loaded(self):
        served = Served(self)
        beat = served.until(event="heartbeat")
        self.assertGreater(beat["memory_bytes"], 0)
        served.process.stdin.close()
        broken = Served(self, model=str(self.work))
        self.assertTrue(broken.until(event="failed")["error"]["message"])
        self.assertNotEqual(broken.process.wait(60), 0)
        self.assertEqual(self.hone("serve-model", code=USAGE).stdout, "")
        self.hone("serve-model", "-m", TINY, "--requests", 99, code=USAGE)

    @unittest.skipIf(Completion is None, "the openai package is not installed")
    def test_the_sdks_types_take_every_answer(self):
        def strict(model, data):
            model.model_validate_json(json.dumps(data), strict=True)

        tools = {"tools": [{"type": "function", "function": {"name": "f", "parameters": {
            "type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}}}]}
        chats = [{}, {"n": 3, "logprobs": True, "top_logprobs": 4}, {"stop": ["e"]},
                 {"response_format": {"type": "json_object"}}, {**tools, "tool_choice": "required", "max_tokens": None},
                 {**tools, "tool_choice": {"type": "function", "function": {"name": "f"}}, "max_tokens": None}, tools]
        served = Served(self)
        for members in chats:
            served.ask("1", "chat.completion", chat("hello", **members))
            strict(ChatCompletion, served.until(event="done")["data"])
            served.lines.clear()
            served.ask("1", "chat.completion",
                       chat("hello", stream=True, stream_options={"include_usage": True}, **members))
            strict(ChatCompletion, served.until(event="done")["data"])
            for line in served.lines:
                if line["event"] == "chunk":
                    strict(ChatCompletionChunk, line["data"])
        for members in ({}, {"n": 2, "logprobs": 2}, {"echo": True, "logprobs": 0, "max_tokens": 0}):
            for stream in (False, True):
                served.lines.clear()
                served.ask("1", "completion",
                           {"prompt": ["hello", "cat"], "max_tokens": 5, **members, "stream": stream})
                strict(Completion, served.until(event="done")["data"])
                for line in served.lines:
                    if line["event"] == "chunk":
                        strict(Completion, line["data"])
        served.end()


if __name__ == "__main__":
    unittest.main()
