#!/usr/bin/env python3
"""Two servers behind HAProxy with packaging/haproxy/haproxy.cfg: one is killed under load, one drains, and no request fails. usage: haproxy_test.py BERTH REPOSITORY"""
import csv
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from harness import REPOSITORY, WEIGHTS, SLOWNESS, Server, message, read_response, temporary_folder, until

HAPROXY = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
if HAPROXY is None:
    print("skipped: there is no haproxy (Debian's package haproxy)")
    sys.exit(77)
CLIENTS = 12
TEXTS = ["How do I change my PIN?", "Play some jazz in the kitchen", "word " * 60, "Put on some music, please"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Load:
    """Clients that ask without a pause on connections that stay, until stop(): each answer must be 200 and have the right bits."""

    def __init__(self, port, expected):
        self.port, self.expected = port, expected
        self.answered, self.failed = 0, []
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(i,)) for i in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _ask(self, number):
        connection = None
        while not self._stop.is_set():
            index = (number + self.answered) % len(TEXTS)
            try:
                if connection is None:
                    connection = socket.create_connection(("127.0.0.1", self.port), timeout=60 * SLOWNESS)
                    stream = connection.makefile("rb")
                connection.sendall(message("POST", "/embed", {"inputs": TEXTS[index]}))
                response = read_response(stream)
                problem = "closed" if response is None else None if (response.status, response.body) == (200, self.expected[index]) else repr(response)
            except (OSError, AssertionError) as error:
                problem, response = repr(error), None
                time.sleep(0.05)
            with self._lock:
                self.answered += problem is None
                if problem is not None:
                    self.failed.append(problem)
            if connection is not None and (response is None or response.headers.get("connection") == "close"):
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def wait(self, count):
        target = self.answered + count
        until(lambda: self.answered >= target or self.failed, timeout=60, what=f"{count} more answers")

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


class Balanced(unittest.TestCase):
    def setUp(self):
        self.servers = [self.server(), self.server()]
        self.front = free_port()
        env = {**os.environ, "BERTH_FRONT": f"127.0.0.1:{self.front}", "BERTH_ONE": f"127.0.0.1:{self.servers[0].port}", "BERTH_TWO": f"127.0.0.1:{self.servers[1].port}"}
        config = REPOSITORY / "packaging/haproxy/haproxy.cfg"
        checked = subprocess.run([HAPROXY, "-c", "-f", config], env=env, capture_output=True, text=True, timeout=60)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertNotIn("WARNING", checked.stderr)
        temporary = temporary_folder()
        self.addCleanup(temporary.cleanup)
        self.statistics = pathlib.Path(temporary.name) / "socket"
        more = pathlib.Path(temporary.name) / "more.cfg"
        more.write_text(f"global\n  stats socket {self.statistics}\n")
        self.proxy = subprocess.Popen([HAPROXY, "-db", "-f", config, "-f", more], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end)
        self.expected = [self.servers[0].post("/embed", {"inputs": text}).body for text in TEXTS]
        until(self.reachable, what="haproxy")

    def server(self, port=0):
        return Server("--port", port, "--model", f"intent={WEIGHTS / 'intent'}", "--threads", "1", "--drain-delay", "3")

    def reachable(self):
        try:
            with socket.create_connection(("127.0.0.1", self.front), timeout=5) as connection:
                connection.sendall(message("GET", "/health"))
                return read_response(connection.makefile("rb")).status == 200
        except (OSError, AttributeError):
            return False

    def count(self, *fields):
        """The sum of these of HAProxy's figures of the servers."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.statistics))
            connection.sendall(b"show stat\n")
            lines = list(csv.DictReader(connection.makefile("r")))
        return sum(int(line[field]) for line in lines if line["# pxname"] == "servers" and line["svname"] == "BACKEND" for field in fields)

    def end(self):
        self.proxy.kill()
        self.proxy.wait()
        for server in self.servers:
            if server.alive():
                server.stop()
            else:
                server.process.stderr.close()

    def in_use(self, server):
        return server.metrics().get("te_embed_count", 0)

    def test_one_is_killed_under_load(self):
        load = Load(self.front, self.expected)
        try:
            load.wait(300)
            self.assertGreater(min(self.in_use(server) for server in self.servers), 50)  # both have work
            self.servers[0].process.send_signal(signal.SIGKILL)
            self.servers[0].process.wait()
            load.wait(600)  # those that it had in flight among them: retried
            port = self.servers[0].port
            self.servers[0].process.stderr.close()
            self.servers[0] = self.server(port)  # and back again
            until(lambda: self.in_use(self.servers[0]) > 50, what="work for the server that came back")
        finally:
            load.stop()
        self.assertEqual(load.failed, [])
        self.assertGreater(load.answered, 900)
        self.assertGreater(self.count("wretr", "wredis"), 0)  # there were some in flight

    def test_one_drains_under_load(self):
        load = Load(self.front, self.expected)
        try:
            load.wait(300)
            self.assertGreater(min(self.in_use(server) for server in self.servers), 50)
            begin = time.monotonic()
            self.assertEqual(self.servers[0].stop(signal.SIGTERM), 0)
            self.assertGreater(time.monotonic() - begin, 3)  # the delay
            self.assertTrue(any("all_answered=true" in line for line in self.servers[0].lines), self.servers[0].lines)
            load.wait(300)
        finally:
            load.stop()
        self.assertEqual(load.failed, [])


if __name__ == "__main__":
    unittest.main()
