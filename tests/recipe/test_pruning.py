# SPDX-License-Identifier: Apache-2.0
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwcompress import api
from hwcompress.compress.select import uses, weighted, with_weights
from hwcompress.compress.structured import channels, mask_channels, prune_channels, remove_dead
from hwcompress.compression import compress_model
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Conv, Dense, Lookup, Window
from hwcompress.passes.chain import linked
from hwcompress.recipe.channels import channel_prices, channel_scores
from hwcompress.recipe.criteria import weight_scores
from hwcompress.recipe.objective import SAMPLES, objective
from hwcompress.recipe.pruning import run_prune
from hwcompress.recipe.recipe import Recipe
from hwcompress.recipe.state import Context, State, Task
from hwcompress.recipe.steps import LayerStep, Prune
from hwcompress.sim.reference import run_float
from tests.compress.maps import network
from tests.compress.networks import RELU, chain, random_dense
from tests.recipe.contexts import context_of

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
Labels = NDArray[Any]


def small(outputs: int, *end: Op, seed: int = 0) -> Graph[Op]:
    rng = np.random.default_rng(seed)
    return chain(3, random_dense(rng, 4, 3), Lookup("tanh"), random_dense(rng, outputs, 4), *end)


def convolutions(seed: int = 0) -> Graph[Op]:
    """Conv, Relu, depthwise conv, conv, dense."""
    rng = np.random.default_rng(seed)
    ops = [
        Conv(rng.normal(size=(4, 9)), rng.normal(size=4), Window((3, 3))),
        RELU,
        Conv(rng.normal(size=(4, 4)), rng.normal(size=4), Window((2, 2)), 4),
        Conv(rng.normal(size=(3, 4)), rng.normal(size=3), Window((1, 1))),
        Dense(rng.normal(size=(2, 3 * 3 * 3)), rng.normal(size=2)),
    ]
    return network((6, 6, 1), *ops)


CASES: list[tuple[Graph[Op], Task]] = [
    (small(3), Task("classes")),
    (small(3, Lookup("sigmoid")), Task("classes", logits=False)),
    (small(1), Task("binary")),
    (small(3), Task("binary")),
    (small(2, Lookup("sigmoid")), Task("binary", logits=False)),
    (small(2), Task("values")),
]


def labels_of(graph: Graph[Op], task: Task, samples: int) -> Labels:
    rng = np.random.default_rng(7)
    outputs = run_float(graph, np.zeros((1, 3))).shape[1]
    if task.kind == "classes":
        return rng.integers(0, outputs, samples)
    if task.kind == "binary":
        return rng.integers(0, 2, (samples, outputs)).astype(np.float64)
    return rng.normal(size=(samples, outputs))


def plain_loss(task: Task, y: list[float], label: Any) -> float:
    """Of one sample, written out."""
    if task.kind == "classes" and task.logits:
        return math.log(sum(math.exp(v) for v in y)) - y[int(label)]
    if task.kind == "classes":
        return sum((v - (k == label)) ** 2 for k, v in enumerate(y)) / len(y)
    if task.kind == "binary" and task.logits:
        return -sum(math.log(1 / (1 + math.exp(-v if t else v))) for v, t in zip(y, label, strict=True)) / len(y)
    return sum((v - t) ** 2 for v, t in zip(y, label, strict=True)) / len(y)


def slopes(graph: Graph[Op], task: Task, x: Reals, labels: Labels, name: str) -> Reals:
    """Of the loss of each sample by each weight, by central differences [samples, m, n]."""
    weight = weighted(graph)[name].weight
    found = np.zeros((len(x), *weight.shape))
    for at in np.ndindex(*weight.shape):
        for step in (1e-5, -1e-5):
            moved = weight.copy()
            moved[at] += step
            y = run_float(with_weights(graph, {name: moved}), x)
            losses = [plain_loss(task, row, label) for row, label in zip(y.tolist(), labels, strict=True)]
            found[(slice(None), *at)] += np.array(losses) / (2 * step)
    return found


