# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwcompress import api
from hwcompress.compress.prune import prune_magnitude
from hwcompress.compress.select import weighted
from hwcompress.compression import compress_model
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.recipe.correcting import run_correct, run_digits, run_equalize
from hwcompress.recipe.recipe import make
from hwcompress.recipe.state import State
from hwcompress.recipe.steps import Correct, Digits, Equalize
from hwcompress.sim.reference import run_float
from tests.compress.networks import RELU, chain, random_dense
from tests.recipe.contexts import context_of

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def layered(seed: int = 0) -> Graph[Op]:
    rng = np.random.default_rng(seed)
    return chain(6, random_dense(rng, 8, 6), RELU, random_dense(rng, 5, 8), RELU, random_dense(rng, 3, 5))


def outputs(graph: Graph[Op], x: Reals) -> Iterator[Reals]:
    """What leaves each layer with weights."""
    y = x
    for node in graph:
        y = node.op.run_float(y)
        if node.name in weighted(graph):
            yield y


def test_means_are_those_of_the_float_network() -> None:
    graph = layered()
    context = context_of(graph)
    pruned = State(prune_magnitude(graph, 0.6), frozenset({"fc1"}))
    made, told = run_correct(Correct(), pruned, context)
    for wanted, got in zip(outputs(graph, context.calibration), outputs(made.graph, context.calibration), strict=True):
        np.testing.assert_allclose(got.mean(axis=0), wanted.mean(axis=0), atol=1e-9)
    old, new = weighted(pruned.graph), weighted(made.graph)
    assert all(np.array_equal(new[n].weight, old[n].weight) for n in new)
    assert made.shared == {"fc1"}
    assert told["bias_moved"] == {
        f"dense_{k}": np.abs(new[n].bias - old[n].bias).max() for k, n in enumerate(("fc0", "fc1", "fc2"))
    }


@pytest.mark.parametrize("scale", ["real", "power"])
def test_deviations_too(scale: str) -> None:
    graph = layered()
    context = context_of(graph)
    pruned = State(prune_magnitude(graph, 0.7), frozenset({"fc0", "fc1"}))
    made, _ = run_correct(Correct.model_validate({"method": "moments", "scale": scale}), pruned, context)
    old, new = weighted(pruned.graph), weighted(made.graph)
    factors: list[float] = []
    for name, op in new.items():
        for a, b in zip(old[name].weight, op.weight, strict=True):
            assert np.array_equal(a == 0, b == 0)
            factors += (b[b != 0] / a[b != 0])[:1].tolist()
    whole = np.log2(factors) % 1 == 0
    assert whole.all() == (scale == "power")
    assert made.shared == {n for n in ("fc0", "fc1") if np.array_equal(old[n].weight, new[n].weight)}
    if scale == "real":
        pairs = zip(outputs(graph, context.calibration), outputs(made.graph, context.calibration), strict=True)
        for wanted, got in pairs:
            moves = got.std(axis=0) > 1e-6
            np.testing.assert_allclose(got.std(axis=0)[moves], wanted.std(axis=0)[moves], atol=1e-9)


def test_other_layers_than_the_float_network_s_cannot_be_corrected() -> None:
    graph = layered()
    other = chain(6, random_dense(np.random.default_rng(1), 7, 6), RELU, random_dense(np.random.default_rng(1), 3, 7))
    with pytest.raises(BadInput, match="correct: the layers of the float network wanted"):
        run_correct(Correct(), State(other), context_of(graph))


def test_equal_ranges_and_the_same_answers() -> None:
    graph = layered()
    nodes = list(graph.nodes)
    first = weighted(graph)["fc0"]
    nodes[0] = replace(nodes[0], op=replace(first, weight=first.weight * 64, bias=first.bias * 64))
    wide = replace(graph, nodes=tuple(nodes))
    made, told = run_equalize(Equalize(), State(wide, frozenset({"fc0", "fc2"})), context_of(wide))
    x = context_of(wide).calibration
    assert np.array_equal(run_float(made.graph, x), run_float(wide, x))
    assert told["largest_weight"]["dense_0"][1] < told["largest_weight"]["dense_0"][0] == abs(first.weight).max() * 64
    assert "fc0" not in made.shared
    with pytest.raises(BadInput, match="equalize: a place before quantize"):
        run_equalize(Equalize(), replace(made, settings={"layers": {}, "per_channel": True}), context_of(wide))


