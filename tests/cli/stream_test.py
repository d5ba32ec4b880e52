#!/usr/bin/env python3
"""Files through berth classify and encode: CSV, TSV, .npy, kept fields, bad lines, interrupted runs."""
import base64
import concurrent.futures
import csv
import io
import json
import os
import pathlib
import pty
import random
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import tty
import unittest

from binary import COMMAND, WEIGHTS, berth, environment, jsonl, lines
from slowness import SLOWNESS

TEXTS = ["A warm, funny film.", "two hours\nlost", "", "she said \"no\"", "Ünïcödé 😀", "  kept  "]


class WithFolder(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def csv(self, rows, name="in.csv", **options):
        out = io.StringIO()
        csv.writer(out, **options).writerows(rows)
        return self.write(name, out.getvalue())

    def run_to(self, name, *arguments, status=0, **options):
        done = berth(*arguments, "--output", self.folder / name, **options)
        self.assertEqual((done.returncode, done.stdout), (status, b""), done.stderr)
        return self.folder / name


def read_csv(path, **options):
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline=""), **options))


def read_npy(path):
    """(type, rows, columns, bytes) as numpy's format says, without numpy."""
    data = path.read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    (size,) = struct.unpack("<H", data[8:10])
    assert (10 + size) % 64 == 0 and data[9 + size:10 + size] == b"\n"
    header = eval(data[10:10 + size], {"__builtins__": {}}, {"False": False, "True": True})  # numpy does the same, more carefully
    assert header["fortran_order"] is False
    rows, columns = header["shape"]
    assert len(data) == 10 + size + rows * columns * int(header["descr"][2])
    return header["descr"], rows, columns, data[10 + size:]


