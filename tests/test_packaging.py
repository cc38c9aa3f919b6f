# SPDX-License-Identifier: Apache-2.0
"""The wheel carries the files that are not Python, and they are found where it is installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hwcompress import resources
from hwcompress.errors import ToolFailed

ROOT = Path(__file__).resolve().parents[1]


def test_in_a_checkout_its_own_folders_are_used():
    assert resources.folder("templates") == ROOT / "templates"
    assert resources.folder("hdl_tests") == ROOT / "hdl_tests"


def test_a_missing_folder_is_one_clear_error():
    with pytest.raises(ToolFailed, match=r"folder 'nothing' wanted at .*; the installation is incomplete"):
        resources.folder("nothing")


@pytest.mark.slow
def test_the_wheel_works_outside_the_checkout(tmp_path):
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, check=True, cwd=ROOT, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    site = tmp_path / "site" / "hwcompress"
    for folder in ("templates", "hdl_tests"):
        shipped = {
            p.relative_to(ROOT) for p in (ROOT / folder).rglob("*") if p.suffix in {".v", ".j2", ".py", ".vlt", ".h"}
        }
        assert shipped
        assert all((site / name).is_file() for name in shipped)
    code = "import hwcompress, hwcompress.resources as r; print(hwcompress.__file__, r.folder('templates'))"
    env = {"PYTHONPATH": str(tmp_path / "site")}
    run = [sys.executable, "-P", "-c", code]
    answer = subprocess.run(run, check=True, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert answer.stdout.split() == [str(site / "__init__.py"), str(site / "templates")]
