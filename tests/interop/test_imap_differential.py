"""The same commands to Dovecot and to our IMAP server: every difference between their answers is explained here.

`tests/kit/imap_trace.py` draws the commands of two sessions and takes out of the answers what servers are free in. What is left
is compared; `RULES` say why an answer may differ, and take that out of both. What is different after that is a fault.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.kit import dovecot, imap_clients, imap_served, imap_trace
from tests.kit.imap_clients import Client
from tests.kit.imap_trace import Heard, Step

SEED: Final = 1
COMMANDS: Final = 2000
DEFAULTS: Final = (b"archive", b"drafts", b"junk", b"sent", b"trash", b"rejects")

Pair = tuple[list[Heard], list[Heard]]
"""What is left of our answer and of Dovecot's: the first row is status and response code."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Why answers may differ."""

    reason: str
    apply: Callable[[Step, Pair], Pair]


def without(*rows: Heard) -> Callable[[Step, Pair], Pair]:
    """Leave out rows that begin like one of these."""

    def left(answer: list[Heard]) -> list[Heard]:
        return [row for row in answer if not any(row[: len(each)] == each for each in rows)]

    return lambda step, pair: (left(pair[0]), left(pair[1]))


def each_row(change: Callable[[Heard], Heard | None]) -> Callable[[Step, Pair], Pair]:
    """Change rows, or leave them out."""

    def left(answer: list[Heard]) -> list[Heard]:
        return [row for row in map(change, answer) if row is not None]

    return lambda step, pair: (left(pair[0]), left(pair[1]))


def words(step: Step) -> list[str]:
    """The words of a command, without UID."""
    return [each for each in step.command.split() if each != "UID"] or [""]


def without_mailbox_id(row: Heard) -> Heard | None:
    is_of_create = row[0] == "tagged" and isinstance(row[2], tuple) and row[2][0] == "MAILBOXID"
    is_of_select = row[0] == "OK" and isinstance(row[1], tuple) and row[1][0] == "MAILBOXID"
    return (*row[:2], None) if is_of_create else None if is_of_select else row


def missing_parts(row: Heard) -> Heard:
    if row[0] != "FETCH" or not isinstance(row[2], tuple):
        return row
    return (
        row[0],
        row[1],
        tuple((name, b"" if value is None and name.startswith("BODY[") else value) for name, value in row[2]),
    )


def refused_in_examine(step: Step, pair: Pair) -> Pair:
    ours, theirs = pair
    if ours[0] == ("tagged", "NO", ("READ-ONLY",)) and words(step)[0] in ("STORE", "MOVE", "EXPUNGE"):
        return [], []
    return ours, theirs


def inbox_in_capitals(row: Heard) -> Heard:
    return tuple(b"INBOX" if isinstance(each, bytes) and each.upper() == b"INBOX" else each for each in row)


def not_default(row: Heard) -> Heard | None:
    is_default = row[0] in ("LIST", "LSUB") and isinstance(row[1], bytes) and row[1].lower() in DEFAULTS
    return None if is_default else row


def subscriptions(step: Step, pair: Pair) -> Pair:
    if words(step)[0] == "LSUB" or "(SUBSCRIBED)" in step.command:
        return without(("LIST",), ("LSUB",))(step, pair)
    return pair


def refusals(step: Step, pair: Pair) -> Pair:
    ours, theirs = pair
    if ours and theirs and {ours[0][1], theirs[0][1]} <= {"NO", "BAD"}:
        return [("tagged", "NO"), *ours[1:]], [("tagged", "NO"), *theirs[1:]]
    return pair


def unchanged_flags(step: Step, pair: Pair) -> Pair:
    if words(step)[0] != "STORE":
        return pair
    ours, theirs = pair
    said = {row[1] for row in theirs if row[0] == "FETCH"}
    return [row for row in ours if row[0] != "FETCH" or row[1] in said], theirs


