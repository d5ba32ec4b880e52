#!/usr/bin/env python3
"""The command line's contract with scripts (README.md), on the built binary and the models in weights/."""
import array
import json
import math
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from binary import BERTH, COMMAND, REPOSITORY, RUNNER, WEIGHTS, berth, environment, jsonl, lines, parse
from profiles import least

TEXTS = ["A warm, funny film.", "", "  spaces  kept  ", "NUL \0 byte", "quotes \" and \\ and \t tab", "Ünïcödé 日本語 😀 e\u0301", "line separator \u2028 kept",
         "a film I will never watch again", "ok", "word " * 300]


def float_bits(value):
    return struct.pack("<f", value)


class Classify(unittest.TestCase):
    def test_keys_and_their_order(self):
        (row,) = lines("classify", "A warm, funny film.")
        self.assertEqual(list(row), ["text", "labels", "tokens", "truncated"])
        self.assertEqual(list(row["labels"][0]), ["label", "score"])
        self.assertEqual((row["text"], row["labels"][0]["label"], row["truncated"]), ("A warm, funny film.", "POSITIVE", False))
        self.assertEqual(row["tokens"], len(lines("tokenize", "A warm, funny film.")[0]["ids"]))

    def test_top_k(self):
        for arguments, count in [((), 1), (("--top-k", "1"), 1), (("--top-k", "3"), 3), (("-k", "0"), 28), (("--top-k=100",), 28)]:
            (row,) = lines("classify", "--model", WEIGHTS / "emotion", *arguments, "thank you so much")
            scores = [label["score"] for label in row["labels"]]
            self.assertEqual(len(scores), count)
            self.assertEqual(scores, sorted(scores, reverse=True))
            self.assertEqual(row["labels"][0]["label"], "gratitude")

    def test_raw_scores_and_function_to_apply(self):
        for model, many in [("sentiment", False), ("emotion", True)]:
            def scores(*extra):
                (row,) = lines("classify", "--model", WEIGHTS / model, "--top-k", "0", *extra, "thank you, what a film")
                return {label["label"]: label["score"] for label in row["labels"]}
            raw, cooked = scores("--raw-scores"), scores()
            total = sum(math.exp(value) for value in raw.values())
            for label, value in raw.items():
                expected = 1 / (1 + math.exp(-value)) if many else math.exp(value) / total
                self.assertAlmostEqual(cooked[label], expected, delta=2e-6)

    def test_pairs_are_echoed(self):
        (row,) = lines("classify", stdin=jsonl({"text": "a", "text_pair": "b", "other": 1}))
        self.assertEqual(list(row), ["text", "text_pair", "labels", "tokens", "truncated"])
        self.assertEqual((row["text"], row["text_pair"], row["tokens"]), ("a", "b", 5))

    def test_a_model_without_head(self):
        done = berth("classify", "--model", WEIGHTS / "intent", "x")
        self.assertEqual(done.returncode, 1)
        self.assertIn("head", done.stderr)


