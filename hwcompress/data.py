# SPDX-License-Identifier: Apache-2.0
"""Calibration and evaluation data: an .npz file, or a dict of the same arrays."""

import contextlib
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from hwcompress.errors import BadInput, quote

Array = NDArray[Any]
CALIBRATION = 512  # samples
KEYS = ("x_train", "y_train", "x_test", "y_test", "x", "y", "group")
# What zipfile and numpy raise for damaged files; numpy takes the header of an array for Python and parses it.
UNREADABLE = (OSError, EOFError, ValueError, KeyError, RuntimeError, OverflowError, MemoryError, zipfile.BadZipFile,
              zlib.error, SyntaxError, tokenize.TokenError)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Data:
    """Samples in the model's own input layout, in the dtype they came in."""

    x_calibrate: Array  # [samples, ...], at most 512
    x_test: Array  # [samples, ...]
    y_test: Array | None  # [samples] or [samples, outputs]
    x_train: Array  # [samples, ...], all that may be learned from
    y_train: Array | None
    notes: tuple[str, ...]  # what was decided here, for the report
    group: Array | None = None  # [samples]: the labelled unit of each sample, where y_test has a label a group


def load_data(source: str | Path | Mapping[str, Any], seed: int = 0, inputs: Iterable[str] = ()) -> Data:
    """The data of an .npz file or of a dict of arrays.

    x_train calibrates and x_test, y_test evaluate; of x, y alone the first quarter calibrates and the rest evaluates.
    inputs: names of the model's inputs, for keys such as `x_test.<input name>`.

    Raises:
        BadInput: the file or an array is not what is wanted.
    """
    if isinstance(source, Mapping):
        where, get, names = "data", source.__getitem__, [str(k) for k in source]
        return _choose(where, get, names, seed, tuple(inputs))
    where = f"data {quote(str(source))}"
    with _opened(where, source) as archive:
        return _choose(where, archive.__getitem__, list(archive.files), seed, tuple(inputs))


