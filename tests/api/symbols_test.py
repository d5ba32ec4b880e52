#!/usr/bin/env python3
"""The list of public symbols (engine/berth.map) against berth.h, berth.hpp, the tests in C, and what the two libraries show.
usage: symbols_test.py REPOSITORY libberth.so libberth.a"""
import pathlib
import re
import subprocess
import sys
import unittest

REPOSITORY, SHARED, STATIC = sys.argv[1:4]


def text_of(path):
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", (pathlib.Path(REPOSITORY) / path).read_text(encoding="utf-8"), flags=re.DOTALL)


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def listed():
    return re.findall(r"^    (\w+);$", text_of("engine/berth.map"), re.MULTILINE)


class Symbols(unittest.TestCase):
    def test_header(self):
        declared = re.findall(r"BERTH_API[^;{]*?\b(berth_\w+)\(", text_of("include/berth/berth.h"))
        self.assertGreater(len(declared), 40)
        self.assertEqual(sorted(declared), sorted(listed()), "berth.h and engine/berth.map differ")

    def test_shared_library(self):
        names = [line.split()[-1] for line in output("nm", "-D", "--defined-only", SHARED).splitlines()]
        nodes = {name for name in names if re.fullmatch(r"BERTH_[\d.]+", name)}
        self.assertTrue(nodes)
        self.assertEqual(sorted(name.split("@")[0] for name in names if name not in nodes), sorted(listed()))

    def test_static_library(self):
        names = [line.split()[-1] for line in output("nm", "-g", "--defined-only", STATIC).splitlines() if len(line.split()) == 3]
        self.assertEqual(sorted(names), sorted(listed()))

    def test_soname(self):
        dynamic = output("readelf", "-d", SHARED)
        version = re.search(r"project\(berth VERSION (\d+)\.(\d+)", text_of("CMakeLists.txt"))
        major, minor = version.groups() if version else self.fail("no version in CMakeLists.txt")
        self.assertIn(f"[libberth.so.{'0.' + minor if major == '0' else major}]", dynamic)
        self.assertNotIn("json", dynamic)
        self.assertNotIn("TEXTREL", dynamic)

    def test_every_function_is_used(self):
        wrapper = text_of("include/berth/berth.hpp")
        programs = text_of("tests/api/check.h") + text_of("tests/api/c_api_test.c") + text_of("tests/api/misuse_test.c")
        for name in listed():
            self.assertRegex(wrapper, rf"\b{name}\b", "berth.hpp leaves it out")
            self.assertRegex(programs, rf"\b{name}\(", "no test in C calls it")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
