# SPDX-License-Identifier: Apache-2.0
"""Child process: run Yosys commands. Argument: a JSON file with a list of commands.

A process of its own, because some errors in Yosys end the whole process.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any


def main(commands: list[str]) -> None:
    libyosys: Any = importlib.import_module("pyosys.libyosys")
    design = libyosys.Design()
    for command in commands:
        libyosys.run_pass(command, design)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
