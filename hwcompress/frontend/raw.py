# SPDX-License-Identifier: Apache-2.0
"""A typed view of an ONNX node: decoded attributes, checked where they are read. No protobuf here."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from hwcompress.errors import quote

Array: TypeAlias = NDArray[Any]
T = TypeVar("T")


def is_array(value: object) -> TypeGuard[Array]:
    """A decoded tensor, of any element type."""
    return isinstance(value, np.ndarray)


def is_list(value: object) -> TypeGuard[tuple[object, ...]]:
    """A decoded list attribute."""
    return isinstance(value, tuple)


class Refusal(Exception):  # noqa: N818 (a reason, which becomes a line of the one error for the whole model)
    """Why one node cannot be built. Never leaves the frontend."""


class Nowhere(Refusal):
    """Why a node can run neither in hardware nor on the host."""


class Mixed(Nowhere):
    """Why a node's answer for one sample depends on the others."""


class TooLarge(Nowhere):
    """Why a node would take more memory or time than anyone has."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """A constant whose value cannot be computed here, and why."""

    reason: str
    huge: bool = False  # it would take more memory or time than anyone has


@dataclass(frozen=True)
class RawNode:
    """One node. `op` carries the domain in front unless it is the default one."""

    index: int  # position in the file's list of nodes, after sorting
    op: str
    name: str
    inputs: tuple[str, ...]  # "" where an optional one is left out
    outputs: tuple[str, ...]
    attributes: Mapping[str, object]  # int, float, str, tuple of these, an array, or Opaque
    opset: int  # version of its domain
    captured: tuple[str, ...] = ()  # values from outside that bodies of control flow in it read
    strange: str = ""  # which attribute this version of its operator does not have, or not of that type

    @property
    def reads(self) -> tuple[str, ...]:
        """All values that it needs."""
        return (*self.inputs, *self.captured)

    @property
    def label(self) -> str:
        """Its name, or the name of what it makes: untrusted text."""
        return self.name or next((o for o in self.outputs if o), "")

    def __str__(self) -> str:
        op = self.op if self.op.replace(".", "").isidentifier() and len(self.op) <= 80 else quote(self.op)
        return f"{op} {quote(self.label)}"

    def integer(self, key: str, default: int) -> int:
        """An integer attribute."""
        return _checked(self.attributes.get(key, default), int, f"attribute {key} must be an integer")

    def number(self, key: str, default: float) -> float:
        """A finite real attribute."""
        value = _checked(self.attributes.get(key, default), float, f"attribute {key} must be a number")
        if not math.isfinite(value):
            raise Refusal(f"attribute {key} is {value}; it must be finite")
        return value

    def text(self, key: str, default: str) -> str:
        """A text attribute."""
        return _checked(self.attributes.get(key, default), str, f"attribute {key} must be a text")

    def integers(self, key: str) -> tuple[int, ...] | None:
        """A list of integers, None if absent."""
        return None if key not in self.attributes else _all(self.attributes[key], int, key)

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of reals, empty if absent."""
        return _all(self.attributes.get(key, ()), float, key)


def _checked(value: object, kind: type[T], message: str) -> T:
    if not isinstance(value, kind):
        raise Refusal(message)
    return value


def _all(value: object, kind: type[T], key: str) -> tuple[T, ...]:
    message = f"attribute {key} must be a list of {kind.__name__} values"
    if not is_list(value):
        raise Refusal(message)
    return tuple(_checked(v, kind, message) for v in value)
