# SPDX-License-Identifier: Apache-2.0
"""One hostile file tried: the commands run on it, and everything that is wrong with what they do."""

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tests.robustness import right
from tests.robustness.cage import Cage, Outcome
from tests.robustness.misbehave import KEPT
from tests.robustness.mutant import FAILS, PASSES, Mutant

PEAK = 1 << 10  # MiB resident
TOO_BIG = "no plan fits: "  # the only right end with status 1: of networks that are sound, but large
LARGE = ("size",)  # families of those
BUILD = "b"
PLACE = re.compile(r"'|\bmodel\b|\b\w+_\d+\b")  # a name in quotes, the model as a whole, a layer of ours

ERROR = re.compile(r"^error: ", re.MULTILINE)

# What became of a file.
REFUSED, RIGHT, STRICTER, BARE = "refused", "right", "stricter", "not comparable"

# onnxruntime does not take these files; that we do is right all the same.
UNREAD = "what onnxruntime stumbles over has no meaning for the result, and is not read"
BY_VALUE = "numbers count by their value, whatever element type the file gives them"
WHEN_RUN = "what the host computes fails when it runs: predict says so"
INEXACT = "onnxruntime keeps the lower half of the number only; any but 0 means yes"
STRICTER_THAN_WE: Mapping[str, str] = {
    "bomb/ConstantOfShape 100 dimensions": WHEN_RUN,
    "bomb/Gather far outside": WHEN_RUN,
    "attribute/cnn/Gemm transB 4611686018427387904 *": INEXACT,
    "number/mlp": UNREAD,  # version 2^31 of the format
    "number/external": UNREAD,  # the type that an output is said to have
    "dims/old": UNREAD,  # the shape that a weight among the inputs is said to have
    "emptied/old": UNREAD,
    "graph/unused nodes": UNREAD,  # of operators that nobody knows
    "graph/value info lies": UNREAD,
    "graph/weight listed with another shape": UNREAD,
    "graph/output of another type": UNREAD,
    "type/whole weight of *": BY_VALUE,
    "type/bias of *": BY_VALUE,
    "numbers/* denormal": BY_VALUE,  # as double, among floats
    "numbers/variance 1e300": BY_VALUE,
    "numbers/bound *": BY_VALUE,
}


@dataclass(frozen=True)
class Result:
    """What became of a file, and what is wrong with that."""

    outcome: str
    faults: list[str]


def tried(cage: Cage, top: Path, mutant: Mutant, build: Path | None = None) -> Result:
    """`inspect`, then `estimate` or, over a copy of an earlier `build`, `compile`."""
    folder = top / "in"
    (top / "home").mkdir()
    folder.mkdir()
    mutant.make(folder)
    (folder / KEPT).write_text("kept")
    if build is not None:
        shutil.copytree(build, folder / BUILD)
    before = contents(folder)
    looked = cage.run(folder, "inspect", mutant.file)
    found = [f"inspect: {text}" for text in faults(looked, quiet=False, large=False)]
    found += [f"inspect: {text}" for text in changes(before, contents(folder))]
    command = ["estimate", mutant.file] if build is None else ["compile", mutant.file, "--out", BUILD]
    done = cage.run(folder, *command)
    found += [f"{command[0]}: {text}" for text in faults(done, large=mutant.family in LARGE)]
    emitted = build is not None and done.status == 0
    found += [f"{command[0]}: {text}" for text in changes(before, contents(folder), replaced=emitted)]
    if looked.status == 2 and done.status == 0:
        found.append("inspect finds a problem, the other command does not")
    if (mutant.must, done.status) in ((FAILS, 0), (PASSES, 2)):
        found.append(f"it {mutant.must}, says the generator")
    if done.status != 0:
        return Result(REFUSED, found)
    outcome, wrong = compared(cage, folder, mutant)
    return Result(outcome, [*found, *wrong])


def faults(done: Outcome, *, quiet: bool = True, large: bool) -> list[str]:
    """What a command did that none may do; `quiet`: it says nothing on stdout when it fails."""
    found = [f"left its folder: {text}" for text in done.foreign]
    if done.peak > PEAK:
        found.append(f"took {done.peak} MiB")
    if done.status == 0:
        return [*found, *([f"stderr: {done.err[:300]}"] if done.err else [])]
    if done.status == 2 and not quiet and done.out and not done.err:
        return found  # the list of problems
    expected = done.status == 2 or (large and done.status == 1 and TOO_BIG in done.err)
    if not expected:
        found.append(f"status {done.status} after {done.cpu:.0f} s: {done.err[-600:]}")
    if quiet and done.out:
        found.append(f"stdout: {done.out[:300]}")
    return [*found, *(_unclear(done.err) if done.status == 2 else [])]


def _unclear(err: str) -> list[str]:
    """What is wrong with an error message."""
    found: list[str] = []
    if len(ERROR.findall(err)) != 1 or not err.startswith("error: ") or not err.endswith("\n"):
        found.append("not one message")
    if any(words in err for words in ("Traceback", "internal error", "out of memory")):
        found.append("an error of our own")
    if not PLACE.search(err) or len(err.split()) < 5:
        found.append("does not say where or what")
    if len(err) > 10_000 or not all(c.isprintable() and c.isascii() for c in err.replace("\n", "")):
        found.append("not fit to print")
    return [f"{text}: {err[:300]!r}" for text in found]


def contents(folder: Path) -> dict[str, str]:
    """Every file with its hash."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def changes(before: Mapping[str, str], after: Mapping[str, str], *, replaced: bool = False) -> list[str]:
    """Files lost, changed or left behind; `replaced`: the build is a new one."""
    ours = {name for name in {*before, *after} if replaced and name.startswith(f"{BUILD}/")}
    lost = [name for name in before if before[name] != after.get(name) and name not in ours]
    left = [name for name in after if name not in before and name not in ours]
    whole = not replaced or f"{BUILD}/report.json" in after
    return [f"lost or changed {n}" for n in lost] + [f"left {n}" for n in left] + ["no build"] * (not whole)


def compared(cage: Cage, folder: Path, mutant: Mutant) -> tuple[str, list[str]]:
    """Whether a file that was taken is also understood."""
    done = cage.compare(folder, mutant.file)
    verdict = done.out.partition(" ")[0].strip()
    if done.status == 0 and verdict == right.EQUAL:
        return RIGHT, []
    if done.status == 0 and verdict in (right.OVERFLOW, right.NO_CODES):
        return BARE, []
    if done.status == 0 and verdict == right.NOT_TAKEN:
        return STRICTER, [] if reason(mutant.name) else [f"exit 0 without a reason: {done.out}"]
    return RIGHT, [f"{done.out} {done.err[-600:]} status {done.status}"]


def fits(name: str, pattern: str) -> bool:
    """Whether a pattern of STRICTER_THAN_WE means this file."""
    return fnmatchcase(name, pattern)


def reason(name: str) -> str:
    """Why we may take a file that onnxruntime does not take; empty if we may not."""
    return next((text for pattern, text in STRICTER_THAN_WE.items() if fits(name, pattern)), "")
