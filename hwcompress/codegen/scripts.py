# SPDX-License-Identifier: Apache-2.0
"""Scripts for vendor tools and Yosys beside the emitted hardware."""

from hwcompress.codegen.render import environment
from hwcompress.config import Config
from hwcompress.engines.pipeline import Pipeline
from hwcompress.hw.flows import synthesis


def render_scripts(pipeline: Pipeline, config: Config, written: tuple[str, ...]) -> dict[str, str]:
    """Scripts for what was written: file name to text. Vivado's for AMD devices, Yosys' where it knows the device."""
    if not any(name.startswith("verilog/") for name in written):
        return {}
    device = config.device
    values = {
        "top": pipeline.top,
        "part": device.part,
        "synthesis": synthesis(device.yosys_family, pipeline.top),
        "period": f"{1000.0 / config.clock_mhz:.3f}",
    }
    names = ["vivado.tcl"] * device.cells.amd + ["yosys.ys"] * bool(device.yosys_family)
    return {f"scripts/{name}": environment().get_template(f"scripts/{name}.j2").render(values) for name in names}
