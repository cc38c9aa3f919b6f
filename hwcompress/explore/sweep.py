# SPDX-License-Identifier: Apache-2.0
"""Evaluate every point of a grid, in parallel processes; a bad point becomes a row with its error."""

import contextlib
import csv
import io
import multiprocessing
import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, fields, replace

from hwcompress.explore.pareto import front
from hwcompress.explore.space import Point

Progress = Callable[[str, float], None]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
LOWER_IS_BETTER = ("mse",)
COSTS = ("interval_cycles", "latency_cycles", "dsp", "lut", "bram18")


@dataclass(frozen=True, slots=True)
class Measured:
    """What one point gave."""

    dsp: int
    lut: int
    ff: int
    bram18: int
    latency_cycles: int
    interval_cycles: int
    compressed_bytes: int
    fits: bool
    metric: str | None
    float_metric: float | None
    fixed_metric: float | None
    agreement: float | None
    sqnr_db: float | None

    @property
    def loss(self) -> float:
        """Smaller is better: the metric of the codes, else agreement, else nothing."""
        if self.fixed_metric is not None:
            return self.fixed_metric if self.metric in LOWER_IS_BETTER else -self.fixed_metric
        return -self.agreement if self.agreement is not None else 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """A point with its figures, or with the reason why there are none."""

    point: Point
    measured: Measured | None
    error: str = ""
    on_front: bool = False
    wrong_input: bool = False  # the error is that of options, model or data

    def record(self) -> dict[str, object]:
        """All of it, flat."""
        names = [f.name for f in fields(Measured)]
        figures = asdict(self.measured) if self.measured else dict.fromkeys(names)
        return {**asdict(self.point), **figures, "on_front": self.on_front, "error": self.error}


Evaluate = Callable[[Sequence[Point]], list[Row]]  # points that share their numbers; must never raise


@dataclass(frozen=True, slots=True)
class SweepResult:
    """All rows in the order of the grid."""

    rows: tuple[Row, ...]

    @property
    def front(self) -> tuple[Row, ...]:
        """Rows that no other beats in interval, latency, resources and accuracy."""
        return tuple(row for row in self.rows if row.on_front)

    def csv(self) -> str:
        """One line a point."""
        out = io.StringIO()
        records = [row.record() for row in self.rows]
        writer = csv.DictWriter(out, list(records[0]) if records else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
        return out.getvalue()


def sweep(
    points: Sequence[Point], evaluate: Evaluate, jobs: int | None = None, progress: Progress | None = None
) -> SweepResult:
    """Evaluate the points in `jobs` processes (default: one a processor).

    evaluate: a function that can be pickled; it gets points that share their numbers, so that it can share work.
    """
    jobs = jobs or os.cpu_count() or 1
    tasks = groups(points, jobs)
    found: dict[Point, Row] = {}

    def done(rows: list[Row]) -> None:
        found.update({row.point: row for row in rows})
        if progress:
            progress(f"{len(found)} of {len(points)} points", len(found) / len(points))

    if jobs == 1 or len(tasks) == 1:
        for task in tasks:
            done(evaluate(task))
    else:
        for rows in _parallel(tasks, evaluate, jobs):
            done(rows)
    return SweepResult(_marked([found[p] for p in points]))


def groups(points: Sequence[Point], jobs: int) -> list[tuple[Point, ...]]:
    """Points that share their numbers together, cut further only where processes would stand idle."""
    shared: dict[object, list[Point]] = {}
    for point in dict.fromkeys(points):
        shared.setdefault(point.numbers, []).append(point)
    parts = -(-jobs // max(1, len(shared)))
    cut: list[tuple[Point, ...]] = []
    for group in shared.values():
        size = -(-len(group) // parts)
        cut += [tuple(group[k : k + size]) for k in range(0, len(group), size)]
    return cut


def _parallel(tasks: list[tuple[Point, ...]], evaluate: Evaluate, jobs: int) -> Generator[list[Row]]:
    """Rows as they are finished; a task whose process dies runs once more, alone."""
    lost: list[tuple[Point, ...]] = []
    with _one_thread_each(), _pool(min(jobs, len(tasks))) as pool:
        waiting = {pool.submit(evaluate, task): task for task in tasks}
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                task = waiting.pop(future)
                rows = _rows(future)
                if rows is None:
                    lost.append(task)
                else:
                    yield rows
    for task in lost:
        with _one_thread_each(), _pool(1) as pool:
            rows = _rows(pool.submit(evaluate, task))
        yield rows or [Row(p, None, "the process ended without a result (out of memory?)") for p in task]


def _rows(future: Future[list[Row]]) -> list[Row] | None:
    """None where the process died."""
    try:
        return future.result()
    except Exception:  # noqa: BLE001 (evaluate never raises: this is the pool)
        return None


def _pool(workers: int) -> ProcessPoolExecutor:
    """Fresh interpreters: a fork would copy the locks of running threads."""
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))


@contextlib.contextmanager
def _one_thread_each() -> Generator[None]:
    """Processes that start here use one thread for linear algebra."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _marked(rows: list[Row]) -> tuple[Row, ...]:
    """Rows with the front marked; what does not fit the budget is never on it."""
    able = [k for k, row in enumerate(rows) if row.measured is not None and row.measured.fits]
    best = front([_costs(rows[k]) for k in able])
    kept = {able[k] for k in best}
    return tuple(replace(row, on_front=k in kept) for k, row in enumerate(rows))


def _costs(row: Row) -> tuple[float, ...]:
    assert row.measured is not None
    return (*(getattr(row.measured, name) for name in COSTS), row.measured.loss)
