# SPDX-License-Identifier: Apache-2.0
"""What the fields of steps have in common: kinds of numbers, what a layer may have of its own, the step as such."""

from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _number(value: object) -> object:
    """True and false are not numbers."""
    if isinstance(value, bool):
        raise ValueError("a number wanted")
    return value


Real = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(_number)]
Share = Annotated[Real, Field(ge=0, le=1)]
Bits = Annotated[Count, Field(ge=1, le=16)]
Rate = Annotated[Real, Field(ge=0, lt=1)]
Positive = Annotated[Real, Field(gt=0)]
Pattern = Annotated[str, Field(pattern=r"^(\d{1,6}:\d{1,6}|(fold)?\d{1,6}x\d{1,6}|bank\d{1,6})?$")]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class LayerStep(BaseModel):
    """What one layer, or all layers of a name pattern, get instead of the step's own."""

    model_config = _STRICT

    skip: bool | None = Field(default=None, description="true: the step leaves the layer alone")
    sparsity: Share | None = Field(default=None, description="share of zero weights, 0 to 1")
    quality: Annotated[Real, Field(ge=0)] | None = Field(default=None, description="weights below this x std go")
    pattern: Pattern | None = Field(default=None, description="as in prune; empty: none")
    clusters: Annotated[Count, Field(ge=1, le=65536)] | None = Field(
        default=None, description="number of shared values, 1 to 65536"
    )
    weight_bits: Bits | None = Field(default=None, description="1 to 16")
    activation_bits: Annotated[Count, Field(ge=2, le=16)] | None = Field(default=None, description="2 to 16")
    dropout: Rate | None = Field(default=None, description="of what enters the layer, 0 to below 1")
    rank: Annotated[Count, Field(ge=1)] | None = Field(default=None, description="rank, 1 or more")


class Step(BaseModel):
    """One step."""

    model_config = _STRICT
    trains: ClassVar[bool] = False  # needs torch
    renews: ClassVar[bool] = False  # steps behind it aim at the network that it leaves, no longer at that before

    layers: dict[str, LayerStep] = Field(
        default_factory=dict[str, LayerStep], description="a table for each layer name pattern"
    )

    @property
    def name(self) -> str:
        """As recipes write its kind."""
        return str(getattr(self, "kind", ""))
