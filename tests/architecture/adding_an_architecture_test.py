#!/usr/bin/env python3
"""Keeps docs/adding-an-architecture.md true. usage: adding_an_architecture_test.py SOURCE-DIRECTORY C++-COMPILER"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

COMPILER = sys.argv.pop(2)
ROOT = pathlib.Path(sys.argv.pop(1))
GUIDE = (ROOT / "docs/adding-an-architecture.md").read_text()
BLOCKS = re.findall(r"```cpp\n(.*?)```", GUIDE, re.S)


class AddingAnArchitecture(unittest.TestCase):
    def test_the_example_compiles_once_it_is_registered(self):
        example, line = BLOCKS
        with tempfile.TemporaryDirectory() as folder:
            target = pathlib.Path(folder, "engine/architectures")
            target.mkdir(parents=True)
            registry = (ROOT / "engine/architectures/registry.hpp").read_text()
            first_entry = re.search(r"^  entry\(\w+\) +\\\n", registry, re.M)
            self.assertIsNotNone(first_entry)
            (target / "registry.hpp").write_text(registry.replace(first_entry[0], line + first_entry[0]))
            (target / "gadget.cpp").write_text(example)
            subprocess.run([COMPILER, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{folder}", f"-I{ROOT}", f"-I{ROOT}/include",
                            target / "gadget.cpp"], check=True)

    def test_the_files_it_names_are_there(self):
        paths = set(re.findall(r"`((?:engine|kernels|tests|docs)/[\w./-]+)`", GUIDE)) - {"engine/architectures/gadget.cpp"}
        self.assertGreater(len(paths), 8)
        for path in paths:
            self.assertTrue((ROOT / path).exists(), path)

    def test_every_word_is_explained_and_no_other(self):
        header = (ROOT / "engine/architecture.hpp").read_text()
        members = set()
        for struct in ["ConfigKeys", "ConfigDefaults", "TensorNames", "DecoderNames", "Biases", "BodySpec", "DenseStep", "HeadSpec", "ArchitectureSpec"]:
            body = re.search(rf"struct {struct} {{(.*?)\n}};", header, re.S)[1]
            body = re.sub(r"//.*", "", body)
            members |= set(re.findall(r"(\w+)(?: = [^;]*)?;", re.sub(r"\(\*(\w+)\)\([^)]*\)", r"\1", body)))
        table = GUIDE[GUIDE.index("## The words there are"):GUIDE.index("In names,")]
        words = set(re.findall(r"`(\w+)`", table)) - {"pooler_output"}
        self.assertEqual(members - words, set(), "not explained")
        self.assertEqual({word for word in words if word not in members}, set(), "not in engine/architecture.hpp")

    def test_the_loop_names_no_model(self):
        types = re.findall(r'model_type = "([\w-]+)"', "".join(path.read_text() for path in (ROOT / "engine/architectures").glob("*.cpp")))
        self.assertGreater(len(types), 5)
        for file in ["encoder", "embed", "attention", "elementwise", "weights", "workspace", "heads", "positions"]:
            code = re.sub(r"//.*", "", (ROOT / f"engine/{file}.cpp").read_text())
            for name in types:
                self.assertNotIn(f'"{name}"', code)
            self.assertNotIn("model_type", code)


if __name__ == "__main__":
    unittest.main()
