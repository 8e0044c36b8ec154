"""`hone worker`: a job from a file, events as JSON lines, commands as lines."""
import hashlib
import http.server
import json
import os
import pathlib
import signal
import subprocess
import threading
import time
import unittest

from support import BAD_DATA, HONE, INTERRUPTED, TINY, USAGE, HoneTest, many_chats

ADAPTER = "adapter/adapter_model.safetensors"
STAGES = ["validating", "loading", "training", "evaluating", "training", "delivering"]


class SlowHub(http.server.BaseHTTPRequestHandler):
    """One repository, org/tiny, whose weights come in pieces."""
    PIECE_S = 0.02

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        if self.path.startswith("/api/models/org/tiny"):
            files = [(path.name, path.read_bytes()) for path in sorted(pathlib.Path(TINY).iterdir())]
            content = json.dumps({"sha": "0123abcd", "siblings": [
                {"rfilename": name, "size": len(data), "lfs": {"sha256": hashlib.sha256(data).hexdigest()}}
                for name, data in files]}).encode()
        else:
            content = (pathlib.Path(TINY) / name).read_bytes()
        begin = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        try:
            for at in range(begin, len(content), 4096):
                self.wfile.write(content[at:at + 4096])
                if name == "model.safetensors":
                    time.sleep(self.PIECE_S)
        except OSError:
            pass  # the worker left

    def log_message(self, *arguments):
        pass


