"""The version of the program, for what it says of itself to others."""

import functools
from importlib import metadata
from typing import Final

UNKNOWN: Final = "unknown"
"""Of a program that runs from its files and is not installed."""


@functools.cache
def installed() -> str:
    """The version of the installed package."""
    try:
        return metadata.version("mox-trio")
    except metadata.PackageNotFoundError:
        return UNKNOWN
