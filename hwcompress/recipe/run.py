# SPDX-License-Identifier: Apache-2.0
"""Running a recipe: step after step, each kept on disk, so that a killed run goes on where it was."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hwcompress.compress.select import weighted
from hwcompress.compress.structured import remove_dead
from hwcompress.errors import BadInput, HwcError
from hwcompress.recipe.apply import Done, apply, need_torch
from hwcompress.recipe.recipe import Recipe, dump
from hwcompress.recipe.state import Context, State
from hwcompress.recipe.steps import KINDS, Step
from hwcompress.storage.container import Ends, Stored, pack, rounded, unpack
from hwcompress.version import __version__


@dataclass(frozen=True)
class Ran:
    """A recipe that was run."""

    recipe: Recipe  # with the numbers that were used
    state: State
    steps: tuple[Mapping[str, Any], ...]  # what each step has to tell


class Checkpoints:
    """A folder with the state after every finished step. It belongs to one run: another key empties it."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        mark = folder / "key"
        if folder.exists() and (not mark.is_file() or mark.read_text(encoding="utf-8") != key):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        mark.write_text(key, encoding="utf-8")

    def training(self, index: int) -> Path:
        """Where the training of a step keeps its epochs."""
        return self.folder / f"step_{index}.pt"

    def load(self, index: int) -> Done | None:
        """A finished step."""
        path = self.folder / f"step_{index}.json"
        if not path.is_file():
            return None
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        stored = unpack((self.folder / f"step_{index}.hwc").read_bytes(), "checkpoint")
        step = KINDS[told["step"]["kind"]].model_validate(told["step"])
        state = State(stored.graph, frozenset(told["shared"]), stored.settings)
        return Done(step, state, told["told"])

    def save(self, index: int, done: Done) -> None:
        """The note last: what it speaks of is there."""
        stored = Stored("checkpoint", done.state.graph, NO_ENDS, b"", done.state.settings)
        self._write(f"step_{index}.hwc", pack(stored, "raw").data)
        note = {
            "step": done.step.model_dump(mode="json", exclude_none=True),
            "shared": sorted(done.state.shared),
            "told": done.told,
        }
        self._write(f"step_{index}.json", json.dumps(note).encode())
        for path in self.folder.glob(f"{self.training(index).stem}.*pt"):
            path.unlink()

    def _write(self, name: str, data: bytes) -> None:
        part = self.folder / f"{name}.part"
        part.write_bytes(data)
        part.replace(self.folder / name)

    def remove(self) -> None:
        """The run is over."""
        shutil.rmtree(self.folder, ignore_errors=True)


NO_ENDS = Ends("x", (1,), "float32", True, ("y",), (1,))


def run_key(recipe: Recipe, model: str, data: str, seed: int) -> str:
    """What decides the result: equal keys may share checkpoints."""
    text = "\n".join((__version__, dump(recipe), model, data, str(seed)))
    return hashlib.sha256(text.encode()).hexdigest()


def run_recipe(recipe: Recipe, state: State, context: Context, checkpoints: Checkpoints | None = None) -> Ran:
    """Every step in order; constants are float32 numbers after each.

    Raises:
        BadInput: a step does not fit the network or the data, or training diverged.
        ToolFailed: a step trains, and torch is not there.
    """
    for step in recipe.steps:
        if step.trains:
            need_torch(step.name)
    state = replace(state, graph=rounded(state.graph))
    steps: list[Step] = []
    told: list[Mapping[str, Any]] = []
    for index, step in enumerate(recipe.steps):
        done = checkpoints.load(index) if checkpoints else None
        if done is None:
            where = checkpoints.training(index) if checkpoints else None
            done = _taken(step, state, context, index, where)
            if checkpoints:
                checkpoints.save(index, done)
        state = done.state
        steps.append(done.step)
        told.append({"kind": step.name, **done.told, **_measured(state, context)})
    return Ran(replace(recipe, steps=tuple(steps)), _shrunk(state), tuple(told))


def _shrunk(state: State) -> State:
    """Without channels that carry nothing. Where types are chosen the integer form leaves them out, exactly."""
    if "input_type" in state.settings:
        return state
    return replace(state, graph=rounded(remove_dead(state.graph)))


def _taken(step: Step, state: State, context: Context, index: int, checkpoint: Path | None) -> Done:
    context.say(f"step {index + 1}: {step.name}", 0.0)
    try:
        done = apply(step, state, context, index, checkpoint)
    except HwcError as error:
        raise type(error)(f"recipe step {index + 1} ({step.name}): {error}") from None
    except ValueError as error:
        raise BadInput(f"recipe step {index + 1} ({step.name}): {error}") from None
    return replace(done, state=replace(done.state, graph=rounded(done.state.graph)))


def _measured(state: State, context: Context) -> dict[str, Any]:
    """Score, and the share of the original's weights that are gone."""
    total = sum(op.weight.size for op in weighted(context.original).values())
    kept = sum(int(np.count_nonzero(op.weight)) for op in weighted(state.graph).values())
    return {"score": context.score(state.graph, state.settings), "sparsity": max(0.0, 1 - kept / max(1, total))}
