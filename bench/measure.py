"""Measures one cell: finds ONNX Runtime's fastest way to run it, checks that both sides compute the same, then times them in turn."""

import statistics
import time
from dataclasses import dataclass

import numpy

import cells
import onnx_graph
from driver import Driver

# What the two sides may differ by. FP32: largest difference of any value of the last hidden state, relative to the largest value where that
# exceeds 1. Others: cosine of a row's last hidden state with ONNX Runtime's in FP32, over all its tokens (the weights are random and no
# outliers were trained away: a wrong scale, a swapped head or a saturating sum lands far below these).
FP32_TOLERANCE = 5e-5
COSINE_FLOOR = {"bf16": 0.999, "int8": 0.99}
# The sentence embedding against the mean of the token states that the same engine reports.
POOLING_TOLERANCE = 1e-5


@dataclass
class Contender:
    """Something prepared in a process: what takes its turn in the rounds."""
    name: str
    driver: Driver
    plan: int

    def run(self, seconds, min_iterations=1):
        """The median and the least time of a pass in ms, over a slice of about that many seconds."""
        ns = self.driver.run(self.plan, seconds, min_iterations)
        return statistics.median(ns) / 1e6, min(ns) / 1e6


def fastest(contenders, seconds, probes=3):
    """The contender with the fastest pass of a few short slices, taken in turn after a warm-up."""
    if len(contenders) == 1:
        return contenders[0]
    for contender in contenders:
        contender.run(seconds / 2)
    best = {}
    for _ in range(probes):
        for contender in contenders:
            took, _ = contender.run(seconds)
            best[id(contender)] = min(took, best.get(id(contender), took))
    return min(contenders, key=lambda contender: best[id(contender)])


class OrtSide:
    def __init__(self, driver, directory, graphs, shape, precision, threads):
        self.driver, self.directory, self.graphs, self.shape = driver, directory, graphs, shape
        self.precision, self.threads = precision, threads
        self.sessions = {}

    def contender(self, name, form, strategy, lanes=None):
        lanes = strategy.sessions if lanes is None else lanes
        key = (form, strategy.masked, lanes, strategy.sessions)
        if key not in self.sessions:
            graph = onnx_graph.export(self.directory, self.graphs, self.precision, form, strategy.masked)
            self.sessions[key] = self.driver.load(graph, self.threads if strategy.sessions == 1 else 1, lanes)
        return Contender(name, self.driver, self.driver.prepare(self.sessions[key], strategy.groups, self.shape.hidden))

    def unload(self):
        self.driver.unload()
        self.sessions = {}

    def best_form(self, strategy, seconds):
        """The graph form that runs a strategy fastest. One lane is enough to tell, and keeps the memory small."""
        forms = onnx_graph.FORMS[self.precision]
        chosen = fastest([self.contender(form, form, strategy, lanes=1) for form in forms], seconds).name
        self.unload()
        return chosen

    def prepare(self, batch, seconds):
        """The contenders for a batch, and for each (name) the form and strategy: one for rows of equal length, else three."""
        strategies = cells.strategies(batch, self.threads)
        if len(strategies) == 1:
            form = self.best_form(strategies[0], seconds)
            return [self.contender("batch", form, strategies[0])], {"batch": (form, strategies[0])}
        padded, rows = strategies[0], strategies[-1]
        buckets = strategies[1:-1]
        masked_form = self.best_form(buckets[1], seconds)
        row_form = self.best_form(rows, seconds)
        by_name = {strategy.name: strategy for strategy in buckets}
        bucket = by_name[fastest([self.contender(s.name, masked_form, s) for s in buckets], seconds).name]
        self.unload()
        chosen = {"padded": (masked_form, padded), "buckets": (masked_form, bucket), "rows": (row_form, rows)}
        return [self.contender(name, form, strategy) for name, (form, strategy) in chosen.items()], chosen


def reference_states(ort_driver, directory, graphs, shape, batch, threads):
    """The last hidden states by ONNX Runtime in FP32, by rows."""
    strategy = cells.strategies(batch, threads)[-1]
    session = ort_driver.load(onnx_graph.export(directory, graphs, "fp32", "attention", strategy.masked), threads)
    states = ort_driver.states(ort_driver.prepare(session, strategy.groups, shape.hidden), strategy.groups, shape.hidden)
    ort_driver.unload()
    return states


def compare_states(states, reference, precision):
    """What the table says about a side's agreement with the reference."""
    scale = max(1.0, max(float(abs(row).max()) for row in reference))
    difference, cosine = 0.0, 1.0
    for mine, other in zip(states, reference, strict=True):
        if mine.shape != other.shape or not numpy.isfinite(mine).all():
            return {"agrees": False, "max_abs_error": None, "min_cosine": None}
        a, b = mine.astype(numpy.float64).ravel(), other.astype(numpy.float64).ravel()
        difference = max(difference, float(abs(a - b).max()))
        cosine = min(cosine, float(a @ b / numpy.sqrt((a @ a) * (b @ b))))
    agrees = difference <= FP32_TOLERANCE * scale if precision == "fp32" else cosine >= COSINE_FLOOR[precision]
    return {"agrees": agrees, "max_abs_error": difference, "min_cosine": cosine}


def check_pooling(states, embeddings):
    """True when the timed call's embeddings are the means of the token states."""
    means = numpy.stack([row.astype(numpy.float64).mean(axis=0) for row in states])
    return bool(numpy.isfinite(embeddings).all() and abs(means - embeddings).max() <= POOLING_TOLERANCE * max(1.0, abs(means).max()))


class Bystanders:
    """CPU time that other processes took, or that the hypervisor kept, while a slice ran."""

    def __init__(self):
        self.shares = []

    @staticmethod
    def _busy():
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(field) for field in file.readline().split()[1:9]]
        return (sum(fields) - fields[3] - fields[4]) / 100  # all but idle and iowait, in seconds (the kernel counts in USER_HZ, 100)

    def watch(self, contender, slice_seconds):
        """Runs a slice; notes how many cores others kept busy meanwhile."""
        began, busy, own = time.monotonic(), self._busy(), contender.driver.cpu_seconds()
        took = contender.run(slice_seconds)
        elapsed = time.monotonic() - began
        self.shares.append(max(0.0, self._busy() - busy - (contender.driver.cpu_seconds() - own)) / elapsed)
        return took

    def median(self):
        return statistics.median(self.shares)


@dataclass
class Times:
    """Of one contender, in ms: the median pass of every round, and the least pass of all rounds."""
    rounds: list
    least: float

    @property
    def median(self):
        return statistics.median(self.rounds)


def time_in_turn(contenders, rounds, seconds):
    """{name: Times}, every contender once per round, and the cores that bystanders kept busy."""
    for contender in contenders:
        contender.run(seconds / 2, 2)
    slices, bystanders = {contender.name: [] for contender in contenders}, Bystanders()
    for _ in range(rounds):
        for contender in contenders:
            slices[contender.name].append(bystanders.watch(contender, seconds))
    times = {name: Times([median for median, _ in all], min(least for _, least in all)) for name, all in slices.items()}
    return times, bystanders.median()


def summary(times, side, other):
    """Medians of both, the ratio other/side taken round by round, and that of the least passes: what neighbours on a shared machine disturb least."""
    side, other = times[side], times[other]
    ratios = [b / a for a, b in zip(side.rounds, other.rounds)]
    return {"ms": side.median, "other_ms": other.median, "ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios),
            "least_ms": side.least, "other_least_ms": other.least, "least_ratio": other.least / side.least}
