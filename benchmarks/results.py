# SPDX-License-Identifier: Apache-2.0
"""docs/results.md: every model at several foldings, proven and counted.

    python benchmarks/results.py            # all rows; what was measured is kept in benchmarks/rows/results
    python benchmarks/results.py --table    # only write the table from the rows that are there

A row: compile with data, Verilator and g++ on 1,000 frames, Icarus on 20 (convolutional models: 100 and 4), Yosys on the
whole top. Estimates and accuracy are made anew in every run; simulations and synthesis are repeated only where an emitted file has changed.
Needs the models and data beside the repository (../shared) and the extras sim, hls, synth.
"""

import argparse
import hashlib
import importlib.util
import json
import platform
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import hwcompress
from hwcompress.errors import HwcError
from hwcompress.report.schema import LayerPart

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT / "benchmarks" / "rows" / "results"
FRAMES = {"verilator": 1000, "icarus": 20, "csim": 1000}
FEW = {"verilator": 100, "icarus": 4, "csim": 100}  # of convolutional models
CONVOLUTIONAL = ("lenet5", "mnist8", "jet_conv")

# model: (reuse or interval goal, strategy) of each row
RUNS: dict[str, tuple[tuple[int | str, str], ...]] = {
    "sk_iris_mlp": ((4, "dsp"), (16, "auto"), (1, "dsp")),
    "sk_breast_cancer_mlp": ((8, "auto"), (32, "dsp"), (1, "dsp")),
    "jet_keras_3layer": ((16, "dsp"), (64, "auto"), (256, "dsp"), (1, "dsp")),
    "lenet300_mnist": ((784, "dsp"), (1568, "auto"), (3136, "dsp")),
    "pulsar_mlp": ((8, "dsp"), (16, "auto"), (64, "dsp"), (1, "auto")),
    "mlperf_tiny_ad_autoencoder": ((640, "dsp"), (1280, "dsp"), (2560, "dsp")),
    "jet_three_layer_keras": ((8, "dsp"), (32, "auto"), (128, "dsp"), (1, "dsp")),
    "jet_three_layer_bn_keras": ((16, "auto"), (32, "dsp"), (512, "dsp"), (1, "dsp")),
    "jet_conv1d_small_keras": ((4, "auto"), (15, "dsp"), (1, "auto")),
    "jet_conv2d_small_mp_keras": (("interval 2500", "auto"), ("interval 10000", "dsp"), (1, "auto")),
    "mnist8_cntk": (("interval 4000", "dsp"), ("interval 20000", "auto"), ("interval 1000", "dsp")),
    "lenet5_tanh_mnist": (("interval 5000", "dsp"), ("interval 20000", "auto"), ("interval 1000", "dsp")),
    "lenet5_caffe_mnist": (("interval 20000", "auto"), ("interval 5000", "dsp"), ("interval 50000", "dsp")),
}


HEAD = """# Results

Made by `python benchmarks/results.py` (rows: `benchmarks/rows/results/*.json`). 8-bit weights and activations, calibrated on 512
samples of the training data, evaluated on all test samples; target dsp27x18.

- **Codes** compared at full speed and found equal to the integer simulator: Verilator on 1,000 frames, Icarus on 20, the HLS
  C++ compiled by g++ on 1,000 (convolutional models: 100, 4, 100); the benches also run with random pauses, resets and broken frames.
- **Latency, interval**: cycles, estimated before emission and measured by both simulators: one number where all are equal.
- **DSP, BRAM18, LUT, FF**: one number where estimate and Yosys (`synth_xilinx -family xcup -flatten`) are equal, else
  estimate / Yosys. LUT are sites: LUT1-6 and SRL one, RAM32M16 and RAM64M8 eight.
- **Use**: products / (multipliers x interval), of the layer that sets the interval and of all multipliers together; zeros count as products,
  lanes that are idle in the last step of a layer as multipliers. All together stay below the slowest because a layer has whole rows and columns
  of multipliers: the others are done before it, and wait.
- Jet models: no labels are available; inputs are N(0, 1) vectors, so only agreement and SQNR say anything.

| Model | Reuse, or goal | Engine | Score float -> fixed | Agreement % | SQNR dB | Latency | Interval | Use % | Codes Verilator | Icarus | g++ | DSP | BRAM18 | LUT | FF |
"""


