# SPDX-License-Identifier: Apache-2.0
"""A network without its dead channels is the masked network, smaller. Small integers: sums are exact."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from hwcompress.compress.select import weighted, with_weights
from hwcompress.compress.structured import channels, mask_channels, prune_channels, remove_dead
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op, check_chain
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup, MaxPool, SumPool, Window
from hwcompress.sim.reference import run_float
from tests.compress.maps import network, random_network, samples
from tests.compress.networks import RELU, random_chain


def dense(rows: Sequence[Sequence[float]], bias: Sequence[float]) -> Dense:
    return Dense(np.array(rows, dtype=np.float64), np.array(bias, dtype=np.float64))


def same(a: Graph[Op], b: Graph[Op], x: Reals) -> None:
    assert check_chain(a) == check_chain(b)
    assert a.shape == b.shape
    assert run_float(a, x).tolist() == run_float(b, x).tolist()


def sparse(graph: Graph[Op], seed: int, share: float = 0.6) -> Graph[Op]:
    """Single weights, rows and columns zero, and of affines some scales."""
    rng = np.random.default_rng(seed)
    weights: dict[str, Reals] = {}
    for name, op in weighted(graph).items():
        m, n = op.weight.shape
        keep = (rng.random((m, n)) > share / 2) & (rng.random((m, 1)) > share) & (rng.random((1, n)) > share / 2)
        weights[name] = np.where(keep, op.weight, 0.0)
    nodes = [
        replace(n, op=replace(n.op, scale=n.op.scale * (rng.random(n.op.scale.shape[-1]) > share)))
        if isinstance(n.op, Affine)
        else n
        for n in with_weights(graph, weights)
    ]
    return replace(graph, nodes=tuple(nodes))


def rows(graph: Graph[Op]) -> list[int]:
    return [len(op.weight) for op in weighted(graph).values()]


@pytest.mark.parametrize("seed", range(150))
def test_dead_channels_change_nothing(seed: int) -> None:
    graph = sparse(random_network(seed, whole=True, grouped=True), seed)
    small = remove_dead(graph)
    same(small, graph, samples(graph, 3, whole=True))
    assert remove_dead(small).nodes == small.nodes


def test_the_random_networks_lose_channels_of_every_kind() -> None:
    """Otherwise the test above could not fail."""
    lost = {"conv": 0, "dense": 0, "depthwise": 0, "affine": 0}
    for seed in range(150):
        graph = sparse(random_network(seed, whole=True, grouped=True), seed)
        for old, new in zip(graph, remove_dead(graph), strict=True):
            if isinstance(old.op, Conv) and isinstance(new.op, Conv):
                lost["depthwise" if old.op.groups > 1 else "conv"] += len(new.op.weight) < len(old.op.weight)
            elif isinstance(old.op, Dense) and isinstance(new.op, Dense):
                lost["dense"] += len(new.op.weight) < len(old.op.weight)
            elif isinstance(old.op, Affine) and isinstance(new.op, Affine):
                lost["affine"] += new.op.scale.size < old.op.scale.size
    assert min(lost.values()) >= 5, lost


@pytest.mark.parametrize("seed", range(30))
def test_dead_neurons_of_dense_chains(seed: int) -> None:
    graph = sparse(random_chain(seed), seed)
    x = np.random.default_rng(seed).normal(size=(20, *graph.shape))
    small = remove_dead(graph)
    assert run_float(small, x) == pytest.approx(run_float(graph, x), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(40))
def test_pruned_channels_are_the_masked_network(seed: int, share: float) -> None:
    graph = random_network(seed, whole=True, grouped=True)
    rng = np.random.default_rng(seed)
    scores = {name: rng.random(m) for name, m in channels(graph).items()}
    masks: dict[str, np.ndarray] = {}
    for name, each in scores.items():
        worst = sorted(range(len(each)), key=lambda c: each[c])[: min(round(share * len(each)), len(each) - 1)]
        masks[name] = np.isin(np.arange(len(each)), worst)
    alive = remove_dead(graph)
    if alive.nodes != graph.nodes:
        return
    small = prune_channels(graph, dict.fromkeys(scores, share), scores)
    same(small, mask_channels(graph, masks), samples(graph, 3, whole=True))


def test_masked_channels_are_not_read() -> None:
    """Against the values themselves set to 0 in front of the reader, depthwise convolutions in between."""
    for seed in range(40):
        graph = random_network(seed, whole=True, grouped=True)
        rng = np.random.default_rng(seed)
        names = list(channels(graph))
        if not names:
            continue
        name = names[seed % len(names)]
        gone = rng.random(channels(graph)[name]) < 0.5
        x = samples(graph, 2, whole=True)
        y = x.astype(np.float64)
        open_mask: Reals | None = None
        for node in graph:
            last = node.name == list(weighted(graph))[-1]
            through = isinstance(node.op, Conv) and node.op.groups == y.shape[-1] > 1 and not last
            if open_mask is not None and isinstance(node.op, Conv | Dense) and not through:
                y, open_mask = y * open_mask, None
            elif open_mask is not None and isinstance(node.op, Conv):
                open_mask = open_mask.repeat(len(node.op.weight) // len(open_mask))
            y = node.op.run_float(y)
            if node.name == name:
                open_mask = (~gone).astype(np.float64)
        assert run_float(mask_channels(graph, {name: gone}), x).tolist() == y.reshape(len(x), -1).tolist()


def test_an_unread_neuron_goes() -> None:
    graph = network((2,), dense([[1, 2], [3, 4], [5, 6]], [1, 2, 3]), RELU, dense([[1, 0, 2]], [7]))
    small = remove_dead(graph)
    assert small.nodes[0].op.weight.tolist() == [[1, 2], [5, 6]]  # pyright: ignore[reportAttributeAccessIssue]
    assert small.nodes[2].op.weight.tolist() == [[1, 2]]  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(("bias", "want"), [(3.0, 7 + 5 * 3), (-3.0, 7)])
def test_a_constant_neuron_goes_into_the_bias(bias: float, want: float) -> None:
    graph = network((2,), dense([[1, 2], [0, 0]], [1, bias]), RELU, dense([[1, 5]], [7]))
    small = remove_dead(graph)
    assert rows(small) == [1, 1]
    assert weighted(small)["dense2"].bias.tolist() == [want]


def test_functions_and_scalings_are_part_of_the_constant() -> None:
    ops = [dense([[1, 2], [0, 0]], [1, 2]), Affine(np.array([1.0, 3]), np.array([0.0, -2])), Lookup("sigmoid")]
    graph = network((2,), *ops, dense([[1, 5]], [7]))
    small = remove_dead(graph)
    assert weighted(small)["dense3"].bias == pytest.approx([7 + 5 / (1 + np.exp(-4))])
    assert small.nodes[1].op.scale.tolist() == [1]  # pyright: ignore[reportAttributeAccessIssue]


def test_a_chain_of_dead_neurons_goes_at_once() -> None:
    """fc2 does not read its second input, so its maker is unread, so is the maker of that."""
    eye = [[1, 0], [0, 1]]
    graph = network((2,), dense(eye, [0, 0]), RELU, dense(eye, [0, 0]), RELU, dense([[1, 0]], [0]))
    log: list[str] = []
    assert rows(remove_dead(graph, log)) == [1, 1, 1]
    assert log == [f"'{name}': 1 channels removed, constant or unused" for name in ("dense2", "dense0")]


def test_one_channel_stays() -> None:
    graph = network((2,), dense([[0, 0], [0, 0]], [1, 2]), RELU, dense([[1, 5]], [7]))
    small = remove_dead(graph)
    assert rows(small) == [1, 1]
    same(small, graph, np.array([[1.0, 2]]))
    assert rows(prune_channels(graph, 1.0)) == [1, 1]


def conv(m: int, n: int, window: Window, groups: int = 1, first: float = 1.0) -> Conv:
    weight = np.arange(first, first + m * window.taps * n // groups).reshape(m, -1)
    return Conv(weight, np.arange(m, dtype=np.float64), window, groups)


@pytest.mark.parametrize(("bias", "padding", "left"), [(3.0, 0, 1), (3.0, 1, 2), (0.0, 1, 1), (-3.0, 1, 1)])
def test_padding_takes_up_a_constant_only_if_it_is_zero(bias: float, padding: int, left: int) -> None:
    pads = (padding, padding)
    first = Conv(np.array([[1.0], [0.0]]), np.array([1.0, bias]), Window((1, 1)))
    graph = network((4, 4, 1), first, RELU, conv(2, 2, Window((3, 3), before=pads, after=pads)))
    small = remove_dead(graph)
    assert rows(small) == [left, 2]
    same(small, graph, samples(graph, 3, whole=True))


def test_dense_layers_take_up_any_constant_of_a_map() -> None:
    """Behind a padded sum the constant is not the same everywhere."""
    first = Conv(np.array([[1.0], [0.0]]), np.array([1.0, 3.0]), Window((1, 1)))
    pool = SumPool(Window((3, 3), before=(1, 1), after=(1, 1)))
    graph = network((3, 3, 1), first, pool, dense([list(range(18))], [0]))
    small = remove_dead(graph)
    assert rows(small) == [1, 1]
    assert weighted(small)["dense2"].weight.tolist() == [list(range(0, 18, 2))]
    same(small, graph, samples(graph, 3, whole=True))
    shorter = network((3, 3, 1), first, pool, conv(1, 2, Window((2, 2))))
    assert rows(remove_dead(shorter)) == [2, 1]


def test_depthwise_convolutions_follow() -> None:
    graph = network(
        (4, 4, 2), conv(3, 2, Window((1, 1))), RELU, conv(6, 3, Window((2, 2)), groups=3), conv(2, 6, Window((1, 1)))
    )
    assert channels(graph) == {"conv0": 3}
    small = prune_channels(graph, {"conv0": 1 / 3}, {"conv0": np.array([2.0, 1, 3])})
    assert rows(small) == [2, 4, 2]
    assert [op.groups for op in weighted(small).values() if isinstance(op, Conv)] == [1, 2, 1]
    assert weighted(small)["conv2"].weight.tolist() == weighted(graph)["conv2"].weight[[0, 1, 4, 5]].tolist()
    same(small, mask_channels(graph, {"conv0": np.array([False, True, False])}), samples(graph, 3, whole=True))


def test_constants_follow_their_multipliers() -> None:
    """The second of three channels is constant and becomes two; of the first one of the two is."""
    first = Conv(np.array([[1.0], [0.0], [2.0]]), np.array([1.0, 2.0, 3.0]), Window((1, 1)))
    middle = conv(6, 3, Window((2, 2)), groups=3)
    middle.weight[0] = 0.0
    graph = network((4, 4, 1), first, middle, conv(2, 6, Window((1, 1))))
    small = remove_dead(graph)
    assert rows(small) == [2, 4, 2]
    assert weighted(small)["conv0"].weight.tolist() == [[1], [2]]
    same(small, graph, samples(graph, 3, whole=True))


def test_a_depthwise_convolution_at_the_end_is_a_reader() -> None:
    graph = network((4, 4, 2), conv(3, 2, Window((1, 1))), conv(3, 3, Window((2, 2)), groups=3))
    assert channels(graph) == {"conv0": 3}
    masked = mask_channels(graph, {"conv0": np.array([True, False, False])})
    assert (weighted(masked)["conv1"].weight == 0).all(axis=1).tolist() == [True, False, False]
    assert rows(remove_dead(masked)) == [3, 3]


def test_groups_are_masked_and_left_alone() -> None:
    graph = network(
        (4, 4, 2), conv(4, 2, Window((1, 1))), RELU, conv(4, 4, Window((2, 2)), groups=2), conv(2, 4, Window((1, 1)))
    )
    assert channels(graph) == {"conv0": 4, "conv2": 4}
    masks = {"conv0": np.array([True, False, False, False]), "conv2": np.array([False, False, True, False])}
    small = prune_channels(graph, 0.25, {"conv0": np.array([0.0, 9, 9, 9]), "conv2": np.array([9.0, 9, 0, 9])})
    assert rows(small) == [4, 4, 2]
    same(small, mask_channels(graph, masks), samples(graph, 3, whole=True))


def test_shares_over_the_network_and_of_layers() -> None:
    rng = np.random.default_rng(0)
    full = [dense(rng.integers(1, 4, (m, n)).tolist(), [0] * m) for m, n in ((8, 3), (4, 8), (2, 4))]
    graph = network((3,), full[0], RELU, full[1], RELU, full[2])
    scores = {"dense0": np.arange(8.0), "dense2": np.arange(4.0) + 2.5}
    assert rows(prune_channels(graph, 0.5, scores)) == [4, 2, 2]
    assert rows(prune_channels(graph, {"dense2": 0.5})) == [8, 2, 2]
    assert rows(prune_channels(graph, 1.0)) == [1, 1, 2]
    assert rows(prune_channels(graph, 0.0)) == [8, 4, 2]
    assert rows(prune_channels(graph, 0.9, {"dense0": np.zeros(8)})) == [1, 4, 2]


def test_norms_are_the_scores_of_none() -> None:
    graph = network((2,), dense([[3, 4], [0, 4.9], [5, 5], [1, 7]], [9, 9, 9, 9]), RELU, dense([[1, 1, 1, 1]], [0]))
    assert weighted(prune_channels(graph, 0.5))["dense0"].weight.tolist() == [[5, 5], [1, 7]]


def test_norms_are_those_of_the_layers() -> None:
    """Whatever the unit of a layer, the same channels go."""
    for unit in (1.0, 1e-3, 1e3):
        first, second = dense([[3, 0], [0, 4], [12, 0]], [1, 1, 1]), dense([[1, 1, 1], [3, 3, 3]], [1, 1])
        graph = network((2,), replace(first, weight=first.weight * unit), RELU, second, RELU, dense([[1, 1]], [0]))
        # over their layer: 3/13, 4/13, 12/13 and 1/sqrt(10), 3/sqrt(10)
        assert [rows(prune_channels(graph, share))[:2] for share in (0.2, 0.4, 0.6)] == [[2, 2], [1, 2], [1, 1]]


def test_dead_channels_go_first() -> None:
    graph = network((2,), dense([[3, 4], [8, 9], [5, 5]], [1, 1, 1]), RELU, dense([[1, 0, 1]], [0]))
    assert weighted(prune_channels(graph, 1 / 3))["dense0"].weight.tolist() == [[3, 4], [5, 5]]


def test_networks_without_links_stay() -> None:
    for graph in (
        network((2,), dense([[0, 0]], [1])),
        network((4, 4, 2), MaxPool(Window((2, 2)))),
        network((3,), Clip(0, 1)),
    ):
        assert remove_dead(graph).nodes == graph.nodes
        assert prune_channels(graph, 0.9).nodes == graph.nodes


def test_wrong_arguments_are_refused() -> None:
    graph = network((2,), dense([[1, 2], [3, 4]], [1, 2]), RELU, dense([[1, 1]], [0]))
    for call in (
        lambda: prune_channels(graph, {"dense2": 0.5}),
        lambda: prune_channels(graph, {"dense0": 1.5}),
        lambda: prune_channels(graph, -0.1),
        lambda: prune_channels(graph, 0.5, {"dense2": np.ones(1)}),
        lambda: prune_channels(graph, 0.5, {"dense0": np.ones(3)}),
        lambda: prune_channels(graph, 0.5, {"dense0": np.array([1, np.nan])}),
        lambda: mask_channels(graph, {"clip1": np.ones(2, dtype=bool)}),
    ):
        with pytest.raises(BadInput, match="Try: "):
            call()
