# SPDX-License-Identifier: Apache-2.0
"""The version, apart from everything, so that any layer may name it."""

__version__ = "0.1.0"
