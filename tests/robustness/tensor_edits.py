# SPDX-License-Identifier: Apache-2.0
"""Changes to the weights of the MLP. The names say what."""

import numpy as np
from onnx import ModelProto, TensorProto

from tests.robustness.honest import real
from tests.robustness.parts import replace_tensor, tensor


def both(made: ModelProto) -> None:
    tensor(made, "w0").float_data.extend([1.0] * 48)


def in_wrong_field(made: ModelProto) -> None:
    given = tensor(made, "w0")
    given.ClearField("raw_data")
    given.int64_data.extend([1] * 48)


def segment(made: ModelProto) -> None:
    tensor(made, "w0").segment.begin, tensor(made, "w0").segment.end = 1 << 40, -5


def location(made: ModelProto) -> None:
    tensor(made, "w0").data_location = TensorProto.EXTERNAL


def no_type(made: ModelProto) -> None:
    tensor(made, "w0").ClearField("data_type")


def nothing(made: ModelProto) -> None:
    tensor(made, "w0").CopyFrom(TensorProto(name="w0"))


def no_name(made: ModelProto) -> None:
    tensor(made, "w0").ClearField("name")


def twice(made: ModelProto) -> None:
    made.graph.initializer.append(made.graph.initializer[0])


def swapped(made: ModelProto) -> None:
    first, second = tensor(made, "w0"), tensor(made, "w1")
    first.name, second.name = "w1", "w0"


def empty_bias(made: ModelProto) -> None:
    replace_tensor(made, "b0", np.zeros(0, np.float32))


def bias_of_matrix(made: ModelProto) -> None:
    replace_tensor(made, "b0", real(8, 8))


def four_bits(made: ModelProto) -> None:
    tensor(made, "w0").CopyFrom(TensorProto(name="w0", data_type=22, dims=[8, 6], int32_data=[-1 << 31] * 48))


EDITS = (
    both, in_wrong_field, segment, location, no_type, nothing, no_name, twice, swapped, empty_bias, bias_of_matrix,
    four_bits,
)  # fmt: skip
