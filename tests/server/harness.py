"""A server under test and clients that send what they like. `from harness import ...` in a script called as script.py BERTH REPOSITORY."""
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BERTH = pathlib.Path(sys.argv.pop(1)).resolve()
REPOSITORY = pathlib.Path(sys.argv.pop(1)).resolve()
WEIGHTS = REPOSITORY / "weights"
sys.path.append(str(REPOSITORY / "tests"))
from slowness import SLOWNESS  # noqa: E402
CASES = REPOSITORY / "tests" / "reference"


def environment(**extra):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("BERTH_", "OMP_"))}
    return {**kept, "BERTH_WEIGHTS": str(WEIGHTS), **extra}


class Server:
    """A running `berth serve`, on a port of its own unless there is --uds-path."""

    def __init__(self, *arguments, env=None, wait=True, prefix=()):
        own = [] if any(str(each) == "--uds-path" for each in arguments) else ["--port", "0"]
        self.process = subprocess.Popen([*prefix, BERTH, "serve", *own, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env=env or environment())
        self.lines, self._queue = [], queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = None
        if wait:
            line = self.wait_for("listening")
            if "http://" in line:
                self.port = int(line.split("http://")[1].split()[0].strip('"').split('"')[0].rsplit(":", 1)[1])

    def _read(self):
        for line in self.process.stderr:
            self._queue.put(line.decode(errors="replace").rstrip("\n"))
        self._queue.put(None)

    def wait_for(self, word, timeout=60):
        """The next line of the log with this word."""
        end = time.monotonic() + timeout * SLOWNESS
        while True:
            line = self._queue.get(timeout=max(0.01, end - time.monotonic()))
            if line is None:
                raise AssertionError("the server ended: " + "\n".join(self.lines))
            self.lines.append(line)
            if word in line:
                return line

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, number=signal.SIGTERM):
        """The exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(timeout=60 * SLOWNESS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server did not stop")
        self._reader.join(10)
        while not self._queue.empty():
            line = self._queue.get()
            if line is not None:
                self.lines.append(line)
        self.process.stderr.close()
        return status

    def alive(self):
        return self.process.poll() is None

    def resident(self, which="VmRSS:"):
        """Bytes."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(which):
                return int(line.split()[1]) * 1024
        return 0

    def peak(self):
        """The most that was ever resident, in bytes."""
        return self.resident("VmHWM:")

    def connect(self, timeout=30):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=timeout * SLOWNESS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def request(self, method, path, body=None, headers=None, timeout=60):
        """One request on a connection of its own."""
        with self.connect(timeout) as connection:
            connection.sendall(message(method, path, body, {**(headers or {}), "connection": "close"}))
            return read_response(connection.makefile("rb"), method == "HEAD")

    def post(self, path, body, headers=None, timeout=60):
        return self.request("POST", path, body, headers, timeout)

    def metrics(self):
        """Values by name with labels."""
        values = {}
        for line in self.request("GET", "/metrics").text.splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:300]!r}"


def message(method, path, body=None, headers=None):
    """The bytes of a request; `body` is bytes, a string, or what becomes JSON."""
    headers = {"host": "localhost", **(headers or {})}
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    if body is not None:
        headers.setdefault("content-type", "application/json")
        headers.setdefault("content-length", str(len(body)))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def read_response(stream, head_only=False):
    """The next response of a stream, or None at its end."""
    line = stream.readline()
    if not line:
        return None
    status = int(line.split()[1])
    headers = {}
    for line in iter(stream.readline, b"\r\n"):
        if not line:
            raise AssertionError("a header that is cut")
        name, value = line.decode("latin-1").rstrip("\r\n").split(": ", 1)
        headers[name.lower()] = value
    if status == 100:
        return read_response(stream, head_only)
    size = 0 if head_only else int(headers.get("content-length", 0))
    body = stream.read(size)
    if len(body) != size:
        raise AssertionError(f"{len(body)} of {size} bytes of a body")
    return Response(status, headers, body)


def run(*arguments, env=None):
    """The command line, whatever comes of it."""
    return subprocess.run([BERTH, *map(str, arguments)], capture_output=True, text=True, env=env or environment(), timeout=60 * SLOWNESS)


def cli(*arguments, stdin=b""):
    """JSON lines of the command line."""
    done = subprocess.run([BERTH, *map(str, arguments)], input=stdin, capture_output=True, env=environment(), timeout=120 * SLOWNESS)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode())
    return [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]


def with_tokenizer(case, target):
    """Two of the reference cases together: a model that has no tokenizer, and one with as many entries as it has."""
    shutil.copytree(CASES / case, target)
    size = json.loads((target / "config.json").read_text())["vocab_size"]
    (target / "vocab.txt").write_text("".join((CASES / "bert/vocab.txt").read_text().splitlines(True)[:size]))
    (target / "tokenizer_config.json").write_text('{"do_lower_case": true, "tokenizer_class": "BertTokenizer"}')
    return target


def fill_mask_model(folder):
    return with_tokenizer("bert-mlm", pathlib.Path(folder) / "mlm")


def temporary_folder():
    return tempfile.TemporaryDirectory()


def until(condition, timeout=20, what="condition"):
    end = time.monotonic() + timeout * SLOWNESS
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not in time: {what}")
