# SPDX-License-Identifier: Apache-2.0
"""What the planner is asked: goals, budget, and what the user fixed for single layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hwcompress.engines.base import Product
from hwcompress.engines.pipeline import Interface
from hwcompress.errors import BadInput
from hwcompress.explore.choices import Space
from hwcompress.explore.folding import Sizes
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
    sizes = space.sizes
    if wish.reuse is not None:
        legal = sizes.legal_reuse()
        if wish.reuse not in legal:
            below = [r for r in legal if r < wish.reuse][-1:]
            above = [r for r in legal if r > wish.reuse][:1]
            near = " and ".join(str(r) for r in below + above)
            raise BadInput(
                f"layer {space.name}: reuse {wish.reuse} is not legal for {sizes.rows} x {sizes.columns}; "
                f"the nearest legal values are {near}"
            )
        found = sizes.exact(wish.reuse)
        kept = [f for f in found if _matches(f, wish)]
        if not kept:
            raise BadInput(
                f"layer {space.name}: reuse {wish.reuse} with pe {wish.pe} and simd {wish.simd} wanted, "
                f"which do not go together for {sizes.rows} x {sizes.columns}. Try: pe and simd alone, or reuse alone"
            )
        return kept
    if wish.pe is None and wish.simd is None:
        return []
    pe, simd = wish.pe or sizes.rows, wish.simd or sizes.simd[-1]
    if not (1 <= pe <= sizes.rows and 1 <= simd <= sizes.columns):
        raise BadInput(
            f"layer {space.name}: pe {pe} and simd {simd} must lie within 1..{sizes.rows} and 1..{sizes.columns}"
        )
    _check_size(space, "simd", simd, sizes.simd, sizes.columns)
    _check_size(space, "pe", pe, sizes.pe(simd), sizes.rows)
    return [(pe, simd)]


def _check_size(space: Space, name: str, value: int, allowed: Sequence[int], count: int) -> None:
    if Sizes.strict(allowed, count) and value not in allowed:
        near = [v for v in allowed if v < value][-1:] + [v for v in allowed if v > value][:1]
        raise BadInput(
            f"layer {space.name}: {name} {value} is not legal; "
            f"the nearest legal values are {' and '.join(str(v) for v in near)}"
        )


def _matches(folding: tuple[int, int], wish: LayerWish) -> bool:
    return wish.pe in (None, folding[0]) and wish.simd in (None, folding[1])
