# SPDX-License-Identifier: Apache-2.0
"""A sweep as a table, as JSON and as one HTML page with plots."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from hwcompress.explore.sweep import Row, SweepResult
from hwcompress.report.files import write_text
from hwcompress.report.html import environment
from hwcompress.report.table import BAD, GOOD, new_table, titled
from hwcompress.report.text import PERCENT, count, real, score, shown

FILES = ("sweep.csv", "sweep.json", "pareto.html")
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 560, 340, 76, 46, 12, 28  # pixels


def table(result: SweepResult) -> RenderableType:
    """One line a point, the Pareto front marked."""
    rows = new_table(
        ["Bits", "Zeros", "Engine", "Reuse"],
        ["Accuracy", "Agreement", "DSP", "LUT", "FF", "BRAM", "Latency", "Interval", "*"],
    )
    errors: list[Text] = []
    for row in result.rows:
        p, m = row.point, row.measured
        head = (f"{p.weight_bits} x {p.activation_bits}", f"{p.sparsity:g}", shown(p.strategy), str(p.reuse))
        if m is None:
            rows.add_row(*head, Text(f"error {len(errors) + 1}", BAD))
            errors.append(Text(f"error {len(errors) + 1}: {shown(row.error, 300)}"))
            continue
        cells = (count(n) for n in (m.dsp, m.lut, m.ff, m.bram18, m.latency_cycles, m.interval_cycles))
        mark = Text("*", GOOD) if row.on_front else Text("" if m.fits else "over", BAD)
        rows.add_row(*head, _quality(row), real(m.agreement, 2, " %"), *cells, mark)
    title = (
        f"Sweep: {len(result.rows)} points, {len(result.front)} on the Pareto front (*); bits: weights x activations"
    )
    return titled(title, rows, *errors)


def _quality(row: Row) -> str:
    m = row.measured
    return "-" if m is None else score(m.fixed_metric, m.metric)


def to_json(result: SweepResult) -> str:
    """All rows."""
    records = [row.record() for row in result.rows]
    return json.dumps({"schema": 1, "points": records}, indent=2, allow_nan=False) + "\n"


def write(result: SweepResult, folder: Path, model: str) -> None:
    """sweep.csv, sweep.json and pareto.html."""
    for name, text in zip(FILES, (result.csv(), to_json(result), page(result, model)), strict=True):
        write_text(folder / name, text)


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a plot, in pixels."""

    x: float
    y: float
    front: bool
    text: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis, in pixels."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A scatter plot ready to draw."""

    title: str
    x_name: str
    y_name: str
    dots: tuple[Dot, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """Values to pixels; logarithmic where they span more than a decade."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    @staticmethod
    def of(values: Sequence[float], start: float, end: float, may_log: bool) -> "Axis":
        """An axis that shows all values."""
        low, high = min(values), max(values)
        log = may_log and low > 0 and high > 10 * low
        if low == high:
            low, high = low - 1, high + 1
        return Axis(low, high, start, end, log)

    def at(self, value: float) -> float:
        """Pixels of a value."""
        a, b, v = (math.log(n) if self.log else n for n in (self.low, self.high, value))
        return round(self.start + (self.end - self.start) * (v - a) / (b - a), 1)

    def ticks(self) -> tuple[Tick, ...]:
        """Five labels."""
        share = [k / 4 for k in range(5)]
        if self.log:
            values = [self.low * (self.high / self.low) ** s for s in share]
        else:
            values = [self.low + (self.high - self.low) * s for s in share]
        return tuple(Tick(self.at(v), f"{v:,.0f}" if abs(v) >= 100 else f"{v:.3g}") for v in values)


def plots(result: SweepResult) -> tuple[Plot, ...]:
    """Speed against size, and accuracy against size where it was measured."""
    rows = [row for row in result.rows if row.measured is not None]
    if not rows:
        return ()
    made = [
        _plot("Interval and LUTs", rows, "LUT", _field("lut"), "interval, cycles", _field("interval_cycles")),
        _plot("Interval and DSPs", rows, "DSP", _field("dsp"), "interval, cycles", _field("interval_cycles")),
    ]
    scored = [row for row in rows if row.measured and row.measured.fixed_metric is not None]
    if scored and scored[0].measured:
        metric = scored[0].measured.metric or "accuracy"
        name = f"{metric}, %" if metric in PERCENT else metric
        made.append(_plot("Accuracy and LUTs", scored, "LUT", _field("lut"), name, _field("fixed_metric")))
    elif all(row.measured and row.measured.agreement is not None for row in rows):
        made.append(_plot("Agreement and LUTs", rows, "LUT", _field("lut"), "agreement, %", _field("agreement")))
    return tuple(made)


def _field(name: str) -> Callable[[Row], float]:
    return lambda row: float(getattr(row.measured, name))


def _plot(
    title: str, rows: Sequence[Row], x_name: str, x: Callable[[Row], float], y_name: str, y: Callable[[Row], float]
) -> Plot:
    across = Axis.of([x(r) for r in rows], LEFT, WIDTH - RIGHT, may_log=True)
    up = Axis.of([y(r) for r in rows], HEIGHT - BOTTOM, TOP, may_log="interval" in y_name)
    dots = (Dot(across.at(x(r)), up.at(y(r)), r.on_front, _describe(r)) for r in rows)
    ordered = tuple(sorted(dots, key=lambda d: d.front))  # the front is drawn last, on top
    return Plot(title, x_name, y_name, ordered, across.ticks(), up.ticks())


def _describe(row: Row) -> str:
    p, m = row.point, row.measured
    assert m is not None
    return (
        f"{p.weight_bits} x {p.activation_bits} bits, zeros {p.sparsity:g}, {p.strategy}, reuse {p.reuse}: "
        f"{m.dsp} DSP, {m.lut} LUT, interval {m.interval_cycles}, latency {m.latency_cycles}, "
        f"{m.metric} {_quality(row)}"
    )


def page(result: SweepResult, model: str) -> str:
    """The HTML page."""
    sizes = {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "bottom": HEIGHT - BOTTOM,
        "top": TOP,
        "right": WIDTH - RIGHT,
    }
    template = environment().get_template("pareto.html.j2")
    return template.render(model=model, result=result, plots=plots(result), quality=_quality, **sizes)
