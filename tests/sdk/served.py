"""A server of its own for each class of tests: `hone serve` over a tiny model, in a folder that goes away. Its database
is SQLite, or one of its own in the PostgreSQL that HONE_TEST_POSTGRESQL names (tests/postgresql.py)."""

import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import openai

from postgresql import new_database
from support import GOLDEN, HONE, many_chats

MODEL = "tiny"
POSTGRESQL = os.environ.get("HONE_TEST_POSTGRESQL")
NUMBERS = itertools.count(1)
ENDED = ("succeeded", "failed", "cancelled")


class Server:
    """A running `hone serve`. `key` is the admin key that its first start printed."""

    def __init__(self, *flags):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hone-served-"))
        self.data = self.folder / "data"
        self.flags = flags
        self.store = ("--data-dir", str(self.data))
        if POSTGRESQL:
            self.store += ("--database", new_database(POSTGRESQL, f"served_{os.getpid()}_{next(NUMBERS)}"))
        self.log = self.folder / "server.log"
        self.environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder), "HF_HUB_OFFLINE": "1",
                            "LC_ALL": "C.UTF-8"}
        for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        self.key = None
        self.start()

    def command(self):
        return [HONE, "serve", *self.store, "--port", "0", "--model", f"{MODEL}={GOLDEN}/models/tied", *self.flags]

    def start(self):
        self.process = subprocess.Popen([str(word) for word in self.command()], env=self.environment, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=open(self.log, "a", encoding="utf-8"))
        line = self.process.stdout.readline()
        if not line.startswith("hone listens at "):
            raise AssertionError(f"the server did not start: {line}{self.log.read_text()[-3000:]}")
        self.url = line.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1].split("/")[0])
        if self.key is None:
            lines = [self.process.stdout.readline() for _ in range(3)]
            self.key = lines[-1].strip().rsplit("=", 1)[1]

    def stop(self, sent=signal.SIGTERM):
        """Ends it; the exit status."""
        self.process.send_signal(sent)
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        return status

    def close(self):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_key(self, project="default", role="member"):
        """{"id", "secret", "project", "role"} of a new key; the project is made if it is not there."""
        made = subprocess.run([HONE, "keys", "create", *self.store, "--project", project, "--role", role,
                               "--json"], env=self.environment, capture_output=True, text=True, check=True)
        return json.loads(made.stdout)

    def client(self, key=None, **options):
        options = {"max_retries": 0, "timeout": 60, "_strict_response_validation": True, **options}
        return openai.OpenAI(base_url=self.url, api_key=key or self.key, **options)


class ServedTest(unittest.TestCase):
    """Tests that share one server."""
    maxDiff = None
    flags = ("--log_level", "2")

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.flags)
        cls.addClassCleanup(cls.server.close)
        cls.client = cls.server.client()

    def refused(self, kind, call, *arguments, **options):
        """The error that the call must raise, of the SDK's class `kind`."""
        with self.assertRaises(kind) as caught:
            call(*arguments, **options)
        self.assertTrue(caught.exception.request_id, "an answer without x-request-id")
        return caught.exception


def training_rows(count=12):
    return "".join(json.dumps(row) + "\n" for row in many_chats(count)).encode()


def upload(client, content=None, name="training-data.jsonl"):
    return client.files.create(file=(name, content or training_rows()), purpose="fine-tune")


def wait_until(what, check, seconds=60):
    """Asks until check() is true."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not so: {what}")
        time.sleep(0.02)


def wait_for(job, client, seconds=120, until=ENDED):
    """The job once its status is one of `until`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job = client.fine_tuning.jobs.retrieve(job.id)
        if job.status in until:
            return job
        time.sleep(0.1)
    raise AssertionError(f"after {seconds} s the job is {job.status}: {job}")
