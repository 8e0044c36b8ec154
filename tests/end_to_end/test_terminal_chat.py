"""`hone chat` in a terminal, as a person types: through a pseudo terminal."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest

from support import HONE, TINY, HoneTest

UP, LEFT, PASTE, PASTE_END, CTRL_C, CTRL_D = b"\x1b[A", b"\x1b[D", b"\x1b[200~", b"\x1b[201~", b"\x03", b"\x04"
PROMPT = b"you> "


class Terminal:
    """hone chat behind a pseudo terminal of 80 columns."""

    def __init__(self, test, *arguments):
        self.main, child = pty.openpty()
        self.process = subprocess.Popen(
            [HONE, "chat", "-m", TINY, *map(str, arguments)], cwd=test.work, stdin=child, stdout=child, stderr=child,
            env={**test.environment, "TERM": "xterm"}, start_new_session=True,
            preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0))
        os.close(child)
        self.seen = b""
        test.addCleanup(self.close)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.main)

    def until(self, pattern, seconds=60):
        """What came up to the first match of the pattern, which is dropped with it."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.seen)
            if found:
                before, self.seen = self.seen[:found.end()], self.seen[found.end():]
                return before
            ready, _, _ = select.select([self.main], [], [], max(0, end - time.monotonic()))
            try:
                more = os.read(self.main, 65536) if ready else b""
            except OSError:  # the other side was closed
                more = b""
            if not more:
                raise AssertionError(f"no {pattern!r} in {self.seen[-2000:]!r}")
            self.seen += more

    def type(self, text):
        while text:
            text = text[os.write(self.main, text[:1000]):]

    def say(self, text):
        """Types a line, and returns all that is shown up to the next prompt."""
        self.type(text + b"\r")
        self.until(rb"\r?\n")
        return self.until(re.escape(PROMPT))

    def leave(self):
        self.type(CTRL_D)
        return self.process.wait(60)


class TerminalChatTest(HoneTest):
    def conversation(self, terminal, name="saved.jsonl"):
        """The user's messages, as /save writes them."""
        terminal.say(b"/save " + name.encode())
        row = json.loads((self.work / name).read_text().splitlines()[-1])
        return [message["content"] for message in row["messages"] if message["role"] == "user"]

    def test_a_line_of_any_length_arrives_whole(self):
        terminal = Terminal(self, "--max_new_tokens", 2)
        terminal.until(re.escape(PROMPT))
        message = b"/" + b"x" * 3000 + b"y" * 3000
        # What is typed while an answer is on its way is not cut either.
        terminal.type(b"hello\r" + message + b"\r")
        shown = terminal.until(rb"(/x+y*) is no command").replace(b"\r\n", b"").replace(b" \r", b"")
        self.assertEqual(len(re.search(rb"(/x+y+) is no command", shown).group(1)), len(message))
        terminal.until(re.escape(PROMPT))
        self.assertEqual(terminal.leave(), 0)

    def test_a_paste_of_lines_is_one_message(self):
        terminal = Terminal(self, "--max_new_tokens", 2)
        terminal.until(re.escape(PROMPT))
        terminal.say(PASTE + b"one\rtwo\nthree\n" + PASTE_END + b", all")
        self.assertEqual(self.conversation(terminal), ["one\ntwo\nthree, all"])
        self.assertEqual(terminal.leave(), 0)

    def test_keys_edit_and_history_is_kept(self):
        terminal = Terminal(self, "--max_new_tokens", 2)
        terminal.until(re.escape(PROMPT))
        terminal.say(b"bc" + LEFT + LEFT + b"a")
        terminal.say("schön".encode())
        terminal.say(UP + UP + b"d")
        self.assertEqual(self.conversation(terminal), ["abc", "schön", "abcd"])
        self.assertEqual(terminal.leave(), 0)
        history = self.folder / "cache" / "chat_history"
        self.assertEqual(history.stat().st_mode & 0o777, 0o600)
        again = Terminal(self, "--max_new_tokens", 2)
        again.until(re.escape(PROMPT))
        again.say(UP + UP + b"e")  # the last one is /save
        self.assertEqual(self.conversation(again), ["abcde"])

    def test_no_history_where_none_is_wanted(self):
        terminal = Terminal(self, "--max_new_tokens", 2, "--history_file", "none")
        terminal.until(re.escape(PROMPT))
        terminal.say(b"secret")
        self.assertEqual(terminal.leave(), 0)
        self.assertFalse((self.folder / "cache" / "chat_history").exists())

    def test_interrupts_end_an_answer_or_a_line_but_not_the_chat(self):
        terminal = Terminal(self, "--max_new_tokens", 100_000, "--temperature", 2, "--weights", "f32")
        terminal.until(re.escape(PROMPT))
        terminal.type(b"go on and on\r")
        terminal.until(rb"\n.")
        terminal.type(CTRL_C)
        terminal.until(re.escape(PROMPT))
        terminal.type(b"not this" + CTRL_C + b"/system but this\r")
        terminal.until(rb"system prompt set")
        terminal.until(re.escape(PROMPT))
        terminal.type(CTRL_C)
        terminal.until(rb"Ctrl-D")
        terminal.until(re.escape(PROMPT))
        self.assertEqual(terminal.leave(), 0)

    def test_retry_answers_the_same_message_again(self):
        terminal = Terminal(self, "--max_new_tokens", 3)
        terminal.until(re.escape(PROMPT))
        terminal.say(b"gold?")
        terminal.say(b"/retry")
        self.assertEqual(self.conversation(terminal), ["gold?"])
        self.assertIn(b"no message", terminal.say(b"/reset") + terminal.say(b"/retry"))

    def test_the_terminal_is_as_it_was_after_a_signal(self):
        import termios
        for ends in (signal.SIGTERM, signal.SIGHUP):
            terminal = Terminal(self, "--max_new_tokens", 2)
            terminal.until(re.escape(PROMPT))
            os.kill(terminal.process.pid, ends)
            self.assertEqual(terminal.process.wait(60), 128 + ends)
            self.assertTrue(termios.tcgetattr(terminal.main)[3] & termios.ICANON)


class PipedChatTest(HoneTest):
    def test_lines_of_a_pipe_are_messages(self):
        done = self.hone("chat", "-m", TINY, "--max_new_tokens", 2, "--temperature", 0,
                         input="gold?\n\n/save a.jsonl\n/retry\n/save a.jsonl\n/exit\nnever\n")
        rows = [json.loads(line) for line in (self.work / "a.jsonl").read_text().splitlines()]
        self.assertEqual(rows[0], rows[1])
        self.assertEqual([message["role"] for message in rows[0]["messages"]], ["user", "assistant"])
        self.assertNotIn("you>", done.stdout)
        # What was saved is data to train on.
        self.hone("data", "check", "a.jsonl", "-m", TINY)


if __name__ == "__main__":
    unittest.main()