class Tables(WithFolder):
    def test_columns_are_kept_as_they_were(self):
        source = b'id,text,"no,te"\r\n1,"A warm, ""funny"" film.",x\r\n"2",dull,"two\r\nlines"\r\n3,,\r\n'
        out = self.run_to("out.csv", "classify", "--input", self.write("in.csv", source)).read_bytes()
        rows = list(csv.reader(io.StringIO(out.decode(), newline="")))
        self.assertEqual(rows[0], ["id", "text", "no,te", "result.label", "result.score", "result.tokens", "result.truncated"])
        self.assertEqual([row[:3] for row in rows[1:]], [["1", 'A warm, "funny" film.', "x"], ["2", "dull", "two\r\nlines"], ["3", "", ""]])
        self.assertIn(b'\n"2",dull,"two\r\nlines",NEGATIVE,', out)
        expected = lines("classify", stdin=jsonl(*({"text": row[1]} for row in rows[1:])))
        for row, told in zip(rows[1:], expected):
            self.assertEqual((row[3], float(row[4]), int(row[5]), row[6]), (told["labels"][0]["label"], told["labels"][0]["score"], told["tokens"], "false"))

    def test_text_field_and_other_formats(self):
        path = self.csv([["a", "message"], *([str(i), text] for i, text in enumerate(TEXTS))])
        rows = lines("classify", "--input", path, "--text-field", "message", "--output-format", "jsonl", "--result-field", "answer")
        self.assertEqual([row["message"] for row in rows], TEXTS)
        self.assertEqual([list(row) for row in rows], [["a", "message", "answer"]] * len(TEXTS))
        self.assertEqual(list(rows[0]["answer"]), ["labels", "tokens", "truncated"])
        plain = self.run_to("out.tsv", "classify", stdin="good\nbad\n")
        self.assertEqual([row[0] for row in read_csv(plain, delimiter="\t")], ["text", "good", "bad"])
        done = berth("classify", "--input", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn('in.csv: line 1: there is no column "text" (--text-field names it); there are a, message', done.stderr)

    def test_without_header(self):
        path = self.csv([[str(i), text] for i, text in enumerate(TEXTS)])
        out = read_csv(self.run_to("out.csv", "classify", "--input", path, "--no-header", "--text-field", "2"))
        self.assertEqual([row[1] for row in out], TEXTS)
        self.assertEqual(berth("classify", "--input", path, "--no-header").returncode, 2)

    def test_columns_called_like_the_answer(self):
        path = self.csv([["text", "result", "result.label"], ["a", "b", "c"]])
        for kind, name in [("csv", "result.label"), ("jsonl", "result")]:
            done = berth("classify", "--input", path, "--output-format", kind)
            self.assertEqual((done.returncode, done.stdout), (1, b""))
            self.assertIn(f'the input has a column "{name}" already; --result-field', done.stderr)
            self.assertEqual(len(berth("classify", "--input", path, "--output-format", kind, "--result-field", "r").stdout.splitlines()), 2 if kind == "csv" else 1)

    def test_tabs_know_no_quotes(self):
        path = self.write("in.tsv", 'text\tid\n"quoted" and \'so\t1\nsecond\t2\n')
        rows = self.run_to("out.tsv", "classify", "--input", path).read_text().splitlines()
        self.assertEqual([row.split("\t")[:2] for row in rows], [["text", "id"], ["\"quoted\" and 'so", "1"], ["second", "2"]])

    def test_pairs(self):
        path = self.csv([["text", "text_pair"], ["a", "b"]])
        (row,) = lines("classify", "--input", path, "--output-format", "jsonl")
        self.assertEqual(row["result"]["tokens"], 5)

    def test_bad_records_are_set_aside(self):
        source = b'text,id\ngood,1\nwrong,2,3\nso "it" goes,4\n"a"b,5\nbad \xff,6\nlast,7\n"open,8\n'
        out = self.run_to("out.csv", "classify", "--input", self.write("in.csv", source), "--errors", self.folder / "bad.jsonl")
        self.assertEqual([row[:2] for row in read_csv(out)], [["text", "id"], ["good", "1"], ["last", "7"]])
        bad = [json.loads(line) for line in (self.folder / "bad.jsonl").read_text().splitlines()]
        self.assertEqual([row["line"] for row in bad], [3, 4, 5, 6, 8])
        for row, reason in zip(bad, ["has 3 fields, the header has 2", "field 1: a quotation mark within a field that is not quoted", "field 1: a closing quotation mark is followed",
                                     "invalid UTF-8 at byte 5", "a quoted field is not closed"]):
            self.assertIn(reason, row["reason"])
        done = berth("classify", "--input", self.folder / "in.csv")
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (1, 2))
        self.assertIn("in.csv: line 3: has 3 fields", done.stderr)

    def test_like_pythons_csv(self):
        """Records of every kind, and damaged ones: what is read is what Python's csv module reads, or the line is bad."""
        generator = random.Random(5)
        pieces = ["a", "word", ",", '""', "\n", "\r\n", " ", "é", "😀", "\t", "'", ";", ""]
        field = lambda: "".join(generator.choice(pieces) for _ in range(generator.randrange(6)))
        rows = [[field(), field(), field()] for _ in range(300)]
        path = self.csv([["x", "text", "y"], *rows], lineterminator="\n")
        out = lines("encode", "--truncate-dim", "1", "--input", path, "--output-format", "jsonl")
        self.assertEqual([[row["x"], row["text"], row["y"]] for row in out], rows)
        content = path.read_bytes()
        for _ in range(8):
            damaged = bytearray(content)
            for _ in range(3):
                damaged[generator.randrange(10, len(damaged))] = generator.choice(b'",\n\rx')
            path.write_bytes(bytes(damaged))
            done = berth("encode", "--truncate-dim", "1", "--input", path, "--output-format", "jsonl", "--errors", self.folder / "bad.jsonl")
            self.assertEqual(done.returncode, 0, done.stderr)
            good = [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]
            told = {(row["x"], row["text"], row["y"]) for row in good}
            self.assertGreater(len(good), 250)
            self.assertGreaterEqual(len(told & {tuple(row) for row in rows}), len(told) - 8)


