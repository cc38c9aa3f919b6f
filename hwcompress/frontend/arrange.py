# SPDX-License-Identifier: Apache-2.0
"""A user's data brought into the layout of the model's input."""

from collections.abc import Sequence

import numpy as np

from hwcompress.errors import BadInput, quote
from hwcompress.frontend.model import ModelInput
from hwcompress.frontend.raw import Array


def arrange(x: Array, model_input: ModelInput) -> Array:
    """x [samples, ...] as [samples, *sample_shape] in the input's own element type; dimensions of 1 may be missing.

    Raises:
        BadInput: the shape does not fit, or values are no numbers, not finite, or not of the input's type.
    """
    where = f"data for input {quote(model_input.name)}"
    want = model_input.sample_shape
    if x.dtype.kind not in "iufb":
        raise BadInput(f"{where}: numbers are wanted, found {x.dtype}")
    if x.ndim == 0 or _solid(x.shape[1:]) != _solid(want):
        raise BadInput(f"{where}: shape {_text(('samples', *want))} is wanted, found {_text(x.shape)}")
    if len(x) == 0:
        raise BadInput(f"{where}: it holds no samples")
    return _typed(x.reshape(len(x), *want), model_input.dtype, where)


def _solid(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(d for d in shape if d != 1)


def _text(shape: Sequence[object]) -> str:
    return f"[{', '.join(str(d) for d in shape)}]"


def _typed(x: Array, name: str, where: str) -> Array:
    kind = np.dtype(np.float32 if name == "bfloat16" else name)
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        sample = int(np.argwhere(~np.isfinite(x))[0][0])
        raise BadInput(f"{where}: sample {sample} holds NaN or infinity; finite numbers are wanted")
    with np.errstate(over="ignore", invalid="ignore"):
        y = x.astype(kind)
    if kind.kind == "f" and not np.isfinite(y).all():
        raise BadInput(f"{where}: values up to {float(np.abs(x).max()):g} do not fit {name}")
    if kind.kind != "f" and (y.astype(np.float64) != x.astype(np.float64)).any():
        raise BadInput(f"{where}: the model takes {name}, found values from {x.min():g} to {x.max():g} that are none")
    return y
