# SPDX-License-Identifier: Apache-2.0
"""docs/targets.md, its tables: the cost model of ECP5 and iCE40 against Yosys.

    python benchmarks/targets.py            # all designs; what was synthesized is kept in build/targets
    python benchmarks/targets.py --table    # only estimate again and write the tables

A row: a model at one folding, compiled for the target, synthesized as a whole (flattened). Estimates are made anew in every run;
synthesis is repeated only where an emitted file has changed. Designs that exceed the device's budget are built all the same.
Needs the models and data beside the repository (../shared) and the extra synth.
"""

import argparse
import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from results import ROOT, emitted, estimate_cell, few, goal, shared_cases

import hwcompress
from hwcompress.verify.synth import synthesize

ROWS = ROOT / "build" / "targets"
PAGE = ROOT / "docs" / "targets.md"
BEGIN, END = "<!-- table: python benchmarks/targets.py -->", "<!-- end -->"
FLOWS = {"lfe5u-85": "ecp5", "ice40up5k": "ice40"}

# target: (model, reuse or interval goal, strategy) of each row
RUNS: dict[str, tuple[tuple[str, int | str, str], ...]] = {
    "lfe5u-85": (
        ("sk_iris_mlp", 4, "dsp"),
        ("sk_iris_mlp", 16, "lut"),
        ("sk_breast_cancer_mlp", 8, "lut"),
        ("sk_breast_cancer_mlp", 32, "dsp"),
        ("pulsar_mlp", 1, "lut"),
        ("pulsar_mlp", 8, "dsp"),
        ("pulsar_mlp", 64, "lut"),
        ("jet_keras_3layer", 64, "dsp"),
        ("jet_keras_3layer", 64, "lut"),
        ("jet_three_layer_bn_keras", 32, "dsp"),
        ("jet_three_layer_keras", 128, "lut"),
        ("lenet300_mnist", 3136, "dsp"),
        ("mnist8_cntk", "interval 20000", "dsp"),
        ("lenet5_caffe_mnist", "interval 50000", "dsp"),
        ("jet_three_layer_keras", 32, "dsp"),
        ("jet_conv1d_small_keras", 15, "dsp"),
        ("lenet5_tanh_mnist", "interval 20000", "dsp"),
    ),
    "ice40up5k": (
        ("sk_iris_mlp", 1, "dsp"),
        ("sk_iris_mlp", 16, "dsp"),
        ("sk_iris_mlp", 16, "lut"),
        ("sk_breast_cancer_mlp", 32, "dsp"),
        ("sk_breast_cancer_mlp", 64, "lut"),
        ("pulsar_mlp", 64, "dsp"),
        ("pulsar_mlp", 64, "lut"),
        ("jet_keras_3layer", 256, "dsp"),
        ("jet_three_layer_keras", 512, "lut"),
        ("jet_three_layer_bn_keras", 512, "dsp"),
        ("mnist8_cntk", "interval 50000", "dsp"),
        ("jet_three_layer_keras", 128, "dsp"),
        ("jet_keras_3layer", 128, "lut"),
        ("jet_conv1d_small_keras", 15, "dsp"),
    ),
}
HELD = {  # designs that nobody looked at when the model was made
    ("lfe5u-85", "lenet5_tanh_mnist", "interval 20000"),
    ("lfe5u-85", "jet_three_layer_keras", 32),
    ("lfe5u-85", "jet_conv1d_small_keras", 15),
    ("ice40up5k", "jet_three_layer_keras", 128),
    ("ice40up5k", "jet_keras_3layer", 128),
    ("ice40up5k", "jet_conv1d_small_keras", 15),
}


def compiled(shared: Path, target: str, model: str, setting: int | str, strategy: str) -> hwcompress.Design:
    """Planned; evaluated on few samples only."""
    data = few(shared_cases(shared), shared, model)
    path = shared / "models" / f"{model}.onnx"
    budget = {} if isinstance(setting, int) else {"max_lut": 10**6, "max_bram": 10**4, "max_dsp": 10**3}
    return hwcompress.compile(path, data=data, strategy=strategy, target=target, **goal(setting), **budget)


def row(shared: Path, target: str, run: tuple[str, int | str, str], path: Path) -> dict[str, Any]:
    """One line of a table; `path` holds what was measured before."""
    design = compiled(shared, target, *run)
    before = json.loads(path.read_text()) if path.exists() else {}
    with tempfile.TemporaryDirectory() as place:
        build = design.write(Path(place) / "build", vectors=1)
        out = {
            "emitted": f"{version('pyosys')} {emitted(build, ['verilog'])}",
            "estimate": design.report.resources.model_dump(),
        }
        if before.get("emitted") == out["emitted"]:
            return out | {"yosys": before["yosys"]}
        found = synthesize(build, FLOWS[target])
    return out | {"yosys": {k: getattr(found, k) for k in ("dsp", "lut", "ff", "bram18")}}


def table(target: str, rows: list[tuple[tuple[str, int | str, str], dict[str, Any]]]) -> list[str]:
    """Lines of one target's table, and its errors."""
    lines = ["", f"**{target}**", "", "| Model | Reuse, or goal | Engine | DSP | BRAM | LUT | FF |", "|" + "---|" * 7]
    for (model, setting, strategy), r in rows:
        cells = [estimate_cell(r["estimate"][k], r["yosys"][k]) for k in ("dsp", "bram18", "lut", "ff")]
        star = " *" if (target, model, setting) in HELD else ""
        lines.append(f"| {model}{star} | {setting} | {strategy} | {' | '.join(cells)} |")
    for key in ("lut", "ff"):
        errors = sorted(100 * abs(r["estimate"][key] / r["yosys"][key] - 1) for _, r in rows)
        lines += ["", f"{key.upper()}: median error {errors[len(errors) // 2]:.1f} %, largest {errors[-1]:.1f} %."]
    return lines


def main() -> int:
    """Run what is missing, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--shared", type=Path, default=ROOT.parent / "shared", help="folder with cases.py, models, data"
    )
    parser.add_argument("--targets", nargs="*", default=list(RUNS))
    parser.add_argument("--table", action="store_true", help="synthesize nothing")
    options = parser.parse_args()
    ROWS.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    for target, runs in RUNS.items():
        found: list[tuple[tuple[str, int | str, str], dict[str, Any]]] = []
        for run in runs:
            path = ROWS / f"{target}_{'_'.join(str(part).replace(' ', '_') for part in run)}.json"
            if not options.table and target in options.targets:
                print(target, *run, flush=True)
                path.write_text(json.dumps(row(options.shared, target, run, path), indent=1))
            if path.exists():
                found.append((run, json.loads(path.read_text())))
        lines += table(target, found) if found else []
    page = PAGE.read_text()
    head, rest = page.split(BEGIN)
    tail = rest.split(END, 1)[1]
    lines += ["", f"Tools: pyosys {version('pyosys')}.", ""]
    PAGE.write_text("\n".join([head + BEGIN, *lines, END]) + tail)
    return 0


if __name__ == "__main__":
    sys.exit(main())
