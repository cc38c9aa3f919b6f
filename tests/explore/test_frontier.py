# SPDX-License-Identifier: Apache-2.0
"""The frontier against every combination of options."""

from itertools import pairwise, product

import numpy as np
import pytest

from hwcompress.engines.plan import LayerPlan
from hwcompress.explore.choices import Option
from hwcompress.explore.frontier import SLOW, Frontier
from hwcompress.hw.cells import Resources

BRAM = 100  # LUTs


def chain(seed: int) -> tuple[list[list[list[Option]]], list[list[list[Resources | None]]]]:
    """Layers with some foldings of some variants, some without DSPs, and links between them."""
    rng = np.random.default_rng(seed)

    def option() -> Option:
        dsp = int(rng.integers(0, 9)) * int(rng.integers(0, 2))
        return Option(LayerPlan(1, 1), Resources(dsp, int(rng.integers(0, 60)), 0, int(rng.integers(0, 3))))

    def link() -> Resources | None:
        return None if rng.random() < 0.3 else Resources(lut=int(rng.integers(0, 20)))

    table = [
        [[option() for _ in range(rng.integers(1, 4))] for _ in range(rng.integers(1, 4))]
        for _ in range(rng.integers(1, 5))
    ]
    links = [[[link() for _ in b] for _ in a] for a, b in pairwise(table)]
    return table, links


def worth(cells: Resources | None) -> int:
    return SLOW if cells is None else cells.lut + BRAM * cells.bram18


def every(table: list[list[list[Option]]], links: list[list[list[Resources | None]]]) -> dict[int, int]:
    """Least LUTs for each number of DSPs, by trying all."""
    best: dict[int, int] = {}
    for foldings in product(*(range(len(layer)) for layer in table)):
        between = sum(worth(row[a][b]) for row, a, b in zip(links, foldings, foldings[1:], strict=False))
        for variants in product(*(layer[f] for layer, f in zip(table, foldings, strict=True))):
            dsp, luts = sum(v.cost.dsp for v in variants), between + sum(worth(v.cost) for v in variants)
            best[dsp] = min(luts, best.get(dsp, luts))
    return best


@pytest.mark.parametrize("seed", range(60))
def test_every_number_of_dsps_has_the_fewest_luts(seed: int) -> None:
    table, links = chain(seed)
    limit = int(np.random.default_rng(seed).integers(0, 30))
    best = every(table, links)
    top = max(min(best), limit)
    best = {d: luts for d, luts in best.items() if d <= top}
    frontier = Frontier(table, links, limit, BRAM)
    steps = [d for d in sorted(best) if all(best[d] < best[e] for e in best if e < d)]
    assert frontier.steps() == steps
    for d in steps:
        assert frontier.luts(d) == best[d]
        chosen = frontier.options(d)
        assert sum(o.cost.dsp for o in chosen) == d
        ways = [
            [f for f, variants in enumerate(layer) if any(o is v for v in variants)]
            for o, layer in zip(chosen, table, strict=True)
        ]
        assert all(len(w) == 1 for w in ways)
        between = sum(worth(row[a[0]][b[0]]) for row, a, b in zip(links, ways, ways[1:], strict=False))
        assert sum(worth(o.cost) for o in chosen) + between == best[d]
