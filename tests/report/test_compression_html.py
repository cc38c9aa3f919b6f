# SPDX-License-Identifier: Apache-2.0
import base64
import json
import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from hwcompress.compression import compress_model
from hwcompress.ir.order import Order
from hwcompress.ops import Conv, Dense, MaxPool, Window
from hwcompress.recipe.recipe import make
from hwcompress.report.compression import CompressionReport
from hwcompress.report.compression_html import render
from hwcompress.report.curves import BINS, curves, histograms, image_axes, input_mask
from hwcompress.report.pictures import FEW, HEIGHT, MANY, WIDTH, bars, plot, png, ticks
from tests.compress.maps import network
from tests.compress.networks import RELU, chain
from tests.report.compressed import STEPS, example
from tests.report.example import HOSTILE

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    @override
    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    @override
    def handle_data(self, data: str) -> None:
        self.text += data + " "


def test_names_from_models_are_text() -> None:
    page, plain = Page(render(example(HOSTILE))), Page(render(example()))
    assert not page.open
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert not {"script", "link", "iframe", "object", "form", "a"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("href", "srcset")]
        assert (attributes.get("src") or "data:image/png;base64,").startswith("data:image/png;base64,")
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text
    assert len(page.text) < 3 * len(plain.text)


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = render(example())
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert "http:" not in text
    assert "https:" not in text


def test_every_number_of_the_tables_is_there() -> None:
    words = Page(render(example())).text.split()
    assert {"dense_0", "3", "50.00", "1.50", "0.90", "8.5", "96.00", "95.00", "0.9800", "0.9700"} <= set(words)


def test_a_curve_for_every_layer_and_a_chart_for_every_step() -> None:
    page = Page(render(example()))
    labels = [a["aria-label"] for tag, a in page.tags if tag == "svg"]
    assert len(labels) == 1 + 2 + 2 + 4 + 2  # steps, training, two searches, what the model bears, histograms
    curves_of = [tag for tag, _ in page.tags if tag == "polyline"]
    assert len(curves_of) == 1 + 2 + (2 + 2) + 4


def test_the_same_report_gives_the_same_bytes() -> None:
    report = example(HOSTILE)
    again = CompressionReport.model_validate(json.loads(report.model_dump_json(by_alias=True)))
    assert render(again) == render(report)


def test_a_report_without_pictures() -> None:
    bare = Page(render(example(curves=None, histograms=[], input_mask=None, notes=[], steps=[])))
    assert not {"svg", "img"} & {tag for tag, _ in bare.tags}


def test_curves_are_what_the_steps_told() -> None:
    found = curves(0.98, STEPS, {"fc0": "dense_0"})
    assert found.steps == [
        ("float model", 0.0, 0.98),
        ("prune", 0.5, 0.9),
        ("retrain", 0.5, 0.97),
        ("prune", 0.6, 0.96),
        ("cluster", 0.6, 0.95),
    ]
    (training,) = found.training
    assert (training.step, training.loss, training.score, training.kept) == (2, [2.0, 1.0], [0.9, 0.97], 2)
    rows = [(s.step, s.layer, s.search, s.quality, s.sparsity, s.score) for s in found.sensitivity]
    assert rows == [
        (1, "dense_0", "quality", [0.1, 0.2], [0.2, 0.4], [0.95, 0.8]),
        (1, HOSTILE, "quality", [0.1], [0.1], [0.9]),
        (3, "dense_0", "greedy", [], [0.5, 0.6], [0.96, 0.94]),
        (3, HOSTILE, "greedy", [], [0.3], [0.95]),
    ]


