"""Running the server: its keys, its flags and their file, limits, TLS, the end in order and the start after a kill."""

import contextlib
import json
import signal
import ssl
import subprocess
import threading
import unittest
import urllib.error
import urllib.request

import httpx2 as httpx  # what the SDK stands on
import openai

from served import GOLDEN, HONE, MODEL, Server, ServedTest, training_rows, upload, wait_for


def run(*arguments, code=0):
    done = subprocess.run([HONE, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


class Operations(ServedTest):
    def get(self, path):
        with urllib.request.urlopen(self.server.url.removesuffix("/v1") + path) as answer:
            return answer.read().decode()

    def test_health_figures_and_description_need_no_key(self):
        self.assertEqual(self.get("/healthz"), "ok\n")
        self.assertEqual(self.get("/readyz"), "ok\n")
        self.client.models.list()
        self.assertRegex(self.get("/metrics"),
                         r'hone_http_requests_total{method="GET",route="/v1/models",status="200"} [1-9]')
        described = json.loads(self.get("/openapi.json"))
        self.assertEqual(described["openapi"], "3.1.0")
        self.assertIn("/v1/fine_tuning/jobs/{fine_tuning_job_id}/events", described["paths"])

    def test_keys_are_made_listed_and_revoked(self):
        made = self.server.new_key("team", "viewer")
        client = self.server.client(made["secret"])
        client.models.list()
        listed = json.loads(run("keys", "list", *self.server.store, "--json"))
        mine = [key for key in listed if key["id"] == made["id"]]
        self.assertEqual((mine[0]["project"], mine[0]["role"], mine[0]["revoked_at"]), ("team", "viewer", 0))
        self.assertNotIn(made["secret"], json.dumps(listed))
        run("keys", "revoke", *self.server.store, made["id"])
        self.refused(openai.AuthenticationError, client.models.list)
        run("keys", "revoke", *self.server.store, "key_none", code=2)
        run("keys", "list", code=2)

    def test_keys_webhooks_and_the_log_of_changes_over_http(self):
        admin = self.client.with_options(base_url=self.server.url.removesuffix("/v1"))
        made = admin.post("/api/keys", cast_to=object, body={"name": "ci", "role": "member"})
        self.server.client(made["secret"]).models.list()
        self.assertEqual(admin.delete(f"/api/keys/{made['id']}", cast_to=object)["id"], made["id"])
        self.refused(openai.AuthenticationError, self.server.client(made["secret"]).models.list)
        hook = admin.post("/api/webhooks", cast_to=object, body={"url": "http://127.0.0.1:9/none"})
        self.assertTrue(hook["secret"].startswith("whsec_"))
        self.assertEqual([one["id"] for one in admin.get("/api/webhooks", cast_to=object)["data"]], [hook["id"]])
        self.assertTrue(admin.delete(f"/api/webhooks/{hook['id']}", cast_to=object)["deleted"])
        actions = [entry["action"] for entry in admin.get("/api/audit", cast_to=object)["data"]]
        self.assertIn("key.revoke", actions)
        member = self.server.client(self.server.new_key()["secret"]).with_options(
            base_url=self.server.url.removesuffix("/v1"))
        self.refused(openai.PermissionDeniedError, member.get, "/api/audit", cast_to=object)

    def test_a_model_is_taken_along(self):
        file = upload(self.client)
        job = wait_for(self.client.fine_tuning.jobs.create(
            model=MODEL, training_file=file.id, hyperparameters={"n_epochs": 2, "batch_size": 6}), self.client)
        api = self.client.with_options(base_url=self.server.url.removesuffix("/v1"))
        archive = api.get(f"/api/models/{job.fine_tuned_model}/adapter", cast_to=httpx.Response)
        path = self.server.folder / "adapter.tar"
        path.write_bytes(archive.content)
        subprocess.run(["tar", "-C", str(self.server.folder), "-xf", str(path)], check=True)
        answer = run("generate", "-m", f"{GOLDEN}/models/tied", "-a", self.server.folder / "adapter", "--prompt", "a",
                     "--max_new_tokens", 2)
        self.assertTrue(answer)
        for kind in ("adapter", "merged"):
            self.refused(openai.BadRequestError, api.get, f"/api/models/{MODEL}/{kind}", cast_to=httpx.Response)
            self.refused(openai.NotFoundError, api.get, f"/api/models/ft:none/{kind}", cast_to=httpx.Response)

        # Merged, it answers as base and adapter do, and is what `hone merge` makes; a checkpoint likewise.
        def unpack(model, kind, name):
            path = self.server.folder / f"{name}.tar"
            path.write_bytes(api.get(f"/api/models/{model}/{kind}", cast_to=httpx.Response).content)
            folder = self.server.folder / name
            folder.mkdir()
            subprocess.run(["tar", "-C", str(folder), "--strip-components=1", "-xf", str(path)], check=True)
            return folder
        checkpoint = self.client.fine_tuning.jobs.checkpoints.list(job.id).data[-1].fine_tuned_model_checkpoint
        self.assertIn(":ckpt-step-", checkpoint)
        for number, model in enumerate((job.fine_tuned_model, checkpoint)):
            adapter = unpack(model, "adapter", f"adapter-{number}")
            merged = unpack(model, "merged", f"merged-{number}")
            own = self.server.folder / f"own-{number}"
            run("merge", "-m", f"{GOLDEN}/models/tied", "-a", adapter, "-o", own)
            for file in own.iterdir():
                self.assertEqual((merged / file.name).read_bytes(), file.read_bytes(), file.name)
            question = ("--prompt", "a", "--max_new_tokens", 8, "--temperature", 0)
            self.assertEqual(run("generate", "-m", merged, *question), run("generate", "-m", own, *question))
        self.assertNotEqual((self.server.folder / "merged-0/model.safetensors").read_bytes(),
                            (self.server.folder / "merged-1/model.safetensors").read_bytes())
        self.assertEqual(list((self.server.data / "merging").iterdir()), [])

    def test_events_as_they_happen(self):
        file = upload(self.client)
        job = self.client.fine_tuning.jobs.create(
            model=MODEL, training_file=file.id, hyperparameters={"n_epochs": 3, "batch_size": 6})
        url = self.server.url.removesuffix("/v1") + f"/api/fine_tuning/jobs/{job.id}/events/stream"
        with httpx.stream("GET", url, headers={"Authorization": f"Bearer {self.server.key}"}, timeout=60) as answer:
            text = "".join(answer.iter_text())
        data = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
        self.assertEqual(data[0]["message"], f"Created fine-tuning job: {job.id}")
        self.assertEqual(data[-2]["message"], "The job has successfully completed")
        self.assertEqual(data[-1]["status"], "succeeded")
        listed = [event.message for event in self.client.fine_tuning.jobs.list_events(job.id, limit=100).data]
        self.assertEqual([event["message"] for event in data[:-1]], listed[::-1])


class Starting(unittest.TestCase):
    model = ("--model", f"{MODEL}={GOLDEN}/models/tied")

    def check(self, *flags, code=0):
        return run("serve", "--check-config", "--data-dir", "/nowhere/data", *self.model, *flags, code=code)

    def test_flags_are_checked_before_anything_runs(self):
        self.assertIn("is good", self.check())
        for flags, words in (
                (("--host", "0.0.0.0"), "--tls-cert"), (("--tls-cert", "x"), "go together"),
                (("--port", "70000"), "port"),
                (("--alias", "a"), "NAME=MODEL"), (("--alias", "a=b"), "no --model b"), (self.model, "given twice"),
                (("--model", "a b=c"), "letters"), (("--max-jobs", "0"), "at least 1"),
                (("--databse", "x"), "did you mean --database")):
            self.assertIn(words, self.check(*flags, code=2))
        self.assertIn("is good", self.check("--host", "0.0.0.0", "--insecure"))

    def test_a_file_holds_every_flag(self):
        server = Server("--log_level", "3")
        self.addCleanup(server.close)
        path = server.folder / "hone.yaml"
        path.write_text(f"data-dir: {server.data}\nport: 0\nmodel: {{tiny: {GOLDEN}/models/tied}}\nalias: [x=tiny]\n"
                        "default-aliases: false\nrequests_per_minute: 7\n")
        self.assertIn("is good", run("serve", "--config", path, "--check-config"))
        self.assertIn("no --model b", run("serve", "--config", path, "--check-config", "--alias", "a=b", code=2))
        path.write_text("prot: 1\n")
        self.assertIn("hone.yaml:1:1: hone serve has no flag --prot; did you mean --port?",
                      run("serve", "--config", path, "--check-config", code=2))
        path.write_text("port: many\n")
        self.assertIn("hone.yaml:1:7", run("serve", "--config", path, "--check-config", code=2))

    def test_requests_of_a_key_have_their_limit(self):
        server = Server("--requests-per-minute", "5")
        self.addCleanup(server.close)
        client = server.client()
        for _ in range(5):
            client.models.list()
        with self.assertRaises(openai.RateLimitError) as caught:
            client.models.list()
        self.assertEqual(caught.exception.code, "rate_limit_exceeded")
        self.assertIn(int(caught.exception.response.headers["retry-after"]), range(1, 13))
        server.client(server.new_key()["secret"]).models.list()
        wrong = server.client("sk-wrong")
        with self.assertRaises(openai.RateLimitError):
            for _ in range(200):
                with contextlib.suppress(openai.AuthenticationError):
                    wrong.models.list()

    def test_tls(self):
        server = Server("--log_level", "3")
        self.addCleanup(server.close)
        server.stop()
        cert, key = server.folder / "cert.pem", server.folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        server.flags = ("--host", "0.0.0.0", "--tls-cert", cert, "--tls-key", key)
        server.start()
        url = f"https://127.0.0.1:{server.port}/v1"
        context = ssl.create_default_context(cafile=str(cert))
        client = openai.OpenAI(base_url=url, api_key=server.key, max_retries=0,
                               http_client=httpx.Client(verify=context))
        content = training_rows(2000)
        self.assertEqual(client.files.content(upload(client, content).id).read(), content)
        with self.assertRaises(urllib.error.URLError):
            urllib.request.urlopen(url)  # no trust in the certificate
        with self.assertRaises(Exception):
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz")

    def test_ends_in_order_and_goes_on(self):
        server = Server("--log_level", "1")
        self.addCleanup(server.close)
        client = server.client()
        file = upload(client)
        job = client.fine_tuning.jobs.create(model=MODEL, training_file=file.id,
                                             hyperparameters={"n_epochs": 50, "batch_size": 1})
        wait_for(job, client, until=("running",))
        answers = []
        asking = threading.Thread(target=lambda: answers.append(client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "a"}], max_tokens=100)))
        asking.start()
        self.assertEqual(server.stop(signal.SIGTERM), 0)
        asking.join()
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
        self.assertEqual([line["event"] for line in lines if line.get("event") in ("ending", "ended")],
                         ["ending", "ended"])
        server.start()
        client = server.client()
        self.assertEqual(wait_for(job, client).status, "succeeded")
        self.assertEqual(client.files.retrieve(file.id).id, file.id)

    def test_goes_on_after_a_kill(self):
        server = Server("--log_level", "2")
        self.addCleanup(server.close)
        client = server.client()
        file = upload(client)
        job = client.fine_tuning.jobs.create(model=MODEL, training_file=file.id,
                                             hyperparameters={"n_epochs": 20, "batch_size": 1})
        wait_for(job, client, until=("running",))
        server.stop(signal.SIGKILL)
        server.start()
        client = server.client()
        self.assertEqual(wait_for(job, client).status, "succeeded")
        messages = [event.message for event in client.fine_tuning.jobs.list_events(job.id, limit=100)]
        self.assertEqual(messages.count("The job has successfully completed"), 1)
        self.assertEqual(client.files.content(file.id).read(), training_rows())


if __name__ == "__main__":
    unittest.main()
