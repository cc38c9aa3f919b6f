# SPDX-License-Identifier: Apache-2.0
"""The command sweep."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hwcompress.cli import screen
from hwcompress.errors import BadInput, quote

if TYPE_CHECKING:
    from hwcompress.config import Config
    from hwcompress.explore.space import Axes


def run(model: str, config: "Config", axes: "Axes", jobs: str | None, folder: Path, json: bool) -> None:
    """Evaluate every point, print the table, write the files."""
    from hwcompress import points
    from hwcompress.config import given
    from hwcompress.explore.space import parse_grid
    from hwcompress.report import sweep as report

    grid = parse_grid(axes, given(config))
    with screen.progress() as progress:
        result = points.sweep(model, config, grid, processes(jobs), progress)
    report.write(result, folder, Path(model).stem)
    if json:
        screen.say(report.to_json(result).rstrip("\n"))
    else:
        screen.console().print(report.table(result))
        screen.say(f"Sweep: {quote(str(folder), 300)[1:-1]} ({', '.join(report.FILES)})")
    if all(row.measured is None for row in result.rows):
        raise typer.Exit(1)


def processes(text: str | None) -> int | None:
    """--jobs: 1 to 256; None where it was not given."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 256):
        raise BadInput(f"--jobs: 1 to 256 wanted, {quote(text)} found")
    return int(text)
