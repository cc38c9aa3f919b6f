# SPDX-License-Identifier: Apache-2.0
"""The report of `compress` as one self-contained HTML file: no scripts, nothing loaded from elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from hwcompress.report.compression import CompressionReport
from hwcompress.report.curves import BearingPart, Curves, Histogram, InputMask, Sensitivity
from hwcompress.report.html import environment
from hwcompress.report.pictures import HEIGHT, WIDTH, Bars, Plot, Series, bars, plot, png
from hwcompress.report.text import shown

NAME = "report.html"
SCALE = 280  # least width of a mask's picture, SVG units


@dataclass(frozen=True)
class Figure:
    """A plot and what it is of."""

    title: str
    plot: Plot


@dataclass(frozen=True)
class Spread:
    """The weights of a layer."""

    histogram: Histogram
    bars: Bars


@dataclass(frozen=True)
class Picture:
    """The mask of the first layer."""

    mask: InputMask
    source: str  # data URI
    width: int
    height: int


def render(report: CompressionReport) -> str:
    """The page."""
    found = report.curves
    return (
        environment()
        .get_template("compression.html.j2")
        .render(
            report=report,
            area=(WIDTH, HEIGHT),
            trainings=list(_trainings(found)) if found else [],
            scans=list(_scans(found)) if found else [],
            way=_way(found) if found else None,
            borne=found.bearing if found else None,
            bearings=list(_bearings(found.bearing)) if found and found.bearing else [],
            spreads=[Spread(h, bars(h.before, h.after, h.reach)) for h in report.histograms],
            picture=_picture(report.input_mask),
        )
    )


def _trainings(found: Curves) -> Iterable[tuple[Figure, ...]]:
    """Loss and score of every step that trained."""
    for t in found.training:
        title = f"Step {t.step}, {t.kind}"
        epochs = [float(k) for k in range(1, len(t.loss) + 1)]
        kept = f"{title}: validation score; epoch {t.kept} went on"
        pairs = ((f"{title}: loss", t.loss, "loss"), (kept, t.score, "score"))
        plots = [(text, plot([(label, epochs, values)], "epoch", label)) for text, values, label in pairs]
        yield tuple(Figure(text, made) for text, made in plots if made)


def _scans(found: Curves) -> Iterable[Figure]:
    """What each layer bears, by step."""
    for (step, search), group in groupby(found.sensitivity, key=lambda s: (s.step, s.search)):
        what = "each layer alone, the others whole" if search == "quality" else "layer after layer"
        made = plot([_series(s) for s in group], "zeros of the layer, %", "validation score")
        if made:
            yield Figure(f"Step {step}, search by {search}: {what}", made)


def _series(s: Sensitivity) -> Series:
    return shown(s.layer), [100 * share for share in s.sparsity], s.score


def _bearings(found: BearingPart) -> Iterable[Figure]:
    """Score of the model as given, against zeros and bits."""
    axes = {"zeros": ("zeros, %", 100), "bits": ("bits of a weight", 1)}
    for alone, title in ((False, "All layers at once"), (True, "Each layer alone, the others whole")):
        for what, (label, scale) in axes.items():
            series = [
                (shown(c.layer) if alone else what, [scale * a for a in c.asked], c.score)
                for c in found.curves
                if c.what == what and bool(c.layer) == alone
            ]
            made = plot(series, label, "validation score")
            if made:
                yield Figure(f"{title}: score against {what}", made)


def _way(found: Curves) -> Plot | None:
    """Score against zeros, step by step."""
    zeros, scores = [100 * z for _, z, _ in found.steps], [s for _, _, s in found.steps]
    return plot([("steps", zeros, scores)], "zeros of all weights, %", "validation score")


def _picture(mask: InputMask | None) -> Picture | None:
    if mask is None:
        return None
    rows, columns = len(mask.counts), len(mask.counts[0])
    scale = max(1, SCALE // max(rows, columns))
    most = max(1, *(max(row) for row in mask.counts))
    return Picture(mask, png(mask.counts, most), columns * scale, rows * scale)
