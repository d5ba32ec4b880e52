#!/usr/bin/python3
"""berth against ONNX Runtime, in turn, on the same weights and the same token ids. README.md says what makes it fair.

    ./dev bench                              everything in FP32 (about half an hour)
    ./dev bench --quick                      MiniLM-L6 and three cells, in a minute or two
    ./dev bench --precisions int8,bf16 --models minilm-l6 --threads 2 --cells ragged --json out.json

Exit status: 0 good; 1 when outputs disagree, a ratio is below --at-least or something failed; 2 usage.
"""

import argparse
import itertools
import json
import os
import sys

import cells
import measure
import models
import report
from driver import BerthDriver, DriverError, OrtDriver

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULT_MODELS = ["minilm-l6", "minilm-l12", "distilbert", "bert-base"]


def listed(choices, convert=str):
    def parse(text):
        values = [convert(value) for value in text.split(",")]
        for value in values:
            if choices and value not in choices:
                raise argparse.ArgumentTypeError(f"{value!r} is not one of {', '.join(choices)}")
        return values
    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=listed(models.SHAPES), help="default: " + ",".join(DEFAULT_MODELS))
    parser.add_argument("--cells", type=listed(cells.CELLS), help="default: " + ",".join(cells.CELLS))
    parser.add_argument("--precisions", type=listed(["fp32", "bf16", "int8"]), default=["fp32"],
                        help="default: fp32; bf16 is set against ONNX Runtime's fp32")
    parser.add_argument("--threads", type=listed(None, int), help="default: 1,2")
    parser.add_argument("--rounds", type=int, help="default: 7")
    parser.add_argument("--slice", type=float, help="seconds a side runs before the other has its turn; default 0.4")
    parser.add_argument("--quick", action="store_true", help="minilm-l6; 1x16, 1x128, ragged; 3 rounds of 0.2 s, where not said otherwise")
    parser.add_argument("--isa", help="caps berth's instruction set, as BERTH_ISA does")
    parser.add_argument("--against", choices=["ort", "berth-fp32"], default="ort", help="berth-fp32: berth's own FP32 in ONNX Runtime's place")
    parser.add_argument("--ort-only", action="store_true", help="measure ONNX Runtime alone")
    parser.add_argument("--at-least", type=float, metavar="RATIO", help="exit status 1 when a cell's ratio is lower")
    parser.add_argument("--json", metavar="FILE", help="write the results there too")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables there too")
    parser.add_argument("--work", metavar="DIR", default=os.path.join(ROOT, "build", "bench-data"), help="models, graphs, node_modules")
    parser.add_argument("--driver", metavar="FILE", default=os.path.join(ROOT, "build", "bench", "bench", "model_driver"), help="berth's side")
    arguments = parser.parse_args()
    defaults = {"models": DEFAULT_MODELS, "cells": list(cells.CELLS), "threads": [1, 2], "rounds": 7, "slice": 0.4}
    if arguments.quick:
        defaults |= {"models": ["minilm-l6"], "cells": ["1x16", "1x128", "ragged"], "rounds": 3, "slice": 0.2}
    for name, value in defaults.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    if arguments.rounds < 1 or arguments.slice <= 0 or min(arguments.threads) < 1:
        parser.error("--rounds and --threads are at least 1, --slice is above 0")
    if arguments.ort_only and arguments.against != "ort":
        parser.error("--ort-only has no other side")
    return arguments


