# SPDX-License-Identifier: Apache-2.0
"""The line buffers of the HLS library: their parameters and what they give."""

from dataclasses import dataclass, replace
from functools import singledispatch

from hwcompress.codegen.hls_cores import STORAGE, Vec, members
from hwcompress.engines.base import Store
from hwcompress.engines.head import Lines, Scan
from hwcompress.ops.window import Pair, Window


@dataclass(frozen=True, slots=True)
class Walk:
    """A line buffer as a process: a struct of parameters, a memory [DEPTH, LANES] and a function of the library."""

    name: str
    function: str
    note: str
    members: tuple[str, ...]
    input: Vec  # a word
    output: Vec  # a part of one, or all taps
    pragmas: tuple[str, ...]


@singledispatch
def walk(head: Lines | Scan, word: Vec) -> Walk:
    """The process of a head that reads such words."""
    raise TypeError(type(head), word)


@walk.register
def _(head: Lines, word: Vec) -> Walk:
    window = head.window
    # Rows and columns that a window's ends pass, each as words.
    reach = [head.grid[a] + window.reach[a] + window.stride[a] + window.before[a] for a in (0, 1)]
    numbers = members(
        PIXEL=head.pixel_words,
        SUB=head.sub,
        PARTS=head.parts,
        GROUPS=head.groups,
        REPLAY=head.replay,
        OUT_ROWS=head.out[0],
        OUT_COLS=head.out[1],
        DEPTH=min(head.depth, head.words),
        LANES=head.word_elements,
        INDEX_W=((reach[0] * head.grid[1] + reach[1]) * head.pixel_words).bit_length() + 1,
    )
    return Walk(
        head.name,
        "window",
        _note(window, head.grid),
        (*_window(window, head.grid, head.fill), *numbers),
        word,
        replace(word, lanes=head.word_elements // head.sub),
        _memory(head.store),
    )


@walk.register
def _(head: Scan, word: Vec) -> Walk:
    window = head.window
    rows = (window.kernel[0] - 1) * window.dilation[0]
    numbers = members(
        ALL_ROWS=head.raster[0],
        ALL_COLS=head.raster[1],
        DEPTH=head.grid[1],
        LANES=max(1, rows) * head.word_elements,
    )
    # A map of one column keeps its rows in registers; in any other the same address comes after two steps or more.
    apart = "DEPENDENCE variable=memory type=inter direction=RAW distance=2 dependent=true"
    return Walk(
        head.name,
        "scan",
        _note(window, head.grid),
        (*_window(window, head.grid, head.fill), *numbers),
        word,
        replace(word, lanes=window.taps * head.word_elements),
        (*_memory(head.lines), apart),
    )


def _note(window: Window, grid: Pair) -> str:
    return f"windows of {window} on a map of {grid[0]} x {grid[1]}"


def _window(window: Window, grid: Pair, fill: int) -> tuple[str, ...]:
    """Members that all line buffers have."""
    numbers = members(
        ROWS=grid[0],
        COLS=grid[1],
        KR=window.kernel[0],
        KC=window.kernel[1],
        SR=window.stride[0],
        SC=window.stride[1],
        DR=window.dilation[0],
        DC=window.dilation[1],
        PT=window.before[0],
        PL=window.before[1],
        PADDED=window.padded,
    )
    return (*numbers, f"static const long long FILL = {fill}")


def _memory(store: Store) -> tuple[str, ...]:
    """Pragmas of a memory that delivers a word while another is written."""
    return (
        "ARRAY_RESHAPE variable=memory type=complete dim=2",
        f"BIND_STORAGE variable=memory type=ram_s2p impl={STORAGE[store]}",
    )
