"""cocotb side of test_stream.py::test_cocotb_axi: sources and sinks of cocotbext-axi on `chain`."""

import ast
import logging
import random
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, with_timeout
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource


def pauses(seed: int, probability: float) -> Any:
    rng = random.Random(seed)
    while True:
        yield rng.random() < probability


@cocotb.test()
async def frames_with_pauses(dut: Any) -> None:
    beats, expected, out_beats = ast.literal_eval(Path("stimulus.txt").read_text())
    cocotb.start_soon(Clock(dut.aclk, 10, unit="ns").start())
    for name in ("s_axis", "m_axis"):
        logging.getLogger(f"cocotb.{dut._name}.{name}").setLevel(logging.WARNING)
    source = AxiStreamSource(
        AxiStreamBus.from_prefix(dut, "s_axis"), dut.aclk, dut.aresetn, reset_active_level=False, byte_lanes=1
    )
    sink = AxiStreamSink(
        AxiStreamBus.from_prefix(dut, "m_axis"), dut.aclk, dut.aresetn, reset_active_level=False, byte_lanes=1
    )
    for idle, stall in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.6, 0.6)):
        dut.aresetn.value = 0
        for _ in range(3):
            await RisingEdge(dut.aclk)
        dut.aresetn.value = 1
        await RisingEdge(dut.aclk)
        source.set_pause_generator(pauses(1, idle))
        sink.set_pause_generator(pauses(2, stall))
        for frame in beats:
            await source.send(AxiStreamFrame(list(frame)))
        got = []
        for _ in beats:
            frame = await with_timeout(sink.recv(), 1, "ms")
            assert len(frame.tdata) == out_beats
            got += list(frame.tdata)
        assert got == expected
        assert int(dut.frame_error.value) == 0
