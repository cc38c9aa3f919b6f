# SPDX-License-Identifier: Apache-2.0
"""What a model does after the hardware: Softmax, labels. Imports onnxruntime: import it when needed."""

import numpy as np

from hwcompress.errors import quote
from hwcompress.frontend.model import Model
from hwcompress.frontend.raw import Array
from hwcompress.frontend.runtime import Session, check
from hwcompress.ir.fixed import Reals

_TYPES = {"tensor(double)": np.float64, "tensor(float16)": np.float16}


class HostTail:
    """From the hardware's real-valued outputs to the model's own outputs."""

    def __init__(self, model: Model, threads: int = 1) -> None:
        """Raises BadInput if onnxruntime does not take the tail."""
        self._model = model
        self._session = None
        if model.tail:
            stacked = not model.input.batched
            self._session = Session(model.tail, _what(model), stacked=stacked, threads=threads, size=model.batch)

    def run(self, x: Reals) -> dict[str, Array]:
        """x [samples, channels] to the model's outputs by name, samples first.

        Raises:
            BadInput: onnxruntime cannot run the tail.
        """
        y = x.reshape(len(x), *self._model.tail_shape)
        if self._session is None:
            return {self._model.outputs[0]: y}
        return self._session.run(y.astype(_TYPES.get(self._session.input_type, np.float32)))


def check_tail(model: Model) -> None:
    """Nothing, if onnxruntime takes the part that stays on the host.

    Raises:
        BadInput: it does not.
    """
    if model.tail:
        check(model.tail, _what(model))


def _what(model: Model) -> str:
    return f"the end of the model {quote(model.name)}"
