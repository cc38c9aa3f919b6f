# SPDX-License-Identifier: Apache-2.0
"""docs/cost.md: the cost model against Yosys, over models, settings and widths.

    python benchmarks/cost.py            # all designs; what was synthesized is kept in build/cost
    python benchmarks/cost.py --table    # only estimate again and write the page

A design: a model at one folding and one width of weights and activations, compiled, emitted, synthesized as a whole (flattened).
Estimates are made anew in every run; synthesis is repeated only where an emitted file has changed.
Needs the models and data beside the repository (../shared) and the extra synth.
"""

import argparse
import hashlib
import json
import pickle
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from netlist import owners
from results import CONVOLUTIONAL, ROOT, RUNS, shared_cases

import hwcompress
from hwcompress.errors import HwcError
from hwcompress.verify import synth

ROWS = ROOT / "build" / "cost"
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
    return [Case(m, *RUNS[m][k], bits) for bits, k in order for m in models]


def compiled(shared: Path, case: Case) -> hwcompress.Design:
    """Planned; evaluated on few samples only."""
    data = shared_cases(shared).prepare(case.model, shared)
    data = {k: v[:64] if k.endswith("_test") else v for k, v in data.items() if k in ("x_train", "x_test")}
    goal = {"reuse": case.setting} if isinstance(case.setting, int) else {"interval": int(case.setting.split()[1])}
    return hwcompress.compile(
        shared / "models" / f"{case.model}.onnx",
        data=data,
        strategy=case.strategy,
        weight_bits=case.bits,
        activation_bits=case.bits,
        **goal,
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
    case.path.with_suffix(".pickle").write_bytes(pickle.dumps(design.planned.pipeline))
    with tempfile.TemporaryDirectory() as place:
        build = design.write(Path(place) / "build", vectors=1)
        digest = hashlib.sha256(version("pyosys").encode())
        for path in sorted((build / "verilog").rglob("*")):
            digest.update(f"{path.name}\0".encode() + path.read_bytes())
        found: dict[str, Any] = {"emitted": digest.hexdigest(), "estimate": design.report.resources.model_dump()}
        if before.get("emitted") == found["emitted"]:
            found |= {k: before[k] for k in ("yosys", "blocks", "seconds")}
        else:
            start = time.time()
            top, verilog = design.planned.pipeline.top, build / "verilog"
            netlist = Path(place) / "netlist.json"
            sources = sorted(path.name for path in verilog.glob("*.v"))
            stat = synth.run(verilog, sources, top, "xcup", Path(place), Path(place) / "log", netlist=netlist)
            counts = synth.count(stat[top])
            found["yosys"] = {k: getattr(counts, k) for k in ("dsp", "lut", "ff", "bram18")}
            found["blocks"] = owners(netlist, top)
            found["seconds"] = round(time.time() - start, 1)
    case.path.write_text(json.dumps(found, indent=1))
    e, y = found["estimate"], found["yosys"]
    return f"{case.path.stem}: " + ", ".join(f"{k} {e[k]}/{y[k]}" for k in y) + f", {found['seconds']} s"


def main() -> int:
    """Run what is missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder with cases.py")
    parser.add_argument("--models", nargs="*", default=[m for m in RUNS if m.startswith(CONVOLUTIONAL)])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--missing", action="store_true", help="keep rows that are there as they are")
    options = parser.parse_args()
    ROWS.mkdir(parents=True, exist_ok=True)
    todo = cases(options.models)
    with ProcessPoolExecutor(options.jobs) as pool:
        for said in pool.map(row, *zip(*((options.shared, case, not options.missing) for case in todo), strict=True)):
            if said:
                print(said, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
