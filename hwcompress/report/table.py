# SPDX-License-Identifier: Apache-2.0
"""A report on the terminal, in the shape of a vendor's utilization report."""

from collections.abc import Iterable
from typing import Protocol

from rich.box import ASCII2
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from hwcompress.report.schema import LayerPart, Report, SynthesisPart
from hwcompress.report.text import cell, count, real, score, share, shown

CELLS = (("DSP", "dsp"), ("LUT", "lut"), ("FF", "ff"))
EXACT = ("dsp", "bram18")
GOOD, BAD = "green", "bold red"
SHOWN = 3  # failures listed of a run
FAILURE = 240  # characters of one


class Scored(Protocol):
    """The accuracy of something beside that of the float model it was made of."""

    metric: str | None
    float_: float | None
    samples: int
    agreement: float | None
    sqnr_db: float | None


def new_table(left: Iterable[str], right: Iterable[str]) -> Table:
    """A table with text columns, then number columns."""
    table = Table(box=ASCII2)
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def titled(title: str, *parts: RenderableType) -> RenderableType:
    """A table under its title."""
    return Group(Text(title, "bold"), *parts)


def show(report: Report, console: Console, explain: bool = False) -> None:
    """Print everything."""
    for part in parts(report, explain):
        console.print(part)
        console.print()


def parts(report: Report, explain: bool = False) -> list[RenderableType]:
    """The tables of a report, those that have something to say."""
    found: list[RenderableType | None] = [
        heading(report),
        utilization(report),
        timing(report),
        accuracy(report),
        layers(report),
        formats(report),
        verification(report),
        synthesis(report),
        notes(report, explain),
    ]
    return [part for part in found if part is not None]


def heading(report: Report) -> RenderableType:
    """One paragraph: what, for what, how small."""
    m, t, c = report.model, report.target, report.compression
    a, b = t.multiplier
    text = Text()
    text.append(f"{shown(m.name)}", "bold")
    text.append(f"  {count(m.macs)} MACs, {count(m.parameters)} parameters, {count(m.nonzero_parameters)} not zero\n")
    device = f" (budget of {shown(t.device)})" if t.device != t.name else ""
    text.append(f"target {shown(t.name)}{device}, multiplier {a} x {b}, {t.clock_mhz:g} MHz assumed\n")
    text.append(f"weights {count(c.float_bytes)} bytes as float32, {count(c.compressed_bytes)} compressed: ")
    text.append(f"{c.ratio:.2f} x smaller, {100 * c.sparsity:.1f} % zeros")
    if report.host:
        text.append(f"\non the host: {', '.join(shown(op) for op in report.host)}")
    return text


def cells_of(report: Report) -> tuple[tuple[str, str], ...]:
    """Names and fields of what is counted; a block RAM is called as the target calls it."""
    return (*CELLS, (shown(report.target.block), "bram18"))


def utilization(report: Report) -> RenderableType:
    """Used, available, percent."""
    title = f"Utilization: estimate of the whole top module, {shown(report.target.device)}"
    table = new_table(["Resource"], ["Used", "Available", "Util %"])
    for label, key in cells_of(report):
        used, available = getattr(report.resources, key), getattr(report.target.budget, key)
        style = BAD if used > available else ""
        table.add_row(label, Text(count(used), style), count(available), Text(share(used, available), style))
    return titled(title, table)


def timing(report: Report) -> RenderableType:
    """Cycles, and what they are at the assumed clock."""
    t, mhz = report.timing, report.target.clock_mhz
    table = new_table(["Figure"], ["Cycles", f"At {mhz:g} MHz"])
    table.add_row("Latency", count(t.latency_cycles), real(report.latency_us, 3, " us"))
    table.add_row("Interval", count(t.interval_cycles), f"{report.frames_per_second:,.0f} frames/s")
    return titled("Timing: estimate", table)


def accuracy(report: Report) -> RenderableType | None:
    """Float against fixed point."""
    a = report.accuracy
    return scores(a, "Fixed", a.fixed, "samples") if a.samples else None


def scores(a: Scored, title: str, after: float | None, what: str) -> RenderableType:
    """The float model beside what was made of it."""
    table = new_table(["Metric"], ["Float", title, "Agreement", "SQNR"])
    table.add_row(
        shown(a.metric or "-"),
        score(a.float_, a.metric),
        score(after, a.metric),
        real(a.agreement, 2, " %"),
        real(a.sqnr_db, 1, " dB"),
    )
    return titled(f"Accuracy: {count(a.samples)} {what}", table)


