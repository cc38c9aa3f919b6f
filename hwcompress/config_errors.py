# SPDX-License-Identifier: Apache-2.0
"""From what pydantic finds to one message a user can act on."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hwcompress.errors import BadInput, quote

M = TypeVar("M", bound=BaseModel)
SHOWN = 8  # problems listed
COMMAND_LINE = "command line"


def explain(model: type[M], row: type[BaseModel], values: Mapping[str, object], where: str) -> M:
    """The model of these values, `row` that of an entry of its table `layers`; keys may be written with - for _.

    Raises:
        BadInput: where, what was wanted, what was found, for every problem.
    """
    try:
        return model.model_validate(_underscores(values))
    except ValidationError as error:
        problems = list(dict.fromkeys(_problem(model, row, e, where) for e in _first_of_each(error.errors())))
        hidden = len(problems) - SHOWN
        more = [f"and {hidden} more"] if hidden > 0 else []
        listed = [*problems[:SHOWN], *more]
        text = listed[0] if len(listed) == 1 else f"{len(problems)} problems\n  " + "\n  ".join(listed)
        plain = where == COMMAND_LINE and len(listed) == 1  # the option names its place itself
        raise BadInput(text if plain else f"{where}: {text}") from None


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The known name most like this one."""
    close = difflib.get_close_matches(name[:80], [n[:80] for n in names], n=1, cutoff=0.5)
    return close[0] if close else None


def _underscores(values: Mapping[str, object]) -> dict[str, object]:
    """Keys as Python spells them; names of layers stay as they are."""
    result: dict[str, object] = {}
    for key, value in values.items():
        name = str(key).replace("-", "_")
        if name in result:
            raise BadInput(f"option {quote(name)}: given twice, with - and with _. Try: keep one")
        result[name] = value
    layers = result.get("layers")
    if isinstance(layers, Mapping):
        table = cast("Mapping[str, Any]", layers)
        result["layers"] = {
            k: _underscores(cast("dict[str, object]", v)) if isinstance(v, dict) else v for k, v in table.items()
        }
    return result


def _first_of_each(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """One problem for each field: the branches of a union repeat it."""
    seen: dict[tuple[int | str, ...], ErrorDetails] = {}
    for error in errors:
        seen.setdefault(_path(error), error)
    return list(seen.values())


def _path(error: ErrorDetails) -> tuple[int | str, ...]:
    """The field, without what pydantic adds about branches and items."""
    loc = error["loc"]
    return loc[:3] if loc[:1] == ("layers",) else loc[:1]


def _problem(model: type[BaseModel], row: type[BaseModel], error: ErrorDetails, where: str) -> str:
    path = _path(error)
    if not path:
        return _reason(error)
    fields: Mapping[str, Any] = model.model_fields
    if len(path) == 3:
        fields = row.model_fields
    name, label = str(path[-1]), _label(path, where)
    if error["type"] == "extra_forbidden":
        close = nearest(name, fields)
        hint = f"nearest: {close}" if close else f"known: {', '.join(fields)}"
        return f"{label}: unknown key; {hint}"
    wanted = fields[name].description if name in fields else "a table"
    reason = f" ({_reason(error)})" if error["type"] == "value_error" else ""
    return f"{label}: {wanted} wanted, {_found(error['input'])} found{reason}"


def _reason(error: ErrorDetails) -> str:
    """What our own validators said."""
    return error["msg"].removeprefix("Value error, ")


def _label(path: tuple[int | str, ...], where: str) -> str:
    """`--weight-bits` on a command line, `layers.'dense_0'.reuse` in a file."""
    if where == COMMAND_LINE and len(path) == 1:
        return "--" + quote(str(path[0])).strip("'").replace("_", "-")
    parts = [quote(str(p)) if k == 1 else quote(str(p)).strip("'") for k, p in enumerate(path)]
    return ".".join(parts)


def _found(value: object) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else quote(str(value), 40).strip("'")
    if isinstance(value, Mapping):
        return "a table"
    return "a list" if isinstance(value, list | tuple) else f"a {type(value).__name__}"
