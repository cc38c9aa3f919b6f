# SPDX-License-Identifier: Apache-2.0
"""Geometry of the pictures in a report: lines and bars as SVG coordinates, a map of counts as a PNG. No text here."""

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 320, 170  # of a plot's area
TICKS = 5
COLOURS = 8
FEW, MANY = (238, 242, 247), (20, 62, 122)  # red, green, blue of no weight and of the most


@dataclass(frozen=True)
class Tick:
    """A number on an axis."""

    at: float  # SVG units
    label: str


@dataclass(frozen=True)
class Line:
    """One curve."""

    name: str
    colour: int  # 0 .. COLOURS - 1
    points: str  # as SVG has it
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Plot:
    """Curves on two axes."""

    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_label: str
    y_label: str


@dataclass(frozen=True)
class Bars:
    """Two histograms on top of each other, as SVG paths."""

    before: str
    after: str
    ticks: tuple[Tick, ...]
    most: int  # weights in the fullest bin


Series = tuple[str, Sequence[float], Sequence[float]]  # name, x, y


def plot(series: Sequence[Series], x_label: str, y_label: str) -> Plot | None:
    """Curves with their axes; None without a finite point."""
    kept = [(name, _finite(x, y)) for name, x, y in series]
    every = [point for _, points in kept for point in points]
    if not every:
        return None
    x_low, x_high = _ends([x for x, _ in every])
    y_low, y_high = _ends([y for _, y in every])
    lines = tuple(
        _line(name, k % COLOURS, [(_at(x, x_low, x_high) * WIDTH, (1 - _at(y, y_low, y_high)) * HEIGHT) for x, y in p])
        for k, (name, p) in enumerate(kept)
        if p
    )
    x_ticks = tuple(Tick(round(_at(v, x_low, x_high) * WIDTH, 2), _text(v)) for v in ticks(x_low, x_high))
    y_ticks = tuple(Tick(round((1 - _at(v, y_low, y_high)) * HEIGHT, 2), _text(v)) for v in ticks(y_low, y_high))
    return Plot(lines, x_ticks, y_ticks, x_label, y_label)


def _finite(x: Sequence[float], y: Sequence[float]) -> list[tuple[float, float]]:
    return [(a, b) for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)]


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _at(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low)


def _line(name: str, colour: int, points: Sequence[tuple[float, float]]) -> Line:
    dots = tuple((round(x, 2), round(y, 2)) for x, y in points)
    return Line(name, colour, " ".join(f"{x:g},{y:g}" for x, y in dots), dots if len(dots) <= 40 else ())


def ticks(low: float, high: float) -> list[float]:
    """Round numbers within an interval, about TICKS of them: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def _text(value: float) -> str:
    return f"{value:.6g}" if abs(value) >= 1e-12 else "0"


def bars(before: Sequence[int], after: Sequence[int], reach: float) -> Bars:
    """Histograms over -reach .. reach to a common height."""
    most = max([1, *before, *after])
    low, middle, high = (Tick(at * WIDTH, f"{v:.4g}") for at, v in ((0.0, -reach), (0.5, 0.0), (1.0, reach)))
    return Bars(_steps(before, most), _steps(after, most), (low, middle, high), most)


def _steps(counts: Sequence[int], most: int) -> str:
    """An outline from the axis up over every bin and back."""
    if not counts:
        return ""
    width = WIDTH / len(counts)
    parts = [f"M0 {HEIGHT}"]
    for k, count in enumerate(counts):
        parts.append(f"V{HEIGHT * (1 - count / most):.2f}H{(k + 1) * width:.2f}")
    return "".join(parts) + f"V{HEIGHT}Z"


def png(counts: Sequence[Sequence[int]], most: int) -> str:
    """A picture of one pixel a count, from FEW to MANY, as a data URI. Not compressed: the same bytes everywhere."""
    values = np.asarray(counts, dtype=np.float64) / max(1, most)
    few, many = (np.array(colour, dtype=np.float64) for colour in (FEW, MANY))
    pixels = np.rint(few + values.clip(0.0, 1.0)[..., None] * (many - few)).astype(np.uint8)
    return "data:image/png;base64," + base64.b64encode(_png(pixels)).decode("ascii")


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Of pixels [rows, columns, 3] (PNG specification, W3C 2003, sections 5 and 11)."""
    rows, columns = pixels.shape[:2]
    lines = b"".join(b"\0" + pixels[k].tobytes() for k in range(rows))
    head = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
