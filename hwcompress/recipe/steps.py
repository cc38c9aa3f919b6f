# SPDX-License-Identifier: Apache-2.0
"""The steps of a recipe as data. A field's description is what messages call "wanted"; docs/recipes.md prints it."""

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, model_validator
from typing_extensions import override

from hwcompress.recipe.base import Bits, Count, LayerStep, Pattern, Positive, Rate, Real, Share, Step

__all__ = ["KINDS", "LayerStep", "Step"]


S = TypeVar("S", bound=Step)


def _of_all(step: S) -> S:
    if step.layers:
        raise ValueError(f"{step.name} works on the whole network: no layers wanted")
    return step


class Prune(Step):
    """Weights become zero, or whole channels go."""

    kind: Literal["prune"] = "prune"
    method: Literal["magnitude", "lamp", "random", "obd", "fisher", "taylor", "obs", "sparsegpt"] = Field(
        default="lamp", description="one of magnitude, lamp, random, obd, fisher, taylor, obs, sparsegpt"
    )
    scope: Literal["global", "layer"] = Field(default="global", description="global (one ranking) or layer")
    what: Literal["weights", "channels"] = Field(default="weights", description="weights or channels")
    sparsity: Share | None = Field(
        default=None,
        description="share of zero weights, 0 to 1; of channels: of those, or of what the target counts",
    )
    quality: Annotated[Real, Field(ge=0)] | None = Field(
        default=None, description="weights below quality x std of their layer go, 0 or more"
    )
    pattern: Pattern = Field(
        default="", description="N:M (2:4), a block (4x1), bankN or what one multiplier of PE x SIMD serves (fold4x8)"
    )
    target: Literal["storage", "dsp", "cycles", "bram"] = Field(
        default="storage", description="what is to fall: one of storage, dsp, cycles, bram"
    )
    reuse: Annotated[Count, Field(ge=1)] = Field(
        default=1, description="of the layers in the design to come, for target dsp, 1 or more"
    )
    search: Literal["none", "quality", "greedy"] = Field(
        default="none", description="none, quality (sensitivity scan) or greedy (what each layer bears)"
    )
    tolerance: Annotated[Real, Field(ge=0)] = Field(
        default=0.5, description="loss of validation score that a search may cost, in points, 0 or more"
    )
    rounds: Annotated[Count, Field(ge=1, le=100)] = Field(
        default=1, description="rounds to the final sparsity, `retrain` after each, 1 to 100"
    )
    retrain: "Retrain | None" = Field(default=None, description="a table of what a retrain step has")

    @property
    def structured(self) -> bool:
        """Whether whole channels go: what saves multipliers, clocks or memory of folded layers."""
        return self.what == "channels" or self.target in ("cycles", "bram") or (self.target == "dsp" and self.reuse > 1)

    @property
    def patterns(self) -> list[str]:
        """Of the step and of layers: where there are any, zeros are at places that hang together."""
        return [p for p in (self.pattern, *(layer.pattern for layer in self.layers.values())) if p]

    @model_validator(mode="after")
    def _alone(self) -> "Prune":
        others = [self.quality is not None, bool(self.patterns), self.search != "none"]
        others.append(any(layer.quality is not None for layer in self.layers.values()))
        if any(others) and (self.structured or self.rounds > 1):
            what = f"rounds = {self.rounds}" if self.rounds > 1 else "whole channels"
            raise ValueError(f"{what}: sparsity alone wanted beside it, quality, pattern or search found")
        return self

    @model_validator(mode="after")
    def _together(self) -> "Prune":
        given = [self.sparsity is not None, self.quality is not None, bool(self.pattern), self.search != "none"]
        if not any(given) and not self.layers:
            raise ValueError("sparsity, quality, pattern, search or layers wanted, none found")
        if self.sparsity is not None and self.quality is not None:
            raise ValueError("sparsity and quality exclude each other: give one")
        return self


class Cluster(Step):
    """The weights of a layer share few values."""

    kind: Literal["cluster"] = "cluster"
    clusters: Annotated[Count, Field(ge=1, le=65536)] = Field(
        default=32, description="number of shared values of a layer, zero apart, 1 to 65536"
    )
    init: Literal["linear", "density", "random", "optimal"] = Field(
        default="linear", description="one of linear, density, random, optimal"
    )
    bias_bits: Annotated[Count, Field(ge=2, le=32)] = Field(default=32, description="bits of a bias, 2 to 32")


