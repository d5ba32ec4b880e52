#!/usr/bin/env python3
"""What a person at a terminal sees."""
import fcntl
import os
import pathlib
import pty
import struct
import subprocess
import tempfile
import termios
import unittest

from binary import COMMAND, WEIGHTS, berth, environment


def on_terminal(*arguments, columns=80, stdin=subprocess.DEVNULL, stdout=True, stderr=False):
    """Runs berth with a pseudo terminal as standard output and/or error; gives the status and what the terminal got."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen([*COMMAND, *arguments], stdin=stdin, stdout=follower if stdout else subprocess.DEVNULL,
                               stderr=follower if stderr else subprocess.DEVNULL, env=environment())
    os.close(follower)
    seen = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # how Linux says that nobody holds the other end any more
            part = b""
        if not part:
            break
        seen += part
    os.close(leader)
    return process.wait(), seen.decode().replace("\r\n", "\n")


class Terminal(unittest.TestCase):
    def test_columns_for_people_and_json_on_request(self):
        status, seen = on_terminal("classify", "A warm, funny film.", "dull")
        self.assertEqual(status, 0)
        self.assertRegex(seen, r"^POSITIVE +0\.\d{3}  A warm, funny film\.\nNEGATIVE +0\.\d{3}  dull\n$")
        self.assertTrue(on_terminal("classify", "--json", "ok")[1].startswith('{"text":"ok","labels":[{'))
        self.assertEqual(berth("classify", "--table", "A warm, funny film.", "dull").stdout.decode(), seen)

    def test_lines_fit_and_texts_cannot_steer_the_terminal(self):
        status, seen = on_terminal("classify", "\x1b[2J\x07 evil \u202e " + "long " * 100, columns=60)
        self.assertEqual(status, 0)
        self.assertLessEqual(len(seen.rstrip("\n")), 60)
        self.assertIn("…", seen)
        self.assertTrue(seen.endswith(" (cut)\n") or "(cut)" not in seen)
        for character in "\x1b\x07\u202e":
            self.assertNotIn(character, seen)

    def test_every_command(self):
        self.assertIn("192 values]", on_terminal("encode", "ok")[1])
        self.assertRegex(on_terminal("similarity", "change my pin", "new pin code", "play jazz")[1], r"\n1  change my pin +1\.000 +0\.\d{3} ")
        self.assertRegex(on_terminal("similarity", *[f"text {i}" for i in range(40)])[1], r"^text 0\n +\d\.\d{3}  text \d+\n")
        self.assertIn("[CLS]", on_terminal("tokenize", "ok")[1])
        self.assertRegex(on_terminal("info", "--model", WEIGHTS / "intent")[1], r"(?s)instruction set +\w+\n.*hidden_size +192\n")
        self.assertRegex(on_terminal("bench", "--seconds", "0.1")[1], r"latency +[\d.]+ ms mean")

    def test_progress_of_long_input(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "texts")
            path.write_text("a text of some length, so that this takes a while\n" * 6000)
            status, seen = on_terminal("classify", "--input", path, "--threads", "1", stdout=False, stderr=True)
            self.assertEqual(status, 0)
            self.assertRegex(seen, r"\[=* *\] \d+%  .*\d lines, [\d,]+/s")
            self.assertTrue(seen.endswith("\r\x1b[K"), "the bar is gone at the end")
            path.write_text("short\n")
            self.assertEqual(on_terminal("classify", "--input", path, stdout=False, stderr=True), (0, ""))


if __name__ == "__main__":
    unittest.main()
