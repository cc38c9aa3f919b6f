# SPDX-License-Identifier: Apache-2.0
"""What the surveys say, checked. Validation scores decide; test scores are beside them. See compression.py."""

from collections.abc import Iterable
from typing import Any

import numpy as np

SEEDS = (0, 1, 2)
SHALLOW = ("lenet300_mnist", "lenet5_tanh_mnist", "lenet5_caffe_mnist", "mnist8_cntk", "dscnn_mnist")
MLP = "lenet300_mnist"
NORMS = (("l1", 2e-5), ("l2", 2e-4))
Lines = list[str]


def retrain(epochs: int, **more: Any) -> dict[str, Any]:
    """A step."""
    return {"kind": "retrain", "epochs": epochs, "shift": 2, **more}


def prune(sparsity: float, method: str = "lamp", **more: Any) -> dict[str, Any]:
    """A step."""
    return {"kind": "prune", "sparsity": sparsity, "method": method, **more}


class Claims:
    """Rows of runs, and the text that they come to."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench

    def scores(
        self, name: str, steps: list[dict[str, Any]], model: str = MLP, seeds: Iterable[int] = SEEDS
    ) -> np.ndarray:
        """Validation and test scores in percent [seeds, 2]."""
        return np.array([[100 * r["validation"][-1], r["test"]] for r in self._runs(name, steps, model, seeds)])

    def before(self, name: str, steps: list[dict[str, Any]], last: int) -> np.ndarray:
        """Validation scores in percent before the last steps of the same runs [seeds]."""
        return np.array([100 * r["validation"][-1 - last] for r in self._runs(name, steps, MLP, SEEDS)])

    def _runs(self, name: str, steps: list[dict[str, Any]], model: str, seeds: Iterable[int]) -> list[dict[str, Any]]:
        return [self.bench.compressed(f"run_{name}_{seed}", model, steps, seed=seed) for seed in seeds]

    def text(self, name: str, lines: Lines) -> None:
        """A part of the page."""
        self.bench.row(f"claim_{name}", lines, lambda: {"text": lines})


def cell(scores: np.ndarray) -> str:
    """Mean over the seeds and half the range: of validation scores [seeds], or of those and test scores [seeds, 2]."""
    own = scores if scores.ndim == 1 else scores[:, 0]
    spread = f" +- {(own.max() - own.min()) / 2:.2f}" if len(own) > 1 else ""
    return f"{own.mean():.2f}{spread}" + (f" ({scores[:, 1].mean():.2f})" if scores.ndim > 1 else "")


def free_half(c: Claims) -> None:
    """50 % pruned free without retraining."""
    shares = (0.3, 0.5, 0.6, 0.7)
    lines = ["### 1. Half of the weights go free, without retraining (Han 2015)", "",
             "| Model | float | " + " | ".join(f"{100 * s:.0f} %" for s in shares) + " |", "|---" * (len(shares) + 2) + "|"]  # fmt: skip
    worst = 0.0
    for model in SHALLOW:
        cells = [c.scores(f"half_{model}_{s}", [prune(s)], model, (0,)) for s in shares]
        base = c.bench.compressed(f"run_half_{model}_0.5_0", model, [prune(0.5)], seed=0)
        worst = max(worst, base["float_test"] - base["test"])
        lines.append(
            f"| {model} | {100 * base['float_validation']:.2f} ({base['float_test']:.2f}) | "
            + " | ".join(map(cell, cells))
            + " |"
        )
    lines += ["", f"Validation (test) accuracy. At 50 % the largest loss on test data is {worst:.2f} points."]
    c.text("1_free_half", lines)


def gains(what: str, names: Iterable[str], ours: list[np.ndarray], others: list[np.ndarray]) -> str:
    """A verdict: how far the means of validation scores are apart, and where all seeds of one side are above all of the other."""
    found, ahead = [], 0
    for name, own, other in zip(names, map(validation, ours), map(validation, others), strict=True):
        clear = own.min() > other.max() or own.max() < other.min()
        ahead += int(own.mean() > other.mean())
        found.append(f"{name}: {own.mean() - other.mean():+.2f}{' (every seed)' if clear else ''}")
    return f"- {what}: {', '.join(found)}. Ahead in {ahead} of {len(found)}."


def validation(scores: np.ndarray) -> np.ndarray:
    """Of scores [seeds] or [seeds, 2]."""
    return scores if scores.ndim == 1 else scores[:, 0]


def iterative(c: Claims) -> None:
    """Iterative beats one-shot, at the same number of epochs."""
    lines = ["### 2. Iterative pruning beats one-shot (Han 2015), and pruning within training (Zhu and Gupta)", "",
             "| Zeros | one shot, 30 epochs | 5 rounds of 6 epochs | cubic within 30 epochs |", "|---|---|---|---|"]  # fmt: skip
    shares, found = (0.9, 0.95, 0.98), list[list[np.ndarray]]()
    for s in shares:
        rounds = [x for k in range(1, 6) for x in (prune(1 - (1 - s) ** (k / 5)), retrain(6))]
        ways = {
            "one": [prune(s), retrain(30)],
            "rounds": rounds,
            "cubic": [retrain(30, sparsity=s, begin=0.0, end=0.7, frequency=20)],
        }
        found.append([c.scores(f"iterative_{s}_{k}", v) for k, v in ways.items()])
        lines.append(f"| {100 * s:.0f} % | " + " | ".join(map(cell, found[-1])) + " |")
    one, rounds, cubic = ([row[k] for row in found] for k in range(3))
    names = [f"{100 * s:.0f} %" for s in shares]
    told = [gains("Rounds against one shot", names, rounds, one), gains("Cubic against one shot", names, cubic, one)]
    c.text("2_iterative", [*lines, "", "LeNet-300-100, validation accuracy over three seeds (test).", "", *told])


def norms(c: Claims) -> None:
    """L1 is better right after pruning, L2 after retraining."""
    lines = ["### 3. L1 is better right after pruning, L2 after retraining (Han 2015)", "",
             "| Zeros | L1, trained | L2, trained | L1, pruned | L2, pruned | L1, retrained | L2, retrained |", "|---" * 7 + "|"]  # fmt: skip
    shares, found = (0.8, 0.9, 0.95), list[list[np.ndarray]]()
    for s in shares:
        row: list[np.ndarray] = []
        runs = {
            n: [retrain(20, **{n: v}), prune(s, "magnitude", scope="layer"), retrain(15, **{n: v})] for n, v in NORMS
        }
        for last in (2, 1):
            row += [c.before(f"norms_{s}_{n}", steps, last) for n, steps in runs.items()]
        row += [c.scores(f"norms_{s}_{n}", steps) for n, steps in runs.items()]
        found.append(row)
        lines.append(f"| {100 * s:.0f} % | " + " | ".join(map(cell, row)) + " |")
    names = [f"{100 * s:.0f} %" for s in shares]
    column = [[row[k] for row in found] for k in range(6)]
    told = [gains("L1 against L2 right after pruning", names, column[2], column[3]),
            gains("L2 against L1 after retraining", names, column[5], column[4])]  # fmt: skip
    base = "LeNet-300-100; L1 2e-5 and L2 2e-4; magnitude, layer by layer; validation (test)."
    c.text("3_norms", [*lines, "", base, "", *told])


def starts(c: Claims) -> None:
    """Linear initialization beats the others."""
    lines = ["### 4. Linear initialization of the centroids beats the others (Deep Compression)", "",
             "| Shared values | linear | density | random | optimal (exact k-means) |", "|---|---|---|---|---|"]  # fmt: skip
    counts, tuned = (4, 8, 16, 32), dict[str, list[np.ndarray]]()
    for k in counts:
        cells = []
        for init in ("linear", "density", "random", "optimal"):
            steps = [
                retrain(20, sparsity=0.9, end=0.5, frequency=20),
                {"kind": "cluster", "clusters": k, "init": init},
                {"kind": "finetune-centroids", "epochs": 5, "shift": 2},
            ]
            raw, after = c.before(f"starts_{k}_{init}", steps, 1), c.scores(f"starts_{k}_{init}", steps)
            tuned.setdefault(init, []).append(after)
            cells.append(f"{raw.mean():.2f} -> {cell(after)}")
        lines.append(f"| {k} | " + " | ".join(cells) + " |")
    what = "LeNet-300-100, 90 % pruned: validation accuracy after k-means -> after training of the centroids (test)."
    others = ("density", "random", "optimal")
    told = [gains(f"Linear against {o}", map(str, counts), tuned["linear"], tuned[o]) for o in others]
    c.text("4_starts", [*lines, "", what, "", *told])


def after_pruning(c: Claims) -> None:
    """Quantization works better after pruning."""
    lines = ["### 5. Quantization works better after pruning (Deep Compression)", "",
             "| Bits | dense, rounded | 90 % zeros, rounded | dense, shared | 90 % zeros, shared |", "|---|---|---|---|---|"]  # fmt: skip
    dense, sparse = [retrain(20)], [retrain(20, sparsity=0.9, end=0.5, frequency=20)]
    every, found = (4, 3, 2), list[list[np.ndarray]]()
    for bits in every:
        row: list[np.ndarray] = []
        for way in ("rounded", "shared"):
            for name, first in (("dense", dense), ("sparse", sparse)):
                last = {"kind": "quantize", "weight_bits": bits} if way == "rounded" else {
                    "kind": "cluster", "clusters": 2**bits - (name == "sparse"), "init": "linear"}  # fmt: skip
                row.append(c.scores(f"after_{bits}_{way}_{name}", [*first, last]))
        found.append(row)
        lines.append(f"| {bits} | " + " | ".join(map(cell, row)) + " |")
    names, column = [f"{bits} bits" for bits in every], [[row[k] for row in found] for k in range(4)]
    told = [gains("Rounded, 90 % zeros against dense", names, column[1], column[0]),
            gains("Shared, 90 % zeros against dense", names, column[3], column[2])]  # fmt: skip
    what = "LeNet-300-100, the same 20 epochs of training before; nothing is trained after."
    c.text("5_after_pruning", [*lines, "", what, "", *told])


def small_dense(c: Claims) -> None:
    """Large-sparse beats small-dense at equal non-zeros."""
    lines = ["### 6. Large and sparse beats small and dense at as many non-zero weights (Zhu and Gupta)", "",
             "| Non-zero weights | large, sparse | small, dense (channels pruned) |", "|---|---|---|"]  # fmt: skip
    names, large, small = list[str](), list[np.ndarray](), list[np.ndarray]()
    for share in (0.5, 0.75, 0.9):
        name = f"small_dense_{share}"
        dense = [prune(share, "magnitude", what="channels", scope="layer"), retrain(30)]
        small.append(c.scores(f"{name}_dense", dense))
        row = c.bench.compressed(f"run_{name}_dense_0", MLP, dense, seed=0)
        kept = sum(x["nonzero"] for x in row["layers"])
        large.append(c.scores(f"{name}_sparse", [retrain(30, sparsity=1 - kept / 266200, end=0.5, frequency=20)]))
        names.append(f"{kept:,}")
        lines.append(f"| {kept:,} | {cell(large[-1])} | {cell(small[-1])} |")
    what = "LeNet-300-100, 30 epochs each, from the trained float network."
    c.text("6_small_dense", [*lines, "", what, "", gains("Sparse against dense", names, large, small)])


def ranks(c: Claims) -> None:
    """Taylor and OBD against magnitude, by rank against the oracle."""

    def measured() -> dict[str, Any]:
        from hwcompress.api import load
        from hwcompress.compress import saliency
        from hwcompress.compress.losses import CrossEntropy
        from hwcompress.passes.pipeline import simplify

        def line(model: str, what: str, name: str, scores: list[np.ndarray | None], oracle: np.ndarray) -> str:
            both = [None if s is None else [saliency.spearman(s, o) for o in (oracle, np.abs(oracle))] for s in scores]
            cells = ["-" if b is None else f"{b[0]:.2f} / {b[1]:.2f}" for b in both]
            tally.append([None if b is None else b[1] for b in both])
            return f"| {model} | {what} of {name.replace('|', '/')} | " + " | ".join(cells) + " |"

        tally: list[list[float | None]] = []
        lines = ["### 7. Saliency: Spearman's rank against the oracle (Molchanov, arXiv:1611.06440)", "",
                 "| Model | Of | magnitude | OBD | Fisher | Taylor | random |", "|---|---|---|---|---|---|---|"]  # fmt: skip
        for model in ("lenet300_mnist", "lenet5_caffe_mnist"):
            loaded, data = load(c.bench.model(model)), c.bench.data(model)
            graph = simplify(loaded.graph)
            x = loaded.input_order.apply(data["x_train"][:500].reshape(500, -1)).astype(np.float64)
            x, loss = x.reshape(500, *graph.shape), CrossEntropy(data["y_train"][:500])
            scores = [saliency.magnitude(graph), saliency.obd(graph, x, loss), saliency.fisher(graph, x, loss),
                      saliency.taylor(graph, x, loss), saliency.random(graph, 0)]  # fmt: skip
            for name in scores[0]:
                at = np.random.default_rng(0).permutation(scores[0][name].size)[:200]
                oracle = saliency.oracle_weights(graph, x, loss, name, at)
                lines.append(line(model, "200 weights", name, [s[name].ravel()[at] for s in scores], oracle))
            norms, taylor = saliency.channel_norms(graph), saliency.channel_taylor(graph, x, loss)
            for name, values in saliency.oracle_channels(graph, x, loss).items():
                lines.append(line(model, "all channels", name, [norms[name], None, None, taylor[name], None], values))
        told = "500 training images; the oracle is the exact change of the loss / the size of that change."
        verdicts = [beats(title, tally, k) for k, title in ((3, "Taylor"), (1, "OBD"), (2, "Fisher"))]
        return {"text": [*lines, "", told, "", *verdicts]}

    def beats(title: str, tally: list[list[float | None]], column: int) -> str:
        both = [(row[column], row[0]) for row in tally if row[column] is not None and row[0] is not None]
        ahead = sum(a > b for a, b in both)
        return f"- {title} against magnitude, by the size of the change: a higher rank correlation in {ahead} of {len(both)}."

    c.bench.row("claim_7_ranks", "3", measured)


def run(bench: Any) -> None:
    """All claims."""
    claims = Claims(bench)
    for check in (free_half, ranks, iterative, norms, starts, after_pruning, small_dense):
        check(claims)
