# SPDX-License-Identifier: Apache-2.0
"""Binary decisions whose probability is mixed from several adaptive guesses.

The mixing is that of PAQ (Mahoney, "Adaptive weighing of context models for lossless data compression", 2005): a
logistic regression on the logits of the guesses, learned on the way by both sides. Integers only.
"""

from collections.abc import Sequence

from hwcompress.storage.logistic import STRETCH, squash
from hwcompress.storage.rangecoder import ONE, Coder

FINE = 22  # bits of an adaptive probability
HALF = 1 << FINE - 1
CERTAIN = (1 << FINE) - 1
LIMIT = 400  # observations after which a guess forgets
RATE = [655360 // (10 * k + 16) for k in range(LIMIT + 1)]  # of the next observation after k
NEXT = [min(k + 1, LIMIT) for k in range(LIMIT + 1)]
WEIGHT_ONE = 1 << 16
STEP = 18  # bits: an input times an error times a rate of 1 moves a weight by 2^-STEP
ROUND = 1 << STEP - 1


class Adaptive:
    """Counters without mixing: one guess each, for what is short or too long."""

    def __init__(self, coder: Coder, size: int) -> None:
        self._coder = coder
        self._p = [HALF] * size
        self._n = [0] * size

    def code(self, bit: int, at: int) -> int:
        """Write `bit` or read one, by counter `at`."""
        p, k = self._p[at], self._n[at]
        bit = self._coder.code(bit, min(max(p >> FINE - 16, 32), ONE - 32))
        self._p[at] = p + (((CERTAIN if bit else 0) - p) * RATE[k] >> 16)
        self._n[at] = NEXT[k]
        return bit

    def number(self, value: int, at: int, bits: int) -> int:
        """Write or read 0 <= value < 2^(bits + 1) - 1, by its length (unary, counters from `at`) and the bits below."""
        length = (value + 1).bit_length() - 1
        found = 0
        while found < bits and self.code(int(length > found), at + found):
            found += 1
        rest = value + 1 - (1 << found) if length == found else 0
        return (1 << found) - 1 + self._coder.direct(rest, found)


class Mixed:
    """Decisions at the nodes of a tree, each guessed in several contexts at once."""

    def __init__(self, coder: Coder, contexts: int, nodes: int, selects: int, ways: int) -> None:
        """`contexts` of all `ways` together; `selects` sets of weights."""
        self._coder = coder
        self._p = [HALF] * (contexts * nodes)
        self._n = [0] * (contexts * nodes)
        self._nodes = nodes
        self._weights = [[WEIGHT_ONE // ways + 3000] * ways for _ in range(selects)]
        self._seen = [0] * selects

    def code(self, bit: int, contexts: Sequence[int], node: int, select: int) -> int:
        """Write `bit` or read one. A context that is new begins with the guess of the first."""
        probability, counts, weights = self._p, self._n, self._weights[select]
        slots = [c * self._nodes + node for c in contexts]
        first = probability[slots[0]]
        inputs = [STRETCH[(probability[s] if counts[s] else first) >> FINE - 16] for s in slots]
        logit = sum([x * w for x, w in zip(inputs, weights, strict=True)]) >> 16
        p = squash(logit)
        bit = self._coder.code(bit, p)
        seen = self._seen[select]
        self._seen[select] = seen + 1
        error = ((ONE if bit else 0) - p) * (5 + 600 // (seen + 12))
        self._weights[select] = [w + (x * error + ROUND >> STEP) for x, w in zip(inputs, weights, strict=True)]
        goal = CERTAIN if bit else 0
        for s in slots:
            k = counts[s]
            old = probability[s] if k else first
            probability[s] = old + ((goal - old) * RATE[k] >> 16)
            counts[s] = NEXT[k]
        return bit
