# SPDX-License-Identifier: Apache-2.0
"""Each core as instances of library modules."""

from dataclasses import dataclass
from functools import singledispatch

from hwcompress.codegen.adders import module_name
from hwcompress.codegen.design import Design, constant, literal
from hwcompress.codegen.memory import ram_style, rom_constants, rom_params
from hwcompress.engines.base import Core, Product, Store
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, DepthwiseLanes, RequantLanes, TableLanes
from hwcompress.engines.pool import MaxUnrolled, PoolLanes
from hwcompress.ir.fixed import Codes, Overflow, Rounding


@dataclass(frozen=True, slots=True)
class Bus:
    """A vector on wires with its valid bit; `issue`, where there is one, is a clock earlier."""

    valid: str
    data: str
    lanes: int
    width: int  # bits of an element
    issue: str = ""

    @property
    def bits(self) -> int:
        """Bits of the vector."""
        return self.lanes * self.width

    def low(self, bits: int) -> str:
        """Its low bits."""
        return self.data if bits == self.bits else f"{self.data}[{bits - 1}:0]"

    def fitted(self, bits: int) -> str:
        """Zeros above, up to `bits`, or its low bits."""
        return f"{{{bits - self.bits}'d0, {self.data}}}" if bits > self.bits else self.low(bits)


@singledispatch
def add_core(core: Core, d: Design, bus: Bus) -> Bus:
    """Instantiate a core on `bus`; what it emits."""
    raise TypeError(type(core))


def emitted_nets(core: Core) -> tuple[str, str]:
    """Names of the valid bit and the data that a core drives."""
    return f"{core.name}_valid", f"{core.name}_y"


def _emitted(d: Design, core: Core) -> Bus:
    valid, data = emitted_nets(core)
    return Bus(d.wire(valid), d.wire(data, core.lanes * core.lane_width), core.lanes, core.lane_width)


@add_core.register
def _(core: DenseFolded, d: Design, bus: Bus) -> Bus:
    out = _emitted(d, core)
    dsp = core.product is Product.DSP
    params: dict[str, int | str] = {
        "FAMILY": "FAMILY",
        "PE": core.pe,
        "SIMD": core.simd,
        "X_W": core.x_type.width,
        "X_SIGNED": int(core.x_type.signed),
        "W_W": core.weight_width,
        "ACC_W": core.acc_width,
        "CF": core.column_steps,
        "RF": core.row_steps,
        "LEVELS": core.levels,
    }
    params |= _weights_and_biases(core)
    if dsp:
        params |= {"SEGMENT": core.slots, "FABRIC_ACC": int(core.fabric_accumulator)}
    d.add(
        "hwc_dense_dsp" if dsp else "hwc_dense_lut",
        core.name,
        params,
        {
            "issue_i": bus.issue,
            "x_i": bus.low(core.simd * core.x_type.width),
            "valid_o": out.valid,
            "acc_o": out.data,
        },
        [f"{core.layer}: {core.weight.shape[1]} -> {core.weight.shape[0]}, reuse {core.reuse}"],
    )
    return out


@add_core.register
def _(core: DenseUnrolled, d: Design, bus: Bus) -> Bus:
    out = _emitted(d, core)
    note = f"{core.layer}: {core.weight.shape[1]} -> {core.weight.shape[0]}, reuse 1"
    d.add("hwc_valid", f"{core.name}_v", {"CYCLES": core.latency}, {"valid_i": bus.valid, "valid_o": out.valid}, [note])
    if core.product is Product.DSP:
        _rows_dsp(core, d, bus, out)
    else:
        _rows_lut(core, d, bus, out)
    return out


