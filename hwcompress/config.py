# SPDX-License-Identifier: Apache-2.0
"""Everything a user can choose: the options of the command line, of the Python API and of a TOML file are these fields.

A field's description is what messages call "wanted" and what docs/commands.md prints.
"""

import math
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from hwcompress.config_errors import explain, nearest
from hwcompress.errors import BadInput, quote
from hwcompress.hw import devices
from hwcompress.ir.fixed import Format, parse_format

OURS = re.compile(r"(dense|conv|pool|affine|pointwise)_\d+")  # names that engines.plan gives to layers

MAX_COUNT = 10**9
MAX_EXPONENT = 40  # bits either way
STRATEGIES = ("auto", "dsp", "lut")  # those that this version has engines for


def _format(value: object) -> object:
    """A type written as text."""
    if not isinstance(value, str):
        return value
    try:
        return parse_format(value)
    except BadInput as error:
        raise ValueError(str(error)) from None


def _number(value: object) -> object:
    """True and false are not numbers; a number may come as text, from a command line."""
    if isinstance(value, bool):
        raise ValueError("a number wanted")
    return value


def _numbers(value: object) -> object:
    """One number, or several: a list, or text with commas."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")] if "," in value else value.strip()
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(_number(v) for v in cast("Iterable[object]", value))
    return _number(value)


def _listed(value: object) -> object:
    """A list; or text with commas."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _data(value: object) -> object:
    """A file name, or arrays by name."""
    if isinstance(value, str) and not value:
        raise ValueError("a file name wanted")
    if value is None or isinstance(value, str | Mapping):
        return cast("object", value)
    if isinstance(value, Path):
        return str(value)
    raise ValueError("a file name wanted")


def _strategy(value: object) -> object:
    if value in ("packed", "shift-add", "sparse"):
        raise ValueError(f"{value} is not available in this version")
    return value


def _target(value: object) -> object:
    if isinstance(value, str):
        devices.find(value)
    return value


Type = Annotated[Format, BeforeValidator(_format), PlainSerializer(str)]
Bits = Annotated[int, BeforeValidator(_number), Field(ge=2, le=16)]
Count = Annotated[int, BeforeValidator(_number), Field(ge=0, le=MAX_COUNT)]
Exponent = Annotated[int, BeforeValidator(_number), Field(ge=-MAX_EXPONENT, le=MAX_EXPONENT)]
Positive = Annotated[int, BeforeValidator(_number), Field(ge=1, le=MAX_COUNT)]
Real = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Share = Annotated[Real, Field(ge=0, le=1)]
Reals = Annotated[float | tuple[float, ...], BeforeValidator(_numbers)]
Strategy = Annotated[Literal["auto", "dsp", "packed", "lut", "shift-add", "sparse"], BeforeValidator(_strategy)]
_STRICT = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
_BITS = "2 to 16, or auto"


class LayerConfig(BaseModel):
    """What one layer, or all layers of a name pattern, get instead of the global choice."""

    model_config = _STRICT

    weight_type: Type | None = Field(default=None, description="a fixed-point type, s8f6 or fixed<8,2,RND,SAT>")
    output_type: Type | None = Field(default=None, description="a fixed-point type, s8f6 or fixed<8,2,RND,SAT>")
    table_type: Type | None = Field(default=None, description="type read by a table, at most 12 bits: s10f7")
    weight_bits: Bits | None = Field(default=None, description="2 to 16")
    activation_bits: Bits | None = Field(default=None, description="2 to 16")
    reuse: Positive | None = Field(default=None, description="a legal reuse of the layer, 1 or more (strict)")
    pe: Positive | None = Field(default=None, description="rows at once, 1 or more")
    simd: Positive | None = Field(default=None, description="columns at once, 1 or more")
    strategy: Strategy | None = Field(default=None, description="one of auto, dsp, lut")
    segment: Annotated[int, Field(ge=1, le=16)] | None = Field(
        default=None, description="DSP slots of a cascade, 1 to 16"
    )
    memory: Literal["logic", "block"] | None = Field(
        default=None, description="where folded weights lie, logic or block"
    )
    sparsity: Share | None = Field(default=None, description="share of zero weights, 0 to 1")
    quality: Annotated[Real, Field(ge=0)] | None = Field(
        default=None, description="weights below quality x std go, 0 or more"
    )


