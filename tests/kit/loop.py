"""A loop of trio in a thread, for tests that are not asynchronous themselves: Hypothesis calls them again and again.

    with loop.running(opened) as (play, world):
        play(coroutine_function, argument)

`opened` gives an asynchronous context manager that is open all the time. The loop's clock is real: what is played sleeps nowhere.
"""

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Final, TypeVar, TypeVarTuple

import trio

T = TypeVar("T")
W = TypeVar("W")
Ts = TypeVarTuple("Ts")

PATIENCE: Final = 60
"""Seconds until what is played counts as hanging; the machine may be busy."""


class Player:
    """Plays coroutine functions in the loop, one at a time."""

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self._token = token

    def __call__(self, play: Callable[[*Ts], Awaitable[T]], *arguments: *Ts) -> T:
        """What it returns or raises; TooSlowError when it hangs."""

        async def guarded() -> T:
            with trio.fail_after(PATIENCE):
                return await play(*arguments)

        return trio.from_thread.run(guarded, trio_token=self._token)


@contextmanager
def running(opened: Callable[[], AbstractAsyncContextManager[W]]) -> Iterator[tuple[Player, W]]:
    """Open it in a loop, until the end of the block."""
    begun = threading.Event()
    found: list[tuple[W, trio.lowlevel.TrioToken, trio.Event]] = []

    async def main() -> None:
        async with opened() as world:
            stop = trio.Event()
            found.append((world, trio.lowlevel.current_trio_token(), stop))
            begun.set()
            await stop.wait()

    def run() -> None:
        try:
            trio.run(main)
        finally:
            begun.set()

    thread = threading.Thread(target=run)
    thread.start()
    begun.wait()
    world, token, stop = found[0]
    try:
        yield Player(token), world
    finally:
        token.run_sync_soon(stop.set)
        thread.join()
