# SPDX-License-Identifier: Apache-2.0
"""Legal reuse values, goals, budgets, and what is said when nothing fits."""

import itertools

import numpy as np
import pytest

from hwcompress.engines.base import Product, Store, ceil_div
from hwcompress.engines.pipeline import Interface
from hwcompress.engines.plan import layers
from hwcompress.errors import BadInput, DoesNotFit
from hwcompress.explore.folding import Sizes
from hwcompress.explore.goal import Goal, LayerWish
from hwcompress.explore.network import plan_network
from hwcompress.hw.cells import Resources
from hwcompress.ir.fixed import FixedPoint, Format
from hwcompress.ir.graph import CodeOp, Graph, Node
from hwcompress.ir.types import TensorType
from hwcompress.ops import DenseCodes, Requant
from tests.random_maps import random_map_network
from tests.random_networks import random_network

PLENTY = Resources(10_000, 1_000_000, 2_000_000, 10_000)


def goal(budget: Resources = PLENTY, explicit: tuple[str, ...] = (), **wanted: object) -> Goal:
    return Goal(budget, frozenset(explicit), 2, Interface.AXIS, **wanted)  # type: ignore[arg-type]


def chain_of(op: DenseCodes) -> Graph[CodeOp]:
    """One layer between codes of 8 bits."""
    rows, columns = op.weight.shape
    x, byte = TensorType(columns, FixedPoint(8, 7)), Format(FixedPoint(8, 4))
    acc = op.infer(x)
    requant = Requant(byte, np.full(rows, acc.element.frac - 4), -128, 127)
    nodes = (Node[CodeOp]("n", op, "x", "acc"), Node[CodeOp]("n", requant, "acc", "y"))
    return Graph("g", "x", columns, nodes, {"x": x, "acc": acc, "y": requant.infer(acc)})


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (5, 7), (12, 9), (1, 30), (17, 1)])
def test_legal_reuse_by_brute_force(rows: int, columns: int) -> None:
    every = itertools.product(range(1, rows + 1), range(1, columns + 1))
    graph = chain_of(
        DenseCodes(np.ones((rows, columns), dtype=np.int64), FixedPoint(4, 0), (), np.zeros(rows, dtype=np.int64))
    )
    assert Sizes(layers(graph)[0]).legal_reuse() == sorted(
        {ceil_div(rows, pe) * ceil_div(columns, s) for pe, s in every}
    )


@pytest.mark.parametrize("seed", range(12))
def test_global_reuse_takes_the_largest_legal_value(seed: int) -> None:
    graph, _ = random_network(seed)
    found = plan_network(graph, goal(reuse=6))
    for layer in layers(graph):
        rows, columns = layer.product.weight.shape if isinstance(layer.product, DenseCodes) else (layer.outputs, 1)
        legal = Sizes(layer).legal_reuse()
        assert found.plan.layers[layer.name].reuse(rows, columns) == max(r for r in legal if r <= 6)


@pytest.mark.parametrize("seed", range(12))
def test_goals_are_met(seed: int) -> None:
    graph, _ = random_network(seed)
    fast = plan_network(graph, goal())
    assert fast.timing.interval_cycles == 1
    slow = plan_network(graph, goal(interval=50, product=Product.DSP))
    assert slow.timing.interval_cycles <= 50
    quick = plan_network(graph, goal(latency=fast.timing.latency_cycles, product=None))
    assert quick.timing.latency_cycles <= fast.timing.latency_cycles
    assert quick.estimate.total.dsp <= fast.estimate.total.dsp


def test_strict_reuse_names_the_nearest() -> None:
    graph, _ = random_network(3)
    layer = next(x for x in layers(graph) if isinstance(x.product, DenseCodes))
    legal = Sizes(layer).legal_reuse()
    illegal = legal[-1] + 5
    with pytest.raises(BadInput, match=rf"layer {layer.name}: reuse {illegal} is not legal.*{legal[-1]}"):
        plan_network(graph, goal(wishes={layer.name: LayerWish(reuse=illegal)}))


def test_what_does_not_fit_says_what_binds() -> None:
    graph, _ = random_network(3)
    with pytest.raises(DoesNotFit, match=r"no plan fits: lut \d+ of 1;.*larger budget for lut") as caught:
        plan_network(graph, goal(Resources(100, 1, 1_000_000, 1000), ("lut", "dsp")))
    assert caught.value.exit_status == 1


