# SPDX-License-Identifier: Apache-2.0
"""C simulation of a small C++ design."""

import pytest

from hwcompress.errors import BadInput, ToolFailed
from hwcompress.verify.csim import csim
from hwcompress.verify.simulate import Verification
from tests.verify.dut import make_build

pytestmark = pytest.mark.csim

PROGRAM = """
#include <ap_int.h>
#include <cstdio>
#include <cstdlib>
int main(int argc, char **argv) {
  FILE *in = std::fopen(argv[1], "r"), *out = std::fopen(argv[2], "w");
  for (int beat = 0; beat < 3 * std::atoi(argv[3]); ++beat) {
    unsigned word, result = 0;
    if (std::fscanf(in, "%x", &word) != 1) return 1;
    for (int lane = 0; lane < 3; ++lane) {
      ap_int<5> y = ap_int<5>(word >> (5 * lane)) + ADD;
      result |= (unsigned(y) & 31) << (5 * lane);
    }
    std::fprintf(out, "%04x\\n", result);
  }
  return std::fclose(out);
}
"""


def build(tmp_path, text):
    folder = make_build(tmp_path / "b")
    (folder / "hls").mkdir()
    (folder / "hls" / "csim_main.cpp").write_text(text)
    return folder


@pytest.mark.slow
def test_a_right_program_passes(tmp_path):
    found = csim(build(tmp_path, PROGRAM.replace("ADD", "1")), 20)
    assert found == Verification("csim", 20, 140, 0, None, None)


@pytest.mark.slow
def test_a_wrong_program_is_found(tmp_path):
    found = csim(build(tmp_path, PROGRAM.replace("ADD", "(beat == 4 ? 2 : 1)")), 20)
    assert found.mismatches == 3
    assert "3 wrong codes, the first in frame 1, element 3" in found.failures[0]


def test_missing_frames_are_wrong(tmp_path):
    short = '#include <cstdio>\nint main(int, char **v) { std::fprintf(std::fopen(v[2], "w"), "0001\\n"); }\n'
    found = csim(build(tmp_path, short), 20)
    assert found.mismatches == 140
    assert found.failures == ("csim: 20 output frames wanted, 0 found",)


def test_a_compiler_error_names_the_log(tmp_path):
    with pytest.raises(ToolFailed, match=r"csim of b: exit status 0 wanted, 1 found. Log: .*build.log"):
        csim(build(tmp_path, "int main() { return x; }\n"), 20)


def test_a_build_without_hls_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"hls: C\+\+ sources wanted, none found"):
        csim(make_build(tmp_path / "b"), 20)
