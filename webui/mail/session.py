"""One page's websocket, from its first message to its end (`protocol`).

Three tasks: the reader takes messages and starts calls; the pump answers everything about views, one thing after the other, so
that windows and changes come in one order; the watch waits for changes of the account. The pump sends before it asks for more, so
a page that takes nothing gets one large step later, and nothing queues up for it.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import changes, entering, listing, mailboxes, settings
from mox_trio.mailstore.changes import Changes
from webui.mail import calls, calls_mailboxes, identities, labels, looking, protocol
from webui.mail.desk import Arguments, Desk
from webui.mail.lists import Lists
from webui.mail.looking import MailboxView
from webui.mail.protocol import Call, First, Hello, Leave, Look, Ping, Window
from webui.mail.searching import SearchView

logger = logging.getLogger(__name__)

WAITING: Final = 100
"""Messages of a page about views that wait to be answered."""
LARGE: Final = 5000
"""Messages of a mailbox above which its newest rows are shown before the whole is read."""
GREETING: Final = 20.0
"""Seconds within which a page says hello."""
CHECKED: Final = 20.0
"""Seconds between looks whether the session is still open; one that ends in this process is heard of at once."""
GOODBYE: Final = 5.0
"""Seconds for which a page that takes nothing is waited for."""

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[str | bytes]]


@dataclass(slots=True)
class Live:
    """The connection of one page."""

    desk: Desk
    lists: Lists
    send: Send
    receive: Receive
    still_open: Callable[[], Awaitable[bool]]
    at: int = 0
    """The watermark: what changed up to here has been said."""
    _views: dict[int, MailboxView | SearchView] = field(default_factory=dict)
    _searches: dict[int, trio.CancelScope] = field(default_factory=dict)
    _waiting: deque[Look | Window | Leave] = field(default_factory=deque)
    _wake: trio.Event = field(default_factory=trio.Event)
    _caught_up: trio.Event = field(default_factory=trio.Event)
    _has_changed: bool = False
    _calls: trio.Semaphore = field(default_factory=lambda: trio.Semaphore(protocol.MOST_CALLS))
    _failure: Failure | None = None

    async def run(self, hello: Hello) -> None:
        """Serve the page until it goes. Failure INVALID where it does not keep to the protocol."""
        self.at = await self._welcome(hello.look)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch)
                nursery.start_soon(self._pump, nursery)
                nursery.start_soon(self._check, nursery.cancel_scope)
                try:
                    await self._read(nursery)
                except Failure as failure:
                    self._failure = failure  # raised behind the nursery, which would wrap it
                nursery.cancel_scope.cancel()
        except* trio.Cancelled:
            logger.debug("a page is gone")
        # Again and alone: Quart's frames keep a group, and with it all that the page had, until cycles are looked for.
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._failure is not None:
            raise self._failure

    async def _welcome(self, first: First | None) -> int:
        store, account = self.desk.store, self.desk.account
        now = await listing.watermark(store, account)
        boxes = await mailboxes.listed(store, account)
        chosen = None
        if first is not None and (box := calls_mailboxes.named(boxes, first.name)) is not None:
            given = first.model_dump(exclude={"name"})
            self._waiting.append(Look(t="look", mailbox=box.id, **given))
            self._wake.set()
            chosen = {"view": first.view, "mailbox": box.id, "threads": first.threads}
        await self.send(
            {
                "t": "welcome",
                "at": now,
                "login": str(self.desk.guest.address),
                "mailboxes": [calls_mailboxes.shown(row) for row in boxes],
                "keywords": labels.among(await listing.keyword_names(store, account)),
                "settings": await settings.listed(store, account),
                "identities": await identities.shown(self.desk),
                "maxSize": store.policy.message_bytes,
                "looking": chosen,
            }
        )
        return now

    async def _read(self, nursery: trio.Nursery) -> None:
        while True:
            message = protocol.parse(await self.receive())
            match message:
                case Ping():
                    await self.send({"t": "pong"})
                case Call():
                    await self._calls.acquire()
                    nursery.start_soon(self._call, message)
                case Look() | Window() | Leave():
                    if isinstance(message, Window):  # only the last place that a page scrolled to matters
                        passed = [
                            each for each in self._waiting if isinstance(each, Window) and each.view == message.view
                        ]
                        for each in passed:
                            self._waiting.remove(each)
                    if len(self._waiting) >= WAITING:
                        raise Failure(Kind.LIMIT, "too many messages at a time")
                    self._waiting.append(message)
                    self._wake.set()
                case _:
                    raise Failure(Kind.INVALID, "hello is said once")

    async def _call(self, call: Call) -> None:
        answer: Message = {"t": "error", "id": call.id}
        try:
            operation = calls.OPERATIONS.get(call.name)
            if operation is None:
                raise Failure(Kind.UNSUPPORTED, "there is no such call; load the page again")
            value = await operation(self.desk, Arguments(call.args))
            answer = {"t": "result", "id": call.id, "value": value}
        except Failure as failure:
            answer |= {"code": failure.kind.value, "message": failure.public}
            if failure.private:
                extra = {"call": call.name, "reason": failure.public, "detail": failure.private}
                logger.info("call refused", extra=extra)
        except entering.STORAGE_ERRORS as error:
            answer |= {"code": "unavailable", "message": "the server cannot do that at the moment; try again"}
            logger.warning("call failed", extra={"call": call.name, "reason": str(error)})
        finally:
            self._calls.release()
        await self.send(answer)

    async def _watch(self) -> None:
        while True:
            await changes.past(self.desk.store, self.desk.account, listing.modseq(self.at))
            self._has_changed = True
            self._caught_up = trio.Event()
            self._wake.set()
            await self._caught_up.wait()

    async def _check(self, scope: trio.CancelScope) -> None:
        while True:
            with trio.move_on_after(CHECKED):
                await self.desk.endings.of(self.desk.account.id)
            if not await self.still_open():
                break
        with trio.move_on_after(GOODBYE):
            await self.send({"t": "bye", "reason": "you are not logged in any more"})
        scope.cancel()

    async def _pump(self, nursery: trio.Nursery) -> None:
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while self._waiting:
                await self._answer(self._waiting.popleft(), nursery)
            if self._has_changed:
                self._has_changed = False
                await self._say_changes()
                self._caught_up.set()

    async def _answer(self, message: Look | Window | Leave, nursery: trio.Nursery) -> None:
        try:
            if isinstance(message, Look):
                await self._look(message, nursery)
            elif isinstance(message, Window):
                await self._window(message)
            else:
                self._leave(message.view)
        except Failure as failure:
            await self.send({"t": "lost", "view": message.view, "message": failure.public})

    async def _look(self, look: Look, nursery: trio.Nursery) -> None:
        self._leave(look.view)
        if len(self._views) >= protocol.MOST_VIEWS:
            raise Failure(Kind.LIMIT, "too many views at a time")
        store, account = self.desk.store, self.desk.account
        if look.query:
            search = SearchView(look.view, store, account, look.query)
            search.show(look.start, look.stop)
            self._views[look.view] = search
            nursery.start_soon(self._search, search)
            return
        messages = await listing.check_mailbox(store, account, look.mailbox)
        if messages > LARGE and not look.start and not self.lists.has(account, look.mailbox, threaded=look.threads):
            last = await self.lists.last(account, look.mailbox, threaded=look.threads)
            if last is not None:
                await self.send(await looking.first_look(store, account, last, look))
        entry = await self.lists.get(account, look.mailbox, threaded=look.threads)
        view = MailboxView(look.view, store, account, self.lists, entry)
        self._views[look.view] = view
        await self._say(await view.window(look.start, look.stop))

    async def _search(self, search: SearchView) -> None:
        with trio.CancelScope() as scope:
            self._searches[search.view] = scope
            try:
                await search.run(self._say)
            except Failure as failure:
                await self.send({"t": "lost", "view": search.view, "message": failure.public})

    async def _window(self, window: Window) -> None:
        view = self._views.get(window.view)
        if isinstance(view, MailboxView):
            await self._say(await view.window(window.start, window.stop))
        elif view is not None:
            view.show(window.start, window.stop)
            await self._say([await view.shown()])

    def _leave(self, number: int) -> None:
        self._views.pop(number, None)
        scope = self._searches.pop(number, None)
        if scope is not None:
            scope.cancel()

    async def _say(self, messages: Sequence[Message]) -> None:
        for message in messages:
            await self.send(message)

    async def _say_changes(self) -> None:
        store, account = self.desk.store, self.desk.account
        changed = await changes.since(store, account, listing.modseq(self.at))
        for view in list(self._views.values()):
            await self._say(await view.follow(changed))
        await self._say(_about_account(changed))
        if changed.keywords:
            await self.send({"t": "keywords", "names": labels.among(await listing.keyword_names(store, account))})
        if any(name == identities.SETTING for name, _ in changed.settings):
            await self.send({"t": "identities", "identities": await identities.shown(self.desk)})
        self.at = changed.modseq
        await self.send({"t": "at", "at": changed.modseq})


def _about_account(changed: Changes) -> list[Message]:
    said: list[Message] = []
    if changed.mailboxes:
        said.append(
            {
                "t": "mailboxes",
                "changed": [calls_mailboxes.shown(row) for row in changed.mailboxes if not row.gone],
                "gone": [row.id for row in changed.mailboxes if row.gone],
            }
        )
    if changed.settings:
        said.append({"t": "settings", "values": dict(changed.settings)})
    return said
