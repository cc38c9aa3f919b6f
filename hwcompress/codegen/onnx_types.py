# SPDX-License-Identifier: Apache-2.0
"""Element types of ONNX by their numpy names."""

FLOAT = 1
ONNX_TYPES = {
    "float32": FLOAT, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9, "float16": 10,
    "float64": 11, "uint32": 12, "uint64": 13, "bfloat16": 16,
}  # fmt: skip
