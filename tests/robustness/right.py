# SPDX-License-Identifier: Apache-2.0
# pyright: basic, reportArgumentType=false, reportCallIssue=false
"""Whether a model that compiles also answers like the file itself in onnxruntime."""

import sys
from pathlib import Path

import numpy as np

from hwcompress import api
from hwcompress.errors import HwcError
from hwcompress.frontend.host import HostTail
from hwcompress.frontend.model import Model
from hwcompress.frontend.onnx_import import load
from hwcompress.frontend.runtime import ort
from tests.frontend.build import Array, hardware

COUNT = 24  # samples
LOUD = 15.0  # dB: of codes of 12 bits over the error


def main() -> None:
    """Print what is wrong with the answers of the model in argv, or why they cannot be compared."""
    path = Path(sys.argv[1])
    imported = load(path)
    rng = np.random.default_rng(0)
    x = np.rint(rng.normal(0, 2, (COUNT, *imported.input.sample_shape)))
    x = (np.abs(x) if imported.input.dtype[0] == "u" else x).astype(imported.input.dtype.replace("bfloat16", "float32"))
    want = _reference(path, x, imported.input.batched)
    if want is None:
        sys.stdout.write("onnxruntime does not run it\n")
        return
    if not all(np.isfinite(y).all() for y in want.values() if y.dtype.kind == "f"):
        sys.stdout.write("overflows in float32\n")
        return
    try:
        _judge(path, imported, x, want)
    except HwcError as error:
        sys.stdout.write(f"refused: {error}\n")


def _judge(path: Path, imported: Model, x: Array, want: dict[str, Array]) -> None:
    got = HostTail(imported).run(hardware(imported, x))
    for name, y in want.items():
        _compare(name, got[name], y)
    design = api.compile(path, data={"x_train": x, "x_test": x}, weight_bits=12, activation_bits=12)
    main_name = next((n for n, y in want.items() if y.dtype.kind == "f"), None)
    if main_name is not None:
        _near(design.predict(x), want[main_name])


def _reference(path: Path, x: Array, batched: bool) -> dict[str, Array] | None:
    """The file as it is, sample by sample; None if onnxruntime does not take it."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [o.name for o in session.get_outputs()]
        feed = session.get_inputs()[0].name
        rows = [session.run(names, {feed: x[i : i + 1] if batched else x[i]}) for i in range(len(x))]
    except Exception:  # noqa: BLE001 (onnxruntime raises many types of its own)
        return None
    if any(not isinstance(y, np.ndarray) for row in rows for y in row):
        return None
    return {name: np.stack([row[k] for row in rows]) for k, name in enumerate(names)}


def _compare(name: str, got: Array, want: Array) -> None:
    """Equal but for rounding."""
    got = got.reshape(-1)
    want = want.reshape(-1)
    if got.shape != want.shape:
        sys.stdout.write(f"WRONG {name}: {got.shape} for {want.shape}\n")
    elif want.dtype.kind != "f":
        if (got != want).mean() > 0.1:  # a tie may fall either way
            sys.stdout.write(f"WRONG {name}: {got[:8]} for {want[:8]}\n")
    else:
        top = float(np.abs(want).max(initial=0.0))
        if not np.allclose(got, want, rtol=1e-3, atol=1e-4 * top + 1e-30):
            sys.stdout.write(f"WRONG {name}: {got[:8]} for {want[:8]}\n")


def _near(got: Array, want: Array) -> None:
    """The codes follow the real answer."""
    got, want = got.reshape(len(want), -1).astype(np.float64), want.reshape(len(want), -1).astype(np.float64)
    signal, noise = float((want**2).sum()), float(((got - want) ** 2).sum())
    if noise and 10 * np.log10(max(signal, 1e-300) / noise) < LOUD:
        sys.stdout.write(f"WRONG codes: {got[:2]} for {want[:2]}\n")
