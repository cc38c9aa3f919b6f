# SPDX-License-Identifier: Apache-2.0
"""A reuse-1 layer without multipliers as a module of its own: `engines.adders` written down."""

from hwcompress.codegen.render import environment
from hwcompress.engines.adders import Number, Sum, adders
from hwcompress.engines.dense import DenseUnrolled
from hwcompress.version import __version__


def module_name(top: str, core: DenseUnrolled) -> str:
    """Of the module of a layer."""
    return f"{top}_{core.name}"


def render_adders(top: str, core: DenseUnrolled) -> str:
    """Its text."""
    found = adders(core)
    width = core.x_type.width
    sums = [{"range": f"[{s.width - 1}:0]", "value": _sum(s, width)} for s in found.sums]
    rows = [_shifted(_code(row, width), row.low) if row else f"{core.acc_width}'d0" for row in found.rows]
    return (
        environment()
        .get_template("verilog/adders.v.j2")
        .render(
            name=module_name(top, core),
            version=__version__,
            inputs=core.weight.shape[1],
            x_width=width,
            acc_width=core.acc_width,
            levels=core.levels,
            sums=sums,
            rows=rows,
        )
    )


def _sum(total: Sum, x_width: int) -> str:
    a = _shifted(_code(total.a, x_width), total.a_shift)
    return f"{a} + {_shifted(_code(total.b, x_width), total.b_shift)}" if total.b else a


def _shifted(text: str, shift: int) -> str:
    return f"({text} <<< {shift})" if shift else text


def _code(number: Number, x_width: int) -> str:
    """A signed expression: whatever reads it, extends it with its sign."""
    if number.kind == "constant":
        return f"{'-' if number.code < 0 else ''}{number.width + 1}'sd{abs(number.code)}"
    if number.kind == "sum":
        return f"$signed(s{number.code})" if number.signed else f"$signed({{1'b0, s{number.code}}})"
    x = f"x_i[{number.code * x_width + x_width - 1}:{number.code * x_width}]"
    bits = f"~{x}" if number.kind == "inverse" else x
    if number.width > x_width:  # the complement of an unsigned number
        return f"$signed({{1'b1, {bits}}})"
    return f"$signed({bits})" if number.signed else f"$signed({{1'b0, {bits}}})"
