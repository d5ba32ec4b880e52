#!/usr/bin/env python3
"""Input of any size in bounded memory."""
import json
import os
import subprocess
import tempfile
import threading
import unittest

from binary import COMMAND, environment


def run(arguments, chunks):
    """Feeds chunks of bytes while counting lines; gives (status, lines, peak memory in MiB)."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([*COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment())

        def feed():
            with process.stdin:
                for chunk in chunks:
                    process.stdin.write(chunk)
        feeder = threading.Thread(target=feed)
        feeder.start()
        lines = sum(1 for _ in process.stdout)
        feeder.join()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        errors.seek(0)
        return process.returncode, lines, usage.ru_maxrss / 1024, errors.read().decode()


class LargeInput(unittest.TestCase):
    def test_many_lines(self):
        small = run(["tokenize"], [b"play some music in the kitchen\n" * 1000])
        large = run(["tokenize"], (b"play some music in the kitchen\n" * 1000 for _ in range(500)))
        self.assertEqual((large[0], large[1], large[3]), (0, 500000, ""))
        self.assertLess(large[2], small[2] + 32, "memory grows with the input")

    def test_many_lines_through_a_model(self):
        small = run(["classify"], [b"a fine film\n" * 2000])
        large = run(["classify"], (b"a fine film\n" * 1000 for _ in range(40)))
        self.assertEqual((large[0], large[1], large[3]), (0, 40000, ""))
        self.assertLess(large[2], small[2] + 32, "memory grows with the input")

    def test_token_embeddings_of_many_long_lines(self):
        line = b"word " * 200 + b"\n"
        status, lines, peak, errors = run(["encode", "--tokens"], (line * 100 for _ in range(20)))
        self.assertEqual((status, lines, errors), (0, 2000, ""))
        self.assertLess(peak, 400)

    def test_a_word_of_a_megabyte(self):
        for arguments in [["classify"], ["tokenize", "--max-length", "16"]]:
            status, lines, peak, errors = run(arguments, [b"x" * (1 << 20) + b"\nok\n"])
            self.assertEqual((status, lines, errors), (0, 2, ""))

    def test_a_line_without_end(self):
        status, lines, peak, errors = run(["tokenize"], IgnoreBrokenPipe(b"x" * (1 << 20) for _ in range(80)))
        self.assertEqual((status, lines), (1, 0))
        self.assertIn("line 1: longer than 64 MiB", errors)


    def test_a_line_that_is_too_long_is_set_aside(self):
        """Of 200 MB: refused in bounded memory, and with --errors the run goes on behind it, wherever the line ends."""
        long = [b"x" * (1 << 20)] * 200
        for name, first, last, kind in [("lines", b"first\n", b"\nlast\n", "lines"), ("no end", b"first\n", b"", "lines"),
                                        ("a quoted field", b'text\nfirst\n"', b'"\nlast\n', "csv")]:
            with self.subTest(name), tempfile.NamedTemporaryFile() as bad:
                status, lines, peak, errors = run(["encode", "--truncate-dim", "1", "--input-format", kind, "--output-format", "jsonl", "--errors", bad.name], [first, *long, last])
                self.assertEqual((status, lines), (0, 2 if last else 1), errors)
                (told,) = [json.loads(line) for line in bad.read().splitlines()]
                self.assertEqual(told, {"line": 3 if kind == "csv" else 2, "reason": "longer than 64 MiB"})
                self.assertLess(peak, 300)


class IgnoreBrokenPipe:
    """Chunks whose reader is expected to leave before it has got all of them."""

    def __init__(self, chunks):
        self.chunks = chunks

    def __iter__(self):
        threading.excepthook = lambda arguments: None
        return iter(self.chunks)


if __name__ == "__main__":
    unittest.main()
