#!/usr/bin/env python3
"""examples/scale without the engines themselves: the commands of its files, spoken to as ClickHouse and Spark document it, byte for byte.
usage: filters_test.py BERTH REPOSITORY

ClickHouse, an executable function in a pool: the process is started by a shell and kept; each block is written to its standard input, one JSON object a line; as many lines are
read back, and nothing is closed in between. A process that fails or is too slow is ended, and another one started. PySpark, RDD.pipe: one process for each partition, also for an
empty one; its command is split as a shell does; elements are written as lines, lines are read back as elements, and with checkCode another exit status than 0 fails the task."""
import json
import os
import pathlib
import random
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import xml.etree.ElementTree

BERTH, REPOSITORY = pathlib.Path(sys.argv.pop(1)).resolve(), pathlib.Path(sys.argv.pop(1)).resolve()
FOLDER = REPOSITORY / "examples/scale"
TEXTS = ["I lost my card", "play some music", "", "a/b \\ \"quoted\" {}", "two\nlines\tand\ra \u0001", "Ünïcödé 😀 \u2028", "x" * 3000, "null"]
PROFILE = {"model": str(REPOSITORY / "weights/intent"), "default": "other", "labels": {
    "card": {"examples": ["I lost my card", "my card was stolen"], "threshold": 0.6}, "music": {"examples": ["play some music"], "threshold": 0.6}, "other": {"examples": []}},
    "rules": [{"action": "set", "label": "other", "patterns": ["never ?mind"]}]}


def block(count):
    return [TEXTS[i % len(TEXTS)] + (f" {i}" if i >= len(TEXTS) else "") for i in range(count)]


