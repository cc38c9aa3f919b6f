# SPDX-License-Identifier: Apache-2.0
"""Scripts for vendor tools and Yosys beside the emitted hardware."""

from hwcompress.codegen.render import environment
from hwcompress.config import Config
from hwcompress.engines.pipeline import Pipeline


def render_scripts(pipeline: Pipeline, config: Config, written: tuple[str, ...]) -> dict[str, str]:
    """Scripts for what was written: file name to text."""
    if not any(name.startswith("verilog/") for name in written):
        return {}
    values = {
        "top": pipeline.top,
        "part": config.device.part,
        "family": config.device.yosys_family,
        "period": f"{1000.0 / config.clock_mhz:.3f}",
    }
    return {
        f"scripts/{name}": environment().get_template(f"scripts/{name}.j2").render(values)
        for name in ("vivado.tcl", "yosys.ys")
    }