def test_histograms_count_what_is_not_zero() -> None:
    rng = np.random.default_rng(0)
    old = rng.normal(size=(5, 4))
    before = chain(4, Dense(old, np.zeros(5)), RELU, Dense(np.zeros((2, 5)), np.zeros(2)))
    weight = np.where(rng.random((3, 4)) < 0.5, 0.0, rng.normal(size=(3, 4)))
    after = chain(4, Dense(weight, np.zeros(3)), RELU, Dense(np.zeros((2, 3)), np.zeros(2)))
    first, second = histograms(before, after)
    new = [w for w in weight.ravel().tolist() if w != 0]
    assert first.reach == max(abs(w) for w in [*old.ravel().tolist(), *new])
    for found, values in ((first.before, old.ravel().tolist()), (first.after, new)):
        wanted = [0] * BINS
        for w in values:
            wanted[min(BINS - 1, math.floor((w + first.reach) / (2 * first.reach) * BINS))] += 1
        assert found == wanted
    assert (first.zeros_before, first.zeros_after) == (0, 12 - len(new))
    assert (second.zeros_before, second.zeros_after, sum(second.before), sum(second.after)) == (10, 6, 0, 0)


def test_a_layer_that_was_not_there_before() -> None:
    one, two = (chain(2, Dense(np.ones((m, 2)), np.zeros(m))) for m in (2, 3))
    renamed = replace(two, nodes=(replace(two.nodes[0], name="fc0/u"),))
    assert histograms(one, renamed)[0].before == []


def test_the_mask_of_an_image_in_the_model_s_own_layout() -> None:
    rng = np.random.default_rng(1)
    weight = np.where(rng.random((3, 2 * 8 * 9)) < 0.5, 0.0, 1.0)
    graph = network((8, 9, 2), Dense(weight, np.zeros(3)))
    found = input_mask(graph, (2, 8, 9), Order((2, 8, 9), (1, 2, 0)))
    assert found is not None
    wanted = [
        [sum(int(weight[m, (r * 9 + c) * 2 + k] != 0) for m in range(3) for k in range(2)) for c in range(9)]
        for r in range(8)
    ]
    assert (found.what, found.layer, found.most, found.counts) == ("pixels", "dense_0", 6, wanted)


def test_the_mask_of_a_kernel() -> None:
    weight = np.zeros((2, 3 * 2 * 4))
    weight[0, 0] = weight[1, 3] = weight[1, 4 * 5 + 1] = 1.0
    found = input_mask(network((8, 8, 4), Conv(weight, np.zeros(2), Window((3, 2)))), (4, 8, 8), Order())
    assert found is not None
    assert (found.what, found.most, found.counts) == ("taps", 8, [[2, 0], [0, 0], [0, 1]])


def test_no_mask_where_the_input_is_no_image() -> None:
    dense = Dense(np.ones((2, 64)), np.zeros(2))
    assert input_mask(network((64,), dense), (64,), Order()) is None
    assert input_mask(network((8, 8, 1), MaxPool(Window((1, 1))), dense), (1, 8, 8), Order()) is None
    assert input_mask(network((8, 8, 1), dense), (1, 8, 8), Order()) is not None


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((28, 28), (0, 1)),
        ((1, 28, 30), (1, 2)),
        ((28, 30, 3), (0, 1)),
        ((784,), None),
        ((1, 1, 784), None),
        ((7, 28), None),
        ((2, 3, 28, 28), None),
        ((1, 600, 28), None),
    ],
)
def test_what_an_image_is(shape: tuple[int, ...], axes: tuple[int, int] | None) -> None:
    assert image_axes(shape) == axes


