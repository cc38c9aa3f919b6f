# SPDX-License-Identifier: Apache-2.0
"""Models from files of either kind: ONNX, or what `compress` wrote (.hwc)."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hwcompress import config as configuration
from hwcompress.codegen.float_onnx import float_model
from hwcompress.compress.recipe import given_exponents
from hwcompress.errors import BadInput, quote
from hwcompress.frontend import onnx_import
from hwcompress.frontend.model import Inspection, Model, ModelInput
from hwcompress.ir.fixed import Codes
from hwcompress.passes.preprocess import evened
from hwcompress.recipe.state import State
from hwcompress.storage.container import MAGIC, Ends, Packed, Stored, pack, unpack

EXPONENTS = "input_exponents"
MAX_FILE = 1 << 28  # bytes


def load(path: str | Path) -> Model:
    """The network of a file.

    Raises:
        BadInput: it cannot be read or is damaged.
        UnsupportedModel: an ONNX model holds something that cannot be built.
    """
    return load_with_settings(path)[0]


def load_with_settings(path: str | Path) -> tuple[Model, Mapping[str, Any]]:
    """The network, and fields of a Config that its numbers imply (types of a quantized network)."""
    file = Path(path)
    data = _stored_bytes(file)
    if data is None:
        return onnx_import.load(file), {}
    stored = opened(data, f"model {quote(file.name)}")
    return model_of(stored, file.stem, hashlib.sha256(data).hexdigest()), stored.settings


def inspect(path: str | Path) -> Inspection:
    """What a file holds and what stands in the way of building it; of a .hwc file, its network as an ONNX model.

    Raises:
        BadInput: it cannot be read or is damaged.
    """
    file = Path(path)
    data = _stored_bytes(file)
    if data is None:
        return onnx_import.inspect(file)
    source = float_model(opened(data, f"model {quote(file.name)}"))
    with TemporaryDirectory(prefix="hwcompress-") as folder:
        plain = Path(folder) / "model.onnx"
        plain.write_bytes(source)
        found = onnx_import.inspect(plain)
    return replace(found, name=file.stem, sha256=hashlib.sha256(data).hexdigest())


def _stored_bytes(file: Path) -> bytes | None:
    """The bytes of a .hwc file; None if it is another kind, or cannot be read (the importer says so)."""
    try:
        with file.open("rb") as opened:
            if opened.read(len(MAGIC)) != MAGIC:
                if file.suffix == ".hwc":
                    raise BadInput(
                        f"model {quote(file.name)}: a .hwc file wanted, other bytes found. Try: the .onnx file"
                    )
                return None
            opened.seek(0)
            data = opened.read(MAX_FILE + 1)
    except OSError:
        return None
    if len(data) > MAX_FILE:
        raise BadInput(f"model {quote(file.name)}: up to {MAX_FILE} bytes wanted, more found")
    return data


def opened(data: bytes, where: str) -> Stored:
    """The network of a .hwc file, reading the model's own input.

    Raises:
        BadInput: as `unpack`.
    """
    stored = unpack(data, where)
    return replace(stored, graph=evened(stored.graph, -_exponents(stored, where)))


def packed(stored: Stored, method: str = "best") -> Packed:
    """The file of a network. With `input_exponents` among its settings it holds the network that reads x * 2**them."""
    exponents = _exponents(stored, "model")
    return pack(replace(stored, graph=evened(stored.graph, exponents)), method)


def _exponents(stored: Stored, where: str) -> Codes:
    config = configuration.make({k: v for k, v in stored.settings.items() if k == EXPONENTS}, where)
    return given_exponents(config, stored.graph.channels)


def model_of(stored: Stored, name: str, sha256: str) -> Model:
    """What a stored network is to everything behind the importer."""
    ends = stored.ends
    source = float_model(stored)
    return Model(
        name=name,
        sha256=sha256,
        input=ModelInput(ends.input, ends.shape, ends.dtype, ends.batched),
        graph=stored.graph,
        tail=stored.tail,
        tail_ops=ends.tail_ops,
        tail_shape=ends.tail_shape,
        outputs=ends.outputs,
        source=source,
        parameters=stored.parameters,
        batch=ends.batch,
        input_order=ends.input_order,
        output_order=ends.output_order,
    )


def stored_of(model: Model, state: State, raw_input: bool = False) -> Stored:
    """A network that compression made of `model`. raw_input: its input takes any numbers (--mean, --std)."""
    entry = model.input
    ends = Ends(
        entry.name,
        entry.onnx_shape,
        "float32" if raw_input else entry.dtype,
        entry.batched,
        model.outputs,
        model.tail_shape,
        model.tail_ops,
        model.input_order,
        model.output_order,
        model.batch,
    )
    graph = replace(state.graph, name=model.name)
    return Stored(model.name, graph, ends, model.tail, state.settings, model.parameters, state.hashes)
