# SPDX-License-Identifier: Apache-2.0
"""Folders of results, written as a whole or not at all."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from hwcompress.errors import BadInput, quote


def replace_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a new folder next to this one, then swap: an earlier one stays until the new one is complete.

    Raises:
        BadInput: the place cannot be written.
    """
    fresh = folder.parent / f".{folder.name[:80]}.{os.getpid()}.new"
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        write(fresh)
        _swap(fresh, folder)
    except OSError as error:
        raise BadInput(f"--out {quote(str(folder))}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _swap(fresh: Path, folder: Path) -> None:
    old = fresh.with_suffix(".old")
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
