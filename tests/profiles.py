"""Profiles for tests of the command line and of the server: the smallest one there is, and a folder to write it to. tests/cli/binary.py and
tests/server/harness.py make this folder one that scripts import from."""
import json
import pathlib
import tempfile
import unittest

WEIGHTS = pathlib.Path(__file__).resolve().parent.parent / "weights"


def least(**fields):
    return {"model": str(WEIGHTS / "intent"), "default": "other", "labels": {
        "card": {"examples": ["I lost my card", "my card was stolen"], "threshold": 0.6, "priority": 1},
        "music": {"examples": ["play some music"], "threshold": 0.6},
        "other": {"examples": []}}, **fields}


class WithFolder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, profile, name="p.json"):
        path = self.folder / name
        path.write_text(profile if isinstance(profile, str) else json.dumps(profile, indent=1), encoding="utf-8")
        return path
