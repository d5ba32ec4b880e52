"""The installed tree that the tests of this folder look at: what `cmake --install` puts under a prefix, moved elsewhere afterwards."""
import os
import pathlib
import subprocess
import tempfile


class Tree:
    def __init__(self, build):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.prefix = self.folder / "moved"
        first = self.folder / "first"
        run("cmake", "--install", build, "--prefix", first, "--strip")
        first.rename(self.prefix)
        self.library = next(self.prefix.glob("**/libberth.so")).parent
        self.environment = {**os.environ, "LD_LIBRARY_PATH": str(self.library), "PKG_CONFIG_PATH": str(self.library / "pkgconfig")}


def run(*command, expect=0, **options):
    """Standard output and error of a command that must end with this status."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL, **options)
    if done.returncode != expect:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout
