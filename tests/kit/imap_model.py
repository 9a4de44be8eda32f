"""What sessions of IMAP must believe: every response is held against the rules, and beliefs against each other.

`World` is what is known of the mailboxes from all sessions together: which content has which UID, what was acknowledged, what
somebody has asked to go. `Belief` is what one session was told of its mailbox: sequence numbers, UIDs, flags, mod-sequences. Both
are pure: `Belief.hear` takes a response, `World.find` writes down what is wrong. The rules:

- EXPUNGE and VANISHED come only while a command is in progress that allows it (RFC 9051 7.5.1, RFC 7162 3.2.10); a mailbox
  becomes smaller by nothing else (7.3.1 EXISTS);
- UIDs ascend with sequence numbers, are never given again, and new ones are above all that were given (2.3.1.1);
- content never changes, HIGHESTMODSEQ never goes back, one mod-sequence of a message always means the same flags (RFC 7162 2);
- what was acknowledged stays until somebody asked for it to go; a flag that only one session touches is what it made it.

A session that stores silently while others change flags may believe one of two things; then both are kept.
"""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tests.kit.imap_clients import Response, Value, members, names, number

Flags = frozenset[bytes]

QUIET: Final = frozenset((b"FETCH", b"STORE", b"SEARCH", b"SORT"))
"""Commands by sequence number during which no message may go."""
SUBJECT: Final = b"BODY[HEADER.FIELDS (SUBJECT)]"


def message(token: bytes) -> bytes:
    """The message of a token: always the same octets, of several shapes and sizes."""
    seed = int.from_bytes(hashlib.blake2b(token, digest_size=4).digest(), "big")
    head = (
        b"From: Ann <ann@example.org>\r\nTo: mia@example.org\r\nSubject: %b\r\n"
        b"Date: Sat, 28 Nov 2026 10:%02d:00 +0000\r\nMessage-ID: <%b@example.org>\r\n" % (token, seed % 60, token)
    )
    text = b"".join(b"line %d of %b\r\n" % (line, token) for line in range(seed % 61))
    if seed % 4:
        return head + b"\r\n" + text
    part = b"--b\r\nContent-Type: text/plain\r\n\r\n%b\r\n" % text
    return head + b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n' + part * 2 + b"--b--\r\n"


@dataclass(slots=True)
class Command:
    """A command in progress."""

    name: bytes
    tag: bytes = b""
    by_uid: bool = False
    uids: tuple[int, ...] = ()
    """Those it is about, as far as they were known."""
    mailbox: bytes = b""
    """Of SELECT, EXAMINE, STATUS, APPEND, and where COPY and MOVE go."""
    sign: bytes = b""
    """Of STORE: +, - or nothing."""
    flags: Flags = frozenset()
    silent: bool = False
    marks_seen: bool = False
    """FETCH that sets Seen: whether its MODSEQ is the one before or after that is not said (RFC 9051 6.4.5)."""
    tokens: tuple[bytes, ...] = ()
    key: bytes = b""
    """Of SEARCH."""
    may_fail: bool = False
    uid_floor: int = 0
    """The highest UID of `mailbox` that was known when it was sent."""
    modseq_floor: int = 0
    told: dict[int, Flags] = field(default_factory=dict)
    """Flags that FETCH has said meanwhile, by UID."""
    seen: set[int] = field(default_factory=set)
    """UIDs of which anything was said."""
    found: list[int] | None = None
    """By SEARCH."""

    @property
    def forbids_expunge(self) -> bool:
        """Whether no message may go while it is in progress."""
        return self.name in QUIET and not self.by_uid


@dataclass(slots=True)
class Box:
    """What is known of a mailbox from everybody."""

    name: bytes
    uidvalidity: int = 0
    tokens: dict[int, bytes] = field(default_factory=dict)
    may_go: set[int] = field(default_factory=set)
    """UIDs that somebody has marked as deleted, or moved away, or tried to."""
    must_be_gone: dict[int, str] = field(default_factory=dict)
    """UIDs that were left out of an answer, and which: right only if they are gone."""
    must_be_gone_some: list[tuple[tuple[int, ...], str]] = field(default_factory=list)
    """UIDs of commands that were refused, and how: right only if one of them is gone."""
    gone: set[int] = field(default_factory=set)
    highest_uid: int = 0
    highest_modseq: int = 0
    versions: dict[tuple[int, int], Flags] = field(default_factory=dict)
    """(UID, mod-sequence) to flags."""
    own: dict[tuple[int, bytes], bool] = field(default_factory=dict)
    """(UID, keyword that one session alone touches) to whether it is set."""