class Json(WithFolder):
    def test_fields_are_kept_as_they_were(self):
        source = '{"id":12345678901234567890123,"text":"a","x":[1e400, {"b" : null}] }\n{"text":"b","\\u00e9":1.50}\n\n{"t":1,"text":"c"} \t\n'
        # 1e400 is no number that can be read; the rest is.
        source = source.replace("1e400", "1E2")
        out = self.run_to("out.jsonl", "classify", "--keep-fields", "--input", self.write("in.jsonl", source)).read_text()
        rows = out.splitlines()
        self.assertTrue(rows[0].startswith('{"id":12345678901234567890123,"text":"a","x":[1E2, {"b" : null}] ,"result":{"labels":['), rows[0])
        self.assertTrue(rows[1].startswith('{"text":"b","\\u00e9":1.50,"result":{'), rows[1])
        self.assertEqual([list(json.loads(row)["result"]) for row in rows], [["labels", "tokens", "truncated"]] * 3)

    def test_another_field_is_the_text(self):
        (row,) = lines("classify", "--text-field", "body", stdin=jsonl({"body": "fine", "text": 3}))
        self.assertEqual(list(row), ["body", "labels", "tokens", "truncated"])

    def test_the_answers_name_is_taken(self):
        done = berth("classify", "--keep-fields", stdin=jsonl({"text": "a", "result": 1}))
        self.assertEqual(done.returncode, 1)
        self.assertIn('line 1: has a field "result" already; --result-field', done.stderr)
        (row,) = lines("classify", "--keep-fields", "--result-field", "berth", stdin=jsonl({"text": "a", "result": 1}))
        self.assertEqual(list(row), ["text", "result", "berth"])

    def test_bad_lines(self):
        source = b'{"text":"a"}\n{"text":5}\nnot json\n{"ids":[99999999]}\n{"text":"b"}\n'
        for extra, answered in [([], 2), (["--strict"], 1)]:
            done = berth("classify", "--errors", self.folder / "bad", *extra, stdin=source)
            self.assertEqual((done.returncode, len(done.stdout.splitlines())), (1 if extra else 0, answered))
            bad = [json.loads(line) for line in (self.folder / "bad").read_text().splitlines()]
            self.assertEqual([row["line"] for row in bad], [2] if extra else [2, 3, 4])
            self.assertIn('field "text": expected a string, got "5"', bad[0]["reason"])
        self.assertIn("standard input: line 2: field", done.stderr)
        done = berth("classify", "--errors", self.folder / "bad", stdin=source)
        self.assertIn("3 of 5 lines could not be answered: see ", done.stderr)


