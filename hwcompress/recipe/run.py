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
from hwcompress.compress.stages import stages
from hwcompress.compress.structured import remove_dead
from hwcompress.errors import BadInput, HwcError
from hwcompress.ir.graph import Graph, Op
from hwcompress.passes.pipeline import simplify
from hwcompress.recipe.apply import Done, apply, need_torch
from hwcompress.recipe.recipe import Recipe
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
    last: Graph[Op]  # behind the last step, with what is dead still in its place


class Checkpoints:
    """A folder with the state after every finished step.

    A step's state is good for every run that begins alike: the same model, data, settings and steps so far. What is of
    other runs is deleted.
    """

    def __init__(self, folder: Path, recipe: Recipe, run: str) -> None:
        """run: `run_key` of what decides the result beside the steps."""
        self.folder, self._steps = folder, recipe.steps
        self._names = [f"step_{k}_{_digest(run, *recipe.steps[: k + 1])}" for k in range(len(recipe.steps))]
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.name.partition(".")[0] not in self._names and path.is_file():
                path.unlink()

    def training(self, index: int) -> Path:
        """Where the training of a step keeps its epochs."""
        return self.folder / f"{self._names[index]}.pt"

    def load(self, index: int) -> Done | None:
        """A finished step."""
        path = self._note(index)
        if not path.is_file():
            return None
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        stored = unpack(path.with_suffix(".hwc").read_bytes(), "checkpoint")
        step = KINDS[told["step"]["kind"]].model_validate(told["step"])
        state = State(stored.graph, frozenset(told["shared"]), stored.settings, stored.hashes)
        return Done(step, state, told["told"])

    def save(self, index: int, done: Done) -> None:
        """The note last: what it speaks of is there."""
        state = done.state
        stored = Stored("checkpoint", state.graph, NO_ENDS, b"", state.settings, hashes=state.hashes)
        path = self._note(index)
        _write(path.with_suffix(".hwc"), pack(stored, "raw").data)
        note = {
            "step": done.step.model_dump(mode="json", exclude_none=True),
            "shared": sorted(done.state.shared),
            "told": done.told,
        }
        _write(path, json.dumps(note).encode())
        self._forget(index)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """All go at the end; after an error what was trained stays, for a recipe that goes on in another way."""
        if kind is None:
            self.remove()
        elif issubclass(kind, HwcError):
            self._failed()

    def _failed(self) -> None:
        for index in range(len(self._steps)):
            self._forget(index)
        if not any(step.trains and self._note(k).is_file() for k, step in enumerate(self._steps)):
            self.remove()

    def remove(self) -> None:
        """All of it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _note(self, index: int) -> Path:
        return self.folder / f"{self._names[index]}.json"

    def _forget(self, index: int) -> None:
        """Epochs of a training that is done with."""
        for path in self.folder.glob(f"{self._names[index]}.*pt"):
            path.unlink()


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)


NO_ENDS = Ends("x", (1,), "float32", True, ("y",), (1,))


def run_key(*given: object) -> str:
    """Of what decides a result beside the steps of a recipe."""
    return hashlib.sha256("\n".join(map(str, (__version__, *given))).encode()).hexdigest()


def _digest(run: str, *steps: Step) -> str:
    text = "\n".join((run, *(step.model_dump_json() for step in steps)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def run_recipe(recipe: Recipe, state: State, context: Context, checkpoints: Checkpoints | None = None) -> Ran:
    """Every step in order; constants are float32 numbers after each.

    Raises:
        BadInput: a step does not fit the network or the data, or training diverged.
        ToolFailed: a step trains, and torch is not there.
    """
    for step in recipe.steps:
        if step.trains:
            need_torch(step.name)
    state = settled(state)
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
        if step.renews:
            context = replace(context, renewed=state.graph)
        steps.append(done.step)
        told.append({"kind": step.name, **done.told, **_measured(state, context)})
    shrunk = state if recipe.patterned else _shrunk(state)
    return Ran(replace(recipe, steps=tuple(steps)), shrunk, tuple(told), state.graph)


def _shrunk(state: State) -> State:
    """Without channels that carry nothing. Where types are chosen the integer form leaves them out, exactly.

    Where hashes place weights no place may change.
    """
    if "input_type" in state.settings or state.hashes:
        return state
    return settled(replace(state, graph=remove_dead(state.graph)))


def _taken(step: Step, state: State, context: Context, index: int, checkpoint: Path | None) -> Done:
    context.say(f"step {index + 1}: {step.name}", 0.0)
    try:
        done = apply(step, state, context, index, checkpoint)
    except HwcError as error:
        raise type(error)(f"recipe step {index + 1} ({step.name}): {error}") from None
    except ValueError as error:
        raise BadInput(f"recipe step {index + 1} ({step.name}): {error}") from None
    return replace(done, state=settled(done.state))


def settled(state: State) -> State:
    """The state with a graph that `compile` takes as it is, simplified and of float32 numbers; settings follow.

    Where channels are gone, a scaling may fit into a product that it did not fit into before.
    """
    graph = rounded(simplify(state.graph))
    before, after = ({s.node: s.layer for s in reversed(stages(g))} for g in (state.graph, graph))
    if before == after:
        return replace(state, graph=graph)
    renamed = {layer: after[node] for node, layer in before.items() if node in after}
    rows = state.settings.get("layers", {})
    layers = {renamed[layer]: row for layer, row in rows.items() if layer in renamed}
    settings = {**state.settings, "layers": layers} if rows else state.settings
    return replace(state, graph=graph, shared=state.shared & set(weighted(graph)), settings=settings)


def _measured(state: State, context: Context) -> dict[str, Any]:
    """Score, and the share of the original's weights that are gone."""
    total = sum(op.weight.size for op in weighted(context.original).values())
    kept = sum(int(np.count_nonzero(op.weight)) for op in weighted(state.graph).values())
    return {"score": context.score(state.graph, state.settings), "sparsity": max(0.0, 1 - kept / max(1, total))}
