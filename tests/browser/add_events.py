"""add_events.py DATABASE JOB COUNT: adds COUNT steps to a job's events, as a long run leaves them.

Each has its figures. The server must not run.
"""

import json
import math
import sqlite3
import sys


def main():
    path, job, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with sqlite3.connect(path) as database:
        (seq, created), = database.execute("select seq, created_at from jobs where id = ?", (job,))
        (first,), = database.execute("select coalesce(max(json_extract(data, '$.step')), 0) from job_events "
                                     "where job = ? and type = 'metrics'", (seq,))

        def event(number):
            step = first + number
            data = {"step": step, "total_steps": first + count, "train_loss": 2 + math.sin(step / 900) + step % 7 / 20,
                    "train_mean_token_accuracy": 0.5 + 0.4 * math.sin(step / 2000)}
            return (f"ftevent-many{number:08d}", seq, created, "info",
                    f"Step {step}/{first + count}: training loss={data['train_loss']:.2f}", "metrics", json.dumps(data))

        database.executemany("insert into job_events (id, job, created_at, level, message, type, data) "
                             "values (?, ?, ?, ?, ?, ?, ?)", (event(number) for number in range(1, count + 1)))


if __name__ == "__main__":
    main()
