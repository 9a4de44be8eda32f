"""The server stops: what becomes of a send to a client that takes nothing."""

import pytest
import trio
from trio.testing import MockClock

from mox_trio.transport.closing import Closing


@pytest.mark.parametrize("first", [True, False])
async def test_a_send_that_makes_no_progress_ends_soon_after_the_server_stops(
    autojump_clock: MockClock, first: bool
) -> None:
    closing = Closing()
    began = trio.current_time()
    with trio.CancelScope(deadline=began + 300) as scope:
        if first:
            closing.set()
        closing.hurry(scope, 10)
        if not first:
            closing.set()
        await trio.sleep_forever()
    assert scope.cancelled_caught
    assert trio.current_time() == began + 10
