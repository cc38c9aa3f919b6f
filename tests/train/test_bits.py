# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
# pyright: reportOptionalCall=false, reportOptionalMemberAccess=false
"""Learned bit widths: the surrogate gradient, the count of bit operations, and what a price on them does."""

import math
from dataclasses import replace

import numpy as np
import pytest

from hwcompress.compress.quantize import Types
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import FixedPoint, Format
from hwcompress.ops import Conv, Dense, SumPool, Window
from tests.compress.maps import network
from tests.compress.networks import RELU, chain, random_dense

torch = pytest.importorskip("torch")

from hwcompress.recipe.quantized_training import Quantizers, module_of  # noqa: E402
from hwcompress.recipe.state import State, Task  # noqa: E402
from hwcompress.recipe.steps import Retrain  # noqa: E402
from hwcompress.recipe.training import run_training  # noqa: E402
from hwcompress.train.bits import (  # noqa: E402
    LearnedBits,
    LearnedSite,
    bits_hooks,
    ebops,
    enclosed_bits,
    learned,
    learned_ebops,
    magnitude_bits,
    round_to,
)
from tests.recipe.contexts import context_of  # noqa: E402


@pytest.fixture(autouse=True)
def double():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_the_surrogate_gradient():
    """f^q = floor(x 2^f + 1/2) 2^-f; dy/dx = 1, dy/df = ln 2 (x - f^q), summed over what shares the width."""
    rng = np.random.default_rng(0)
    x, f, slope = rng.normal(size=(4, 7)), np.array([[-1.0], [0.0], [2.0], [5.0]]), rng.normal(size=(4, 7))
    given, places = torch.tensor(x, requires_grad=True), torch.tensor(f, requires_grad=True)
    y = round_to(given, places)
    (y * torch.tensor(slope)).sum().backward()
    wanted = np.floor(x * 2.0**f + 0.5) * 2.0**-f
    assert np.array_equal(y.detach().numpy(), wanted)
    assert np.array_equal(given.grad.numpy(), slope)
    np.testing.assert_allclose(places.grad.numpy(), (slope * math.log(2) * (x - wanted)).sum(axis=1, keepdims=True))


def test_the_surrogate_is_the_slope_of_the_error():
    """The size of the error halves with each bit: |x - y| ~ 2^-f."""
    x = torch.tensor(np.random.default_rng(1).uniform(-1, 1, 200_000))
    errors = [float((x - round_to(x, torch.tensor(float(f)))).abs().mean()) for f in (3, 4)]
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.01)


@pytest.mark.parametrize(("top", "bits"), [(0.25, -1), (0.49, -1), (0.5, 0), (0.99, 0), (1.0, 1), (3.0, 2), (4.0, 3)])
def test_bits_before_the_point(top, bits):
    assert int(magnitude_bits(torch.tensor(top))) == bits


@pytest.mark.parametrize(("value", "bits"), [(0.0, 0), (1.0, 1), (-0.25, 1), (3.0, 2), (5 / 8, 3), (-6.0, 2), (127, 7)])
def test_enclosed_bits(value, bits):
    assert enclosed_bits(np.array([[value]])).tolist() == [[bits]]


def test_rows_learn_their_places():
    w = np.array([[0.8, -0.3, 0.0], [0.1, 0.07, 0.02]])
    form = LearnedBits(w, 4)
    with torch.no_grad():
        form.places.copy_(torch.tensor([2.2, 6.6]))
    assert form.fracs().tolist() == [2.0, 7.0]
    made = form.values()
    wanted = [np.floor(row * 2.0**f + 0.5) * 2.0**-f for row, f in zip(w, (2, 7), strict=True)]
    assert np.array_equal(made, wanted)
    expected = [[f + math.floor(math.log2(abs(v))) + 1 if v else 0 for v in row]
                for row, f in zip(made, (2, 7), strict=True)]  # fmt: skip
    widths = form.widths()
    assert widths.tolist() == expected
    widths.sum().backward()
    assert form.places.grad.tolist() == [np.count_nonzero(row) for row in made]


def test_a_row_without_bits_is_pruned_and_nothing_saturates():
    form = LearnedBits(np.array([[0.8, -0.3], [0.1, 0.07]]), 4)
    with torch.no_grad():
        form.places.copy_(torch.tensor([3.0, -5.0]))
        form.weight[0, 0] = 900.0
    assert form.values().tolist() == [[900.0, -0.25], [0.0, 0.0]]
    assert form.widths()[1].tolist() == [0.0, 0.0]
    assert form.type_bits(form.values()) == 13  # 3600 x 2^-2
    assert form.type_bits(np.array([[0.5, -0.5], [0.0, 4.0]])) == 2
    assert form.type_bits(np.array([[0.5, -1.5], [0.0, 4.0]])) == 3


def test_no_more_than_16_bits():
    form = LearnedBits(np.array([[1000.0, 0.3], [0.1, 0.07]]), 4)
    with torch.no_grad():
        form.places.fill_(30.0)
    assert form.type_bits(form.values()) <= 16
    assert np.ptp(form.fracs().numpy()) <= 7


