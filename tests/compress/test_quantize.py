# SPDX-License-Identifier: Apache-2.0
"""Types without data never saturate; with data the bias takes up the mean error; wishes are kept or refused."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from hwcompress.compress.calibrate import BLIND_BITS
from hwcompress.compress.quantize import Quantizer, Types, bounds
from hwcompress.compress.recipe import Compressed
from hwcompress.compress.stages import Stage, stages
from hwcompress.engines.assemble import assemble
from hwcompress.engines.dense import DenseFolded
from hwcompress.engines.pipeline import Interface
from hwcompress.engines.plan import LayerPlan, Plan
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import FixedPoint, Format, Overflow, Reals, Rounding, parse_format
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import AffineCodes, Clip, Dense, DenseCodes, Lookup, Requant
from tests.compress.networks import RELU, chain, compressed, random_chain, random_dense
from tests.ir.exact import power, rounded

CLIPS = [Clip(-1.0, 1.0), Clip(0.0, 6.0), Clip(-9.0, -2.0), Clip(2.0, 4.0)]


def inside(ends: Reals, count: int, seed: int) -> Reals:
    """Frames anywhere in an interval [2, n] and at its ends."""
    rng = np.random.default_rng(seed)
    anywhere = rng.uniform(ends[0], ends[1], (count, ends.shape[1]))
    corners = np.where(rng.random(anywhere.shape) < 0.5, ends[0], ends[1])
    return np.concatenate([anywhere, corners, ends])


def read(network: Compressed, samples: int, seed: int) -> Reals:
    """Inputs anywhere in the input type, with all corners of a few channels."""
    kind = network.choice.types.values["input"].type
    n = network.float_graph.channels
    ends = np.repeat(np.array([[kind.min_code], [kind.max_code]]) * kind.step, n, axis=1)
    return inside(ends, samples, seed)


@pytest.mark.parametrize("seed", range(30))
def test_intervals_hold_whatever_comes_out_of_a_stage(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_chain(seed)
    ends = np.sort(rng.normal(size=(2, graph.channels)) * 4, axis=0)
    x = inside(ends, 100, seed)
    for stage in stages(graph):
        ends, x = stage.interval(ends), stage.run(x)
        assert (ends[0] - 1e-9 <= x).all()
        assert (x <= ends[1] + 1e-9).all()


@pytest.mark.parametrize(
    ("lo", "hi", "want"), [(-2.0, 1.0, [0.0, 2.0]), (-3.0, -1.0, [1.0, 3.0]), (1.0, 2.0, [1.0, 2.0])]
)
def test_a_function_may_turn_at_zero(lo: float, hi: float, want: list[float]) -> None:
    absolute = Stage("k", "k", "k", function=Lookup("leaky_relu", (-1.0,)))
    assert absolute.interval(np.array([[lo], [hi]])).ravel().tolist() == want


@pytest.mark.parametrize("clips", list(itertools.permutations(CLIPS, 3)))
def test_clips_one_behind_the_other_are_one_stage(clips: tuple[Clip, ...]) -> None:
    x = np.linspace(-10, 10, 81)[:, None]
    (stage,) = stages(chain(1, Dense(np.eye(1), np.zeros(1)), *clips))
    want = x
    for clip in clips:
        want = clip.run_float(want)
    assert (stage.run(x) == want).all()


@pytest.mark.parametrize("seed", range(30))
def test_an_interval_of_a_product_is_reached(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dense = random_dense(rng, 4, 5)
    ends = np.sort(rng.normal(size=(2, 5)), axis=0)
    top = dense.run_float(np.where(dense.weight > 0, ends[1], ends[0]))
    np.testing.assert_allclose(Stage("k", "k", "k", product=dense).interval(ends)[1], np.diag(top))


@pytest.mark.parametrize("seed", range(30))
def test_types_without_data_do_not_saturate(seed: int) -> None:
    """Only in front of a function may a type be narrower than the values: there it is flat."""
    network = compressed(random_chain(seed), {})
    x = read(network, 200, seed)
    parts = stages(network.float_graph)
    for k, stage in enumerate(parts):
        x = stage.run(x)
        kind = network.choice.types.values[stage.key].type
        if k + 1 < len(parts) and parts[k + 1].function:
            continue
        codes = np.floor(x * 2.0**kind.frac + 0.5)
        assert (kind.min_code <= codes).all()
        assert (codes <= kind.max_code).all()


def test_an_input_without_data_and_type_reaches_from_minus_8_to_8() -> None:
    network = compressed(random_chain(0), {})
    assert network.choice.types.values["input"] == Format(FixedPoint(8, 8 - BLIND_BITS))
    assert network.choice.notes == ("ranges by interval arithmetic: no data",)


def means(graph: Graph[Op], network: Compressed, x: Reals) -> list[tuple[Reals, Reals]]:
    """Mean error of each product's accumulators over x, in steps of the accumulator; and its ideal."""
    out: list[tuple[Reals, Reals]] = []
    kind = network.choice.types.values["input"].type
    codes = np.floor(x / kind.step + 0.5).clip(kind.min_code, kind.max_code).astype(np.int64)
    floats = iter([s for s in stages(graph) if s.product is not None])
    values = x
    for node in network.choice.quantized.graph:
        codes = node.op.run_codes(codes)
        if isinstance(node.op, DenseCodes | AffineCodes):
            stage = next(floats)
            assert stage.product is not None
            fracs = network.choice.quantized.graph.types[node.output].fracs()
            wanted = stage.product.run_float(values).mean(axis=0) * np.exp2(fracs.astype(np.float64))
            out.append((codes.mean(axis=0), wanted))
            values = stage.run(values)
    return out


