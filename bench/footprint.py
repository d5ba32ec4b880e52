#!/usr/bin/env python3
"""footprint.py BERTH [MODEL]: what a built berth takes: its size, the time from the start of a process to its first label, and the memory of that process.
The files are read once before, so that they are in the page cache."""
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

TEXT = b"A warm, funny and beautifully acted film."
RUNS = 51


def run(command):
    """(ms until the first answer was read, MB resident at most, MB of its own then) of one process."""
    begin = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(TEXT + b"\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        took = time.perf_counter() - begin
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        process.stdin.close()
    if process.returncode != 0 or b'"labels"' not in answer:
        sys.exit(f"footprint: {command} failed")
    peak, own = (int(re.search(rf"^{key}:\s+(\d+) kB$", status, re.MULTILINE)[1]) * 1024 / 1e6 for key in ("VmHWM", "RssAnon"))
    return took * 1e3, peak, own


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    model = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).resolve().parent.parent / "weights/sentiment")
    print(f"binary                        {binary.stat().st_size / 1e6:8.1f} MB")
    print(f"model                         {sum(file.stat().st_size for file in model.rglob('*') if file.is_file()) / 1e6:8.1f} MB   {model.name}")
    for threads in [1, len(os.sched_getaffinity(0))]:
        command = [binary, "classify", "--json", "--model", model, "--threads", str(threads)]
        run(command)
        times, peaks, owns = zip(*(run(command) for _ in range(RUNS)))
        print(f"start to first label, {threads} thread{'s' * (threads > 1):1} {statistics.median(times):8.1f} ms   best {min(times):.1f}, {RUNS} processes")
        print(f"resident memory at most       {max(peaks):8.1f} MB   {max(owns):.1f} MB of its own, the rest pages of the program and the model")


if __name__ == "__main__":
    main()
