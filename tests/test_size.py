# SPDX-License-Identifier: Apache-2.0
"""No source file grows past what one can read at a sitting."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 400  # lines
KINDS = {".py", ".v", ".h", ".cpp", ".j2"}


def test_no_source_file_is_too_long():
    folders = ("hwcompress", "templates", "hdl_tests", "tests", "benchmarks")
    files = [path for name in folders for path in (ROOT / name).rglob("*") if path.suffix in KINDS]
    assert files
    assert {str(p.relative_to(ROOT)): n for p in files if (n := len(p.read_text().splitlines())) > LIMIT} == {}
