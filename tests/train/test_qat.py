# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
# pyright: reportOptionalCall=false, reportOptionalMemberAccess=false
"""The quantization-aware module answers with the very codes of the integer simulator, before and after training."""

from dataclasses import replace

import numpy as np
import pytest

from hwcompress.compress.quantize import Quantizer
from hwcompress.compress.recipe import compress
from hwcompress.compress.stages import stages
from hwcompress.config import Config, beneath
from hwcompress.ir.fixed import Format, quantize
from hwcompress.ops import Affine, AffineCodes, Clip, Conv, Dense, Lookup, MaxPool, SumPool, Window
from hwcompress.passes.pipeline import simplify
from hwcompress.sim.integer import Simulator
from tests.compress.maps import network, random_network, samples
from tests.compress.networks import RELU, chain, random_chain, random_dense

torch = pytest.importorskip("torch")

from hwcompress.recipe.quantized_training import Quantizers, forms, module_of, quantized  # noqa: E402
from hwcompress.recipe.state import State, Task  # noqa: E402
from hwcompress.recipe.steps import Retrain  # noqa: E402
from hwcompress.recipe.training import run_training  # noqa: E402
from hwcompress.train import qat  # noqa: E402
from hwcompress.train.forms import Shared  # noqa: E402
from hwcompress.train.qat import QuantizedModule  # noqa: E402
from hwcompress.train.quantizers import Uniform  # noqa: E402
from tests.recipe.contexts import context_of, interrupted  # noqa: E402

METHODS = ("ste", "lsq", "pact", "dorefa", "hgq")
BITS = ((2, 2), (3, 4), (4, 3), (6, 6), (8, 8), (1, 4))


@pytest.fixture(autouse=True)
def double():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def asked(graph, method, weight_bits, value_bits, ternary=True):
    layers = dict.fromkeys([s.layer for s in stages(graph)], value_bits)
    nodes = [n.name for n in graph if isinstance(n.op, Dense | Conv)]
    return Quantizers(method, dict.fromkeys(nodes, weight_bits), {**layers, "input": value_bits}, ternary)


def trained_a_little(module, x, steps=5, rate=0.05):
    optimizer = torch.optim.Adam(module.parameters(), lr=rate)
    module.train()
    target = torch.tensor(np.random.default_rng(0).normal(size=len(x)))
    for _ in range(steps):
        optimizer.zero_grad()
        (module(torch.tensor(x)).reshape(len(x), -1).sum(1) - target).square().mean().backward()
        optimizer.step()
    module.eval()


def codes_of(module, x):
    """What the simulator gives for the graph that the module leaves, and what the module itself gives."""
    types = module.types()
    made = Quantizer(module.trained(), None).run(types).graph
    entering = quantize(x, Format(types.values["input"].type)).reshape(len(x), -1)
    simulated = Simulator.of(made).run(entering)
    with torch.no_grad():
        y = module(torch.tensor(x)).numpy().reshape(len(x), -1)
    own = made.types[made.output]
    return simulated, y * 2.0**own.element.frac


def check(graph, method, bits, seed, ternary=True):
    graph = simplify(graph)
    x = samples(graph, 12, seed) * 1.5
    module = module_of(graph, x[:6], asked(graph, method, *bits, ternary), {})
    module.eval()
    for _ in range(2):
        wanted, found = codes_of(module, x)
        assert np.array_equal(wanted, found)
        trained_a_little(module, x)
    return module


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("method", METHODS)
def test_code_for_code_on_chains(method, seed):
    check(random_chain(seed), method, BITS[seed % len(BITS)], seed, ternary=seed % 4 > 0)


@pytest.mark.parametrize("seed", range(18))
@pytest.mark.parametrize("method", METHODS)
def test_code_for_code_on_maps(method, seed):
    check(random_network(seed, grouped=True), method, BITS[seed % len(BITS)], seed, ternary=seed % 4 > 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "window", [Window((3, 3)), Window((2, 2), (2, 2)), Window((1, 5), (1, 1), (1, 1), (0, 2), (0, 2))]
)
def test_averages_are_those_of_the_integer_form(method, window):
    """Windows of 9, 4 and 5, the reciprocal behind the sum; a per-channel scaling in place of it."""
    rng = np.random.default_rng(1)
    ops = [Conv(rng.normal(size=(3, 8)), rng.normal(size=3), Window((2, 2))), RELU, SumPool(window)]
    average = Affine(np.full(3, 1.0 / window.taps), np.zeros(3))
    uneven = Affine(rng.normal(size=3), rng.normal(size=3))
    for scaling in (average, uneven):
        module = check(network((6, 6, 2), *ops, scaling, Clip(-0.75, 3.0)), method, (4, 5), 3)
        assert module.parts[-1].factor == (1.0 / window.taps if scaling is average else None)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fill", [0.3, 3.0, -np.inf])
