# SPDX-License-Identifier: Apache-2.0
"""Mutants of tensors: types, sizes, shapes and numbers that make no sense."""

from collections.abc import Iterator

import numpy as np
from onnx import ModelProto, SparseTensorProto, TensorProto, helper, numpy_helper

from tests.frontend.build import model, node
from tests.robustness.honest import real
from tests.robustness.mutant import FAILS, PASSES, Mutant, built, edited
from tests.robustness.parts import replace_tensor, step, tensor, value
from tests.robustness.tensor_edits import EDITS

DIMS: dict[str, list[int]] = {
    "negative": [-8, 6],
    "both negative": [-8, -6],
    "zero": [0, 6],
    "all zero": [0, 0],
    "2^31": [1 << 31, 6],
    "2^62": [1 << 62, 6],
    "product of 0 in 64 bits": [1 << 32, 1 << 32],
    "product of 48 in 64 bits": [(1 << 62) + 12, 4],
    "scalar": [],
    "turned": [6, 8],
    "flat": [48],
    "three": [8, 6, 1],
    "33 dimensions": [1] * 31 + [8, 6],
    "65 dimensions": [1] * 63 + [8, 6],
    "2000 dimensions": [1] * 2000,
}
NUMBERS: dict[str, float] = {
    "nan": np.nan, "inf": np.inf, "-inf": -np.inf, "1e300": 1e300, "-1e300": -1e300, "3e38": 3e38, "1e30": 1e30,
    "1e-30": 1e-30, "denormal": 5e-324, "denormal of float32": 1e-45, "zero": 0.0, "1e9": 1e9, "1e16": 1e16,
}  # fmt: skip
TYPES = ("FLOAT16", "DOUBLE", "INT8", "UINT8", "INT32", "INT64", "BOOL", "COMPLEX64", "STRING", "BFLOAT16")


def mutants() -> Iterator[Mutant]:
    """Of the weights of the MLP, mostly."""
    yield from _of_types()
    for what, dims in DIMS.items():
        yield edited(f"dims/{what}", "mlp", lambda m, d=dims: _shaped(m, d), must=FAILS)
    for change in (-192, -4, -1, 1, 4, 192, 1 << 20):
        yield edited(f"length/{change}", "mlp", lambda m, c=change: _resized(m, c), must=FAILS)
    yield from _of_numbers()
    for edit in EDITS:
        yield edited(f"tensor/{edit.__name__.replace('_', ' ')}", "mlp", edit)
    for name, made in _sparse().items():
        yield built(f"sparse/{name}", lambda s=made: _with_sparse(s))
    yield built("huge/unused initializer of 8 MiB", _unused, must=PASSES)
    yield built("huge/quantization annotations", _annotated, must=PASSES)


def _of_types() -> Iterator[Mutant]:
    for code in sorted({*TensorProto.DataType.values(), -1, 99, 1 << 30} - {TensorProto.FLOAT}):
        yield edited(f"type/code {code}", "mlp", lambda m, c=code: _typed(m, c))
    for kind in TYPES:
        yield edited(f"type/whole weight of {kind}", "mlp", lambda m, k=kind: _converted(m, "w0", k))
    yield edited("type/bias of int64", "mlp", lambda m: _converted(m, "b0", "INT64"))
    yield edited("type/bias of double", "mlp", lambda m: _converted(m, "b0", "DOUBLE"))


def _of_numbers() -> Iterator[Mutant]:
    for what, number in NUMBERS.items():
        yield edited(f"numbers/one weight {what}", "mlp", lambda m, n=number: _one(m, "w0", n))
        yield edited(f"numbers/all weights {what}", "mlp", lambda m, n=number: _all(m, "w0", n))
        yield edited(f"numbers/one bias {what}", "cnn", lambda m, n=number: _one(m, "b0", n))
    for what in ("1e300", "3e38", "1e30", "1e-30", "denormal"):
        yield edited(f"numbers/all weights of all layers {what}", "mlp", lambda m, n=NUMBERS[what]: _everywhere(m, n))
        yield edited(f"numbers/all kernels {what}", "cnn", lambda m, n=NUMBERS[what]: _everywhere(m, n))
    for what in ("nan", "1e300", "denormal", "zero", "-inf"):
        yield edited(f"numbers/variance {what}", "cnn", lambda m, n=NUMBERS[what]: _all(m, "v", n))
        yield edited(f"numbers/scale {what}", "cnn", lambda m, n=NUMBERS[what]: _one(m, "s", n))
        yield edited(f"numbers/bound {what}", "depthwise", lambda m, n=NUMBERS[what]: replace_tensor(m, "hi", n))


