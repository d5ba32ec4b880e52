#!/usr/bin/env python3
"""Runs of berth classify and encode that end early, and go on."""
import concurrent.futures
import json
import os
import pathlib
import pty
import random
import re
import shutil
import signal
import subprocess
import time
import tty
import unittest

from binary import COMMAND, berth, environment, jsonl
from files import WithFolder, read_npy
from slowness import SLOWNESS

ARGUMENTS = ["--threads", "1", *(["--precision", "int8"] if SLOWNESS > 1 else [])]  # INT8 takes a third of the time under sanitizers


class Interrupted(WithFolder):
    """Runs that end early go on behind what they answered: the output is that of one run, byte for byte."""

    def input(self, rows=2600):
        return self.write("in.jsonl", jsonl(*({"id": i, "text": f"message {i} " + "word " * (i % 9)} if i % 97 else {"id": i} for i in range(rows))))

    def arguments(self, name, command="classify", kind="jsonl"):
        extra = ["--keep-fields"] if kind == "jsonl" else []
        return [command, *extra, *ARGUMENTS, "--input", self.folder / "in.jsonl", "--output", self.folder / f"{name}.{kind}", "--errors", self.folder / f"{name}.bad"]

    def same(self, path, expected):
        """As assertEqual() of what is there, but with the place instead of two whole files."""
        found = path.read_bytes()
        if found == expected:
            return
        at = next((i for i, (one, other) in enumerate(zip(found, expected)) if one != other), min(len(found), len(expected)))
        around = slice(max(0, at - 80), at + 80)
        self.fail(f"{path.name} has {len(found)} bytes, {len(expected)} were expected, the first other one is {at}: {found[around]} instead of {expected[around]}")

    def wait_for_bytes(self, output, process, wanted=1):
        """Until the output has so many, or the process has ended."""
        deadline = time.monotonic() + 60
        while (not output.exists() or output.stat().st_size < wanted) and process.poll() is None:
            self.assertLess(time.monotonic(), deadline, f"{output.name} does not come to {wanted} bytes")
            time.sleep(0.002)

    def start_and_stop(self, arguments, output, number, wanted):
        process = subprocess.Popen([str(word) for word in [*COMMAND, *arguments]], stderr=subprocess.PIPE, env=environment())
        self.wait_for_bytes(output, process, wanted)
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
        progress = self.folder / f"part.{kind}.progress"
        if status == 0 or (status == -signal.SIGKILL and not progress.exists()):  # which goes last of all
            self.skipTest("the run was too fast to be stopped")
        if number == signal.SIGKILL:
            self.assertEqual(status, -signal.SIGKILL, errors)
        else:
            self.assertEqual(status, 128 + number, errors)
            self.assertRegex(errors, r"interrupted after \d+ answers; --resume goes on behind line \d+")
        if kind == "npy" and number != signal.SIGKILL:
            self.assertGreater(read_npy(self.folder / "part.npy")[1], 0)  # what is there can be read
        done = berth(*arguments, "--resume")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.same(self.folder / f"part.{kind}", expected[0])
        self.same(self.folder / "part.bad", expected[1])
        self.assertFalse(progress.exists())

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
        command = ["encode" if name.endswith("npy") else "classify", *ARGUMENTS, "--input", "-", "--input-format", "csv" if name.endswith("csv") else "jsonl"]
        arguments = [*command, *(["--keep-fields"] if name.endswith("jsonl") else []), "--output", output, "--errors", bad]
        done = berth(*arguments, stdin="".join(source))
        self.assertEqual(done.returncode, 0, done.stderr)
        expected = output.read_bytes(), bad.read_bytes()
        output.unlink()
        account = lambda: json.loads(progress.read_text()) if progress.exists() else {"lines": 0}
        last, extra = 0, []
        for turn in range(2):
            stderr = self.folder / f"{name}.stderr{turn}"
            with open(stderr, "wb") as errors:
                process = subprocess.Popen([str(word) for word in [*COMMAND, *arguments, *extra]], stdin=subprocess.PIPE, stderr=errors, env=environment())
            start, sent, stop = time.monotonic(), 0, None
            told = lambda: f"{name}, run {turn + 1}, after {time.monotonic() - start:.1f} s: sent {sent} of {len(source)} lines, to be killed at {stop}, account {account()} after {last}: {stderr.read_text()}"
            # What was answered before is skipped at once; the rest comes slowly, so that an account falls due in its midst, and ever more slowly, so that on a
            # machine that is busy elsewhere there is something left when it does.
            while stop is None or sent < stop:
                count = 400 if sent < last else 8 if sent < last + 800 or stop is not None else 1
                self.assertIsNone(process.poll(), told())
                self.assertLess(sent + count, len(source), told())
                process.stdin.write("".join(source[sent:sent + count]).encode())
                process.stdin.flush()
                sent += count
                time.sleep(0.01)
                if stop is None and account()["lines"] > last:
                    stop = sent + generator.randrange(120)
                self.assertLess(time.monotonic(), start + 60, told())
            process.kill()
            process.stdin.close()
            self.assertEqual(process.wait(timeout=60), -signal.SIGKILL, told())
            self.assertGreater(account()["lines"], last, told())
            last, extra = account()["lines"], ["--resume"]
        done = berth(*arguments, "--resume", stdin="".join(source))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.same(output, expected[0])
        self.same(bad, expected[1])
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
        self.wait_for_bytes(self.folder / "part.jsonl", process)
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
        self.wait_for_bytes(self.folder / "part.jsonl", process)
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
        # Of a slow run it may be an account that finds no room, every two seconds.
        found = re.search(r"disk\.jsonl(\.progress\S*)?: cannot write: No space left on device; --resume goes on behind line (?P<line>\d+)\n", done.stderr)
        self.assertIsNotNone(found, done.stderr)
        self.assertGreater(int(found["line"]), 1000)
        self.assertEqual(done.stdout.split(), [f'"lines":{found["line"]}', "disk.jsonl", "disk.jsonl.progress"])
        self.assertEqual((self.folder / "kept.jsonl").read_bytes() == whole, True)
        self.assertEqual(pathlib.Path(bad).read_bytes(), (self.folder / "whole.bad").read_bytes())

    @unittest.skipUnless(os.path.exists("/dev/full"), "there is no /dev/full")
    def test_a_full_disk(self):
        done = berth("classify", "--output", "/dev/full", "x")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/dev/full: cannot write: No space left on device", done.stderr)
        for arguments in [["--help"], ["--version"], ["classify", "--help"]]:
            with open("/dev/full", "wb") as full:
                done = subprocess.run([*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, env=environment())
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn(b"standard output: cannot write", done.stderr)

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
