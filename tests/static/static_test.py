#!/usr/bin/env python3
"""The fully static binary, called as static_test.py BERTH REPOSITORY: what is in the file, what it does in a root directory without anything else, what it asks
of the kernel, and how it ends as a container's first process."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

BERTH = pathlib.Path(sys.argv.pop(1)).resolve()
REPOSITORY = pathlib.Path(sys.argv.pop(1)).resolve()
WEIGHTS = REPOSITORY / "weights"
EMPTY_ROOT = [sys.executable, "-B", pathlib.Path(__file__).with_name("empty_root.py")]
LARGEST = 10 * 10**6  # bytes
# Variables that make programs with a C library's shared parts look for files: locales, character sets, oneTBB's profiler.
TEMPTING = {"LANG": "de_DE.ISO-8859-15", "LC_ALL": "de_DE.ISO-8859-15", "LOCPATH": "/locales", "GCONV_PATH": "/gconv", "TZ": "Europe/Berlin",
            "INTEL_LIBITTNOTIFY64": "/profiler.so"}


def in_empty_root(*arguments, shown, program=BERTH, env=None):
    done = subprocess.run([*EMPTY_ROOT, ":".join(map(str, shown)), program, *arguments], capture_output=True, env=env or {}, timeout=120)
    if done.returncode == 77:
        raise unittest.SkipTest(done.stderr.decode().strip())
    return done


class File(unittest.TestCase):
    def headers(self, *options):
        return subprocess.run(["readelf", "--wide", *options, BERTH], capture_output=True, check=True, text=True).stdout

    def test_it_asks_for_no_loader_and_no_library(self):
        segments = self.headers("--program-headers")
        self.assertNotIn("INTERP", segments)
        self.assertNotIn("(NEEDED)", self.headers("--dynamic"))
        self.assertIn("DYN (", self.headers("--file-header"))  # static-pie: the kernel chooses where it lies

    def test_no_page_is_writable_and_executable_and_the_stack_is_not_executable(self):
        for line in self.headers("--program-headers").splitlines():
            if re.match(r" +(LOAD|GNU_STACK) ", line):
                self.assertNotIn("RWE", line)

    def test_it_is_stripped_and_small(self):
        sections = self.headers("--sections")
        self.assertNotIn(".symtab", sections)
        self.assertNotIn(".debug_", sections)
        self.assertLess(BERTH.stat().st_size, LARGEST)

    def test_it_says_what_it_is(self):
        version = subprocess.run([BERTH, "--version"], capture_output=True, check=True, text=True).stdout
        self.assertIn("\nlinked: statically\n", version)
        self.assertIn("\nbuild type: Release\n", version)
        for isa in ["baseline", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16", "amx"]:
            self.assertRegex(version, rf"\binstruction sets: .*\b{isa}\b")


class EmptyRoot(unittest.TestCase):
    """The binary and a model directory are all there is."""

    def test_answers_are_those_of_a_whole_system(self):
        text = "A warm, funny and beautifully acted film."
        for arguments in [("classify", "--model", WEIGHTS / "sentiment"), ("encode", "--model", WEIGHTS / "intent"), ("tokenize", "--model", WEIGHTS / "intent")]:
            outside = subprocess.run([BERTH, *arguments, text], capture_output=True, check=True)
            done = in_empty_root(*arguments, text, shown=[arguments[2]], env=TEMPTING)
            self.assertEqual((done.returncode, done.stderr, done.stdout), (0, b"", outside.stdout))

    def test_threads_without_proc_and_sys(self):
        done = in_empty_root("info", "--json", shown=[])
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(json.loads(done.stdout)["threads"], len(os.sched_getaffinity(0)))  # there are no control groups to see
        done = in_empty_root("bench", "--model", WEIGHTS / "intent", "--threads", "3", "--seconds", "0.1", "--json", shown=[WEIGHTS / "intent"])
        self.assertEqual((done.returncode, done.stderr, json.loads(done.stdout)["threads"]), (0, b"", 3))

    def test_errors_are_errors(self):
        done = in_empty_root("classify", "text", shown=[])
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"sentiment", done.stderr)

    def test_default_models_beside_the_binary(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "bin").mkdir()
            shutil.copy(BERTH, folder / "bin/berth")
            shutil.copytree(WEIGHTS / "sentiment", folder / "share/berth/sentiment")
            done = in_empty_root("classify", "--json", "A warm, funny film.", shown=[folder], program=folder / "bin/berth")
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertEqual(json.loads(done.stdout)["labels"][0]["label"], "POSITIVE")


class Kernel(unittest.TestCase):
    """What strace sees of a whole run."""

    NETWORK = {"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg",
               "getsockname", "getpeername", "setsockopt", "getsockopt", "shutdown"}
    FILES = re.compile(rf"(/proc/self/|/sys/fs/cgroup|/sys/devices/system/|/proc/(cpuinfo|meminfo)$|{re.escape(str(WEIGHTS))})")

    def trace(self, *arguments):
        """(system call, its text) of everything after the program began."""
        if not shutil.which("strace"):
            self.skipTest("there is no strace")
        with tempfile.NamedTemporaryFile() as log:
            done = subprocess.run(["strace", "-f", "-qq", "-e", "trace=%network,%file,execve", "-o", log.name, BERTH, *arguments], input=b"a text\nanother text\n",
                                  capture_output=True, env={**os.environ, **TEMPTING, "BERTH_WEIGHTS": str(WEIGHTS)}, timeout=120)
            traced = log.read().decode()
        if "ptrace" in done.stderr.decode() and "not permitted" in done.stderr.decode():
            self.skipTest("tracing is not permitted")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return [(match[1], match[0]) for match in re.finditer(r"^\d+ +(\w+)\(.*$", traced, re.MULTILINE)]

    def check(self, *arguments):
        calls = self.trace(*arguments)
        self.assertEqual([text for name, text in calls if name in self.NETWORK], [])
        self.assertEqual(len([text for name, text in calls if name == "execve"]), 1)
        # An empty name is fstat() of an open file.
        files = {match[1] for name, text in calls if name != "execve" if (match := re.search(r'"([^"]*)"', text))}
        self.assertEqual({file for file in files if file and not self.FILES.match(file)}, set())
        self.assertTrue(any(file.startswith(str(WEIGHTS)) for file in files), files)  # the trace did see something

    def test_commands_open_no_connection_and_only_the_files_they_were_given(self):
        self.check("classify")
        self.check("encode")
        self.check("similarity", "--table")
        self.check("info", "--model", WEIGHTS / "emotion", "--table")
        self.check("bench", "--threads", "2", "--seconds", "0.1")

    def test_the_trace_would_show_a_connection(self):
        if not shutil.which("strace"):
            self.skipTest("there is no strace")
        done = subprocess.run(["strace", "-f", "-qq", "-e", "trace=%network", sys.executable, "-c", "import socket; socket.socket()"], capture_output=True, text=True)
        self.assertTrue("socket(" in done.stderr or "not permitted" in done.stderr, done.stderr)


class FirstProcess(unittest.TestCase):
    """The kernel drops signals to a namespace's first process that it does not handle."""

    def ends_by(self, number):
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        process = subprocess.Popen(["unshare", *user, "--pid", "--fork", "--kill-child", *EMPTY_ROOT, str(WEIGHTS / "sentiment"), BERTH, "classify", "--model",
                                    WEIGHTS / "sentiment", "--threads", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            try:
                process.stdin.write(b"a text\n")
                process.stdin.flush()
            except BrokenPipeError:
                pass
            answer = process.stdout.readline()
            if not answer:
                self.skipTest(f"no process namespace: {process.stderr.read().decode().strip()}")
            (child,) = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            self.assertRegex(pathlib.Path(f"/proc/{child}/status").read_text(), r"\nNSpid:\t.*\t1\n")
            os.kill(int(child), number)
            return process.wait(timeout=20)
        finally:
            process.kill()
            process.communicate()

    def test_it_ends_on_signals(self):
        for number in [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]:
            self.assertEqual(self.ends_by(number), 128 + number)

    def test_elsewhere_it_ends_on_them_too(self):
        with subprocess.Popen([BERTH, "classify", "--model", WEIGHTS / "sentiment"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdin.write(b"a text\n")
            process.stdin.flush()
            process.stdout.readline()
            process.terminate()
            self.assertEqual(process.wait(timeout=20), 128 + signal.SIGTERM)  # behind the answers that were asked for


if __name__ == "__main__":
    unittest.main()
