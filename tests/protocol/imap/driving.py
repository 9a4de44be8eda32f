"""A driver that lets a client do everything, and says what happened."""

from collections.abc import Iterable, Sequence

from mox_trio.protocol.imap.bounds import Bounds
from mox_trio.protocol.imap.commands.append import Message, TextPart
from mox_trio.protocol.imap.commands.login import Authenticate
from mox_trio.protocol.imap.events import NEED_DATA, Block, Command, Ended, Event, Response, State, Wrong
from mox_trio.protocol.imap.server import ServerConnection

Happened = Event | bytes
"""An event, or what was said before it; blocks that follow each other are one."""


class Session:
    """A connection with such a driver."""

    def __init__(self, state: State = State.SELECTED, bounds: Bounds | None = None, **settings: bool) -> None:
        self.connection = ServerConnection(bounds) if bounds else ServerConnection()
        self.connection.set_state(state)
        for name, value in settings.items():
            setattr(self.connection, name, value)
        self.challenges = 0
        """How often a client that logs in is asked."""
        self.happened: list[Happened] = []

    def say(self, *pieces: bytes) -> list[Happened]:
        """What happens when these bytes come; b"" is the end."""
        before = len(self.happened)
        for piece in pieces:
            self.connection.receive(piece)
            while (event := self.next()) is not NEED_DATA:
                if isinstance(event, Ended):
                    return self.happened[before:]
        return self.happened[before:]

    def next(self) -> Event:
        """The next event, with what belongs to it."""
        event = self.connection.next_event()
        self._note(self.connection.take_output())
        if event is not NEED_DATA:
            self._note(event)
        if isinstance(event, Message | TextPart):
            self.connection.go_on()
        elif self._is_asked(event):
            self.challenges -= 1
            self.connection.challenge(b"who?")
        self._note(self.connection.take_output())
        return event

    def _is_asked(self, event: Event) -> bool:
        is_login = isinstance(event, Response) or (isinstance(event, Command) and isinstance(event.body, Authenticate))
        return is_login and self.challenges > 0

    def _note(self, what: Happened) -> None:
        last = self.happened[-1] if self.happened else None
        if isinstance(what, Block) and isinstance(last, Block):
            self.happened[-1] = Block(last.data + what.data)
        elif isinstance(what, bytes) and isinstance(last, bytes):
            self.happened[-1] = last + what
        elif what != b"":
            self.happened.append(what)


def happened(pieces: Iterable[bytes], state: State = State.SELECTED, **settings: bool) -> Sequence[Happened]:
    """All that happens to a fresh session."""
    return Session(state, None, **settings).say(*pieces)


def refusal(line: bytes, state: State = State.SELECTED, **settings: bool) -> bytes:
    """What is answered to a command that is refused, without its tag. AssertionError where it is not."""
    found = happened([b"a1 " + line + b"\r\n"], state, **settings)
    assert len(found) == 2, found
    answer, event = found
    assert isinstance(answer, bytes), found
    assert isinstance(event, Wrong), found
    assert answer.startswith(b"a1 "), answer
    assert answer.endswith(b"\r\n"), answer
    assert answer.count(b"\r\n") == 1, answer
    return answer[3:-2]