@pytest.mark.parametrize("step", [Correct, Equalize])
def test_no_layers_of_their_own(step: type[Correct] | type[Equalize]) -> None:
    with pytest.raises(ValueError, match="works on the whole network"):
        step.model_validate({"layers": {"dense_0": {"skip": True}}})


def digits_in(code: int) -> int:
    """The least number of signed powers of two that sum to it."""
    reachable, count = {0}, 0
    while code not in reachable:
        reachable = {v + s * (1 << k) for v in reachable for k in range(10) for s in (1, -1)}
        count += 1
    return count


def codes_of(row: Reals) -> list[int]:
    """A row on its power-of-two grid, as the least whole numbers."""
    step = 1.0
    while not (row / step == np.rint(row / step)).all():
        step /= 2
    return [round(abs(v) / step) for v in row.tolist()]


def test_no_weight_has_more_digits_than_wanted() -> None:
    graph = prune_magnitude(layered(), 0.3)
    for most in (0, 1, 2):
        made, told = run_digits(Digits(digits=most, weight_bits=7), State(graph), context_of(graph))
        total: dict[str, int] = {}
        for k, (name, op) in enumerate(weighted(made.graph).items()):
            assert (op.weight[weighted(graph)[name].weight == 0] == 0).all()
            counts = [digits_in(code) for row in op.weight for code in codes_of(row)]
            assert max(counts) <= most
            total[f"dense_{k}"] = sum(counts)
        assert {n: after for n, (_, after) in told["digits"].items()} == total
    assert made.settings["layers"] == {f"dense_{k}": {"weight_bits": 7} for k in range(3)}


def test_a_higher_price_buys_fewer_digits() -> None:
    graph = layered()
    counts: list[int] = []
    for price in (0.0, 0.001, 0.01, 0.1):
        state = State(graph, frozenset({"fc0"}), {"layers": {"dense_0": {"output_type": "s8f4"}}})
        made, told = run_digits(Digits(price=price), state, context_of(graph))
        counts.append(sum(after for _, after in told["digits"].values()))
        assert made.settings["layers"]["dense_0"] == {"output_type": "s8f4", "weight_bits": 8}
        assert not made.shared
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < counts[0]


def test_a_layer_may_be_left_alone() -> None:
    graph = layered()
    step = Digits.model_validate({"digits": 1, "layers": {"dense_1": {"skip": True}, "dense_2": {"weight_bits": 4}}})
    made, told = run_digits(step, State(graph), context_of(graph))
    assert np.array_equal(weighted(made.graph)["fc1"].weight, weighted(graph)["fc1"].weight)
    assert set(told["digits"]) == {"dense_0", "dense_2"}
    assert made.settings["layers"] == {"dense_0": {"weight_bits": 8}, "dense_2": {"weight_bits": 4}}


@pytest.mark.parametrize("values", [{}, {"digits": 1, "price": 0.1}])
def test_digits_or_a_price(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="digits or price wanted, and not both"):
        Digits.model_validate(values)


def test_few_digits_make_smaller_adders_in_hardware(tmp_path: Path) -> None:
    data, model = str(EXAMPLES / "pulsar.npz"), EXAMPLES / "pulsar_mlp.onnx"
    luts: list[int] = []
    for digits in (8, 1):
        steps = [{"kind": "equalize"}, {"kind": "digits", "digits": digits}, {"kind": "correct"}]
        made = compress_model(model, recipe=make({"step": steps}, "w", "n"), data=data)
        file = made.write(tmp_path / str(digits)) / "model.hwc"
        luts.append(api.compile(file, data=data, reuse=1, strategy="lut").report.resources.lut)
    assert luts[1] < 0.8 * luts[0]
