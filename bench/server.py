#!/usr/bin/env python3
"""Measures the server: requests a second, open streams, memory, a job's speed, a large store. A table, and JSON.

server.py [--hone PROGRAM] [--output FILE] [--databases NAME...] [--only ROW...] [--jobs N] [--events N] [--model NAME]

Everything runs on this machine, on SQLite and on a PostgreSQL of its own (tests/postgresql.py): the server, what asks
it (wrk), and the database share its cores. Needs wrk, PostgreSQL, and about 8 GB of disk for ten million events.
"""

import argparse
import asyncio
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from bench import Row, machine  # noqa: E402
from postgresql import Cluster  # noqa: E402

CHATS = ROOT / "examples/elements/train.jsonl"
STREAMS, STREAM_TOKENS, STREAM_ROUNDS = 256, 32, 4
UPLOAD_BYTES = 512 << 20
PIECE_BYTES = 256 << 10
LOAD_S = 10
MB = 1 << 20

# Asks for the paths of a file in turn, and says what came of it as one JSON object.
WRK_SCRIPT = """
local paths, at = {}, 0
for line in io.lines(os.getenv("BENCH_PATHS")) do paths[#paths + 1] = line end
function request() at = at % #paths + 1; return wrk.format("GET", paths[at]) end
function done(summary, latency, _)
    local e = summary.errors
    io.write(string.format('\\n{"requests_per_second": %f, "p50_ms": %f, "p99_ms": %f, "failed": %d}\\n',
        summary.requests * 1e6 / summary.duration, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


class Server:
    """A `hone serve` over a data folder and a database of its own, with one key."""

    def __init__(self, flags, folder, database):
        self.folder, self.database, self.model = folder, database, flags.model
        self.data = folder / "data"
        self.command = [flags.hone, "serve", "--data-dir", self.data, "--port", 0, "--model", flags.model,
                        "--requests-per-minute", 0]
        if database:
            self.command += ["--database", database]
        self.key = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([str(word) for word in self.command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=open(self.folder / "log", "a"), text=True)
        line = self.process.stdout.readline()
        if not line.startswith("hone listens at "):
            sys.exit(f"bench: the server did not start:\n{(self.folder / 'log').read_text()[-3000:]}")
        self.port = urllib.parse.urlsplit(line.split()[-1]).port
        if self.key is None:
            lines = [self.process.stdout.readline() for _ in range(3)]
            self.key = lines[-1].strip().rsplit("=", 1)[1]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=120)

    def memory_bytes(self, field="VmRSS"):
        """What the server's own process takes now; VmHWM: the most since reset_peak."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) << 10

    def reset_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def ask(self, method, path, body=None, headers=()):
        """The parsed answer. `body`: a value for JSON, or with headers an iterable of bytes."""
        fields = {"Authorization": f"Bearer {self.key}", **dict(headers)}
        if body is not None and not headers:
            body, fields["Content-Type"] = json.dumps(body), "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request(method, path, body=body, headers=fields)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:500]}")
        return json.loads(content)

    def upload(self, content, size):
        """A training file of these pieces of bytes."""
        head = (b'--bench\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--bench\r\n'
                b'Content-Disposition: form-data; name="file"; filename="rows.jsonl"\r\n\r\n')
        tail = b"\r\n--bench--\r\n"

        def body():
            yield head
            yield from content
            yield tail
        return self.ask("POST", "/v1/files", body(), {"Content-Type": "multipart/form-data; boundary=bench",
                                                      "Content-Length": str(len(head) + size + len(tail))})

    def create_job(self, file, **options):
        return self.ask("POST", "/v1/fine_tuning/jobs", {"model": self.model, "training_file": file, "seed": 1,
                                                         **options})

    def await_job(self, job, *statuses):
        while job["status"] not in statuses:
            time.sleep(0.05)
            job = self.ask("GET", f"/v1/fine_tuning/jobs/{job['id']}")
            if job["status"] == "failed" and "failed" not in statuses:
                raise RuntimeError(f"a job failed: {job['error']}")
        return job