class Embeddings(WithFolder):
    def test_npy(self):
        texts = TEXTS[:1] + TEXTS[2:]
        expected = [row["embedding"] for row in lines("encode", *texts)]
        path = self.run_to("e.npy", "encode", *texts)
        self.assertEqual(read_npy(path), ("<f4", len(texts), 192, b"".join(struct.pack("<192f", *row) for row in expected)))
        half = read_npy(self.run_to("h.npy", "encode", "--output-type", "float16", *texts))
        self.assertEqual(half, ("<f2", len(texts), 192, b"".join(struct.pack("<192e", *row) for row in expected)))
        kind, rows, columns, data = read_npy(self.run_to("b.npy", "encode", "--output-type", "ubinary", *texts))
        self.assertEqual((kind, rows, columns), ("|u1", len(texts), 24))
        self.assertEqual(data[:24], bytes(lines("encode", "--output-type", "ubinary", texts[0])[0]["embedding"]))
        self.assertEqual(read_npy(self.run_to("n.npy", "encode", "--input", self.write("empty", "")))[1], 0)
        self.assertEqual(berth("encode", "--output-format", "npy", "x").returncode, 2)
        self.assertEqual(berth("encode", "--output", self.folder / "t.npy", "--tokens", "x").returncode, 2)

    def test_base64(self):
        expected = lines("encode", "some text")[0]["embedding"]
        for kind, form in [("float32", "<192f"), ("float16", "<192e")]:
            (row,) = lines("encode", "--base64", "--output-type", kind, "some text")
            self.assertEqual(base64.b64decode(row["embedding"], validate=True), struct.pack(form, *expected))
        ranges = self.write("ranges.json", berth("calibrate-ranges", stdin="some text\nother words\n").stdout)
        (row,) = lines("encode", "--base64", "--output-type", "int8", "--ranges", ranges, "some text")
        (numbers,) = lines("encode", "--output-type", "int8", "--ranges", ranges, "some text")
        self.assertEqual(list(struct.unpack("192b", base64.b64decode(row["embedding"]))), numbers["embedding"])
        (row,) = lines("encode", "--output-type", "float16", "some text")
        self.assertEqual(struct.pack("<192e", *row["embedding"]), struct.pack("<192e", *expected))
        self.assertEqual([struct.unpack("<e", struct.pack("<e", x))[0] for x in expected], [struct.unpack("<f", struct.pack("<f", x))[0] for x in row["embedding"]])

    def test_a_column(self):
        out = read_csv(self.run_to("out.csv", "encode", "--base64", "--input", self.csv([["id", "text"], ["7", "some text"]])))
        self.assertEqual(out[0], ["id", "text", "result.embedding", "result.tokens", "result.truncated"])
        self.assertEqual(len(base64.b64decode(out[1][2])), 768)


class Threads(WithFolder):
    def test_any_number_writes_the_same(self):
        source = self.write("in.jsonl", jsonl(*({"id": i, "text": f"message {i} " + "word " * (i % 40)} for i in range(int(1500 / min(SLOWNESS, 4))))))
        (self.folder / "p.json").write_text(json.dumps({"model": str(WEIGHTS / "intent"), "labels": {"a": {"examples": ["a message"]}}}))
        for name, arguments in [("jsonl", ["encode", "--keep-fields"]), ("csv", ["encode", "--base64"]), ("npy", ["encode"]), ("jsonl", ["encode", "--tokens", "--max-length", "6"]),
                                ("jsonl", ["classify", "-k", "0"]), ("jsonl", ["classify", "--profile", self.folder / "p.json"])]:
            one, two, five = (self.run_to(f"{threads}.{name}", *arguments, "--input", source, "--threads", threads).read_bytes() for threads in "125")
            self.assertEqual((one == two, one == five), (True, True), arguments)


