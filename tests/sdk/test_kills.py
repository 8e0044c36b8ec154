"""kill -9 of the server and of its children at random moments: what was acknowledged stays, every job ends once.

HONE_TEST_TRIES sets how often each is killed, HONE_TEST_SEED the moments.
"""

import hashlib
import io
import os
import pathlib
import random
import signal
import tarfile
import threading
import time
import unittest

import httpx2 as httpx  # what the SDK stands on
import openai

from served import ENDED, MODEL, Server, training_rows, upload, wait_for, wait_until

TRIES = int(os.environ.get("HONE_TEST_TRIES", "3"))
SEED = int(os.environ.get("HONE_TEST_SEED", "1"))
SMALL = {"n_epochs": 1, "batch_size": 2}
STEPS = 6  # of a job with these on training_rows()


class Said:
    """What the server acknowledged, by id; and what was asked for without an answer, which may be so or not."""

    def __init__(self):
        self.lock = threading.Lock()
        self.files, self.deleted = {}, set()  # {id: SHA-256}
        self.uploads = {}                     # {id: ("parts", [part ids], content), ("cancelled",)}
        self.jobs, self.asked = {}, {}        # {id: the last verb}


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Clients:
    """Threads that work with a server until it is gone."""

    def __init__(self, server, said, rng):
        self.server, self.said = server, said
        loops = (self.file, self.upload, self.job)
        self.threads = [threading.Thread(target=self.loop, args=(one, random.Random(rng.random()))) for one in loops]
        self.problems = []
        for thread in self.threads:
            thread.start()

    def loop(self, work, rng):
        client = self.server.client()
        try:
            while True:
                work(client, rng)
        except (openai.APIConnectionError, httpx.TransportError):
            pass  # killed
        except Exception as problem:  # noqa: BLE001 (told by the thread that joins)
            self.problems.append(problem)

    def join(self):
        for thread in self.threads:
            thread.join()
        if self.problems:
            raise self.problems[0]

    def file(self, client, rng):
        content = training_rows(rng.randint(10, 500))
        file = upload(client, content)
        with self.said.lock:
            self.said.files[file.id] = sha256(content)
        if rng.random() < 0.5:
            with self.said.lock:
                del self.said.files[file.id]  # from here on it may be there or not
            client.files.delete(file.id)
            with self.said.lock:
                self.said.deleted.add(file.id)
        time.sleep(0.02)

    def upload(self, client, rng):
        content = training_rows(rng.randint(10, 500))
        cut = rng.randint(1, len(content) - 1)
        made = client.uploads.create(filename="rows.jsonl", purpose="fine-tune", bytes=len(content),
                                     mime_type="text/jsonl")
        parts = [client.uploads.parts.create(made.id, data=data).id for data in (content[:cut], content[cut:])]
        with self.said.lock:
            self.said.uploads[made.id] = ("parts", parts, content)
        end = rng.random()
        if end < 0.3:
            return
        with self.said.lock:
            del self.said.uploads[made.id]
        if end < 0.5:
            client.uploads.cancel(made.id)
            with self.said.lock:
                self.said.uploads[made.id] = ("cancelled", parts, content)
        else:
            file = client.uploads.complete(made.id, part_ids=parts, md5=hashlib.md5(content).hexdigest()).file
            with self.said.lock:
                self.said.files[file.id] = sha256(content)

    def job(self, client, rng):
        file = upload(client)
        job = client.fine_tuning.jobs.create(model=MODEL, training_file=file.id, seed=1, hyperparameters=SMALL)
        self.note(job.id, "created")
        time.sleep(rng.random() * 0.3)
        verbs = ["cancel"] if rng.random() < 0.3 else ["pause", "resume"]
        for verb in verbs:
            with self.said.lock:
                self.said.asked[job.id] = verb
            try:
                getattr(client.fine_tuning.jobs, verb)(job.id)
            except openai.BadRequestError:
                break  # it is over, or not that far
            self.note(job.id, verb)
        time.sleep(0.2)

    def note(self, job, verb):
        with self.said.lock:
            self.said.jobs[job] = verb


