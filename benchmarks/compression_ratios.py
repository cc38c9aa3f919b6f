# SPDX-License-Identifier: Apache-2.0
"""LeNet-300-100 and LeNet-5 (Caffe): Han 2015, Deep Compression, and as small as it gets. See compression.py."""

from typing import Any

EPOCHS = {"lenet300_mnist": 100, "lenet5_caffe_mnist": 40}
FIRST = {"lenet300_mnist": 40, "lenet5_caffe_mnist": 15}
CENTROIDS = {"lenet300_mnist": 10, "lenet5_caffe_mnist": 6}
SPARSITIES = {
    "lenet300_mnist": (0.9, 0.95, 0.96, 0.97, 0.975, 0.98, 0.985),
    "lenet5_caffe_mnist": (0.95, 0.98, 0.99, 0.993, 0.995, 0.997),
}
HAN = {  # quality of each round, found on the validation samples by hand
    "lenet300_mnist": (0.9, 1.2),
    "lenet5_caffe_mnist": (0.9, 1.2),
}


def retrained(model: str) -> list[dict[str, Any]]:
    """The float network with the budget that the others have."""
    return [{"kind": "retrain", "epochs": FIRST[model] + EPOCHS[model] + CENTROIDS[model], "shift": 2}]


def han(model: str) -> list[dict[str, Any]]:
    """Learning both weights and connections: quality x std, a tenth of the rate, L2."""
    common = {"kind": "retrain", "optimizer": "sgd", "l2": 2.5e-4, "shift": 2, "batch": 64}
    steps: list[dict[str, Any]] = [{**common, "epochs": FIRST[model], "learning_rate": 0.05}]
    for quality in HAN[model]:
        steps += [
            {"kind": "prune", "quality": quality},
            {**common, "epochs": EPOCHS[model] // 2, "learning_rate": 0.005 * 4},
        ]
    return steps


def pruned(model: str, sparsity: float) -> list[dict[str, Any]]:
    """A better float network, then pruned while it trains, its former self the teacher."""
    return [
        {"kind": "retrain", "epochs": FIRST[model], "shift": 2},
        {
            "kind": "retrain", "epochs": EPOCHS[model], "sparsity": sparsity, "begin": 0.02, "end": 0.6,
            "frequency": 20, "shift": 2, "distil": 0.7, "teacher": "before",
        },
    ]  # fmt: skip


def shared(model: str, clusters: int, init: str, bias_bits: int) -> list[dict[str, Any]]:
    """Weight sharing and the training of what is shared."""
    return [
        {"kind": "cluster", "clusters": clusters, "init": init, "bias_bits": bias_bits},
        {
            "kind": "finetune-centroids", "epochs": CENTROIDS[model], "learning_rate": 2e-4, "shift": 2, "distil": 0.7,
            "teacher": "before",
        },
    ]  # fmt: skip


def smallest(model: str, sparsity: float) -> list[dict[str, Any]]:
    """What hwcompress/recipe/ready/smallest.toml has."""
    grid = {"kind": "quantize", "weight_bits": 8, "per_channel": False}
    return [*pruned(model, sparsity), *shared(model, 15, "optimal", 6), grid]


def run(bench: Any) -> None:
    """All rows."""
    for model in EPOCHS:
        bench.compressed(f"{model}_float", model, retrained(model))
        bench.compressed(f"{model}_han2015", model, han(model))
        share = {"lenet300_mnist": 0.92, "lenet5_caffe_mnist": 0.92}[model]
        deep = [*pruned(model, share), *shared(model, 31, "linear", 8)]
        bench.compressed(f"{model}_deep_compression", model, deep)
        for sparsity in SPARSITIES[model]:
            bench.compressed(f"{model}_smallest_{sparsity}", model, smallest(model, sparsity))
