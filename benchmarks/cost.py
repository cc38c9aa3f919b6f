# SPDX-License-Identifier: Apache-2.0
"""docs/cost.md: the cost model against Yosys, over models, settings and widths.

    python benchmarks/cost.py              # all designs; what was synthesized is kept in benchmarks/rows/cost
    python benchmarks/cost.py --missing    # only designs without a row, then the page
    python benchmarks/cost.py --table      # only the page, from the rows that are there

A design: a model at one folding and one width of weights and activations, compiled, emitted, synthesized as a whole (flattened).
Estimates are made anew in every run; synthesis is repeated only where an emitted file has changed.
Needs the models and data beside the repository (../shared) and the extra synth.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from results import CONVOLUTIONAL, ROOT, RUNS, emitted, estimate_cell, few, goal, shared_cases

import hwcompress
from hwcompress.errors import HwcError
from hwcompress.verify import synth

ROWS = ROOT / "benchmarks" / "rows" / "cost"
# Depthwise-separable chains: cores that the other models do not have.
SEPARABLE: dict[str, tuple[tuple[int | str, str], ...]] = {
    "dscnn_mnist": (("interval 20000", "dsp"), ("interval 20000", "auto"), ("interval 5000", "dsp")),
    "mlperf_tiny_dscnn_kws": (("interval 50000", "dsp"), ("interval 100000", "auto"), ("interval 20000", "dsp")),
}
ALL = {m: runs for m, runs in RUNS.items() if m.startswith(CONVOLUTIONAL)} | SEPARABLE
BITS = (8, 4, 12)


@dataclass(frozen=True)
class Case:
    """One design."""

    model: str
    setting: int | str  # reuse, or "interval N"
    strategy: str
    bits: int

    @property
    def path(self) -> Path:
        """Where its row is kept."""
        return ROWS / f"{self.model}_{str(self.setting).replace(' ', '_')}_{self.strategy}_{self.bits}.json"


def cases(models: list[str]) -> list[Case]:
    """All designs, one setting of every model first."""
    order = [(bits, k) for bits in BITS for k in range(3)]
    return [Case(m, *ALL[m][k], bits) for bits, k in order for m in models]


def compiled(shared: Path, case: Case) -> hwcompress.Design:
    """Planned; evaluated on few samples only."""
    return hwcompress.compile(
        shared / "models" / f"{case.model}.onnx",
        data=few(shared_cases(shared), shared, case.model),
        strategy=case.strategy,
        weight_bits=case.bits,
        activation_bits=case.bits,
        **goal(case.setting),
    )


def row(shared: Path, case: Case, again: bool) -> str:
    """Compile, estimate, synthesize if the Verilog has changed; what to say."""
    before = json.loads(case.path.read_text()) if case.path.exists() else {}
    if before and not again:
        return ""
    try:
        design = compiled(shared, case)
    except HwcError as error:
        return f"{case.path.stem}: {error}"
    with tempfile.TemporaryDirectory() as place:
        build = design.write(Path(place) / "build", vectors=1)
        digest = f"{version('pyosys')} {emitted(build, ['verilog'])}"
        found: dict[str, Any] = {"emitted": digest, "estimate": design.report.resources.model_dump()}
        if before.get("emitted") == found["emitted"]:
            found |= {k: before[k] for k in ("yosys", "seconds")}
        else:
            start = time.time()
            top, verilog = design.planned.pipeline.top, build / "verilog"
            sources = sorted(path.name for path in verilog.glob("*.v"))
            stat = synth.run(verilog, sources, top, "xcup", Path(place), Path(place) / "log")
            counts = synth.count(stat[top])
            found["yosys"] = {k: getattr(counts, k) for k in ("dsp", "lut", "ff", "bram18")}
            found["seconds"] = round(time.time() - start, 1)
    case.path.write_text(json.dumps(found, indent=1))
    e, y = found["estimate"], found["yosys"]
    return f"{case.path.stem}: " + ", ".join(f"{k} {e[k]}/{y[k]}" for k in y) + f", {found['seconds']} s"


HEAD = """# The cost model against synthesis

Made by `python benchmarks/cost.py` (rows: `benchmarks/rows/cost/*.json`): {count} designs of {models} models, at several foldings and widths of weights and
activations, target dsp27x18. Estimates are made before emission and never read back from a tool; the measurement is Yosys {yosys}
(`synth_xilinx -family xcup -flatten`) on the whole top. LUT are sites: LUT1-6 and SRL one, RAM32M16 and RAM64M8 eight. docs/cells.md says how each block is
counted.

The formulas follow the structure of the modules. They were corrected while looking at blocks of all models but `mlperf_tiny_dscnn_kws`, of which
only the totals were seen; of `dscnn_mnist` (its clamps at 6.0) and `lenet5_caffe_mnist` (its deep ROMs) one design was looked at.

![Estimate over measurement](cost.svg)

