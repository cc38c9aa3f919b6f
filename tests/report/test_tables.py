# SPDX-License-Identifier: Apache-2.0
"""What is printed: figures where they belong, and no name that can do harm."""

import io
from html.parser import HTMLParser

import pytest
from rich.console import Console

from hwcompress.explore.space import Point
from hwcompress.explore.sweep import Row, SweepResult
from hwcompress.report import html, table
from hwcompress.report import sweep as sweep_report
from hwcompress.report.text import shown
from tests.explore.workers import figures
from tests.report.example import HOSTILE, example

FAILED = {
    "simulator": "icarus",
    "vectors": 3,
    "outputs": 9,
    "mismatches": 2,
    "latency_cycles": 70,
    "interval_cycles": None,
    "failures": [HOSTILE],
}


def printed(*parts: object) -> str:
    out = io.StringIO()
    console = Console(file=out, width=120, markup=False, highlight=False, emoji=False)
    for part in parts:
        console.print(part)
    return out.getvalue()


def lines_with(text: str, word: str) -> list[list[str]]:
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows if any(cell.strip() == word for cell in row)]


def test_used_available_percent():
    text = printed(table.utilization(example()))
    assert lines_with(text, "DSP") == [["DSP", "128", "1,728", "7.41"]]
    assert lines_with(text, "RAMB18") == [["RAMB18", "0", "624", "0.00"]]


def test_estimate_and_measurement_stand_side_by_side():
    text = printed(table.synthesis(example()))
    assert lines_with(text, "LUT") == [["", "LUT", "1,900", "1,950", "-2.6 %"]]
    assert lines_with(text, "DSP") == [["yosys 0.70, xcup", "DSP", "128", "128", "equal"]]


def test_a_failed_run_says_so_with_its_reason_and_the_estimate():
    text = printed(table.verification(example(verification=[FAILED])))
    assert lines_with(text, "icarus") == [["icarus", "FAILED", "3", "9", "2", "70 (estimate 72)", "-"]]
    assert "  icarus: " in text
    assert "a\\x1b[31m" in text


def test_the_slowest_layer_is_marked():
    text = printed(table.layers(example()))
    assert lines_with(text, "dense_0")[0][-1] == "16*"
    assert lines_with(text, "dense_1")[0][-1] == "8"


def test_what_is_not_known_is_left_out():
    bare = example(verification=[], synthesis=[], notes=[], host=[], accuracy={}, plan={}, layers=[])
    text = printed(*table.parts(bare))
    for word in ("Verification", "Synthesis", "Accuracy", "Layers", "Notes", "on the host"):
        assert word not in text


def test_explain_adds_the_decisions():
    assert "dense_0: reuse 16" in printed(*table.parts(example(), explain=True))
    assert "dense_0: reuse 16" not in printed(*table.parts(example()))


def test_hostile_names_cannot_leave_their_cell():
    text = printed(*table.parts(example(HOSTILE, host=[HOSTILE], verification=[FAILED]), explain=True))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]" in text  # shown, not obeyed
    assert all(len(line) <= 120 for line in text.splitlines())


@pytest.mark.parametrize("text", ["", "a" * 40, "a" * 41, "a\nb\x00" * 1000, "\u202eabc", "\U0001f600" * 99, "[/]"])
def test_shown_text_is_printable_and_short(text):
    assert shown(text).isprintable()
    assert len(shown(text)) <= 40
    assert len(text) > 40 or not text.isprintable() or shown(text) == text


class Page(HTMLParser):
    """Tags that stay open, tags seen, and addresses."""

    VOID = ("meta", "link", "br", "img", "input", "hr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        assert not any(name in ("src", "href") or name.startswith("on") for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def sweep_of(error: str) -> SweepResult:
    point = Point(8, 8, 0.5, "dsp", 1)
    rows = [Row(point, figures(3 * k, k, 80.0 + k), on_front=k == 1) for k in (1, 5, 100)]
    return SweepResult((*rows, Row(point, None, error)))


@pytest.mark.parametrize(
    "page",
    [
        html.render(example()),
        html.render(example(HOSTILE, host=[HOSTILE], verification=[FAILED])),
        html.render(example(verification=[], synthesis=[], layers=[], accuracy={}, host=[], notes=[], plan={})),
        sweep_report.page(sweep_of(HOSTILE), HOSTILE),
        sweep_report.page(SweepResult(()), "empty"),
    ],
    ids=["report", "hostile", "bare", "sweep", "no points"],
)
def test_a_page_is_whole_and_loads_nothing(page):
    parsed = Page(page)
    assert parsed.open == []
    assert not parsed.seen & {"script", "link", "img", "iframe", "object"}
    assert "http://" not in page
    assert "https://" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_the_page_holds_the_figures():
    page = html.render(example())
    for text in ("1,728", "dense_1", "Softmax", "12,500,000 frames/s", "s20f11"):
        assert text in page


def test_the_sweep_table_numbers_its_errors():
    text = printed(sweep_report.table(sweep_of(HOSTILE)))
    assert "4 points, 1 on the Pareto front" in text
    assert "error 1: " in text
    assert "a\\x1b[31m" in text
    assert "\x1b" not in text


def test_a_plot_keeps_its_dots_inside():
    for plot in sweep_report.plots(sweep_of("")):
        assert len(plot.dots) == 3
        assert all(0 <= d.x <= sweep_report.WIDTH and 0 <= d.y <= sweep_report.HEIGHT for d in plot.dots)
        assert [d.front for d in plot.dots] == [False, False, True]
        assert plot.x_ticks[0].at < plot.x_ticks[-1].at
        assert plot.y_ticks[0].at > plot.y_ticks[-1].at
