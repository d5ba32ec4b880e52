#!/usr/bin/env python3
"""Files through berth classify and encode: CSV, TSV, .npy, kept fields, bad lines."""
import base64
import csv
import io
import json
import random
import struct
import unittest

from binary import WEIGHTS, berth, jsonl, lines
from files import WithFolder, read_csv, read_npy
from slowness import SLOWNESS

TEXTS = ["A warm, funny film.", "two hours\nlost", "", "she said \"no\"", "Ünïcödé 😀", "  kept  "]


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

    def test_a_byte_order_mark_is_no_text(self):
        """A file from Windows gives what it would give without its mark, which is not in what is kept, either."""
        mark = b"\xef\xbb\xbf"
        for name, content in [("in.txt", b"A warm film.\r\ndull\r\n"), ("in.csv", b'text,id\r\n"A warm, funny film.",1\r\n'), ("in.tsv", b"text\tid\r\ndull\t1\r\n"),
                              ("in.jsonl", b'{"text":"dull","id":1}\r\n')]:
            for extra in [[], ["--output-format", "jsonl"], ["--keep-fields"] if name != "in.txt" else []]:
                plain = self.run_to("plain", "classify", "--input", self.write(name, content), *extra).read_bytes()
                self.assertEqual(self.run_to("marked", "classify", "--input", self.write(name, mark + content), *extra).read_bytes(), plain, (name, extra))
                self.assertNotIn(mark, plain)
        self.assertEqual(lines("encode", stdin=mark + b"dull\n")[0]["text"], "dull")
        labelled = b"sentence,label\nA warm film.,POSITIVE\ndull,NEGATIVE\n"
        results = [lines("eval", "--model", WEIGHTS / "sentiment", "--data", self.write("data.csv", start + labelled)) for start in (b"", mark)]
        self.assertEqual(results[0], results[1])
        (same,) = lines("classify", stdin=b"\xef\xbb\xbf\xef\xbb\xbfdull\n")
        self.assertEqual(same["text"], "\ufeffdull")

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

    def test_a_column_without_a_name(self):
        """As pandas writes a table with its index."""
        path = self.csv([["", "text", "label"], ["0", "A fine film.", "x"]])
        rows = read_csv(self.run_to("out.csv", "classify", "--input", path))
        self.assertEqual([row[:3] for row in rows], [["", "text", "label"], ["0", "A fine film.", "x"]])
        self.assertEqual(len(rows[0]), len(rows[1]))

    def test_columns_of_one_name(self):
        path = self.csv([["text", "a", "a"], ["good", "1", "2"]])
        self.assertEqual([row[:3] for row in read_csv(self.run_to("out.csv", "classify", "--input", path))], [["text", "a", "a"], ["good", "1", "2"]])
        done = berth("classify", "--input", path, "--output-format", "jsonl")
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn('the input has two columns "a"', done.stderr)

    def test_files_of_progress_are_not_the_users(self):
        path = self.write("out.progress", "good\nbad\n")
        for own in ["--input", "--errors"]:
            done = berth("classify", own, path, "--output", self.folder / "out", *(["--input", self.write("in.txt", "good")] if own == "--errors" else []))
            self.assertEqual(done.returncode, 2)
            self.assertIn("progress", done.stderr)
            self.assertEqual(path.read_text(), "good\nbad\n")

    def test_tabs_know_no_quotes(self):
        path = self.write("in.tsv", 'text\tid\n"quoted" and \'so\t1\nsecond\t2\n')
        rows = self.run_to("out.tsv", "classify", "--input", path).read_text().splitlines()
        self.assertEqual([row.split("\t")[:2] for row in rows], [["text", "id"], ["\"quoted\" and 'so", "1"], ["second", "2"]])

    def test_what_tabs_cannot_separate_is_refused(self):
        rows = [["id", "text"], ["1", "good"], ["a\tb", "so"], ["2", "c\nd"], ["3", "e\rf"], ["4", "bad"]]
        path = self.csv(rows)
        for extra, where in [((), "in.csv: line 3: column \"id\" has a tab"), (("--no-header", "--text-field", "2"), "in.csv: line 3: column 1 has a tab")]:
            done = berth("classify", "--input", path, "--output-format", "tsv", *extra)
            self.assertEqual(done.returncode, 1)
            self.assertIn(where, done.stderr)
            self.assertEqual([line.split(b"\t")[:2] for line in done.stdout.splitlines()], [[b"id", b"text"], [b"1", b"good"]])
        out = self.run_to("out.tsv", "classify", "--input", path, "--errors", self.folder / "bad.jsonl")
        self.assertEqual([row[:2] for row in read_csv(out, delimiter="\t")], [rows[0], rows[1], rows[5]])
        bad = [json.loads(line) for line in (self.folder / "bad.jsonl").read_text().splitlines()]
        self.assertEqual([row["line"] for row in bad], [3, 4, 6])
        self.assertEqual([row["reason"].split(",")[0] for row in bad], ['column "id" has a tab', 'column "text" has a line break', 'column "text" has a line break'])
        self.assertEqual([row[:2] for row in read_csv(self.run_to("same.csv", "classify", "--input", path))], rows)
        for stdin, where in [("a\tb\n", "line 1: the text has a tab"), (jsonl({"text": "a\nb"}), "line 1: field \"text\" has a line break")]:
            done = berth("classify", "--output-format", "tsv", stdin=stdin)
            self.assertEqual(done.returncode, 1)
            self.assertIn(where, done.stderr)
        done = berth("classify", "--output-format", "tsv", "--input", self.write("in.csv", 'text,"i\td"\ngood,1\n'))
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn("column \"i\\td\" has a tab", done.stderr)

    def test_names_are_text(self):
        for option in ["--result-field", "--text-field", "--pair-field"]:
            done = berth("classify", "--keep-fields", option, b"a\xff", stdin=jsonl({"text": "x"}))
            self.assertEqual((done.returncode, done.stdout), (2, b""), option)
            self.assertIn(option + ": expected UTF-8, got \"a\\xff\"", done.stderr)

    def test_errors_go_to_a_file(self):
        for name in ["-", ""]:
            done = berth("classify", "--errors", name, stdin="good\n", cwd=self.folder)
            self.assertEqual((done.returncode, done.stdout, list(self.folder.iterdir())), (2, b"", []))
            self.assertIn("--errors: expected a file", done.stderr)
        done = berth("classify", "--errors", "/dev/stderr", stdin=b"good\nbad \xff\n")
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 1))
        self.assertEqual(json.loads(done.stderr.splitlines()[0])["line"], 2)

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

    def test_what_the_model_cannot_do_is_no_lines_fault(self):
        for arguments in [["--sparse"], ["--multi-vector"]]:
            done = berth("encode", *arguments, "--errors", self.folder / "bad.jsonl", stdin="one\ntwo\n")
            self.assertEqual((done.returncode, done.stdout, (self.folder / "bad.jsonl").read_bytes()), (1, b"", b""), arguments)
            self.assertTrue(done.stderr.startswith("berth: the "), done.stderr)

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
        done = berth("encode", "--output-format", "npy", "--output", "/dev/stdout", "x")  # a pipe under a file's name
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn("--output /dev/stdout: is no regular file", done.stderr)

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


if __name__ == "__main__":
    unittest.main()