"""
KEYS = ("dsp", "bram18", "lut", "ff")


def page(rows: list[tuple[Case, dict[str, Any]]]) -> str:
    """The tables."""
    found = {"count": len(rows), "models": len({c.model for c, _ in rows}), "yosys": version("pyosys")}
    lines = [
        HEAD.format(**found).rstrip(),
        "",
        "| Error | Designs | median | 90th percentile | largest |",
        "|" + "---|" * 5,
    ]
    for key in ("lut", "ff"):
        groups = [
            ("all", rows),
            *((m, [r for r in rows if r[0].model == m]) for m in SEPARABLE),
            *((f"{b} bits", [r for r in rows if r[0].bits == b]) for b in sorted(BITS)),
        ]
        for name, group in groups:
            off = sorted(abs(_error(r, key)) for _, r in group)
            if off:
                shares = [f"{100 * off[min(len(off) - 1, int(len(off) * q))]:.1f} %" for q in (0.5, 0.9, 1)]
                lines.append(f"| {key.upper()}, {name} | {len(off)} | {' | '.join(shares)} |")
    wrong = [f"{c.path.stem} ({k})" for c, r in rows for k in ("dsp", "bram18") if r["estimate"][k] != r["yosys"][k]]
    lines += [
        "",
        f"DSP and BRAM18: {'equal in all designs' if not wrong else '**not equal: ' + ', '.join(wrong) + '**'}.",
        "",
    ]
    lines += ["| Model | Bits | Reuse, or goal | Engine | DSP | BRAM18 | LUT | FF |", "|" + "---|" * 8]
    for case, r in sorted(rows, key=lambda each: (each[0].model, each[0].bits, str(each[0].setting))):
        cells = [estimate_cell(r["estimate"][k], r["yosys"][k]) for k in KEYS]
        lines.append(f"| {case.model} | {case.bits} | {case.setting} | {case.strategy} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _error(r: dict[str, Any], key: str) -> float:
    return r["estimate"][key] / r["yosys"][key] - 1


def plot(rows: list[tuple[Case, dict[str, Any]]]) -> str:
    """Relative error of LUT and FF over the size of the design, as SVG."""
    wide, high, left, top = 760, 300, 60, 20
    sizes = [math.log10(r["yosys"]["lut"]) for _, r in rows]
    low, span = math.floor(min(sizes)), math.ceil(max(sizes)) - math.floor(min(sizes))

    def x(size: float) -> float:
        return left + (math.log10(size) - low) / span * (wide - left - 20)

    def y(error: float) -> float:
        return top + (0.2 - max(-0.2, min(0.2, error))) / 0.4 * (high - top - 40)

    text = 'font-family="sans-serif" font-size="12" fill="#666"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}">',
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for percent in (-20, -15, -5, 0, 5, 15, 20):
        at = y(percent / 100)
        parts.append(
            f'<line x1="{left}" x2="{wide - 20}" y1="{at:.1f}" y2="{at:.1f}" stroke="{"#888" if not percent else "#ddd"}"/>'
        )
        parts.append(f'<text x="{left - 8}" y="{at + 4:.1f}" text-anchor="end" {text}>{percent:+d} %</text>')
    ticks = range(low, low + span + 1)
    parts += [f'<text x="{x(10**p):.1f}" y="{high - 22}" text-anchor="middle" {text}>{10**p:,}</text>' for p in ticks]
    parts.append(f'<text x="{wide / 2}" y="{high - 6}" text-anchor="middle" {text}>LUT, measured</text>')
    for k, (key, colour) in enumerate((("lut", "#1b6ca8"), ("ff", "#d1495b"))):
        parts.append(
            f'<text x="{wide - 60 - 60 * k}" y="{top - 6}" {text.replace("#666", colour)}>{key.upper()}</text>'
        )
        for _, r in rows:
            parts.append(
                f'<circle cx="{x(r["yosys"]["lut"]):.1f}" cy="{y(_error(r, key)):.1f}" r="3.5" fill="{colour}" fill-opacity="0.6"/>'
            )
    return "\n".join([*parts, "</svg>", ""])


def main() -> int:
    """Run what is missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder with cases.py")
    parser.add_argument("--models", nargs="*", default=list(ALL))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--missing", action="store_true", help="keep rows that are there as they are")
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args()
    ROWS.mkdir(parents=True, exist_ok=True)
    todo = [] if options.table else cases(options.models)
    with ProcessPoolExecutor(options.jobs) as pool:
        for said in pool.map(row, [options.shared] * len(todo), todo, [not options.missing] * len(todo)):
            if said:
                print(said, flush=True)
    rows = [(case, json.loads(case.path.read_text())) for case in cases(list(ALL)) if case.path.exists()]
    if rows:
        (ROOT / "docs" / "cost.md").write_text(page(rows))
        (ROOT / "docs" / "cost.svg").write_text(plot(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