def test_a_maximum_with_a_filled_border(method, fill):
    """What stands outside the map is a code too."""
    rng = np.random.default_rng(2)
    border = Window((3, 3), (2, 2), (1, 1), (1, 1), (1, 1))
    first = Conv(rng.normal(size=(3, 2)), rng.normal(size=3) - 2.0, Window((1, 1)))
    last = Dense(rng.normal(size=(2, 27)) / 5, np.zeros(2))
    for between in ((), (Lookup("tanh"),)):
        check(network((5, 5, 2), first, MaxPool(border, fill), *between, last), method, (4, 6), 2)


@pytest.mark.parametrize("method", METHODS)
def test_values_come_from_the_very_table(method, monkeypatch):
    """Another function in torch changes gradients alone."""
    rng = np.random.default_rng(2)
    graph = chain(5, random_dense(rng, 6, 5), Lookup("tanh"), random_dense(rng, 2, 6))
    monkeypatch.setitem(qat.FUNCTIONS, "tanh", lambda x: torch.tanh(x) + 0.2)
    check(graph, method, (4, 6), 2)


def test_reciprocals_are_those_of_the_integer_form():
    """A multiplier of few bits in place of the exact one reaches the module."""
    graph = network((3, 3, 1), SumPool(Window((3, 3))), Affine(np.full(1, 1.0 / 9), np.zeros(1)))
    x = samples(graph, 20)
    module = module_of(graph, x, Quantizers("ste", {}, {"input": 6, "pool_0": 6}), {}).eval()
    codes_of(module, x)
    made = Quantizer(module.trained(), None).run(module.types()).graph
    op = next(n.op for n in made if isinstance(n.op, AffineCodes))
    assert module.factors == {"pool_0": float(op.scale[0]) * 2.0**-op.scale_type.frac / 16}
    assert module.factors["pool_0"] != 1.0 / 9


def test_answers_differ_between_samples():
    """The equalities above are not between constants."""
    rng = np.random.default_rng(0)
    graph = chain(6, random_dense(rng, 8, 6), RELU, random_dense(rng, 3, 8))
    x = samples(graph, 50)
    for method in METHODS:
        module = module_of(graph, x, asked(graph, method, 4, 4), {}).eval()
        simulated, _ = codes_of(module, x)
        assert len(np.unique(simulated, axis=0)) > 25


@pytest.mark.parametrize("method", METHODS)
def test_float32_gives_the_same_codes(method):
    """Sums are far below 2^24 steps."""
    torch.set_default_dtype(torch.float32)
    rng = np.random.default_rng(3)
    graph = chain(20, random_dense(rng, 30, 20), RELU, random_dense(rng, 4, 30))
    x = samples(graph, 40).astype(np.float32).astype(np.float64)
    module = module_of(graph, x, asked(graph, method, 6, 6), {}).eval()
    types = module.types()
    made = Quantizer(module.trained(), None).run(types).graph
    with torch.no_grad():
        y = module(torch.tensor(x, dtype=torch.float32)).numpy().astype(np.float64)
    simulated = Simulator.of(made).run(quantize(x, types.values["input"]))
    assert np.array_equal(simulated, y * 2.0 ** made.types[made.output].element.frac)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bits", [1, 2, 5])