@pytest.mark.parametrize(("graph", "task"), CASES)
def test_gradient_scores_are_of_the_task_s_loss_on_the_training_labels(graph: Graph[Op], task: Task) -> None:
    labels = labels_of(graph, task, 40)
    context = context_of(graph, labels, task)
    learn = context.split[0]
    fisher, taylor = (weight_scores(m, graph, context) for m in ("fisher", "taylor"))
    for name, op in weighted(graph).items():
        slope = slopes(graph, task, context.x_train[learn], labels[learn], name)
        np.testing.assert_allclose(fisher[name], (slope**2).mean(axis=0) * op.weight**2 / 2, rtol=1e-4, atol=1e-9)
        np.testing.assert_allclose(taylor[name], np.abs(slope * op.weight).mean(axis=0), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(("graph", "task"), CASES)
def test_without_labels_they_are_drawn_from_the_network(graph: Graph[Op], task: Task) -> None:
    context = context_of(graph, None, task)
    x, loss = objective(context)
    again = objective(context_of(graph, None, task))[1]
    y = run_float(graph, x)
    assert loss.samples == len(x) == 30
    assert np.array_equal(loss.values(y, slice(None)), again.values(y, slice(None)))
    scores = weight_scores("taylor", graph, context)
    assert all((each > 0).any() for each in scores.values())


def test_at_most_so_many_samples_and_none_to_validate_with() -> None:
    graph = small(2)
    context = context_of(graph, samples=4000)
    x = objective(context)[0]
    learn = context.inputs(context.split[0])
    assert len(x) == SAMPLES
    assert {row.tobytes() for row in x} <= {row.tobytes() for row in learn}


@pytest.mark.parametrize("method", ["magnitude", "lamp", "random", "obd", "fisher", "taylor"])
def test_the_share_of_zeros_is_exact_and_the_least_go(method: str) -> None:
    graph = small(3)
    context = context_of(graph, labels_of(graph, Task("classes"), 40), Task("classes"))
    step = Prune.model_validate({"method": method, "sparsity": 0.5})
    _, made, _ = run_prune(step, State(graph), context)
    old, new = weighted(graph), weighted(made.graph)
    scores = weight_scores(method, graph, context)
    flat = np.concatenate([scores[n].ravel() for n in old])
    gone = np.concatenate([(new[n].weight == 0).ravel() for n in old])
    assert gone.sum() == round(0.5 * flat.size)
    assert flat[gone].max() <= flat[~gone].min()
    assert all((new[n].weight == old[n].weight)[new[n].weight != 0].all() for n in old)


def test_what_one_multiplier_serves_goes_as_a_whole() -> None:
    rng = np.random.default_rng(1)
    graph = chain(6, random_dense(rng, 5, 6), RELU, random_dense(rng, 4, 5))
    step = Prune(method="magnitude", sparsity=0.5, pattern="fold2x3")
    _, made, told = run_prune(step, State(graph), context_of(graph))
    kept = 0
    for op in weighted(made.graph).values():
        for p in range(2):
            for s in range(3):
                group = op.weight[p::2, s::3]
                assert (group != 0).all() or (group == 0).all()
                kept += bool((group != 0).all())
    assert kept == 6
    assert told == {}


def test_layers_have_patterns_of_their_own() -> None:
    """And shares; a layer without one is pruned weight by weight."""
    rng = np.random.default_rng(2)
    graph = chain(8, *(random_dense(rng, 8, 8) for _ in range(5)))
    layers = {
        "dense_0": {"pattern": "2:4"},
        "dense_1": {"pattern": "bank2", "sparsity": 0.25},
        "dense_2": {"pattern": "2x4"},
        "dense_3": {"pattern": "", "sparsity": 0.125},
        "dense_4": {"sparsity": 0.75},
    }
    step = Prune.model_validate({"method": "magnitude", "pattern": "fold2x2", "sparsity": 0.5, "layers": layers})
    assert step.patterns == ["fold2x2", "2:4", "bank2", "2x4"]
    new = [op.weight for op in weighted(run_prune(step, State(graph), context_of(graph))[1].graph).values()]
    gone = [w == 0 for w in new]
    assert (gone[0].reshape(8, 2, 4).sum(axis=2) == 2).all()
    assert (gone[1].reshape(8, 2, 4).sum(axis=2) == 1).all()
    blocks = gone[2].reshape(4, 2, 2, 4).sum(axis=(1, 3))
    assert sorted(blocks.ravel().tolist()) == [0] * 4 + [8] * 4
    assert gone[3].sum() == 8
    served = [int(gone[4][p::2, s::2].sum()) for p in range(2) for s in range(2)]
    assert sorted(served) == [0, 16, 16, 16]


def test_a_pattern_of_one_layer_alone() -> None:
    rng = np.random.default_rng(2)
    graph = chain(8, random_dense(rng, 8, 8), RELU, random_dense(rng, 8, 8))
    step = Prune.model_validate({"layers": {"dense_1": {"pattern": "1:4"}}})
    new = [op.weight for op in weighted(run_prune(step, State(graph), context_of(graph))[1].graph).values()]
    assert np.count_nonzero(new[0]) == 64
    assert ((new[1] != 0).reshape(8, 2, 4).sum(axis=2) == 1).all()
    bank = Prune.model_validate({"layers": {"dense_1": {"pattern": "bank2"}}})
    with pytest.raises(BadInput, match=r"^pattern bank2: sparsity wanted beside it, none found"):
        run_prune(bank, State(graph), context_of(graph))


def without(graph: Graph[Op], name: str, channel: int) -> Graph[Op]:
    """One channel masked and removed."""
    mask = {name: np.arange(channels(graph)[name]) == channel}
    return remove_dead(mask_channels(graph, mask))


@pytest.mark.parametrize("graph", [small(3), convolutions()])
def test_a_channel_s_price_is_what_falls_when_it_goes(graph: Graph[Op]) -> None:
    for target, count in (("dsp", weights_of), ("bram", weights_of), ("cycles", products_of)):
        prices = channel_prices(target, graph)
        for name in channels(graph):
            less = count(without(graph, name, 1))
            assert prices[name] == pytest.approx((count(graph) - less) / count(graph))


@pytest.mark.parametrize("graph", [small(3), convolutions()])
@pytest.mark.parametrize("method", ["magnitude", "random", "obd", "fisher", "taylor"])
def test_channels_worth_least_are_really_removed(graph: Graph[Op], method: str) -> None:
    context = context_of(graph)
    step = Prune.model_validate({"method": method, "sparsity": 0.4, "what": "channels"})
    scores = channel_scores(step, graph, context)
    known = channels(graph)
    rows = [(v, k, c, n) for k, n in enumerate(known) for c, v in enumerate(scores[n].tolist())]
    stay = {(n, int(scores[n].argmax())) for n in known}  # one channel of each layer
    wanted = {(n, c) for _, _, c, n in sorted(rows) if (n, c) not in stay}
    for _, _, c, n in sorted(rows, reverse=True):
        if len(wanted) > round(0.4 * len(rows)):
            wanted.discard((n, c))
    masks = {n: np.array([(n, c) in wanted for c in range(count)]) for n, count in channels(graph).items()}
    _, made, told = run_prune(step, State(graph), context)
    x = context.calibration.reshape(len(context.calibration), -1)
    np.testing.assert_allclose(run_float(made.graph, x), run_float(mask_channels(graph, masks), x), atol=1e-9)
    left = {n: int((~mask).sum()) for n, mask in masks.items()}
    assert {n: len(weighted(made.graph)[n].weight) for n in left} == left
    assert [after for _, after in told["channels"].values()] == list(left.values())
    assert told["weights"][1] < told["weights"][0]


@pytest.mark.parametrize("graph", [small(3), convolutions()])
def test_what_a_channel_is_worth(graph: Graph[Op]) -> None:
    context = context_of(graph)
    fisher = weight_scores("fisher", graph, context)
    for name in channels(graph):
        weight = weighted(graph)[name].weight
        length = math.sqrt(sum(v * v for v in weight.ravel().tolist()))
        norms = [math.sqrt(sum(v * v for v in row)) / length for row in weight.tolist()]
        sums = [sum(row) for row in fisher[name].tolist()]
        above = [v * v / sum(u * u for u in norms if u >= v) for v in norms]
        for method, wanted in (("magnitude", norms), ("lamp", above), ("fisher", sums)):
            step = Prune.model_validate({"method": method, "what": "channels", "sparsity": 0.5})
            assert channel_scores(step, graph, context)[name].tolist() == pytest.approx(wanted)
            aimed = channel_scores(step.model_copy(update={"target": "cycles"}), graph, context)[name]
            price = channel_prices("cycles", graph)[name]
            assert (aimed * price).tolist() == pytest.approx(wanted)


def weights_of(graph: Graph[Op]) -> int:
    return sum(op.weight.size for op in weighted(graph).values())


def products_of(graph: Graph[Op]) -> int:
    return sum(op.weight.size * uses(graph)[n] for n, op in weighted(graph).items())


@pytest.mark.parametrize("graph", [small(3), convolutions()])
@pytest.mark.parametrize("method", ["magnitude", "lamp", "random", "taylor"])
@pytest.mark.parametrize("values", [{"target": "cycles"}, {"target": "bram"}, {"target": "dsp", "reuse": 2}])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_a_target_is_reached_with_the_fewest_channels(
    graph: Graph[Op], method: str, values: dict[str, Any], share: float
) -> None:
    context = context_of(graph)
    step = Prune.model_validate({"method": method, "sparsity": share, **values})
    count = products_of if values["target"] == "cycles" else weights_of
    scores = channel_scores(step, graph, context)
    total = sum(len(each) for each in scores.values())
    budget = (1 - share) * count(graph)
    tries = [prune_channels(graph, k / total, scores) for k in range(total + 1)]
    wanted = next((g for g in tries if count(g) <= budget), tries[-1])
    _, made, told = run_prune(step, State(graph), context)
    old, new = weighted(wanted), weighted(made.graph)
    assert all(np.array_equal(new[n].weight, old[n].weight) for n in old)
    assert told["products" if values["target"] == "cycles" else "weights"] == [count(graph), count(wanted)]


def test_channels_share_none_all_and_by_layer() -> None:
    graph = small(3)
    context = context_of(graph)

    def run(**values: Any) -> list[int]:
        step = Prune.model_validate({"what": "channels", **values})
        return [len(op.weight) for op in weighted(run_prune(step, State(graph), context)[1].graph).values()]

    assert run(sparsity=0.0) == [4, 3]
    assert run(sparsity=1.0) == [1, 3]
    assert run(sparsity=1.0, layers={"dense_0": {"skip": True}}) == [4, 3]
    assert run(layers={"dense_0": {"sparsity": 0.5}}) == [2, 3]
    assert run(sparsity=1.0, layers={"dense_0": LayerStep(sparsity=0.25)}) == [3, 3]
    with pytest.raises(BadInput, match="no node 'fc1' to prune"):
        run(layers={"dense_1": {"sparsity": 0.5}})
    with pytest.raises(BadInput, match="for whole channels one of magnitude"):
        run(sparsity=0.5, method="obs")


def test_a_network_of_one_layer_has_no_channels_to_lose() -> None:
    graph = linked(chain(3, Dense(np.eye(3), np.zeros(3))), list(chain(3, Dense(np.eye(3), np.zeros(3))).nodes))
    made = run_prune(Prune(what="channels", sparsity=0.9), State(graph), context_of(graph))[1]
    assert made.graph.nodes[0].op.shape((3,)) == (3,)


def test_a_dead_input_has_no_worth() -> None:
    graph = small(3)
    context = context_of(graph)
    x = context.x_train.copy()
    x[:, 1] = 0.0
    dead = Context(graph, Task("values"), x[:20], x, None, context.input_order, 0.25, 0)
    for method in ("fisher", "taylor", "obd"):
        assert (weight_scores(method, graph, dead)["fc0"][:, 1] == 0).all()


@pytest.mark.parametrize(
    "other", [{"quality": 1.0}, {"pattern": "2:4"}, {"search": "greedy"}, {"layers": {"*": {"pattern": "2:4"}}}]
)
@pytest.mark.parametrize("how", [{"what": "channels"}, {"target": "cycles"}, {"target": "dsp", "reuse": 4}])
def test_channels_go_by_sparsity_alone(other: dict[str, Any], how: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="sparsity alone wanted"):
        Prune.model_validate({**how, **other})
    assert Prune.model_validate({**how, "sparsity": 0.5}).structured
    assert not Prune.model_validate({**other, "target": "dsp"}).structured


@pytest.mark.parametrize(
    ("values", "options", "key", "part"),
    [
        ({"target": "dsp"}, {"reuse": 1, "strategy": "dsp"}, "dsp", 0.6),
        ({"target": "dsp", "reuse": 4}, {"reuse": 4, "strategy": "dsp"}, "dsp", 0.6),
        ({"target": "cycles"}, {"max_dsp": 12, "strategy": "dsp"}, "interval", 0.6),
        ({"target": "bram"}, {"reuse": 16, "strategy": "dsp", "layers": {"dense_*": {"memory": "block"}}}, "bram18", 1),
    ],
)
def test_in_hardware_what_was_aimed_at_falls(
    values: dict[str, Any], options: dict[str, Any], key: str, part: float, tmp_path: Path
) -> None:
    data, model = str(EXAMPLES / "pulsar.npz"), EXAMPLES / "pulsar_mlp.onnx"
    step = Prune.model_validate({"method": "magnitude", "sparsity": 0.5, **values})
    folder = compress_model(model, recipe=Recipe("r", (step,)), data=data).write(tmp_path / "out")
    used: list[int] = []
    for file in (model, folder / "model.hwc"):
        report = api.compile(file, data=data, **options).report
        used.append(report.timing.interval_cycles if key == "interval" else getattr(report.resources, key))
    assert used[1] < part * used[0]


def test_zeros_alone_save_nothing_of_folded_layers(tmp_path: Path) -> None:
    data, model = str(EXAMPLES / "pulsar.npz"), EXAMPLES / "pulsar_mlp.onnx"
    step = Prune(method="fisher", sparsity=0.5)  # no channel dies of it
    folder = compress_model(model, recipe=Recipe("r", (step,)), data=data).write(tmp_path / "out")
    dsp = [
        api.compile(f, data=data, reuse=4, strategy="dsp").report.resources.dsp for f in (model, folder / "model.hwc")
    ]
    assert dsp[0] == dsp[1]


@pytest.mark.parametrize("search", ["quality", "greedy"])
@pytest.mark.parametrize("skipped", [["dense_1"], ["dense_0", "dense_1"]])
def test_what_a_search_found_says_what_it_skipped(search: str, skipped: list[str]) -> None:
    """The step that comes back can be written and read, whatever was left alone."""
    graph = small(3)
    layers = {name: {"skip": True} for name in skipped}
    given = Prune.model_validate({"search": search, "tolerance": 50.0, "method": "magnitude", "layers": layers})
    step, made, _ = run_prune(given, State(graph), context_of(graph))
    assert {name for name, layer in step.layers.items() if layer.skip} == set(skipped)
    again = Prune.model_validate(step.model_dump(exclude_none=True))
    assert again == step
    _, same, _ = run_prune(again, State(graph), context_of(graph))
    for a, b in zip(weighted(made.graph).values(), weighted(same.graph).values(), strict=True):
        assert np.array_equal(a.weight, b.weight)