@pytest.mark.parametrize("bits", [3, 8])
@pytest.mark.parametrize("seed", range(8))
def test_bias_correction_leaves_half_a_step_of_mean_error(seed: int, bits: int) -> None:
    graph = random_chain(seed, functions=False)
    x = np.random.default_rng(seed).uniform(-1, 1, (64, graph.channels))
    wish = {"weight_bits": bits, "activation_bits": bits, "input_type": "s8f7", "calibration": "minmax"}
    network = compressed(graph, wish, x)
    for got, wanted in means(network.float_graph, network, x):
        assert np.abs(got - wanted).max() <= 0.5 + 1e-6 * np.abs(wanted).max()


def test_without_correction_the_mean_error_is_larger() -> None:
    graph = random_chain(1, functions=False)
    x = np.random.default_rng(1).uniform(-1, 1, (64, graph.channels))
    wish = {"weight_bits": 3, "activation_bits": 3, "input_type": "s8f7", "bias_correction": False}
    network = compressed(graph, wish, x)
    assert max(float(np.abs(got - wanted).max()) for got, wanted in means(network.float_graph, network, x)) > 0.6


@pytest.mark.parametrize("per_channel", [True, False])
def test_weights_are_the_nearest_codes_of_their_row(per_channel: bool) -> None:
    dense = random_dense(np.random.default_rng(3), 5, 4)
    types = Types(
        {"input": Format(FixedPoint(8, 4)), "dense_0": Format(FixedPoint(16, 6))}, {"dense_0": 6}, per_channel
    )
    op = next(iter(Quantizer(chain(4, dense), None).run(types).graph)).op
    assert isinstance(op, DenseCodes)
    spread = op.shifts or (0,) * 5
    assert bool(op.shifts) == per_channel
    for row, shift, codes, b, c in zip(dense.weight, spread, op.weight, dense.bias, op.bias, strict=True):
        unit = power(op.weight_type.frac + shift)
        want = [min(max(rounded(Fraction(w) * unit, Rounding.HALF_UP), -32), 31) for w in row.tolist()]
        assert codes.tolist() == want
        assert c == rounded(Fraction(float(b)) * unit * 2**4, Rounding.HALF_UP)


@pytest.mark.parametrize(
    ("text", "lo", "hi", "want"),
    [
        ("s8f4", 0.0, np.inf, (0, 127)),
        ("s8f4", -np.inf, np.inf, (-128, 127)),
        ("s8f4", -0.5, 6.0, (-8, 96)),
        ("u8f4", -1.0, 1.0, (0, 16)),
        ("s4f2", 0.0, 6.0, (0, 7)),
        ("s8f0", 0.5, 1.5, (1, 2)),
        ("fixed<8,8,TRN,SAT>", 0.5, 1.5, (0, 1)),
        ("fixed<8,8,RND_CONV,WRAP>", 0.5, 1.5, (0, 2)),
        ("s4f0", 9.0, 10.0, (7, 7)),
    ],
)
def test_a_clip_becomes_the_codes_of_its_bounds(text: str, lo: float, hi: float, want: tuple[int, int]) -> None:
    assert bounds(Stage("k", "k", "k", lo=lo, hi=hi), parse_format(text)) == want