def test_a_given_reuse_beats_the_targets_budget_but_not_the_users() -> None:
    graph, _ = random_network(3)
    tight = Resources(0, 1, 1_000_000, 1000)
    found = plan_network(graph, goal(tight, reuse=1, product=Product.LUT))
    assert any("exceeds the target's budget in lut" in note for note in found.notes)
    with pytest.raises(DoesNotFit):
        plan_network(graph, goal(tight, ("lut",), reuse=1, product=Product.LUT))


def test_block_ram_that_is_not_there_becomes_logic_and_the_other_way_round() -> None:
    wide = DenseCodes(
        np.random.default_rng(1).integers(-128, 128, (64, 64)), FixedPoint(8, 7), (), np.zeros(64, np.int64)
    )
    graph = chain_of(wide)
    free = plan_network(graph, goal(product=Product.DSP, interval=2048))
    assert free.estimate.total.bram18 > 0
    none = plan_network(graph, goal(Resources(10_000, 1_000_000, 2_000_000, 0), ("bram18",), interval=2048))
    assert none.estimate.total.bram18 == 0
    assert none.timing.interval_cycles <= 2048
    quick = plan_network(graph, goal(product=Product.DSP, interval=64))
    assert quick.estimate.total.bram18 == 0
    few = Resources(10_000, quick.estimate.total.lut - 200, 2_000_000, 10_000)
    moved = plan_network(graph, goal(few, ("lut",), product=Product.DSP, interval=64))
    assert moved.estimate.total.bram18 > 0
    assert not moved.estimate.total.over(few)


@pytest.mark.parametrize("memory", ["logic", "block"])
def test_a_layer_gets_the_memory_it_asks_for(memory: str) -> None:
    wide = DenseCodes(
        np.random.default_rng(1).integers(-128, 128, (16, 16)), FixedPoint(8, 7), (), np.zeros(16, np.int64)
    )
    found = plan_network(chain_of(wide), goal(reuse=64, wishes={"dense_0": LayerWish(memory=memory)}))
    assert found.plan.layers["dense_0"].weights == Store(memory)
    assert (found.estimate.total.bram18 > 0) == (memory == "block")


