# SPDX-License-Identifier: Apache-2.0
"""A Config as a TOML file: reading, and writing so that reading gives the same again."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from hwcompress.config import Config, LayerConfig, make
from hwcompress.errors import BadInput, quote
from hwcompress.ir.fixed import Format

MAX_BYTES = 10_000_000


def load(path: str | Path) -> Config:
    """The Config of a TOML file. A relative `data` is relative to the file's folder.

    Raises:
        BadInput: no such file, not TOML, unknown keys or illegal values.
    """
    file = Path(path)
    where = f"config {quote(str(path))}"
    values = read_toml(file, where, MAX_BYTES)
    data = values.get("data")
    if isinstance(data, str) and data and not Path(data).is_absolute():
        values["data"] = os.path.normpath(file.parent / data)
    return make(values, where)


def read_toml(file: Path, where: str, limit: int) -> dict[str, Any]:
    """What a TOML file of at most `limit` bytes holds; `where` names it in messages.

    Raises:
        BadInput: no such file, too large, or not TOML.
    """
    try:
        raw = file.read_bytes()
        if len(raw) > limit:
            raise BadInput(f"{where}: a TOML file wanted, {len(raw)} bytes found. Try: another file")
        return tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(f"{where}: cannot be read ({reason}). Try: check the name") from None
    except (ValueError, RecursionError) as error:  # tomllib has a type of its own, but not for all
        reason = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise BadInput(
            f"{where}: TOML wanted; {quote(reason, 120).strip(chr(39))}. Try: text values need quotes"
        ) from None


def dump(config: Config, folder: str | Path | None = None) -> str:
    """The Config as TOML, every option that has a value.

    folder: where the file will lie; a `data` file is then named relative to it, so that `load` finds it.
    """
    lines = [
        f"{name} = {toml_value(v)}" for name in Config.model_fields if (v := _plain(config, name, folder)) is not None
    ]
    for pattern, layer in config.layers.items():
        lines += ["", f"[layers.{toml_string(pattern)}]"]
        values = ((key, getattr(layer, key)) for key in LayerConfig.model_fields)
        lines += [f"{key} = {toml_value(value)}" for key, value in values if value is not None]
    return "\n".join(lines) + "\n"


def _plain(config: Config, name: str, folder: str | Path | None) -> object:
    """The value of a field that is not a table; arrays given as data are left out."""
    value = getattr(config, name)
    if name == "layers" or isinstance(value, Mapping):
        return None
    if name == "data" and isinstance(value, str) and folder is not None:
        return os.path.relpath(value, folder)
    return value


def toml_value(value: object) -> str:
    """A TOML boolean, number, list or string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(v) for v in cast("list[object]", value)) + "]"
    if isinstance(value, str | Format):
        return toml_string(str(value))
    raise TypeError(f"no TOML for {type(value).__name__}")


def toml_string(text: str) -> str:
    """A TOML basic string: quotes, backslashes and control characters escaped, lone surrogates replaced."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    escaped = clean.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else _escape(c) for c in escaped) + '"'


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