def without_uid(step: Step, pair: Pair) -> Pair:
    ours, theirs = pair
    bare = {row[1] for row in theirs if row[0] == "FETCH" and "UID" not in dict(row[2])}  # type: ignore[call-overload]

    def left(row: Heard) -> Heard:
        if row[0] != "FETCH" or row[1] not in bare or not isinstance(row[2], tuple):
            return row
        return row[0], row[1], tuple(item for item in row[2] if item[0] != "UID")

    return [left(row) for row in ours], theirs


def listed_attributes(row: Heard) -> Heard:
    if row[0] not in ("LIST", "LSUB") or not isinstance(row[3], tuple):
        return row
    return (*row[:3], tuple(each for each in row[3] if each not in (b"\\subscribed", b"\\noselect")))


def bare_status(row: Heard) -> Heard:
    free = ("CLIENTBUG",), "HIGHESTMODSEQ", ("EXPUNGEISSUED",)
    return (*row[:2], None) if row[0] == "tagged" and len(row) == 3 and row[2] in free else row


def parts_of_leaves(step: Step, pair: Pair) -> Pair:
    if "BODY.PEEK[2.1]" not in step.command and "BODY.PEEK[1.MIME]" not in step.command:
        return pair
    return without(("FETCH",))(step, pair)


def lenient_parsing(step: Step, pair: Pair) -> Pair:
    is_refused = bool(pair[0]) and pair[0][0][1] == "BAD"
    return ([], []) if is_refused and step.command in LENIENT else pair


def subscribing(step: Step, pair: Pair) -> Pair:
    return ([], []) if words(step)[0] in ("SUBSCRIBE", "UNSUBSCRIBE") else pair


def groups(step: Step, pair: Pair) -> Pair:
    if "SORT (TO)" not in step.command:
        return pair

    def left(answer: list[Heard]) -> list[Heard]:
        return [
            (row[0], tuple(sorted(row[1], key=repr))) if row[0] == "SORT" and isinstance(row[1], tuple) else row
            for row in answer
        ]

    return left(pair[0]), left(pair[1])


LENIENT: Final = ("FETCH 1 BODY[]<1.0>", "NOOP x", "EXPUNGE 1", "FETCH 1 BODY.PEEK[0]")
RULES: Final = (
    Rule("we have OBJECTID (RFC 8474): CREATE and SELECT say MAILBOXID", each_row(without_mailbox_id)),
    Rule("we say HIGHESTMODSEQ to everybody (RFC 7162 3.1.2.1)", without(("OK", "HIGHESTMODSEQ"))),
    Rule(
        "PERMANENTFLAGS is said again when a keyword is new, by us for the account's", without(("OK", "PERMANENTFLAGS"))
    ),
    Rule("a part that is not there is NIL here, and empty there", each_row(missing_parts)),
    Rule("STORE in a mailbox that was opened by EXAMINE is refused here, and ignored there", refused_in_examine),
    Rule("the INBOX is Inbox here", each_row(inbox_in_capitals)),
    Rule("new accounts have more mailboxes here", each_row(not_default)),
    Rule("mailboxes that are made are subscribed to here", subscriptions),
    Rule("mailboxes that are made are subscribed to here", each_row(listed_attributes)),
    Rule(
        "what may be subscribed to: any name here, what exists there; UNSUBSCRIBE of what was not is refused here",
        subscribing,
    ),
    Rule("a refusal says here with a code why, and is NO where it is BAD there", refusals),
    Rule("STORE says here of all messages how they are now, there of those that it changed", unchanged_flags),
    Rule("what is told unasked has the UID here (RFC 9051 7.5.2)", without_uid),
    Rule("codes that help: STATUS of the selected mailbox, HIGHESTMODSEQ after EXPUNGE", each_row(bare_status)),
    Rule(
        "a part of a part that has none, and the fields of a message that is no multipart: NIL here, the part itself there",
        parts_of_leaves,
    ),
    Rule("SORT by TO goes by the first mailbox here, and by the name of a group there", groups),
    Rule("arguments that a command does not have are errors here", lenient_parsing),
)


