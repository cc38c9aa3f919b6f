# SPDX-License-Identifier: Apache-2.0
"""What the pictures of `compress` show, as numbers: curves of the steps, histograms of weights, the input's mask."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from pydantic import Field

from hwcompress.compress.stages import stages
from hwcompress.ir import types
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ir.order import Order
from hwcompress.ir.types import Shape
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup
from hwcompress.recipe.bearing import Bearing
from hwcompress.report.schema import Part

BINS = 48
LEAST_SIDE, MOST_SIDE = 8, 512  # pixels of what counts as an image


class TrainingCurve(Part):
    """One step that trains, epoch by epoch."""

    step: int  # from 1
    kind: str
    loss: list[float]
    score: list[float]  # on the validation samples
    kept: int  # the epoch whose numbers went on, from 1


class Sensitivity(Part):
    """One layer pruned alone, the others whole (Han 2015), or in its turn (greedy)."""

    step: int
    layer: str  # ours, where it is known: else the model's own, untrusted
    search: str  # quality or greedy
    sparsity: list[float]
    score: list[float]
    quality: list[float] = Field(default_factory=list[float])  # of the scan: thresholds over the deviation


class BearingCurve(Part):
    """Score of the model as given, pruned or rounded without training: one layer alone, or all at once."""

    what: str  # zeros or bits
    layer: str  # ours; empty: all
    asked: list[float]  # share of zeros, or bits of a weight
    score: list[float]


class BearingPart(Part):
    """What the model given bears."""

    samples: int  # of validation
    curves: list[BearingCurve]


class Curves(Part):
    """Of all steps, and of the model before them."""

    steps: list[tuple[str, float, float]]  # kind, share of zeros and score after it; the float model first
    training: list[TrainingCurve]
    sensitivity: list[Sensitivity]
    bearing: BearingPart | None = None  # None: it would take long


class Histogram(Part):
    """Weights of a layer that are not zero, in BINS bins of equal width from -reach to reach."""

    layer: str  # ours
    source: str  # the model's own: untrusted text
    reach: float
    before: list[int]  # empty: the layer was not there
    after: list[int]
    zeros_before: int
    zeros_after: int


class InputMask(Part):
    """How many weights of the first layer that are not zero read each pixel, or each tap of its kernel."""

    what: str  # pixels or taps
    layer: str
    most: int  # weights that could be there
    counts: list[list[int]]  # [rows][columns]


def curves(
    float_score: float,
    steps: Sequence[Mapping[str, Any]],
    names: Mapping[str, str],
    borne: Bearing | None = None,
) -> Curves:
    """From what the steps of a recipe told.

    names: our names of layers, by node. borne: by the model as given.
    """
    training: list[TrainingCurve] = []
    sensitivity: list[Sensitivity] = []
    for k, told in enumerate(steps, start=1):
        epochs = cast("Sequence[Mapping[str, float]]", told.get("epochs") or ())
        if epochs:
            training.append(
                TrainingCurve(
                    step=k,
                    kind=str(told["kind"]),
                    loss=[float(e["loss"]) for e in epochs],
                    score=[float(e["score"]) for e in epochs],
                    kept=int(told.get("kept", len(epochs))),
                )
            )
        sensitivity += _scanned(k, told, names) + _searched(k, told, names)
    after = [(str(t["kind"]), float(t["sparsity"]), float(t["score"])) for t in steps]
    return Curves(
        steps=[("float model", 0.0, float(float_score)), *after],
        training=training,
        sensitivity=sensitivity,
        bearing=_bearing_part(borne) if borne else None,
    )


def _bearing_part(borne: Bearing) -> BearingPart:
    made = [BearingCurve(what=c.what, layer=c.layer, asked=[*c.asked], score=[*c.score]) for c in borne.curves]
    return BearingPart(samples=borne.samples, curves=made)


def _scanned(step: int, told: Mapping[str, Any], names: Mapping[str, str]) -> list[Sensitivity]:
    """Of a scan over qualities."""
    found = cast("Mapping[str, Sequence[tuple[float, float, float]]]", told.get("sensitivity") or {})
    return [
        Sensitivity(
            step=step,
            layer=names.get(node, node),
            search="quality",
            quality=[q for q, _, _ in rows],
            sparsity=[share for _, share, _ in rows],
            score=[score for _, _, score in rows],
        )
        for node, rows in found.items()
    ]


def _searched(step: int, told: Mapping[str, Any], names: Mapping[str, str]) -> list[Sensitivity]:
    """Of a greedy search: the steps that fell to each layer."""
    trail = cast("Sequence[tuple[str, float, float]]", told.get("search") or ())
    found: dict[str, list[tuple[float, float]]] = {}
    for node, share, score in trail:
        found.setdefault(node, []).append((share, score))
    return [
        Sensitivity(
            step=step,
            layer=names.get(node, node),
            search="greedy",
            sparsity=[share for share, _ in rows],
            score=[score for _, score in rows],
        )
        for node, rows in found.items()
    ]


def histograms(original: Graph[Op], graph: Graph[Op]) -> list[Histogram]:
    """Of every layer of the compressed network, beside that of the same name before."""
    names = {s.node: s.layer for s in stages(graph)}
    before = {n.name: n.op.weight for n in original if isinstance(n.op, Dense | Conv)}
    return [
        _histogram(names.get(n.name, n.name), n.name, before.get(n.name), n.op.weight)
        for n in graph
        if isinstance(n.op, Dense | Conv)
    ]


def _histogram(layer: str, source: str, before: Reals | None, after: Reals) -> Histogram:
    old = np.zeros(0) if before is None else before[before != 0]
    new = after[after != 0]
    reach = float(np.abs(np.concatenate([old, new])).max(initial=0.0)) or 1.0
    counts = [np.histogram(values, BINS, (-reach, reach))[0].tolist() for values in (old, new)]
    return Histogram(
        layer=layer,
        source=source,
        reach=reach,
        before=counts[0] if before is not None else [],
        after=counts[1],
        zeros_before=before.size - old.size if before is not None else 0,
        zeros_after=after.size - new.size,
    )


def input_mask(graph: Graph[Op], sample_shape: Shape, order: Order) -> InputMask | None:
    """The first layer's zeros as a picture; None where the input is no image.

    order: from a flattened sample of the model's own layout to the graph's input.
    """
    axes = image_axes(sample_shape)
    first = next((n for n in graph if not isinstance(n.op, Affine | Clip | Lookup)), None)
    if axes is None or first is None or not isinstance(first.op, Dense | Conv):
        return None
    op, layer = first.op, {s.node: s.layer for s in stages(graph)}[first.name]
    if isinstance(op, Conv):
        taps = (op.weight != 0).reshape(len(op.weight), *op.window.kernel, -1)
        most = taps.shape[0] * taps.shape[3]
        return InputMask(what="taps", layer=layer, most=most, counts=taps.sum(axis=(0, 3)).tolist())
    kept = np.count_nonzero(op.weight, axis=0)[None]
    pixels = order.inverse().apply(kept).reshape(sample_shape)
    others = tuple(k for k in range(len(sample_shape)) if k not in axes)
    most = len(op.weight) * int(np.prod([sample_shape[k] for k in others], dtype=np.int64))
    return InputMask(what="pixels", layer=layer, most=most, counts=pixels.sum(axis=others).tolist())


def image_axes(shape: Shape) -> tuple[int, int] | None:
    """Which dimensions of a sample are rows and columns (types.image_axes); None if it is no image worth a picture."""
    axes = types.image_axes(shape)
    return axes if axes and all(LEAST_SIDE <= shape[a] <= MOST_SIDE for a in axes) else None
