"""The answer to SEARCH, SORT and ESEARCH, from the UIDs that were found (RFC 4731, 5182, 5267, 7377, 9051 6.4.4, 9394).

What was found is in the order of the answer: ascending, or as it was sorted. MIN and MAX are its first and its last.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

import trio

from mox_trio.imapd import searching
from mox_trio.imapd.state import Session
from mox_trio.protocol.imap import encoding, numsets
from mox_trio.protocol.imap.commands.search import Returns
from mox_trio.protocol.imap.numsets import Ranges
from mox_trio.protocol.imap.responses import Found, Response, Results

Uids = Sequence[int]

LARGE: Final = 10_000
"""Numbers of an answer that is made in a thread."""
EVERYTHING: Final = Returns(frozenset({"ALL"}))
"""What is returned where nothing else was asked for."""
RESULTS: Final = frozenset({"MIN", "MAX", "ALL", "COUNT", "SAVE"})
"""Options that say what is wanted; the others say how."""


def asked(returns: Returns) -> Returns:
    """The same, or everything where it does not say what is wanted (RFC 5267 4.3: UPDATE alone)."""
    if returns.partial is not None or returns.options & RESULTS:
        return returns
    return replace(returns, options=returns.options | {"ALL"})


def part(found: Uids, wanted: tuple[int, int]) -> Uids:
    """Those from one place to another, both included; -1 is the last (RFC 9394 3.1)."""
    low, high = min(wanted), max(wanted)
    if high < 0:
        return found[max(len(found) + low, 0) : max(len(found) + high + 1, 0)]
    return found[low - 1 : high]


def ends_only(returns: Returns) -> bool:
    """Whether MIN or MAX, or both, are all that is wanted: then nothing but them is looked for."""
    return returns.partial is None and bool(returns.options) and returns.options <= {"MIN", "MAX", "SAVE"}


def saved(found: Uids, returns: Returns) -> Ranges:
    """What "$" stands for then, as UIDs (RFC 5182 2.1, RFC 9394 3.2)."""
    options = returns.options
    if options & {"ALL", "COUNT"} or not (options & {"MIN", "MAX"} or returns.partial):
        chosen = sorted(found)
    else:
        ends = [*(found[:1] if "MIN" in options else ()), *(found[-1:] if "MAX" in options else ())]
        chosen = sorted({*ends, *(part(found, returns.partial) if returns.partial else ())})
    return numsets.of(chosen)


def returned(found: Uids, returns: Returns) -> Uids:
    """The messages that an answer speaks of: MODSEQ is theirs (RFC 4731 3.2, RFC 9394 3.1)."""
    options = returns.options
    if options & {"ALL", "COUNT"} or not (options & {"MIN", "MAX"} or returns.partial):
        return found
    ends = [*(found[:1] if "MIN" in options else ()), *(found[-1:] if "MAX" in options else ())]
    return [*ends, *(part(found, returns.partial) if returns.partial else ())]


def results(
    numbers: Uids, returns: Returns, *, tag: str, uid: bool, modseq: int | None = None,
    mailbox: tuple[str, int] | None = None,
) -> Results:  # fmt: skip
    """ESEARCH with what was asked for, of messages as the client counts them."""
    options = returns.options
    return Results(
        tag=tag,
        uid=uid,
        minimum=numbers[0] if "MIN" in options and numbers else None,
        maximum=numbers[-1] if "MAX" in options and numbers else None,
        count=len(numbers) if "COUNT" in options else None,
        all=numbers if "ALL" in options else None,
        modseq=modseq,
        partial=None if returns.partial is None else (returns.partial, part(numbers, returns.partial)),
        mailbox=mailbox,
    )


async def say(
    session: Session, name: Literal["SEARCH", "SORT"], found: Uids, returns: Returns | None, *, uid: bool, modseq: bool
) -> None:
    """Answer with messages of the selected mailbox; `modseq`: say the highest of theirs."""
    extended = returns or (EVERYTHING if name == "SEARCH" and session.wire.rev2 else None)  # RFC 9051 6.4.4
    if extended is not None and extended.options == {"SAVE"} and extended.partial is None:
        return  # RFC 5182 2.1: nothing was asked for
    numbers = await searching.numbers(session, found, uid=uid)
    of = found if extended is None else returned(found, extended)
    highest = await searching.highest_modseq(session, of) if modseq and of else None
    answer: Response
    if extended is None:
        answer = Found(name, numbers, highest)
    else:
        answer = results(numbers, extended, tag=session.tag, uid=uid, modseq=highest)
    await say_large(session, answer, len(numbers))


async def say_large(session: Session, answer: Response, count: int) -> None:
    """Say something with so many numbers in it."""
    if count > LARGE:
        limiter = session.store.computing
        session.write(await trio.to_thread.run_sync(encoding.encode, answer, session.wire, limiter=limiter))
    else:
        session.say(answer)
    await session.drain()