@pytest.mark.parametrize("seed", range(6))
def test_no_interval_near_the_one_found_fits_with_fewer_dsps(seed: int) -> None:
    graph, _ = random_network(seed)
    plenty = plan_network(graph, goal())
    half = Resources(plenty.estimate.total.lut // 40, plenty.estimate.total.lut // 2, 2_000_000, 10_000)
    found = plan_network(graph, goal(half, ("lut", "dsp")))
    assert not found.estimate.total.over(half)
    for reuse in range(1, found.timing.interval_cycles):
        with pytest.raises(DoesNotFit):
            plan_network(graph, goal(half, ("lut", "dsp"), interval=reuse))
    for product in Product:
        try:
            other = plan_network(
                graph, goal(half, ("lut", "dsp"), interval=found.timing.interval_cycles, product=product)
            )
        except DoesNotFit:
            continue
        assert found.estimate.total.dsp <= other.estimate.total.dsp


@pytest.mark.parametrize(
    "budget", [Resources(40, 9000, 100_000, 40), Resources(0, 12_000, 100_000, 20), Resources(9, 900, 9000, 70)]
)
def test_auto_is_no_slower_than_any_reuse_that_fits_and_later_goals_fit_too(budget: Resources) -> None:
    wide = DenseCodes(
        np.random.default_rng(2).integers(-128, 128, (200, 300)), FixedPoint(8, 7), (), np.zeros(200, np.int64)
    )
    graph, explicit = chain_of(wide), ("dsp", "lut", "bram18")
    auto = plan_network(graph, goal(budget, explicit))
    assert not auto.estimate.total.over(budget)
    fitting = []
    for reuse in (2**k for k in range(3, 16)):
        try:
            fitting.append(plan_network(graph, goal(budget, explicit, reuse=reuse)).timing.interval_cycles)
        except DoesNotFit:
            continue
    assert fitting
    assert auto.timing.interval_cycles <= min(fitting)
    for interval in (auto.timing.interval_cycles, 1023, 1025, 1100, 2047, 2049, 2200, 5000, 60_000):
        if interval >= auto.timing.interval_cycles:
            found = plan_network(graph, goal(budget, explicit, interval=interval))
            assert found.timing.interval_cycles <= interval


def test_auto_of_a_layer_beats_the_global_strategy() -> None:
    graph, _ = random_network(3)
    name = next(x.name for x in layers(graph) if isinstance(x.product, DenseCodes))
    found = plan_network(graph, goal(product=Product.DSP, wishes={name: LayerWish(free=True)}))
    assert found.plan.layers[name].product is Product.LUT  # fewest DSPs
    assert plan_network(graph, goal(product=Product.DSP)).plan.layers[name].product is Product.DSP


def test_a_reuse_and_a_folding_that_do_not_go_together_are_refused() -> None:
    wide = DenseCodes(np.ones((16, 16), np.int64), FixedPoint(8, 7), (), np.zeros(16, np.int64))
    with pytest.raises(BadInput, match="reuse 16 with pe 3 and simd None wanted, which do not go together"):
        plan_network(chain_of(wide), goal(wishes={"dense_0": LayerWish(reuse=16, pe=3)}))
    found = plan_network(chain_of(wide), goal(wishes={"dense_0": LayerWish(reuse=16, pe=4)}))
    assert (found.plan.layers["dense_0"].pe, found.plan.layers["dense_0"].simd) == (4, 4)


def wide(weight_bits: int, input_bits: int) -> Graph[CodeOp]:
    """A layer of 4 x 4 weights that use their widths."""
    weight = np.full((4, 4), (1 << (weight_bits - 1)) - 1)
    op = DenseCodes(weight, FixedPoint(weight_bits, 0), (0,) * 4, np.zeros(4, dtype=np.int64))
    x = TensorType(4, FixedPoint(input_bits, 0))
    acc = op.infer(x)
    requant = Requant(Format(FixedPoint(8, 4)), np.full(4, acc.element.frac - 4), -128, 127)
    nodes = (Node[CodeOp]("n", op, "x", "acc"), Node[CodeOp]("n", requant, "acc", "y"))
    return Graph("g", "x", 4, nodes, {"x": x, "acc": acc, "y": requant.infer(acc)})


@pytest.mark.parametrize(
    ("family", "weight_bits", "input_bits", "fits"),
    [
        (2, 27, 16, True),
        (2, 19, 19, False),
        (3, 18, 18, True),
        (3, 19, 18, False),
        (3, 8, 19, False),
        (4, 16, 16, True),
        (4, 17, 8, False),
        (5, 24, 20, True),
        (5, 27, 18, True),
        (5, 28, 8, False),
    ],
)
def test_products_that_are_too_wide_for_a_dsp_go_to_luts(
    family: int, weight_bits: int, input_bits: int, fits: bool
) -> None:
    graph = wide(weight_bits, input_bits)
    asked = Goal(PLENTY, frozenset(), family, Interface.AXIS, reuse=4, product=Product.DSP)
    found = plan_network(graph, asked)
    assert (found.estimate.total.dsp > 0) == fits
    assert any("do not fit a multiplier of" in note for note in found.notes) == (not fits)
    own = {"dense_0": LayerWish(product=Product.DSP)}
    strict = Goal(PLENTY, frozenset(), family, Interface.AXIS, reuse=4, wishes=own)
    if fits:
        assert plan_network(graph, strict).estimate.total.dsp > 0
    else:
        with pytest.raises(BadInput, match=r"^layer dense_0: operands of \d+ and \d+ bits do not fit"):
            plan_network(graph, strict)


@pytest.mark.parametrize("seed", range(60))
def test_every_folding_offered_is_legal(seed: int) -> None:
    """Of grouped convolutions without a window too: a step reads one group, so PE is within its rows."""
    graph, _ = random_map_network(seed, channels=12)
    for layer in layers(graph):
        sizes = Sizes(layer)
        for interval in (1, 40, 10**9):
            for pe, simd in sizes.foldings(interval):
                for size, sizes_of, count in ((simd, sizes.simd, sizes.columns), (pe, sizes.pe(simd), sizes.rows)):
                    if Sizes.strict(sizes_of, count):
                        assert size in sizes_of
                    assert size <= max(sizes_of)