class Interrupted(WithFolder):
    """Runs that end early go on behind what they answered: the output is that of one run, byte for byte."""

    def input(self, rows=2600):
        return self.write("in.jsonl", jsonl(*({"id": i, "text": f"message {i} " + "word " * (i % 9)} if i % 97 else {"id": i} for i in range(rows))))

    def arguments(self, name, command="classify", kind="jsonl"):
        extra = ["--keep-fields"] if kind == "jsonl" else []
        return [command, *extra, "--threads", "1", "--input", self.folder / "in.jsonl", "--output", self.folder / f"{name}.{kind}", "--errors", self.folder / f"{name}.bad"]

    def start_and_stop(self, arguments, output, number, wanted):
        process = subprocess.Popen([str(word) for word in [*COMMAND, *arguments]], stderr=subprocess.PIPE, env=environment())
        deadline = time.monotonic() + 60
        while (not output.exists() or output.stat().st_size < wanted) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(number)
        errors = process.communicate(timeout=60)[1].decode()
        return process.returncode, errors

    def check(self, command, kind, number):
        self.input()
        whole = berth(*self.arguments("whole", command, kind))
        self.assertEqual(whole.returncode, 0, whole.stderr)
        expected = (self.folder / f"whole.{kind}").read_bytes(), (self.folder / "whole.bad").read_bytes()
        arguments = self.arguments("part", command, kind)
        status, errors = self.start_and_stop(arguments, self.folder / f"part.{kind}", number, len(expected[0]) // 4)
        if status == 0:
            self.skipTest("the run was too fast to be stopped")
        if number == signal.SIGKILL:
            self.assertEqual(status, -signal.SIGKILL)
        else:
            self.assertEqual(status, 128 + number)
            self.assertRegex(errors, r"interrupted after \d+ answers; --resume goes on behind line \d+")
        if kind == "npy" and number != signal.SIGKILL:
            self.assertGreater(read_npy(self.folder / "part.npy")[1], 0)  # what is there can be read
        done = berth(*arguments, "--resume")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(((self.folder / f"part.{kind}").read_bytes(), (self.folder / "part.bad").read_bytes()), expected)
        self.assertFalse((self.folder / f"part.{kind}.progress").exists())

    def test_sigint(self):
        self.check("classify", "jsonl", signal.SIGINT)

    def test_sigterm_of_embeddings(self):
        self.check("encode", "npy", signal.SIGTERM)

    def test_sigkill(self):
        self.check("classify", "jsonl", signal.SIGKILL)

    def test_killed_twice_between_accounts(self):
        """SIGKILL at random points behind an account on the disk, twice: nothing is lost and nothing there twice, whatever the format."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for job in [pool.submit(self.killed_twice, name, seed) for seed, name in enumerate(["part.jsonl", "part.csv", "part.npy"])]:
                job.result()

    def killed_twice(self, name, seed):
        generator = random.Random(seed)
        output, bad = self.folder / name, self.folder / f"{name}.bad"
        progress = self.folder / f"{name}.progress"
        if name.endswith("csv"):
            source = ["id,text\r\n", *(f'{i},"message {i}, ""{"word " * (i % 9)}"""\r\n' if i % 97 else f'{i},"two\nlines",one too many\r\n' for i in range(4000))]
        else:
            source = [json.dumps({"id": i, "text": f"message {i} " + "word " * (i % 9)} if i % 97 else {"id": i}) + "\n" for i in range(4000)]
        command = ["encode" if name.endswith("npy") else "classify", "--threads", "1", "--input", "-", "--input-format", "csv" if name.endswith("csv") else "jsonl"]
        arguments = [*command, *(["--keep-fields"] if name.endswith("jsonl") else []), "--output", output, "--errors", bad]
        done = berth(*arguments, stdin="".join(source))
        self.assertEqual(done.returncode, 0, done.stderr)
        expected = output.read_bytes(), bad.read_bytes()
        output.unlink()
        account = lambda: json.loads(progress.read_text()) if progress.exists() else {"lines": 0}
        last, extra = 0, []
        for _ in range(2):
            process = subprocess.Popen([str(word) for word in [*COMMAND, *arguments, *extra]], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment())
            deadline, sent, stop = time.monotonic() + 60, 0, None
            # What was answered before is skipped at once; the rest comes slowly, so that an account falls due in its midst.
            while stop is None or sent < stop:
                count = 400 if sent < last else 8
                process.stdin.write("".join(source[sent:sent + count]).encode())
                process.stdin.flush()
                sent += count
                time.sleep(0.01)
                if stop is None and account()["lines"] > last:
                    stop = sent + generator.randrange(120)
                self.assertLess(time.monotonic(), deadline)
                self.assertLess(sent, len(source), "no account in all of it")
            process.kill()
            process.stdin.close()
            self.assertEqual(process.wait(timeout=60), -signal.SIGKILL)
            self.assertGreater(account()["lines"], last)
            last, extra = account()["lines"], ["--resume"]
        done = berth(*arguments, "--resume", stdin="".join(source))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((output.read_bytes() == expected[0], bad.read_bytes() == expected[1]), (True, True), name)
        self.assertFalse(progress.exists())

    def test_killed_before_the_first_account(self):
        """The output has its header and nothing says how far the run was: it begins anew, and an account of an older run does not count."""
        path = self.csv([["id", "text"], ["1", "some text"]])
        whole = self.run_to("out.csv", "classify", "--input", path).read_bytes()
        out = self.write("out.csv", whole.split(b"\n")[0] + b"\n")
        self.assertEqual(berth("classify", "--input", path, "--output", out, "--resume").returncode, 0)
        self.assertEqual(out.read_bytes(), whole)
        stale = self.write("out.csv.progress", json.dumps({"options": "others"}))
        self.run_to("out.csv", "classify", "--input", path)
        self.assertFalse(stale.exists())

    def test_a_read_error(self):
        """Of a terminal whose other side has gone: what came before is answered, and a resumed run goes on."""
        text = "".join(f"line {i}\n" for i in range(40))
        whole = self.run_to("whole.jsonl", "classify", "--input", "-", stdin=text).read_bytes()
        master, slave = pty.openpty()
        tty.setraw(slave)
        os.write(slave, text[:150].encode())
        process = subprocess.Popen([*COMMAND, "classify", "--input", "-", "--output", self.folder / "part.jsonl"], stdin=master, stderr=subprocess.PIPE, env=environment())
        os.close(master)
        while not (self.folder / "part.jsonl").exists() or (self.folder / "part.jsonl").stat().st_size == 0:
            time.sleep(0.01)
        os.close(slave)
        errors = process.communicate(timeout=60)[1].decode()
        self.assertEqual(process.returncode, 1, errors)
        self.assertRegex(errors, r"standard input: cannot read: Input/output error; --resume goes on behind line \d+\n")
        self.assertIn(json.loads(whole.splitlines()[0])["text"], (self.folder / "part.jsonl").read_text())
        self.assertEqual(self.run_to("part.jsonl", "classify", "--input", "-", "--resume", stdin=text).read_bytes(), whole)

    def test_files_that_are_one(self):
        self.input(3)
        source = self.folder / "in.jsonl"
        content = source.read_bytes()
        (self.folder / "link").symlink_to(source)
        for arguments in [["--input", source, "--output", self.folder / "link"], ["--input", source, "--errors", source], ["--output", self.folder / "o", "--errors", self.folder / "o"]]:
            self.assertEqual(berth("classify", *arguments).returncode, 2, arguments)
        with open(source) as file:
            self.assertEqual(subprocess.run([*COMMAND, "classify", "--output", source], stdin=file, stderr=subprocess.DEVNULL, env=environment()).returncode, 2)
        self.assertEqual(source.read_bytes(), content)

    def test_what_cannot_be_resumed(self):
        self.input(200)
        arguments = self.arguments("out")
        self.assertEqual(berth(*arguments, "--resume").returncode, 0)  # nothing is there yet: from the beginning
        done = berth(*arguments, "--resume")
        self.assertEqual(done.returncode, 1)
        self.assertIn("that run is complete", done.stderr)
        progress = self.folder / "out.jsonl.progress"
        progress.write_text("{}")
        self.assertIn("is damaged", berth(*arguments, "--resume").stderr)
        progress.write_text(json.dumps({"options": "others", "input_bytes": 0, "lines": 0}))
        self.assertIn("is of a run with other options", berth(*arguments, "--resume").stderr)
        self.assertEqual(berth("classify", "--resume", "x").returncode, 2)
        self.assertEqual(berth("classify", "--input", "a", "--output", "a").returncode, 2)

    def test_standard_input_is_read_again(self):
        text = "".join(f"line {i} {'word ' * (i % 9)}\n" for i in range(1800))
        whole = self.run_to("whole.jsonl", "classify", "--input", "-", stdin=text).read_bytes()
        process = subprocess.Popen([*COMMAND, "classify", "--input", "-", "--output", self.folder / "part.jsonl"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        process.stdin.write(text[:30000].encode())
        process.stdin.flush()
        while not (self.folder / "part.jsonl").exists() or (self.folder / "part.jsonl").stat().st_size == 0:
            time.sleep(0.01)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)  # while it waits for more
        process.wait(timeout=60)
        process.stdin.close()
        process.stderr.close()
        self.assertEqual(process.returncode, 130)
        self.assertGreater((self.folder / "part.jsonl").stat().st_size, 1000)
        self.assertEqual(self.run_to("part.jsonl", "classify", "--input", "-", "--resume", stdin=text).read_bytes(), whole)

    def test_a_mistake_leaves_an_old_output_alone(self):
        old = self.write("out.jsonl", "precious\n")
        for arguments in [["--model", "no/such"], ["--input", "no/such"]]:
            self.assertEqual(berth("classify", *arguments, "--output", old, stdin="x\n").returncode, 1)
            self.assertEqual(old.read_text(), "precious\n")

    def test_a_small_disk(self):
        """A file system of its own, which is full midway: there is room for the account, and with more room the run goes on behind it."""
        self.input(2600)
        whole = self.run_to("whole.jsonl", *self.arguments("whole")[:-4], "--errors", self.folder / "whole.bad").read_bytes()
        command = [str(word) for word in [*COMMAND, *self.arguments("disk")]]
        out = command.index("--output") + 1
        small, bad = self.folder / "small", command[-1]
        small.mkdir()
        command[out] = str(small / "disk.jsonl")
        script = """
set -e
mount -t tmpfs -o size=$1k tmpfs "$2"; folder=$2; kept=$3; shift 3
status=0; "$@" || status=$?
grep -o '"lines":[0-9]*' "$folder/disk.jsonl.progress"; ls "$folder"
mount -o remount,size=100m "$folder"
"$@" --resume
cp "$folder/disk.jsonl" "$kept"
exit $status"""
        inside = ["unshare", "--user", "--map-root-user", "--mount"]
        if shutil.which("unshare") is None or subprocess.run([*inside, "mount", "-t", "tmpfs", "tmpfs", small], capture_output=True).returncode != 0:
            self.skipTest("file systems cannot be mounted here")
        done = subprocess.run([*inside, "sh", "-c", script, "sh", str(len(whole) * 3 // 4096 // 4 * 4), small, self.folder / "kept.jsonl", *command], capture_output=True, text=True, env=environment())
        self.assertEqual(done.returncode, 1, done.stderr)
        found = re.search(r"disk.jsonl: cannot write: No space left on device; --resume goes on behind line (\d+)\n", done.stderr)
        self.assertGreater(int(found.group(1)), 1000)
        self.assertEqual(done.stdout.split(), [f'"lines":{found.group(1)}', "disk.jsonl", "disk.jsonl.progress"])
        self.assertEqual((self.folder / "kept.jsonl").read_bytes() == whole, True)
        self.assertEqual(pathlib.Path(bad).read_bytes(), (self.folder / "whole.bad").read_bytes())

    @unittest.skipUnless(os.path.exists("/dev/full"), "there is no /dev/full")
    def test_a_full_disk(self):
        done = berth("classify", "--output", "/dev/full", "x")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/dev/full: cannot write: No space left on device", done.stderr)

    def test_a_limit_of_the_files_size(self):
        """As a full disk: the write fails midway, and the run goes on where there is room."""
        import resource
        self.input(1500)
        expected = self.run_to("whole.jsonl", *self.arguments("whole")[:-4], "--errors", self.folder / "whole.bad").read_bytes()
        arguments = self.arguments("part")
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (len(expected) // 2, len(expected) // 2))
        done = subprocess.run([str(word) for word in [*COMMAND, *arguments]], capture_output=True, env=environment(), preexec_fn=limit, text=True)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"part.jsonl: cannot write: File too large; --resume goes on behind line \d+")
        self.assertIn(f"behind line {json.loads((self.folder / 'part.jsonl.progress').read_text())['lines']}\n", done.stderr)
        done = berth(*arguments, "--resume")
        self.assertEqual((done.returncode, (self.folder / "part.jsonl").read_bytes()), (0, expected), done.stderr)


if __name__ == "__main__":
    unittest.main()
