# SPDX-License-Identifier: Apache-2.0
"""One hostile file: its name, how it comes to be, and what must become of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto

from tests.robustness.honest import fresh, write

FAILS, PASSES = "fails", "passes"


@dataclass(frozen=True)
class Mutant:
    """A model file, made when it is needed."""

    name: str  # family/model/what
    make: Callable[[Path], object]  # writes `file`, and what belongs to it, into the folder
    file: str = "m.onnx"
    must: str = ""  # FAILS or PASSES where nothing else is right

    @property
    def family(self) -> str:
        return self.name.partition("/")[0]


def edited(name: str, base: str, edit: Callable[[ModelProto], object], *, must: str = "") -> Mutant:
    """An honest model, changed; `edit` may answer another one."""

    def make(folder: Path) -> None:
        model = fresh(base)
        found = edit(model)
        made = found if isinstance(found, ModelProto) else model
        write(folder, base, made.SerializeToString())

    return Mutant(name, make, must=must)


def built(name: str, build: Callable[[], ModelProto | bytes], *, must: str = "") -> Mutant:
    """A model of its own."""

    def make(folder: Path) -> None:
        made = build()
        write(folder, "", made if isinstance(made, bytes) else made.SerializeToString())

    return Mutant(name, make, must=must)
