# SPDX-License-Identifier: Apache-2.0
"""Text made safe and short for a terminal: names come from models and may hold anything."""

from rich.text import Text

PERCENT = ("top1", "binary", "agreement")  # metrics that are given in percent


def shown(text: str, limit: int = 40) -> str:
    """The text on one line: unprintable characters escaped, cut in the middle to `limit` characters."""
    head, tail = text[: 2 * limit], text[-2 * limit :] if len(text) > 2 * limit else ""
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in head + tail)
    if len(clean) <= limit and not tail:
        return clean
    front = (limit - 3 + 1) // 2
    return clean[:front] + "..." + clean[len(clean) - (limit - 3 - front) :]


def cell(text: str, limit: int = 40, style: str = "") -> Text:
    """A table cell that is never read as markup."""
    return Text(shown(text, limit), style=style)


def count(number: int | None) -> str:
    """1,234; a dash for nothing."""
    return "-" if number is None else f"{number:,}"


def real(number: float | None, digits: int = 2, unit: str = "") -> str:
    """A number with its unit; a dash for nothing."""
    return "-" if number is None else f"{number:.{digits}f}{unit}"


def score(value: float | None, metric: str | None) -> str:
    """The value of a metric, in percent where it is one."""
    return real(value, 2, " %") if metric in PERCENT else real(value, 5)


def share(used: int, available: int) -> str:
    """Percent of what there is."""
    return f"{100 * used / available:.2f}" if available else "-"
