"""Python texts as arrays of berth_input, whatever their number without a Python object for each."""

import bisect
import re
import time

import numpy as np

from ._arguments import utf8
from ._errors import Error
from ._library import Input, Row, String

_WORDS = 7  # a berth_input is seven machine words: text, text_pair (pointer and size each), ids, type_ids, ids_size
assert _WORDS * 8 == Input.ids_size.offset + 8
ROW = np.dtype(Row)  # of the struct itself, so that it has the fields that the library writes
_SECONDS = 0.2  # a call of the library lasts about so long: between two calls Python sees Ctrl-C
_FIRST_BYTES, _BYTES_BESIDE_TEXT = 4096, 8  # of the first call, before it is known how fast the model is; what a row costs besides its text


def string(text, what):
    """A berth_string, with the bytes that it borrows kept beside it."""
    data = utf8(text, what)
    result = String(None, len(data))
    buffer = np.frombuffer(data + b"\0", dtype=np.uint8)
    result.data, result.keep = buffer.ctypes.data, buffer
    return result


def strings(texts, what):
    """An array of berth_string with what it borrows."""
    items = [string(text, f"{what} {i}") for i, text in enumerate(texts)]
    array = (String * len(items))(*items)
    array.keep = items
    return array


def is_pair(row):
    return isinstance(row, (tuple, list)) and len(row) == 2


class Inputs:
    """Rows of a call: texts, or pairs of texts. Holds all that the array borrows."""

    def __init__(self, rows):
        self.count = len(rows)
        self.array = np.zeros((self.count, _WORDS), dtype=np.uint64)
        firsts = [row[0] if is_pair(row) else row for row in rows]
        self._keep = [self._fill(0, [utf8(text, f"input {i}") for i, text in enumerate(firsts)], slice(None))]
        paired = [i for i, row in enumerate(rows) if is_pair(row)]
        if paired:
            self._keep.append(self._fill(2, [utf8(rows[i][1], f"input {i}, second text") for i in paired], paired))

    def _fill(self, word, texts, where):
        joined = np.frombuffer(b"".join(texts) + b"\0", dtype=np.uint8)
        sizes = np.fromiter(map(len, texts), dtype=np.uint64, count=len(texts))
        self.array[where, word] = np.uint64(joined.ctypes.data) + np.cumsum(sizes) - sizes
        self.array[where, word + 1] = sizes
        return joined

    def run(self, call, rows_at_a_time=None):
        """call(pointer, begin, end) for rows [begin, end) and so on to the last; once for no rows at all. An Error names the row by its place among all."""
        for begin, end in self._equal_parts(rows_at_a_time) if rows_at_a_time else self._parts():
            try:
                call(self.array.ctypes.data + begin * self.array.strides[0], begin, end)
            except Error as error:
                message = re.sub(r"^input (\d+)", lambda index: f"input {int(index[1]) + begin}", str(error))
                raise type(error)(message) from None

    def _equal_parts(self, size):
        for begin in range(0, max(self.count, 1), size):
            yield begin, min(begin + size, self.count)

    def _parts(self):
        """Parts that take _SECONDS each, as near as what the last one took tells. How rows are divided changes no result."""
        ends = np.cumsum(self.array[:, 1] + self.array[:, 3] + np.uint64(_BYTES_BESIDE_TEXT)).tolist()
        begin, done, wanted = 0, 0, _FIRST_BYTES
        while True:
            end = min(max(bisect.bisect_right(ends, done + wanted), begin + 1), self.count)
            started = time.monotonic()
            yield begin, end
            if end == self.count:
                return
            affordable = (ends[end - 1] - done) * _SECONDS / max(time.monotonic() - started, 1e-6)
            wanted = min(max(affordable, wanted / 8), wanted * 8)  # one odd row does not decide it
            begin, done = end, ends[end - 1]
