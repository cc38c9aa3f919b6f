# SPDX-License-Identifier: Apache-2.0
"""ONNX models run by onnxruntime, quietly. Imports onnxruntime: import it when needed."""

import math
import re
from importlib import import_module
from typing import Any

import numpy as np

from hwcompress.errors import BadInput, quote
from hwcompress.frontend.arrange import arrange
from hwcompress.frontend.model import Model
from hwcompress.frontend.raw import Array

__all__ = ["OnnxRunner", "Session", "arrange"]

SILENT = 4  # only what ends the process
CHUNK = 1024  # samples a run
MAX_BATCH = 1 << 26  # elements of a batch of the exported size
Outputs = dict[str, Array]

ort: Any = import_module("onnxruntime")  # it has no types
ort.set_default_logger_severity(SILENT)


class Session:
    """A model with one input, run on any number of samples.

    Exported for batches of a certain size: in such batches. Else in large batches if two samples give the same
    together as alone; otherwise (a batch of 1 baked into the graph) one by one.
    """

    def __init__(
        self, model: bytes, what: str, *, batched: bool = True, stacked: bool = False, threads: int = 1, size: int = 0
    ) -> None:
        """`batched`: the input has a batch dimension. `stacked`: outputs have none. `size`: of the exported batch.

        Raises:
            BadInput: onnxruntime does not take the model.
        """
        self._what, self._batched, self._stacked = what, batched, stacked
        self._size = size if batched and not stacked else 0
        self._together: bool | None = None if batched and not stacked else False
        # The extended level replaces 4-bit weights by a kernel that also rounds the activations to 8 bits.
        self._session = _opened(model, what, ort.GraphOptimizationLevel.ORT_ENABLE_BASIC, threads)
        first = self._session.get_inputs()[0]
        self._input: str = first.name
        self.input_type: str = first.type  # as onnxruntime writes it: tensor(float)
        self._names: list[str] = [o.name for o in self._session.get_outputs()]

    def run(self, x: Array) -> Outputs:
        """x [samples, ...] to the outputs by name, samples first.

        Raises:
            BadInput: onnxruntime cannot run the model on it.
        """
        if self._size > 1 and self._size * math.prod(x.shape[1:]) <= MAX_BATCH:
            found = self._in_batches(x)
            if found is not None:
                return found
        if self._together is None and len(x) > 1:
            self._together = self._same_together(x[:2])
        if not self._together:
            return self._each(x)
        parts = [self._once(x[start : start + CHUNK]) for start in range(0, len(x), CHUNK)]
        return {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(self._names)}

    def _in_batches(self, x: Array) -> Outputs | None:
        """In batches of the exported size, the last one filled up; None if outputs do not have the samples first."""
        full = np.concatenate([x, x[-1:].repeat(-len(x) % self._size, axis=0)])
        parts: list[list[Array]] = []
        for start in range(0, len(full), self._size):
            parts.append(self._once(full[start : start + self._size]))
            if any(y.shape[:1] != (self._size,) for y in parts[-1]):
                return None
        return {name: np.concatenate([part[i] for part in parts])[: len(x)] for i, name in enumerate(self._names)}

    def _once(self, x: Array) -> list[Array]:
        options = ort.RunOptions()
        options.log_severity_level = SILENT
        try:
            outputs = self._session.run(self._names, {self._input: x}, options)
        except Exception as error:  # noqa: BLE001
            raise BadInput(_failed(self._what, error)) from None
        return [np.asarray(y) for y in outputs]

    def _each(self, x: Array) -> Outputs:
        """One sample at a time."""
        runs = [self._once(x[i : i + 1] if self._batched else x[i]) for i in range(len(x))]
        return {name: self._joined([run[i] for run in runs]) for i, name in enumerate(self._names)}

    def _joined(self, samples: list[Array]) -> Array:
        whole = self._stacked or any(y.ndim == 0 or y.shape[0] != 1 for y in samples)
        return np.stack(samples) if whole else np.concatenate(samples)

    def _same_together(self, pair: Array) -> bool:
        alone = self._each(pair)
        try:
            together = dict(zip(self._names, self._once(pair), strict=True))
        except BadInput:
            return False
        return all(_close(alone[name], together[name]) for name in self._names)


def check(model: bytes, what: str) -> None:
    """Nothing, if onnxruntime takes the model. Nothing is computed, not even its constants.

    Raises:
        BadInput: it does not.
    """
    _opened(model, what, ort.GraphOptimizationLevel.ORT_DISABLE_ALL, 1)


def _opened(model: bytes, what: str, level: Any, threads: int) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = SILENT
    options.graph_optimization_level = level
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 (onnxruntime raises many types of its own)
        raise BadInput(_failed(what, error)) from None


def _close(a: Array, b: Array) -> bool:
    if a.shape != b.shape:
        return False
    if a.dtype.kind != "f":
        return bool((a == b).all())
    return bool(np.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True))


# What onnxruntime puts before its reason: its own name, and a place in its source.
_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (/\S+:\d+ .*?\)(?=\s+[A-Z\[]))?\s*")


def _failed(what: str, error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return f"onnxruntime cannot run {what}: {quote(_PREFIX.sub('', lines[0]), 240)}"


class OnnxRunner:
    """The original model."""

    def __init__(self, model: Model, threads: int = 1) -> None:
        """Raises BadInput if onnxruntime does not take the model."""
        free = model.input.batched
        self._model = model
        self._session = Session(
            model.source,
            f"the model {quote(model.name)}",
            batched=free,
            stacked=not free,
            threads=threads,
            size=model.batch,
        )

    def run(self, x: Array) -> Outputs:
        """x [samples, ...], any numeric type, dimensions of 1 may be missing, to the model's outputs by name.

        Raises:
            BadInput: the data does not fit, or onnxruntime cannot run the model.
        """
        return self._session.run(arrange(x, self._model.input))
