# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
# pyright: reportOptionalCall=false, reportOptionalMemberAccess=false
"""The torch module answers as the graph, and training keeps what must not change."""

import numpy as np
import pytest

from hwcompress.ops import Clip, Conv, Dense, Lookup
from hwcompress.ops.lookup import FUNCTIONS
from hwcompress.sim.reference import run_float
from tests.compress.maps import network, random_network, samples
from tests.compress.networks import chain, random_dense

torch = pytest.importorskip("torch")

from hwcompress.train.forms import Masked, Shared, codebook  # noqa: E402
from hwcompress.train.functions import FUNCTIONS as TORCH_FUNCTIONS  # noqa: E402
from hwcompress.train.module import NetworkModule  # noqa: E402

PARAMETERS = {
    "leaky_relu": (0.125,), "elu": (0.5,), "selu": (1.5, 1.25), "celu": (0.5,), "thresholded_relu": (0.5,),
    "swish": (1.5,),
}  # fmt: skip


@pytest.fixture(autouse=True)
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("seed", range(60))
def test_forward_is_the_graph(seed):
    graph = random_network(seed, grouped=True)
    x = samples(graph, 3, seed)
    with torch.no_grad():
        y = NetworkModule(graph)(torch.tensor(x)).numpy().reshape(3, -1)
    np.testing.assert_allclose(y, run_float(graph, x.reshape(3, -1)), rtol=1e-10, atol=1e-10)


def test_every_function_is_there():
    assert set(TORCH_FUNCTIONS) == set(FUNCTIONS)


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_every_function(function):
    graph = network((6,), Lookup(function, PARAMETERS.get(function, ())))
    x = np.array([[-30.0, -4.0, -0.5, 0.0, 0.25, 3.0]])
    with torch.no_grad():
        y = NetworkModule(graph)(torch.tensor(x)).numpy()
    np.testing.assert_allclose(y, run_float(graph, x), rtol=1e-9, atol=1e-12)


def test_untrained_is_the_same_graph():
    graph = random_network(3)
    back = NetworkModule(graph).trained()
    for before, after in zip(graph, back, strict=True):
        if isinstance(before.op, Dense | Conv):
            assert np.array_equal(before.op.weight, after.op.weight)
            assert np.array_equal(before.op.bias, after.op.bias)


def test_pruned_weights_stay_zero_and_get_no_gradient():
    weight = np.array([[0.0, 1.0, -2.0], [3.0, 0.0, 0.0]])
    form = Masked(weight)
    (form() * torch.tensor([[5.0, 7.0, 11.0], [13.0, 17.0, 19.0]])).sum().backward()
    assert form.weight.grad.tolist() == [[0.0, 7.0, 11.0], [13.0, 0.0, 0.0]]
    with torch.no_grad():
        form.weight += 1.0
    assert (form.values() == np.array([[0.0, 2.0, -1.0], [4.0, 0.0, 0.0]])).all()


def test_a_shared_value_gets_the_sum_of_its_gradients():
    """dL/dC_k = sum of dL/dW_ij over I_ij = k."""
    weight = np.array([[0.5, -1.0, 0.0], [0.5, 0.5, -1.0]])
    form = Shared(weight)
    slope = np.array([[1.0, 10.0, 100.0], [2.0, 4.0, 20.0]])
    (form() * torch.tensor(slope)).sum().backward()
    book, index = codebook(weight)
    assert book.tolist() == [-1.0, 0.5]
    assert form.centroids.grad.tolist() == [slope[index == k + 1].sum() for k in range(2)] == [30.0, 7.0]
    assert np.array_equal(form.values(), weight)


def test_shared_values_stay_shared():
    rng = np.random.default_rng(0)
    weight = rng.choice([-0.5, 0.0, 0.25, 1.0], (4, 5))
    graph = chain(5, Dense(weight, np.zeros(4)), Clip(0.0, np.inf), random_dense(rng, 2, 4))
    module = NetworkModule(graph, {"fc0": Shared})
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        module(torch.tensor(rng.normal(size=(8, 5)))).square().sum().backward()
        optimizer.step()
    made = module.trained().nodes[0].op.weight
    assert not np.array_equal(made, weight)
    for value in np.unique(weight):
        assert len(np.unique(made[weight == value])) == 1
    assert (made[weight == 0] == 0).all()
