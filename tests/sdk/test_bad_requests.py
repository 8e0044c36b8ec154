"""Bad input of every kind: each is refused with a 4xx in the envelope, none disturbs the server."""

import copy
import http.client
import json
import socket
import unittest

from served import MODEL, ServedTest, training_rows, upload

MISSING = object()
# What a field may be given instead of what it expects.
WRONG = {"missing": MISSING, "null": None, "bool": True, "number": 1.5, "negative": -1, "huge": 10 ** 30,
         "text": "x", "long text": "x" * 100_000, "list": [1], "object": {"a": 1}, "empty": ""}


def deep(depth, open_, close):
    return open_ * depth + "1" + close * depth


def paths(value, path=()):
    """The paths of all members of a JSON value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*path, key)
        yield from paths(member, (*path, key))


def changed(value, path, wrong):
    """A copy of the value with another member at the path, or without it."""
    value = copy.deepcopy(value)
    *parents, last = path
    place = value
    for key in parents:
        place = place[key]
    if wrong is MISSING:
        del place[last]
    else:
        place[last] = wrong
    return value


class BadInput(ServedTest):
    flags = ("--log_level", "2", "--requests-per-minute", "0")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.file = upload(cls.client)

    def ask(self, method, path, body=None, **headers):
        """(status, parsed answer); what the server must do with every answer is checked."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            connection.request(method, path, body=body,
                               headers={"Authorization": f"Bearer {self.server.key}", **headers})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        self.assertTrue(answer.getheader("x-request-id"), f"{method} {path}")
        streamed = (answer.getheader("Content-Type") or "").startswith("text/event-stream")
        parsed = json.loads(content) if content and not streamed else None
        if answer.status >= 400:
            self.assertEqual(sorted(parsed["error"]), ["code", "message", "param", "type"], content[:300])
            self.assertTrue(parsed["error"]["message"])
        return answer.status, parsed

    def post(self, path, value):
        text = value if isinstance(value, (str, bytes)) else json.dumps(value)
        return self.ask("POST", path, text, **{"Content-Type": "application/json"})

    def bodies(self):
        chat = {"model": MODEL, "messages": [{"role": "user", "content": "a"}], "max_tokens": 1, "temperature": 0,
                "top_p": 1, "n": 1, "stop": ["x"], "seed": 1, "logprobs": True, "top_logprobs": 1,
                "presence_penalty": 0, "frequency_penalty": 0, "logit_bias": {"1": 1}, "stream": False,
                "response_format": {"type": "text"}}
        job = {"model": MODEL, "training_file": "file-none", "validation_file": "file-none", "suffix": "a", "seed": 1,
               "method": {"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": 1, "beta": 0.1}}},
               "hyperparameters": {"n_epochs": 1, "batch_size": 1, "learning_rate_multiplier": 1},
               "integrations": [{"type": "wandb", "wandb": {"project": "a", "tags": ["b"]}}], "metadata": {"a": "b"}}
        return {
            "/v1/chat/completions": chat,
            "/v1/completions": {"model": MODEL, "prompt": "a", "max_tokens": 1, "logprobs": 1, "echo": False},
            "/v1/embeddings": {"model": MODEL, "input": ["a"], "encoding_format": "float", "dimensions": 2},
            "/v1/fine_tuning/jobs": job,
            "/v1/responses": {
                "model": MODEL, "input": [{"role": "user", "content": [{"type": "input_text", "text": "a"}]}],
                "instructions": "a", "max_output_tokens": 1, "temperature": 0, "top_p": 1, "stream": False,
                "text": {"format": {"type": "text"}}, "tools": [{"type": "function", "name": "f"}],
                "tool_choice": "auto", "include": [], "metadata": {"a": "b"}},
            "/v1/chat/completions/chatcmpl-none": {"metadata": {"a": "b"}},
            "/v1/fine_tuning/alpha/graders/run": {
                "model_sample": "a", "item": {"a": "b"},
                "grader": {"type": "multi", "name": "m", "calculate_output": "a", "graders": {"a": {
                    "type": "string_check", "name": "a", "input": "a", "reference": "a", "operation": "eq"}}}},
            "/v1/fine_tuning/alpha/graders/validate": {"grader": {
                "type": "score_model", "name": "s", "model": MODEL, "range": [0, 1], "input": [
                    {"role": "user", "content": "a"}], "sampling_params": {"temperature": 1, "top_p": 1}}},
            "/v1/uploads": {"filename": "a.jsonl", "purpose": "fine-tune", "bytes": 1, "mime_type": "text/plain",
                            "expires_after": {"anchor": "created_at", "seconds": 3600}},
            "/v1/uploads/upload_none/complete": {"part_ids": ["part_none"], "md5": "0" * 32},
            "/v1/fine_tuning/checkpoints/ft:none/permissions": {"project_ids": ["proj_none"]},
        }

    def test_every_field_of_every_body(self):
        refused = accepted = 0
        for route, body in self.bodies().items():
            for path in list(paths(body)):
                for name, wrong in WRONG.items():
                    status, answer = self.post(route, changed(body, path, wrong))
                    self.assertLess(status, 500, f"{route} {path} {name}: {answer}")
                    refused += status >= 400
                    accepted += status < 400
        print(f"\nbad fields: {refused} refused, {accepted} that are as good as another value, no 5xx")
        self.assertGreater(refused, 300)

    def test_bodies_that_are_no_objects(self):
        for route in self.bodies():
            for text in ("", "{", "null", "1", "[]", '"x"', "{}", "{\"a\":1}}", "\xff", '{"model":1,"model":2}',
                         b"\xff\xfe{}", deep(10_000, "[", "]"), deep(10_000, '{"messages":', "}"),
                         '{"metadata":' + deep(127, '{"a":', "}") + "}"):
                status, answer = self.post(route, text)
                self.assertEqual(status, 400, f"{route} {text[:40]!r}: {answer}")

    def test_wrong_content_types(self):
        for route in self.bodies():
            for kind in ("text/plain", "", "application/x-www-form-urlencoded", "application/jsonx"):
                self.assertEqual(self.ask("POST", route, "{}", **{"Content-Type": kind})[0], 415, f"{route} {kind}")
        for kind in ("application/json", "multipart/form-data", "multipart/mixed; boundary=b", ""):
            self.assertEqual(self.ask("POST", "/v1/files", "x", **{"Content-Type": kind})[0], 400, kind)

    def form(self, *parts, end="--b--\r\n"):
        """The answer to a form of (disposition, content)."""
        body = b"".join(b"--b\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + content + b"\r\n"
                        for head, content in parts) + end.encode()
        return self.ask("POST", "/v1/files", body, **{"Content-Type": "multipart/form-data; boundary=b"})

    def test_forms(self):
        purpose, file = ('name="purpose"', b"fine-tune"), ('name="file"; filename="a.jsonl"', training_rows())
        self.assertEqual(self.form(purpose, file)[0], 200)
        self.assertEqual(self.form(file, purpose)[0], 200)
        for name, parts, end in (
                ("cut", (purpose, file), ""), ("twice", (purpose, file, file), "--b--"),
                ("purpose twice", (purpose, purpose, file), "--b--"), ("no file", (purpose,), "--b--"),
                ("no purpose", (file,), "--b--"), ("no parts", (), "--b--"),
                ("unknown", (purpose, file, ('name="x"', b"1")), "--b--"), ("more", (purpose, file), "--b--more"),
                ("long purpose", (('name="purpose"', b"x" * 2000), file), "--b--"),
                ("path", (purpose, ('name="file"; filename="../../x"', b"{}")), "--b--"),
                ("long name", (purpose, (f'name="file"; filename="{"x" * 600}.jsonl"', b"{}")), "--b--"),
                ("expiry", (purpose, file, ('name="expires_after[anchor]"', b"created_at")), "--b--"),
                ("expiry", (purpose, file, ('name="expires_after[anchor]"', b"created_at"),
                            ('name="expires_after[seconds]"', b"3599")), "--b--")):
            status, answer = self.form(*parts, end=end)
            self.assertEqual(status, 400, f"{name}: {answer}")

    def test_paths_and_methods(self):
        for path in ("/v1", "/v1/", "/v1/nothing", "/v1/files/", "/v1/files//content", "/v1/files/a/b",
                     "/v1/files/%00", "/v1/files/%zz", "/v2/files", "//v1/files", "/v1/../v1/files"):
            self.assertIn(self.ask("GET", path)[0], (400, 404), path)
        for path in ("/v1/files/..%2f..%2fetc%2fpasswd", "/v1/files/" + "x" * 5000, "/v1/models/%2e%2e",
                     "/v1/fine_tuning/jobs/%F0%9F%98%80", "/v1/files/a'%20OR%201=1--"):
            self.assertEqual(self.ask("GET", path)[0], 404, path)
        for method in ("PUT", "PATCH", "DELETE", "BREW"):
            self.assertEqual(self.ask(method, "/v1/files")[0], 405, method)
        for query in ("limit=x", "limit=-1", "limit=99999", "limit=1e3", "limit=", "order=up", "after=" + "x" * 300,
                      "limit=9223372036854775808", "limit=%zz"):
            self.assertEqual(self.ask("GET", "/v1/files?" + query)[0], 400, query)
        self.assertEqual(self.ask("GET", "/v1/files?after=file-none&limit=1")[1]["data"], [])
        self.assertEqual(self.ask("GET", "/v1/files?limit=0")[1]["data"], [])
        self.assertEqual(self.ask("POST", f"/v1/fine_tuning/jobs/{self.file.id}/cancel", '{"a": 1}')[0], 400)

    def test_keys(self):
        for field in ("", "Bearer", "Bearer ", "Basic abc", "Bearer " + "x" * 4000, "Bearer sk-hone-a-b",
                      f"Bearer {self.server.key}x", "Bearer " + self.server.key[:-1]):
            status, answer = self.ask("GET", "/v1/files", Authorization=field)
            self.assertEqual(status, 401, field)
            if len(field) > 30:
                self.assertNotIn(field[7:], json.dumps(answer))

    def test_smuggling_shapes(self):
        key = f"Host: x\r\nAuthorization: Bearer {self.server.key}\r\n"
        for fields in ("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
                       "Content-Length: 2\r\nContent-Length: 3\r\n",
                       "Content-Length: +2\r\n", "Content-Length : 2\r\n", "Transfer-Encoding: chunked\r\n y: z\r\n",
                       "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunked, identity\r\n", "X: \x01\r\n"):
            with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as client:
                client.sendall(f"POST /v1/uploads HTTP/1.1\r\n{key}{fields}\r\n{{}}GET /v1/models HTTP/1.1\r\n{key}\r\n"
                               .encode())
                answer = b""
                while more := client.recv(65536):
                    answer += more
            self.assertRegex(answer, rb"^HTTP/1\.1 (400|501) ", fields)
            self.assertEqual(answer.count(b"HTTP/1.1 "), 1, "what follows is not read as a request")

    def test_zz_it_still_runs(self):
        """Last by its name."""
        self.assertEqual(self.ask("GET", "/v1/files")[0], 200)
        self.assertIsNone(self.server.process.poll())
        log = self.server.log.read_text()
        self.assertNotIn('"level":"error"', log)
        self.assertNotIn(self.server.key, log)


if __name__ == "__main__":
    unittest.main()
