# SPDX-License-Identifier: Apache-2.0
"""Which heads a layer opens: how the elements that an island emits become the words that the next one reads."""

from dataclasses import dataclass, field, replace
from math import gcd, prod

import numpy as np

from hwcompress.engines.base import Core, Store, ceil_div
from hwcompress.engines.head import Buffer, Direct, Lines, Scan
from hwcompress.engines.pipeline import Island
from hwcompress.engines.plan import Layer, LayerPlan
from hwcompress.ir.types import Grid, Range
from hwcompress.ops import ConvCodes, DenseCodes, MaxPoolCodes, SumPoolCodes, Window


@dataclass
class State:
    """The pipeline so far: what the last island emits."""

    lanes: int  # elements of an emission
    grid: Grid
    channels: int
    width: int  # bits of an element
    span: Range
    islands: list[Island] = field(default_factory=list)

    @property
    def elements(self) -> int:
        """Of a frame."""
        return prod(self.grid) * self.channels

    @property
    def whole(self) -> bool:
        """An emission is all channels of a position."""
        return self.lanes >= self.channels

    @property
    def emissions(self) -> int:
        """A position."""
        return ceil_div(self.channels, self.lanes)

    def collected(self, emissions: int, by_position: bool) -> None:
        """Have the last island join that many emissions in a word."""
        if not self.islands:
            return
        last = self.islands[-1]
        if isinstance(last.head, Lines | Scan):
            self.islands[-1] = replace(last, head=replace(last.head, collect=emissions, by_position=by_position))
        elif isinstance(last.head, Buffer):
            self.islands[-1] = replace(last, head=replace(last.head, collect=emissions))

    def open(self, head: Direct | Buffer | Lines | Scan) -> None:
        """One more island."""
        self.islands.append(Island(head, ()))

    def add(self, core: Core) -> None:
        """One more core on the last island."""
        last = self.islands[-1]
        self.islands[-1] = replace(last, cores=(*last.cores, core))
        self.lanes, self.width = core.lanes, core.lane_width


def reads(layer: Layer, choice: LayerPlan) -> int:
    """Elements of one position that a layer reads in a step."""
    if layer.scanned(choice) or layer.at_once:
        return layer.x.channels
    return choice.simd if layer.matrix and not layer.depthwise else choice.pe


def port_elements(layer: Layer, choice: LayerPlan) -> int:
    """Elements of a beat of the network's input, from what its first layer reads."""
    read = reads(layer, choice)
    if layer.x.grid and layer.x.channels % read and not isinstance(layer.product, DenseCodes):
        return layer.x.channels
    return read


def heads_on(layer: Layer, choice: LayerPlan, lanes: int, width: int) -> list[Direct | Buffer | Lines | Scan]:
    """Heads that a layer opens on a map whose maker emits `lanes` elements of `width` bits; their depth is a frame."""
    nobody = np.zeros(0, dtype=np.int64)
    made = Lines("", 1, 1, 1, (1, 1), 1, 1, 1, 1, 1, Window((1, 1)), (1, 1), 1, True, 0, Store.LOGIC)
    state = State(lanes, layer.x.grid, layer.x.channels, width, Range(nobody, nobody), [Island(made, ())])
    open_heads(state, layer, choice)
    return [island.head for island in state.islands[1:]]


def open_heads(state: State, layer: Layer, choice: LayerPlan) -> None:
    """The heads that the layer needs."""
    if _joins(state, layer, choice):
        return
    if isinstance(layer.product, DenseCodes) or layer.at_once or (layer.by_pixel and not state.grid):
        _open_vector(state, layer, choice)
    elif layer.whole_map:
        _open_gathering(state, choice.pe)
    elif layer.by_pixel:
        _open_pixels(state, layer, choice)
    elif layer.scanned(choice):
        _open_scan(state, layer, choice)
    else:
        _open_lines(state, layer, choice)


def _joins(state: State, layer: Layer, choice: LayerPlan) -> bool:
    """Whether the layer's cores can follow the last ones directly."""
    if not state.islands:
        return False
    if layer.at_once:
        return state.whole
    if layer.matrix:
        each = not state.grid or layer.by_pixel
        return each and state.whole and choice.reuse(*layer.matrix.weight.shape) == 1
    if state.grid:
        return layer.by_pixel and min(choice.pe, layer.outputs) == state.lanes
    return state.whole and choice.pe >= layer.inputs


def _open_vector(state: State, layer: Layer, choice: LayerPlan) -> None:
    """A head that replays a whole vector."""
    columns, elements = reads(layer, choice), state.elements
    steps = ceil_div(elements, columns)
    replay = ceil_div(len(layer.matrix.weight), choice.pe) if layer.matrix else 1
    emit = steps if layer.matrix else 1
    if not state.islands and steps == 1 and replay == 1:
        return state.open(Direct("head_0", elements * state.width))
    return _open_flat(state, columns, (steps, replay, emit))


def _open_flat(state: State, columns: int, loops: tuple[int, int, int]) -> None:
    """A head that reads `columns` elements a step; loops: steps a replay, replays, steps an emission."""
    steps, replay, emit = loops
    if state.grid and not _tight(state, columns):
        _copy(state, gcd(columns, state.channels))
    lanes = state.lanes
    emissions = ceil_div(state.elements, lanes)
    if emissions == 1 and state.islands:  # one word, read in parts; lanes beyond the vector are zero
        collect, word, sub = 1, steps * columns, steps
    elif steps == 1:  # one word, read whole; lanes beyond `columns` are not used
        collect, word, sub = emissions, emissions * lanes, 1
    elif columns % lanes == 0:
        collect, word, sub = columns // lanes, columns, 1
    elif lanes % columns == 0:
        collect, word, sub = 1, lanes, lanes // columns
    else:
        part = gcd(columns, lanes)
        _open_flat(state, part, (ceil_div(state.elements, part), 1, 1))
        state.lanes, state.grid, state.channels = part, (), state.elements
        return _open_flat(state, columns, loops)
    state.collected(collect, by_position=False)
    words = ceil_div(emissions, collect)
    name = f"head_{len(state.islands)}"
    return state.open(Buffer(name, state.width, word, words, words, sub, steps, replay, emit, 1, Store.LOGIC))