class Unasked:
    """What a session is told unasked: a server may say it now or with a later command, but it has to say the same.

    Flags are compared as the last that was said of a message, when both have said something of it.
    """

    def __init__(self) -> None:
        self._ahead: tuple[list[Heard], list[Heard]] = ([], [])

    def settle(self, step: Step, pair: Pair) -> Pair:
        """Take out what is only earlier or later."""
        verb = words(step)[0]
        if verb in ("SELECT", "EXAMINE", "CLOSE", "UNSELECT"):
            for side in self._ahead:
                side.clear()
            return pair
        ours, theirs = (list(answer) for answer in pair)
        for mine, other in ((0, 1), (1, 0)):
            answer, against = (ours, theirs)[mine], (ours, theirs)[other]
            is_refused = bool(answer) and answer[0][1] != "OK"
            for row in [row for row in answer if row not in against and is_unasked("" if is_refused else verb, row)]:
                answer.remove(row)
                if row in self._ahead[other]:
                    self._ahead[other].remove(row)
                else:
                    self._ahead[mine].append(row)
        return ours, theirs

    def left(self) -> Pair:
        """What only one of them has said."""
        return list(self._ahead[0]), list(self._ahead[1])


def is_unasked(verb: str, row: Heard) -> bool:
    if row[0] == "EXISTS" or (row[0] == "EXPUNGE" and verb not in ("EXPUNGE", "MOVE")):
        return True
    if row[0] != "FETCH" or verb == "FETCH" or not isinstance(row[2], tuple):
        return False
    return {name for name, _ in row[2]} <= {"FLAGS", "MODSEQ", "UID"}


def play(port: int, user: str, password: str) -> list[Heard]:
    """All answers of a server."""
    with imap_clients.connect(port) as one, imap_clients.connect(port) as other:
        sessions: tuple[Client, Client] = (one, other)
        for client in sessions:
            client.login(user, password)
        return [
            imap_trace.heard(sessions[step.session].run(step.command, *step.literals))
            for step in imap_trace.steps(SEED, COMMANDS)
        ]


def rows(answer: Heard) -> list[Heard]:
    """Status and code, then what was said."""
    status, code, *others = answer
    return [("tagged", status, code), *(each for each in others if isinstance(each, tuple))]


def itemised(answer: list[Heard]) -> list[Heard]:
    """Each item of FETCH by itself, to be shown."""
    return [
        (*row[:2], *item) if isinstance(item, tuple) else row
        for row in answer
        for item in (row[2] if row[0] == "FETCH" and isinstance(row[2], tuple) else (None,))
    ]


def compare(ours: list[Heard], theirs: list[Heard]) -> tuple[list[str], Counter[str]]:
    """What is not explained, and how often each reason was."""
    unasked = Unasked(), Unasked()
    wrong: list[str] = []
    needed: Counter[str] = Counter()
    for step, our, their in zip(imap_trace.steps(SEED, COMMANDS), ours, theirs, strict=True):
        pair = rows(our), rows(their)
        for rule in RULES:
            before = pair
            pair = rule.apply(step, pair)
            if before[0] != before[1] and pair != before:
                needed[rule.reason] += 1
        mine, other = unasked[step.session].settle(step, pair)
        if mine != other and sorted(mine, key=repr) != sorted(other, key=repr):
            here, there = (
                [row for row in one if row not in against] for one, against in ((mine, other), (other, mine))
            )
            wrong.append(f"{step}\n  here:    {here}\n  Dovecot: {there}")
    return wrong, needed


def test_every_difference_to_dovecot_is_explained() -> None:
    with dovecot.running() as peer:
        theirs = play(peer.port, dovecot.USER, dovecot.PASSWORD)
    with imap_served.one() as server:
        ours = play(server.port, server.user, imap_served.PASSWORD)
    wrong, needed = compare(ours, theirs)
    assert wrong == [], f"{len(wrong)} of {COMMANDS} differences are not explained:\n" + "\n".join(wrong[:20])
    assert {rule.reason for rule in RULES} == needed.keys(), "a reason explains nothing any more"
