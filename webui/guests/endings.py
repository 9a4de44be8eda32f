"""Word of sessions that ended in this process, for what lasts as long as a session: it looks at once whether it is still open.

What ends in another process is found by looking now and then.
"""

from collections.abc import Mapping

import trio


class Endings:
    """Those of one application."""

    def __init__(self) -> None:
        self._waited: dict[int, trio.Event] = {}

    @property
    def waited(self) -> Mapping[int, trio.Event]:
        """Accounts that somebody waits about."""
        return self._waited

    async def of(self, account_id: int) -> None:
        """Until a session of the account ends, or may have."""
        event = self._waited.setdefault(account_id, trio.Event())
        try:
            await event.wait()
        finally:
            if not event.statistics().tasks_waiting and self._waited.get(account_id) is event:
                del self._waited[account_id]

    def tell(self, account_id: int) -> None:
        """A session of the account ended, or some did."""
        event = self._waited.pop(account_id, None)
        if event is not None:
            event.set()
