# SPDX-License-Identifier: Apache-2.0
"""Whether a model that compiles also answers like the file itself in onnxruntime."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hwcompress import api
from hwcompress.errors import HwcError
from hwcompress.frontend.host import HostTail
from hwcompress.frontend.model import Model
from hwcompress.frontend.onnx_import import load
from hwcompress.frontend.runtime import ort
from tests.frontend.build import Array, hardware

COUNT, FEW = 24, 3  # samples; of large inputs
LARGE = 1 << 14  # elements
LOUD = 15.0  # dB: of codes of 12 bits over the error

# What is found, the first word of the line on stdout.
EQUAL = "equal"
WRONG = "wrong:"
NOT_TAKEN = "onnxruntime:"  # does not take the file, and why
OVERFLOW = "overflow:"  # of float32: there is nothing to compare
NO_CODES = "no-codes:"  # the float network is equal; the message says why these samples have no codes


def main() -> None:
    """Print what is found of the model in argv."""
    sys.stdout.write(f"{_found(Path(sys.argv[1]))}\n")


def _found(path: Path) -> str:
    imported = load(path)
    x = _samples(imported)
    want = _reference(path, x, imported.input.batched)
    if isinstance(want, str):
        return f"{NOT_TAKEN} {want}; {_ours(imported, x)}"
    if not all(np.isfinite(y).all() for y in want.values() if y.dtype.kind == "f"):
        return f"{OVERFLOW} onnxruntime answers with infinity or NaN"
    got = HostTail(imported).run(hardware(imported, x))
    wrong = [f"{WRONG} {name}: {text}" for name, y in want.items() for text in _differences(got[name], y)]
    return "\n".join(wrong) or _codes(path, x, want)


def _samples(imported: Model) -> Array:
    rng = np.random.default_rng(0)
    shape = imported.input.sample_shape
    x = np.rint(rng.normal(0, 2, (FEW if np.prod(shape) > LARGE else COUNT, *shape)))
    unsigned = imported.input.dtype[0] == "u"
    return (np.abs(x) if unsigned else x).astype(imported.input.dtype.replace("bfloat16", "float32"))


def _reference(path: Path, x: Array, batched: bool) -> dict[str, Array] | str:
    """The file as it is, sample by sample; or why onnxruntime does not take it."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [o.name for o in session.get_outputs()]
        feed = session.get_inputs()[0].name
        rows = [session.run(names, {feed: x[i : i + 1] if batched else x[i]}) for i in range(len(x))]
    except Exception as error:  # noqa: BLE001 (onnxruntime raises many types of its own)
        return " ".join(str(error).split())[:300]
    if any(not isinstance(y, np.ndarray) for row in rows for y in row):
        return "answers with something else than tensors"
    return {name: np.stack([row[k] for row in rows]) for k, name in enumerate(names)}


def _ours(imported: Model, x: Array) -> str:
    """What the product does with such a file when it is asked for an answer: one, or a clear refusal."""
    try:
        HostTail(imported).run(hardware(imported, x))
    except HwcError:
        return "refused when it runs"
    return "answered"


def _differences(got: Array, want: Array) -> Iterator[str]:
    """Equal but for rounding."""
    got, want = got.reshape(-1), want.reshape(-1)
    if got.shape != want.shape:
        yield f"{got.shape} for {want.shape}"
        return
    top = float(np.abs(want).max(initial=0.0)) if want.dtype.kind == "f" else 0.0
    if want.dtype.kind == "f":
        same = np.allclose(got, want, rtol=1e-3, atol=1e-4 * top + 1e-30)
    else:
        same = (got != want).mean() <= 0.1  # a tie may fall either way
    if not same:
        yield f"{got[:8]} for {want[:8]}"


def _codes(path: Path, x: Array, want: dict[str, Array]) -> str:
    """Whether the codes of the design follow the real answer."""
    try:
        design = api.compile(path, data={"x_train": x, "x_test": x}, weight_bits=12, activation_bits=12)
    except HwcError as error:
        return f"{NO_CODES} {error}"
    real = next((y for y in want.values() if y.dtype.kind == "f"), None)
    if real is None:
        return EQUAL
    got, real = (y.reshape(len(y), -1).astype(np.float64) for y in (design.predict(x), real))
    signal, noise = float((real**2).sum()), float(((got - real) ** 2).sum())
    if noise and 10 * np.log10(max(signal, 1e-300) / noise) < LOUD:
        return f"{WRONG} codes: {got[:2]} for {real[:2]}"
    return EQUAL
