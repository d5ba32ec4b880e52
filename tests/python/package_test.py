#!/usr/bin/env python3
"""The package as users install it, in virtual environments: from its folder, and as a wheel; then some of this folder's tests with what was installed.
usage: package_test.py BERTH LIBBERTH REPOSITORY. Needs Debian's python3-venv, python3-numpy, python3-setuptools and python3-wheel; opens no connection."""
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

SKIPPED = 77
PACKAGE = "bindings/python"


def run(*command, **options):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("BERTH_", "OMP_", "PYTHON", "PIP_"))}
    environment.update(options.pop("env", {}))
    print("$", " ".join(map(str, command)), flush=True)
    done = subprocess.run([str(word) for word in command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\nended with status {done.returncode}")
    return done.stdout


def copy_of_the_package(repository, folder):
    """What a build reads and writes, so that nothing is written into the repository."""
    (folder / PACKAGE).parent.mkdir(parents=True)
    shutil.copytree(repository / PACKAGE, folder / PACKAGE, ignore=shutil.ignore_patterns("build", "dist", "*.egg-info", "__pycache__"))
    shutil.copy(repository / "CMakeLists.txt", folder)
    return folder / PACKAGE


def environment_at(path):
    """A virtual environment that sees Debian's numpy, setuptools and wheel; its Python."""
    run(sys.executable, "-m", "venv", "--system-site-packages", path)
    return path / "bin" / "python"


def main():
    berth, library, repository = sys.argv[1:]
    repository = pathlib.Path(repository).resolve()
    missing = [name for name in ["ensurepip", "numpy", "setuptools", "wheel"] if importlib.util.find_spec(name) is None]
    if missing:
        print(f"not installed: {', '.join(missing)} (Debian: python3-venv python3-numpy python3-setuptools python3-wheel)")
        return SKIPPED
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        source = copy_of_the_package(repository, folder / "source")
        built = {"BERTH_LIBRARY": library}
        offline = ["--no-build-isolation", "--no-index", "--no-deps", "--disable-pip-version-check"]

        python = environment_at(folder / "installed")
        run(python, "-m", "pip", "install", *offline, source, env=built)
        version = re.search(r"project\(berth VERSION ([0-9.]+)", (repository / "CMakeLists.txt").read_text()).group(1)
        facts = run(python, "-c", "import berth, importlib.metadata as m; print(berth.__version__, m.version('berth'), berth.__file__)", cwd=folder).split()
        assert facts[:2] == [version, version] and facts[2].startswith(str(folder / "installed")), facts
        tests = repository / "tests/python"
        for part in ["interface", "model"]:  # the others differ in nothing from what runs on the package in its folder
            print(run(python, "-B", tests / f"{part}_test.py", berth, repository, cwd=folder))

        run(python, "-m", "pip", "wheel", *offline, "--wheel-dir", folder / "dist", source, env=built)
        (wheel,) = (folder / "dist").iterdir()
        assert re.fullmatch(rf"berth-{version}-py3-none-linux_\w+\.whl", wheel.name), wheel.name
        names = set(zipfile.ZipFile(wheel).namelist())
        missing = {f"berth/{name}" for name in ["__init__.py", "__init__.pyi", "py.typed", "libberth.so"]} - names
        assert not missing, f"{missing} not in the wheel: {names}"
        python = environment_at(folder / "from-wheel")
        run(python, "-m", "pip", "install", *offline, wheel)
        shape = run(python, "-c", f"import berth; print(berth.Model({str(repository / 'weights/intent')!r}).encode(['one', 'two']).shape[0])", cwd=folder)
        assert shape.strip() == "2", shape
        run(python, "-m", "pip", "uninstall", "-y", "berth")
        assert not list((folder / "from-wheel").rglob("libberth.so")), "uninstalling leaves the library"
    return 0


if __name__ == "__main__":
    sys.exit(main())
