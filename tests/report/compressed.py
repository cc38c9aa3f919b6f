# SPDX-License-Identifier: Apache-2.0
"""A report of `compress`, for what shows it."""

from typing import Any

from hwcompress.recipe.bearing import Bearing, Borne
from hwcompress.report.compression import CompressionReport
from hwcompress.report.curves import curves
from tests.report.example import HOSTILE

STEPS: list[dict[str, Any]] = [
    {
        "kind": "prune",
        "score": 0.9,
        "sparsity": 0.5,
        "sensitivity": {"fc0": [(0.1, 0.2, 0.95), (0.2, 0.4, 0.8)], HOSTILE: [(0.1, 0.1, 0.9)]},
    },
    {
        "kind": "retrain",
        "score": 0.97,
        "sparsity": 0.5,
        "epochs": [{"loss": 2.0, "score": 0.9}, {"loss": 1.0, "score": 0.97}],
        "kept": 2,
    },
    {
        "kind": "prune",
        "score": 0.96,
        "sparsity": 0.6,
        "search": [("fc0", 0.5, 0.96), (HOSTILE, 0.3, 0.95), ("fc0", 0.6, 0.94)],
    },
    {"kind": "cluster", "score": 0.95, "sparsity": 0.6, "error": {"fc0": 0.1}},
]

BORNE = Bearing(
    5,
    [
        Borne("zeros", "", (0.3, 0.9), (0.9, 0.2)),
        Borne("bits", "", (8, 1), (0.98, 0.1)),
        Borne("zeros", "dense_0", (0.3, 0.9), (0.95, 0.4)),
        Borne("bits", HOSTILE, (8, 1), (0.98, 0.3)),
    ],
)


def example(name: str = "net", **changes: Any) -> CompressionReport:
    layer = {
        "name": "dense_0",
        "source": name,
        "weights": 12,
        "nonzero": 6,
        "sparsity": 0.5,
        "kept": 50.0,
        "values": "codebook",
        "codebook": 3,
        "bits": 2.0,
        "coded_bits": 1.5,
        "index_bits": 1.0,
        "coded_index_bits": 0.9,
        "value_entropy": 1.4,
        "error": 0.01,
        "method": "arithmetic",
        "float_bytes": 60,
        "weight_bytes": 4,
        "bias_bytes": 3,
        "compressed_bytes": 7,
        "ratio": 8.5,
    }
    values: dict[str, Any] = {
        "version": "0",
        "model": {"name": name, "sha256": "ab" * 32, "macs": 12, "parameters": 15, "nonzero_parameters": 9},
        "recipe": name,
        "seed": 0,
        "compression": {
            "float_bytes": 60,
            "compressed_bytes": 30,
            "ratio": 2.0,
            "sparsity": 0.5,
            "header_bytes": 20,
            "tail_bytes": 3,
            "layers": [layer],
        },
        "accuracy": {"metric": "top1", "float": 96.0, "compressed": 95.0, "samples": 10},
        "validation": {"float": 0.98, "samples": 5},
        "steps": STEPS,
        "curves": curves(0.98, STEPS, {"fc0": "dense_0"}, BORNE).model_dump(),
        "histograms": [
            {
                "layer": "dense_0",
                "source": name,
                "reach": 1.0,
                "before": [1, 2],
                "after": [0, 1],
                "zeros_before": 0,
                "zeros_after": 2,
            },
            {
                "layer": "dense_1",
                "source": name,
                "reach": 1.0,
                "before": [],
                "after": [0, 0],
                "zeros_before": 0,
                "zeros_after": 2,
            },
        ],
        "input_mask": {"what": "pixels", "layer": "dense_0", "most": 4, "counts": [[0, 1, 2], [3, 4, 0]]},
        "notes": [f"node {name}"],
    }
    return CompressionReport.model_validate({**values, **changes})
