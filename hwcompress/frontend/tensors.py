# SPDX-License-Identifier: Apache-2.0
"""ONNX tensors as arrays: sizes are checked before anything is allocated."""

import math
from typing import cast

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from hwcompress.errors import BadInput, quote
from hwcompress.frontend.raw import Array

# Bits of the elements that share bytes, by type; older onnx packages do not know all of them.
_PACKED = {"FLOAT4E2M1": 4, "INT4": 4, "UINT4": 4, "INT2": 2, "UINT2": 2}
_BITS = {int(code): _PACKED[name] for name, code in TensorProto.DataType.items() if name in _PACKED}
# ONNX float types numpy does not know; they are widened exactly.
_WIDEN = {int(code) for name, code in TensorProto.DataType.items() if name.startswith(("BFLOAT16", "FLOAT8", "FLOAT4"))}


def type_name(code: int) -> str:
    """The numpy name of an ONNX element type, such as float32; bfloat16 for that one."""
    known = {int(v): k.lower() for k, v in TensorProto.DataType.items()}
    names = {"float": "float32", "double": "float64"}
    name = known.get(code, f"type {code}")
    return names.get(name, name)


def type_code(name: str) -> int:
    """The ONNX element type of a numpy name."""
    onnx_names = {"float32": "FLOAT", "float64": "DOUBLE"}
    return int(TensorProto.DataType.Value(onnx_names.get(name, name.upper())))


def byte_size(tensor: TensorProto) -> int | None:
    """Bytes that raw data of this tensor must have; None for strings and unknown types."""
    if tensor.data_type == TensorProto.STRING or tensor.data_type not in TensorProto.DataType.values():
        return None
    if tensor.data_type == TensorProto.UNDEFINED:
        return None
    bits = _BITS.get(int(tensor.data_type)) or helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize * 8
    return -(-math.prod(tensor.dims) * bits // 8)


def check_size(tensor: TensorProto) -> None:
    """The data is as long as the shape says.

    Raises:
        BadInput: it is not, or the shape or type is impossible.
    """
    where = f"tensor {quote(tensor.name)}"
    shape = list(tensor.dims)
    if any(d < 0 for d in shape):
        raise BadInput(f"{where}: shape {shape[:8]} has a negative dimension; the file is damaged")
    if tensor.HasField("raw_data"):
        want, found, unit = byte_size(tensor), len(tensor.raw_data), "bytes"
        if want is None:
            raise BadInput(
                f"{where}: element type {type_name(tensor.data_type)} cannot be raw data; the file is damaged"
            )
    else:
        want, found, unit = *_typed_size(tensor), "values"
    if want != found:
        raise BadInput(f"{where}: shape {shape[:8]} wants {want} {unit}, found {found}; the file is damaged")


def _typed_size(tensor: TensorProto) -> tuple[int, int]:
    """Values wanted and found in the typed field."""
    count = math.prod(tensor.dims)
    if tensor.data_type == TensorProto.STRING:
        return count, len(tensor.string_data)
    try:
        name = helper.tensor_dtype_to_field(tensor.data_type)
    except KeyError:
        kind = type_name(tensor.data_type)
        raise BadInput(f"tensor {quote(tensor.name)}: element type {kind} is unknown; the file is damaged") from None
    found = len(cast("list[object]", getattr(tensor, name)))
    if tensor.data_type in (TensorProto.COMPLEX64, TensorProto.COMPLEX128):
        count *= 2
    bits = _BITS.get(int(tensor.data_type))
    if bits and found != count:
        count = -(-count * bits // 8)  # packed
    return count, found


def decode(tensor: TensorProto) -> Array:
    """The tensor's values; types numpy does not have are widened to float32 or int8.

    Raises:
        BadInput: data and shape do not fit.
    """
    check_size(tensor)
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, NotImplementedError, OverflowError) as error:
        reason = quote(str(error), 200)
        raise BadInput(f"tensor {quote(tensor.name)}: cannot be read ({reason}); the file is damaged") from None
    if tensor.data_type in _WIDEN:
        return array.astype(np.float32)
    return array.astype(np.int8) if tensor.data_type in _BITS else array
