"""Runs library modules in Icarus against expected values, clock by clock.

A `Case` is one instance of one module: the inputs of every clock and the outputs that are expected
just before the edge that ends this clock.  Expected values come from a model in the test, which also
decides when an input is legal, so the simulator needs no reacting bench and one run takes many cases.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
RTL = Path(os.environ.get("HWC_RTL", ROOT / "templates" / "rtl"))


@dataclass(frozen=True)
class Bits:
    """A sized parameter value, for vectors and for numbers beyond 32 bits."""

    width: int  # bits
    value: int

    def __str__(self) -> str:
        return f"{self.width}'h{self.value & ((1 << self.width) - 1):x}"


@dataclass
class Port:
    """Values of a port, one a clock; None: whatever (an output), zero (an input)."""

    width: int  # bits
    values: list[int | None] = field(default_factory=list)


@dataclass
class Case:
    module: str
    params: dict[str, int | str | Bits]
    inputs: dict[str, Port]
    outputs: dict[str, Port]
    files: dict[str, str] = field(default_factory=dict)  # memory files: name -> text

    @property
    def clocks(self) -> int:
        return max(len(port.values) for port in (*self.inputs.values(), *self.outputs.values()))


def words(values: Sequence[int], width: int) -> str:
    """Text of a memory file: one hexadecimal word of `width` bits a line."""
    mask = (1 << width) - 1
    return "".join(f"{int(value) & mask:x}\n" for value in values)


def pack(elements: Sequence[int], width: int) -> int:
    """Elements of `width` bits in one word, element 0 low."""
    mask = (1 << width) - 1
    return sum((int(element) & mask) << (width * k) for k, element in enumerate(elements))


def signed(value: int, width: int) -> int:
    """The low `width` bits as a two's complement number."""
    value = int(value) & ((1 << width) - 1)
    return value - (1 << width) if value >> (width - 1) else value


def tool(name: str) -> str:
    """Path of a program, on PATH or in the virtual environment; without it the test is skipped, but fails if CI is set."""
    beside = Path(sys.executable).parent  # programs of the virtual environment
    path = shutil.which(name) or shutil.which(name, path=str(beside))
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return path


def _literal(value: int | str | Bits) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Bits):
        return str(value)
    if -(1 << 31) <= value < 1 << 31:
        return str(int(value))
    return str(Bits(64, value))


def _columns(ports: dict[str, Port], clocks: int) -> tuple[list[int], list[int]]:
    """All ports in one word a clock (first port low), and the mask of the bits that are given."""
    data, care = [0] * clocks, [0] * clocks
    at = 0
    for port in ports.values():
        mask = (1 << port.width) - 1
        for clock, value in enumerate(port.values):
            if value is not None:
                data[clock] |= (int(value) & mask) << at
                care[clock] |= mask << at
        at += port.width
    return data, care


def _instance(number: int, case: Case, folder: Path) -> str:
    tag = f"c{number}"
    in_w = sum(port.width for port in case.inputs.values())
    out_w = sum(port.width for port in case.outputs.values())
    reset = case.inputs.get("rst_ni")
    if reset is not None:  # stays as it is after the last value given
        reset.values += reset.values[-1:] * (case.clocks - len(reset.values))
    stimulus, _ = _columns(case.inputs, case.clocks)
    expected, care = _columns(case.outputs, case.clocks)
    for kind, values, width in (("in", stimulus, in_w), ("out", expected, out_w), ("care", care, out_w)):
        (folder / f"{tag}_{kind}.mem").write_text(words(values, width))
    for name, text in case.files.items():
        (folder / name).write_text(text)

    ports, at = [], 0
    for name, port in case.inputs.items():
        ports.append(f".{name}({tag}_in[{at} +: {port.width}])")
        at += port.width
    at = 0
    for name, port in case.outputs.items():
        ports.append(f".{name}({tag}_out[{at} +: {port.width}])")
        at += port.width
    params = ", ".join(f".{name}({_literal(value)})" for name, value in case.params.items())
    n = case.clocks
    return f"""
  reg [{in_w - 1}:0] {tag}_stimulus [0:{n - 1}];
  reg [{out_w - 1}:0] {tag}_expected [0:{n - 1}];
  reg [{out_w - 1}:0] {tag}_care [0:{n - 1}];
  wire [{in_w - 1}:0] {tag}_in = (clock < {n}) ? {tag}_stimulus[clock] : 0;
  wire [{out_w - 1}:0] {tag}_out;
  integer {tag}_errors = 0;
  initial begin
    $readmemh("{tag}_in.mem", {tag}_stimulus);
    $readmemh("{tag}_out.mem", {tag}_expected);
    $readmemh("{tag}_care.mem", {tag}_care);
  end
  {case.module} #({params}) {tag} (.clk_i(clk), {", ".join(ports)});
  always @(check) if (clock < {n}) begin
    if ((({tag}_out ^ {tag}_expected[clock]) & {tag}_care[clock]) !== 0) begin
      if ({tag}_errors < 3)
        $display("MISMATCH {number} %0d %h %h %h", clock, {tag}_in, {tag}_out, {tag}_expected[clock]);
      {tag}_errors = {tag}_errors + 1;
    end
  end
"""


