"""Arithmetic of sizes and ranges, one place for all stores."""

from storage_backends import errors


def cut(size: int, start: int, stop: int | None) -> tuple[int, int]:
    """Cut `start` to `stop` (exclusive; None is the end) to a body of `size` bytes, as with a slice; never reversed.

    Raises ValueError for a negative bound: counting from the end is not part of the seam.
    """
    check(start, stop)
    end = size if stop is None else min(stop, size)
    return min(start, end), end


def check(start: int, stop: int | None) -> None:
    """Raise ValueError for a negative bound."""
    if start < 0 or (stop is not None and stop < 0):
        raise ValueError(f"negative range {start}:{stop}")


def check_size(given: int, promised: int) -> None:
    """Refuse a source that did not give as many bytes as it said. Raises Unavailable: nothing is stored."""
    if given != promised:
        raise errors.Unavailable(f"a source gave {given} bytes instead of {promised}")
