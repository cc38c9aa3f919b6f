# SPDX-License-Identifier: Apache-2.0
"""Random convolutional chains: any layout, any attributes that onnxruntime runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper

from hwcompress.frontend.onnx_import import inspect
from hwcompress.frontend.runtime import ort
from tests.frontend.build import model, save

# What a random attribute may run into; anything else that is refused is a mistake.
EXPECTED = (
    "a window lies in the padding alone", "of padding", "write pads", "pads for itself", "is a vector of",
    "groups on a vector", "do not lie side by side", "lie apart in hardware",
)  # fmt: skip
ACTIVATIONS: Sequence[tuple[str, dict[str, Any]]] = (
    ("Relu", {}), ("Sigmoid", {}), ("Tanh", {}), ("LeakyRelu", {"alpha": 0.3}), ("Selu", {}), ("Elu", {"alpha": 0.7}),
    ("Softplus", {}), ("Softsign", {}), ("ThresholdedRelu", {"alpha": 0.2}), ("HardSigmoid", {}),
)  # fmt: skip


@dataclass
class Chain:
    """A model under construction; `labels`: what the dimensions behind the batch are, of "C", "R", "K"."""

    rng: np.random.Generator
    folder: Path
    labels: list[str]
    sizes: dict[str, int]
    batch: int | str = "N"
    opset: int = 17
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    start: tuple[int, ...] = ()
    kind: int = TensorProto.FLOAT

    @property
    def dims(self) -> list[int]:
        return [self.sizes[label] for label in self.labels]

    @property
    def value(self) -> str:
        return self.nodes[-1].output[0] if self.nodes else "x"

    def one(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def real(self, *shape: int) -> np.ndarray:
        return self.rng.uniform(-1, 1, shape).astype(np.float32)

    def constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def add(self, op: str, *inputs: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(op, [self.value, *inputs], [f"v{len(self.nodes)}"], **attributes))

    def file(self) -> ModelProto:
        shape = (self.batch, *(self.start or self.dims))
        return model(self.nodes, self.constants, shape, self.opset, kind=self.kind)

    def attempt(self, step: Callable[[], None]) -> bool:
        """Take a step; take it back if onnxruntime does not run it, or it is refused for an expected reason."""
        kept = len(self.nodes), dict(self.constants), list(self.labels), dict(self.sizes)
        step()
        shape = output_shape(self.file())
        if shape is not None and min(shape) > 0:
            problems = inspect(save(self.folder, self.file(), "part.onnx")).problems
            if not problems or problems[0].startswith("nothing can be built"):
                self.sizes = dict(zip(self.labels, shape[1:], strict=True))
                return True
            assert any(reason in problems[0] for reason in EXPECTED), (problems, self.nodes)
        del self.nodes[kept[0] :]
        self.constants, self.labels, self.sizes = kept[1:]
        return False

    # What a chain is made of.

    def transpose(self, labels: list[str]) -> None:
        if labels != self.labels:
            self.add("Transpose", perm=[0, *(1 + self.labels.index(label) for label in labels)])
            self.labels = labels

    def shuffle(self) -> None:
        self.transpose([str(label) for label in self.rng.permutation(self.labels)])

    def channels_first(self) -> None:
        spatial = [label for label in self.labels if label != "C"]
        if self.rng.random() < 0.3:
            spatial = spatial[::-1]
        self.transpose(["C", *spatial])

    def window(self, *, conv: bool) -> dict[str, Any]:
        """Random attributes of a window, kernel_shape among them."""
        spatial = [self.sizes[label] for label in self.labels if label != "C"]
        kernel = [int(self.rng.integers(1, min(size, 4) + 1)) for size in spatial]
        found: dict[str, Any] = {"kernel_shape": kernel}
        if self.rng.random() < 0.6:
            found["strides"] = [int(self.rng.integers(1, 4)) for _ in kernel]
        if self.rng.random() < 0.3:
            found["dilations"] = [int(self.rng.integers(1, 3)) for _ in kernel]
        auto = self.one("", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
        if auto:
            found["auto_pad"] = auto
        if auto in ("", "NOTSET"):
            found["pads"] = [int(self.rng.integers(0, min(k + conv, 4))) for k in (*kernel, *kernel)]
        return found

    def conv(self) -> None:
        self.channels_first()
        n, attributes = self.sizes["C"], self.window(conv=True)
        groups = self.one(1, n, *(g for g in range(1, n + 1) if n % g == 0))
        m = groups * int(self.rng.integers(1, 4))
        weight = self.constant(self.real(m, n // groups, *attributes["kernel_shape"]))
        bias = [self.constant(self.real(m))] if self.rng.random() < 0.5 else []
        if self.rng.random() < 0.5:
            del attributes["kernel_shape"]
        self.add("Conv", weight, *bias, group=groups, **attributes)

    def pool(self) -> None:
        self.channels_first()
        attributes = self.window(conv=False) | {"ceil_mode": int(self.rng.integers(2))}
        if self.rng.random() < 0.5:
            self.add("MaxPool", **attributes)
        else:
            if self.opset < 19:
                attributes.pop("dilations", None)
            self.add("AveragePool", count_include_pad=int(self.rng.integers(2)), **attributes)

    def pad(self) -> None:
        spatial = [label != "C" for label in self.labels]
        ends = [int(self.rng.integers(0, 3)) * wide for _ in range(2) for wide in (False, *spatial)]
        value = self.one(0.0, 0.0, -np.inf, -0.5)
        inputs = [self.constant(np.array(ends, np.int64))]
        if value or self.rng.random() < 0.5:
            inputs.append(self.constant(np.float32(value)))
        self.add("Pad", *inputs)
        if self.rng.random() < 0.3:
            self.shuffle()
        if value:
            self.channels_first()
            given = self.window(conv=False)
            self.add("MaxPool", **{key: given[key] for key in ("kernel_shape", "strides") if key in given})
        else:
            self.one(self.conv, self.pool)()

    def elementwise(self) -> None:
        op, attributes = self.one(*ACTIVATIONS)
        self.add(op, **attributes)

    def arithmetic(self) -> None:
        """With one value, one for each channel, row or column, or one for each element."""
        some = self.one([], ["C"], [self.one(*self.labels)], self.labels)
        shape = [self.sizes[label] if label in some else 1 for label in self.labels]
        c = self.constant(self.real(*shape) + np.float32(1.5))
        self.add(self.one("Add", "Sub", "Mul", "Div"), c)

    def scaler(self) -> None:
        n = self.sizes[self.labels[-1]]
        offset, scale = self.real(self.one(1, n)), self.real(self.one(1, n))
        self.add("Scaler", domain="ai.onnx.ml", offset=offset.tolist(), scale=scale.tolist())

    def batch_normalization(self) -> None:
        n = self.sizes[self.labels[0]]  # dimension 1, whatever it holds
        stats = [self.constant(self.real(n) + np.float32(shift)) for shift in (0, 0, 0, 1.5)]
        self.add("BatchNormalization", *stats)

    def positions(self) -> None:
        """A product over the channels at each position, channels last."""
        self.transpose([*(label for label in self.labels if label != "C"), "C"])
        self.add("MatMul", self.constant(self.real(self.sizes["C"], int(self.rng.integers(1, 5)))))

    def mix_channels(self) -> None:
        """As ShuffleNet does: channels split in two dimensions, these swapped."""
        at, n = 1 + self.labels.index("C"), self.sizes["C"]
        groups = self.one(*(g for g in range(1, n + 1) if n % g == 0))
        whole = [0, *self.dims]
        split = [*whole[:at], groups, n // groups, *whole[at + 1 :]]
        perm = list(range(len(split)))
        perm[at], perm[at + 1] = at + 1, at
        self.add("Reshape", self.constant(np.array(split, np.int64)))
        self.add("Transpose", perm=perm)
        self.add("Reshape", self.constant(np.array(whole, np.int64)))

    # How a chain ends.

    def join_positions(self) -> None:
        """Channels last or first, all positions in one dimension, and a product at each."""
        spatial = [label for label in self.labels if label != "C"]
        n, count = self.sizes["C"], int(np.prod([self.sizes[label] for label in spatial]))
        if self.rng.random() < 0.5:
            self.transpose(["C", *spatial])
            self.add("Reshape", self.constant(np.array([0, n, count], np.int64)))
            self.add("Transpose", perm=[0, 2, 1])
        else:
            self.transpose([*spatial, "C"])
            self.add("Reshape", self.constant(np.array([0, count, n], np.int64)))
        self.add("MatMul", self.constant(self.real(n, 3)))
        self.labels = ["R", "C"]

    def dense(self) -> None:
        if self.rng.random() < 0.5:
            self.add("Flatten")
        else:
            self.add("Reshape", self.constant(np.array([self.one(0, -1), int(np.prod(self.dims))], np.int64)))
        n, m = int(np.prod(self.dims)), int(self.rng.integers(1, 5))
        if self.rng.random() < 0.3:
            self.add("Mul", self.constant(self.real(n)))
        self.add("Gemm", self.constant(self.real(m, n)), self.constant(self.real(m)), transB=1)
        self.labels = ["C"]

    def reduce(self) -> None:
        spatial = [label for label in self.labels if label != "C"]
        axes = [1 + self.labels.index(label) for label in spatial]
        keep = int(self.rng.integers(2))
        op = self.one("ReduceMean", "ReduceMax", "ReduceSum")
        axes = [axis - 1 - len(self.labels) if self.rng.random() < 0.5 else axis for axis in axes]
        if op == "ReduceSum" or self.opset >= 18:
            self.add(op, self.constant(np.array(axes, np.int64)), keepdims=keep)
        else:
            self.add(op, axes=axes, keepdims=keep)
        if not keep:
            self.labels = ["C"]

    def global_pool(self) -> None:
        self.channels_first()
        self.add(self.one("GlobalAveragePool", "GlobalMaxPool"))


def output_shape(made: ModelProto) -> tuple[int, ...] | None:
    """Of one sample with its batch of 1, as onnxruntime computes it; None if it does not."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
        kind = np.uint8 if "uint8" in session.get_inputs()[0].type else np.float32
        dims = [d.dim_value or 1 for d in made.graph.input[0].type.tensor_type.shape.dim]
        return session.run(None, {"x": np.ones(dims, kind)})[0].shape
    except Exception:  # noqa: BLE001 (whatever it is, the step is taken back)
        return None


