# SPDX-License-Identifier: Apache-2.0
"""Trained ONNX networks become compressed fixed-point FPGA designs, proven against a bit-exact simulator."""

from typing import TYPE_CHECKING, Any

from hwcompress.version import __version__

if TYPE_CHECKING:
    from hwcompress.api import Design, compile, estimate, open_build
    from hwcompress.compression import compress_model

__all__ = ["Design", "__version__", "compile", "compress_model", "estimate", "open_build"]


def __getattr__(name: str) -> Any:
    """The public names, imported when first used: `import hwcompress` stays light."""
    if name in ("Design", "compile", "estimate", "open_build"):
        from hwcompress import api

        return getattr(api, name)
    if name == "compress_model":
        from hwcompress import compression

        return compression.compress_model
    raise AttributeError(f"module 'hwcompress' has no attribute {name!r}")