def test_a_site_learns_its_places():
    site = LearnedSite(6, True, 3, 2.0)
    x = torch.tensor([[-1.3, 0.4, 2.9, 0.0]])
    y = site(x)
    assert y.tolist() == [[-1.25, 0.375, 2.875, 0.0]]
    assert site.format() == Format(FixedPoint(6, 3))  # 2 bits before the point, the sign, 3 behind
    y.sum().backward()
    assert float(site.places.grad) == pytest.approx(math.log(2) * float((x - y.detach()).sum()))
    assert float(site.priced().detach()) == 6.0


def test_a_site_follows_its_values_in_training_alone():
    site = LearnedSite(6, False, 3, 0.6)
    site.eval()
    assert float(site(torch.tensor([[5.0]])).detach()) == 7 / 8
    site.train()
    assert float(site(torch.tensor([[5.0]])).detach()) == 5.0
    assert site.format() == Format(FixedPoint(6, 3, signed=False))
    for _ in range(1000):
        site(torch.tensor([[0.3]]))
    assert site.format() == Format(FixedPoint(2, 3, signed=False))


@pytest.mark.parametrize(
    ("places", "signed", "width", "frac"), [(-9.0, False, 1, -1), (-9.0, True, 2, -1), (40.0, False, 12, 10)]
)
def test_a_site_keeps_within_its_limits(places, signed, width, frac):
    site = LearnedSite(6, signed, 3, 3.0, limit=12)
    with torch.no_grad():
        site.places.fill_(places)
    assert site.format() == Format(FixedPoint(width, frac, signed))


def counted(graph, types, weights):
    """Sum over every product of every position, one by one."""
    total = 0
    for (kind, uses), w in zip(weights, [n.op.weight for n in graph if isinstance(n.op, Dense | Conv)], strict=True):
        for v in w.ravel():
            code = abs(round(v * 2**20))
            while code and code % 2 == 0:
                code //= 2
            total += code.bit_length() * uses * kind
    return total


def test_ebops_count_every_product():
    rng = np.random.default_rng(2)
    numbers = [rng.integers(-20, 21, shape) / 8 for shape in ((3, 8), (2, 12))]
    graph = network(
        (5, 5, 2), Conv(numbers[0], np.zeros(3), Window((2, 2))), RELU, SumPool(Window((2, 2), (2, 2))),
        Dense(numbers[1], np.zeros(2)),
    )  # fmt: skip
    values = {"input": "s6f2", "conv_0": "u5f2", "pool_1": "u4f2", "dense_2": "s9f2"}
    formats = {k: Format(FixedPoint(int(v[1]), 2, v[0] == "s")) for k, v in values.items()}
    assert ebops(graph, Types(formats, {})) == counted(graph, formats, [(6, 16), (4, 1)])
    odd = replace(graph.nodes[-1], op=Dense(rng.normal(size=(2, 12)), np.zeros(2)))
    with pytest.raises(BadInput, match="dense_2: weights of at most 16 bits wanted"):
        ebops(replace(graph, nodes=(*graph.nodes[:-1], odd)), Types(formats, {}))


def hgq(graph, x, bits=6):
    nodes = [n.name for n in graph if isinstance(n.op, Dense | Conv)]
    values = dict.fromkeys(["input", "dense_0", "dense_1"], bits)
    return module_of(graph, x, Quantizers("hgq", dict.fromkeys(nodes, bits), values), {})


def test_the_price_is_that_of_the_products():
    """Bits above the place of a row x bits of the value: never below the count that leaves trailing zeros out."""
    rng = np.random.default_rng(3)
    graph = chain(5, random_dense(rng, 7, 5), RELU, random_dense(rng, 3, 7))
    module = hgq(graph, rng.normal(size=(30, 5))).eval()
    types, total = module.types(), 0
    for _, product, entry in module.weighted_stages():
        fracs = product.form.fracs().numpy()
        for f, row in zip(fracs, product.form.values(), strict=True):
            total += sum((round(abs(v) * 2**f)).bit_length() for v in row) * entry.width()
    assert float(learned_ebops(module).detach()) == total
    assert ebops(module.trained(), types) <= total
    penalty = float(bits_hooks(0.5, 0.0).penalty(module).detach())
    assert penalty == 0.5 * total
    count = len(learned(module))
    assert count == 4  # two layers, the input and the value between; the last type is not learned
    assert float(bits_hooks(0.0, 1.0).penalty(module).detach()) > 0


def trained(price):
    """Bit operations and score of a network after some epochs."""
    torch.set_default_dtype(torch.float32)
    rng = np.random.default_rng(6)
    graph = chain(6, random_dense(rng, 12, 6), RELU, random_dense(rng, 3, 12))
    context = context_of(graph, np.zeros(600, dtype=np.int64), Task("classes"), samples=600)
    context = replace(context, y_train=(context.x_train @ rng.normal(size=(6, 3))).argmax(axis=1))
    step = Retrain(weight_bits=6, activation_bits=6, quantizer="hgq", epochs=8, learning_rate=0.015, bit_price=price,
                   keep="last")  # fmt: skip
    _, _, told = run_training(step, State(graph), context, 0)
    return told["ebops"], told["epochs"][-1]["score"]


def test_a_higher_price_buys_fewer_bits():
    free, cheap, dear = trained(0.0), trained(1e-4), trained(1e-2)
    assert free[0] > cheap[0] > dear[0]
    assert cheap[1] > 0.8
    assert dear[0] < 0.2 * free[0]
