# SPDX-License-Identifier: Apache-2.0
"""The frames a bench runs on: those stored with the build, and more of them from model.fixed.onnx when asked for."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwcompress.errors import ToolFailed
from hwcompress.ir.fixed import Codes
from hwcompress.ir.order import Order
from hwcompress.verify.bench import BenchSpec, PortSpec, read_spec, read_words, unpack, write_frames

CODES = "codes"  # output of model.fixed.onnx
NAMES = {"float": "float32", "double": "float64"}  # of onnxruntime, where numpy has another


@dataclass(frozen=True, slots=True)
class Frames:
    """Two memory files and the frames in them."""

    stored: int
    stimulus: Path
    expected: Path


def stored_frames(build: Path, vectors: int) -> Frames:
    """At least `vectors` frames: those of the build, then random ones with the codes that onnxruntime gives."""
    bench = build.resolve() / "bench"
    spec, stored = read_spec(bench)
    if vectors <= stored:
        return Frames(stored, bench / "stimulus.mem", bench / "expected.mem")
    more = bench / f"more_{vectors}"
    if not (more / "expected.mem").is_file():
        x = unpack(read_words(bench / "stimulus.mem", stored * spec.input.beats), spec.input)
        y = unpack(read_words(bench / "expected.mem", stored * spec.output.beats), spec.output)
        extra = random_codes(spec.input, vectors - stored)
        answer = run_onnx(build / "model.fixed.onnx", spec, extra)
        more.mkdir(exist_ok=True)
        write_frames(spec, np.concatenate([x, extra]), np.concatenate([y, answer]), more)
    return Frames(vectors, more / "stimulus.mem", more / "expected.mem")


def random_codes(port: PortSpec, count: int, seed: int = 0) -> Codes:
    """Codes [count, elements]: anywhere in the type's range, one frame in eight at its two ends only."""
    rng = np.random.default_rng(seed)
    low = -(1 << (port.width - 1)) if port.signed else 0
    high = low + (1 << port.width) - 1
    codes = rng.integers(low, high, (count, port.elements), dtype=np.int64, endpoint=True)
    ends = rng.choice(np.array([low, high], dtype=np.int64), (count, port.elements))
    return np.where((np.arange(count) % 8 == 7)[:, None], ends, codes)


def run_onnx(model: Path, spec: BenchSpec, x: Codes) -> Codes:
    """Output codes [n, elements] of the fixed-point ONNX model, run by onnxruntime."""
    return onnx_values(model, spec, x, ())[0].reshape(len(x), spec.output.elements)


def onnx_values(model: Path, spec: BenchSpec, x: Codes, names: Sequence[str]) -> list[Codes]:
    """Output codes of the fixed-point ONNX model, then its values of these names; each [n, elements] in our order."""
    if not model.is_file():
        raise ToolFailed(f"{model}: the fixed-point model wanted, whose codes the design must give; not found")
    onnxruntime: Any = importlib.import_module("onnxruntime")  # heavy, and seldom needed, as onnx is below
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    source: str | bytes = str(model)
    if names:
        from hwcompress.codegen.fixed_onnx import with_outputs

        source = with_outputs(model.read_bytes(), names)
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    kind = str(entry.type).removeprefix("tensor(").removesuffix(")")
    dtype = np.dtype(NAMES.get(kind, kind))
    shape = [size if isinstance(size, int) else 1 for size in entry.shape[1:]]
    order = Order(spec.input.sizes, spec.input.axes).inverse()
    reals = order.apply(x * spec.input.scale()).astype(dtype).reshape(len(x), *shape)
    batch = entry.shape[0] if isinstance(entry.shape[0], int) else 1024
    parts = [reals[k : k + batch] for k in range(0, len(reals), batch)]
    answers = [session.run([CODES, *names], {entry.name: part}) for part in parts]
    return [
        _raster(np.concatenate([np.asarray(a, dtype=np.int64) for a in column]))
        for column in zip(*answers, strict=True)
    ]


def _raster(value: Codes) -> Codes:
    """Maps [n, channels, rows, columns] as [n, elements], channels innermost."""
    return (value.transpose(0, 2, 3, 1) if value.ndim == 4 else value).reshape(len(value), -1)