class Encode(unittest.TestCase):
    def test_keys_and_size(self):
        (row,) = lines("encode", "play some music")
        self.assertEqual(list(row), ["text", "embedding", "tokens", "truncated"])
        self.assertEqual(len(row["embedding"]), 192)
        self.assertAlmostEqual(sum(value * value for value in row["embedding"]), 1.0, delta=1e-5)

    def test_floats_read_back_to_the_same_bits(self):
        output = berth("encode", *[text.replace("\0", "") for text in TEXTS]).stdout.decode()
        written = json.loads("[" + ",".join(output.split("\n")[:-1]) + "]", parse_float=str)
        for row in written:
            for text in row["embedding"]:
                value = array.array("f", [float(text)])[0]
                # Shortest: one digit less would be another float.
                self.assertEqual(float_bits(float(text)), float_bits(value))
                mantissa = text.lower().split("e")[0].replace("-", "").replace(".", "").lstrip("0")
                self.assertLessEqual(len(mantissa), 9)

    def test_tokens(self):
        (row,) = lines("encode", "--tokens", "play some music")
        self.assertEqual(list(row), ["text", "embedding", "token_embeddings", "tokens", "truncated"])
        self.assertEqual(len(row["token_embeddings"]), row["tokens"])
        self.assertTrue(all(len(token) == 192 for token in row["token_embeddings"]))
        # weights/intent: mean of the tokens, normalised.
        mean = [sum(column) / row["tokens"] for column in zip(*row["token_embeddings"])]
        norm = math.sqrt(sum(value * value for value in mean))
        for expected, value in zip(mean, row["embedding"]):
            self.assertAlmostEqual(value, expected / norm, delta=2e-6)

    def test_without_modules_json_tokens_are_averaged(self):
        (row,) = lines("encode", "--model", WEIGHTS / "sentiment", "--tokens", "a fine film")
        for value, column in zip(row["embedding"], zip(*row["token_embeddings"])):
            self.assertAlmostEqual(value, sum(column) / row["tokens"], delta=2e-5)

    def test_results_depend_on_nothing_but_the_text(self):
        alone = [berth("encode", stdin=text + "\n").stdout for text in TEXTS]
        for arguments in [(), ("--threads", "1"), ("--threads", "3"), ("--threads", "8"), ("--batch-tokens", "1"), ("--batch-tokens", "100000"), ("--no-mmap",)]:
            together = berth("encode", *arguments, stdin="\n".join(TEXTS))
            self.assertEqual((together.stdout, together.stderr), (b"".join(alone), ""), arguments)
        backwards = berth("encode", stdin="\n".join(TEXTS[::-1])).stdout
        self.assertEqual(backwards, b"".join(alone[::-1]))


class Similarity(unittest.TestCase):
    def test_matrix(self):
        texts = ["change my pin", "set a new pin code", "play jazz"]
        rows = lines("similarity", *texts)
        self.assertEqual([row["text"] for row in rows], texts)
        embeddings = [row["embedding"] for row in lines("encode", *texts)]
        for row, a in zip(rows, embeddings):
            self.assertEqual(list(row), ["text", "similarities", "tokens", "truncated"])
            for value, b in zip(row["similarities"], embeddings):
                self.assertAlmostEqual(value, sum(x * y for x, y in zip(a, b)), delta=2e-6)
        self.assertGreater(rows[0]["similarities"][1], rows[0]["similarities"][2])

    def test_pairs(self):
        rows = lines("similarity", stdin=jsonl({"text": "change my pin", "text_pair": "set a new pin code"}, {"text": "a", "text_pair": "a"}))
        self.assertEqual(list(rows[0]), ["text", "text_pair", "similarity", "tokens", "truncated"])
        (first, _) = lines("similarity", "change my pin", "set a new pin code")
        self.assertAlmostEqual(rows[0]["similarity"], first["similarities"][1], delta=1e-6)
        self.assertAlmostEqual(rows[1]["similarity"], 1.0, delta=1e-6)
        done = berth("similarity", stdin=jsonl({"text": "a", "text_pair": "b"}, {"text": "c"}))
        self.assertEqual((done.returncode, len(parse(done.stdout))), (1, 1))
        self.assertIn("line 2", done.stderr)


