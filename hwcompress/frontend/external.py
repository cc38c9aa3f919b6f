# SPDX-License-Identifier: Apache-2.0
"""Tensors kept in files beside the model: read from the model's own folder only."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from onnx import TensorProto

from hwcompress.errors import BadInput, quote
from hwcompress.frontend.tensors import byte_size


@dataclass
class Loader:
    """Fills tensors from the model's folder, `budget` bytes in all."""

    folder: Path
    budget: int

    def fill(self, tensor: TensorProto) -> None:
        """Put the external data into the tensor.

        Raises:
            BadInput: the file lies outside the folder, is missing or too short, or the sizes do not fit.
        """
        if tensor.data_location != TensorProto.EXTERNAL:
            return
        where = f"tensor {quote(tensor.name)}"
        entries = {entry.key: entry.value for entry in tensor.external_data}
        path = self._inside(where, entries.get("location", ""))
        want = byte_size(tensor)
        if want is None or want < 0 or any(d < 0 for d in tensor.dims):
            raise BadInput(f"{where}: shape or type does not allow external data; the file is damaged")
        offset, length = _number(where, entries, "offset", 0), _number(where, entries, "length", want)
        if length != want:
            raise BadInput(
                f"{where}: its shape wants {want} bytes, its external data has {length}; the file is damaged"
            )
        if want > self.budget:
            raise BadInput(f"{where}: the model with its external data is larger than 2 GiB")
        self.budget -= want
        tensor.raw_data = _slice(where, path, offset, want)
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]

    def _inside(self, where: str, location: str) -> Path:
        parts = {*PurePosixPath(location).parts, *PureWindowsPath(location).parts}
        absolute = PurePosixPath(location).is_absolute() or PureWindowsPath(location).drive
        refused = f"{where}: external data {quote(location)} lies outside the model's folder; move it there"
        if not location or "\0" in location:
            raise BadInput(f"{where}: external data has no usable file name ({quote(location)}); the file is damaged")
        if absolute or ".." in parts:
            raise BadInput(refused)
        try:
            folder = self.folder.resolve()
            path = (folder / location).resolve()
        except (OSError, RuntimeError):
            raise BadInput(f"{where}: external data {quote(location)} cannot be read") from None
        if not path.is_relative_to(folder):
            raise BadInput(refused)
        return path


def _number(where: str, entries: dict[str, str], key: str, default: int) -> int:
    text = entries.get(key, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadInput(f"{where}: {key} {quote(text)} of its external data is no number; the file is damaged")
    return int(text)


def _slice(where: str, path: Path, offset: int, length: int) -> bytes:
    name = quote(path.name)
    try:
        if not path.is_file():
            raise BadInput(f"{where}: its external data {name} is not there; copy it beside the model")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if offset + length > size:
                raise BadInput(f"{where}: wants bytes {offset} to {offset + length} of {name}, which has {size}")
            file.seek(offset)
            return file.read(length)
    except OSError as error:
        raise BadInput(f"{where}: its external data {name} cannot be read: {error.strerror}") from None
