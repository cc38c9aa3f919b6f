# SPDX-License-Identifier: Apache-2.0
"""Trained ONNX networks become compressed fixed-point FPGA designs, proven against a bit-exact simulator."""

__version__ = "0.1.0"
