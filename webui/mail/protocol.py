"""What browsers and the server say to each other over the websocket: JSON objects, `t` says which.

The page opens it with the session's cookie; the Origin must be the page's own. Its first message is `Hello`, with the CSRF
token and, after a reconnect, the watermark that it has come to. The server welcomes it with all mailboxes; the page looks
again at what it looked at, and gets the rows of its windows; a page that opens asks for its first rows with the hello, and the
welcome says which mailbox that is (`looking`). Of a large mailbox that nobody looked at before, the first list is of its newest
rows alone, and the whole comes when it is read. Everything is numbered by the page: views and calls have ids
that answers repeat.

    page                                     server
    hello {csrf, since?, look?}              welcome {at, account, mailboxes, keywords, settings, looking?, ...}
    look {view, mailbox | query, threads,    list {view, total, start, rows, anew?}
          start, stop}                       ops {view, total, ops}                    as it happens
    window {view, start, stop}               list {...}
    leave {view}                             found {view, complete, scanned, of}       of a search, as it goes on
    call {id, name, args}                    result {id, value, at} | error {id, code, message}
    ping {}                                  pong {}
                                             mailboxes {changed, gone}, keywords {names}, settings {values}
                                             at {at}    everything up to this watermark has been said
                                             bye {reason}    log in again

Rows are at positions from 0, the newest first. `ops` are applied one after the other: ["-", position], ["+", position, row or
null], ["=", position, row or null]; null is a row outside the window that the page asked for last. A slow page gets fewer, larger
steps: the server asks for changes when it has sent the last ones (watermarks, not a queue).
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mox_trio.base.failure import Failure, Kind

MOST_ROWS: Final = 400
"""Of a window."""
MOST_VIEWS: Final = 8
MOST_CALLS: Final = 32
"""That run at a time."""

Position = Annotated[int, Field(ge=0, le=2**31)]
Id = Annotated[int, Field(ge=0, le=2**53)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class First(_Message):
    """Look at the mailbox of this name, or at the inbox where there is none, before the page knows of mailboxes."""

    view: Id
    name: Annotated[str, Field(max_length=1000)] = ""
    threads: bool = True
    start: Position = 0
    stop: Position = 0


class Hello(_Message):
    """The first message."""

    t: Literal["hello"]
    csrf: str
    since: int = 0
    look: First | None = None


class Look(_Message):
    """Look at a mailbox, or at what a search finds."""

    t: Literal["look"]
    view: Id
    mailbox: Id = 0
    query: Annotated[str, Field(max_length=2000)] = ""
    threads: bool = True
    start: Position = 0
    stop: Position = 0


class Window(_Message):
    """Show other rows of a view."""

    t: Literal["window"]
    view: Id
    start: Position
    stop: Position


class Leave(_Message):
    """Look at it no more."""

    t: Literal["leave"]
    view: Id


class Call(_Message):
    """Do something; `calls` has the names."""

    t: Literal["call"]
    id: Id
    name: str
    args: dict[str, Any] = Field(default_factory=dict)


class Ping(_Message):
    """Are you there?"""

    t: Literal["ping"]


FromPage = Hello | Look | Window | Leave | Call | Ping
_ADAPTER: Final[TypeAdapter[FromPage]] = TypeAdapter(Annotated[FromPage, Field(discriminator="t")])


def parse(text: str | bytes) -> FromPage:
    """A message of a page. INVALID."""
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        raise Failure(Kind.INVALID, "this is no message of the protocol", str(error)) from error
