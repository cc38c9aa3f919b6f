# SPDX-License-Identifier: Apache-2.0
"""What the planner is asked: goals, budget, and what the user fixed for single layers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hwcompress.engines.base import Product
from hwcompress.engines.pipeline import Interface
from hwcompress.errors import BadInput
from hwcompress.explore import choices
from hwcompress.explore.choices import Space
from hwcompress.hw.cells import Resources


@dataclass(frozen=True)
class LayerWish:
    """What the user fixed for one layer; None is free."""

    reuse: int | None = None  # strict
    pe: int | None = None
    simd: int | None = None
    product: Product | None = None
    segment: int | None = None
    memory: str | None = None  # logic or block
    free: bool = False  # any engine, whatever the global strategy is


@dataclass(frozen=True)
class Goal:
    """Everything the planner is asked."""

    budget: Resources  # of the target, lowered by --max-*
    explicit: frozenset[str]  # resources whose limit the user gave
    family: int
    interface: Interface
    reuse: int | None = None  # global; None is auto
    product: Product | None = None  # None is auto
    interval: int | None = None
    latency: int | None = None
    wishes: Mapping[str, LayerWish] = field(default_factory=dict[str, LayerWish])


def wished(space: Space, wish: LayerWish) -> list[tuple[int, int]]:
    """Foldings that the user's wish leaves; [] where nothing is wished.

    Raises:
        BadInput: the reuse is not legal; names the nearest that are.
    """
    if wish.reuse is not None:
        legal = choices.legal_reuse(space.rows, space.columns)
        if wish.reuse not in legal:
            below = [r for r in legal if r < wish.reuse][-1:]
            above = [r for r in legal if r > wish.reuse][:1]
            near = " and ".join(str(r) for r in below + above)
            raise BadInput(
                f"layer {space.name}: reuse {wish.reuse} is not legal for {space.rows} x {space.columns}; "
                f"the nearest legal values are {near}"
            )
        found = choices.exact_foldings(space, wish.reuse)
        kept = [f for f in found if _matches(f, wish)]
        if not kept:
            raise BadInput(
                f"layer {space.name}: reuse {wish.reuse} with pe {wish.pe} and simd {wish.simd} wanted, "
                f"which do not go together for {space.rows} x {space.columns}. Try: pe and simd alone, or reuse alone"
            )
        return kept
    if wish.pe is None and wish.simd is None:
        return []
    pe, simd = wish.pe or space.rows, wish.simd or space.columns
    if not (1 <= pe <= space.rows and 1 <= simd <= space.columns):
        raise BadInput(
            f"layer {space.name}: pe {pe} and simd {simd} must lie within 1..{space.rows} and 1..{space.columns}"
        )
    return [(pe, simd)]


def _matches(folding: tuple[int, int], wish: LayerWish) -> bool:
    return wish.pe in (None, folding[0]) and wish.simd in (None, folding[1])