def test_pruned_weights_stay_zero(method, bits):
    rng = np.random.default_rng(4)
    first, second = random_dense(rng, 6, 5), random_dense(rng, 3, 6)
    gone = rng.random(first.weight.shape) < 0.5
    gone[2] = True  # a row without weights
    graph = chain(5, replace(first, weight=np.where(gone, 0.0, first.weight)), RELU, second)
    module = check(graph, method, (bits, 4), 4)
    assert (module.trained().nodes[0].op.weight[gone] == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_layer_without_weights(method):
    rng = np.random.default_rng(5)
    graph = chain(4, random_dense(rng, 3, 4), RELU, Dense(np.zeros((2, 3)), np.array([0.3, -0.6])))
    check(graph, method, (3, 4), 5)


def learnable(samples_count=240):
    """A network, and a context whose labels another network gives."""
    rng = np.random.default_rng(6)
    graph = chain(6, random_dense(rng, 12, 6), RELU, random_dense(rng, 3, 12))
    context = context_of(graph, np.zeros(samples_count, dtype=np.int64), Task("classes"), samples=samples_count)
    y = (context.x_train @ rng.normal(size=(6, 3))).argmax(axis=1)
    return graph, replace(context, y_train=y)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_compile_gives_the_codes_of_training(method, bits):
    """The step's settings and graph lead `compile` to the types, weights and answers that were trained."""
    torch.set_default_dtype(torch.float32)
    graph, context = learnable()
    step = Retrain(weight_bits=bits, activation_bits=5, quantizer=method, epochs=3, learning_rate=0.01, bit_price=1e-5)
    _, after, told = run_training(step, State(graph), context, 0)
    made = compress(after.graph, context.calibration, beneath(Config(), after.settings))
    whole = made.choice.quantized.graph  # dead rows too
    values = {key: str(fmt) for key, fmt in made.choice.types.values.items()}
    assert values == told["value_types"]
    for node in after.graph:
        if isinstance(node.op, Dense):
            op = next(n.op for n in whole if n.name == node.name and hasattr(n.op, "weight"))
            fracs = op.weight_type.frac + np.array(op.shifts or (0,) * len(op.weight))
            assert np.array_equal(op.weight * 2.0 ** -fracs[:, None], node.op.weight)
    x, y = context.validated
    codes = quantize(x, Format(made.graph.types[made.graph.input].element))
    answers = Simulator.of(made.graph).run(codes)
    assert np.mean(answers.argmax(axis=1) == y) == told["epochs"][told["kept"] - 1]["score"]


def test_training_helps():
    """The loss of 2-bit weights falls below that of the first epoch, and the score beats rounding to nearest."""
    torch.set_default_dtype(torch.float32)
    graph, context = learnable(600)
    step = Retrain(weight_bits=2, activation_bits=5, epochs=20, learning_rate=0.02)
    _, _, told = run_training(step, State(graph), context, 0)
    x, y = context.validated
    asks = asked(graph, "ste", 2, 5)
    untrained = module_of(graph, context.calibration, asks, {}).eval()
    with torch.no_grad():
        before = np.mean(untrained(torch.tensor(x, dtype=torch.float32)).numpy().argmax(axis=1) == y)
    assert told["epochs"][told["kept"] - 1]["score"] > before + 0.1


def test_weights_alone():
    """Without activation_bits values stay reals: the answers are those of the float form with rounded weights."""
    rng = np.random.default_rng(7)
    graph = chain(5, random_dense(rng, 6, 5), RELU, random_dense(rng, 2, 6))
    asks = Quantizers("ste", {"fc0": 3, "fc1": 4}, None)
    x = samples(graph, 9)
    module = module_of(graph, x, asks, {})
    trained_a_little(module, x)
    after = module.trained()
    y = x
    for node in after:
        y = node.op.run_float(y)
    with torch.no_grad():
        np.testing.assert_allclose(module(torch.tensor(x)).numpy(), y, rtol=1e-12)
    for name, bits in (("fc0", 3), ("fc1", 4)):
        op = next(n.op for n in after if n.name == name)
        assert all(len(np.unique(row)) <= 2**bits for row in op.weight)


def test_shared_layers_and_layers_to_skip_have_the_bits_of_compile():
    torch.set_default_dtype(torch.float32)
    graph, context = learnable()
    weight = graph.nodes[0].op.weight
    shared = np.where(weight > 0, 0.37, -0.21)
    state = State(replace(graph, nodes=(replace(graph.nodes[0], op=replace(graph.nodes[0].op, weight=shared)),
                                        *graph.nodes[1:])), frozenset({"fc0"}))  # fmt: skip
    for step in (
        Retrain(weight_bits=4, activation_bits=6, epochs=2, learning_rate=0.05),
        Retrain(activation_bits=6, epochs=2, learning_rate=0.05),
        Retrain(weight_bits=4, activation_bits=6, epochs=2, learning_rate=0.05, quantizer="hgq"),
    ):
        _, after, told = run_training(step, state, context, 0)
        assert len(np.unique(after.graph.nodes[0].op.weight)) == 2
        assert not np.array_equal(np.unique(after.graph.nodes[0].op.weight), np.unique(shared))
        assert told["weight_bits"]["fc0"] == 8
        assert told["epochs"][told["kept"] - 1]["score"] == context.score(after.graph, after.settings)
    floating = Retrain(weight_bits=4, epochs=1)
    module, _ = quantized(floating, state, context, {"fc0": Shared})
    assert module.quantized() == ["fc1"]
    for skipping in (
        Retrain(weight_bits=4, activation_bits=6, epochs=1, layers={"dense_1": {"skip": True}}),
        Retrain(activation_bits=6, epochs=1, layers={"dense_0": {"weight_bits": 4}}),
        Retrain(weight_bits=4, activation_bits=6, epochs=1, quantizer="lsq", layers={"dense_1": {"skip": True}}),
    ):
        module, _ = quantized(skipping, State(graph), context, {})
        assert isinstance(module.products()["fc1"].form, Uniform)
        _, after, told = run_training(skipping, State(graph), context, 0)
        assert told["weight_bits"] == {"fc0": 4, "fc1": 8}
        assert after.settings["layers"]["dense_1"]["weight_bits"] == 8
        assert told["epochs"][told["kept"] - 1]["score"] == context.score(after.graph, after.settings)
    floating = Retrain(weight_bits=4, epochs=1, layers={"dense_1": {"skip": True}})
    module, _ = quantized(floating, State(graph), context, {})
    assert module.quantized() == ["fc0"]


def test_layers_have_their_own_bits():
    torch.set_default_dtype(torch.float32)
    graph, context = learnable()
    own = {"dense_0": {"weight_bits": 6, "activation_bits": 3}}
    step = Retrain(weight_bits=3, activation_bits=5, epochs=1, layers=own)
    _, after, told = run_training(step, State(graph), context, 0)
    assert told["weight_bits"] == {"fc0": 6, "fc1": 3}
    assert after.settings["layers"]["dense_0"]["output_type"].startswith("u3")
    assert after.settings["layers"]["dense_1"]["output_type"].startswith("s10")
    assert after.settings["layers"]["dense_0"]["weight_bits"] == 6


def test_a_run_goes_on_from_a_checkpoint(tmp_path):
    """To the same bytes."""
    torch.set_default_dtype(torch.float32)
    graph, context = learnable()
    step = Retrain(weight_bits=3, activation_bits=4, quantizer="hgq", epochs=4, bit_price=1e-5)
    _, whole, _ = run_training(step, State(graph), context, 0)
    path = tmp_path / "c.pt"
    with pytest.raises(KeyboardInterrupt):
        run_training(step, State(graph), interrupted(context), 0, path)
    _, resumed, _ = run_training(step, State(graph), context, 0, path)
    for a, b in zip(whole.graph, resumed.graph, strict=True):
        if isinstance(a.op, Dense):
            assert a.op.weight.tobytes() == b.op.weight.tobytes()
            assert a.op.bias.tobytes() == b.op.bias.tobytes()
    assert whole.settings == resumed.settings


def test_forms_alone_need_no_data():
    graph = chain(3, random_dense(np.random.default_rng(8), 4, 3))
    made = QuantizedModule(graph, forms(asked(graph, "lsq", 4, 4))).trained()
    assert not np.array_equal(made.nodes[0].op.weight, graph.nodes[0].op.weight)


@pytest.mark.parametrize("values", [
    {"sparsity": 0.5}, {"l0": 0.1}, {"group_lasso": 0.1}, {"layers": {"a": {"sparsity": 0.5}}},
])  # fmt: skip
def test_pruning_while_quantizing_is_refused(values):
    with pytest.raises(ValueError, match="wanted in a step without weight_bits"):
        Retrain(weight_bits=4, **values)
    Retrain(**values)
