"""The reference cases of tests/reference for Python tests: inputs, and what the Hugging Face code gives for them."""
import array
import json
import struct

from binary import REPOSITORY

CASES = REPOSITORY / "tests" / "reference"


class Case:
    def __init__(self, name):
        self.directory = CASES / name
        self.description = json.loads((self.directory / "expected.json").read_text())
        self._data = (self.directory / "expected.safetensors").read_bytes()
        (size,) = struct.unpack("<Q", self._data[:8])
        self._header = json.loads(self._data[8:8 + size])
        self._start = 8 + size

    @property
    def texts(self):
        return self.description["texts"]

    def tensor(self, name):
        """Nested lists."""
        entry = self._header[name]
        begin, end = entry["data_offsets"]
        values = array.array({"F32": "f", "I64": "q"}[entry["dtype"]], self._data[self._start + begin:self._start + end]).tolist()
        for size in reversed(entry["shape"][1:]):
            values = [values[at:at + size] for at in range(0, len(values), size)]
        return values

    def scale(self, name):
        return max(1.0, max(abs(value) for value in flat(self.tensor(name))))

    def rows(self, prefix=""):
        """(ids, type_ids or None) of each row, without padding."""
        ids, mask = self.tensor(prefix + "input_ids"), self.tensor(prefix + "attention_mask")
        types = self.tensor(prefix + "token_type_ids") if prefix + "token_type_ids" in self._header else [None] * len(ids)
        return [(row[:sum(real)], kinds and kinds[:sum(real)]) for row, real, kinds in zip(ids, mask, types)]

    def records(self, prefix=""):
        """The same as berth's JSON lines."""
        return [{"ids": ids, **({"type_ids": types} if types else {})} for ids, types in self.rows(prefix)]


def flat(values):
    return [leaf for value in values for leaf in flat(value)] if isinstance(values, list) else [values]


TOLERANCE = 2e-5  # tests/reference/README.md


def error(expected, got, scale):
    """The measure of tests/reference/README.md."""
    expected, got = flat(expected), flat(got)
    if len(expected) != len(got):
        return float("inf")
    return max((abs(a - b) for a, b in zip(expected, got)), default=0.0) / scale