def test_types_that_were_asked_for_are_taken() -> None:
    graph = chain(
        2, random_dense(np.random.default_rng(0), 3, 2), Lookup("tanh"), random_dense(np.random.default_rng(1), 1, 3)
    )
    network = compressed(
        graph,
        {
            "input_type": "u6f2",
            "layers": {
                "fc0": {"table_type": "s9f5", "output_type": "fixed<10,2,TRN,WRAP>", "weight_type": "s7f3"},
                "dense_1": {"output_type": "s20f10", "weight_bits": 5},
            },
        },
    )
    codes = network.choice.quantized.graph
    kinds = [str(codes.types[name].element) for name in (codes.input, *(n.output for n in codes))]
    assert [kinds[0], kinds[2], kinds[3], kinds[5]] == ["u6f2", "s9f5", "s10f8", "s20f10"]
    last = [n.op for n in codes if isinstance(n.op, Requant)][-1]
    assert last.format.overflow is Overflow.SATURATE
    products = [n.op.weight_type for n in codes if isinstance(n.op, DenseCodes)]
    assert products[0] == FixedPoint(7, 3)
    assert products[1].width == 5


@pytest.mark.parametrize("kind", ["u4f3", "ufixed<4,1,RND,SAT>"])
def test_weights_of_an_unsigned_type_are_refused_or_get_a_sign(kind: str) -> None:
    """The library's weights are signed: 12 in 4 bits would be -4 there."""
    graph = chain(2, Dense(np.array([[1.5, 0.25]]), np.zeros(1)))
    try:
        codes = compressed(graph, {"layers": {"fc0": {"weight_type": kind}}}).graph
    except BadInput:
        return
    (core, *_) = assemble(codes, Plan({"dense_0": LayerPlan(1, 1)}, Interface.AXIS, 2)).cores()
    assert isinstance(core, DenseFolded)
    assert core.weight.max() < 1 << (core.weight_width - 1)


@pytest.mark.parametrize("pattern", ["dense_9", "fc3", "conv*", "dense", "FC0", ""])
def test_a_pattern_that_names_no_layer_is_refused(pattern: str) -> None:
    graph = chain(2, Dense(np.ones((2, 2)), np.zeros(2)), RELU, Dense(np.ones((1, 2)), np.zeros(1)))
    with pytest.raises(BadInput, match=r"the name or pattern of a layer wanted, none matches"):
        compressed(graph, {"layers": {pattern: {"weight_bits": 4}}})


@pytest.mark.parametrize("pattern", ["dense_0", "fc0", "dense_*", "fc?", "*", "fc[0]"])
def test_a_pattern_that_names_a_layer_is_taken(pattern: str) -> None:
    graph = chain(2, Dense(np.eye(2), np.zeros(2)), RELU, Dense(np.ones((1, 2)), np.zeros(1)))
    network = compressed(graph, {"layers": {pattern: {"weight_bits": 4}}})
    assert network.choice.types.weights["dense_0"] == 4


def test_a_bias_far_beyond_its_products_is_refused() -> None:
    graph = chain(1, Dense(np.full((1, 1), 1e-9), np.full(1, 1e9)))
    with pytest.raises(BadInput, match=r"^dense_0: its bias is too large beside its products for 48 bits"):
        compressed(graph, {})


def test_a_clip_alone_is_a_requant_of_the_input() -> None:
    network = compressed(chain(3, Clip(-1.0, 2.0)), {"input_type": "s8f4"})
    (node,) = network.choice.quantized.graph
    assert isinstance(node.op, Requant)
    assert network.choice.quantized.graph.types[node.output].reals(
        node.op.run_codes(np.array([[-128, 0, 127]]))
    ).tolist() == [[-1.0, 0.0, 2.0]]


@pytest.mark.parametrize(
    ("samples", "bits", "frac"),
    [
        (255, 8, 5),  # 3.5 x 4/3 = 4.67 wants 8.0
        (256, 8, 6),  # 3.5 fits below 4.0
        (256, 11, 9),
        (256, 12, 9),  # wide: room costs nothing
    ],
)
def test_ranges_are_widened_where_few_samples_were_seen_or_bits_are_many(samples: int, bits: int, frac: int) -> None:
    hidden = Dense(np.eye(2), np.zeros(2))
    x = np.zeros((samples, 2))
    x[:, 0], x[:, 1] = 3.5, np.linspace(0.0, 3.5, samples)
    options = {"activation_bits": bits, "bias_correction": False, "calibration": "minmax"}
    network = compressed(chain(2, hidden, RELU, hidden, RELU, Dense(np.ones((1, 2)), np.zeros(1))), options, x)
    types = network.choice.types.values
    assert types["dense_0"].type == types["dense_1"].type == FixedPoint(bits, frac, signed=False)
    assert types["input"].type == FixedPoint(bits, bits - 2, signed=False)  # 3.5: the sensor's own range
    assert any("calibration samples" in note for note in network.notes) == (samples < 256)