class Bench:
    """The measurements on one database; each is done once."""

    def __init__(self, flags, folder, url):
        self.flags, self.folder, self.url = flags, folder, url
        self.results = {}
        self.server = Server(flags, folder, url)
        rows = CHATS.read_bytes()
        self.file = self.server.upload([rows], len(rows))["id"]

    def once(self, name, what):
        if name not in self.results:
            say(f"measuring {name} on {'PostgreSQL' if self.url else 'SQLite'}")
            self.results[name] = what()
        return self.results[name]

    def small_job(self):
        """A job that is over, with some events."""
        def make():
            file = self.server.upload([b"".join(CHATS.read_bytes().splitlines(True)[:10])],
                                      sum(len(line) for line in CHATS.read_bytes().splitlines(True)[:10]))
            job = self.server.create_job(file["id"], hyperparameters={"n_epochs": 2, "batch_size": 2},
                                         metadata={"run": "0"})
            return self.server.await_job(job, "succeeded")
        return self.once("small_job", make)

    def load(self, paths, connections):
        """wrk's figures for requests of these paths in turn."""
        script, listed = self.folder / "load.lua", self.folder / "paths"
        script.write_text(WRK_SCRIPT)
        listed.write_text("\n".join(paths) + "\n")
        command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{LOAD_S}s", "-s", str(script), "-H",
                   f"Authorization: Bearer {self.server.key}", f"http://127.0.0.1:{self.server.port}"]
        done = subprocess.run(command, env={**os.environ, "BENCH_PATHS": str(listed)}, capture_output=True, text=True,
                              check=True)
        figures = json.loads(done.stdout.strip().splitlines()[-1])
        if figures["failed"] > 0:
            raise RuntimeError(f"requests failed: {done.stdout}")
        return figures

    def metadata(self):
        job = self.small_job()["id"]
        paths = [f"/v1/fine_tuning/jobs/{job}", f"/v1/fine_tuning/jobs/{job}/events?limit=10"]
        return self.once("metadata", lambda: self.load(paths, 64))

    def streams(self):
        return self.once("streams", lambda: asyncio.run(open_streams(self.server, self.flags.model)))

    def upload(self):
        """The peak memory of a server that was just started."""
        def measure():
            self.server.stop()
            self.server.start()
            self.server.reset_peak()
            begin = time.monotonic()
            self.server.upload(training_rows(UPLOAD_BYTES), UPLOAD_BYTES)
            return {"peak_bytes": self.server.memory_bytes("VmHWM"), "seconds": time.monotonic() - begin}
        return self.once("upload", measure)

    def training(self):
        """Tokens a second of the same training by `hone finetune` and as a job; in turn, the best of two each."""
        def measure():
            turns = [(self.train_by_command(), self.train_by_job()) for _ in range(2)]
            if len({steps["tokens"] for turn in turns for steps in turn}) > 1:
                raise RuntimeError(f"the job trains something else than the command: {turns}")
            command, job = (max(steps["tokens_per_second"] for steps in way) for way in zip(*turns))
            return {"command_tokens_per_second": command, "job_tokens_per_second": job}
        return self.once("training", measure)

    def train_by_command(self):
        out = self.folder / f"command-{time.time_ns()}"
        subprocess.run([str(word) for word in (
            self.flags.hone, "finetune", "--model_name_or_path", self.flags.model, "--data_name", CHATS, "--eval_split",
            "none", "--lora_r", 16, "--lora_alpha", 32, "--target_modules", "all-linear",
            "--per_device_train_batch_size", 8, "--num_train_epochs", 2, "--learning_rate", 4e-4,
            "--lr_scheduler_type", "linear", "--logging_steps", 1, "--output_path", out)],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return training_speed(out / "metrics.jsonl")

    def train_by_job(self):
        job = self.server.create_job(self.file, hyperparameters={"n_epochs": 2, "batch_size": 8})
        kept, metrics = self.folder / f"job-{job['id']}", self.server.data / "jobs" / job["id"] / "run/metrics.jsonl"
        self.server.await_job(job, "running")
        # The job's folder goes away with its end: another name for the file keeps it.
        while not (metrics.exists() and metrics.stat().st_size > 0):
            time.sleep(0.05)
        os.link(metrics, kept)
        self.server.await_job(job, "succeeded")
        return training_speed(kept)

    def large_store(self):
        """What list and retrieve take among many jobs and events, p99 in ms; the slower of each kind."""
        def measure():
            template = self.small_job()["id"]
            self.server.stop()
            begin = time.monotonic()
            fill_store(self.server, template, self.flags.jobs, self.flags.events)
            say(f"filled in {time.monotonic() - begin:.0f} s")
            self.server.start()
            rng = random.Random(1)
            jobs = [bench_id("ftjob-", rng.randint(1, self.flags.jobs)) for _ in range(1000)]
            at = "/v1/fine_tuning/jobs"
            retrieve = self.load([f"{at}/{job}" for job in jobs], 8)
            lists = {"jobs": [f"{at}?limit=20&after={job}" for job in jobs],
                     "jobs by metadata": [f"{at}?limit=20&metadata[run]={rng.randint(0, 999)}" for _ in jobs],
                     "events": [f"{at}/{job}/events?limit=20" for job in jobs]}
            return {"retrieve": retrieve, **{name: self.load(paths, 8) for name, paths in lists.items()}}
        return self.once("large_store", measure)

    def close(self):
        self.server.stop()


def training_speed(path):
    """Of a run's metrics: its tokens, and tokens a second over its steps, the first one aside."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    counts = [after["tokens"] - before["tokens"] for before, after in zip(rows, rows[1:])]
    seconds = sum(count / row["tokens_per_second"] for count, row in zip(counts, rows[1:]))
    return {"tokens": rows[-1]["tokens"], "tokens_per_second": sum(counts) / seconds}


def training_rows(size):
    """So many bytes of chats, in pieces; the last line is filled up with spaces."""
    rows = CHATS.read_bytes()
    piece = rows * (PIECE_BYTES // len(rows) + 1)
    while size >= len(piece):
        yield piece
        size -= len(piece)
    last = piece[:piece.rfind(b"\n", 0, size) + 1]
    yield last + b" " * (size - len(last))


async def open_streams(server, model):
    """Rounds of streams that are all open before the first of them ends; the memory of each round at its most."""
    peaks, dropped, most_open = [], 0, 0
    open_now = 0

    async def stream(number):
        nonlocal dropped, most_open, open_now
        body = json.dumps({"model": model, "stream": True, "max_tokens": STREAM_TOKENS, "temperature": 0,
                           "messages": [{"role": "user", "content": f"Count up from {number}."}]}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        open_now += 1
        most_open = max(most_open, open_now)
        writer.write(f"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {server.key}\r\n"
                     f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                     .encode() + body)
        text = await reader.read(-1)
        writer.close()
        open_now -= 1
        if not text.startswith(b"HTTP/1.1 200") or b"data: [DONE]" not in text:
            dropped += 1

    for _ in range(STREAM_ROUNDS):
        ended = threading.Event()
        peak = []
        watch = threading.Thread(target=lambda: peak.append(highest_memory(server, ended)))
        watch.start()
        await asyncio.gather(*(stream(number) for number in range(STREAMS)))
        ended.set()
        watch.join()
        peaks += peak
    return {"most_open": most_open, "dropped": dropped, "round_peak_bytes": peaks}


def highest_memory(server, ended):
    most = 0
    while not ended.wait(0.1):
        most = max(most, server.memory_bytes())
    return most


def bench_id(prefix, number):
    return f"{prefix}{10 ** 18 + number}"


def fill_store(server, template, jobs, events):
    """Copies a job and one of its events so many times, by the database's own means. The server does not run."""
    def series(count):
        return (f"(with recursive series(i) as (select 1 union all select i + 1 from series where i < {count}) "
                "select i from series)")

    def copies(table, where, ids, source=""):
        names = [name for name in columns(table) if name not in ("seq", *ids)]
        return (f"insert into {table} ({', '.join(ids)}, {', '.join(names)}) "
                f"select {', '.join(ids.values())}, {', '.join('t.' + name for name in names)} "
                f"from {table} t cross join {source} where {where}")

    with StoreShell(server) as shell:
        columns = shell.columns
        first = shell.run(f"select seq from jobs where id = '{template}'")
        shell.run(copies("jobs", f"t.seq = {first}", {"id": f"'ftjob-' || cast({10 ** 18} + i as text)"},
                         f"{series(jobs)} s"))
        shell.run("insert into job_metadata (job, owner, name, value) select seq, project, 'run', cast(seq % 1000 as "
                  f"text) from jobs where seq > {first}")
        event = shell.run(f"select max(seq) from job_events where job = {first} and type = 'metrics'")
        each = -(-events // jobs)
        shell.run(copies("job_events", f"t.seq = {event} and j.seq > {first}",
                         {"id": f"'ftevent-' || cast({10 ** 18} + j.seq * {each} + i as text)", "job": "j.seq"},
                         f"jobs j cross join {series(each)} s"))
        shell.finish()


class StoreShell:
    """Statements to a server's database while it does not run; a value comes back where they give one."""

    def __init__(self, server):
        self.url = server.database
        self.sqlite = None if self.url else sqlite3.connect(server.data / "hone.db", isolation_level=None)

    def __enter__(self):
        if self.sqlite:
            self.sqlite.execute("pragma synchronous = off")
            self.sqlite.execute(f"pragma cache_size = -{2 << 20}")
        return self

    def __exit__(self, *_):
        if self.sqlite:
            self.sqlite.close()

    def run(self, statement):
        if self.sqlite:
            row = self.sqlite.execute(statement).fetchone()
            return row[0] if row else None
        done = subprocess.run(["psql", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr}")
        return done.stdout.strip()

    def columns(self, table):
        if self.sqlite:
            return [row[1] for row in self.sqlite.execute(f"pragma table_info({table})")]
        return self.run("select string_agg(column_name, ',' order by ordinal_position) from information_schema.columns "
                        f"where table_name = '{table}'").split(",")

    def finish(self):
        """What the database does by itself, sooner or later."""
        if self.sqlite:
            self.sqlite.execute("pragma wal_checkpoint(truncate)")
        else:
            self.run("vacuum analyze")


def slowest(figures, *names):
    return max(figures[name]["p99_ms"] for name in names)


ROWS = [
    Row("requests", "metadata calls at 64 connections, requests a second", ">=", 5000,
        lambda b: b.metadata()["requests_per_second"], unit="/s", digits=0),
    Row("latency", "metadata calls at 64 connections, p99", "<=", 30, lambda b: b.metadata()["p99_ms"], unit="ms"),
    Row("streams", f"chat streams open at once and not dropped, of {STREAMS}", ">=", STREAMS,
        lambda b: b.streams()["most_open"] - b.streams()["dropped"], unit="", digits=0),
    Row("streams_memory", f"memory of the last of {STREAM_ROUNDS} rounds of streams over the second", "<=", 1.05,
        lambda b: b.streams()["round_peak_bytes"][-1] / b.streams()["round_peak_bytes"][1]),
    Row("upload_memory", "a 512 MB upload, the server's peak memory", "<=", 64,
        lambda b: b.upload()["peak_bytes"] / MB, unit="MB", digits=0),
    Row("training", "a job's training speed over the command line's", ">=", 0.97,
        lambda b: b.training()["job_tokens_per_second"] / b.training()["command_tokens_per_second"]),
    Row("retrieve", "in the large store, retrieve a job, p99", "<=", 20,
        lambda b: slowest(b.large_store(), "retrieve"), unit="ms"),
    Row("list", "in the large store, list jobs, jobs by metadata, events, the slowest p99", "<=", 20,
        lambda b: slowest(b.large_store(), "jobs", "jobs by metadata", "events"), unit="ms"),
]


def measure_on(database, flags, url, rows):
    """Prints the table of one database and appends its rows; the measurements behind it."""
    print(f"\nOn {database}:\n\n| work | achieved | target | |\n|---|---:|---:|---|", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hone-bench-server-"))
    bench = Bench(flags, folder, url)
    try:
        for row in ROWS:
            if flags.only and row.key not in flags.only:
                continue
            value = row.achieved(bench)
            print(row.line(value), flush=True)
            rows.append({"database": database, "key": row.key, "title": row.title, "achieved": value,
                         "bound": row.bound, "target": row.target, "unit": row.unit, "met": row.met(value)})
    finally:
        bench.close()
        shutil.rmtree(folder, ignore_errors=True)
    return bench.results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hone", type=pathlib.Path, default=ROOT / "build/release/hone")
    parser.add_argument("--output", type=pathlib.Path, help="default: bench/results/MACHINE-server.json")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--databases", nargs="+", choices=["SQLite", "PostgreSQL"], default=["SQLite", "PostgreSQL"])
    parser.add_argument("--only", nargs="+", choices=[row.key for row in ROWS],
                        help="these rows alone; written only to --output")
    parser.add_argument("--jobs", type=int, default=100_000, help="in the large store")
    parser.add_argument("--events", type=int, default=10_000_000, help="in the large store")
    flags = parser.parse_args()
    here = machine()
    print(f"{here['cpu']}, {here['cores']} cores, {here['memory_bytes'] / 1e9:.0f} GB; {flags.jobs:,} jobs and "
          f"{flags.events:,} events in the large store")
    subprocess.run([flags.hone, "models", "pull", flags.model], check=True, stdout=subprocess.DEVNULL)
    rows, measurements = [], {}
    for database in flags.databases:
        if database == "SQLite":
            measurements[database] = measure_on(database, flags, "", rows)
            continue
        with Cluster(durable=True) as cluster:
            measurements[database] = measure_on(database, flags, cluster.url, rows)
    if flags.only and not flags.output:
        return  # a part of the table does not replace the machine's last whole one
    slug = re.sub(r"[^a-z0-9]+", "-", f"{here['cpu']} {here['cores']} cores".lower()).strip("-")
    output = flags.output or ROOT / "bench/results" / f"{slug}-server.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({"machine": here, "model": flags.model, "jobs": flags.jobs, "events": flags.events,
                                  "rows": rows, "measurements": measurements}, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {output}")


if __name__ == "__main__":
    main()
