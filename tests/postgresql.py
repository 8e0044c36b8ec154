#!/usr/bin/env python3
"""Runs a command beside a PostgreSQL of its own, whose address HONE_TEST_POSTGRESQL then holds.

postgresql.py [--durable] COMMAND [ARGUMENT]...: the exit status is the command's. The databases lie in a folder that
goes away, and are reached through a Unix socket in it alone. They are not synced to the disk, unless --durable.
PostgreSQL refuses to run as root: for root it runs as the user `postgres`, which its Debian package makes.
"""

import argparse
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROLE = "hone"
START_S = 60


def find_programs():
    """The folder of initdb and postgres, of the newest version."""
    def version(path):
        return [int(number) for number in re.findall(r"\d+", str(path))]
    folders = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=version)
    for folder in reversed(folders):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    if not found:
        sys.exit("postgresql.py: no PostgreSQL here: install the package postgresql")
    return pathlib.Path(found).resolve().parent


class Cluster:
    """A PostgreSQL server with one empty database, `url`, until close()."""

    def __init__(self, durable=False):
        programs = find_programs()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hone-postgresql-"))
        # It ends with this process, however that ends.
        self.prefix = ["setpriv", "--pdeathsig", "INT"]
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.prefix += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        self.log = self.folder / "log"
        self.process = None
        try:
            self.run(programs / "initdb", "-D", self.folder / "data", "-U", ROLE, "-A", "trust", "-E", "UTF8",
                     "--locale=C", "--no-sync")
            settings = {"listen_addresses": "", "unix_socket_directories": self.folder}
            if not durable:
                settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
            words = [programs / "postgres", "-D", self.folder / "data"]
            for name, value in settings.items():
                words += ["-c", f"{name}={value}"]
            self.process = subprocess.Popen(self.prefix + [str(word) for word in words], cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=self.log.open("w"),
                                            stderr=subprocess.STDOUT)
            self.url = self.address("postgres")
            self.wait()
            self.url = self.new_database(ROLE)
        except BaseException:
            self.close()
            raise

    def run(self, *words):
        done = subprocess.run(self.prefix + [str(word) for word in words], cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{words[0]} ended with {done.returncode}:\n{done.stdout}")

    def address(self, database):
        return f"postgresql://{ROLE}@/{database}?host={urllib.parse.quote(str(self.folder), safe='')}"

    def wait(self):
        deadline = time.monotonic() + START_S
        while True:
            asked = subprocess.run(["psql", "-q", "-c", "select 1", self.url], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, check=False)
            if asked.returncode == 0:
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {asked.stdout}{self.log.read_text()}")
            time.sleep(0.05)

    def new_database(self, name):
        return new_database(self.url, name)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # which ends its connections
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def new_database(url, name):
    """Makes another database beside the one of the address; its address."""
    subprocess.run(["psql", "-q", "-c", f"create database {name}", url], check=True, stdin=subprocess.DEVNULL)
    return urllib.parse.urlsplit(url)._replace(path="/" + name).geturl()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--durable", action="store_true", help="syncs to the disk, as one that is to last does")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND [ARGUMENT]...")
    arguments = parser.parse_args()
    if not arguments.command:
        parser.error("no command is given")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Cluster(arguments.durable) as cluster:
        return subprocess.run(arguments.command, env={**os.environ, "HONE_TEST_POSTGRESQL": cluster.url},
                              check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
