"""What is run: token ids of every cell, and the ways ONNX Runtime may lay a ragged batch out."""

import random
from dataclasses import dataclass

# name -> (rows, length, ragged)
CELLS = {
    "1x16": (1, 16, False),
    "1x128": (1, 128, False),
    "8x128": (8, 128, False),
    "1x512": (1, 512, False),
    "ragged": (32, 128, True),
}
BUCKET_SIZES = (2, 4, 8, 16)  # rows that share a padded length; the fastest is kept


def ragged_lengths(rows, longest, generator):
    """`rows` lengths from 8 to `longest`, their mean about a third of `longest`, shuffled."""
    power = (longest - 8) / (longest / 3 - 8) - 1
    lengths = [8 + round((longest - 8) * (index / max(1, rows - 1)) ** power) for index in range(rows)]
    generator.shuffle(lengths)
    return lengths


def cell_ids(name, vocab_size):
    """The rows' token ids, the same on every run: [CLS], random words, [SEP] as in BERT's vocabulary."""
    rows, length, ragged = CELLS[name]
    generator = random.Random(f"{name} {vocab_size}")
    lengths = ragged_lengths(rows, length, generator) if ragged else [length] * rows
    return [[101] + [generator.randrange(1000, vocab_size) for _ in range(n - 2)] + [102] for n in lengths]


@dataclass
class Group:
    """Rows run as one padded tensor."""
    rows: list  # their places in the batch
    lengths: list
    shape: list  # [rows, longest]
    ids: list
    mask: list
    type_ids: list | None = None  # None: all 0

    def message(self):
        return {"ids": self.ids, "type_ids": self.type_ids, "mask": self.mask, "shape": self.shape}


@dataclass
class Strategy:
    """A way to run a batch on ONNX Runtime."""
    name: str
    groups: list
    masked: bool
    sessions: int  # 1: one session with all threads; else one session per core, each with one thread


def group(batch, rows):
    longest = max(len(batch[row]) for row in rows)
    ids, mask = [], []
    for row in rows:
        padding = longest - len(batch[row])
        ids += batch[row] + [0] * padding
        mask += [1] * len(batch[row]) + [0] * padding
    return Group(list(rows), [len(batch[row]) for row in rows], [len(rows), longest], ids, mask)


def strategies(batch, threads):
    """Every strategy worth trying for a batch; one alone when all rows have the same length."""
    lengths = {len(row) for row in batch}
    everything = range(len(batch))
    if len(lengths) == 1:
        return [Strategy("batch", [group(batch, everything)], False, 1)]
    by_length = sorted(everything, key=lambda row: -len(batch[row]))  # longest first, so that no long one is left to the end
    result = [Strategy("padded", [group(batch, everything)], True, 1)]
    for sessions in sorted({1, threads}):
        suffix = f", {sessions} sessions" if sessions > 1 else ""
        for size in BUCKET_SIZES:
            groups = [group(batch, by_length[begin:begin + size]) for begin in range(0, len(batch), size)]
            result.append(Strategy(f"buckets of {size}{suffix}", groups, True, sessions))
    result.append(Strategy("row by row" + (f", {threads} sessions" if threads > 1 else ""),
                           [group(batch, [row]) for row in by_length], False, threads))
    return result
