# SPDX-License-Identifier: Apache-2.0
"""A generated top as data: wires, assignments, instances. Text only in the template."""

from collections.abc import Iterable
from dataclasses import dataclass, field

PIECE = 1024  # bits of a literal


def bit_range(width: int) -> str:
    """[width-1:0]."""
    return f"[{width - 1}:0]"


@dataclass(frozen=True, slots=True)
class Wire:
    """A net of `width` bits."""

    name: str
    width: int

    @property
    def range(self) -> str:
        """Its declaration; single bits have none."""
        return bit_range(self.width) if self.width > 1 else ""


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the top."""

    name: str
    direction: str  # input or output
    width: int = 1

    @property
    def range(self) -> str:
        """Its declaration; single bits have none."""
        return bit_range(self.width) if self.width > 1 else ""


@dataclass(frozen=True, slots=True)
class Assign:
    """target = value."""

    target: str
    value: str


@dataclass(frozen=True, slots=True)
class Instance:
    """One library module with its parameters and connections."""

    module: str
    name: str
    params: tuple[tuple[str, str], ...]
    ports: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


@dataclass
class Design:
    """Everything the template prints."""

    top: str
    family: int
    notes: list[str] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    assigns: list[Assign] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)

    def wire(self, name: str, width: int = 1) -> str:
        """Declare a net; its name."""
        self.wires.append(Wire(name, width))
        return name

    def assign(self, target: str, value: str) -> None:
        """Drive a net or an output."""
        self.assigns.append(Assign(target, value))

    def add(
        self,
        module: str,
        name: str,
        params: dict[str, int | str],
        ports: dict[str, str],
        notes: Iterable[str] = (),
    ) -> None:
        """Instantiate a module on the design's clock and reset."""
        clocked = {"clk_i": "aclk", "rst_ni": "aresetn", **ports}
        self.instances.append(
            Instance(
                module,
                f"u_{name}",
                tuple((k, str(v)) for k, v in params.items()),
                tuple(clocked.items()),
                tuple(notes),
            )
        )

    def modules(self) -> set[str]:
        """Library modules instantiated directly."""
        return {i.module for i in self.instances}


def literal(value: int, width: int) -> str:
    """A sized hexadecimal literal of the low `width` bits."""
    return f"{width}'h{value & ((1 << width) - 1):x}"


def constant(value: int, width: int) -> str:
    """The same, in pieces where it is long: tools limit the width of a literal."""
    if width <= PIECE:
        return literal(value, width)
    ends = range(0, width, PIECE)
    pieces = [literal(value >> at, min(PIECE, width - at)) for at in ends]
    return "{" + ", ".join(reversed(pieces)) + "}"


def text(value: str) -> str:
    """A Verilog string of one of our own file names."""
    assert value.replace("_", "").isalnum()
    return f'"{value}"'