def _tight(state: State, columns: int) -> bool:
    """Whether emissions follow each other without unused lanes, and the last head can join as many as are wanted."""
    if state.channels % state.lanes:
        return False
    wanted = max(1, columns // state.lanes)
    head = state.islands[-1].head if state.islands else None
    return not isinstance(head, Buffer) or head.units == 1 or wanted <= state.emissions


def _copy(state: State, part: int) -> None:
    """A head that makes a vector of a map, `part` elements a step; `part` divides the channels."""
    collect, word, words, sub = _pixel(state, part, 1)
    if words * sub * part != state.channels:
        collect, word, words, sub = state.emissions, state.channels, 1, state.channels // part
    state.collected(collect, by_position=True)
    positions, name = prod(state.grid), f"head_{len(state.islands)}"
    steps, all_words = positions * state.channels // part, positions * words
    state.open(Buffer(name, state.width, word, all_words, all_words, sub, steps, 1, 1, 1, Store.LOGIC))
    state.lanes, state.grid, state.channels = part, (), state.elements


def _pixel(state: State, read: int, groups: int) -> tuple[int, int, int, int]:
    """A position's words for a head that reads `read` elements a step: emissions and elements of a word, words, parts.

    groups > 1: of a position's parts every group is as long, so a word holds whole groups or a group whole words.
    """
    parts, lanes = ceil_div(state.channels, read), state.lanes
    if read % lanes == 0:
        joined = read // lanes
        return joined, read, ceil_div(state.emissions, joined), 1
    if lanes % read == 0:
        sub, each = lanes // read, parts // groups
        if groups == 1 or each % sub == 0 or sub % each == 0:
            return 1, lanes, state.emissions, sub
    return state.emissions, parts * read, 1, parts


def _open_pixels(state: State, layer: Layer, choice: LayerPlan) -> None:
    """A head that replays position after position."""
    read = reads(layer, choice)
    collect, word, words, sub = _pixel(state, read, 1)
    state.collected(collect, by_position=True)
    steps = ceil_div(state.channels, read)
    replay = ceil_div(layer.outputs, choice.pe) if layer.matrix else 1
    emit, units = (steps if layer.matrix else 1), prod(state.grid)
    name = f"head_{len(state.islands)}"
    state.open(Buffer(name, state.width, word, words * units, words, sub, steps, replay, emit, 1, Store.LOGIC, units))


def _open_gathering(state: State, lanes: int) -> None:
    """A head for a pool over the whole map: every element once, as it comes."""
    groups, positions = ceil_div(state.channels, lanes), prod(state.grid)
    collect, word, words, sub = _pixel(state, lanes, 1)
    if words * sub != groups:
        collect, word, words, sub = state.emissions, groups * lanes, 1, groups
    state.collected(collect, by_position=True)
    name, all_words = f"head_{len(state.islands)}", words * positions
    skip = (positions - 1) * groups
    steps = positions * groups
    state.open(Buffer(name, state.width, word, all_words, all_words, sub, steps, 1, 1, 1, Store.LOGIC, 1, skip))


def _open_lines(state: State, layer: Layer, choice: LayerPlan) -> None:
    """A head that walks windows."""
    read = reads(layer, choice)
    window, fill, groups, replay = _walk(layer, choice)
    collect, word, words, sub = _pixel(state, read, groups)
    state.collected(collect, by_position=True)
    parts = ceil_div(ceil_div(state.channels, read), groups)
    rows, columns = layer.x.grid or (1, 1)
    name, depth = f"head_{len(state.islands)}", rows * columns * words
    state.open(
        Lines(
            name, state.width, word, depth, (rows, columns), words, sub, parts, groups, replay, window,
            window.grid(layer.x.shape), 1, True, fill, Store.LOGIC,
        )
    )  # fmt: skip


def _open_scan(state: State, layer: Layer, choice: LayerPlan) -> None:
    """A head that sees whole windows."""
    window, fill, _, replay = _walk(layer, choice)
    channels = state.channels
    state.collected(state.emissions, by_position=True)
    rows, columns = layer.x.grid or (1, 1)
    name = f"head_{len(state.islands)}"
    state.open(
        Scan(
            name, state.width, channels, rows * columns, (rows, columns), replay, window,
            window.grid(layer.x.shape), 1, True, fill, Store.LOGIC, Store.LOGIC,
        )
    )  # fmt: skip


def _walk(layer: Layer, choice: LayerPlan) -> tuple[Window, int, int, int]:
    """Window, code outside the map, groups and replays of a convolution or pool."""
    op = layer.product
    if isinstance(op, ConvCodes) and layer.depthwise:
        return op.window, 0, ceil_div(layer.x.channels, choice.pe), 1
    if isinstance(op, ConvCodes):
        return op.window, 0, op.groups, ceil_div(len(op.weight) // op.groups, choice.pe)
    assert isinstance(layer.pool, MaxPoolCodes | SumPoolCodes)
    fill = layer.pool.fill if isinstance(layer.pool, MaxPoolCodes) else 0
    return layer.pool.window, fill, ceil_div(layer.x.channels, choice.pe), 1
