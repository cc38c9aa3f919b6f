# SPDX-License-Identifier: Apache-2.0
"""Random recipes: any steps in any order, with fields from one end of what is legal to the other."""

from collections.abc import Callable
from typing import Any

import numpy as np

Draw = dict[str, Any]


class Dice:
    """Random choices by name."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def one(self, *values: Any) -> Any:
        """Any of these."""
        return values[int(self.rng.integers(len(values)))]

    def chance(self, probability: float) -> bool:
        """True that often."""
        return bool(self.rng.random() < probability)


def prune(d: Dice) -> Draw:
    method = d.one("magnitude", "lamp", "random", "obd", "fisher", "taylor", "obs", "sparsegpt")
    step: Draw = {"kind": "prune", "method": method, "scope": d.one("global", "layer")}
    way = d.one("share", "share", "quality", "pattern", "channels", "search", "rounds")
    sparsity = d.one(0.0, 0.1, 0.5, 0.9, 1.0)
    if way == "quality":
        return {**step, "quality": d.one(0.0, 0.3, 1.0, 50.0)}
    if way == "pattern":
        pattern = d.one("2:4", "1:3", "0:2", "2x1", "1x4", "bank3", "fold2x2", "fold3x1")
        return {**step, "pattern": pattern, "sparsity": sparsity}
    if way == "channels":
        what = {"what": "channels"} if d.chance(0.5) else {"target": d.one("cycles", "bram")}
        return {**step, "method": d.one("magnitude", "taylor"), "sparsity": sparsity, **what}
    if way == "search":
        return {**step, "search": d.one("quality", "greedy"), "tolerance": d.one(0.0, 2.0, 100.0)}
    if way == "rounds":
        return {**step, "sparsity": sparsity, "rounds": 2}
    return {**step, "sparsity": sparsity}


def cluster(d: Dice) -> Draw:
    init = d.one("linear", "density", "random", "optimal")
    return {"kind": "cluster", "clusters": d.one(1, 2, 7, 300), "init": init, "bias_bits": d.one(2, 5, 32)}


def quantize(d: Dice) -> Draw:
    step = {"kind": "quantize", "weight_bits": d.one(1, 2, 3, 8, 16), "ternary": d.chance(0.5)}
    step |= {"method": d.one("nearest", "gptq", "obq", "adaround"), "per_channel": d.chance(0.7)}
    return step | ({"activation_bits": d.one(2, 4, 8, 16)} if d.chance(0.5) else {})


def low_rank(d: Dice) -> Draw:
    limit = d.one({"energy": 0.8}, {"rank": 1}, {"rank": 3}, {"cost": 0.5}, {"cost": 0.0})
    return {"kind": "low-rank", "method": d.one("svd", "data"), "way": d.one("auto", "channels", "spatial"), **limit}


def correct(d: Dice) -> Draw:
    return {"kind": "correct", "method": d.one("bias", "moments"), "scale": d.one("power", "real")}


def equalize(_d: Dice) -> Draw:
    return {"kind": "equalize"}


def digits(d: Dice) -> Draw:
    return {"kind": "digits", "weight_bits": d.one(2, 6, 8), **d.one({"digits": 0}, {"digits": 2}, {"price": 0.01})}


def _training(d: Dice) -> Draw:
    step: Draw = {"epochs": d.one(1, 2), "batch": d.one(0, 1000), "optimizer": d.one("adam", "sgd")}
    step |= {
        "decay": d.one("cosine", "step", "constant"),
        "keep": d.one("best", "last"),
        "distil": d.one(0.0, 0.5, 1.0),
    }
    return step | {"teacher": d.one("float", "before"), "l1": d.one(0.0, 1e-4), "l2": d.one(0.0, 1e-4)}


def retrain(d: Dice) -> Draw:
    step = {"kind": "retrain", **_training(d)}
    way = d.one("plain", "gradual", "l0", "lasso", "bits", "bits")
    if way != "bits":
        step["dropout"] = d.one(0.0, 0.5, 0.99)
    if way == "gradual":
        extra = {"tolerance": d.one(0.0, 5.0)} if d.chance(0.3) else {}
        return {**step, "sparsity": d.one(0.3, 0.9, 1.0), "frequency": 3, "end": 0.6, **extra}
    if way == "l0":
        return {**step, "l0": 1e-3, "groups": d.one("weights", "rows", "channels", "shapes")}
    if way == "lasso":
        return {**step, "group_lasso": 1e-2, "groups": d.one("weights", "rows", "channels", "shapes")}
    if way == "bits":
        bits = {"weight_bits": d.one(1, 2, 4, 8)}
        method = d.one("ste", "lsq", "pact", "dorefa", "hgq")
        both = d.chance(0.7) or method == "hgq"
        return {**step, **bits, "quantizer": method, **({"activation_bits": d.one(3, 6, 8)} if both else {})}
    return step


def distil(d: Dice) -> Draw:
    return {"kind": "distil", **_training(d), "distil": d.one(0.5, 1.0)}


def centroids(d: Dice) -> Draw:
    return {"kind": "finetune-centroids", **_training(d)}


def soft_sharing(d: Dice) -> Draw:
    step = {"kind": "soft-sharing", **_training(d), "components": d.one(1, 4), "tau": d.one(0.0, 0.1)}
    return step | ({"tolerance": d.one(0.0, 5.0)} if d.chance(0.3) else {})


def hashing(d: Dice) -> Draw:
    return {"kind": "hash", **_training(d), "share": d.one(0.0, 0.125, 1.0)}


NUMPY: tuple[Callable[[Dice], Draw], ...] = (
    prune,
    prune,
    cluster,
    quantize,
    quantize,
    low_rank,
    correct,
    equalize,
    digits,
)
TRAINED = (retrain, retrain, distil, centroids, soft_sharing, hashing)


def random_steps(seed: int, *, train: bool) -> list[Draw]:
    """One to four steps."""
    d = Dice(seed)
    kinds = (*NUMPY, *TRAINED) if train else NUMPY
    return [_by_layer(d.one(*kinds)(d), d) for _ in range(int(d.rng.integers(1, 5)))]


def _by_layer(step: Draw, d: Dice) -> Draw:
    """Sometimes with numbers for a layer of its own, which the step may have no use for."""
    if step["kind"] in ("equalize", "correct") or not d.chance(0.2):
        return step
    own = d.one(
        {"skip": True},
        {"sparsity": d.one(0.0, 0.5, 1.0)},
        {"pattern": d.one("", "1:2", "fold2x1", "bank2"), "sparsity": 0.5},
        {"weight_bits": d.one(1, 4, 16)},
        {"clusters": 3},
        {"quality": 0.5},
    )
    return step | {"layers": {d.one("*_0", "*_1", "dense_*"): own}}
