# SPDX-License-Identifier: Apache-2.0
"""Logits, probabilities and logarithms as integers, from tables made with integers: the same on every machine."""

import numpy as np

UNIT = 256  # steps of a logit of 1
REACH = 3072  # steps: logits stay inside -12 .. 12
LOG_ONE = 2048  # entry of LOG that stands for 1
_GUARD = 80  # fraction bits


def _powers(count: int) -> list[int]:
    """exp(k / UNIT) * 2^_GUARD for k of 0 .. count - 1."""
    one = 1 << _GUARD
    step, term, k = one, one, 1
    while term:
        term //= k * UNIT
        step += term
        k += 1
    powers = [one]
    for _ in range(count - 1):
        powers.append(powers[-1] * step >> _GUARD)
    return powers


def _squash(powers: list[int]) -> list[int]:
    """2^16 / (1 + exp(-k / UNIT)) for k of -REACH .. REACH - 1, kept inside 1 .. 2^16 - 1."""
    up = [65536 * power // (power + powers[0]) for power in powers[: REACH + 1]]
    return [min(max(p, 1), 65535) for p in [65536 - p for p in up[:0:-1]] + up[:-1]]


def _stretch() -> list[int]:
    """The inverse: logits of p / 2^16."""
    found = np.searchsorted(np.array(SQUASH), np.arange(65536), side="right") - 1
    return (np.maximum(found, 0) - REACH).tolist()


def _log(powers: list[int]) -> list[int]:
    """UNIT * ln(k / LOG_ONE) for k of 0 .. 2^16 - 1; that of 0 is as that of 1."""
    rising = np.array([p >> _GUARD - 16 for p in powers], dtype=np.int64)
    found = np.searchsorted(rising, np.arange(65536) << 16, side="right") - 1
    return (np.maximum(found, 0) - found[LOG_ONE]).tolist()


_POWERS = _powers(REACH + 1)
SQUASH = _squash(_POWERS)  # at logit + REACH
STRETCH = _stretch()
STRETCHED = np.array(STRETCH, dtype=np.int64)
LOG = _log(_POWERS)


def squash(logit: int) -> int:
    """Probability in 2^-16 of a logit of any size."""
    return SQUASH[min(max(logit, -REACH), REACH - 1) + REACH]
