# SPDX-License-Identifier: Apache-2.0
"""The one Jinja environment. Templates only wire: loops and plain fields."""

from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hwcompress.resources import folder


@cache
def environment() -> Environment:
    """Templates by path under `templates`; an unknown field is an error. The text is code, so nothing is escaped."""
    return Environment(
        loader=FileSystemLoader(folder("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