class World:
    """All mailboxes, and all that was found to be wrong."""

    def __init__(self, mailboxes: Iterable[bytes]) -> None:
        self.boxes = {name: Box(name) for name in mailboxes}
        self.sent: set[bytes] = set()
        """Tokens of all messages that were appended, or tried to be."""
        self.found: list[str] = []

    def find(self, text: str) -> None:
        """Write down what is wrong."""
        self.found.append(text)

    def content(self, box: Box, uid: int, token: bytes) -> None:
        """A UID has a content."""
        known = box.tokens.setdefault(uid, token)
        if known != token:
            self.find(f"{box.name!r}: UID {uid} was {known!r} and is {token!r}")
        if token not in self.sent:
            self.find(f"{box.name!r}: UID {uid} is {token!r}, which nobody has appended")
        box.highest_uid = max(box.highest_uid, uid)

    def added(self, box: Box, uid: int, token: bytes | None, floor: int) -> None:
        """A UID was given to a new message."""
        if uid <= floor:
            self.find(f"{box.name!r}: the new UID {uid} is not above {floor}")
        if token is not None:
            self.content(box, uid, token)
        box.highest_uid = max(box.highest_uid, uid)

    def version(self, box: Box, uid: int, modseq: int, flags: Flags) -> None:
        """A message has flags since a mod-sequence."""
        known = box.versions.setdefault((uid, modseq), flags)
        if known != flags:
            self.find(f"{box.name!r}: UID {uid} at {modseq} had {sorted(known)} and has {sorted(flags)}")

    def validity(self, box: Box, value: int) -> None:
        """UIDVALIDITY was said."""
        if box.uidvalidity and box.uidvalidity != value:
            self.find(f"{box.name!r}: UIDVALIDITY {box.uidvalidity} became {value}")
        box.uidvalidity = value


@dataclass(slots=True)
class Entry:
    """What a session believes of one message. A UID of 0 is one it was not told."""

    uid: int = 0
    flags: tuple[Flags, ...] = ()
    """Any of these; nothing: it was not told."""
    modseq: int = 0


@dataclass(slots=True)
class Remembered:
    """What a client keeps of a mailbox to come back with (RFC 7162 3.2.5)."""

    uidvalidity: int
    modseq: int
    messages: dict[int, Entry]
    is_limited: bool = False
    """Whether the server was told these UIDs, so that it says nothing of others (RFC 7162 3.2.5)."""


