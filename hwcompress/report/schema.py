# SPDX-License-Identifier: Apache-2.0
"""report.json as objects. Field names are the contract; fields of a newer version are kept, not refused."""

import math
from typing import Annotated, Any, cast

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

SCHEMA = 1


def _plain(value: object) -> object:
    """numpy scalars as Python numbers; no NaN and no infinity, which JSON does not have."""
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = cast("Any", value).item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Part(BaseModel):
    """Base of all parts of a report."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        return {k: _plain(v) for k, v in cast("dict[str, object]", values).items()}


Whole = Annotated[int, BeforeValidator(_plain)]
Real = Annotated[float, BeforeValidator(_plain)]


class ResourceCounts(Part):
    """Cells of the target."""

    dsp: int = 0
    lut: int = 0
    ff: int = 0
    bram18: int = 0


class ModelPart(Part):
    """What came in."""

    name: str
    sha256: str
    macs: int
    parameters: int
    nonzero_parameters: int  # after compression


class PortPart(Part):
    """An input or output of the hardware. Real value = code * scale (one scale, or one an element)."""

    name: str
    onnx_shape: list[int | str]
    permutation: list[int]  # of the ONNX dimensions, in stream order
    type: str
    scale: Real | list[Real]
    elements_per_beat: int
    beats: int
    tdata_bits: int
    elements: int | None = None


class TargetPart(Part):
    """What it was planned for."""

    name: str
    multiplier: tuple[int, int]
    device: str
    clock_mhz: float
    budget: ResourceCounts
    part: str = ""  # as the vendor's tools spell it
    source: str = ""  # of the budget
    dsp_cell: str = ""  # what dsp counts: DSP48E2, MULT18X18D ...
    block: str = "RAMB18"  # what bram18 counts


class CompressionLayer(Part):
    """Storage of one layer."""

    name: str
    weights: int
    nonzero: int
    sparsity: float
    bits: int  # of a weight
    float_bytes: int
    compressed_bytes: int


class CompressionPart(Part):
    """Storage of all weights and biases."""

    float_bytes: int
    compressed_bytes: int
    ratio: float
    sparsity: float
    layers: list[CompressionLayer] = Field(default_factory=list[CompressionLayer])


class TimingPart(Part):
    """Cycles as the contract defines them; equal to what the bench measures."""

    latency_cycles: int
    interval_cycles: int


class AccuracyPart(Part):
    """Of the float model and of the codes, on x_test. None where labels or data are missing."""

    metric: str | None = None
    float_: Real | None = Field(None, validation_alias=AliasChoices("float", "float_"), serialization_alias="float")
    fixed: Real | None = None
    samples: int = 0
    agreement: Real | None = None  # percent of samples with the same decision
    sqnr_db: Real | None = None  # None: equal, or no data


class LayerPart(Part):
    """One layer of hardware."""

    name: str
    op: str
    macs: int
    reuse: int
    pe: int
    simd: int
    strategy: str
    weight_type: str | None
    input_type: str
    output_type: str
    accumulator_type: str | None
    sparsity: float
    dsp: int
    lut: int
    ff: int
    bram18: int
    latency_cycles: int
    interval_cycles: int
    products_per_dsp: int = 1
    source: str = ""  # the model's own name: untrusted text
    inputs: int | None = None
    outputs: int | None = None
    positions: int = 1  # of the output map
    multiplier_use: float | None = None  # products / (multipliers x the network's interval); idle lanes are multipliers


class VerificationPart(Part):
    """One run of the bench (or of the compiled C++) against the simulator's codes."""

    simulator: str
    vectors: int
    outputs: int
    mismatches: int
    latency_cycles: int | None  # None: the run knows no clock (csim) or failed
    interval_cycles: int | None
    failures: list[str] = Field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Every code was equal in every run."""
        return self.mismatches == 0 and not self.failures


class SynthesisPart(Part):
    """What a synthesis tool counted."""

    tool: str
    version: str
    family: str
    dsp: int
    lut: int
    ff: int
    bram18: int
    fmax_mhz: Real | None


class PlanPart(Part):
    """How the plan came about."""

    interface: str = "axis"
    backend: str = "verilog"
    goal: str = ""  # what was optimised
    binding: str = ""  # the constraint that keeps it from being better
    fits: bool = True  # within the budget
    explain: list[str] = Field(default_factory=list)  # decisions, for --explain


class Report(Part):
    """Everything that report.json holds."""

    schema_: int = Field(SCHEMA, validation_alias=AliasChoices("schema", "schema_"), serialization_alias="schema")
    version: str
    model: ModelPart
    inputs: list[PortPart]
    outputs: list[PortPart]
    target: TargetPart
    compression: CompressionPart
    resources: ResourceCounts
    timing: TimingPart
    accuracy: AccuracyPart
    layers: list[LayerPart]
    verification: list[VerificationPart] = Field(default_factory=list[VerificationPart])
    synthesis: list[SynthesisPart] = Field(default_factory=list[SynthesisPart])
    host: list[str] = Field(default_factory=list)  # operators left to the host
    notes: list[str] = Field(default_factory=list)  # decisions and assumptions a user should know
    plan: PlanPart = Field(default_factory=lambda: PlanPart())  # noqa: PLW0108

    @property
    def latency_us(self) -> float:
        """At the assumed clock."""
        return self.timing.latency_cycles / self.target.clock_mhz

    @property
    def frames_per_second(self) -> float:
        """At the assumed clock."""
        return 1e6 * self.target.clock_mhz / max(1, self.timing.interval_cycles)

    @property
    def passed(self) -> bool:
        """Every verification that was run passed."""
        return all(v.passed for v in self.verification)

    def with_verification(self, part: VerificationPart) -> "Report":
        """The report with this run in place of an earlier one of the same simulator."""
        others = [v for v in self.verification if v.simulator != part.simulator]
        return self.model_copy(update={"verification": [*others, part]})

    def with_synthesis(self, part: SynthesisPart) -> "Report":
        """The report with this run in place of an earlier one of the same tool and family."""
        same = (part.tool, part.family)
        others = [s for s in self.synthesis if (s.tool, s.family) != same]
        return self.model_copy(update={"synthesis": [*others, part]})
