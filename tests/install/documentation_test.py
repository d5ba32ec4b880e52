#!/usr/bin/env python3
"""Man pages and completions against what the command itself says. usage: documentation_test.py BERTH FOLDER"""
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

BERTH, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])


def run(*command):
    return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout


def options(*command):
    """Names of options in the help of a command."""
    return {name for line in run(BERTH, *command, "--help").splitlines() if line.startswith("  -")
            for name in re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", re.split(r"\s{2,}|\s[A-Z]", line.strip())[0])}


COMMANDS = re.findall(r"^  ([a-z][a-z-]*) ", run(BERTH, "--help").split("Subcommands:")[1], re.MULTILINE)


class ManPages(unittest.TestCase):
    def test_commands_and_options(self):
        self.assertGreater(len(COMMANDS), 10)
        self.assertEqual({path.name for path in (FOLDER / "man1").iterdir()}, {"berth.1"} | {f"berth-{name}.1" for name in COMMANDS})
        for name in COMMANDS:
            page = (FOLDER / f"man1/berth-{name}.1").read_text(encoding="utf-8").replace("\\-", "-")
            wanted = options(name)
            self.assertIn("--help", wanted)
            for option in wanted:
                self.assertIn(f"\\fB{option}\\fR", page, name)

    def test_no_warnings(self):
        if shutil.which("groff") is None:
            self.skipTest("groff is not installed")
        for page in (FOLDER / "man1").iterdir():
            self.assertEqual(run("groff", "-man", "-Tutf8", "-ww", "-z", page), "", page.name)


class Completions(unittest.TestCase):
    def bash(self, *words):
        script = f'source "{FOLDER}/berth.bash"\nCOMP_WORDS=("$@") COMP_CWORD=$(($# - 1))\ncompopt() {{ :; }}\n_berth\nprintf "%s\\n" "${{COMPREPLY[@]}}"\n'
        return run("bash", "-c", script, "bash", "berth", *words).split()

    def test_bash(self):
        self.assertEqual(set(self.bash("")), set(COMMANDS) | options())
        self.assertEqual(self.bash("cl"), ["classify"])
        for name in COMMANDS:
            self.assertEqual(set(self.bash(name, "-")), options(name), name)
        self.assertEqual(self.bash("classify", "--precision", "b"), ["bf16"])
        self.assertEqual(self.bash("classify", "--precision", "=", "i"), ["int8"])
        self.assertEqual(self.bash("classify", "--precision", "="), ["fp32", "bf16", "int8", "auto"])
        self.assertEqual(self.bash("classify", "--threads", ""), [])
        self.assertIn("/usr", self.bash("classify", "--model", "/us"))
        self.assertEqual(self.bash("classify", "--", "-"), [])

    def test_zsh(self):
        if shutil.which("zsh") is None:
            self.skipTest("zsh is not installed")
        run("zsh", "-n", FOLDER / "_berth")
        text = (FOLDER / "_berth").read_text(encoding="utf-8")
        # Arguments of _arguments that zsh takes apart: a stub sees what the shell made of them.
        specs = run("zsh", "-f", "-c", f'_arguments() {{ state=arguments; print -rl -- "$@" }}; words=(classify); source "{FOLDER}/_berth"')
        self.assertIn("(-m --model)--model=[", specs)
        self.assertIn(":value:(fp32 bf16 int8 auto)", specs)
        for name in COMMANDS:
            self.assertIn(f"        {name})\n", text)

    def test_fish(self):
        if shutil.which("fish") is None:
            self.skipTest("fish is not installed")
        complete = lambda line: {word.split("\t")[0] for word in run("fish", "--no-config", "-c", f'source "{FOLDER}/berth.fish"; complete -C "{line}"').splitlines()}
        self.assertEqual(complete("berth "), set(COMMANDS))
        self.assertEqual(complete("berth classify --pre"), {"--precision"})
        self.assertEqual(complete("berth classify --precision b"), {"bf16"})
        for name in COMMANDS:
            self.assertLessEqual({option for option in options(name) if option.startswith("--")}, complete(f"berth {name} --"), name)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