def _explain(line: str, cases: Sequence[Case]) -> str:
    _, number, clock, _, got, _ = line.split()
    case = cases[int(number)]
    text, at = [], 0
    bits = "".join("xxxx" if c in "xX" else "zzzz" if c in "zZ" else f"{int(c, 16):04b}" for c in got)[::-1]
    for name, port in case.outputs.items():
        wanted = port.values[int(clock)] if int(clock) < len(port.values) else None
        seen = bits[at : at + port.width][::-1]
        at += port.width
        shown = f"{int(seen, 2):x}" if set(seen) <= {"0", "1"} else seen
        if wanted is not None and shown != f"{wanted & ((1 << port.width) - 1):x}":
            text.append(f"{name} = {shown}, expected {wanted & ((1 << port.width) - 1):x}")
    return f"{case.module} {case.params} clock {clock}: {'; '.join(text)}"


def check(cases: Sequence[Case], folder: Path, sources: Sequence[Path] = (), generation: str = "2005") -> None:
    """Simulate all cases in one run of Icarus; any difference fails the test."""
    iverilog, vvp = tool("iverilog"), tool("vvp")
    folder.mkdir(parents=True, exist_ok=True)
    clocks = max(case.clocks for case in cases)
    instances = "".join(_instance(number, case, folder) for number, case in enumerate(cases))
    (folder / "bench.v").write_text(f"""`timescale 1ns / 1ps
module bench;
  reg clk = 0;
  integer clock = 0;
  event check;
{instances}
  initial begin
    while (clock < {clocks}) begin
      #4 -> check;
      #1 clk = 1;
      #5 clk = 0;
      clock = clock + 1;
    end
    $display("DONE");
    $finish;
  end
endmodule
""")
    command = [iverilog, f"-g{generation}", "-Wall", "-Wno-timescale", "-y", str(RTL), "-s", "bench", "-o", "bench.vvp"]
    built = subprocess.run(
        [*command, *map(str, sources), "bench.v"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    assert not built.stderr.strip(), built.stderr
    ran = subprocess.run([vvp, "-n", "bench.vvp"], cwd=folder, capture_output=True, text=True, check=False)
    lines = ran.stdout.splitlines()
    wrong = [line for line in lines if line.startswith("MISMATCH")]
    assert not wrong, f"{len(wrong)} mismatches\n" + "\n".join(_explain(line, cases) for line in wrong[:10])
    other = [line for line in lines if line and not line.startswith(("DONE", "bench.v"))]
    assert lines and "DONE" in lines and not other and not ran.stderr, "\n".join(other[:10]) + ran.stderr


def codes(rng: np.random.Generator, width: int, is_signed: bool, shape: tuple[int, ...]) -> np.ndarray:
    """Codes of a type: anywhere in its range, or only at its two ends, where sums overflow."""
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if is_signed else (0, (1 << width) - 1)
    kind = rng.integers(0, 4)
    if kind == 0:
        return np.full(shape, low, dtype=np.int64)
    if kind == 1:
        return rng.choice(np.array([low, high], dtype=np.int64), shape)
    return rng.integers(low, high + 1, shape, dtype=np.int64)