class Config(BaseModel):
    """All options. Build one with `make`, `load` or `merge`; they turn every mistake into one BadInput."""

    model_config = _STRICT

    target: Annotated[str, BeforeValidator(_target)] = Field(
        default=devices.DEFAULT, description="a multiplier geometry or a device name"
    )
    data: Annotated[Any, BeforeValidator(_data)] = Field(
        default=None, description="an .npz file, or (Python) a dict of arrays"
    )
    metric: Literal["top1", "binary", "mse", "r2", "agreement", "auc"] | None = Field(
        default=None, description="one of top1, binary, mse, r2, agreement, auc (anomaly detection: labels of groups)"
    )
    mean: Reals = Field(default=0.0, description="a number, or one for each channel")
    std: Reals = Field(default=1.0, description="a number above 0, or one for each channel")
    input_type: Type | None = Field(default=None, description="a fixed-point type, u8f0 or s16f8")
    input_exponents: Annotated[tuple[Exponent, ...] | None, BeforeValidator(_listed)] = Field(
        default=None, description="-40 to 40 for each input channel: the hardware's input is x * 2**exponent"
    )
    weight_bits: Bits | Literal["auto"] = Field(default=8, description=_BITS)
    activation_bits: Bits | Literal["auto"] = Field(default=8, description=_BITS)
    calibration: Literal["auto", "minmax", "percentile", "mse"] = Field(
        default="auto", description="one of auto (the best by measured output error), minmax, percentile, mse"
    )
    bias_correction: bool = Field(default=True, description="true or false")
    per_channel: bool = Field(default=True, description="true or false: one exponent for each row of weights")
    sparsity: Share = Field(default=0.0, description="share of zero weights, 0 to 1")
    prune: Literal["global", "magnitude", "layer", "threshold"] = Field(
        default="global", description="one of global, layer, threshold"
    )
    quality: Annotated[Real, Field(ge=0)] | None = Field(
        default=None, description="with prune = threshold: weights below quality x std of their layer go, 0 or more"
    )
    reuse: Positive | Literal["auto"] = Field(default="auto", description="1 or more, or auto")
    strategy: Strategy = Field(default="auto", description="one of auto, dsp, lut")
    max_dsp: Count | None = Field(default=None, description="DSP budget, 0 or more")
    max_lut: Count | None = Field(default=None, description="LUT budget, 0 or more")
    max_bram: Count | None = Field(
        default=None, description="block RAM budget in RAMB18, or the target's own blocks, 0 or more"
    )
    interval: Positive | None = Field(default=None, description="goal in cycles, 1 or more")
    latency: Positive | None = Field(default=None, description="goal in cycles, 1 or more")
    clock_mhz: Annotated[Real, Field(gt=0, le=2000)] = Field(default=200.0, description="above 0, up to 2000")
    interface: Literal["axis", "valid"] = Field(default="axis", description="axis or valid")
    backend: Literal["verilog", "hls", "both"] = Field(default="verilog", description="verilog, hls or both")
    out: str | None = Field(default=None, min_length=1, description="a folder")
    verify: Literal["none", "verilator", "icarus", "both"] = Field(
        default="none", description="none, verilator, icarus or both"
    )
    vectors: Annotated[int, BeforeValidator(_number), Field(ge=1, le=10**7)] | None = Field(
        default=None, description="frames to simulate, 1 or more"
    )
    seed: Annotated[int, BeforeValidator(_number), Field(ge=0, le=2**32 - 1)] = Field(
        default=0, description="0 to 4294967295"
    )
    layers: dict[str, LayerConfig] = Field(
        default_factory=dict[str, LayerConfig], description="a table for each layer name pattern"
    )

    @model_validator(mode="after")
    def _together(self) -> "Config":
        """Rules over several fields."""
        for name in ("mean", "std"):
            values: float | tuple[float, ...] = getattr(self, name)
            flat = values if isinstance(values, tuple) else (values,)
            if not flat or not all(math.isfinite(v) for v in flat) or (name == "std" and min(flat) <= 0):
                raise ValueError(f"{name}: {self.describe(name)} wanted, {values} found")
        if (self.prune == "threshold") != (self.quality is not None):
            raise ValueError("prune = threshold and quality belong together: give both or neither")
        if self.backend != "verilog" and not self.device.cells.amd:
            raise ValueError(
                f"backend: verilog wanted for {self.target}, {self.backend} found; the C++ is for Vitis HLS, "
                "which knows AMD devices only"
            )
        if self.prune == "threshold" and self.sparsity > 0:
            raise ValueError("sparsity: prune = threshold has no use for it; give quality alone")
        return self

    @staticmethod
    def describe(name: str) -> str:
        """What a field wants."""
        return Config.model_fields[name].description or ""

    @property
    def device(self) -> devices.Target:
        """The target with its budget."""
        return devices.find(self.target)

    def for_layer(self, name: str, source: str = "") -> LayerConfig:
        """What all patterns together say of a layer; a later pattern wins.

        name: ours (dense_0); source: the model's own node name.
        """
        given: dict[str, Any] = {}
        for pattern, layer in self.layers.items():
            if names_layer(pattern, name, source):
                given |= {key: getattr(layer, key) for key in layer.model_fields_set}
        return LayerConfig.model_construct(**given)

    def check_patterns(self, layers: Iterable[tuple[str, str]]) -> None:
        """Every pattern names a layer. layers: (our name, the model's own name).

        Raises:
            BadInput: one does not.
        """
        names = list(layers)
        for pattern in self.layers:
            if not any(names_layer(pattern, a, b) for a, b in names):
                ours = [a for a, _ in names]
                close = nearest(pattern, [*ours, *(b for _, b in names)])
                known = f"nearest: {quote(close)}" if close else f"layers: {', '.join(ours[:12])}"
                raise BadInput(
                    f"layers.{quote(pattern)}: the name or pattern of a layer wanted, none matches; {known}. "
                    "Try: hwcompress inspect MODEL --write-config F.toml"
                )


