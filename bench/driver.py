"""The two processes that are measured: berth's (model_driver.cpp) and ONNX Runtime's (ort_driver.cjs), one JSON object per line each way."""

import base64
import json
import os
import subprocess
import time

import numpy


class DriverError(RuntimeError):
    pass


class Driver:
    """A process that sleeps on its standard input unless it is working on a command."""

    def __init__(self, name, command, environment=None):
        self.name = name
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        except OSError as error:
            raise DriverError(f"{name}: cannot start {command[0]}: {error.strerror}") from error

    def ask(self, cmd, **arguments):
        try:
            self.process.stdin.write(json.dumps({"cmd": cmd, **arguments}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise DriverError(f"{self.name}: the process ended during {cmd}, exit status {self.process.wait()}")
        reply = json.loads(line)
        if not reply["ok"]:
            raise DriverError(f"{self.name}: {cmd}: {reply['error']}")
        return reply

    def run(self, plan, seconds, min_iterations=1):
        """Nanoseconds of every pass in a slice of about that many seconds. Returns when the process is asleep again."""
        ns = self.ask("run", plan=plan, seconds=seconds, min_iterations=min_iterations)["ns"]
        self.settle()
        return ns

    def cpu_seconds(self):
        """CPU time of all threads so far, to the nanosecond (schedstat; threads that ended are not counted)."""
        total = 0
        folder = f"/proc/{self.process.pid}/task"
        for thread in os.listdir(folder):
            try:
                with open(f"{folder}/{thread}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                pass  # the thread ended meanwhile
        return total / 1e9

    def settle(self, limit=1.0):
        """Waits until the process sleeps: a thread pool goes on spinning for a while (ONNX Runtime's for 40 to 70 ms) after its last work,
        and would take a core from whoever is next."""
        deadline, before = time.monotonic() + limit, self.cpu_seconds()
        while time.monotonic() < deadline:
            time.sleep(0.01)
            now = self.cpu_seconds()
            if now - before < 0.0002:
                return
            before = now
        raise DriverError(f"{self.name}: still busy {limit:g} s after its last command")

    def unload(self):
        self.ask("unload")

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class OrtDriver(Driver):
    def __init__(self, node_modules):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ort_driver.cjs")
        super().__init__("ONNX Runtime", ["node", script], {**os.environ, "BERTH_BENCH_NODE_MODULES": os.path.abspath(node_modules)})

    def load(self, graph, threads, lanes=1, options=None):
        """A session's number; with several lanes, each has `threads` threads."""
        reply = self.ask("load", model=graph, threads=threads, lanes=lanes, options=options or {})
        self.version = reply["version"]
        return reply["session"]

    def prepare(self, session, groups, hidden):
        return self.ask("prepare", session=session, groups=[group.message() for group in groups], hidden=hidden)["plan"]

    def states(self, plan, groups, hidden):
        """The last hidden state [tokens, hidden] of every row, in the batch's order."""
        rows = {}
        for group, text in zip(groups, self.ask("states", plan=plan)["groups"]):
            values = decode(text).reshape(*group.shape, hidden)
            for place, row in enumerate(group.rows):
                rows[row] = values[place, :group.lengths[place]]
        return [rows[row] for row in sorted(rows)]


class BerthDriver(Driver):
    def __init__(self, program, isa=None):
        environment = dict(os.environ)
        if isa:
            environment["BERTH_ISA"] = isa
        super().__init__("berth", [program], environment)

    def load(self, directory, precision, threads):
        """The session's number; what the model says of itself is kept in `info`."""
        reply = self.ask("load", model=directory, precision=precision, threads=threads)
        self.info, self.version = reply["info"], reply["version"]
        return reply["session"]

    def prepare(self, session, rows):
        return self.ask("prepare", session=session, rows=rows)["plan"]

    def states(self, plan):
        """(the last hidden state [tokens, hidden] of every row, the sentence embeddings [rows, hidden] as the timed call gives them)"""
        reply = self.ask("states", plan=plan)
        rows = [decode(text) for text in reply["rows"]]
        embeddings = decode(reply["embeddings"]).reshape(len(rows), -1)
        return [row.reshape(-1, embeddings.shape[1]) for row in rows], embeddings


def decode(text):
    return numpy.frombuffer(base64.b64decode(text), dtype="<f4")
