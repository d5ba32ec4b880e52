#!/usr/bin/env python3
"""Options, paths, mistakes and pipes, as every command has them; on the built binary."""
import json
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

    @unittest.skipIf(RUNNER, "the runner needs its standard streams")
    def test_without_standard_streams(self):
        # The first file that is opened would become standard error, and messages would be written into it.
        with tempfile.TemporaryDirectory() as folder:
            def run(name, closed):
                source, output, bad = (pathlib.Path(folder) / f"{name}.{kind}" for kind in ["in", "out", "bad"])
                source.write_text(jsonl({"text": "good"}, {"text": 5}, {"text": "bad"}))
                command = [*COMMAND, "classify", "--input", source, "--input-format", "jsonl", "--output", output, "--output-format", "jsonl", "--errors", bad]
                done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *command], env=environment(), capture_output=True, timeout=240)
                return done.returncode, output.read_bytes(), bad.read_bytes()
            expected = run("all", "")
            self.assertEqual((expected[0], expected[1].count(b"\n"), expected[2].count(b"\n")), (0, 2, 1))
            for closed in ["2>&-", "<&- 2>&-", "<&- >&- 2>&-"]:
                self.assertEqual(run("some", closed), expected, closed)
            done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "classify", "good"], env=environment(), capture_output=True, timeout=240)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"standard output: cannot write", done.stderr)

    def test_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*COMMAND, "classify", "ok"], stdout=full, stderr=subprocess.PIPE, env=environment())
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output", done.stderr)


if __name__ == "__main__":
    unittest.main()
