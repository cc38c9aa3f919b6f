# SPDX-License-Identifier: Apache-2.0
"""Without training: few-bit weights and half of them zero, calibrated on 512 samples. See compression.py."""

from typing import Any

MODELS = ("lenet300_mnist", "lenet5_caffe_mnist")
HALF = {"sparsity": 0.5, "scope": "layer"}


def ways(bits: int) -> dict[str, list[dict[str, Any]]]:
    """Steps of each way to `bits` bits and half of the weights."""
    near = {"kind": "prune", "method": "magnitude", **HALF}
    obs = {"kind": "prune", "method": "obs", **HALF}
    sparse = {"kind": "prune", "method": "sparsegpt", **HALF}

    def grid(method: str) -> dict[str, Any]:
        return {"kind": "quantize", "method": method, "weight_bits": bits}

    return {
        "magnitude, round to nearest": [near, grid("nearest")],
        "magnitude, GPTQ": [near, grid("gptq")],
        "magnitude, OBQ": [near, grid("obq")],
        "magnitude, AdaRound": [near, grid("adaround")],
        "SparseGPT, GPTQ": [sparse, grid("gptq")],
        "ExactOBS, OBQ (joint)": [obs, grid("obq")],
    }


def run(bench: Any) -> None:
    """All rows."""
    for model in MODELS:
        for bits in (4, 3):
            for way, steps in ways(bits).items():
                name = f"{model}_post_{bits}_{way.split('(')[0].strip().replace(', ', '_').replace(' ', '-')}"
                bench.compressed(name, model, steps)
