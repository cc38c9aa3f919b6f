# SPDX-License-Identifier: Apache-2.0
"""Child process: build or run one simulation through cocotb's runner. Argument: a JSON file written by running.py.

A process of its own, because the runner reads the environment, ends the interpreter when a simulation fails, and must
be stoppable as a whole.
"""

import json
import sys
from pathlib import Path
from typing import Any

from cocotb_tools import runner as runners

TOP = "hwc_harness"
TIMESCALE = ("1ns", "1ps")
DUMP = """module cocotb_iverilog_dump;
  reg [8*1024-1:0] name;
  initial
    if ($value$plusargs("waves=%s", name)) begin
      $dumpfile(name);
      $dumpvars(0, hwc_harness);
    end
endmodule
"""


class Verilator(runners.Verilator):
    """Only the harness is public (hwc_harness.vlt): the design itself may then be optimised, which is much faster."""

    def _build_command(self) -> list[list[str]]:
        return [[word for word in command if word != "--public-flat-rw"] for command in super()._build_command()]


class Icarus(runners.Icarus):
    """The module that writes the waveform is plain Verilog-2005, as all that is compiled with it."""

    def _create_iverilog_dump_file(self) -> None:
        self.iverilog_dump_file.write_text(DUMP)


def main(job_file: Path) -> None:
    job: dict[str, Any] = json.loads(job_file.read_text())
    fast = job["simulator"] == "verilator"
    runner = Verilator() if fast else Icarus()
    if job["action"] == "build":
        runner.build(
            sources=[Path(source) for source in job["sources"]],
            includes=job["includes"],
            defines=job["defines"],
            build_args=job["build_args"],
            hdl_toplevel=TOP,
            build_dir=job["folder"],
            timescale=TIMESCALE,
            waves=job["waves"],
            always=True,
        )
        return
    sys.path.insert(0, job["bench"])  # the runner hands sys.path on to the simulator's Python
    waves: str | None = job["waves"]
    runner.test(
        test_module="network_bench",
        hdl_toplevel=TOP,
        hdl_toplevel_lang="verilog",
        testcase=job["check"],
        build_dir=job["folder"],
        test_dir=job["cwd"],
        results_xml=str(Path(job["cwd"]) / "results.xml"),
        test_args=["--trace-file", waves] if fast and waves else [],
        plusargs=[*job["plusargs"], *([f"+waves={waves}"] if waves and not fast else [])],
        seed=job["seed"],
        waves=bool(waves),
        timescale=TIMESCALE,
    )


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except RuntimeError as error:  # the tool's own messages stand above
        sys.exit(str(error))
