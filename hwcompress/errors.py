# SPDX-License-Identifier: Apache-2.0
"""Errors a user can cause or meet. Each carries the exit status the command line gives it.

A message has four parts: where, what was wanted, what was found, what to do.
"""


class HwcError(Exception):
    """Base class: one clear message, never a traceback."""

    exit_status = 2


class BadInput(HwcError):
    """A file, an option or an argument is wrong (exit 2)."""


class UnsupportedModel(HwcError):
    """The model holds something that cannot be built (exit 2)."""


class ShapeError(HwcError):
    """Shapes or types do not fit together (exit 2)."""


class DoesNotFit(HwcError):
    """A budget or a goal cannot be met (exit 1)."""

    exit_status = 1


class ToolFailed(HwcError):
    """An external tool failed, is missing or is too old (exit 1)."""

    exit_status = 1


class CheckFailed(HwcError):
    """A verification found a difference (exit 1)."""

    exit_status = 1


def quote(text: str, limit: int = 80) -> str:
    """A name from a model or a file, made safe to print: escaped, shortened to `limit` characters."""
    escaped = text.encode("unicode_escape", "backslashreplace").decode("ascii").replace("'", "\\'")
    if len(escaped) > limit:
        escaped = escaped[: limit - 3] + "..."
    return f"'{escaped}'"
