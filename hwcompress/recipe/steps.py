# SPDX-License-Identifier: Apache-2.0
"""The steps of a recipe as data. A field's description is what messages call "wanted"; docs/recipes.md prints it."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _number(value: object) -> object:
    """True and false are not numbers."""
    if isinstance(value, bool):
        raise ValueError("a number wanted")
    return value


Real = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(_number)]
Share = Annotated[Real, Field(ge=0, le=1)]
Bits = Annotated[Count, Field(ge=1, le=16)]
Positive = Annotated[Real, Field(gt=0)]
_STRICT = ConfigDict(extra="forbid", frozen=True)
CRITERIA = "one of magnitude, lamp, random, obd, fisher, taylor, obs, sparsegpt"


class LayerStep(BaseModel):
    """What one layer, or all layers of a name pattern, get instead of the step's own."""

    model_config = _STRICT

    skip: bool | None = Field(default=None, description="true: the step leaves the layer alone")
    sparsity: Share | None = Field(default=None, description="share of zero weights, 0 to 1")
    quality: Annotated[Real, Field(ge=0)] | None = Field(
        default=None, description="weights below quality x std go, 0 or more"
    )
    clusters: Annotated[Count, Field(ge=1, le=65536)] | None = Field(
        default=None, description="number of shared values, 1 to 65536"
    )
    weight_bits: Bits | None = Field(default=None, description="1 to 16")
    activation_bits: Annotated[Count, Field(ge=2, le=16)] | None = Field(default=None, description="2 to 16")
    rank: Annotated[Count, Field(ge=1)] | None = Field(default=None, description="rank, 1 or more")


class Step(BaseModel):
    """One step."""

    model_config = _STRICT
    trains: ClassVar[bool] = False  # needs torch

    layers: dict[str, LayerStep] = Field(
        default_factory=dict[str, LayerStep], description="a table for each layer name pattern"
    )

    @property
    def name(self) -> str:
        """As recipes write its kind."""
        return str(getattr(self, "kind", ""))


class Prune(Step):
    """Weights, or whole channels, become zero."""

    kind: Literal["prune"] = "prune"
    method: Literal["magnitude", "lamp", "random", "obd", "fisher", "taylor", "obs", "sparsegpt"] = Field(
        default="lamp", description=CRITERIA
    )
    scope: Literal["global", "layer"] = Field(default="global", description="global (one ranking) or layer")
    what: Literal["weights", "channels"] = Field(default="weights", description="weights or channels")
    sparsity: Share | None = Field(default=None, description="share of zero weights (or channels), 0 to 1")
    quality: Annotated[Real, Field(ge=0)] | None = Field(
        default=None, description="weights below quality x std of their layer go, 0 or more"
    )
    pattern: Annotated[str, Field(pattern=r"^(\d+:\d+|\d+x\d+|bank\d+)?$")] = Field(
        default="", description="N:M (2:4), a block (4x1) or bankN"
    )
    search: Literal["none", "quality", "greedy"] = Field(
        default="none", description="none, quality (sensitivity scan) or greedy (what each layer bears)"
    )
    tolerance: Annotated[Real, Field(ge=0)] = Field(
        default=0.5, description="loss of validation score that a search may cost, in points, 0 or more"
    )

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
    rank: Annotated[Count, Field(ge=1)] | None = Field(default=None, description="rank, 1 or more")
    energy: Share | None = Field(default=None, description="share of the energy to keep, 0 to 1")
    method: Literal["svd", "data", "spatial", "channel"] = Field(
        default="svd", description="one of svd, data (dense); spatial, channel (convolutions)"
    )

    @model_validator(mode="after")
    def _together(self) -> "LowRank":
        if (self.rank is None) == (self.energy is None) and not any(v.rank for v in self.layers.values()):
            raise ValueError("rank or energy wanted, and not both")
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


class Training(Step):
    """Fields of every step that trains."""

    trains: ClassVar[bool] = True

    epochs: Annotated[Count, Field(ge=1, le=100_000)] = Field(default=10, description="1 to 100000")
    batch: Annotated[Count, Field(ge=1, le=1_000_000)] = Field(default=128, description="samples a step, 1 or more")
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
    distil: Share = Field(default=0.0, description="share of the distance to the float model in the loss, 0 to 1")
    temperature: Positive = Field(default=4.0, description="of the distillation, above 0")
    sparsity: Share | None = Field(default=None, description="share of zero weights to reach while training, 0 to 1")
    begin: Share = Field(default=0.0, description="share of the steps at which pruning begins, 0 to 1")
    end: Share = Field(default=0.75, description="share of the steps at which it ends, 0 to 1")
    frequency: Annotated[Count, Field(ge=1)] = Field(default=100, description="steps between two prunings, 1 or more")
    power: Positive = Field(default=3.0, description="of the polynomial schedule, above 0")
    scope: Literal["global", "layer"] = Field(default="global", description="global or layer, of the pruning")

    @model_validator(mode="after")
    def _ordered(self) -> "Training":
        if not self.begin < self.end:
            raise ValueError(f"begin below end wanted, {self.begin:g} and {self.end:g} found")
        return self


class Retrain(Training):
    """Training goes on; zeros stay zero, shared values stay shared, quantized weights stay quantized."""

    kind: Literal["retrain"] = "retrain"


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
    "retrain": Retrain,
    "distil": Distil,
    "finetune-centroids": FinetuneCentroids,
}


def fields(step: Step) -> dict[str, Any]:
    """The values of a step that are not None, in order; `layers` apart."""
    names = type(step).model_fields
    return {k: getattr(step, k) for k in names if k != "layers" and getattr(step, k) not in (None, "")}