def random_chain(seed: int, folder: Path) -> ModelProto:
    """Input, a few operators, an end."""
    rng = np.random.default_rng(seed)
    two = rng.random() < 0.7
    labels = [str(label) for label in rng.permutation(["C", "R", "K"] if two else ["C", "K"])]
    if rng.random() < 0.4:
        labels = ["C", "R", "K"] if two else ["C", "K"]
    sizes = {"C": int(rng.integers(1, 7)), "R": int(rng.integers(1, 10)), "K": int(rng.integers(1, 10))}
    chain = Chain(rng, folder, labels, sizes, batch=1 if rng.random() < 0.3 else "N", opset=int(rng.integers(13, 23)))
    if rng.random() < 0.2:
        chain.start = (int(np.prod(chain.dims)),)
        chain.add("Reshape", chain.constant(np.array([-1, *chain.dims], np.int64)))
    elif rng.random() < 0.2:
        chain.start, chain.kind = tuple(chain.dims), TensorProto.UINT8
        chain.add("Cast", to=TensorProto.FLOAT)
    else:
        chain.add("Identity")
    chain.start = chain.start or tuple(chain.dims)
    parts = [
        chain.conv, chain.conv, chain.pool, chain.pool, chain.pad, chain.elementwise, chain.arithmetic, chain.scaler,
        chain.batch_normalization, chain.positions, chain.shuffle, chain.mix_channels,
    ]  # fmt: skip
    for _ in range(int(rng.integers(2, 7))):
        chain.attempt(chain.one(*parts))
    end = chain.one(chain.dense, chain.dense, chain.reduce, chain.global_pool, chain.join_positions, None)
    if end is None or not chain.attempt(end) or rng.random() < 0.5:
        chain.attempt(chain.elementwise)
    if inspect(save(folder, chain.file(), "part.onnx")).problems:  # nothing but wiring is left
        chain.add("Relu")
    return chain.file()