class LowRank(Step):
    """Two thin layers in place of one, where that saves products."""

    kind: Literal["low-rank"] = "low-rank"
    energy: Share | None = Field(default=None, description="share of the energy to keep, 0 to 1")
    rank: Annotated[Count, Field(ge=1)] | None = Field(default=None, description="rank, 1 or more")
    cost: Share | None = Field(default=None, description="share of a layer's products that may be left, 0 to 1")
    method: Literal["svd", "data"] = Field(
        default="svd", description="svd (of the weights) or data (of the outputs on calibration data)"
    )
    way: Literal["auto", "channels", "spatial"] = Field(
        default="auto", description="of convolutions: channels, spatial or auto (the cheaper)"
    )

    @model_validator(mode="after")
    def _together(self) -> "LowRank":
        given = sum(value is not None for value in (self.rank, self.energy, self.cost))
        if given > 1 or (not given and not any(v.rank for v in self.layers.values())):
            raise ValueError("one of energy, rank, cost wanted")
        return self


class Quantize(Step):
    """Weights, and outputs of layers if asked for, get fixed-point types."""

    kind: Literal["quantize"] = "quantize"
    weight_bits: Bits = Field(default=8, description="1 to 16")
    activation_bits: Annotated[Count, Field(ge=2, le=16)] | None = Field(default=None, description="2 to 16")
    method: Literal["nearest", "gptq", "obq", "adaround"] = Field(
        default="nearest", description="one of nearest, gptq, obq, adaround"
    )
    ternary: bool = Field(default=True, description="true or false: at 2 bits -s, 0, s in place of -2s .. s")
    per_channel: bool = Field(default=True, description="true or false: one exponent for each row of weights")


class Correct(Step):
    """Means, and deviations if asked for, of every layer's outputs put back to those before weights were changed."""

    kind: Literal["correct"] = "correct"
    method: Literal["bias", "moments"] = Field(default="bias", description="bias (means) or moments (deviations too)")
    scale: Literal["power", "real"] = Field(
        default="power", description="of moments: power (of two: weights stay on their grids) or real"
    )

    @model_validator(mode="after")
    def _whole(self) -> "Correct":
        return _of_all(self)


class Equalize(Step):
    """Channels between two layers brought to like ranges by powers of two; the outputs stay bit for bit."""

    kind: Literal["equalize"] = "equalize"
    renews: ClassVar[bool] = True

    @model_validator(mode="after")
    def _whole(self) -> "Equalize":
        return _of_all(self)


class Digits(Step):
    """Fixed-point weights of few signed digits: fewer operands of the adders of layers at reuse 1."""

    kind: Literal["digits"] = "digits"
    weight_bits: Bits = Field(default=8, description="1 to 16")
    digits: Annotated[Count, Field(ge=0, le=16)] | None = Field(
        default=None, description="signed digits that a weight may have, 0 to 16"
    )
    price: Annotated[Real, Field(ge=0)] | None = Field(
        default=None, description="output error that a digit saved is worth, as a share of that of no weight, 0 or more"
    )

    @model_validator(mode="after")
    def _together(self) -> "Digits":
        if (self.digits is None) == (self.price is None):
            raise ValueError("digits or price wanted, and not both")
        return self


