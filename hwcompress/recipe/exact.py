# SPDX-License-Identifier: Apache-2.0
"""What a network answers between two steps: with types, what the hardware of them answers."""

from collections.abc import Mapping
from typing import Any

from hwcompress import config
from hwcompress.compress.recipe import compress
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.sim.reference import run_float


def answers(graph: Graph[Op], settings: Mapping[str, Any], calibration: Reals, x: Reals) -> Reals:
    """Outputs [samples, m] for inputs x [samples, n] under the settings (fields of a Config) that steps have left.

    Where those have types, of the integer form that `compile` makes of the network, to the last bit; else of the float
    form. calibration [samples, *graph.shape] decides on what is still free.
    """
    if "input_type" not in settings:
        return run_float(graph, x)
    made = compress(graph, calibration.reshape(len(calibration), -1), config.make(settings, "types"))
    return made.answers(x)
