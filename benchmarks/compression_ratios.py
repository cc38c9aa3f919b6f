# SPDX-License-Identifier: Apache-2.0
"""LeNet-300-100 and LeNet-5 (Caffe): Han 2015, Deep Compression, and as small as it gets. See compression.py."""

from typing import Any

EPOCHS = {"lenet300_mnist": 200, "lenet5_caffe_mnist": 50}
FIRST = {"lenet300_mnist": 50, "lenet5_caffe_mnist": 20}
CENTROIDS = {"lenet300_mnist": 15, "lenet5_caffe_mnist": 8}
SPARSITIES = {
    "lenet300_mnist": (0.92, 0.95, 0.96, 0.97, 0.98, 0.985),
    "lenet5_caffe_mnist": (0.96, 0.98, 0.985, 0.99, 0.993, 0.995),
}
SOFT = {"lenet300_mnist": (0.96, 0.1), "lenet5_caffe_mnist": (0.985, 0.15)}  # sparsity before, weight of the prior
ROUNDS = 3
DEEP = 0.92
MILDER = {"lenet300_mnist": (0.88, 0.9), "lenet5_caffe_mnist": (0.94,)}  # for as little loss as can be
GRID = {"kind": "quantize", "weight_bits": 8, "per_channel": False}  # of shared values
TOLERANCE = 2.0  # points that a layer alone may cost in Han's scan; retraining wins them back


def retrained(model: str) -> list[dict[str, Any]]:
    """The float network with the budget that the others have."""
    return [{"kind": "retrain", "epochs": FIRST[model] + EPOCHS[model] + CENTROIDS[model], "shift": 2}]


def han(model: str) -> list[dict[str, Any]]:
    """Learning both weights and connections: rounds of quality x std, found by a scan, and a smaller rate; L2."""
    common = {"kind": "retrain", "optimizer": "sgd", "l2": 2.5e-4, "decay": "step", "shift": 2, "batch": 64}
    steps: list[dict[str, Any]] = [{**common, "epochs": FIRST[model], "learning_rate": 0.05}]
    for _ in range(ROUNDS):
        steps += [
            {"kind": "prune", "search": "quality", "tolerance": TOLERANCE},
            {**common, "epochs": EPOCHS[model] // ROUNDS, "learning_rate": 0.01},
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
    return [*pruned(model, sparsity), *shared(model, 15, "optimal", 6), GRID]


def soft(model: str) -> list[dict[str, Any]]:
    """What hwcompress/recipe/ready/soft-sharing.toml has."""
    sparsity, tau = SOFT[model]
    return [
        *pruned(model, sparsity),
        {
            "kind": "soft-sharing", "epochs": EPOCHS[model] // 4, "tau": tau, "tolerance": 2.0, "bias_bits": 6, "shift": 2,
            "distil": 0.7, "teacher": "before",
        },
        *shared(model, 15, "optimal", 6)[1:],
        GRID,
    ]  # fmt: skip


def deep_name(model: str, sparsity: float) -> str:
    """Of a row of Deep Compression."""
    return f"{model}_deep_compression" + (f"_{sparsity}" if sparsity != DEEP else "")


def deep(model: str, sparsity: float) -> list[dict[str, Any]]:
    """What hwcompress/recipe/ready/deep-compression.toml has, after a better float network."""
    return [*pruned(model, sparsity), *shared(model, 31, "linear", 8)]


def rows(bench: Any, model: str) -> None:
    """All of one model."""
    bench.compressed(f"{model}_float", model, retrained(model))
    bench.compressed(f"{model}_han2015", model, han(model))
    for sparsity in (DEEP, *MILDER[model]):
        bench.compressed(deep_name(model, sparsity), model, deep(model, sparsity))
    for sparsity in SPARSITIES[model]:
        bench.compressed(f"{model}_smallest_{sparsity}", model, smallest(model, sparsity))
    bench.compressed(f"{model}_soft", model, soft(model))


def run(bench: Any) -> None:
    """All rows."""
    for model in EPOCHS:
        rows(bench, model)
