#!/usr/bin/env python3
"""The image of packaging/Dockerfile, called as container_test.py BERTH REPOSITORY: its final stage, built and run by buildah, which needs neither a daemon nor a
registry for it. A directory with the binary under test stands for the build stage, whose base image would come from a registry."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

BERTH = pathlib.Path(sys.argv.pop(1)).resolve()
REPOSITORY = pathlib.Path(sys.argv.pop(1)).resolve()
WEIGHTS = REPOSITORY / "weights"
DOCKERFILE = (REPOSITORY / "packaging/Dockerfile").read_text()
MEGABYTE = 10**6


class Container(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("buildah"):
            raise unittest.SkipTest("there is no buildah")
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        (cls.folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        (cls.folder / "registries.conf").write_text("")
        probe = cls.run_buildah("from", "scratch")
        if probe.returncode != 0:
            raise unittest.SkipTest(f"buildah does not work here: {probe.stderr.strip()}")

    @classmethod
    def run_buildah(cls, command, *arguments, stdin=""):
        storage = ["--root", cls.folder / "storage", "--runroot", cls.folder / "run", "--storage-driver", "vfs", "--registries-conf", cls.folder / "registries.conf"]
        return subprocess.run(["buildah", *storage, command, *arguments], input=stdin, capture_output=True, text=True, timeout=200,
                              env={**os.environ, "BUILDAH_ISOLATION": "chroot", "TMPDIR": str(cls.folder)})

    def buildah(self, *arguments, **options):
        done = self.run_buildah(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def image(self, name, models):
        """Builds the final stage; what the build stage leaves in /out comes from a directory. Gives the archive that `docker load` would take."""
        context = self.folder / name
        (context / "out/bin").mkdir(parents=True)
        shutil.copy(BERTH, context / "out/bin/berth")
        for model in models:
            shutil.copytree(WEIGHTS / model, context / "out/share/berth" / model)
        final = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") + 1:]
        self.assertIn("COPY --from=build /out/ /", final)
        (context / "Dockerfile").write_text(final)
        self.buildah("bud", "--signature-policy", self.folder / "policy.json", "--build-context", f"build={context}", "-f", context / "Dockerfile", "-t", name, context)
        archive = self.folder / f"{name}.tar"
        self.buildah("push", "--signature-policy", self.folder / "policy.json", name, f"docker-archive:{archive}")
        return archive

    def check_size(self, what, archive, limit):
        size = archive.stat().st_size
        print(f"image with {what}: {size / MEGABYTE:.1f} MB")
        self.assertLess(size, limit * MEGABYTE)

    def run_in(self, name, *arguments, stdin="", volumes=()):
        """(answers, who ran) of a container from the image."""
        container = self.buildah("from", "--signature-policy", self.folder / "policy.json", "--pull-never", name)
        mounts = [word for volume in volumes for word in ("--volume", volume)]
        out = self.buildah("run", *mounts, container, "--", "/bin/berth", *arguments, stdin=stdin)
        self.buildah("rm", container)
        return [json.loads(line) for line in out.splitlines()]

    def test_one_model(self):
        self.check_size("one default model", self.image("one", ["sentiment"]), 20)
        (row,) = self.run_in("one", "classify", "--json", stdin="A warm, funny film.\n")  # found beside the binary, not named
        self.assertEqual((row["text"], row["labels"][0]["label"]), ("A warm, funny film.", "POSITIVE"))
        outside = subprocess.run([BERTH, "classify", "--json", "--model", WEIGHTS / "sentiment", "A warm, funny film."], capture_output=True, check=True)
        self.assertEqual(json.loads(outside.stdout), row)
        (row,) = self.run_in("one", "encode", "--json", "--model", "/model", "a text", volumes=[f"{WEIGHTS / 'intent'}:/model:ro"])
        self.assertEqual(len(row["embedding"]), 192)

    def test_all_models(self):
        self.check_size("all default models", self.image("all", ["sentiment", "emotion", "intent"]), 40)
        (row,) = self.run_in("all", "info", "--json")
        self.assertEqual(set(row["default_models"]), {"sentiment", "emotion", "intent"})

    def test_nothing_but_the_binary_and_a_model_and_nobody_runs_it(self):
        with tarfile.open(self.image("bare", ["sentiment"])) as archive:
            def document(name):
                return json.load(archive.extractfile(name))
            (image,) = document("manifest.json")
            files = set()
            for name in image["Layers"]:
                with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                    files |= {each.name.lstrip("./") for each in layer if not each.isdir()}
            config = document(image["Config"])["config"]
        self.assertEqual(files, {"bin/berth", *(f"share/berth/sentiment/{path.name}" for path in (WEIGHTS / "sentiment").iterdir())})
        self.assertEqual((config["User"], config["Entrypoint"]), ("65534:65534", ["/bin/berth"]))


class Files(unittest.TestCase):
    def test_the_build_stage_finds_what_it_names(self):
        for model in re.search(r"^ARG MODELS=(.*)$", DOCKERFILE, re.MULTILINE)[1].split():
            self.assertTrue((WEIGHTS / model / "config.json").exists())
        ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
        for name in re.findall(r"add_subdirectory\((\w+)\)", (REPOSITORY / "CMakeLists.txt").read_text()):
            if name not in ("tests", "bench", "fuzz"):  # off in the preset "static"
                self.assertIn(f"!{name}", ignored)
        for line in ignored:
            if line.startswith("!"):
                self.assertTrue((REPOSITORY / line[1:]).exists(), line)


if __name__ == "__main__":
    unittest.main()
