#!/usr/bin/env python3
"""examples/scale: GNU parallel, and Dask with a worker killed midway. usage: scale_test.py BERTH LIBBERTH REPOSITORY, by Debian's Python.
Debian: parallel, python3-distributed, python3-numpy."""
import importlib.util
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BERTH, LIBRARY, REPOSITORY = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
MODEL = REPOSITORY / "weights/intent"
ENVIRONMENT = {**os.environ, "BERTH_LIBRARY": str(LIBRARY), "PYTHONPATH": str(REPOSITORY / "bindings/python"), "BERTH_WEIGHTS": str(REPOSITORY / "weights"),
               "PYTHONDONTWRITEBYTECODE": "1", "DASK_DISTRIBUTED__DASHBOARD__LINK": "", "OMP_NUM_THREADS": "1"}
MISSING = [name for name in ["numpy", "distributed"] if importlib.util.find_spec(name) is None] + [name for name in ["parallel", "dask-scheduler", "dask-worker"] if not shutil.which(name)]


def texts(count):
    return [f"message {i} about {('a card', 'music', 'the weather')[i % 3]} {'again ' * (i % 7)}".strip() for i in range(count)]


class Scale(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.processes = []
        self.addCleanup(self.end_processes)

    def end_processes(self):
        for process in self.processes:
            process.kill()
            process.wait()

    def start(self, *command):
        log = open(self.folder / f"log-{len(self.processes)}", "w+b")
        self.addCleanup(log.close)
        process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=subprocess.STDOUT, env=ENVIRONMENT, cwd=self.folder)
        self.processes.append(process)
        return process, pathlib.Path(log.name)

    def test_parallel(self):
        source = self.folder / "in.txt"
        source.write_text("\n".join(texts(5000)) + "\n")
        command = [str(BERTH), "encode", "--json", "--threads", "1", "--input-format", "lines"]
        whole = subprocess.run([*command, "--input", source], capture_output=True, env=ENVIRONMENT, check=True).stdout
        together = subprocess.run(["parallel", "--will-cite", "--pipepart", "-a", source, "--block", "20k", "-j2", "-k", *command], capture_output=True,
                                  env={**ENVIRONMENT, "HOME": str(self.folder)}, check=True).stdout
        self.assertEqual(together, whole)

    def test_dask_with_a_worker_killed(self):
        import numpy as np

        count, lines = 12000, 200
        source, output = self.folder / "corpus.txt", self.folder / "out"
        source.write_text("\n".join(texts(count)) + "\n")
        _, log = self.start("dask-scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        deadline, address = time.monotonic() + 60, None
        while address is None:
            self.assertLess(time.monotonic(), deadline, log.read_text())
            found = re.search(r"Scheduler at:\s+(tcp://[0-9.:]+)", log.read_text())
            address = found and found.group(1)
            time.sleep(0.1)
        workers = [self.start("dask-worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", self.folder / f"w{i}") for i in range(2)]
        while any("Registered to" not in log.read_text() for _, log in workers):
            self.assertLess(time.monotonic(), deadline, [log.read_text() for _, log in workers])
            time.sleep(0.1)
        job, log = self.start("/usr/bin/python3", REPOSITORY / "examples/scale/dask_embed.py", "--scheduler", address, "--model", MODEL, "--input", source, "--output", output,
                              "--lines", str(lines))
        while len(list(output.glob("*.npy"))) < 10:
            self.assertIsNone(job.poll(), log.read_text())
            self.assertLess(time.monotonic(), deadline, log.read_text())
            time.sleep(0.01)
        workers[0][0].send_signal(signal.SIGKILL)
        done_then = len(list(output.glob("*.npy")))
        self.assertEqual(job.wait(timeout=240), 0, log.read_text())
        self.assertLess(done_then, count // lines, "the worker was killed after the end")
        files = sorted(output.iterdir())
        self.assertEqual([file.name for file in files], [f"part-{i:05}.npy" for i in range(count // lines)])
        told = np.concatenate([np.load(file) for file in files])
        os.environ["BERTH_LIBRARY"] = str(LIBRARY)
        sys.path.insert(0, str(REPOSITORY / "bindings/python"))
        import berth

        self.assertTrue(np.array_equal(told, berth.Model(MODEL, threads=2).encode(texts(count))))  # every line once, in its place, the same bits


if __name__ == "__main__":
    if MISSING:
        print("not installed:", ", ".join(MISSING))
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
