"""The built binary for the tests of this folder: `from binary import ...` in a script called as script.py BERTH REPOSITORY."""
import json
import os
import pathlib
import shlex
import subprocess
import sys

BERTH = pathlib.Path(sys.argv.pop(1)).resolve()
REPOSITORY = pathlib.Path(sys.argv.pop(1)).resolve()
WEIGHTS = REPOSITORY / "weights"
sys.path.append(str(REPOSITORY / "tests"))
RUNNER = shlex.split(os.environ.get("BERTH_TEST_RUNNER", ""))  # what programs are run by: tests/static/empty_root.py
COMMAND = [*RUNNER, BERTH]


def environment(**extra):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("BERTH_", "OMP_"))}
    return {**kept, "BERTH_WEIGHTS": str(WEIGHTS), **extra}


def berth(*arguments, stdin=b"", env=None, cwd=None):
    """Runs berth; .stdout is bytes, .stderr text."""
    if isinstance(stdin, str):
        stdin = stdin.encode()
    done = subprocess.run([*COMMAND, *arguments], input=stdin, capture_output=True, env=env or environment(), cwd=cwd, timeout=240)
    done.stderr = done.stderr.decode()
    return done


def lines(*arguments, **options):
    """The JSON objects of a run that must end well and say nothing on standard error."""
    done = berth(*arguments, **options)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"berth {arguments}: status {done.returncode}: {done.stderr}")
    return parse(done.stdout)


def parse(output):
    # Not splitlines(): it also splits at U+2028 and others, which JSON leaves as they are.
    text = output.decode()
    assert text == "" or text.endswith("\n"), "the last line of the output is cut"
    return [json.loads(line) for line in text.split("\n")[:-1]]


def jsonl(*objects):
    return "".join(json.dumps(each) + "\n" for each in objects)
