"""What the machine does to a server: a full disk, a database that another program locks, a damaged checkpoint.

HONE_TEST_TRIES, whatever it is, makes the tests wait for what takes ten seconds.
"""

import os
import pathlib
import sqlite3
import subprocess
import threading
import time
import unittest

import openai

from served import MODEL, POSTGRESQL, Server, training_rows, upload, wait_for, wait_until

DISK_MB = 24
LONG = "HONE_TEST_TRIES" in os.environ


class SmallDisk(Server):
    """A server whose data folder is a disk of its own, seen by it alone."""
    prefix = ("unshare", *(() if os.geteuid() == 0 else ("--map-root-user",)), "--mount", "sh", "-c",
              f'mkdir -p "$0" && mount -t tmpfs -o size={DISK_MB}m hone "$0" && exec "$@"')

    def command(self):
        return [*self.prefix, self.data, *super().command()]

    def seen_data(self):
        return pathlib.Path(f"/proc/{self.process.pid}/root{self.data}")


def can_mount():
    return subprocess.run([*SmallDisk.prefix[:-3], "true"], capture_output=True, check=False).returncode == 0


class Faults(unittest.TestCase):
    def start(self, kind=Server):
        server = kind("--log_level", "4", "--requests-per-minute", "0")
        self.addCleanup(server.close)
        return server

    @unittest.skipUnless(can_mount(), "this user may not mount")
    @unittest.skipIf(POSTGRESQL, "the database is on another disk")
    def test_a_full_disk(self):
        server = self.start(SmallDisk)
        client = server.client()
        base = training_rows(20)
        stored = {upload(client, base).id: base}
        kept = next(iter(stored))
        with self.assertRaises(openai.InternalServerError) as caught:
            for number in range(DISK_MB + 1):
                content = training_rows(10) + b" " * (1 << 20) + str(number).encode() + b"\n"
                stored[client.files.create(file=("a.jsonl", content), purpose="batch").id] = content
        self.assertEqual((caught.exception.status_code, caught.exception.code), (503, "disk_full"))
        self.assertIn("retry-after", caught.exception.response.headers)
        for file, content in stored.items():
            self.assertEqual(client.files.content(file).read(), content)
        # The last byte is taken, too: nothing can be written, and everything can be read.
        self.fill(server.seen_data() / "filler")
        with self.assertRaises(openai.InternalServerError) as caught:
            for _ in range(100):
                client.fine_tuning.jobs.create(model=MODEL, training_file=kept, seed=1,
                                               hyperparameters={"n_epochs": 1, "batch_size": 2})
        self.assertEqual((caught.exception.status_code, caught.exception.code), (503, "disk_full"))
        self.assertEqual(client.files.content(kept).read(), base)
        # With room again everything goes on.
        (server.seen_data() / "filler").unlink()
        for file in set(stored) - {kept}:
            client.files.delete(file)
        made = client.fine_tuning.jobs.create(model=MODEL, training_file=kept, seed=1,
                                              hyperparameters={"n_epochs": 1, "batch_size": 2})
        self.assertEqual(wait_for(made, client).status, "succeeded")

    @staticmethod
    def fill(path):
        with open(path, "wb", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass

    @unittest.skipIf(POSTGRESQL, "SQLite's lock")
    def test_a_locked_database(self):
        server = self.start()
        client = server.client()
        file = upload(client)
        with sqlite3.connect(server.data / "hone.db", isolation_level=None) as other:
            other.execute("begin immediate")
            self.assertEqual(client.files.retrieve(file.id).id, file.id)  # readers do not wait
            uploaded = []
            waiting = threading.Thread(target=lambda: uploaded.append(upload(client, training_rows(11))))
            waiting.start()
            time.sleep(1)
            self.assertEqual(uploaded, [])
            other.execute("commit")
            waiting.join()
            self.assertEqual(uploaded[0].status, "processed")
            if not LONG:
                return
            other.execute("begin immediate")  # for longer than a writer waits
            with self.assertRaises(openai.InternalServerError) as caught:
                upload(client, training_rows(12))
            self.assertEqual((caught.exception.status_code, caught.exception.code), (503, "store_unavailable"))
            self.assertIn("retry-after", caught.exception.response.headers)
            other.execute("commit")
        self.assertEqual(upload(client, training_rows(12)).status, "processed")

    @unittest.skipUnless(POSTGRESQL, "PostgreSQL's connections")
    def test_a_database_that_ends_its_connections(self):
        server = self.start()
        file = upload(server.client())
        subprocess.run(["psql", "-q", "-o", "/dev/null", "-c", "select pg_terminate_backend(pid) from pg_stat_activity "
                        "where pid <> pg_backend_pid() and datname = current_database()", server.store[-1]], check=True)
        refused = 0
        for _ in range(20):
            try:
                server.client().files.retrieve(file.id)
            except openai.InternalServerError as error:
                self.assertEqual((error.status_code, error.code), (503, "store_unavailable"))
                refused += 1
        self.assertLess(refused, 10)  # each of its connections once
        self.assertEqual(server.client(max_retries=2).files.retrieve(file.id).id, file.id)

    def test_a_damaged_checkpoint(self):
        server = self.start()
        client = server.client()
        jobs, file = client.fine_tuning.jobs, upload(client, training_rows(40))
        options = {"model": MODEL, "training_file": file.id, "seed": 7,
                   "hyperparameters": {"n_epochs": 50, "batch_size": 1}}
        whole = wait_for(jobs.create(**options), client)
        broken = jobs.create(**options)
        wait_until("60 events", lambda: len(jobs.list_events(broken.id, limit=100).data) >= 60)
        self.assertTrue(jobs.pause(broken.id).paused)
        run = server.data / "jobs" / broken.id / "run"
        wait_until("the run is interrupted", lambda: '"status": "interrupted"' in (run / "run.json").read_text())
        newest = max(run.glob("checkpoints/step-*"), key=lambda path: int(path.name.split("-")[1]))
        weights = max(newest.glob("*.safetensors"), key=lambda path: path.stat().st_size)
        content = bytearray(weights.read_bytes())
        content[len(content) // 2] ^= 1
        weights.write_bytes(content)
        jobs.resume(broken.id)
        broken = wait_for(broken, client)
        self.assertEqual((whole.status, broken.status), ("succeeded", "succeeded"), broken.error)
        self.assertEqual(*[client.files.content(job.result_files[0]).read() for job in (whole, broken)])


if __name__ == "__main__":
    unittest.main()
