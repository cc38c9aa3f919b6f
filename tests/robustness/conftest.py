# SPDX-License-Identifier: Apache-2.0
"""One warm process for the hostile files of a module."""

from collections.abc import Iterator

import pytest

from tests.robustness.cage import Cage


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    found = Cage()
    yield found
    found.close()
