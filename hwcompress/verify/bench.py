# SPDX-License-Identifier: Apache-2.0
"""The bench of a build directory: stimulus, expected codes and the harness that compares them.

A beat is one hexadecimal line. Element 0 lies in the least significant bits, elements follow at their own width, the
beat is padded with zeros to `tdata_bits`; the last beat of a frame may hold fewer elements than the others.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwcompress.codegen.taps import Tap
from hwcompress.errors import BadInput, ShapeError
from hwcompress.ir.fixed import Codes
from hwcompress.resources import folder

Interface = Literal["axis", "valid"]
DIGESTS = "constants.sha256"
CONSTANT = re.compile(r"\d+'s?[hd][0-9a-f]+|<<< \d+|~?x_i\[\d+:\d+\]|\bs\d+")  # of generated Verilog
SHIPPED = ("hwc_harness.v", "hwc_harness.vlt", "network_bench.py")
CHUNK = 1 << 24  # bits turned into text at a time


@dataclass(frozen=True, slots=True)
class PortSpec:
    """How the frames of one stream are cut into beats; code q means q * 2**-(frac + shifts[element])."""

    elements: int  # of a frame
    per_beat: int
    beats: int  # of a frame
    width: int  # bits of an element
    signed: bool
    tdata_bits: int
    frac: int = 0
    shifts: tuple[int, ...] = ()  # one an element, or none
    sizes: tuple[int, ...] = ()  # with axes: the ir.order.Order from the model's own elements to those of a frame
    axes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.beats != -(-self.elements // self.per_beat) or self.tdata_bits < self.per_beat * self.width:
            raise ShapeError(
                f"bench port: {self.elements} elements of {self.width} bits, {self.per_beat} a beat, want "
                f"{-(-self.elements // self.per_beat)} beats of at least {self.per_beat * self.width} bits, "
                f"found {self.beats} of {self.tdata_bits}"
            )

    @property
    def last(self) -> int:
        """Elements in the last beat of a frame."""
        return self.elements - (self.beats - 1) * self.per_beat

    def scale(self) -> NDArray[np.float64]:
        """Value of the least significant bit of each element."""
        shifts = np.asarray(self.shifts or (0,) * self.elements, dtype=np.float64)
        return np.exp2(-(self.frac + shifts))


@dataclass(frozen=True, slots=True)
class BenchSpec:
    """What the harness has to know about a design. The cycles are estimates; the bench measures."""

    top: str
    interface: Interface
    input: PortSpec
    output: PortSpec
    latency_cycles: int
    interval_cycles: int
    taps: tuple[Tap, ...] = ()  # the input port, then every layer; of use only after a difference


def pack(codes: Codes, port: PortSpec) -> list[str]:
    """Codes [n, elements] as n * beats hexadecimal words."""
    return [word for block in _packed(codes, port) for word in block]


def _packed(codes: Codes, port: PortSpec) -> Iterator[list[str]]:
    """The same in blocks of about CHUNK bits."""
    step = max(1, CHUNK // port.tdata_bits)
    frames = max(1, step // port.beats)
    for group in (codes[start : start + frames] for start in range(0, len(codes), frames)):
        lanes = np.zeros((len(group), port.beats * port.per_beat), dtype=np.int64)
        lanes[:, : port.elements] = group
        beats = lanes.reshape(-1, port.per_beat)
        for start in range(0, len(beats), step):
            yield _pack(beats[start : start + step], port)


def _pack(beats: Codes, port: PortSpec) -> list[str]:
    """Beats [n, per_beat] as words."""
    n = len(beats)
    bits = (beats[:, :, None] >> np.arange(port.width)) & 1
    octets = -(-port.tdata_bits // 8)
    beat = np.zeros((n, octets * 8), dtype=np.uint8)
    beat[:, : port.per_beat * port.width] = bits.reshape(n, -1)
    raw = np.packbits(beat, axis=1, bitorder="little")[:, ::-1].tobytes().hex()
    digits = 2 * octets
    return [raw[i : i + digits] for i in range(0, len(raw), digits)]


def unpack(words: list[str], port: PortSpec) -> Codes:
    """The codes [n, elements] of n * beats hexadecimal words."""
    octets = -(-port.tdata_bits // 8)
    raw = bytes.fromhex("".join(word.strip().zfill(2 * octets) for word in words))
    beat = np.frombuffer(raw, dtype=np.uint8).reshape(-1, octets)[:, ::-1]
    bits = np.unpackbits(beat, axis=1, bitorder="little")[:, : port.per_beat * port.width]
    bits = bits.reshape(-1, port.beats * port.per_beat, port.width)[:, : port.elements].astype(np.int64)
    codes: Codes = (bits << np.arange(port.width)).sum(axis=2)
    if port.signed:
        codes -= (codes >> (port.width - 1)) << port.width
    return codes


def write_bench(spec: BenchSpec, x_codes: Codes, y_codes: Codes, folder_: Path) -> None:
    """Write everything `simulate` and `csim` need into `folder_`; the same arguments give the same bytes."""
    _check(x_codes, spec.input, "input")
    _check(y_codes, spec.output, "output")
    if len(x_codes) != len(y_codes) or not len(x_codes):
        raise ShapeError(f"bench: {len(x_codes)} input frames and {len(y_codes)} output frames; wanted the same, >= 1")
    folder_.mkdir(parents=True, exist_ok=True)
    write_frames(spec, x_codes, y_codes, folder_)
    record = asdict(spec) | {"schema": 1, "frames": len(x_codes)}
    (folder_ / "bench.json").write_text(json.dumps(record, indent=2) + "\n")
    (folder_ / "hwc_bench.vh").write_text(macros(spec))
    for name in SHIPPED:
        shutil.copyfile(folder("hdl_tests") / name, folder_ / name)


def write_frames(spec: BenchSpec, x_codes: Codes, y_codes: Codes, folder_: Path) -> None:
    """The two memory files alone."""
    for name, codes, port in (("stimulus", x_codes, spec.input), ("expected", y_codes, spec.output)):
        with (folder_ / f"{name}.mem").open("w") as file:
            file.writelines("\n".join(block) + "\n" for block in _packed(codes, port))


def write_digests(texts: Mapping[str, str], folder_: Path) -> None:
    """The digests of what the hardware holds: memory files, and the constants in generated Verilog."""
    lines = [f"{_digest(name, text)}  {name}\n" for name, text in sorted(texts.items())]
    (folder_ / DIGESTS).write_text("".join(lines))


def changed_contents(build: Path) -> list[str]:
    """What of a build does not hold the constants that were emitted: names of files."""
    path = build / "bench" / DIGESTS
    if not path.is_file():
        return []
    pairs = [line.split("  ", 1) for line in path.read_text().splitlines()]
    return [name for digest, name in pairs if _digest(name, _text(build / "verilog" / name)) != digest]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _digest(name: str, text: str) -> str:
    """Of a memory file, or of the constants in a generated Verilog file: there are the weights in logic."""
    kept = " ".join(CONSTANT.findall(text)) if name.endswith(".v") else text
    return hashlib.sha256(kept.encode()).hexdigest()


def _check(codes: Codes, port: PortSpec, what: str) -> None:
    low = -(1 << (port.width - 1)) if port.signed else 0
    high = low + (1 << port.width) - 1
    if codes.ndim != 2 or codes.shape[1] != port.elements:
        raise ShapeError(f"bench {what}: codes [n, {port.elements}] wanted, {list(codes.shape)} found")
    if codes.size and (codes.min() < low or codes.max() > high):
        raise ShapeError(f"bench {what}: codes in {low}..{high} wanted, {codes.min()}..{codes.max()} found")


def macros(spec: BenchSpec) -> str:
    """The header that fits the harness to the design."""
    x, y = spec.input, spec.output
    values: dict[str, object] = {
        "HWC_TOP": spec.top,
        "HWC_IN_BITS": x.tdata_bits,
        "HWC_IN_BEATS": x.beats,
        "HWC_OUT_BITS": y.tdata_bits,
        "HWC_OUT_BEATS": y.beats,
        "HWC_OUT_WIDTH": y.width,
        "HWC_OUT_LANES": y.per_beat,
        "HWC_OUT_LAST": y.last,
    }
    if spec.interface == "valid":
        values["HWC_VALID_ONLY"] = ""
    lines = [f"`define {name} {value}".rstrip() for name, value in values.items()]
    return "\n".join(["// hwc_bench: the harness's view of this design.", *lines]) + "\n"


def read_spec(bench: Path) -> tuple[BenchSpec, int]:
    """The spec of a bench folder and the number of frames stored in it."""
    try:
        record: dict[str, Any] = json.loads((bench / "bench.json").read_text())
        taps = tuple(_tap(tap) for tap in record.get("taps", ()))
        ports = [_port(record[key]) for key in ("input", "output")]
        plain = {key: record[key] for key in ("top", "interface", "latency_cycles", "interval_cycles")}
        return BenchSpec(input=ports[0], output=ports[1], taps=taps, **plain), int(record["frames"])
    except FileNotFoundError:
        raise BadInput(
            f"{bench.parent}: a build directory with bench/bench.json wanted, none found. Try: hwcompress compile MODEL"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{bench / 'bench.json'}: not a bench description ({error}). Try: compile again") from None


def _port(record: dict[str, Any]) -> PortSpec:
    lists = {key: tuple(record.get(key, ())) for key in ("shifts", "sizes", "axes")}
    plain: dict[str, Any] = record | lists
    return PortSpec(**plain)


def _tap(record: dict[str, Any]) -> Tap:
    plain: dict[str, Any] = record | {"grid": tuple(record["grid"])}
    return Tap(**plain)


def read_words(path: Path, count: int) -> list[str]:
    """The first `count` words of a memory file."""
    words = path.read_text().split()
    if len(words) < count:
        raise BadInput(f"{path}: {count} words wanted, {len(words)} found. Try: compile again")
    return words[:count]