def layers(report: Report) -> RenderableType | None:
    """How each layer is built; the slowest is marked."""
    if not report.layers:
        return None
    slowest = max(layer.interval_cycles for layer in report.layers)
    labels = [label for label, _ in cells_of(report)]
    numbers = ["Reuse", "PE x SIMD", "Use %", "Engine", *labels, "Latency", "Interval"]
    table = new_table(["Layer"], ["Shape", *numbers])
    for x in report.layers:
        mark = "*" if x.interval_cycles == slowest else ""
        cells = (count(getattr(x, key)) for _, key in cells_of(report))
        size = f"{x.pe} x {x.simd}"
        cycles = (count(x.latency_cycles), count(x.interval_cycles) + mark)
        use = "-" if x.multiplier_use is None else f"{100 * x.multiplier_use:.1f}"
        table.add_row(cell(x.name), _shape(x), count(x.reuse), size, use, shown(x.strategy), *cells, *cycles)
    return titled("Layers: hardware (* sets the interval)", table)


def _shape(layer: LayerPart) -> str:
    if layer.inputs is None or layer.outputs is None:
        return "-"
    positions = f" x {layer.positions}" if layer.positions > 1 else ""
    return f"{layer.inputs} -> {layer.outputs}{positions}"


def formats(report: Report) -> RenderableType | None:
    """What each layer computes with."""
    if not report.layers:
        return None
    table = new_table(["Layer", "Model's name"], ["Input", "Weights", "Accumulator", "Output", "Zeros", "MACs"])
    for x in report.layers:
        types = (x.input_type, x.weight_type or "-", x.accumulator_type or "-", x.output_type)
        row = (*(shown(t) for t in types), real(100 * x.sparsity, 1, " %"), count(x.macs))
        table.add_row(cell(x.name), cell(x.source, 32), *row)
    return titled("Layers: numbers", table)


def verification(report: Report) -> RenderableType | None:
    """What the benches found, beside the estimate."""
    if not report.verification:
        return None
    table = new_table(
        ["Run", "Result"],
        ["Frames", "Codes", "Mismatches", "Latency", "Interval"],
    )
    for v in report.verification:
        result = Text("equal", GOOD) if v.passed else Text("FAILED", BAD)
        estimate = report.timing
        cycles = (
            _beside(v.latency_cycles, estimate.latency_cycles),
            _beside(v.interval_cycles, estimate.interval_cycles),
        )
        table.add_row(shown(v.simulator), result, count(v.vectors), count(v.outputs), count(v.mismatches), *cycles)
    failures = [f"  {shown(v.simulator)}: {shown(f, FAILURE)}" for v in report.verification for f in v.failures[:SHOWN]]
    return titled("Verification: codes of the design against the simulator", table, *(Text(f, BAD) for f in failures))


def _beside(measured: int | None, estimate: int) -> Text:
    """The measurement, with the estimate where they differ."""
    if measured is None or measured == estimate:
        return Text(count(measured))
    return Text(f"{measured:,} (estimate {estimate:,})", BAD)


def synthesis(report: Report) -> RenderableType | None:
    """Estimate and measurement side by side."""
    if not report.synthesis:
        return None
    table = new_table(["Tool", "Resource"], ["Estimate", "Measured", "Estimate off"])
    for s in report.synthesis:
        tool = f"{shown(s.tool)} {shown(s.version)}, {shown(s.family)}"
        for label, key in cells_of(report):
            table.add_row(tool, label, *_compare(report, s, key))
            tool = ""
        if s.fmax_mhz is not None:
            table.add_row("", "Fmax", "-", real(s.fmax_mhz, 1, " MHz"), "")
    return titled("Synthesis: estimate and measurement", table)


def _compare(report: Report, s: SynthesisPart, key: str) -> tuple[str, str, Text]:
    estimate, measured = getattr(report.resources, key), getattr(s, key)
    if estimate == measured:
        off = Text("equal", GOOD if key in EXACT else "")
    elif measured == 0:
        off = Text(f"{estimate - measured:+,}")
    else:
        off = Text(f"{100 * (estimate - measured) / measured:+.1f} %")
    if key in EXACT and estimate != measured:
        off.stylize(BAD)
    return count(estimate), count(measured), off


def notes(report: Report, explain: bool) -> RenderableType | None:
    """Decisions and assumptions."""
    plan = report.plan
    lines = [f"- {shown(n, 200)}" for n in report.notes]
    if plan.binding:
        lines.append(f"- binding constraint: {shown(plan.binding, 200)}")
    if explain:
        lines += [f"- {shown(n, 200)}" for n in plan.explain]
    if not lines:
        return None
    return Text("\n".join(["Notes", *lines]))
