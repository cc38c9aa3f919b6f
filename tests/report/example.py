# SPDX-License-Identifier: Apache-2.0
"""A report of a small design, made by hand; names may be hostile."""

from typing import Any

from hwcompress.report.schema import Report

HOSTILE = "a\x1b[31m[red]\n<script>alert('x')</script>\u202e" + "n" * 10_000


def example(name: str = "jet", **changes: Any) -> Report:
    """Two layers, one verification, one synthesis."""
    layer = {
        "op": "dense",
        "macs": 1024,
        "reuse": 16,
        "pe": 8,
        "simd": 8,
        "strategy": "dsp",
        "weight_type": "s8f7",
        "input_type": "s8f4",
        "output_type": "u8f5",
        "accumulator_type": "s20f11",
        "sparsity": 0.25,
        "dsp": 64,
        "lut": 900,
        "ff": 1500,
        "bram18": 0,
        "latency_cycles": 30,
        "interval_cycles": 16,
        "inputs": 16,
        "outputs": 64,
    }
    port = {
        "name": name,
        "onnx_shape": ["batch", 16],
        "permutation": [1],
        "type": "s8f4",
        "scale": 0.0625,
        "elements_per_beat": 8,
        "beats": 2,
        "tdata_bits": 64,
        "elements": 16,
    }
    values: dict[str, Any] = {
        "schema": 1,
        "version": "0.1.0",
        "model": {"name": name, "sha256": "ab" * 32, "macs": 2048, "parameters": 2176, "nonzero_parameters": 1664},
        "inputs": [port],
        "outputs": [port],
        "target": {
            "name": "dsp27x18",
            "multiplier": [27, 18],
            "device": "xczu7ev",
            "clock_mhz": 200.0,
            "budget": {"dsp": 1728, "lut": 230400, "ff": 460800, "bram18": 624},
        },
        "compression": {
            "float_bytes": 8704,
            "compressed_bytes": 2176,
            "ratio": 4.0,
            "sparsity": 0.25,
            "layers": [
                {
                    "name": "dense_0",
                    "weights": 1024,
                    "nonzero": 768,
                    "sparsity": 0.25,
                    "bits": 8,
                    "float_bytes": 4352,
                    "compressed_bytes": 1088,
                }
            ],
        },
        "resources": {"dsp": 128, "lut": 1900, "ff": 3100, "bram18": 0},
        "timing": {"latency_cycles": 72, "interval_cycles": 16},
        "accuracy": {
            "metric": "top1",
            "float": 75.25,
            "fixed": 75.0,
            "samples": 1000,
            "agreement": 98.5,
            "sqnr_db": 38.2,
        },
        "layers": [
            layer | {"name": "dense_0", "source": name},
            layer | {"name": "dense_1", "source": name, "interval_cycles": 8},
        ],
        "verification": [
            {
                "simulator": "verilator",
                "vectors": 1000,
                "outputs": 5000,
                "mismatches": 0,
                "latency_cycles": 72,
                "interval_cycles": 16,
            }
        ],
        "synthesis": [
            {
                "tool": "yosys",
                "version": "0.70",
                "family": "xcup",
                "dsp": 128,
                "lut": 1950,
                "ff": 3080,
                "bram18": 0,
                "fmax_mhz": None,
            }
        ],
        "host": ["Softmax"],
        "notes": [f"node {name}: folded"],
        "plan": {"goal": "smallest interval", "binding": "dsp", "explain": ["dense_0: reuse 16"]},
    }
    return Report.model_validate(values | changes)
