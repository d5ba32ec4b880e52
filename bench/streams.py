#!/usr/bin/env python3
"""What berth's streams keep of the engine's batch throughput: berth classify and encode on a file of texts, process start and model loading included, beside the Python package's
scores and encode on the same texts in one call, in turn, round by round.
usage: streams.py --berth build/release/berth --library build/release/libberth.so --texts FILE [--threads 1,2] [--rounds 5] [--precision int8] [--repeat 1]
FILE has a text on each line. Prints a table: the engine's texts a second, and the streams' share of it, of the fastest rounds of each (what other processes
take only makes them slower) and of the median round; and the same of processor time, the median round, which says it where others take turns on the processors."""
import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]


def processor_seconds():
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def seconds(call):
    """Of the clock, and of processors, other processes' that the call waits for included."""
    start, used = time.perf_counter(), processor_seconds()
    call()
    return time.perf_counter() - start, processor_seconds() - used


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--berth", required=True, type=pathlib.Path)
    parser.add_argument("--library", required=True, type=pathlib.Path)
    parser.add_argument("--texts", required=True, type=pathlib.Path)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--repeat", type=int, default=1, help="how often the texts are taken, one after the other")
    parser.add_argument("--rows", default="labels,npy,jsonl")
    options = parser.parse_args()
    os.environ["BERTH_LIBRARY"] = str(options.library.resolve())
    sys.path.insert(0, str(REPOSITORY / "bindings/python"))
    import berth

    texts = options.texts.read_text(encoding="utf-8").splitlines() * options.repeat
    berth_binary = str(options.berth.resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        source = folder / "texts"
        source.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
        print(f"{len(texts)} texts, {options.precision}, {options.rounds} rounds\n\n| | threads | engine, texts/s | stream's share | median round | of processor time |\n|---|---|---|---|---|---|")
        for threads in map(int, options.threads.split(",")):
            common = ["--threads", str(threads), "--precision", options.precision, "--input-format", "lines", "--input", str(source), "--output"]
            models = {name: berth.Model(REPOSITORY / "weights" / name, threads=threads, precision=options.precision) for name in ("sentiment", "intent")}
            rows = {"labels": ("labels as JSON Lines", models["sentiment"].scores, ["classify", "--model", str(REPOSITORY / "weights/sentiment"), *common, str(folder / "l.jsonl")]),
                    "npy": ("embeddings as `.npy`", models["intent"].encode, ["encode", "--model", str(REPOSITORY / "weights/intent"), *common, str(folder / "e.npy")]),
                    "jsonl": ("embeddings as JSON Lines", models["intent"].encode, ["encode", "--model", str(REPOSITORY / "weights/intent"), *common, str(folder / "e.jsonl")])}
            for key in options.rows.split(","):
                title, engine, command = rows[key]
                engine(texts)
                subprocess.run([berth_binary, *command], check=True)
                alone, streams = [], []
                for _ in range(options.rounds):
                    os.unlink(command[-1])
                    alone.append(seconds(lambda: engine(texts)))
                    streams.append(seconds(lambda: subprocess.run([berth_binary, *command], check=True)))
                fastest = [min(clock for clock, _ in each) for each in (alone, streams)]
                clock, processor = (statistics.median(100 * one[i] / other[i] for one, other in zip(alone, streams)) for i in (0, 1))
                print(f"| {title} | {threads} | {len(texts) / fastest[0]:,.0f} | {100 * fastest[0] / fastest[1]:.1f}% | {clock:.1f}% | {processor:.1f}% |", flush=True)


if __name__ == "__main__":
    main()
