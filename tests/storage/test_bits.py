# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from hwcompress.errors import BadInput
from hwcompress.storage.bits import BitReader, BitWriter, number, rice


def test_bits_are_in_order():
    io = BitWriter()
    for value, bits in [(1, 1), (0, 2), (5, 3), (0x1234, 16), (0, 0)]:
        io.direct(value, bits)
    assert io.bits == 22
    assert f"{int.from_bytes(io.finish(), 'big'):024b}" == "1" + "00" + "101" + f"{0x1234:016b}" + "00"


def test_numbers_come_back():
    values = [0, 1, 2, 3, 7, 8, 1000, 2**32, 2**62]
    io = BitWriter()
    for value in values:
        number(io, value)
        rice(io, value % 50, value % 7, 60)
    back = BitReader(io.finish())
    assert [(number(back, 0), rice(back, 0, value % 7, 60)) for value in values] == [(v, v % 50) for v in values]
    assert back.left == 0


@pytest.mark.parametrize("length", range(5))
def test_end_of_the_bytes(length):
    back = BitReader(np.random.default_rng(0).bytes(length))
    back.direct(0, 8 * length)
    with pytest.raises(BadInput, match="damaged"):
        back.direct(0, 1)


def test_unary_part_is_bounded():
    with pytest.raises(BadInput, match="damaged"):
        rice(BitReader(b"\xff" * 100), 0, 0, 20)