def _rows_dsp(core: DenseUnrolled, d: Design, bus: Bus, out: Bus) -> None:
    n, w = core.weight.shape[1], core.weight_width
    bits = n * core.x_type.width
    taps = d.wire(f"{core.name}_taps", core.slots * bits)
    d.add("hwc_taps", f"{core.name}_t", {"WIDTH": bits, "TAPS": core.slots}, {"d_i": bus.low(bits), "q_o": taps})
    rows = _rows(core, d, out)
    for j, row in enumerate(core.weight.tolist()):
        entries = [(i << w) | (v & ((1 << w) - 1)) for i, v in enumerate(row) if v]
        d.add(
            "hwc_row_dsp",
            f"{core.name}_r{j}",
            {
                "FAMILY": "FAMILY",
                "N": n,
                "X_W": core.x_type.width,
                "X_SIGNED": int(core.x_type.signed),
                "W_W": w,
                "TERMS": len(entries),
                "LIST": _joined(entries, 16 + w),
                "SEGMENT": core.slots,
                "LEVELS": core.levels,
                "BIAS": literal(int(core.bias[j]), core.acc_width),
                "ACC_W": core.acc_width,
            },
            {"taps_i": taps, "acc_o": rows[j]},
        )


def _rows_lut(core: DenseUnrolled, d: Design, bus: Bus, out: Bus) -> None:
    x = bus.low(core.weight.shape[1] * core.x_type.width)
    d.add(module_name(d.top, core), f"{core.name}_r0", {}, {"x_i": x, "acc_o": out.data})


def _joined(entries: list[int], width: int) -> str:
    word = 0
    for k, entry in enumerate(entries):
        word |= entry << (k * width)
    return constant(word, max(1, len(entries)) * width)


def _rows(core: DenseUnrolled, d: Design, out: Bus) -> list[str]:
    """A net for each row, joined to the vector at once: a net that many instances drive in parts is slow in Icarus."""
    rows = [d.wire(f"{core.name}_a{j}", out.width) for j in range(out.lanes)]
    d.assign(out.data, f"{{{', '.join(reversed(rows))}}}")
    return rows


@add_core.register
def _(core: AffineLanes, d: Design, bus: Bus) -> Bus:
    out = _emitted(d, core)
    bits = core.lanes * core.x_type.width
    issue, data = bus.issue, bus.low(bits)
    if core.late:
        issue, data = bus.valid, d.wire(f"{core.name}_x", bits)
        d.add("hwc_delay", f"{core.name}_d", {"WIDTH": bits, "CYCLES": 1}, {"d_i": bus.low(bits), "q_o": data})
    d.add(
        "hwc_affine",
        core.name,
        _lanes_params(core) | {"WORDS": core.words} | _weights_and_biases(core),
        {"issue_i": issue, "x_i": data, "valid_o": out.valid, "acc_o": out.data},
        [f"{core.layer}: {core.scale.size} elements, {core.lanes} at once"],
    )
    return out


@add_core.register
def _(core: MaxUnrolled, d: Design, bus: Bus) -> Bus:
    out = _emitted(d, core)
    bits = core.taps * core.lanes * core.lane_width
    taps = bus.low(bits) if core.index is None else _chosen(d, core, bus, core.index)
    d.add(
        "hwc_max",
        core.name,
        {
            "LANES": core.lanes,
            "TAPS": core.taps,
            "X_W": core.lane_width,
            "X_SIGNED": int(core.x_type.signed),
            "LEVELS": core.latency,
        },
        {"valid_i": bus.valid, "x_i": taps, "valid_o": out.valid, "y_o": out.data},
        [f"{core.layer}: maximum of {core.taps}"],
    )
    return out


def _chosen(d: Design, core: MaxUnrolled, bus: Bus, index: Codes) -> str:
    """The chosen elements on a net of their own, tap after tap."""
    w = core.lane_width
    net = d.wire(f"{core.name}_x", index.size * w)
    fill = literal(core.fill, w)
    parts = [f"{bus.data}[{k * w + w - 1}:{k * w}]" if k >= 0 else fill for k in index.T.reshape(-1).tolist()]
    d.assign(net, f"{{{', '.join(reversed(parts))}}}")
    return net