class Worker:
    """One that is at work."""

    def __init__(self, test, job, *flags, **environment):
        self.test = test
        read, write = os.pipe()
        self.process = subprocess.Popen(
            [HONE, "worker", "--job", job, "--events", str(write), *flags], cwd=test.work, pass_fds=[write], text=True,
            env={**test.environment, **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        test.addCleanup(self.process.kill)
        os.close(write)
        self.lines = os.fdopen(read)
        test.addCleanup(self.lines.close)
        self.events = []

    def until(self, kind, **members):
        """Reads events up to the first one of the type with these members of data, and returns it."""
        for line in self.lines:
            event = json.loads(line)
            self.events.append(event)
            if event["type"] == kind and members.items() <= event["data"].items():
                return event
        self.test.fail(f"no event {kind} {members}: {self.process.communicate()}")

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def end(self, code):
        """Reads the rest; the last event, and what went to standard error."""
        self.events += [json.loads(line) for line in self.lines]
        out, error = self.process.communicate(timeout=120)
        self.test.assertEqual(self.process.returncode, code, error)
        self.test.assertEqual(out, "", "nothing goes to standard output")
        self.test.assertEqual([event["sequence"] for event in self.events], list(range(1, len(self.events) + 1)))
        return self.events[-1], error


class WorkerTest(HoneTest):
    def setUp(self):
        super().setUp()
        os.symlink(TINY, self.work / "model")
        self.data = self.write("chats.jsonl", many_chats(40))

    def flags(self, out, steps=20):
        return ["finetune", "-m", "model", "-d", self.data, "-o", out, "--lora_r", 4, "--lora_dropout", 0.1,
                "--target_modules", "all-linear", "--max_seq_len", 128, "--per_device_train_batch_size", 2,
                "--max_steps", steps, "--eval_steps", steps // 2, "--save_steps", 8, "--logging_steps", 4]

    def job(self, out, steps=20, **changes):
        """The job of the same run as the flags."""
        self.hone(*self.flags("resolved", steps), "--dry_run")
        options = self.read_json("resolved/config.json")["options"]
        options = {**options, "output_path": out, **changes}
        return self.write(f"{out}.json", json.dumps({"version": 1, "kind": "finetune", "options": options}))

    def test_it_makes_the_bytes_of_the_command_and_tells_every_stage(self):
        self.hone(*self.flags("flags"))
        worker = Worker(self, self.job("out"))
        last, error = worker.end(0)
        self.assertEqual(error, "")
        self.assertEqual(self.sha256(f"out/{ADAPTER}"), self.sha256(f"flags/{ADAPTER}"))
        self.assertEqual(last["type"], "finished")
        self.assertEqual(last["data"]["result"]["artifact_sha256"], self.sha256(f"out/{ADAPTER}"))
        stages = [event["data"]["stage"] for event in worker.events if event["type"] == "stage"]
        self.assertEqual(stages, STAGES[:3] + STAGES[3:5] * 2 + STAGES[5:])
        self.assertEqual([event["data"]["step"] for event in worker.events if event["type"] == "step"],
                         list(range(1, 21)))
        # metrics.jsonl is made of the same numbers.
        rows = [{key: event["data"][key] for key in ("step", "loss", "grad_norm", "learning_rate")}
                for event in worker.events if event["type"] == "step" and event["data"]["logged"]]
        self.assertEqual(rows, [{key: row[key] for key in rows[0]} for row in self.metrics("out") if "loss" in row])
        # Once more it changes nothing.
        again, _ = Worker(self, self.job("out")).end(0)
        self.assertEqual((again["type"], again["data"]["trained"]), ("finished", False))

    def test_an_estimate_is_a_plan_and_trains_nothing(self):
        worker = Worker(self, self.job("out"), "--estimate")
        last, _ = worker.end(0)
        self.assertEqual(last["type"], "plan")
        self.assertEqual(last["data"]["total_steps"], 20)
        self.assertGreater(last["data"]["estimated_seconds"], 0)
        self.assertGreater(last["data"]["needed_bytes"], 1 << 20)
        self.assertNotIn("step", [event["type"] for event in worker.events])
        self.assertFalse((self.work / "out/adapter").exists())
        failed, error = Worker(self, self.job("bad", data_name="none.jsonl"), "--estimate").end(BAD_DATA)
        self.assertEqual(failed["type"], "failed")
        self.assertIn(failed["data"]["message"], error)

    def cpu_seconds(self, process):
        with open(f"/proc/{process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_pause_go_stop_and_cancel(self):
        self.hone(*self.flags("flags", 300))
        job = self.job("out", 300)
        worker = Worker(self, job)
        worker.until("step", step=3)
        worker.tell("pause")
        worker.until("paused")
        saved = [event["data"]["step"] for event in worker.events if event["type"] == "checkpoint"][-1]
        self.assertGreaterEqual(saved, 3)
        before = self.cpu_seconds(worker.process)
        time.sleep(0.5)
        self.assertLess(self.cpu_seconds(worker.process) - before, 0.1, "a pause costs no CPU time")
        worker.tell("halt")
        worker.until("message", level="warning")
        worker.tell("go")
        self.assertGreater(worker.until("resumed")["data"]["paused_seconds"], 0.5)
        worker.until("step", step=saved + 1)
        worker.tell("stop")
        last, error = worker.end(INTERRUPTED)
        self.assertEqual(last["type"], "interrupted")
        self.assertRegex(error, r"^error: interrupted after step \d+ of 300; .*\n$")
        self.assertEqual(self.read_json("out/run.json")["status"], "interrupted")
        worker = Worker(self, job)
        step = worker.until("plan")["data"]["start_step"]
        self.assertGreater(step, saved)
        worker.until("step", step=step + 1)
        worker.tell("cancel")
        last, error = worker.end(INTERRUPTED)
        self.assertEqual(last["type"], "cancelled")
        self.assertIn("cancelled after step", error)
        self.assertEqual(self.read_json("out/run.json")["status"], "cancelled")
        Worker(self, job).end(0)
        self.assertEqual(self.sha256(f"out/{ADAPTER}"), self.sha256(f"flags/{ADAPTER}"))

    def test_sigterm_is_a_stop(self):
        worker = Worker(self, self.job("out", 300))
        worker.until("step", step=3)
        worker.process.send_signal(signal.SIGTERM)
        self.assertEqual(worker.end(128 + signal.SIGTERM)[0]["type"], "interrupted")

    def test_a_model_is_fetched_and_that_is_seen_and_stopped(self):
        hub = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowHub)
        self.addCleanup(hub.server_close)
        self.addCleanup(hub.shutdown)
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        where = {"HF_HUB_OFFLINE": "", "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}"}
        job = self.job("out", model_name_or_path="org/tiny")
        worker = Worker(self, job, **where)
        self.assertEqual(worker.until("work", what="fetching model.safetensors")["stage"], "validating")
        worker.tell("stop")
        last, _ = worker.end(INTERRUPTED)
        self.assertEqual(last["type"], "interrupted")
        self.assertFalse((self.work / "out").exists())
        worker = Worker(self, job, **where)
        worker.until("work", what="fetching model.safetensors")
        worker.tell("cancel")
        worker.end(INTERRUPTED)
        run = self.read_json("out/run.json")
        self.assertEqual((run["status"], run["stage"]), ("cancelled", "validating"))
        Worker(self, job, **where).end(0)
        self.hone(*self.flags("flags"))
        self.assertEqual(self.sha256(f"out/{ADAPTER}"), self.sha256(f"flags/{ADAPTER}"))

    def test_readers_that_go_away_end_nothing(self):
        worker = Worker(self, self.job("out"))
        worker.until("step", step=1)
        worker.lines.close()
        worker.process.stdin.close()
        self.assertEqual(worker.process.wait(120), 0)
        self.assertTrue((self.work / "out" / ADAPTER).is_file())

    def test_what_fails_is_told_by_event_exit_code_and_run_json(self):
        worker = Worker(self, self.job("out", data_name=self.write("bad.jsonl", "{}\n")))
        last, error = worker.end(BAD_DATA)
        self.assertEqual((last["type"], last["stage"]), ("failed", "validating"))
        self.assertEqual((last["data"]["code"], last["data"]["exit_code"]), ("invalid_data", BAD_DATA))
        self.assertEqual(error, f"error: {last['data']['message']}\n")
        run = self.read_json("out/run.json")
        self.assertEqual((run["status"], run["stage"], run["code"], run["error"]),
                         ("failed", "validating", "invalid_data", last["data"]["message"]))
        # A job that is none.
        last, _ = Worker(self, self.write("none.json", '{"version": 1, "kind": "search"}')).end(USAGE)
        self.assertEqual((last["type"], last["data"]["code"]), ("failed", "invalid_options"))
        for arguments in ([], ["--job", "x.json"], ["--job", "x.json", "--events", 77]):
            self.hone("worker", *arguments, code=USAGE)


if __name__ == "__main__":
    unittest.main()