class Tokenize(unittest.TestCase):
    def test_keys_and_code_points(self):
        (row,) = lines("tokenize", "😀 Héllo")
        self.assertEqual(list(row), ["text", "ids", "type_ids", "tokens", "offsets"])
        self.assertEqual(row["tokens"], ["[CLS]", "[UNK]", "hello", "[SEP]"])
        self.assertEqual(row["offsets"], [[0, 0], [0, 1], [2, 7], [0, 0]])
        self.assertEqual(row["type_ids"], [0, 0, 0, 0])
        (pair,) = lines("tokenize", stdin=jsonl({"text": "a", "text_pair": "b"}))
        self.assertEqual(list(pair), ["text", "text_pair", "ids", "type_ids", "tokens", "offsets"])
        self.assertEqual(pair["type_ids"], [0, 0, 0, 1, 1])

    def test_cuts_only_when_asked(self):
        text = "word " * 300
        self.assertEqual(len(lines("tokenize", text)[0]["ids"]), 302)
        self.assertEqual(len(lines("tokenize", "--max-length", "10", text)[0]["ids"]), 10)
        self.assertEqual(lines("tokenize", "--no-special-tokens", "word")[0]["tokens"], ["word"])

    def test_needs_only_the_tokenizer(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(WEIGHTS / "intent/tokenizer.json", folder)
            self.assertEqual(lines("tokenize", "--model", folder, "play music"), lines("tokenize", "play music"))
            self.assertEqual(berth("encode", "--model", folder, "x").returncode, 1)

    def test_ids_are_refused(self):
        done = berth("tokenize", stdin=jsonl({"text": "a"}, {"ids": [1]}))
        self.assertEqual((done.returncode, len(parse(done.stdout))), (1, 1))
        self.assertIn("line 2", done.stderr)


class Ids(unittest.TestCase):
    def test_ids_are_used_as_they_are(self):
        (tokens,) = lines("tokenize", "play some music")
        (text,) = lines("encode", "play some music")
        ids, typed, swapped = lines("encode", stdin=jsonl({"ids": tokens["ids"]}, {"ids": tokens["ids"], "type_ids": [0] * len(tokens["ids"])},
                                                          {"ids": tokens["ids"], "type_ids": [1] * len(tokens["ids"])}))
        self.assertEqual(list(ids), ["embedding", "tokens", "truncated"])
        self.assertEqual(ids["embedding"], text["embedding"])
        self.assertEqual(typed, ids)
        self.assertNotEqual(swapped["embedding"], ids["embedding"])

    def test_without_any_tokenizer_file(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ["config.json", "model.safetensors"]:
                shutil.copy(WEIGHTS / "sentiment" / name, folder)
            (row,) = lines("classify", "--model", folder, stdin=jsonl({"ids": [2, 100, 3]}))
            self.assertEqual(row["tokens"], 3)
            done = berth("classify", "--model", folder, "a text")
            self.assertEqual(done.returncode, 1)
            self.assertIn("tokenizer", done.stderr)

    def test_bad_ids_are_errors_after_the_good_lines(self):
        for bad, fragment in [({"ids": [2] * 129}, "128"), ({"ids": [2, 8192, 3]}, "8192"), ({"ids": [-1]}, "-1"), ({"ids": [2, 3], "type_ids": [0, 2]}, "2")]:
            done = berth("encode", stdin=jsonl({"ids": [2, 3]}, {"ids": [2, 7, 3]}, bad, {"ids": [2, 3]}))
            self.assertEqual(done.returncode, 1, bad)
            self.assertEqual([row["tokens"] for row in parse(done.stdout)], [2, 3])
            self.assertIn("line 3", done.stderr)
            self.assertNotIn("input 0", done.stderr)  # the library's number of it in a call
            self.assertIn(fragment, done.stderr)


class Input(unittest.TestCase):
    def test_one_line_in_one_line_out_in_order_exactly_echoed(self):
        for command in ["classify", "encode", "tokenize"]:
            self.assertEqual([row["text"] for row in lines(command, stdin="\n".join(TEXTS))], TEXTS)
            self.assertEqual([row["text"] for row in lines(command, stdin=jsonl(*({"text": text} for text in TEXTS)))], TEXTS)
            arguments = [text for text in TEXTS if "\0" not in text]
            self.assertEqual([row["text"] for row in lines(command, *arguments)], arguments)

    def test_many_lines_keep_their_order(self):
        texts = [f"number {i} " + "x " * (i * 7919 % 40) for i in range(3000)]
        self.assertEqual([row["text"] for row in lines("classify", stdin="\n".join(texts) + "\n")], texts)

    def test_from_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "texts")
            path.write_text("one\r\n\ntwo")
            self.assertEqual([row["text"] for row in lines("encode", "--input", path)], ["one", "", "two"])
            path.write_text('\n {"text":"one"}\n')
            self.assertEqual([row["text"] for row in lines("encode", "--input", path)], ["one"])
            self.assertEqual([row["text"] for row in lines("encode", "--input", path, "--input-format", "lines")], ["", ' {"text":"one"}'])
        self.assertEqual([row["text"] for row in lines("encode", "--input", "-", stdin="x\n")], ["x"])
        done = berth("encode", "--input", "no/such/file")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no/such/file", done.stderr)

    def test_nothing_in_nothing_out(self):
        for command in ["classify", "encode", "similarity", "tokenize"]:
            self.assertEqual(lines(command, stdin=""), [])

    def test_empty_text_is_its_special_tokens(self):
        (row,) = lines("classify", "")
        self.assertEqual((row["text"], row["tokens"], row["truncated"]), ("", 2, False))
        self.assertEqual(len(lines("encode", stdin="\n\n")), 2)

    def test_a_bad_line_ends_the_run_after_the_lines_before_it(self):
        for bad in [b"b\xff", b"\xc0\x80", b"\xed\xa0\x80"]:
            done = berth("classify", stdin=b"a\n\n" + bad + b"\nafter\n")
            self.assertEqual((done.returncode, [row["text"] for row in parse(done.stdout)]), (1, ["a", ""]))
            self.assertIn("line 3", done.stderr)
        for bad in ['{"text":', '{"text":"a"', "text", '{"text":3}', '{"tex":"a"}', '["a"]']:
            done = berth("encode", stdin='{"text":"a"}\n' + bad + '\n{"text":"b"}\n')
            self.assertEqual((done.returncode, len(parse(done.stdout))), (1, 1), bad)
            self.assertIn("line 2", done.stderr)
        self.assertEqual(berth("classify", b"\xff").returncode, 1)

    def test_long_texts_are_cut_and_say_so(self):
        (row,) = lines("classify", "word " * 300)
        self.assertEqual((row["tokens"], row["truncated"]), (128, True))
        (row,) = lines("classify", "--max-length", "7", "word " * 300)
        self.assertEqual((row["tokens"], row["truncated"]), (7, True))
        (row,) = lines("classify", "--max-length", "5000", "word " * 300)
        self.assertEqual((row["tokens"], row["truncated"]), (128, True))
        (row,) = lines("classify", "--max-length", "9999999999", "--batch-tokens", "9223372036854775807", "--top-k", "9999999999", "word " * 300)
        self.assertEqual((row["tokens"], row["truncated"], len(row["labels"])), (128, True, 2))
        (row,) = lines("classify", "--max-length", "128", "word " * 126)
        self.assertEqual((row["tokens"], row["truncated"]), (128, False))


class Options(unittest.TestCase):
    def test_arguments_are_texts_whatever_they_look_like(self):
        texts = ["[a, b]", "info", "{}", "%%", "classify", '{"text":"x"}', "/y", "++", "++z", "=", "-", "a\nb"]
        self.assertEqual([row["text"] for row in lines("tokenize", *texts)], texts)
        self.assertEqual([row["text"] for row in lines("tokenize", "a", "--", "--json", "-k", "--")], ["a", "--json", "-k", "--"])
        self.assertEqual([row["text"] for row in lines("tokenize", "a", "--json", "b", "--max-length", "3", "c")], ["a", "b", "c"])

    def test_nothing_behind_an_equals_sign_is_an_empty_value(self):
        def embeddings(*arguments):
            return [(row["text"], row["embedding"]) for row in lines("encode", *arguments)]
        self.assertEqual(embeddings("--prompt=", "hello"), embeddings("--prompt", "", "hello"))
        self.assertEqual(embeddings("--prompt=", "hello", "--json"), embeddings("hello"))
        # What stands where a value is due is the value, whatever it looks like.
        self.assertEqual(embeddings("--prompt", "--json=", "hello"), embeddings("--prompt=--json=", "hello"))
        self.assertEqual([row["text"] for row in lines("tokenize", "a=", "--", "--json=")], ["a=", "--json="])
        for command in ["encode", "classify", "info", "bench", "verify", "eval", "profile", "similarity", "tokenize"]:
            done = berth(command, "--model=", "--json")
            self.assertEqual((done.returncode, done.stdout), (2, b""), (command, done.stderr))
            self.assertEqual(done.stderr, berth(command, "--model", "", "--json").stderr)
            self.assertIn("--model", done.stderr)
            self.assertNotIn("--json", done.stderr)
        self.assertIn("unknown option --frob", berth("serve", "--default-prompt=", "--frob").stderr)
        for arguments, flag in [(("encode", "--json=", "x"), "--json"), (("info", "--no-mmap="), "--no-mmap"), (("--version=",), "--version"),
                                (("encode", "--help="), "--help")]:
            done = berth(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, b""), (arguments, done.stderr))
            self.assertIn(flag + ": takes no value", done.stderr)

    def test_usage_errors(self):
        for arguments in [(), ("frobnicate",), ("classify", "--frob", "x"), ("classify", "-5"), ("classify", "--top-k", "-1", "x"), ("classify", "--top-k", "x"),
                          ("classify", "--threads", "0", "x"), ("classify", "--threads", "two", "x"), ("encode", "--precision", "int3", "x"),
                          ("encode", "--batch-tokens", "0", "x"), ("encode", "--max-length", "0", "x"), ("encode", "--input-format", "xml", "x"),
                          ("encode", "--input", "file", "text"), ("encode", "--model"), ("encode", "--model", "", "x"), ("bench", "text"), ("info", "text"),
                          ("bench", "--batch", "0"), ("bench", "--seconds", "-1"), ("bench", "--seconds", "nan"), ("encode", "--input", ""),
                          ("classify", "--json", "--table", "x"), ("encode", "--isa", "sse9", "x")]:
            done = berth(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, b""), (arguments, done.stderr))
            self.assertTrue(done.stderr.startswith("berth: "), done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn("fp32", berth("encode", "--precision", "int3", "x").stderr)
        for arguments, word in [(("frobnicate",), "frobnicate"), (("frobnicate", "encode", "x"), "frobnicate"), (("--frob", "x"), "x"), (("",), "")]:
            self.assertEqual(berth(*arguments).stderr, f'berth: there is no command "{word}" (see berth --help)\n')
        self.assertIn("--model: options go behind the command", berth("--model", "x", "classify", "a").stderr)
        for option in ["--prompt", "--prompt-name"]:
            self.assertTrue(berth("encode", option, b"\xff", "x").stderr.startswith(f"berth: {option}: "))

    def test_paths_that_are_not_utf8(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder, "n\udcff")  # the byte 0xff
            shutil.copytree(WEIGHTS / "intent", folder / "intent")
            shown, escaped = "n\ufffd", "n\\xff"
            model = folder / "intent"
            self.assertEqual(berth("encode", "--model", model, "x").stdout, berth("encode", "x").stdout)
            for arguments, env in [(("--model", model), None), ((), environment(BERTH_WEIGHTS=str(folder)))]:
                (about,) = lines("info", *arguments, env=env)
                found = about["model"]["directory"] if arguments else about["default_models"]["intent"]
                self.assertEqual(pathlib.Path(found).parts[-2:], (shown, "intent"))
                self.assertIn(shown, berth("info", "--table", *arguments, env=env).stdout.decode())
            data = folder / "data"
            data.write_text(jsonl({"text": "play some music", "label": "music"}, {"text": "I lost my card", "label": "card"}))
            (report,) = lines("eval", "--model", WEIGHTS / "intent", "--data", data, "--precision", "int8")
            self.assertIn(escaped, report["against"]["differences"][0]["where"])
            self.assertIn(escaped, berth("eval", "--model", WEIGHTS / "intent", "--data", data, "--precision", "int8", "--table").stdout.decode())
            stored = folder / "stored"
            stored.write_text(jsonl({"text": "x", "embedding": [0.0] * 192}))
            (report,) = parse(berth("verify", "--model", WEIGHTS / "intent", "--against", stored).stdout)
            self.assertIn(escaped, report["differences"][0]["where"])
            profile = folder / "p.json"
            profile.write_text(json.dumps(least()))
            self.assertIn(shown, lines("profile", "check", profile)[0]["profile"])
            self.assertIn(escaped, berth("profile", "check", profile, "--table").stdout.decode())
            for file in ["tokenizer.json", "1_Pooling/config.json"]:
                (model / file).write_text("{}")
                done = berth("encode", "--model", model, "x")
                self.assertEqual((done.returncode, done.stdout), (1, b""))
                self.assertIn(f"{escaped}/intent/{file}: ", done.stderr)
            done = berth("encode", "--model", folder / "absent", "x")
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{escaped}/absent", done.stderr)

    def test_model_errors(self):
        with tempfile.TemporaryDirectory() as folder:
            for directory in ["no/such/directory", folder]:
                for command in ["classify", "encode", "similarity", "tokenize", "bench"]:
                    texts = [] if command == "bench" else ["x"]
                    done = berth(command, "--model", directory, *texts)
                    self.assertEqual((done.returncode, done.stdout), (1, b""), command)
                    self.assertTrue(done.stderr.startswith("berth: "), done.stderr)
                    self.assertIn(directory, done.stderr)
            shutil.copytree(WEIGHTS / "sentiment", folder, dirs_exist_ok=True)
            config = pathlib.Path(folder, "config.json")
            config.write_text(config.read_text().replace('"bert"', '"frobnet"'))
            done = berth("classify", "--model", folder, "x")
            self.assertEqual(done.returncode, 1)
            for fragment in ["frobnet", "bert", "distilbert", "config.json"]:
                self.assertIn(fragment, done.stderr)

    def test_weights_that_are_not_numbers(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(WEIGHTS / "sentiment", folder, dirs_exist_ok=True)
            path = pathlib.Path(folder, "model.safetensors")
            data = bytearray(path.read_bytes())
            header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
            at = 8 + struct.unpack("<Q", data[:8])[0] + header["classifier.weight"]["data_offsets"][0]
            data[at:at + 2] = b"\x00\x7e"  # F16 NaN
            path.write_bytes(data)
            done = berth("classify", "--model", folder, "x")
            self.assertEqual((done.returncode, done.stdout), (1, b""))
            self.assertIn("classifier.weight", done.stderr)

    def test_help_and_version(self):
        version = berth("--version").stdout.decode()
        self.assertRegex(version, r"^berth \d+\.\d+\.\d+\nbuild type: \w+\ncompiler: (GNU|Clang) \d+\.\S+\ninstruction sets: [a-z0-9 ]+\nlinked: (stat|dynam)ically\n$")
        (about,) = lines("info")
        self.assertEqual(version.split()[1], about["version"])
        self.assertEqual(sorted(version.splitlines()[3].split()[2:]), sorted(isa["name"] for isa in about["isas"]))
        self.assertIn(f"project(berth VERSION {about['version']} ", (REPOSITORY / "CMakeLists.txt").read_text())
        self.assertIn(f"## {about['version']}", (REPOSITORY / "CHANGELOG.md").read_text())
        for arguments in [("--help",), ("-h",), ("classify", "--help"), ("bench", "-h")]:
            done = berth(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("Usage: berth", done.stdout.decode())

    def test_threads_and_isa(self):
        system = lines("info")[0]
        self.assertIn(system["isa"], [isa["name"] for isa in system["isas"] if isa["usable"]])
        for threads in [1, 2, 3, 8]:
            self.assertEqual(lines("info", "--model", WEIGHTS / "intent", "--threads", str(threads))[0]["threads"], threads)
        self.assertEqual(lines("info", "--model", WEIGHTS / "intent", env=environment(OMP_NUM_THREADS="1"))[0]["threads"], 1)
        self.assertEqual(lines("info", "--model", WEIGHTS / "intent", "--isa", "baseline")[0]["isa"], "baseline")
        self.assertEqual(lines("info", env=environment(BERTH_ISA="baseline"))[0]["isa"], "baseline")
        for arguments in [("x",), ("--threads", "1", "x")]:
            done = berth("encode", *arguments, env=environment(BERTH_ISA="sse9"))
            self.assertEqual(done.returncode, 1)
            for fragment in ["sse9", "baseline", "avx2"]:
                self.assertIn(fragment, done.stderr)

    def test_where_default_models_are_found(self):
        expected = berth("classify", "ok").stdout
        with tempfile.TemporaryDirectory() as folder:
            bare = {key: value for key, value in environment().items() if key != "BERTH_WEIGHTS"}
            folder = pathlib.Path(folder)
            os.symlink(WEIGHTS, folder / "weights")
            self.assertEqual(berth("classify", "ok", env=bare, cwd=folder).stdout, expected)
            # A folder that lacks the model does not hide those after it.
            self.assertEqual(berth("classify", "ok", env={**bare, "BERTH_WEIGHTS": str(folder)}, cwd=folder).stdout, expected)
            elsewhere = folder / "elsewhere"
            elsewhere.mkdir()
            done = berth("classify", "ok", env={**bare, "BERTH_WEIGHTS": str(elsewhere)}, cwd=elsewhere)
            if not pathlib.Path("/usr/local/share/berth").exists():
                self.assertEqual(done.returncode, 1)
                for fragment in ["sentiment", str(elsewhere), "share/berth", "./weights", "BERTH_WEIGHTS"]:
                    self.assertIn(fragment, done.stderr)
            # An installed tree may be moved: bin/berth finds ../share/berth.
            (folder / "prefix/bin").mkdir(parents=True)
            (folder / "prefix/share").mkdir()
            shutil.copy(BERTH, folder / "prefix/bin/berth")
            os.symlink(WEIGHTS, folder / "prefix/share/berth")
            moved = subprocess.run([*RUNNER, folder / "prefix/bin/berth", "classify", "ok"], env=bare, cwd=elsewhere, capture_output=True)
            self.assertEqual(moved.stdout, expected, moved.stderr)


class Streams(unittest.TestCase):
    def test_threads_that_were_asked_for_work(self):
        for threads in [1, 3, 8]:
            # A busy machine may take a while to start them all.
            with subprocess.Popen([*COMMAND, "bench", "--threads", str(threads), "--seconds", "30"], stdout=subprocess.PIPE, env=environment()) as process:
                most = 0
                begin = time.monotonic()
                while process.poll() is None and (most < threads or time.monotonic() - begin < 1):
                    most = max(most, len(os.listdir(f"/proc/{process.pid}/task")))
                    time.sleep(0.02)
                self.assertIsNone(process.poll())
                process.kill()
            self.assertEqual(most, threads)

    def test_answers_come_while_the_input_is_still_open(self):
        with subprocess.Popen([*COMMAND, "classify"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()) as process:
            timer = threading.Timer(120, process.kill)
            timer.start()
            for text in ["one", "two", "three"]:
                process.stdin.write(text.encode() + b"\n")
                process.stdin.flush()
                self.assertEqual(json.loads(process.stdout.readline())["text"], text)
            process.stdin.close()
            self.assertEqual((process.stdout.read(), process.wait()), (b"", 0))
            timer.cancel()

    def test_a_reader_that_leaves(self):
        def restore():
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        with subprocess.Popen([*COMMAND, "tokenize"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), preexec_fn=restore) as process:
            process.stdout.close()
            with self.assertRaises(BrokenPipeError):  # berth ends at its first answer, long before it has read all this
                with process.stdin:
                    process.stdin.write(b"text\n" * 1000000)
            self.assertEqual((process.wait(timeout=120), process.stderr.read()), (1, b""))

    def test_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*COMMAND, "classify", "ok"], stdout=full, stderr=subprocess.PIPE, env=environment())
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output", done.stderr)


if __name__ == "__main__":
    unittest.main()
