# SPDX-License-Identifier: Apache-2.0
"""Scripts beside the hardware: those of the tools that know the device."""

import pytest

from hwcompress.codegen.scripts import render_scripts
from hwcompress.config import make
from hwcompress.engines.base import Product, Store
from hwcompress.engines.pipeline import Interface
from hwcompress.engines.plan import LayerPlan, Plan, layers
from hwcompress.errors import BadInput
from tests.random_networks import random_network
from tests.verilog_builds import pipeline_of


@pytest.mark.parametrize(
    ("target", "vivado", "synthesis"),
    [
        ("xc7z020", True, "synth_xilinx -family xc7 -noiopad -noclkbuf -flatten -top hwc_top"),
        ("lfe5u-25", False, "synth_ecp5 -top hwc_top"),
        ("ice40up5k", False, "synth_ice40 -device u -top hwc_top"),
        ("xcvm1802", True, None),
    ],
)
def test_scripts_of_a_target(target, vivado, synthesis):
    graph, _ = random_network(3)
    config = make({"target": target})
    choice = LayerPlan(1, 1, Product.LUT, 1, Store.LOGIC)
    plan = Plan({x.name: choice for x in layers(graph)}, Interface.AXIS, config.device.family)
    found = render_scripts(pipeline_of(graph, plan), config, ("verilog/hwc_top.v",))
    assert ("scripts/vivado.tcl" in found) == vivado
    assert ("scripts/yosys.ys" in found) == (synthesis is not None)
    if synthesis:
        assert synthesis in found["scripts/yosys.ys"].splitlines()
    if vivado:
        assert f"set part {config.device.part}" in found["scripts/vivado.tcl"]


@pytest.mark.parametrize("backend", ["hls", "both"])
def test_hls_is_refused_where_vitis_knows_no_device(backend):
    message = f"backend: verilog wanted for dsp18x18, {backend} found; the C\\+\\+ is for Vitis HLS"
    with pytest.raises(BadInput, match=message):
        make({"target": "dsp18x18", "backend": backend})
    assert make({"target": "dsp27x24", "backend": backend}).device.device == "xcvc1902"
