# SPDX-License-Identifier: Apache-2.0
"""The report of `compress` in the terminal."""

import io

from rich.console import Console

from hwcompress.report.compression import CompressionReport, parts
from tests.report.compressed import example
from tests.report.example import HOSTILE


def printed(report: CompressionReport) -> str:
    out = io.StringIO()
    console = Console(file=out, width=140, markup=False, highlight=False, emoji=False)
    for part in parts(report):
        console.print(part)
    return out.getvalue()


def test_the_terminal_shows_notes_whole() -> None:
    note = "7.4 points of accuracy are lost. Try: a lower --sparsity, more --epochs, or more --weight-bits"
    assert note in printed(example(notes=[note]))
    assert HOSTILE not in printed(example(HOSTILE, notes=[HOSTILE]))


def test_the_terminal_keeps_its_columns() -> None:
    """Whatever the error of a layer is."""
    report = example()
    for error, said in ((0.0123, "1.23"), (9.99, "999.00"), (1e22, "1.00e+24"), (None, "-")):
        layer = report.compression.layers[0].model_copy(update={"error": error})
        storage = report.compression.model_copy(update={"layers": [layer]})
        text = printed(report.model_copy(update={"compression": storage}))
        row = next(line for line in text.splitlines() if line.startswith("| dense_0"))
        assert f" {said} " in row
