#!/usr/bin/env python3
"""The checks of this folder must find what they look for. usage: checks_test.py C++-COMPILER"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import check_isa_objects
import check_layers

COMPILER = sys.argv.pop(1)


class Layers(unittest.TestCase):
    def problems(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {"base/error.hpp": "", "kernels/table.hpp": "", "include/berth/berth.h": "", **files}.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return check_layers.problems(folder)[0]

    def test_what_is_allowed(self):
        self.assertEqual(self.problems({
            "kernels/a.cpp": '#include "kernels/table.hpp"\n#include "base/error.hpp"\n#include <vector>\n',
            "engine/a.cpp": '#include <berth/berth.h>\n#include "kernels/table.hpp"\n',
            "tests/kernels/a_test.cpp": '#include "kernels/table.hpp"\n#include <tbb/parallel_for.h>\n',
            "apps/server/http_server.cpp": "#include <boost/asio.hpp>\n",
            "base/parallel.cpp": "#include <tbb/parallel_for.h>\n"}), [])

    def test_what_is_not(self):
        for name, line in [("base/a.cpp", '#include "kernels/table.hpp"'), ("tokenizer/a.cpp", '#include "kernels/table.hpp"'),
                           ("kernels/a.cpp", "#include <berth/berth.h>"), ("examples/a.cpp", '#include "base/error.hpp"'),
                           ("apps/cli/a.cpp", '  #  include "kernels/table.hpp"'), ("include/berth/b.hpp", '#include "base/error.hpp"'),
                           ("engine/a.cpp", '#include "../base/error.hpp"'), ("engine/a.cpp", '#include "error.hpp"'),
                           ("engine/a.cpp", "#include <tbb/task_arena.h>"), ("engine/a.cpp", "#include <oneapi/tbb/task_arena.h>"),
                           ("apps/server/work.cpp", "#include <boost/asio.hpp>"), ("engine/a.cpp", "#include <berth/absent.h>"), ("base/a.hpp", '#include "tests/a.hpp"')]:
            with self.subTest(name=name, line=line):
                found = self.problems({name: line + "\n", "tests/a.hpp": ""})
                self.assertEqual(len(found), 1, found)
                self.assertIn(name, found[0])

    def test_standard_headers_that_reach_an_isa(self):
        found = self.problems({"kernels/isa/avx2.cpp": '#include "kernels/generic/gemm.hpp"\n', "kernels/generic/gemm.hpp": "#include <algorithm>\n"})
        self.assertEqual(len(found), 1, found)
        self.assertIn("<algorithm>", found[0])


class IsaObjects(unittest.TestCase):
    def problems(self, source, isa="avx2", flags=("-mavx2",)):
        with tempfile.TemporaryDirectory() as folder:
            unit, target = pathlib.Path(folder, "a.cpp"), pathlib.Path(folder, "a.o")
            unit.write_text(source)
            subprocess.run([COMPILER, "-std=c++20", "-O0", "-fPIC", *flags, "-c", unit, "-o", target], check=True)
            return list(check_isa_objects.problems(isa, {"avx2": "Avx2", "baseline": "Baseline"}[isa], target))

    KERNEL = """
      namespace berth::kernels {
      struct Avx2 {}; struct Avx512 {}; struct Baseline {};
      template <class Isa> void op(float* x) { x[0] += 1.0f; }
      %s
      }"""

    def test_a_clean_one(self):
        self.assertEqual(self.problems(self.KERNEL % "void (*table)(float*) = op<Avx2>;"), [])
        self.assertEqual(self.problems(self.KERNEL % "void (*table)(float*) = op<Baseline>;", "baseline", ()), [])

    def test_weak_symbols(self):
        for source in ["inline int shared(int x) { return x + 1; } int (*table)(int) = shared;", "void (*table)(float*) = op<Avx512>;"]:
            found = self.problems(self.KERNEL % source)
            self.assertEqual(len(found), 1, found)
            self.assertIn("weak symbol without Avx2", found[0])

    def test_calls(self):
        self.assertEqual(self.problems(self.KERNEL % 'extern "C" float expf(float); float call(float x) { return expf(x); }'), ["undefined symbol expf"])

    def test_initialisers(self):
        found = self.problems(self.KERNEL % "int seed(); int value = seed();")
        self.assertTrue(any("before main" in problem for problem in found), found)

    def test_wide_registers_in_the_baseline(self):
        body = "typedef float F8 __attribute__((vector_size(32))); void add(F8* x) { *x += *x; }"
        self.assertEqual(len(self.problems(self.KERNEL % body, "baseline", ("-mavx2",))), 1)
        self.assertEqual(self.problems(self.KERNEL % body, "baseline", ()), [])


if __name__ == "__main__":
    unittest.main()
