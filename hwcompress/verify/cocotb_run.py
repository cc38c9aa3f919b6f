# SPDX-License-Identifier: Apache-2.0
"""Child process: build or run one simulation through cocotb's runner. Argument: a JSON file written by simulate.py.

A process of its own, because the runner reads the environment, ends the interpreter when a simulation fails, and must
be stoppable as a whole.
"""

import json
import sys
from pathlib import Path
from typing import Any

from cocotb_tools import runner as runners

TIMESCALE = ("1ns", "1ps")


class Verilator(runners.Verilator):
    """Only the harness is public (hwc_harness.vlt): the design itself may then be optimised, which is much faster."""

    def _build_command(self) -> list[list[str]]:
        return [[word for word in command if word != "--public-flat-rw"] for command in super()._build_command()]


def main(job_file: Path) -> None:
    job: dict[str, Any] = json.loads(job_file.read_text())
    fast = job["simulator"] == "verilator"
    runner = Verilator() if fast else runners.get_runner("icarus")
    if job["action"] == "build":
        runner.build(
            sources=[Path(source) for source in job["sources"]],
            includes=job["includes"],
            defines=job["defines"],
            build_args=job["build_args"],
            hdl_toplevel="hwc_harness",
            build_dir=job["folder"],
            timescale=TIMESCALE,
            waves=job["waves"],
            always=True,
        )
        return
    sys.path.insert(0, job["bench"])  # the runner hands sys.path on to the simulator's Python
    runner.test(
        test_module="network_bench",
        hdl_toplevel="hwc_harness",
        hdl_toplevel_lang="verilog",
        build_dir=job["folder"],
        test_dir=job["cwd"],
        results_xml=str(Path(job["cwd"]) / "results.xml"),
        plusargs=job["plusargs"],
        seed=job["seed"],
        waves=job["waves"],
        timescale=TIMESCALE,
    )


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except RuntimeError as error:  # the tool's own messages stand above
        sys.exit(str(error))