class Kills(unittest.TestCase):
    maxDiff = None

    def start(self, *flags):
        server = Server("--log_level", "3", "--requests-per-minute", "0", *flags)
        self.addCleanup(server.close)
        return server

    def test_the_server_loses_nothing_and_ends_every_job_once(self):
        rng = random.Random(SEED)
        server, said = self.start(), Said()
        for _ in range(TRIES):
            clients = Clients(server, said, rng)
            time.sleep(rng.uniform(0.05, 1))
            server.stop(signal.SIGKILL)
            clients.join()
            server.start()
        client = server.client()
        self.check_files(client, said)
        ended = {job: self.check_job(client, job, said) for job in said.jobs}
        counts = {status: list(ended.values()).count(status) for status in ENDED}
        print(f"\nkilled {TRIES} times: {len(said.files)} files, {len(said.deleted)} deleted ones, {len(said.uploads)} "
              f"uploads, {len(said.jobs)} jobs ({counts}): nothing lost, no job twice")

    def check_files(self, client, said):
        for file, expected in said.files.items():
            self.assertEqual(sha256(client.files.content(file).read()), expected, file)
        for file in said.deleted:
            with self.assertRaises(openai.NotFoundError):
                client.files.retrieve(file)
        for made, (state, parts, content) in said.uploads.items():
            if state == "cancelled":
                with self.assertRaises(openai.BadRequestError):
                    client.uploads.complete(made, part_ids=parts)
                continue
            file = client.uploads.complete(made, part_ids=parts, md5=hashlib.md5(content).hexdigest()).file
            self.assertEqual(client.files.content(file.id).read(), content)

    def check_job(self, client, job_id, said):
        """How it ended; it may have to be resumed first."""
        jobs, verb = client.fine_tuning.jobs, said.jobs[job_id]
        job = jobs.retrieve(job_id)
        if getattr(job, "paused", False):
            self.assertIn("pause", (verb, said.asked.get(job_id)), job)
            jobs.resume(job_id)
        elif verb == "pause" and said.asked[job_id] == "pause":
            self.fail(f"a pause of {job_id} was acknowledged and lost: {job}")
        job = wait_for(job, client)
        if verb == "cancel":
            self.assertEqual(job.status, "cancelled")
        if job.status == "cancelled":
            self.assertEqual(said.asked.get(job_id), "cancel")
            return job.status
        self.assertEqual(job.status, "succeeded", job)
        events = list(jobs.list_events(job_id, limit=100))[::-1]
        messages = [event.message for event in events]
        self.assertEqual([event.data["step"] for event in events if event.type == "metrics"],
                         list(range(1, STEPS + 1)), messages)
        for once in ("The job has successfully completed", "Fine-tuning job started"):
            self.assertEqual(messages.count(once), 1, messages)
        self.assertEqual(client.models.retrieve(job.fine_tuned_model).id, job.fine_tuned_model)
        self.assertEqual(len(client.files.content(job.result_files[0]).read().splitlines()), STEPS + 1)
        return job.status

    def adapter(self, server, job):
        """The bytes of what a job trained."""
        api = server.client().with_options(base_url=server.url.removesuffix("/v1"))
        archive = api.get(f"/api/models/{job.fine_tuned_model}/adapter", cast_to=httpx.Response).content
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = next(one for one in tar.getmembers() if one.name.endswith("adapter_model.safetensors"))
            return tar.extractfile(member).read()

    def test_paused_killed_and_resumed_gives_the_bytes_of_an_uninterrupted_job(self):
        server = self.start()
        client = server.client()
        jobs, file = client.fine_tuning.jobs, upload(client, training_rows(40))
        options = {"model": MODEL, "training_file": file.id, "seed": 7,
                   "hyperparameters": {"n_epochs": 40, "batch_size": 1}}
        whole = wait_for(jobs.create(**options), client)
        broken = jobs.create(**options)
        wait_until("a step", lambda: any(event.type == "metrics" for event in jobs.list_events(broken.id).data))
        self.assertTrue(jobs.pause(broken.id).paused)
        server.stop(signal.SIGKILL)
        server.start()
        client = server.client()
        jobs = client.fine_tuning.jobs
        self.assertTrue(jobs.retrieve(broken.id).paused)
        jobs.resume(broken.id)
        wait_for(broken, client, until=("running",))
        time.sleep(0.3)
        server.stop(signal.SIGKILL)  # and once more, while it runs
        server.start()
        client = server.client()
        broken = wait_for(broken, client)
        self.assertEqual((whole.status, broken.status), ("succeeded", "succeeded"))
        self.assertEqual(sha256(self.adapter(server, whole)), sha256(self.adapter(server, broken)))
        self.assertEqual(*[client.files.content(job.result_files[0]).read() for job in (whole, broken)])
        print(f"\npaused, killed, resumed, killed: {sha256(self.adapter(server, broken))[:16]} as uninterrupted")

    def test_workers_are_killed(self):
        rng = random.Random(SEED)
        server = self.start("--max-jobs", "2")
        client = server.client()
        jobs, file = client.fine_tuning.jobs, upload(client, training_rows(20))
        kills, twice = 0, 0
        while kills < TRIES:
            made = [jobs.create(model=MODEL, training_file=file.id, seed=1,
                                hyperparameters={"n_epochs": 10, "batch_size": 2}) for _ in range(2)]
            for job in made:
                time.sleep(rng.random() * 0.2)
                most = 2 if rng.random() < 0.2 else 1
                done = sum(kill_child(server, f"/{job.id}/", rng.random() * 0.3,
                                      lambda job=job: jobs.retrieve(job.id).status in ENDED) for _ in range(most))
                job = wait_for(job, client)
                kills += done
                twice += done == 2
                if job.status == "failed":  # it gets one more try
                    self.assertEqual(done, 2, f"{job.error}{server.log.read_text()[-2000:]}")
                    self.assertEqual(job.error.code, "worker_failed")
                    self.assertIn("signal 9", job.error.message)
                    continue
                steps = [event.data["step"] for event in jobs.list_events(job.id, limit=100)
                         if event.type == "metrics"]
                self.assertEqual((job.status, steps[::-1]), ("succeeded", list(range(1, 101))), job.id)
        print(f"\n{kills} workers killed, {twice} jobs twice: each job went on, or failed with the reason")

    def test_a_model_is_killed(self):
        server = self.start()
        client = server.client()

        def ask():
            return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "a"}],
                                                  max_tokens=200, temperature=0).choices[0].message.content
        expected = ask()
        for _ in range(max(1, TRIES // 20)):
            outcomes = []

            def try_to():
                try:
                    outcomes.append(ask())
                except openai.InternalServerError as error:
                    outcomes.append((error.status_code, int(error.response.headers["retry-after"]) > 0))
            threads = [threading.Thread(target=try_to) for _ in range(4)]
            for thread in threads:
                thread.start()
            self.assertTrue(kill_child(server, "serve-model", 0.01))
            for thread in threads:
                thread.join()
            for outcome in outcomes:
                self.assertIn(outcome, (expected, (503, True)))
            deadline = time.monotonic() + 90
            while time.monotonic() < deadline:
                try:
                    self.assertEqual(ask(), expected)
                    break
                except openai.InternalServerError:
                    time.sleep(0.2)
            else:
                self.fail("the model does not come back")


def kill_child(server, words, delay, over=lambda: False):
    """kill -9 of the server's child with these in its command line, so many seconds after it is there; whether it was
    there then. `over`: it will not come any more."""
    while not over():
        for pid in children(server.process.pid):
            if words in command_of(pid):
                time.sleep(delay)
                if words not in command_of(pid):
                    return False
                os.kill(pid, signal.SIGKILL)
                while words in command_of(pid):
                    time.sleep(0.005)
                return True
        time.sleep(0.01)
    return False


def children(pid):
    listed = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            listed += [int(child) for child in task.read_text().split()]
        except OSError:
            pass  # the thread has ended
    return listed


def command_of(pid):
    """The command line of a process; "" of one that is gone or a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""


if __name__ == "__main__":
    unittest.main()
