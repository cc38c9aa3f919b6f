# SPDX-License-Identifier: Apache-2.0
"""`python -m hwcompress` is the command `hwcompress`."""

from hwcompress.cli import main

if __name__ == "__main__":
    main()