def _typed(made: ModelProto, code: int) -> None:
    tensor(made, "w0").data_type = code


def _converted(made: ModelProto, name: str, kind: str) -> None:
    given = tensor(made, name)
    numbers = value(made, name)
    if kind == "STRING":
        strings = [b"\xff\x00 not text"] * numbers.size
        given.CopyFrom(TensorProto(name=name, data_type=8, dims=numbers.shape, string_data=strings))
        return
    raw = helper.make_tensor(name, TensorProto.DataType.Value(kind), numbers.shape, numbers.ravel().tolist())
    given.CopyFrom(raw)


def _shaped(made: ModelProto, dims: list[int]) -> None:
    given = tensor(made, "w0")
    del given.dims[:]
    given.dims.extend(dims)


def _resized(made: ModelProto, change: int) -> None:
    given = tensor(made, "w0")
    given.raw_data = given.raw_data[:change] if change < 0 else given.raw_data + bytes(change)


def _one(made: ModelProto, name: str, number: float) -> None:
    kept = value(made, name).astype(np.float64)
    kept.reshape(-1)[1] = number
    _store(made, name, kept, number)


def _all(made: ModelProto, name: str, number: float) -> None:
    _store(made, name, np.full(value(made, name).shape, number), number)


def _everywhere(made: ModelProto, number: float) -> None:
    for given in [t.name for t in made.graph.initializer if t.name.startswith("w")]:
        _all(made, given, number)


def _store(made: ModelProto, name: str, numbers: np.ndarray, number: float) -> None:
    """As float32 where the number exists there."""
    wide = 3.4e38 < abs(number) < np.inf or 0 < abs(number) < 1e-45
    replace_tensor(made, name, numbers if wide else numbers.astype(np.float32))


def _sparse() -> dict[str, SparseTensorProto]:
    """In place of a weight [4, 3]."""

    def made(indices: list[int], dims: list[int], values: int = 2, kind: type = np.int64) -> SparseTensorProto:
        held = numpy_helper.from_array(np.ones(values, np.float32), "w")
        return SparseTensorProto(values=held, indices=numpy_helper.from_array(np.array(indices, kind)), dims=dims)

    return {
        "honest": made([1, 5], [4, 3]),
        "outside": made([1, 1 << 40], [4, 3]),
        "negative": made([-7, 5], [4, 3]),
        "unsorted": made([5, 1], [4, 3]),
        "huge": made([1, 5], [1 << 30, 1 << 30]),
        "of floats": made([1, 5], [4, 3], kind=np.float32),
        "too few": made([1], [4, 3]),
        "no dims": made([1, 5], []),
    }


def _with_sparse(given: SparseTensorProto) -> ModelProto:
    made = model([node("MatMul", "x w", "h"), node("Add", "h b", "y")], {"b": real(3)})
    made.graph.sparse_initializer.append(given)
    return made


def _unused() -> ModelProto:
    nodes = [node("MatMul", "x w", "y")]
    return model(nodes, {"w": real(4, 3), "giant": np.zeros(1 << 21, np.float32)})


def _annotated() -> ModelProto:
    made = model([node("MatMul", "x w", "y")], {"w": real(4, 3)})
    for k in range(1000):
        found = made.graph.quantization_annotation.add(tensor_name="w" if k % 2 else f"ghost {k}\n<b>")
        found.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="nowhere")
    step(made, "MatMul").doc_string = "d" * 100_000
    return made