class Training(Step):
    """Fields of every step that trains."""

    trains: ClassVar[bool] = True
    renews: ClassVar[bool] = True
    tries: ClassVar[int] = 100  # trainings at most, each milder than the one before, where there is a tolerance

    epochs: Annotated[Count, Field(ge=1, le=100_000)] = Field(default=10, description="1 to 100000")
    batch: Annotated[Count, Field(ge=0, le=1_000_000)] = Field(
        default=0, description="samples a step; 0: 128, and fewer where an epoch has less than 50 steps"
    )
    optimizer: Literal["adam", "sgd"] = Field(default="adam", description="adam or sgd")
    learning_rate: Positive = Field(default=1e-3, description="above 0")
    decay: Literal["cosine", "step", "constant"] = Field(default="cosine", description="cosine, step or constant")
    momentum: Share = Field(default=0.9, description="of sgd, 0 to 1")
    l1: Annotated[Real, Field(ge=0)] = Field(default=0.0, description="0 or more")
    l2: Annotated[Real, Field(ge=0)] = Field(default=0.0, description="0 or more")
    patience: Annotated[Count, Field(ge=0)] = Field(
        default=0, description="epochs without a better validation score before it stops; 0: never"
    )
    keep: Literal["best", "last"] = Field(default="best", description="best or last epoch")
    shift: Annotated[Count, Field(ge=0, le=64)] = Field(
        default=0, description="pixels that images are moved by, 0 to 64"
    )
    dropout: Rate = Field(
        default=0.0,
        description="of what enters a layer, the first apart, at its original connections; with fewer left it falls as "
        "their square root (Han 2015), 0 to below 1",
    )
    distil: Share = Field(default=0.0, description="share of the distance to the float model in the loss, 0 to 1")
    temperature: Positive = Field(default=4.0, description="of the distillation, above 0")
    teacher: Literal["float", "before"] = Field(
        default="float", description="float (the model as given) or before (the network as the step finds it)"
    )
    sparsity: Share | None = Field(default=None, description="share of zero weights to reach while training, 0 to 1")
    tolerance: Annotated[Real, Field(ge=0)] | None = Field(
        default=None,
        description="points of validation score that `sparsity` may cost (soft-sharing: `tau`); where it costs more, "
        "twice as many weights are kept (a quarter of tau taken), and so on; 0 or more",
    )
    begin: Share = Field(default=0.0, description="share of the steps at which pruning begins, 0 to 1")
    end: Share = Field(default=0.75, description="share of the steps at which it ends, 0 to 1")
    frequency: Annotated[Count, Field(ge=1)] = Field(default=100, description="steps between two prunings, 1 or more")
    power: Positive = Field(default=3.0, description="of the polynomial schedule, above 0")
    scope: Literal["global", "layer"] = Field(default="global", description="global or layer, of the pruning")
    weight_bits: Bits | None = Field(default=None, description="of weights while it trains, 1 to 16")
    activation_bits: Annotated[Count, Field(ge=2, le=16)] | None = Field(
        default=None, description="of values while it trains, 2 to 16"
    )
    quantizer: Literal["ste", "lsq", "pact", "dorefa", "hgq"] = Field(
        default="ste", description="one of ste, lsq, pact, dorefa, hgq"
    )
    ternary: bool = Field(default=True, description="true or false: at 2 bits -s, 0, s in place of -2s .. s")
    bit_price: Annotated[Real, Field(ge=0)] = Field(
        default=1e-8, description="of hgq: loss that a bit x bit of a product costs, 0 or more"
    )

    @property
    def demand(self) -> float | None:
        """What gives way to a tolerance; None if there is nothing."""
        return self.sparsity

    def milder(self) -> "Training":
        """The step with less of it."""
        return self.model_copy(update={"sparsity": max(0.0, 2 * (self.sparsity or 0.0) - 1)})

    @model_validator(mode="after")
    def _ordered(self) -> "Training":
        if not self.begin < self.end:
            raise ValueError(f"begin below end wanted, {self.begin:g} and {self.end:g} found")
        return self

    @model_validator(mode="after")
    def _quantized_alone(self) -> "Training":
        own = list(self.layers.values())
        bits = [self.weight_bits, self.activation_bits, *(n for v in own for n in (v.weight_bits, v.activation_bits))]
        if any(n is not None for n in bits):
            others = [name for name in ("sparsity", "l0", "group_lasso", "biased_decay") if getattr(self, name, None)]
            others += ["sparsity of layers" for layer in own if layer.sparsity]
            others += [self.name] if self.name in ("soft-sharing", "hash", "finetune-centroids") else []
            if others:
                raise ValueError(f"{others[0]}: wanted in a step without weight_bits and activation_bits")
        return self


class Retrain(Training):
    """Training goes on; zeros stay zero, shared values stay shared, quantized weights stay quantized."""

    kind: Literal["retrain"] = "retrain"
    l0: Annotated[Real, Field(ge=0)] = Field(
        default=0.0, description="loss that a weight which is not zero costs (gates, arXiv:1712.01312), 0 or more"
    )
    gate_factor: Positive = Field(default=10.0, description="learning rate of the gates over the weights', above 0")
    group_lasso: Annotated[Real, Field(ge=0)] = Field(
        default=0.0, description="loss for the L2 norm of each group of weights (arXiv:1608.03665), 0 or more"
    )
    groups: Literal["weights", "rows", "channels", "shapes"] | None = Field(
        default=None,
        description="of l0 (else weights) and group_lasso (else rows): one of weights, rows, channels, shapes",
    )
    biased_decay: Annotated[Real, Field(ge=0)] = Field(
        default=0.0, description="loss for v^2 / (1 + v^2), v = weight / biased_scale (Hanson and Pratt), 0 or more"
    )
    biased_scale: Positive = Field(default=0.1, description="weight that costs half of a large one, above 0")
    biased_form: Literal["square", "hyperbolic"] = Field(
        default="square", description="square, or hyperbolic: abs(v) / (1 + abs(v))"
    )


