# SPDX-License-Identifier: Apache-2.0
"""report.json of `compress` as objects, and as tables for the terminal."""

from collections.abc import Iterable
from typing import Any

from pydantic import AliasChoices, Field
from rich.console import RenderableType
from rich.text import Text

from hwcompress.report.curves import Curves, Histogram, InputMask
from hwcompress.report.schema import SCHEMA, ModelPart, Part, Real
from hwcompress.report.table import new_table, scores, titled
from hwcompress.report.text import count, shown

WIDE = 1e3  # from which on a share is written in powers of ten
SHARED = {"codebook": "shared", "hashed": "hashed"}


class StorageLayer(Part):
    """One layer in the file, as in the tables of Deep Compression (arXiv:1510.00149, tables 2 to 5)."""

    name: str  # ours
    source: str  # the model's own: untrusted text
    weights: int
    nonzero: int
    sparsity: float
    kept: float  # percent of the original's weights
    values: str  # codebook, fixed, scaled or float32; hashed: values placed by hashes
    codebook: int | None = None  # entries
    bits: float  # of a weight that is kept, without entropy coding
    coded_bits: float  # and as it is stored
    index_bits: float  # of its position, without entropy coding
    coded_index_bits: float
    value_entropy: float  # bits, of the values that are kept
    error: float | None  # |W - W'|^2 / |W|^2; None: the layer has another shape
    method: str  # how it is coded
    float_bytes: int  # weights and biases as float32
    weight_bytes: int
    bias_bytes: int
    compressed_bytes: int
    ratio: float


class StoragePart(Part):
    """The file."""

    float_bytes: int  # all parameters of the original as float32
    compressed_bytes: int  # size of model.hwc on disk
    ratio: float
    sparsity: float
    header_bytes: int
    tail_bytes: int  # the part for the host
    layers: list[StorageLayer]


class CompressedAccuracy(Part):
    """Of the float model and of the compressed one, on x_test."""

    metric: str | None = None
    float_: Real | None = Field(None, validation_alias=AliasChoices("float", "float_"), serialization_alias="float")
    compressed: Real | None = None
    samples: int = 0
    agreement: Real | None = None
    sqnr_db: Real | None = None


class StepPart(Part):
    """What a step of the recipe did, and what else it has to tell."""

    kind: str
    score: Real  # on the validation samples: share of right decisions, or minus the mean squared error
    sparsity: float


class CompressionReport(Part):
    """Everything that the report.json of `compress` holds."""

    schema_: int = Field(SCHEMA, validation_alias=AliasChoices("schema", "schema_"), serialization_alias="schema")
    kind: str = "compression"
    version: str
    model: ModelPart
    recipe: str
    seed: int
    compression: StoragePart
    accuracy: CompressedAccuracy
    validation: dict[str, Any]  # score of the float model on the validation samples, and how many they are
    steps: list[StepPart]
    curves: Curves | None = None
    histograms: list[Histogram] = Field(default_factory=list[Histogram])
    input_mask: InputMask | None = None
    notes: list[str] = Field(default_factory=list)

    def to_json(self) -> str:
        """The report as text: the same report gives the same bytes."""
        return self.model_dump_json(indent=2, by_alias=True) + "\n"


def parts(report: CompressionReport) -> list[RenderableType]:
    """The tables of a report."""
    found = [heading(report), layers(report.compression), steps(report), accuracy(report), notes(report)]
    return [part for part in found if part is not None]


def heading(report: CompressionReport) -> RenderableType:
    """How small."""
    c, m = report.compression, report.model
    text = Text()
    text.append(shown(m.name), "bold")
    text.append(
        f"  {count(m.parameters)} parameters, {count(m.nonzero_parameters)} not zero; recipe {shown(report.recipe)}\n"
    )
    text.append(
        f"model.hwc has {count(c.compressed_bytes)} bytes, {count(c.float_bytes)} as float32: {c.ratio:.2f} x smaller"
    )
    text.append(f"; header {count(c.header_bytes)}, host part {count(c.tail_bytes)}")
    return text


def _percent(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{100 * share:.2f}" if share < WIDE else f"{100 * share:.2e}"


def layers(c: StoragePart) -> RenderableType:
    """Layer by layer, as the papers have it."""
    table = new_table(
        ["Layer", "Values"],
        ["Weights", "Kept %", "Bits", "coded", "Index", "coded", "Entropy", "Error %", "Bias B", "Bytes", "Ratio"],
    )
    for x in c.layers:
        values = f"{count(x.codebook)} {SHARED[x.values]}" if x.codebook and x.values in SHARED else x.values
        table.add_row(
            shown(x.name), values, count(x.weights), f"{x.kept:.2f}", f"{x.bits:.1f}", f"{x.coded_bits:.2f}",
            f"{x.index_bits:.1f}", f"{x.coded_index_bits:.2f}", f"{x.value_entropy:.2f}", _percent(x.error),
            count(x.bias_bytes), count(x.compressed_bytes), f"{x.ratio:.1f}",
        )  # fmt: skip
    return titled("Storage: bits of a kept weight and of its position, plain and coded", table)


def steps(report: CompressionReport) -> RenderableType:
    """What each step left."""
    table = new_table(["Step"], ["Validation", "Zeros %"])
    table.add_row("float model", _score(report.validation.get("float")), "")
    for k, step in enumerate(report.steps):
        table.add_row(f"{k + 1} {shown(step.kind)}", _score(step.score), f"{100 * step.sparsity:.2f}")
    samples = report.validation.get("samples")
    return titled(f"Steps: score on {samples} validation samples", table)


def _score(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "-"


def accuracy(report: CompressionReport) -> RenderableType | None:
    """Before and after."""
    a = report.accuracy
    return scores(a, "Compressed", a.compressed, "test samples") if a.samples else None


def notes(report: CompressionReport) -> RenderableType | None:
    """What a user should know."""
    return titled("Notes", *_lines(report.notes)) if report.notes else None


def _lines(texts: Iterable[str]) -> list[Text]:
    return [Text(f"- {shown(text, 200)}") for text in texts]