def shared_cases(folder: Path) -> ModuleType:
    """cases.py of the shared folder."""
    spec = importlib.util.spec_from_file_location("cases", folder / "cases.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def few(cases: ModuleType, folder: Path, name: str) -> dict[str, Any]:
    """Data of a model where its accuracy does not matter: little to evaluate."""
    data = cases.prepare(name, folder)
    return {k: v[:64] if k.endswith("_test") else v for k, v in data.items() if k in ("x_train", "x_test")}


def goal(setting: int | str) -> dict[str, Any]:
    """A reuse, or "interval N", as options."""
    return {"reuse": setting} if isinstance(setting, int) else {"interval": int(setting.split()[1])}


def emitted(build: Path, folders: Sequence[str] = ("verilog", "hls", "bench")) -> str:
    """Digest of the hardware that is used and of what its benches compare; not of the benches' own code."""
    digest, used = hashlib.sha256(), modules(build / "verilog")
    for folder in folders:
        for path in sorted((build / folder).rglob("*")):
            name = str(path.relative_to(build))
            idle = folder == "verilog" and path.suffix == ".v" and path.stem not in used
            if path.is_file() and not idle and "run_" not in name and path.suffix not in (".py", ".sha256"):
                digest.update(f"{name}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def modules(verilog: Path) -> set[str]:
    """Names of the modules that the top uses, directly or not."""
    texts = {path.stem: path.read_text() for path in verilog.glob("*.v")}
    used, open_ = {"hwc_top"}, ["hwc_top"]
    while open_:
        fresh = {n for n in re.findall(r"\bhwc_\w+", texts[open_.pop()]) if n in texts} - used
        used |= fresh
        open_ += sorted(fresh)
    return used


def frames_of(name: str) -> dict[str, int]:
    """Frames of each simulation."""
    return FEW if name.startswith(CONVOLUTIONAL) else FRAMES


def measured(design: hwcompress.Design, counts: dict[str, int]) -> dict[str, Any]:
    """Simulations and synthesis of a design that has been written."""
    out: dict[str, Any] = {}
    for kind, frames in counts.items():
        start = time.time()
        out[kind] = asdict(design.verify(kind, vectors=frames)) | {"seconds": round(time.time() - start, 1)}
    start = time.time()
    synthesis = design.synthesize()
    out["yosys"] = {k: getattr(synthesis, k) for k in ("version", "family", "dsp", "lut", "ff", "bram18")}
    out["yosys"]["seconds"] = round(time.time() - start, 1)
    return out


def row(cases: ModuleType, folder: Path, name: str, setting: int | str, strategy: str, path: Path) -> dict[str, Any]:
    """One line of the table; `path` holds what was measured before."""
    data = cases.prepare(name, folder)
    start = time.process_time()
    model = folder / "models" / f"{name}.onnx"
    design = hwcompress.compile(model, data=data, strategy=strategy, backend="both", **goal(setting))
    seconds = time.process_time() - start
    counts = frames_of(name)
    build = design.write(ROOT / "build" / "results" / path.stem, vectors=max(counts.values()))
    report, digest = design.report, emitted(build)
    out: dict[str, Any] = {
        "model": name,
        "reuse": setting,
        "strategy": strategy,
        "compile_cpu_s": round(seconds, 2),
        "emitted": digest,
        "estimate": report.resources.model_dump(),
        "timing": report.timing.model_dump(),
        "accuracy": report.accuracy.model_dump(by_alias=True),
        "use": use(report.layers),
    }
    before = json.loads(path.read_text()) if path.exists() else {}
    if before.get("emitted") == digest:
        return out | {k: before[k] for k in (*FRAMES, "yosys")}
    return out | measured(design, counts)


def use(layers: list[LayerPart]) -> tuple[float, float]:
    """Multiplier use of the slowest layer with multipliers, and of all together."""
    multiply = [(part, part.multiplier_use) for part in layers if part.multiplier_use]
    slowest = max(multiply, key=lambda each: each[0].interval_cycles)[1]
    macs, clocks = sum(part.macs for part, _ in multiply), sum(part.macs / share for part, share in multiply)
    return slowest, round(macs / clocks, 4)


def estimate_cell(estimate: int, measured: int) -> str:
    """One number where both are equal."""
    if estimate == measured:
        return f"{estimate:,}"
    error = f" ({100 * (estimate - measured) / measured:+.1f} %)" if measured else ""
    return f"{estimate:,} / {measured:,}{error}"


def _codes(result: dict[str, Any]) -> str:
    return f"{result['outputs']:,}" if not result["mismatches"] else f"**{result['mismatches']} wrong**"


def _score(accuracy: dict[str, Any]) -> str:
    if accuracy["float"] is None:
        return "-"
    digits = 2 if accuracy["metric"] in ("top1", "binary") else 4
    return f"{accuracy['metric']} {accuracy['float']:.{digits}f} -> {accuracy['fixed']:.{digits}f}"


def _cycles(r: dict[str, Any], key: str) -> str:
    due = r["timing"][key]
    seen = {r["verilator"][key], r["icarus"][key]}
    return f"{due:,}" if seen == {due} else f"**{due:,} / {seen}**"


def _use(r: dict[str, Any]) -> str:
    slowest, whole = (100 * share for share in r["use"])
    return f"{slowest:.1f}, {whole:.1f}"


def table(rows: list[dict[str, Any]]) -> str:
    """The page."""
    lines = [*HEAD.splitlines(), "|" + "---|" * 16]
    for r in rows:
        a, e, y = r["accuracy"], r["estimate"], r["yosys"]
        cells = [estimate_cell(e[k], y[k]) for k in ("dsp", "bram18", "lut", "ff")]
        agreement = "-" if a["metric"] == "auc" else f"{a['agreement']:.2f}"
        lines.append(
            f"| {r['model']} | {r['reuse']} | {r['strategy']} | {_score(a)} | {agreement} | {a['sqnr_db']:.1f} | "
            f"{_cycles(r, 'latency_cycles')} | {_cycles(r, 'interval_cycles')} | {_use(r)} | {_codes(r['verilator'])} | "
            f"{_codes(r['icarus'])} | {_codes(r['csim'])} | {' | '.join(cells)} |"
        )
    for key in ("lut", "ff"):
        errors = sorted(abs(r["estimate"][key] / r["yosys"][key] - 1) for r in rows if r["yosys"][key])
        if errors:
            middle, worst = 100 * errors[len(errors) // 2], 100 * errors[-1]
            lines += ["", f"{key.upper()} model against Yosys: median error {middle:.1f} %, largest {worst:.1f} %."]
    tools = ", ".join(f"{p} {version(p)}" for p in ("cocotb", "verilator", "pyosys", "numpy", "onnxruntime"))
    lines += ["", f"Tools: Python {platform.python_version()}, {tools}.", ""]
    return "\n".join(lines)


def place(name: str, setting: int | str, strategy: str) -> Path:
    """Where a row is kept."""
    return ROWS / f"{name}_{str(setting).replace(' ', '_')}_{strategy}.json"


def _order(run: tuple[int | str, str]) -> tuple[int, str]:
    return int(str(run[0]).rpartition(" ")[2]), run[1]


def main() -> int:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--shared", type=Path, default=ROOT.parent / "shared", help="folder with cases.py, models, data"
    )
    parser.add_argument("--models", nargs="*", default=list(RUNS))
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args()
    ROWS.mkdir(parents=True, exist_ok=True)
    order = [(name, *runs[k]) for k in range(4) for name, runs in RUNS.items() if k < len(runs)]  # a row of each first
    for name, reuse, strategy in order:
        path = place(name, reuse, strategy)
        if options.table or name not in options.models:
            continue
        print(f"{name} reuse {reuse} {strategy}", flush=True)
        try:
            found = row(shared_cases(options.shared), options.shared, name, reuse, strategy, path)
        except HwcError as error:
            print(f"  {error}", file=sys.stderr, flush=True)
            continue
        path.write_text(json.dumps(found, indent=1))
    paths = [
        place(name, reuse, strategy) for name, runs in RUNS.items() for reuse, strategy in sorted(runs, key=_order)
    ]
    rows: list[dict[str, Any]] = [json.loads(path.read_text()) for path in paths if path.exists()]
    if rows:
        (ROOT / "docs" / "results.md").write_text(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