@add_core.register
def _(core: DepthwiseLanes, d: Design, bus: Bus) -> Bus:
    out = _emitted(d, core)
    d.add(
        "hwc_affine",
        core.name,
        _lanes_params(core) | {"WORDS": core.words, "TAPS": core.taps} | _weights_and_biases(core),
        {"issue_i": bus.issue, "x_i": bus.low(core.lanes * core.x_type.width), "valid_o": out.valid, "acc_o": out.data},
        [f"{core.layer}: {len(core.weight)} channels, {core.lanes} at once, {core.taps} taps"],
    )
    return out


def _lanes_params(core: AffineLanes | DepthwiseLanes) -> dict[str, int | str]:
    return {
        "FAMILY": "FAMILY",
        "DSP": int(core.product is Product.DSP),
        "LANES": core.lanes,
        "X_W": core.x_type.width,
        "X_SIGNED": int(core.x_type.signed),
        "W_W": core.weight_width,
        "ACC_W": core.acc_width,
    }


def _weights_and_biases(core: DenseFolded | AffineLanes | DepthwiseLanes) -> dict[str, int | str]:
    *weights, biases = core.memories()
    return rom_params("W", f"{core.name}_w", weights, core.family) | rom_constants("B", [biases])


@add_core.register
def _(core: PoolLanes, d: Design, bus: Bus) -> Bus:
    out = _emitted(d, core)
    what = "sum" if core.total else "maximum"
    d.add(
        "hwc_pool",
        core.name,
        {
            "LANES": core.lanes,
            "X_W": core.x_type.width,
            "X_SIGNED": int(core.x_type.signed),
            "Y_W": core.width,
            "SUM": int(core.total),
            "GROUPS": core.groups,
            "TAPS": core.taps,
            "STYLE": ram_style(Store.LOGIC, d.family),
        },
        {"valid_i": bus.valid, "x_i": bus.low(core.lanes * core.x_type.width), "valid_o": out.valid, "y_o": out.data},
        [f"{core.layer}: {what} of {core.taps}"],
    )
    return out


@add_core.register
def _(core: RequantLanes, d: Design, bus: Bus) -> Bus:
    out = _emitted(d, core)
    shifts = core.fold_shifts() if core.variable else core.fold_shifts()[:1]
    entries = [int(s) for s in shifts.reshape(-1)]
    d.add(
        "hwc_requant",
        core.name,
        {
            "LANES": core.lanes,
            "IN_W": core.acc_width,
            "IN_SIGNED": int(core.source_signed),
            "OUT_W": core.format.type.width,
            "OUT_SIGNED": int(core.format.type.signed),
            "FOLDS": len(shifts),
            "VARIABLE": int(core.variable),
            "LEFT": core.left,
            "SHIFTS": _joined(entries, 6),
            "HALF": int(core.half),
            "EVEN": int(core.format.rounding is Rounding.HALF_EVEN),
            "SATURATE": int(core.format.overflow is Overflow.SATURATE),
            "LO": core.lo,
            "HI": core.hi,
        },
        {
            "valid_i": bus.valid,
            "acc_i": bus.low(core.lanes * core.acc_width),
            "valid_o": out.valid,
            "y_o": out.data,
        },
    )
    return out


@add_core.register
def _(core: TableLanes, d: Design, bus: Bus) -> Bus:
    out = _emitted(d, core)
    d.add(
        "hwc_table",
        core.name,
        {
            "FAMILY": "FAMILY",
            "LANES": core.lanes,
            "IN_W": core.x_type.width,
            "OUT_W": core.y_type.width,
        }
        | rom_params("", f"{core.name}_t", core.memories(), d.family),
        {
            "valid_i": bus.valid,
            "x_i": bus.low(core.lanes * core.x_type.width),
            "valid_o": out.valid,
            "y_o": out.data,
        },
    )
    return out
