# SPDX-License-Identifier: Apache-2.0
"""The Yosys command that synthesizes for a device family."""

# These flatten by themselves. Not synth_ice40 -dsp: its pass ice40_dsp rewrites instantiated SB_MAC16, wrongly.
OPEN = {"ecp5": "synth_ecp5", "ice40": "synth_ice40 -device u"}


def synthesis(yosys_family: str, top: str, flatten: bool = True) -> str:
    """Out of context: no pads, no clock buffers."""
    if yosys_family in OPEN:
        return f"{OPEN[yosys_family]} -top {top}" + ("" if flatten else " -noflatten")
    flat = " -flatten" if flatten else ""
    return f"synth_xilinx -family {yosys_family} -noiopad -noclkbuf{flat} -top {top}"
