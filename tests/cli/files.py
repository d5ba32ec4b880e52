"""A folder for each test, and the tables and vectors that berth wrote there."""
import csv
import io
import pathlib
import struct
import tempfile
import unittest

from binary import berth


class WithFolder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def csv(self, rows, name="in.csv", **options):
        out = io.StringIO()
        csv.writer(out, **options).writerows(rows)
        return self.write(name, out.getvalue())

    def run_to(self, name, *arguments, status=0, **options):
        done = berth(*arguments, "--output", self.folder / name, **options)
        self.assertEqual((done.returncode, done.stdout), (status, b""), done.stderr)
        return self.folder / name


def read_csv(path, **options):
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline=""), **options))


def read_npy(path):
    """(type, rows, columns, bytes) as numpy's format says, without numpy."""
    data = path.read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    (size,) = struct.unpack("<H", data[8:10])
    assert (10 + size) % 64 == 0 and data[9 + size:10 + size] == b"\n"
    header = eval(data[10:10 + size], {"__builtins__": {}}, {"False": False, "True": True})  # numpy does the same, more carefully
    assert header["fortran_order"] is False
    rows, columns = header["shape"]
    assert len(data) == 10 + size + rows * columns * int(header["descr"][2])
    return header["descr"], rows, columns, data[10 + size:]
