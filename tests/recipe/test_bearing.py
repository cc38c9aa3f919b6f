# SPDX-License-Identifier: Apache-2.0
"""What a model bears: every point against the whole network run again, and how much is measured where that is long."""

import numpy as np
import pytest

from hwcompress.compress.prune import prune_global, prune_layers
from hwcompress.compress.select import weighted, with_weights
from hwcompress.ir.graph import Graph, Op
from hwcompress.recipe import bearing as module
from hwcompress.recipe.bearing import BITS, SHARES, bearing
from hwcompress.recipe.quantizing import kind_of, round_to_nearest
from hwcompress.recipe.state import Task, layer_names
from hwcompress.recipe.steps import Quantize
from tests.compress.maps import random_network
from tests.compress.networks import RELU, chain, random_dense
from tests.recipe.contexts import context_of


def changed(graph: Graph[Op], name: str, what: str, asked: float) -> Graph[Op]:
    """By the functions that steps use."""
    if what == "bits":
        kind = kind_of(Quantize(), int(asked))
        return round_to_nearest(graph, dict.fromkeys([name] if name else weighted(graph), kind))
    return prune_layers(graph, {name: asked}) if name else prune_global(graph, asked)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("chunk", [None, 1])
def test_every_point_is_the_score_of_that_network(seed, chunk, monkeypatch):
    graph = random_network(seed, grouped=True)
    context = context_of(graph, samples=40)
    if chunk:
        monkeypatch.setattr(module, "CHUNK", chunk)
    found = bearing(context)
    assert found is not None
    nodes = {"": "", **{ours: node for node, ours in layer_names(graph).items()}}
    assert {c.layer for c in found.curves} == nodes.keys()
    for curve in found.curves:
        assert curve.asked == (SHARES if curve.what == "zeros" else BITS)
        for asked, score in zip(curve.asked, curve.score, strict=True):
            other = changed(graph, nodes[curve.layer], curve.what, asked)
            assert score == pytest.approx(context.score(other), rel=1e-9, abs=1e-12), (curve.layer, curve.what, asked)


def test_scores_of_classes():
    rng = np.random.default_rng(0)
    graph = chain(6, random_dense(rng, 12, 6), RELU, random_dense(rng, 3, 12))
    context = context_of(graph, rng.integers(0, 3, 200), Task("classes"), samples=200)
    found = bearing(context)
    assert found is not None
    assert found.samples == 50
    whole = next(c for c in found.curves if not c.layer and c.what == "bits")
    assert whole.score[0] == context.score(changed(graph, "", "bits", 8))
    assert all(round(50 * s) == pytest.approx(50 * s) for c in found.curves for s in c.score)


def test_what_takes_long_is_left_out(monkeypatch):
    """First the layers alone, then all of it; samples go down to LEAST before that."""
    rng = np.random.default_rng(0)
    graph = chain(6, random_dense(rng, 12, 6), RELU, random_dense(rng, 3, 12))
    context = context_of(graph, samples=1600)
    seen = []
    for work in (1e12, 3e6, 1e6, 2e5):
        monkeypatch.setattr(module, "WORK", work)
        found = bearing(context)
        seen.append((found.samples, len(found.curves)) if found else None)
    full, fewer, together, nothing = seen
    assert full == (400, 6)
    assert fewer[1] == 6
    assert 50 <= fewer[0] < 400
    assert together[1] == 2
    assert together[0] >= 50
    assert nothing is None


def test_a_network_of_zeros():
    graph = chain(3, random_dense(np.random.default_rng(0), 2, 3))
    graph = with_weights(graph, {name: 0 * op.weight for name, op in weighted(graph).items()})
    found = bearing(context_of(graph))
    assert found is not None
    assert len({s for c in found.curves for s in c.score}) == 1
