# SPDX-License-Identifier: Apache-2.0
"""report.json: written whole or not at all, read with one clear error."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from hwcompress.errors import BadInput, quote
from hwcompress.report.schema import SCHEMA, Report

NAME = "report.json"


def to_json(report: Report) -> str:
    """The report as text: the same report gives the same bytes."""
    return json.dumps(report.model_dump(mode="json", by_alias=True), indent=2, allow_nan=False) + "\n"


def write(report: Report, folder: Path) -> None:
    """Write FOLDER/report.json; a reader sees the old file or the new one, never half of it."""
    write_text(folder / NAME, to_json(report))


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read(folder: Path) -> Report:
    """The report of a build directory.

    Raises:
        BadInput: there is none, it is damaged, or another program or version wrote it.
    """
    path = folder / NAME
    where = f"report {quote(str(path))}"
    again = "Try: hwcompress compile MODEL.onnx --out DIR"
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(f"{where}: a build directory with a report wanted, cannot be read ({reason}). {again}") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{where}: JSON wanted, the file is damaged. {again}") from None
    schema = cast("dict[str, object]", values).get("schema") if isinstance(values, dict) else None
    if schema != SCHEMA:
        found = f"schema {quote(str(schema), 20)}" if schema is not None else "another kind of file"
        raise BadInput(f"{where}: a report of schema {SCHEMA} wanted, {found} found. {again}")
    try:
        return Report.model_validate(values)
    except ValidationError as error:
        place = ".".join(str(p) for p in error.errors()[0]["loc"])
        reason = error.errors()[0]["msg"].lower()
        raise BadInput(f"{where}: not a report: {quote(place).strip(chr(39))}: {reason}. {again}") from None
