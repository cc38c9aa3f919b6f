# SPDX-License-Identifier: Apache-2.0
"""A sweep of a model: how one group of points is evaluated, and the whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hwcompress import api, config
from hwcompress.config import Config
from hwcompress.errors import BadInput, HwcError
from hwcompress.explore.space import Grid, Point
from hwcompress.explore.sweep import Measured, Progress, Row, SweepResult
from hwcompress.explore.sweep import sweep as run_sweep
from hwcompress.report.schema import Report


def sweep(
    model: str | Path, base: Config, grid: Grid, jobs: int | None = None, progress: Progress | None = None
) -> SweepResult:
    """Every point of the grid, with the other options of `base`.

    Raises:
        HwcError: the model, the data or a value on an axis is wrong.
    """
    points = grid.points()
    for point in points:
        config.merge(base, point.options())
    api.load(Path(model))
    result = run_sweep(points, partial(evaluate, Task(str(model), base)), jobs, progress)
    errors = {row.error for row in result.rows}
    if len(errors) == 1 and (error := errors.pop()) and all(row.wrong_input for row in result.rows):
        raise BadInput(error)  # the same for all: the model's or the data's, not a point's
    return result


@dataclass(frozen=True)
class Task:
    """What all points share."""

    model: str
    base: Config


def evaluate(task: Task, points: Sequence[Point]) -> list[Row]:
    """Points that share their numbers: one import, one compression, one measurement of the accuracy."""
    settings = [config.merge(task.base, point.options()) for point in points]
    try:
        network = api.compress_network(task.model, settings[0])
    except Exception as error:  # noqa: BLE001 (a bad point is a row)
        return [Row(point, None, describe(error), wrong_input=isinstance(error, BadInput)) for point in points]
    return [_row(network, point, chosen) for point, chosen in zip(points, settings, strict=True)]


def _row(network: api.Network, point: Point, settings: Config) -> Row:
    try:
        return Row(point, measured(api.plan_design(network, settings).report))
    except Exception as error:  # noqa: BLE001 (a bad point is a row)
        return Row(point, None, describe(error), wrong_input=isinstance(error, BadInput))


def describe(error: Exception) -> str:
    """One line; more of it where it is not ours."""
    text = " ".join(str(error).split())
    return text if isinstance(error, HwcError) else f"internal error: {type(error).__name__}: {text}"


def measured(report: Report) -> Measured:
    """The figures of a sweep."""
    r, t, a = report.resources, report.timing, report.accuracy
    return Measured(
        dsp=r.dsp,
        lut=r.lut,
        ff=r.ff,
        bram18=r.bram18,
        latency_cycles=t.latency_cycles,
        interval_cycles=t.interval_cycles,
        compressed_bytes=report.compression.compressed_bytes,
        fits=report.plan.fits,
        metric=a.metric,
        float_metric=a.float_,
        fixed_metric=a.fixed,
        agreement=a.agreement,
        sqnr_db=a.sqnr_db,
    )
