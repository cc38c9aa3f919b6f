# SPDX-License-Identifier: Apache-2.0
"""Where the cost model is off: every block of a design synthesized by itself, beside its estimate.

    python benchmarks/blocks.py lenet5_tanh_mnist            # its designs of benchmarks/cost.py at 8 bits
    python benchmarks/blocks.py lenet5_tanh_mnist --bits 4

The design is synthesized with the border of every instance of its top kept, so that the tools merge nothing across; a
whole design (docs/cost.md) has a few cells less. Needs the models and data beside the repository (../shared) and the
extra synth.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cost import Case, compiled
from results import ROOT, RUNS

from hwcompress.codegen.verilog import render_verilog
from hwcompress.cost.estimate import beside, collector, core_resources, head_resources, port_resources
from hwcompress.engines.pipeline import Pipeline
from hwcompress.hw.cells import Resources
from hwcompress.verify import synth, yosys_run


def isolated(pipeline: Pipeline) -> dict[str, synth.Counts]:
    """Cells of each instance of the top, by name."""
    files = render_verilog(pipeline)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for file, text in files.items():
            (place / file).write_text(text)
        commands = [
            f"read_verilog -defer {' '.join(sorted(f for f in files if f.endswith('.v')))}",
            f"hierarchy -top {pipeline.top}",
            f"setattr -set keep_hierarchy 1 {pipeline.top}/c:u_*",
            f"synth_xilinx -family xcup -noiopad -noclkbuf -flatten -top {pipeline.top}",
            "tee -q -o stat.json stat -json",
            "write_json netlist.json",
        ]
        (place / "commands.json").write_text(json.dumps(commands))
        call = [sys.executable, yosys_run.__file__, "commands.json"]
        subprocess.run(call, cwd=place, check=True, stdout=subprocess.DEVNULL)
        modules: dict[str, Any] = json.loads((place / "stat.json").read_text())["modules"]
        cells: dict[str, Any] = json.loads((place / "netlist.json").read_text())["modules"][pipeline.top]["cells"]
    counted = {name.removeprefix("\\"): synth.count(module["num_cells_by_type"]) for name, module in modules.items()}
    return {name: counted[cell["type"].removeprefix("\\")] for name, cell in cells.items() if name.startswith("u_")}


def estimates(pipeline: Pipeline) -> Iterator[tuple[str, Resources, str]]:
    """Each block: what it is, its estimate, a pattern of the names of its instances."""
    yield "ports", port_resources(pipeline), "u_(input|output)"
    for k, island in enumerate(pipeline.islands):
        family = pipeline.family
        yield f"{type(island.head).__name__} {k}", head_resources(island.head, family), f"u_(head|patch)_{k}"
        yield f"collect {k}", collector(pipeline, k), f"u_collect_{k}"
        for j, core in enumerate(island.cores):
            found = core_resources(core, family, contents=True, beside=beside(island, j))
            yield f"{core.layer} {type(core).__name__}", found, rf"u_{core.name}(_(r\d+|t|v|d|x))?"


def main() -> int:
    """Print each block."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=list(RUNS))
    parser.add_argument("--bits", type=int, default=8)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder with cases.py")
    options = parser.parse_args()
    for setting, strategy in RUNS[options.model][:3]:
        case = Case(options.model, setting, strategy, options.bits)
        pipeline = compiled(options.shared, case).planned.pipeline
        counts = isolated(pipeline)
        print(f"{case.path.stem}\n{'block':32}{'LUT':>16}{'FF':>16}   estimate / measured", flush=True)
        for name, due, pattern in estimates(pipeline):
            own = [c for instance, c in counts.items() if re.fullmatch(pattern, instance)]
            if own:
                lut, ff = sum(c.lut for c in own), sum(c.ff for c in own)
                print(f"{name:32}{f'{due.lut} / {lut}':>16}{f'{due.ff} / {ff}':>16}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
