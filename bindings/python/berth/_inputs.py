"""Python texts as arrays of berth_input, whatever their number without a Python object for each."""

import numpy as np

from ._errors import ArgumentError
from ._library import Input, Row, String

_WORDS = 7  # a berth_input is seven machine words: text, text_pair (pointer and size each), ids, type_ids, ids_size
assert _WORDS * 8 == Input.ids_size.offset + 8
ROW = np.dtype(Row)  # of the struct itself, so that it has the fields that the library writes


def utf8(text, what):
    """The bytes of a str; what says which one it is."""
    if not isinstance(text, str):
        raise TypeError(f"{what}: expected str, got {type(text).__name__}")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ArgumentError(f"{what}: not valid Unicode text: character {error.start} is a lone surrogate") from None


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

    def part(self, begin, end):
        """Pointer to rows [begin, end) and their number."""
        return self.array.ctypes.data + begin * self.array.strides[0], end - begin