class SoftSharing(Training):
    """Training under a mixture of Gaussians as prior of the weights, then each at the mean of its own (1702.04008)."""

    kind: Literal["soft-sharing"] = "soft-sharing"
    tries: ClassVar[int] = 6
    learning_rate: Positive = Field(default=5e-4, description="above 0")
    components: Annotated[Count, Field(ge=1, le=256)] = Field(
        default=16, description="Gaussians beside that at zero, 1 to 256"
    )
    zero_share: Annotated[Real, Field(gt=0, lt=1)] = Field(
        default=0.99, description="share of the Gaussian at zero, between 0 and 1"
    )
    tau: Annotated[Real, Field(ge=0)] = Field(
        default=0.005, description="of -log prior, over the number of samples, in the loss, 0 or more"
    )
    zero_alpha: Annotated[Real, Field(ge=1)] = Field(
        default=5e3, description="shape of the Gamma prior of the precision at zero, 1 or more"
    )
    zero_beta: Positive = Field(default=2.0, description="rate of the Gamma prior of the precision at zero, above 0")
    alpha: Annotated[Real, Field(ge=1)] = Field(
        default=2.5e2, description="shape of the Gamma prior of the other precisions, 1 or more"
    )
    beta: Positive = Field(default=0.1, description="rate of the Gamma prior of the other precisions, above 0")
    mean_factor: Positive = Field(default=0.2, description="learning rate of the means over the weights', above 0")
    precision_factor: Positive = Field(
        default=6.0, description="learning rate of the log precisions over the weights', above 0"
    )
    share_factor: Positive = Field(default=6.0, description="learning rate of the log shares, above 0")
    merge: Annotated[Real, Field(ge=0)] = Field(
        default=0.25, description="distance of means, in deviations, below which two Gaussians become one, 0 or more"
    )
    bias_bits: Annotated[Count, Field(ge=2, le=32)] = Field(default=32, description="bits of a bias, 2 to 32")

    @property
    @override
    def demand(self) -> float:
        return self.tau

    @override
    def milder(self) -> "SoftSharing":
        return self.model_copy(update={"tau": self.tau / 4})


class Hash(Training):
    """The weights of a layer are few values, signed and placed by hashes, and trained so (arXiv:1504.04788)."""

    kind: Literal["hash"] = "hash"
    share: Share = Field(default=0.125, description="values of a layer over its weights that are not zero, 0 to 1")

    @model_validator(mode="after")
    def _unpruned(self) -> "Hash":
        if self.sparsity is not None or any(layer.sparsity is not None for layer in self.layers.values()):
            raise ValueError("sparsity: wanted in a step before hash")
        return self


class Distil(Training):
    """Retrain towards the outputs of the float model; no labels needed."""

    kind: Literal["distil"] = "distil"
    distil: Share = Field(default=1.0, description="share of the distance to the float model in the loss, 0 to 1")


class FinetuneCentroids(Training):
    """Training of the shared values alone."""

    kind: Literal["finetune-centroids"] = "finetune-centroids"
    epochs: Annotated[Count, Field(ge=1, le=100_000)] = Field(default=5, description="1 to 100000")
    learning_rate: Positive = Field(default=1e-4, description="above 0")


KINDS: dict[str, type[Step]] = {
    "prune": Prune,
    "cluster": Cluster,
    "low-rank": LowRank,
    "quantize": Quantize,
    "correct": Correct,
    "equalize": Equalize,
    "digits": Digits,
    "retrain": Retrain,
    "soft-sharing": SoftSharing,
    "hash": Hash,
    "distil": Distil,
    "finetune-centroids": FinetuneCentroids,
}


TABLES = ("layers", "retrain")


def fields(step: Step) -> dict[str, Any]:
    """The values of a step that are not None, in order; tables apart."""
    names = type(step).model_fields
    return {k: getattr(step, k) for k in names if k not in TABLES and getattr(step, k) not in (None, "")}
