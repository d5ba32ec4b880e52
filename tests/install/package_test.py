#!/usr/bin/env python3
"""What `cmake --install` gives, used from a project outside of the tree. usage: package_test.py BUILD REPOSITORY"""
import pathlib
import sys
import tempfile
import unittest

from tree import Tree, run

BUILD, REPOSITORY = map(pathlib.Path, sys.argv[1:3])
OUTSIDE = pathlib.Path(__file__).parent / "outside"
MODEL = REPOSITORY / "weights/sentiment"
CASES = [("A delightful film.", "POSITIVE"), ("A dreadful film.", "NEGATIVE")]


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tree = Tree(BUILD)
        cls.version = run(cls.tree.prefix / "bin/berth", "--version").split()[1]

    @classmethod
    def tearDownClass(cls):
        cls.tree.temporary.cleanup()

    def check(self, program):
        for text, label in CASES:
            self.assertEqual(run(program, MODEL, text, env=self.tree.environment), f"{self.version} {label}\n")
        self.assertIn("no/such/model", run(program, "no/such/model", "x", env=self.tree.environment, expect=1))

    def needed(self, program):
        return run("readelf", "-d", program)

    def build(self, component, languages):
        build = pathlib.Path(tempfile.mkdtemp(dir=self.tree.folder))
        run("cmake", "-S", OUTSIDE, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.tree.prefix}", f"-DLANGUAGES={languages}",
            f"-DCOMPONENT={component}", "-DCMAKE_BUILD_TYPE=Release")
        run("cmake", "--build", build)
        return build

    def test_files(self):
        files = {path.relative_to(self.tree.prefix).as_posix() for path in self.tree.prefix.rglob("*")}
        self.assertEqual({name for name in files if name.startswith("include/")}, {"include/berth", "include/berth/berth.h", "include/berth/berth.hpp"})
        for name in ["bin/berth", "share/man/man1/berth.1", "share/man/man1/berth-classify.1", "share/bash-completion/completions/berth",
                     "share/zsh/site-functions/_berth", "share/fish/vendor_completions.d/berth.fish", "share/berth/sentiment/config.json",
                     "share/doc/berth/LICENSE"]:
            self.assertIn(name, files)
        libraries = {path.name for path in self.tree.library.iterdir() if path.is_file()}
        major, minor, _ = self.version.split(".")
        soname = "libberth.so." + (f"0.{minor}" if major == "0" else major)
        self.assertEqual(libraries, {"libberth.a", "libberth.so", soname, f"libberth.so.{self.version}"})
        self.assertFalse([name for name in files if "nlohmann" in name or "tbb" in name.lower()])

    def test_nothing_names_the_tree_it_was_built_in(self):
        for path in list(self.tree.library.glob("cmake/**/*.cmake")) + list(self.tree.library.glob("pkgconfig/*.pc")):
            text = path.read_text(encoding="utf-8")
            for folder in [BUILD, REPOSITORY, self.tree.folder]:
                self.assertNotIn(str(folder.resolve()), text, path.name)

    def test_find_package_shared(self):
        build = self.build("shared", "C;CXX")
        for name in ["in_c", "in_cpp"]:
            self.check(build / name)
            self.assertIn("libberth.so", self.needed(build / name))
            self.assertNotIn("libtbb", self.needed(build / name))

    def test_find_package_static(self):
        build = self.build("static", "C;CXX")
        for name in ["in_c", "in_cpp"]:
            self.check(build / name)
            self.assertNotIn("libberth", self.needed(build / name))

    def test_find_package_from_c_alone(self):
        self.check(self.build("shared", "C") / "in_c")

    def test_find_package_refuses(self):
        build = pathlib.Path(tempfile.mkdtemp(dir=self.tree.folder))
        message = run("cmake", "-S", OUTSIDE, "-B", build, f"-DCMAKE_PREFIX_PATH={self.tree.prefix}", "-DLANGUAGES=C", "-DCOMPONENT=python", expect=1)
        self.assertIn("python", message)

    def test_pkg_config(self):
        flags = run("pkg-config", "--cflags", "--libs", "berth", env=self.tree.environment).split()
        in_c, in_cpp = self.tree.folder / "pc_c", self.tree.folder / "pc_cpp"
        run("cc", "-std=c99", "-Wall", "-Werror", "-pedantic", OUTSIDE / "program.c", *flags, "-o", in_c)
        run("c++", "-std=c++20", OUTSIDE / "program.cpp", *flags, "-o", in_cpp)
        self.check(in_c)
        self.check(in_cpp)
        self.assertEqual(run("pkg-config", "--modversion", "berth", env=self.tree.environment).strip(), self.version)

    def test_pkg_config_static(self):
        flags = run("pkg-config", "--static", "--cflags", "--libs", "berth", env=self.tree.environment).split()
        program = self.tree.folder / "pc_static"
        run("cc", "-std=c99", OUTSIDE / "program.c", *["-l:libberth.a" if flag == "-lberth" else flag for flag in flags], "-o", program)
        self.check(program)
        self.assertNotIn("libberth", self.needed(program))


class Platform(unittest.TestCase):
    def test_elsewhere(self):
        with tempfile.TemporaryDirectory() as build:
            message = run("cmake", "-S", REPOSITORY, "-B", build, "-G", "Ninja", "-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64", expect=1)
        self.assertIn("berth supports Linux on x86-64; this is Linux on aarch64", " ".join(message.split()))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
