# SPDX-License-Identifier: Apache-2.0
"""The real models that lie beside the repository; absent on other machines."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared_model(name: str) -> Path:
    """A real model; the test is skipped where there are none, and fails there in CI."""
    path = SHARED / "models" / f"{name}.onnx"
    if not path.is_file():
        message = f"{path.name}: the shared models are not there"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path