def names_layer(pattern: str, name: str, source: str) -> bool:
    """Whether a pattern means a layer: what is written like one of our names is never the model's."""
    return _matches(pattern, name) or (OURS.fullmatch(pattern) is None and _matches(pattern, source))


def _matches(pattern: str, name: str) -> bool:
    """Equal, or a match of * ? [] (node names of models hold brackets themselves)."""
    return bool(name) and (pattern == name or fnmatchcase(name, pattern))


def make(values: Mapping[str, object], where: str = "options") -> Config:
    """A Config of these values.

    Raises:
        BadInput: a key is unknown or a value illegal; all of them in one message.
    """
    return explain(Config, LayerConfig, values, where)


def merge(base: Config, overrides: Mapping[str, object], where: str = "command line") -> Config:
    """`base` with these values instead of its own."""
    return make(given(base) | dict(overrides), where)


def given(config: Config) -> dict[str, object]:
    """The fields that were set, not defaulted."""
    return {key: getattr(config, key) for key in Config.model_fields if key in config.model_fields_set}


def beneath(config: Config, settings: Mapping[str, Any], where: str = "model") -> Config:
    """`config` with `settings` where it says nothing itself; of layers too, its own patterns come last.

    Raises:
        BadInput: a setting is unknown or illegal.
    """
    if not settings:
        return config
    own = given(config)
    layers: dict[str, Any] = dict(settings.get("layers") or {})
    for pattern, layer in config.layers.items():
        layers[pattern] = {**dict(layers.pop(pattern, {})), **layer.model_dump(exclude_unset=True)}
    return make({**settings, **own, "layers": layers}, where)
