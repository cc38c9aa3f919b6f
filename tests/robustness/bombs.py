# SPDX-License-Identifier: Apache-2.0
"""Small files that ask for much: constants that grow, absurd maps, products that never end."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from tests.frontend.build import model, node
from tests.robustness.honest import real
from tests.robustness.mutant import Mutant, built

I64 = np.int64


def mutants() -> Iterator[Mutant]:
    """Constants, then tensors that depend on the input."""
    for name, (nodes, given) in _constants().items():
        yield built(f"bomb/{name}", lambda n=nodes, g=given: _with(n, g))
    for name, build in _maps().items():
        yield built(f"size/{name}", build)
    for name, build in _host().items():
        yield built(f"host/{name}", build)


def _with(nodes: list[NodeProto], given: dict[str, Any]) -> ModelProto:
    """x [N, 4] times w, plus what the nodes make of constants: value c."""
    return model([*nodes, node("MatMul", "x w", "h"), node("Add", "h c", "y")], {"w": real(4, 3), **given})


def _shape(*dims: int) -> Any:
    return np.array(dims, I64)


def _repeated(op: str, count: int, **attributes: Any) -> list[NodeProto]:
    """Each reads its predecessor twice."""
    names = ["c0", *(f"d{i}" for i in range(1, count)), "c"]
    return [helper.make_node(op, [a, a], [b], **attributes) for a, b in pairwise(names)]


def _constants() -> dict[str, tuple[list[NodeProto], dict[str, Any]]]:
    filled = node("ConstantOfShape", "s", "z")
    one = {"one": np.ones(1, np.float32)}
    text = TensorProto(data_type=TensorProto.STRING, dims=[1], string_data=[b"x" * 1_000_000])
    parts = [f"e{i}" for i in range(40)]
    matrix = {"col": np.ones((1, 1), np.float32)}
    deep = [node("Expand", "one s", "e0"), *(node("Add", f"e{i} e{i}", f"e{i + 1}") for i in range(40))]
    found: dict[str, tuple[list[NodeProto], dict[str, Any]]] = {
        f"ConstantOfShape {name}": ([node("ConstantOfShape", "s", "c")], {"s": _shape(*dims)})
        for name, dims in {
            "2^40": [1 << 40], "2^27": [1 << 27], "2^62": [1 << 62], "negative": [-1], "0": [0], "2^26": [1 << 26],
            "2^32 x 2^32": [1 << 32] * 2, "2^13 x 2^13": [1 << 13] * 2, "100 dimensions": [1] * 100,
            "2^20 x 0": [1 << 20, 0],
        }.items()
    }  # fmt: skip
    found |= {
        "Expand 2^40": ([node("Expand", "one s", "c")], {**one, "s": _shape(1 << 40)}),
        "Expand 2^26 and Neg": ([node("Expand", "one s", "e"), node("Neg", "e", "c")], {**one, "s": _shape(1 << 26)}),
        "40 sums of 2^25": ([*deep, node("ReduceMean", "e40", "c")], {**one, "s": _shape(1 << 25)}),
        "40 views of 2^26": (
            [*(node("Expand", "one s", e) for e in parts), node("Sum", " ".join(parts), "c")],
            {**one, "s": _shape(1 << 26)},
        ),
        "Tile": ([node("Tile", "one s", "c")], {**one, "s": _shape(1 << 40)}),
        "Concat 60 times": (_repeated("Concat", 60, axis=0), {"c0": real(1000)}),
        "Mul to infinity": (_repeated("Mul", 60), {"c0": real(3) + 9}),
        "Pow of integers": (_repeated("Pow", 8), {"c0": np.array([9, 9, 9], I64)}),
        "outer product": (
            [node("Expand", "col s", "a"), node("Expand", "col t", "b"), node("MatMul", "a b", "c")],
            {**matrix, "s": _shape(1 << 16, 1), "t": _shape(1, 1 << 16)},
        ),
        "matrix product of 2^36": (
            [node("Expand", "col s", "a"), node("MatMul", "a a", "c")],
            {**matrix, "s": _shape(1 << 12, 1 << 12)},
        ),
        "twenty products": (
            [node("Expand", "col s", "c0"), *_repeated("MatMul", 20)],
            {**matrix, "s": _shape(2000, 2000)},
        ),
        "stack of products": (
            [node("Expand", "col s", "a"), node("MatMul", "a a", "c")],
            {**matrix, "s": _shape(1 << 20, 4, 4)},
        ),
        "Gather": (
            [node("Expand", "zero s", "i"), node("Gather", "big i", "c", axis=0)],
            {"zero": np.zeros(1, I64), "s": _shape(1 << 24), "big": np.zeros((1, 4096), np.float32)},
        ),
        "Gather far outside": ([node("Gather", "big i", "c")], {"big": real(3), "i": np.array([1 << 40], I64)}),
        "Range": ([node("Range", "a b d", "c")], {"a": np.array(0), "b": np.array(1 << 50), "d": np.array(1)}),
        "Pad of a constant": ([node("Pad", "c0 s", "c")], {"c0": real(3), "s": _shape(1 << 40, 1 << 40)}),
        "OneHot": ([node("OneHot", "i d v", "c")], {"i": _shape(1), "d": np.array(1 << 40, I64), "v": real(2)}),
        "Resize": ([node("Resize", "c0 - - s", "c")], {"c0": real(3), "s": _shape(1 << 40)}),
        "Reshape to 2^62": ([node("Reshape", "c0 s", "c")], {"c0": real(3), "s": _shape(1 << 62, -1)}),
        "Slice backwards": (
            [node("Slice", "c0 a b - d", "c")],
            {"c0": real(3), "a": _shape(1 << 62), "b": _shape(-(1 << 62)), "d": _shape(-1)},
        ),
        "Slice of step 0": ([node("Slice", "c0 a b - a", "c")], {"c0": real(3), "a": _shape(0), "b": _shape(3)}),
        "division of the least integer": ([node("Div", "a b", "c")], {"a": _shape(*[-(1 << 63)] * 3), "b": _shape(-1)}),
        "DequantizeLinear of blocks": (
            [node("DequantizeLinear", "q k", "c", axis=0, block_size=1 << 60)],
            {"q": np.ones((3, 3), np.int8), "k": real(1, 3)},
        ),
        "text of 1 MB": ([helper.make_node("Constant", [], ["c"], value=text)], {}),
        "Cast to text": ([node("Cast", "c0", "c", to=8)], {"c0": real(1000)}),
        "Unsqueeze 60 times": ([node("Unsqueeze", "c0 s", "c")], {"c0": real(3), "s": np.arange(60)}),
        "Where of three vectors": (
            [filled, node("Expand", "one t", "o"), node("Cast", "one", "k", to=9), node("Where", "k z o", "c")],
            {**one, "s": _shape(1 << 13, 1), "t": _shape(1, 1 << 13)},
        ),
        "infinity from Exp": ([node("Exp", "c0", "c")], {"c0": real(3) + 1000}),
        "NaN from Sqrt": ([node("Sqrt", "c0", "c")], {"c0": real(3) - 9}),
        "1 / 0": ([node("Reciprocal", "c0", "c")], {"c0": np.zeros(3, np.float32)}),
    }  # fmt: skip
    return found


def _filled(op: str, *dims: int, shape: tuple[int, ...] = (4,), **attributes: Any) -> ModelProto:
    """A weight that the file does not hold: a filled tensor of these dimensions."""
    value = helper.make_tensor("value", TensorProto.FLOAT, [1], [0.25])
    nodes = [node("ConstantOfShape", "s", "w", value=value), node(op, "x w", "y", **attributes)]
    return model(nodes, {"s": _shape(*dims)}, ("N", *shape))


def _one(op: str, *shape: int | str, **attributes: Any) -> ModelProto:
    return model([node(op, "x", "y", **attributes)], shape=("N", *shape))


def _pools(count: int, side: int) -> ModelProto:
    """One behind another, none of which makes the map smaller."""
    nodes = [node("MaxPool", f"v{i}", f"v{i + 1}", kernel_shape=[3, 3], pads=[1] * 4) for i in range(count)]
    return model(nodes, shape=("N", 1, side, side), name="v0")


def _maps() -> dict[str, Callable[[], ModelProto]]:
    """Tensors that depend on the input."""

    def padded(*pads: int) -> ModelProto:
        return model(
            [node("Pad", "x p", "q"), node("MaxPool", "q", "y", kernel_shape=[2, 2])],
            {"p": _shape(*pads)},
            ("N", 1, 4, 4),
        )

    def scaled(count: int) -> ModelProto:
        """Products of constants beyond any float."""
        nodes = [node("Mul", f"v{i} k", f"v{i + 1}") for i in range(count)]
        return model(nodes, {"k": np.full(4, 1e30, np.float32)}, name="v0")

    def deepened(count: int) -> ModelProto:
        nodes = [node("MatMul", f"v{i} w", f"v{i + 1}") for i in range(count)]
        return model(nodes, {"w": np.full((4, 4), 1e30, np.float32)}, name="v0")

    return {
        "input of 2^40": lambda: _one("Relu", 1 << 20, 1 << 20),
        "input of 2^24": lambda: _one("Relu", 1 << 24),
        "input of 2^22": lambda: _one("Sigmoid", 1 << 22),
        "input of 2^16": lambda: _one("Relu", 1 << 16),
        "map of 2^24": lambda: _one("MaxPool", 1, 1 << 12, 1 << 12, kernel_shape=[2, 2], strides=[2, 2]),
        "map of 2^20": lambda: _one("MaxPool", 1, 1 << 10, 1 << 10, kernel_shape=[2, 2], strides=[2, 2]),
        "line of 2^23": lambda: _one("AveragePool", 1, 1 << 23, kernel_shape=[3]),
        "map of 2^22 in rows of 4": lambda: _one("MaxPool", 1, 1 << 20, 4, kernel_shape=[2, 2], strides=[2, 2]),
        "map of 2^18 in rows of 16": lambda: _one("MaxPool", 1, 1 << 14, 16, kernel_shape=[2, 2], strides=[2, 2]),
        "40 pools of 2^20": lambda: _pools(40, 1 << 10),
        "pool over 2^24": lambda: _one("GlobalAveragePool", 1, 1 << 12, 1 << 12),
        "pool of kernel 2^11": lambda: _one("MaxPool", 1, 1 << 12, 1 << 12, kernel_shape=[1 << 11, 1 << 11]),
        "pool of kernel 2^10 on 2^22": lambda: _one("MaxPool", 1, 1 << 11, 1 << 11, kernel_shape=[1 << 10] * 2),
        "pool of kernel 2^6": lambda: _one("MaxPool", 1, 1 << 8, 1 << 8, kernel_shape=[1 << 6] * 2),
        "average of kernel 2^10": lambda: _one("AveragePool", 1, 1 << 10, 1 << 10, kernel_shape=[1 << 10, 1 << 10]),
        "pads of 2^11": lambda: _one("AveragePool", 1, 4, 4, kernel_shape=[2048, 2048], pads=[2047] * 4),
        "Pad to 2^24": lambda: padded(0, 0, 2046, 2046, 0, 0, 2046, 2046),
        "Pad to 2^40": lambda: padded(0, 0, 1 << 20, 1 << 20, 0, 0, 1 << 20, 1 << 20),
        "Pad that overflows": lambda: padded(0, 0, (1 << 63) - 1, 1, 0, 0, (1 << 63) - 1, 1),
        "Pad of less than nothing": lambda: padded(0, 0, -3, -3, 0, 0, -3, -3),
        "dense 4096 x 4096": lambda: _filled("MatMul", 4096, 4096, shape=(4096,)),
        "dense 4 x 2^24": lambda: _filled("MatMul", 4, 1 << 24),
        "dense 4 x 2^20": lambda: _filled("MatMul", 4, 1 << 20),
        "dense 2^24 x 1": lambda: _filled("MatMul", 1 << 24, 1, shape=(1 << 24,)),
        "dense 4 x 2^16": lambda: _filled("MatMul", 4, 1 << 16),
        "conv to 2^22 channels": lambda: _filled("Conv", 1 << 22, 4, 1, 1, shape=(4, 2, 2)),
        "conv of kernel 1024": lambda: _filled("Conv", 1, 1, 1024, 1024, shape=(1, 1024, 1024)),
        "conv of 1024 channels": lambda: _filled("Conv", 1024, 1024, 3, 3, shape=(1024, 8, 8), pads=[1, 1, 1, 1]),
        "conv with dilations of 4000": lambda: _filled("Conv", 1, 1, 2, 2, shape=(1, 4096, 4096), dilations=[4000] * 2),
        "conv with dilations of 400": lambda: _filled("Conv", 1, 1, 2, 2, shape=(1, 512, 512), dilations=[400] * 2),
        "depthwise of 2^20 channels": lambda: _filled("Conv", 1 << 20, 1, 1, 1, shape=(1 << 20, 2, 2), group=1 << 20),
        "added map of 2^24": lambda: _filled("Add", 1, 1 << 12, 1 << 12, shape=(1, 1 << 12, 1 << 12)),
        "20 factors of 1e30": lambda: scaled(20),
        "20 products of 1e30": lambda: deepened(20),
        "100,000 dimensions": lambda: model([node("Relu", "x", "y")], shape=("N", *[1] * 100_000)),
    }  # fmt: skip


def _host() -> dict[str, Callable[[], ModelProto]]:
    """What follows the product cannot be hardware, and asks the host for much."""

    def behind(op: str, **given: Any) -> ModelProto:
        return model([node("MatMul", "x w", "h"), node(op, f"h {' '.join(given)}", "y")], {"w": real(4, 3), **given})

    def expanded(*dims: int) -> ModelProto:
        nodes = [node("MatMul", "x w", "h"), node("Expand", "h s", "e"), node("Relu", "e", "y")]
        return model(nodes, {"w": real(4, 3), "s": _shape(*dims)})

    return {
        "Expand": lambda: expanded(1 << 40, 3),
        "Expand to 2^30": lambda: expanded(1, 1 << 30, 3),
        "Expand to 2^12": lambda: expanded(1 << 10, 1, 3),
        "Tile": lambda: behind("Tile", s=_shape(1, 1 << 40)),
        "OneHot": lambda: behind("OneHot", d=np.array(1 << 40), v=real(2)),
        "TopK": lambda: behind("TopK", k=_shape(1 << 40)),
        "Gather": lambda: behind("Gather", i=np.array([1 << 40])),
    }