class Comparison:
    def __init__(self, arguments):
        self.arguments = arguments
        self.versions = {}
        self.graphs = os.path.join(arguments.work, "onnx")
        self.ort = OrtDriver(os.path.join(arguments.work, "node_modules"))
        self.berth = None if arguments.ort_only else BerthDriver(arguments.driver, arguments.isa)
        self.own_fp32 = BerthDriver(arguments.driver, arguments.isa) if arguments.against == "berth-fp32" else None
        self.drivers = [driver for driver in (self.ort, self.berth, self.own_fp32) if driver]

    def model(self, name):
        directory = os.path.join(self.arguments.work, "models", name)
        models.write(models.SHAPES[name], directory)
        return directory, models.SHAPES[name]

    def prepare_other(self, directory, shape, batch, precision, threads):
        """The other side's contenders, and by their names how each of them runs the batch."""
        if self.own_fp32:
            session = self.own_fp32.load(directory, "fp32", threads)
            return [measure.Contender("own", self.own_fp32, self.own_fp32.prepare(session, batch))], {"own": "berth fp32"}, None
        side = measure.OrtSide(self.ort, directory, self.graphs, shape, "fp32" if precision == "bf16" else precision, threads)
        contenders, chosen = side.prepare(batch, self.arguments.slice / 2)
        states = self.ort.states(contenders[0].plan, chosen[contenders[0].name][1].groups, shape.hidden)
        ways = {name: form if name == "batch" else f"{form}, {strategy.name}" for name, (form, strategy) in chosen.items()}
        return contenders, ways, states

    def prepare_berth(self, directory, batch, precision, threads):
        session = self.berth.load(directory, precision, threads)
        self.versions["berth"], self.versions["isa"] = self.berth.version, self.berth.info.get("isa")
        return measure.Contender("berth", self.berth, self.berth.prepare(session, batch))

    def agreement(self, precision, reference, other_states, berth):
        states, embeddings = berth.driver.states(berth.plan)
        check = {"berth": measure.compare_states(states, reference, precision), "pooling": measure.check_pooling(states, embeddings)}
        check["agrees"] = check["berth"]["agrees"] and check["pooling"]
        if precision == "int8" and other_states:
            check["other"] = measure.compare_states(other_states, reference, precision)  # shown, not judged
        return check

    def cell(self, name, precision, threads, cell):
        directory, shape = self.model(name)
        batch = cells.cell_ids(cell, shape.vocab_size)
        result = {"model": name, "precision": precision, "threads": threads, "cell": cell}
        reference = None
        if self.berth and (precision == "int8" or self.own_fp32):
            reference = measure.reference_states(self.ort, directory, self.graphs, shape, batch, threads)
        contenders, ways, other_states = self.prepare_other(directory, shape, batch, precision, threads)
        if self.berth:
            berth = self.prepare_berth(directory, batch, precision, threads)
            result["agreement"] = self.agreement(precision, reference or other_states, other_states, berth)
            contenders.append(berth)
        times, result["bystander_cores"] = measure.time_in_turn(contenders, self.arguments.rounds, self.arguments.slice)
        for driver in self.drivers:
            driver.unload()
        others = {key: times[key].median for key in ways}
        best = min(others, key=others.get)
        result |= {"way": ways[best], "other_ms": others[best], "rounds_ms": {key: one.rounds for key, one in times.items()}}
        if len(ways) > 1:
            result["strategies"] = {key: {"ms": others[key], "way": ways[key]} for key in ways}
        if self.berth:
            result |= measure.summary(times, "berth", best)
        return result

    def close(self):
        for driver in self.drivers:
            driver.close()


def run(arguments):
    host = report.machine()
    comparison = Comparison(arguments)
    results = []
    try:
        for precision, name, threads, cell in itertools.product(arguments.precisions, arguments.models, arguments.threads, arguments.cells):
            print(f"{name} {precision} {threads} thread{'s' * (threads > 1)} {cell} ...", end=" ", flush=True, file=sys.stderr)
            result = comparison.cell(name, precision, threads, cell)
            results.append(result)
            text = f"other {report.milliseconds(result['other_ms'])} ms ({result['way']})"
            if "ratio" in result:
                text += f", berth {report.milliseconds(result['ms'])} ms, ratio {result['ratio']:.2f} (least passes {result['least_ratio']:.2f}), {report.agreement(result)}"
            print(text, flush=True, file=sys.stderr)
    finally:
        comparison.close()
    comparison.versions["onnxruntime"] = getattr(comparison.ort, "version", None)
    return {"machine": host, "versions": comparison.versions, "other": "berth fp32" if comparison.own_fp32 else "ONNX Runtime",
            "settings": {"rounds": arguments.rounds, "slice": arguments.slice, "isa": arguments.isa}, "cells": results}


def main():
    arguments = parse_arguments()
    try:
        result = run(arguments)
    except (DriverError, OSError, ValueError) as error:
        print(f"\ncompare.py: {error}", file=sys.stderr)
        return 1
    text = report.markdown(result)
    print(text)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
    if arguments.markdown:
        with open(arguments.markdown, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    failed = [cell for cell in result["cells"] if not cell.get("agreement", {"agrees": True})["agrees"]]
    slow = [cell for cell in result["cells"] if arguments.at_least and cell.get("ratio", 0) < arguments.at_least]
    if failed or slow:
        print(f"compare.py: outputs disagree in {len(failed)} cells, ratio below {arguments.at_least} in {len(slow)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
