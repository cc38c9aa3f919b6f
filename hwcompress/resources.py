# SPDX-License-Identifier: Apache-2.0
"""Where the files that are not Python lie: beside the package in a checkout, inside it when installed."""

from pathlib import Path

from hwcompress.errors import ToolFailed

PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder `templates` or `hdl_tests`. In a checkout its own files win over any copy inside the package."""
    in_checkout = (PACKAGE.parent / "pyproject.toml").is_file()
    place = PACKAGE.parent / name if in_checkout else PACKAGE / name
    if not place.is_dir():
        raise ToolFailed(
            f"hwcompress: folder '{name}' wanted at {place}, found nothing there; the installation is incomplete. "
            "Try: pip install --force-reinstall hwcompress"
        )
    return place
