"""Whatever a client sends: nothing raises, and how its bytes are cut makes no difference."""

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.protocol.imap import table
from mox_trio.protocol.imap.bounds import Bounds
from mox_trio.protocol.imap.commands.append import AppendEnd, Message, TextPart
from mox_trio.protocol.imap.events import NEED_DATA, Command, Ended, State, Wrong
from mox_trio.protocol.imap.lexer import Lexer, Malformed
from mox_trio.protocol.imap.responses import Status
from mox_trio.protocol.imap.server import ServerConnection
from tests.protocol.imap.driving import Happened, Session

BOUNDS = Bounds(
    line=400, literal=50, command=600, skipped=100, depth=6, keys=8, members=6, ranges=5, messages=3, parts=3
)
NAMES = [name.encode() for name in table.COMMANDS]
WORDS = st.sampled_from(
    [
        *NAMES,
        b"INBOX", b"1:*", b"1,3:5", b"$", b"(", b")", b"((", b"))", b" ", b" ", b" ", b"  ", b"\\Seen", b"$Junk",
        b"FLAGS", b"+FLAGS.SILENT", b"BODY[", b"]", b"BODY.PEEK[HEADER.FIELDS (a)]", b"<0.5>", b"RETURN (",
        b"PARTIAL 1:2", b"CHANGEDSINCE 5", b"UNCHANGEDSINCE", b"QRESYNC (", b"NOT", b"OR", b"SINCE 1-Feb-1994",
        b"TEXT", b"CATENATE (", b"URL /x", b"UTF8 (", b'"a"', b'"', b'"\\"', b"NIL", b"{3+}\r\nabc", b"{3}\r\nabc",
        b"~{2+}\r\n\0x", b"{60+}\r\n", b"{0}\r\n", b"{9999999999}", b"\r\n", b"\r\n", b"\r\na1 ", b"DONE\r\n",
        b"*\r\n", b"AAAA\r\n", b"\r", b"\n", b"\0", b"\xff", b"\xc3\xbc", b"&AOk-", b"&", b"5", b"-1:-5",
        b"CHARSET x", b'"17-Jul-1996 02:44:25 -0700"', b"IN (", b"mailboxes", b"SET", b"MessageNew", b"DEPTH 1",
        b"/private/x",
    ]
)  # fmt: skip
DATA = st.lists(WORDS | st.binary(max_size=6), max_size=40).map(b"".join)
STREAMS = st.tuples(
    st.sampled_from([b"", b"a0 NOOP\r\na1 ", b"a0 NOOP\r\na1 APPEND x ", b"a0 NOOP\r\na1 SEARCH "]), DATA
).map(b"".join)


def play(pieces: list[bytes], state: State, **flags: bool) -> list[Happened]:
    session = Session(state, BOUNDS, **flags)
    session.challenges = 2
    return session.say(*pieces, b"")


@settings(max_examples=600)
@given(STREAMS, st.sampled_from(State), st.booleans(), st.booleans(), st.lists(st.integers(0, 60), max_size=10))
def test_how_bytes_are_cut_makes_no_difference(
    data: bytes, state: State, utf8: bool, uid_only: bool, cuts: list[int]
) -> None:
    at = sorted({0, len(data), *[cut for cut in cuts if cut < len(data)]})
    pieces = [data[start:stop] for start, stop in itertools.pairwise(at)]
    flags = {"utf8": utf8, "uid_only": uid_only}
    whole = play([data] if data else [], state, **flags)
    # What comes behind STARTTLS in the same piece ends the session: it is the one thing that a cut changes.
    if not any(isinstance(event, Ended) and event.reason == "bytes-after-starttls" for event in whole):
        assert play(pieces, state, **flags) == whole
        bytewise = play([data[place : place + 1] for place in range(len(data))], state, **flags)
        assert bytewise == whole
    assert isinstance(whole[-1], Ended)


@settings(max_examples=400)
@given(STREAMS, st.integers(0, 2**32))
def test_a_driver_may_refuse_any_append_at_any_time(data: bytes, seed: int) -> None:
    choice = random.Random(seed)
    connection = ServerConnection(BOUNDS)
    connection.set_state(State.SELECTED)
    is_appending = must_ask = False
    refused = 0
    output = b""
    while True:
        if is_appending and choice.random() < 0.2:
            connection.refuse_literal(Status("NO", "refused"))
            refused += 1
            is_appending = must_ask = False
        if must_ask:
            connection.go_on()
            must_ask = False
        event = connection.next_event()
        output += connection.take_output()
        if isinstance(event, Command):
            is_appending = event.name.endswith(("APPEND", "REPLACE"))
        elif isinstance(event, Message | TextPart):
            must_ask = event.must_ask
        elif isinstance(event, AppendEnd | Wrong):
            is_appending = False
        elif isinstance(event, Ended):
            break
        elif event is NEED_DATA:
            piece, data = data[:3], data[3:]
            connection.receive(piece)
    assert output.count(b" NO refused\r\n") == refused


@settings(max_examples=300)
@given(st.sampled_from(sorted(table.COMMANDS)), DATA, st.booleans())
def test_a_parser_raises_nothing_but_its_own_error(name: str, arguments: bytes, utf8: bool) -> None:
    lexer = Lexer(b" " + arguments, utf8=utf8, bounds=BOUNDS)
    text = "fine"
    try:
        table.COMMANDS[name].parse(lexer)
    except Malformed as error:
        text = error.text
    assert text
    assert text.isascii()


def test_random_bytes_and_random_drivers() -> None:
    choice = random.Random(5)
    for _ in range(300):
        data = choice.randbytes(choice.randrange(200))
        for state in State:
            assert isinstance(play([data], state)[-1], Ended)
