# SPDX-License-Identifier: Apache-2.0
"""A report as one self-contained HTML file: no scripts, nothing loaded from elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hwcompress.report.files import write_text
from hwcompress.report.schema import Report
from hwcompress.report.table import cells_of
from hwcompress.report.text import count, real, score, share, shown
from hwcompress.resources import folder

NAME = "report.html"


@dataclass(frozen=True, slots=True)
class _Row:
    """One resource of the utilization table."""

    name: str
    key: str
    used: int
    available: int

    @property
    def share(self) -> str:
        return share(self.used, self.available)

    @property
    def over(self) -> bool:
        return self.used > self.available

    @property
    def width(self) -> float:
        """Of the bar, percent."""
        return round(min(100.0, 100 * self.used / self.available), 2) if self.available else 0.0


@cache
def environment() -> Environment:
    """Everything is escaped: names come from models."""
    env = Environment(
        loader=FileSystemLoader(folder("templates") / "report"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Callable[..., str]] = {"shown": shown, "count": count, "real": real, "score": score}
    env.filters.update(filters)
    return env


def render(report: Report) -> str:
    """The page."""
    budget, used = report.target.budget, report.resources
    cells = [_Row(label, key, getattr(used, key), getattr(budget, key)) for label, key in cells_of(report)]
    slowest = max([1, *(layer.interval_cycles for layer in report.layers)])
    return environment().get_template("report.html.j2").render(report=report, cells=cells, slowest=slowest)


def write(report: Report, build: Path) -> None:
    """Write BUILD/report.html."""
    write_text(build / NAME, render(report))