@contextlib.contextmanager
def _opened(where: str, source: str | Path) -> "Generator[np.lib.npyio.NpzFile[Any]]":
    """The archive; the file is closed whatever numpy makes of it."""
    try:
        file = Path(source).open("rb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise BadInput(f"{where}: an .npz file wanted, cannot be read ({error.strerror}). {HOW}") from None
    with file:
        yield _archive(where, file)


def _archive(where: str, file: BinaryIO) -> "np.lib.npyio.NpzFile[Any]":
    try:
        archive = np.load(file, allow_pickle=False)
    except UNREADABLE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not an .npz file"
        raise BadInput(f"{where}: an .npz file wanted, cannot be read ({reason}). {HOW}") from None
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise BadInput(f"{where}: an .npz file with named arrays wanted, a single array found. {HOW}")
    return cast("np.lib.npyio.NpzFile[Any]", archive)


HOW = "Try: numpy.savez('d.npz', x_train=..., x_test=..., y_test=...)"
Get = Callable[[str], Any]


def _choose(where: str, get: Get, names: list[str], seed: int, inputs: tuple[str, ...]) -> Data:
    """Which arrays play which part."""
    keys = _keys(where, names, inputs)
    notes: list[str] = []
    unused = [n for n in names if n not in keys.values() and n not in KEYS]
    if unused:
        notes.append(f"data: arrays not used: {', '.join(quote(n, 40) for n in unused[:8])}")
    x = {k: _inputs(where, k, get, keys) for k in ("x_train", "x_test", "x") if k in keys}
    y = {k: _labels(where, k, get, keys) for k in ("y_train", "y_test", "y") if k in keys}
    if "x" in x and not ("x_train" in x or "x_test" in x):
        return _quarter(where, x["x"], y.get("y"), seed, notes)
    if "x_test" not in x:
        if "x_train" not in x:
            raise BadInput(f"{where}: x_train, x_test or x wanted, {_listed(names)} found. {HOW}")
        notes.append("data: no x_test; accuracy is that of x_train")
        return _made(where, x["x_train"], x["x_train"], y.get("y_train"), y.get("y_train"), seed, notes)
    group = _numbers(where, "group", get, keys) if "group" in keys else None
    if group is not None and "x_train" in x and "y_test" in y:
        _same_samples(where, x["x_train"], x["x_test"])
        return _grouped(where, x["x_train"], x["x_test"], y["y_test"], group, seed, notes)
    if "x_train" in x:
        _same_samples(where, x["x_train"], x["x_test"])
        return _made(where, x["x_train"], x["x_test"], y.get("y_train"), y.get("y_test"), seed, notes)
    first = max(1, len(x["x_test"]) // 4)
    notes.append(f"data: no x_train; the first {first} samples of x_test calibrate and are evaluated too")
    return _made(where, x["x_test"][:first], x["x_test"], None, y.get("y_test"), seed, notes)


def _quarter(where: str, x: Array, y: Array | None, seed: int, notes: list[str]) -> Data:
    """The first quarter calibrates, the rest evaluates."""
    _same_length(where, "x", x, "y", y)
    first = max(1, len(x) // 4) if len(x) > 1 else 0
    if not first:
        notes.append("data: one sample only; it calibrates and is evaluated")
    own, rest = (None, None) if y is None else (y[: first or 1], y[first:])
    return _made(where, x[: first or 1], x[first:], own, rest, seed, notes)


def _made(
    where: str, x_train: Array, x_test: Array, y_train: Array | None, y_test: Array | None, seed: int, notes: list[str]
) -> Data:
    _same_length(where, "x_test", x_test, "y_test", y_test)
    _same_length(where, "x_train", x_train, "y_train", y_train)
    picked = x_train
    if len(x_train) > CALIBRATION:
        order = np.random.default_rng(seed).permutation(len(x_train))[:CALIBRATION]
        picked = x_train[np.sort(order)]
    return Data(picked, x_test, y_test, x_train, y_train, tuple(notes))


def _grouped(where: str, x_train: Array, x_test: Array, y: Array, group: Array, seed: int, notes: list[str]) -> Data:
    """Labels belong to groups of samples, as the clips of an anomaly detector."""
    _same_length(where, "x_test", x_test, "group", group)
    groups = len(np.unique(group))
    if groups != len(y):
        raise BadInput(f"{where}: one label in y_test for each of {groups} groups wanted, {len(y)} found")
    made = _made(where, x_train, x_test, None, None, seed, notes)
    return replace(made, y_test=y, group=group)


def _keys(where: str, names: list[str], inputs: tuple[str, ...]) -> dict[str, str]:
    """From our key to the array's: `x_test` may be written `x_test.<input name>`."""
    found = {n: n for n in names if n in KEYS}
    for name in names:
        key, dot, rest = name.partition(".")
        if not dot or key not in KEYS:
            continue
        if key.startswith("x") and inputs and rest not in inputs:
            wanted = ", ".join(quote(f"{key}.{i}", 60) for i in inputs[:4])
            raise BadInput(f"{where}: {wanted} wanted, {quote(name)} found; the model has no such input")
        if key in found:
            raise BadInput(
                f"{where}: one array for {key} wanted, {quote(found[key])} and {quote(name)} found; "
                "several inputs are not available in this version. Try: a model with one input"
            )
        found[key] = name
    return found


def _inputs(where: str, key: str, get: Get, keys: Mapping[str, str]) -> Array:
    """Samples: numbers, finite, at least one."""
    array = _numbers(where, key, get, keys)
    if array.ndim == 0 or array.size == 0:
        raise BadInput(f"{where}: {key} [samples, ...] with at least one sample wanted, shape {_shape(array)} found")
    return array


def _labels(where: str, key: str, get: Get, keys: Mapping[str, str]) -> Array:
    array = _numbers(where, key, get, keys)
    if array.ndim == 0:
        raise BadInput(f"{where}: {key} with one row for each sample wanted, a single number found")
    return array


def _numbers(where: str, key: str, get: Get, keys: Mapping[str, str]) -> Array:
    try:
        array = np.asarray(get(keys[key]))
    except UNREADABLE as error:
        wanted = f"{key} as a plain array of numbers wanted"
        raise BadInput(f"{where}: {wanted}, found one that {_why(error)}. {HOW}") from None
    if array.dtype.kind not in "biuf":
        raise BadInput(f"{where}: {key} with a numeric dtype wanted, {quote(str(array.dtype), 40)} found. {HOW}")
    if array.dtype.kind == "f":
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        if bad:
            raise BadInput(f"{where}: {key} with finite numbers wanted, {bad} NaN or infinite found. Try: drop them")
    plain = {"b": np.dtype(np.uint8), "f": np.dtype(np.float64) if array.dtype.itemsize > 8 else array.dtype}
    return array.astype(plain.get(array.dtype.kind, array.dtype).newbyteorder("="), copy=False)


def _why(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "is larger than the memory"
    return "holds Python objects" if "allow_pickle" in str(error) else "is damaged"


def _same_length(where: str, x_name: str, x: Array, y_name: str, y: Array | None) -> None:
    if y is not None and len(x) != len(y):
        raise BadInput(f"{where}: {x_name} and {y_name} of the same length wanted, {len(x)} and {len(y)} found")


def _same_samples(where: str, train: Array, test: Array) -> None:
    if train.shape[1:] != test.shape[1:]:
        raise BadInput(
            f"{where}: x_train and x_test with samples of the same shape wanted, "
            f"{_shape(train[0])} and {_shape(test[0])} found"
        )


def _shape(array: Array) -> str:
    return "[" + ", ".join(str(d) for d in array.shape) + "]"


def _listed(names: list[str]) -> str:
    return ", ".join(quote(n, 40) for n in names[:8]) if names else "nothing"