def each_row(text):
    """A row as ClickHouse writes it in JSONEachRow: slashes escaped, everything beyond ASCII as it is."""
    return (json.dumps({"text": text}, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/") + "\n").encode()


class WithFolder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.profile = self.folder / "my triage.json"  # with a blank, which a shell would split
        self.profile.write_text(json.dumps(PROFILE), encoding="utf-8")
        (self.folder / "bin").mkdir()
        (self.folder / "bin/berth").symlink_to(BERTH)
        self.environment = {**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}

    def directly(self, texts):
        done = subprocess.run([BERTH, "classify", "--profile", self.profile, "--json"], input=b"".join(map(each_row, texts)), capture_output=True, env=self.environment, check=True)
        return done.stdout


class ClickHouse(WithFolder):
    def setUp(self):
        super().setUp()
        function = xml.etree.ElementTree.parse(FOLDER / "clickhouse_function.xml").getroot().find("function")
        self.settings = {element.tag: element.text for element in function}
        self.assertEqual([self.settings[name] for name in ("type", "format", "execute_direct", "send_chunk_header")], ["executable_pool", "JSONEachRow", "0", "0"])
        self.assertEqual(function.find("argument/name").text, "text")
        self.assertEqual(self.settings["command"].count("/etc/berth/triage.json"), 1)
        self.command = self.settings["command"].replace("/etc/berth/triage.json", shlex.quote(str(self.profile)))
        self.start()

    def start(self):
        self.process = subprocess.Popen(["/bin/sh", "-c", self.command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment, bufsize=0,
                                        start_new_session=True)
        self.addCleanup(self.end, self.process)

    @staticmethod
    def end(process):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()

    def write(self, data):
        while data:
            data = data[self.process.stdin.write(data):]

    def lines(self, count):
        """So many lines, each of which must come in time."""
        data, deadline = b"", time.monotonic() + 60
        while data.count(b"\n") < count:
            self.assertTrue(select.select([self.process.stdout], [], [], deadline - time.monotonic())[0], f"{data.count(10)} of {count} answers came")
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            self.assertTrue(part, "the process ended")
            data += part
        return data

    def nothing_more(self):
        self.assertEqual(select.select([self.process.stdout], [], [], 0.05)[0], [])

    def exchange(self, texts):
        writer = threading.Thread(target=lambda: self.write(b"".join(map(each_row, texts))))
        writer.start()
        answers = self.lines(len(texts))
        writer.join()
        self.nothing_more()
        return answers

    def test_block_after_block(self):
        for count in [1, 1, 3, 1025, 1, 4000, 2]:
            texts = block(count)
            self.assertEqual(self.exchange(texts), self.directly(texts), count)
        rows = [json.loads(line) for line in self.exchange(TEXTS).splitlines()]
        self.assertEqual([row["text"] for row in rows], TEXTS)
        self.assertTrue(all(isinstance(row[self.settings["return_name"]], str) for row in rows))
        self.assertEqual([row["label"] for row in rows[:3]], ["card", "music", "other"])
        self.process.stdin.close()
        self.assertEqual(self.process.wait(timeout=10), 0)
        self.assertEqual((self.process.stdout.read(), self.process.stderr.read()), (b"", b""))

    def test_pieces_of_every_size(self):
        """Pipes cut where they like: within a line, an escape, a character."""
        generator = random.Random(3)
        texts = TEXTS[:6]
        expected = self.directly(texts).splitlines(keepends=True)
        self.exchange(["warm up"])
        for text, wanted in zip(texts, expected):
            data = each_row(text)
            for byte in data[:-1]:
                self.write(bytes([byte]))
                if generator.random() < 0.05:
                    time.sleep(0.001)
            self.nothing_more()
            self.write(data[-1:])
            self.assertEqual(self.lines(1), wanted)
        whole = b"".join(map(each_row, texts))
        cut = generator.randrange(1, len(each_row(texts[0])))  # the first line's beginning
        self.write(whole[:-cut])
        self.assertEqual(self.lines(len(texts) - 1), b"".join(expected[:-1]))
        self.nothing_more()
        self.write(whole[-cut:])
        self.assertEqual(self.lines(1), expected[-1])

    def test_restarts(self):
        texts = block(2000)
        expected = self.exchange(texts)
        for number in [signal.SIGKILL, signal.SIGTERM]:
            data = b"".join(map(each_row, texts))
            self.write(data[:4000])
            self.lines(1)
            os.killpg(self.process.pid, number)
            self.process.wait(timeout=10)
            self.start()
            self.assertEqual(self.exchange(texts), expected)

    def test_a_row_that_is_no_text(self):
        """Fewer answers than rows must not look like an answer: the process ends, and says why."""
        self.write(each_row("fine") + b'{"text":3}\n' + each_row("never read"))
        self.assertEqual(self.lines(1), self.directly(["fine"]))
        self.assertEqual(self.process.wait(timeout=10), 1)
        self.assertEqual(self.process.stdout.read(), b"")
        self.assertIn(b"line 2", self.process.stderr.read())


STAND_IN = '''
"""What spark_pipe.py needs of pyspark, run in this process: three partitions, one of them empty."""
import pathlib, shlex, subprocess, threading


class RDD:
    def __init__(self, partitions):
        self.partitions = partitions

    def pipe(self, command, env=None, checkCode=False):
        def run(partition):
            process = subprocess.Popen(shlex.split(command), env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

            def feed():
                for element in partition:
                    process.stdin.write((element.rstrip("\\n") + "\\n").encode("utf-8"))
                process.stdin.close()
            feeder = threading.Thread(target=feed, daemon=True)
            feeder.start()
            lines = [line.rstrip(b"\\n").decode("utf-8") for line in process.stdout]
            if process.wait() != 0 and checkCode:
                raise RuntimeError(f"Pipe function `{command}' exited with error code {process.returncode}")
            return lines
        return RDD([run(partition) for partition in self.partitions])

    def saveAsTextFile(self, path):
        folder = pathlib.Path(path)
        folder.mkdir()
        for i, partition in enumerate(self.partitions):
            (folder / f"part-{i:05}").write_text("".join(line + "\\n" for line in partition), encoding="utf-8", newline="")


class SparkSession:
    class builder:
        appName = staticmethod(lambda name: SparkSession.builder)
        getOrCreate = staticmethod(lambda: SparkSession())

    class conf:
        get = staticmethod(lambda name, default: default)

    @property
    def sparkContext(self):
        return self

    def textFile(self, path):
        lines = pathlib.Path(path).read_text(encoding="utf-8").split("\\n")[:-1]
        return RDD([lines[:70], [], lines[70:]])
'''


class Spark(WithFolder):
    def run_script(self, source, target):
        stand_in = self.folder / "stand_in/pyspark"
        stand_in.mkdir(parents=True, exist_ok=True)
        (stand_in / "__init__.py").write_text("")
        (stand_in / "sql.py").write_text(STAND_IN)
        return subprocess.run([sys.executable, "-B", FOLDER / "spark_pipe.py", self.profile, source, target], capture_output=True, text=True,
                              env={**self.environment, "PYTHONPATH": str(stand_in.parent)})

    def test_partitions(self):
        source = self.folder / "in.jsonl"
        source.write_text("".join(json.dumps({"id": i, "text": text}, ensure_ascii=False) + "\n" for i, text in enumerate(block(200))), encoding="utf-8")
        done = self.run_script(source, self.folder / "out")
        self.assertEqual(done.returncode, 0, done.stderr)
        parts = [part.read_bytes() for part in sorted((self.folder / "out").iterdir())]
        self.assertEqual([part.count(b"\n") for part in parts], [70, 0, 130])
        whole = subprocess.run([BERTH, "classify", "--profile", self.profile, "--keep-fields", "--json", "--input", source], capture_output=True, check=True, env=self.environment)
        self.assertEqual(b"".join(parts), whole.stdout)

    def test_a_bad_line_fails_its_task(self):
        source = self.folder / "in.jsonl"
        source.write_text('{"text":"fine"}\n{"txt":"not"}\n', encoding="utf-8")
        done = self.run_script(source, self.folder / "out")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("exited with error code 1", done.stderr)
        self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    unittest.main()
