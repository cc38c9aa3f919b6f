# SPDX-License-Identifier: Apache-2.0
"""All that no command may do, one by one: what the cage and the trial have to notice."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

KEPT = "kept.txt"  # lies in the folder before a command runs


def main() -> None:
    """Do what argv says."""
    WAYS[sys.argv[1]]()


def crash() -> None:
    raise ValueError("nobody catches this")


def blame_itself() -> None:
    _fail("error: internal error: KeyError: 'x'. Try: the same command with --debug, and report what it prints\n")


def say_two_things() -> None:
    _fail("error: 'm.onnx' is damaged\nerror: 'm.onnx' is damaged\n")


def say_little() -> None:
    _fail("error: no\n")


def say_unprintable_things() -> None:
    _fail("error: node '\x1b[2J': this operator is not supported\n")


def chatter() -> None:
    sys.stdout.write("importing\n")
    _fail("error: 'm.onnx' is damaged\n")


def fail_in_another_way() -> None:
    sys.stderr.write("error: 'm.onnx' is damaged\n")
    raise SystemExit(1)


def warn() -> None:
    sys.stderr.write("RuntimeWarning: overflow\n")


def work_for_ever() -> None:
    while True:
        pass


def eat() -> None:
    held = [bytearray(b"x" * (64 << 20)) for _ in range(17)]
    time.sleep(0.01)
    del held


def eat_everything() -> None:
    bytearray(4 << 30)


def peek() -> None:
    Path("../other.txt").read_bytes()


def litter() -> None:
    Path("../litter.txt").write_text("x")


def leave_something() -> None:
    Path("core").write_text("x")


def lose_something() -> None:
    Path(KEPT).unlink()


def start_something() -> None:
    subprocess.run(["/bin/true"], check=True)


def _fail(text: str) -> None:
    sys.stderr.write(text)
    raise SystemExit(2)


WAYS: dict[str, Callable[[], None]] = {
    f.__name__: f
    for f in (crash, blame_itself, say_two_things, say_little, say_unprintable_things, chatter, fail_in_another_way,
              warn, work_for_ever, eat, eat_everything, peek, litter, leave_something, lose_something, start_something)
}  # fmt: skip