class Belief:
    """What one session was told of the mailbox that it has selected."""

    def __init__(
        self, world: World, box: Box, who: str, earlier: Remembered | None = None, *, uid_only: bool = False
    ) -> None:
        self.world = world
        self.box = box
        self.who = who
        self.entries: list[Entry] = []
        self.highest_modseq = 0
        self.settled = 0
        """All changes up to this mod-sequence were told when it came back by QRESYNC."""
        self.selecting = True
        self.uid_only = uid_only
        self._earlier = earlier
        self._exists = 0
        self._fetched: dict[int, Response] = {}
        """By sequence number, until the mailbox is selected and numbers mean something."""

    def find(self, text: str) -> None:
        """Write down what is wrong."""
        self.world.find(f"{self.who} in {self.box.name!r}: {text}")

    def known(self) -> list[int]:
        """The UIDs it was told."""
        return [entry.uid for entry in self.entries if entry.uid]

    def hear(self, response: Response, command: Command | None) -> None:
        """An untagged response about the mailbox, while a command (or none) is in progress."""
        name = response.name
        if name == b"FETCH":
            self._fetch(response, command)
        elif name == b"UIDFETCH":
            self._uid_fetch(response, command)
        elif name == b"EXISTS":
            self._grow(response.number or 0)
        elif name == b"EXPUNGE":
            self._expunge(response.number or 0, command)
        elif name == b"VANISHED":
            self._vanish(response, command)
        elif name == b"OK" and response.code:
            self._code(response)

    def selected(self) -> None:
        """SELECT is over: numbers mean something now."""
        self.selecting = False
        if self._earlier is None:
            return
        numbered = {n: number(each.items()[b"UID"]) for n, each in self._fetched.items()}
        uids = sorted({*self._earlier.messages, *numbered.values()})
        if len(uids) > self._exists or (len(uids) < self._exists and not self._earlier.is_limited):
            self.find(f"after QRESYNC {len(uids)} messages are known and {self._exists} are there")
        self.entries = [self._earlier.messages.get(uid) or Entry(uid) for uid in uids]
        for n, uid in numbered.items():
            if not 0 < n <= len(uids) or uids[n - 1] != uid:
                self.find(f"QRESYNC says that {n} is UID {uid}, and it is not")
                return
        for each in self._fetched.values():
            self._fetch(each, None)
        self.entries += [Entry() for _ in range(self._exists - len(self.entries))]
        self.settled = self.highest_modseq

    @property
    def is_complete(self) -> bool:
        """Whether it was told everything that a HIGHESTMODSEQ stands for."""
        return all(entry.uid and entry.flags for entry in self.entries)

    def remember(self) -> Remembered:
        """What to come back with."""
        messages = {entry.uid: entry for entry in self.entries if entry.uid}
        return Remembered(self.box.uidvalidity, self.highest_modseq, messages)

    def _code(self, response: Response) -> None:
        name, *arguments = response.code
        if name == b"UIDVALIDITY":
            self.world.validity(self.box, number(arguments[0]))
        elif name == b"HIGHESTMODSEQ":
            self.raise_modseq(number(arguments[0]))

    def raise_modseq(self, value: int) -> None:
        """HIGHESTMODSEQ was said."""
        if value < self.highest_modseq:
            self.find(f"HIGHESTMODSEQ went from {self.highest_modseq} to {value}")
        self.highest_modseq = max(self.highest_modseq, value)
        self.box.highest_modseq = max(self.box.highest_modseq, value)

    def _grow(self, count: int) -> None:
        self._exists = count
        if self.selecting and self._earlier is not None:
            return
        if count < len(self.entries):
            self.find(f"EXISTS went from {len(self.entries)} to {count} without EXPUNGE")
            return
        self.entries += [Entry() for _ in range(count - len(self.entries))]

    def _may_expunge(self, what: str, command: Command | None) -> None:
        if command is None:
            self.find(f"{what} with no command in progress")
        elif command.forbids_expunge:
            self.find(f"{what} during {command.name!r}")

    def _expunge(self, n: int, command: Command | None) -> None:
        self._may_expunge(f"EXPUNGE {n}", command)
        if not 0 < n <= len(self.entries):
            self.find(f"EXPUNGE {n} of {len(self.entries)}")
            return
        self._gone(self.entries.pop(n - 1).uid)

    def _gone(self, uid: int) -> None:
        if not uid:
            return
        self.box.gone.add(uid)

    def _vanish(self, response: Response, command: Command | None) -> None:
        *earlier, uids = response.values
        if self.selecting:
            if not earlier or self._earlier is None:
                self.find("VANISHED during SELECT that is not (EARLIER)")
                return
            for uid in members(uids):
                if self._earlier.messages.pop(uid, None) is not None:
                    self._gone(uid)
            return
        if not earlier:
            self._may_expunge(f"VANISHED {uids!r}", command)
        for uid in members(uids):
            at = self._place(uid)
            if at is not None:
                self.entries.pop(at)
                self._gone(uid)
            elif not earlier:
                self.find(f"VANISHED {uid}, which is not there")

    def _place(self, uid: int) -> int | None:
        """Where a UID is, or where it must be if it was not told: among the unknown between its neighbours."""
        unknown: int | None = None
        if self.uid_only:
            places = {entry.uid: at for at, entry in enumerate(self.entries)}
            return places.get(uid, places.get(0))
        for at, entry in enumerate(self.entries):
            if entry.uid == uid:
                return at
            if not entry.uid and unknown is None:
                unknown = at
            elif entry.uid > uid:
                break
            elif entry.uid:
                unknown = None
        return unknown

    def _fetch(self, response: Response, command: Command | None) -> None:
        n, items = response.number or 0, response.items()
        if self.selecting and self._earlier is not None:
            self._fetched[n] = response
            return
        if not 0 < n <= len(self.entries):
            self.find(f"FETCH {n} of {len(self.entries)}")
            return
        if b"UID" in items:
            self._identify(n - 1, number(items[b"UID"]))
        self._learn(self.entries[n - 1], items, command)

    def _uid_fetch(self, response: Response, command: Command | None) -> None:
        uid = response.number or 0
        at = self._place(uid)
        if at is None:
            self.find(f"UIDFETCH {uid}, which is not there")
            return
        entry = self.entries[at]
        if not entry.uid:
            # No numbers are ever told (RFC 9586), and so those it knows come first here, and the others have no place.
            entry.uid = uid
            self.entries.sort(key=lambda each: each.uid or math.inf)
            self.box.highest_uid = max(self.box.highest_uid, uid)
        self._learn(entry, response.items(), command)

    def _identify(self, at: int, uid: int) -> None:
        entry = self.entries[at]
        if entry.uid == uid:
            return
        if entry.uid:
            self.find(f"message {at + 1} was UID {entry.uid} and is UID {uid}")
        entry.uid = uid
        self.box.highest_uid = max(self.box.highest_uid, uid)
        before = next((each.uid for each in reversed(self.entries[:at]) if each.uid), 0)
        after = next((each.uid for each in self.entries[at + 1 :] if each.uid), uid + 1)
        if not before < uid < after:
            self.find(f"message {at + 1} has UID {uid}, between {before} and {after}")

    def _learn(self, entry: Entry, items: dict[bytes, Value], command: Command | None) -> None:
        uid = entry.uid
        if command is not None:
            command.seen.add(uid)
        flags = names(items[b"FLAGS"]) - {b"\\Recent"} if b"FLAGS" in items else None
        modseq = items.get(b"MODSEQ")
        is_exact = command is None or not command.marks_seen
        if flags is not None:
            if is_exact and isinstance(modseq, tuple) and number(modseq[0]) <= self.settled:
                self._already_told(entry, flags)
            entry.flags = (flags,)
            if command is not None:
                command.told[uid] = flags
        if isinstance(modseq, tuple):
            self._learn_modseq(entry, number(modseq[0]), flags if is_exact else None)
        if uid:
            self._hold_against_content(uid, items)

    def _hold_against_content(self, uid: int, items: dict[bytes, Value]) -> None:
        box = self.box
        subject = items.get(SUBJECT)
        if isinstance(subject, bytes) and subject.strip():
            self.world.content(box, uid, subject.partition(b":")[2].strip())
        token = box.tokens.get(uid)
        if token is None:
            return
        content = message(token)
        for name, value in ((b"RFC822.SIZE", b"%d" % len(content)), (b"BODY[]", content)):
            if name in items and items[name] != value:
                if items[name] in (None, b"", b"0"):
                    box.must_be_gone[uid] = f"{self.who}: nothing for {name!r}"
                else:
                    self.find(f"{name!r} of UID {uid} ({token!r}) is not that of what was appended: {items[name]!r}")

    def _already_told(self, entry: Entry, flags: Flags) -> None:
        if entry.flags and flags not in entry.flags:
            told = [sorted(each) for each in entry.flags]
            self.find(f"UID {entry.uid} has {sorted(flags)}, and QRESYNC at {self.settled} said {told}")

    def _learn_modseq(self, entry: Entry, modseq: int, flags: Flags | None) -> None:
        if modseq < entry.modseq:
            self.find(f"MODSEQ of UID {entry.uid} went from {entry.modseq} to {modseq}")
        entry.modseq = modseq
        if entry.uid and flags is not None:
            self.world.version(self.box, entry.uid, modseq, flags)

    # What a command that has ended means.

    def stored(self, command: Command, untouched: set[int]) -> None:
        """STORE succeeded, except for `untouched`."""
        for entry in self.entries:
            if entry.uid not in command.uids or entry.uid in untouched:
                continue
            if entry.uid in command.told and not command.silent:
                continue
            changed = tuple(changed_flags(each, command.sign, command.flags) for each in entry.flags)
            # What was said during a silent STORE may be older than it, or newer.
            entry.flags = tuple({*entry.flags, *changed}) if entry.uid in command.told else changed

    def left_out(self, command: Command) -> None:
        """What an answer does not have must be gone."""
        present = {entry.uid for entry in self.entries}
        for uid in command.uids:
            if uid not in command.seen and uid in present:
                self.box.must_be_gone[uid] = f"{self.who}: {command.tag!r} {command.name!r} {command.key!r}"

    def searched(self, command: Command) -> None:
        """SEARCH has ended."""
        found = command.found or []
        if sorted(set(found)) != sorted(found):
            self.find(f"SEARCH {command.key!r} found a message twice: {found}")
        if not command.by_uid:
            if any(not 0 < n <= len(self.entries) for n in found):
                self.find(f"SEARCH {command.key!r} found {found} of {len(self.entries)}")
                return
            found = [self.entries[n - 1].uid for n in found]
        command.seen.update(found)
        wrong = [uid for uid in found if uid and self.excludes(command, uid)]
        if wrong:
            self.find(f"SEARCH {command.key!r} found {wrong}")
        self.left_out(command)

    def excludes(self, command: Command, uid: int) -> bool:
        """Whether a UID cannot be in the result of this SEARCH."""
        if command.tokens:
            return self.box.tokens.get(uid, command.tokens[0]) not in command.tokens
        if command.key.startswith(b"UID "):
            return uid not in members(command.key[4:])
        return False


def changed_flags(flags: Flags, sign: bytes, change: Flags) -> Flags:
    """Flags after STORE."""
    return flags | change if sign == b"+" else flags - change if sign == b"-" else change
