"""Builds libberth.so with CMake and puts it into the package. See README.md; pyproject.toml has the rest."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py
from wheel.bdist_wheel import bdist_wheel

ROOT = pathlib.Path(__file__).resolve().parents[2]


def version():
    """The one version number of the project, which CMake has."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"project\(berth VERSION ([0-9.]+)", text).group(1)


def library(build):
    """libberth.so: what BERTH_LIBRARY names, or built now."""
    if os.environ.get("BERTH_LIBRARY"):
        return pathlib.Path(os.environ["BERTH_LIBRARY"])
    subprocess.run(["cmake", "-S", str(ROOT), "-B", str(build), "-DCMAKE_BUILD_TYPE=Release", "-DBERTH_BUILD_TESTS=OFF",
                    *shlex.split(os.environ.get("CMAKE_ARGS", ""))], check=True)
    subprocess.run(["cmake", "--build", str(build), "--target", "berth_shared", "--parallel", str(os.cpu_count())], check=True)
    return next(build.rglob("libberth.so"))


class Build(build_py):
    def run(self):
        super().run()
        build = pathlib.Path(self.get_finalized_command("build").build_temp).resolve() / "cmake"
        shutil.copyfile(library(build), pathlib.Path(self.build_lib) / "berth" / "libberth.so")


class Wheel(bdist_wheel):
    """For any Python 3 on this platform: the library knows nothing of Python."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class WithLibrary(Distribution):
    def has_ext_modules(self):
        return True


setup(version=version(), cmdclass={"build_py": Build, "bdist_wheel": Wheel}, distclass=WithLibrary)