def test_points_of_a_plot_lie_where_they_belong() -> None:
    x, y = [1.0, 2.0, 4.0], [0.5, -1.0, 0.25]
    made = plot([("a", x, y), ("b", [math.nan, 5.0], [9.0, math.inf]), ("c", [3.0], [0.0])], "x", "y")
    assert made is not None
    assert [line.name for line in made.lines] == ["a", "c"]
    places = [tuple(float(v) for v in pair.split(",")) for pair in made.lines[0].points.split()]
    wanted = [((a - 1) / 3 * WIDTH, (0.5 - b) / 1.5 * HEIGHT) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(places, wanted, atol=0.011)
    for tick in made.x_ticks:
        assert tick.at == pytest.approx((float(tick.label) - 1) / 3 * WIDTH, abs=0.01)
    assert plot([("a", [], []), ("b", [math.nan], [0.0])], "x", "y") is None
    single = plot([("a", [2.0], [3.0])], "x", "y")
    assert single is not None
    assert single.lines[0].dots == ((WIDTH / 2, HEIGHT / 2),)


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-3.7, 12.2), (0.96, 0.975), (1e-9, 2e-9), (-5e6, 5e6), (2.0, 3.0)]
)
def test_ticks_are_round_and_within(low: float, high: float) -> None:
    found = ticks(low, high)
    slack = 1e-6 * (high - low)
    assert 2 <= len(found) <= 7
    assert all(low - slack <= v <= high + slack for v in found)
    step = found[1] - found[0]
    assert float(f"{step:.6e}".split("e")[0]) in (1.0, 2.0, 5.0)
    assert found == pytest.approx([round(v / step) * step for v in found])


def test_bars_reach_as_high_as_they_count() -> None:
    made = bars([4, 0], [1, 2], 0.5)
    assert made.most == 4
    assert made.before == f"M0 {HEIGHT}V0.00H160.00V{HEIGHT}.00H320.00V{HEIGHT}Z"
    assert made.after == f"M0 {HEIGHT}V127.50H160.00V85.00H320.00V{HEIGHT}Z"
    assert [(t.at, t.label) for t in made.ticks] == [(0.0, "-0.5"), (160.0, "0"), (320.0, "0.5")]
    assert bars([], [0, 0], 1.0).before == ""


def decoded(uri: str) -> list[list[tuple[int, int, int]]]:
    """Pixels of a PNG, read chunk by chunk."""
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + size
    columns, rows, *form = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert form == [8, 2, 0, 0, 0]
    lines = zlib.decompress(chunks[b"IDAT"])
    assert len(lines) == rows * (1 + 3 * columns)
    out: list[list[tuple[int, int, int]]] = []
    for r in range(rows):
        line = lines[r * (1 + 3 * columns) : (r + 1) * (1 + 3 * columns)]
        assert line[0] == 0
        out.append([(line[1 + 3 * c], line[2 + 3 * c], line[3 + 3 * c]) for c in range(columns)])
    return out


def test_the_picture_shows_the_counts() -> None:
    pixels = decoded(png([[0, 1, 2], [4, 3, 0]], 4))
    assert pixels[0][0] == pixels[1][2] == FEW
    assert pixels[1][0] == MANY
    middle = tuple(round(a + (b - a) / 2) for a, b in zip(FEW, MANY, strict=True))
    assert max(abs(a - b) for a, b in zip(pixels[0][2], middle, strict=True)) <= 1
    reds = [pixels[0][0], pixels[0][1], pixels[0][2], pixels[1][1], pixels[1][0]]
    assert [p[0] for p in reds] == sorted((p[0] for p in reds), reverse=True)
    assert decoded(png([[0]], 0)) == [[FEW]]


def told(folder: Path) -> Mapping[str, Any]:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_compress_writes_it(tmp_path: Path) -> None:
    data, model = str(EXAMPLES / "pulsar.npz"), EXAMPLES / "pulsar_mlp.onnx"
    steps = [{"kind": "prune", "search": "quality"}, {"kind": "low-rank", "rank": 3}, {"kind": "cluster"}]
    recipe = make({"step": steps}, "w", "n")
    pages = [compress_model(model, recipe=recipe, data=data).write(tmp_path / str(k)) / "report.html" for k in range(2)]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    found = told(tmp_path / "0")
    again = CompressionReport.model_validate(found)
    assert render(again) == pages[0].read_text(encoding="utf-8")
    assert again.curves is not None
    assert {s.layer for s in again.curves.sensitivity} == {f"dense_{k}" for k in range(4)}
    assert [h.before == [] for h in again.histograms].count(True) == 2 * len(found["steps"][1]["ranks"])
    assert found["input_mask"] is None
