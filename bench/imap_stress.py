"""Many sessions of IMAP at once, held against a model: `python -m bench.imap_stress --target 127.0.0.1:1143:mia:secret`.

Sessions (20) on three mailboxes give random commands, each as another kind of client: plain, CONDSTORE, QRESYNC with reconnects,
IMAP4rev2, UIDONLY. Every response is held against what `tests/kit/imap_model.py` says of it. Every so many commands all stop,
hear what is new by NOOP, and must agree with each other and with a fresh FETCH and STATUS; every acknowledged message must be
there unless somebody deleted it. Several `--target` are several processes of one server; sessions are spread over them.

`--kind dovecot` and `--kind mox` start a server of their own. It prints what was found and ends with 1 if anything was.
"""

import argparse
import itertools
import random
import re
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from bench import imap_server
from bench.imap_server import Target
from tests.kit import imap_clients, imap_model
from tests.kit.imap_clients import Response, compressed, members, names, number
from tests.kit.imap_model import Belief, Box, Command, Remembered, World

MAILBOXES: Final = (b"INBOX", b"stress", b"stress/other")
MODES: Final = ("plain", "qresync", "condstore", "qresync", "rev2", "uidonly", "plain", "qresync")
FLAGS: Final = (b"\\Seen", b"\\Flagged", b"\\Answered", b"\\Draft", b"shared1", b"shared2")
ENABLES: Final = {"condstore": "CONDSTORE", "qresync": "QRESYNC", "rev2": "IMAP4rev2", "uidonly": "UIDONLY"}
NEEDS: Final = {"condstore": b"CONDSTORE", "qresync": b"QRESYNC", "rev2": b"IMAP4REV2", "uidonly": b"UIDONLY"}
LARGE: Final = 60
"""Messages above which sessions rather delete than append."""
PATIENCE: Final = 60.0
LATE: Final = 5.0
"""Seconds within which a session must hear, by NOOP, of what another process has done."""
SHOWN: Final = 25
KNOWN: Final = {
    "dovecot": (
        (
            r"UIDNEXT b'\d+' of|HIGHESTMODSEQ b'\d+' after",
            "STATUS is answered from an index that may lag behind its mail",
        ),
        (
            r"after QRESYNC \d+ messages are known",
            "a message that is appended meanwhile can have an older mod-sequence",
        ),
    )
}
"""What is found with another server, by its kind: a pattern, and why."""


@dataclass(slots=True)
class Figures:
    """What has been done."""

    commands: Counter[bytes] = field(default_factory=Counter)
    refused: Counter[bytes] = field(default_factory=Counter)
    checkpoints: int = 0
    retries: int = 0
    reconnects: int = 0


class Session:
    """A client: what it has in progress, what it believes, and what it does next."""

    def __init__(self, index: int, target: Target, world: World, figures: Figures, seed: int) -> None:
        self.who = f"session {index}"
        self.index = index
        self.target = target
        self.world = world
        self.figures = figures
        self.random = random.Random(f"{seed}.{index}")
        self.mode = MODES[index % len(MODES)]
        self.belief: Belief | None = None
        self.read_only = False
        self.progress: list[Command] = []
        self.idle_until = 0
        self.log: list[bytes] = []
        self._next: Belief | None = None
        """Of a mailbox that is being selected."""
        self._todo: list[Callable[[], None]] = []
        self._memory: dict[bytes, Remembered] = {}
        self._tags = itertools.count()
        self._tokens = itertools.count()
        self.connect()

    # The connection.

    def connect(self) -> None:
        """Connect and log in."""
        client = imap_clients.opened(self.target.port)
        client.login(self.target.user, self.target.password)
        (capability,) = client.ok("CAPABILITY").of(b"CAPABILITY")
        offered = {each.upper() for each in capability.values if isinstance(each, bytes)}
        if self.mode != "plain" and NEEDS[self.mode] not in offered:
            self.mode = "plain"
        if self.mode != "plain":
            client.ok(f"ENABLE {ENABLES[self.mode]}" + (" QRESYNC" if self.mode == "uidonly" else ""))
        self.wire: socket.socket = client.wire
        self._splitter = imap_clients.Splitter()
        self.extended = b"ESEARCH" in offered

    @property
    def with_modseq(self) -> bool:
        """Whether it asks for mod-sequences."""
        return self.mode in ("condstore", "qresync", "uidonly")

    def readable(self) -> None:
        """Octets are there."""
        data = self.wire.recv(262144)
        if not data:
            raise imap_clients.Closed(f"{self.who} ({self.mode}): {self.log[-6:]}")
        for raw in self._splitter.feed(data):
            self.log.append(b"S: " + raw[:300])
            before = len(self.world.found)
            self._hear(imap_clients.parse(raw))
            if len(self.world.found) > before:
                self.world.found[-1] += "".join(f"\n    {line.decode(errors='replace')}" for line in self.log[-SHOWN:])
        del self.log[:-60]

    def _send(self, command: Command, *parts: bytes) -> None:
        command.tag = b"%d.%d" % (self.index, next(self._tags))
        box = self.world.boxes.get(command.mailbox)
        if box is not None:
            command.uid_floor, command.modseq_floor = box.highest_uid, box.highest_modseq
        line = b"%b %b\r\n" % (command.tag, b"".join(parts))
        self.log.append(b"C: " + line[:300])
        self.progress.append(command)
        self.figures.commands[command.name] += 1
        self.wire.sendall(line)

    # What it hears.

    def _hear(self, response: Response) -> None:
        command = self.progress[0] if self.progress else None
        if response.tag == b"+":
            return
        if command is not None and response.tag == command.tag:
            self.progress.pop(0)
            self._ended(command, response)
        elif response.tag != b"*":
            self.world.find(f"{self.who}: a response to nothing: {response}")
        elif response.name == b"BYE" and not (command and command.name == b"LOGOUT"):
            raise imap_clients.Closed(f"{self.who} ({self.mode}): {response} after {self.log[-6:]}")
        else:
            self._untagged(response, command)

    def _untagged(self, response: Response, command: Command | None) -> None:
        is_new = self.belief is None or response.name == b"FLAGS" or response.code[:1] == (b"CLOSED",)
        if self._next is not None and is_new:
            self.belief, self._next = self._next, None
        if response.name in (b"SEARCH", b"ESEARCH") and command is not None:
            self._found(response, command)
        elif response.name == b"STATUS" and command is not None:
            self._status(response, command)
        elif response.code[:1] == (b"COPYUID",) and command is not None:
            self._copied(response, command)
        elif self.belief is not None:
            self.belief.hear(response, command)

    def _found(self, response: Response, command: Command) -> None:
        if response.name == b"SEARCH":
            command.found = (command.found or []) + [
                number(each) for each in response.values if isinstance(each, bytes)
            ]
            return
        values = dict(zip(response.values, response.values[1:], strict=False))
        command.found = members(values[b"ALL"]) if b"ALL" in values else []
        for name, value in ((b"COUNT", len(command.found)), (b"MIN", min(command.found, default=0))):
            if name in values and number(values[name]) != value:
                self.world.find(f"{self.who}: {name!r} is {values[name]!r} of {command.found}")

    def _status(self, response: Response, command: Command) -> None:
        items, box = response.items(), self.world.boxes[command.mailbox]
        if number(items[b"UIDNEXT"]) <= command.uid_floor:
            self.world.find(f"{self.who}: UIDNEXT {items[b'UIDNEXT']!r} of {box.name!r} after UID {command.uid_floor}")
        if b"HIGHESTMODSEQ" in items and number(items[b"HIGHESTMODSEQ"]) < command.modseq_floor:
            self.world.find(f"{self.who}: HIGHESTMODSEQ {items[b'HIGHESTMODSEQ']!r} after {command.modseq_floor}")
        if number(items[b"UNSEEN"]) > number(items[b"MESSAGES"]):
            self.world.find(f"{self.who}: {items} of {box.name!r}")

    # How its commands end.

    def _ended(self, command: Command, response: Response) -> None:
        if response.name != b"OK":
            self._refused(command, response)
            return
        belief, name = self.belief, command.name
        if name in (b"SELECT", b"EXAMINE"):
            self._selected(command, response)
        elif name == b"APPEND":
            self._appended(command, response)
        elif name == b"COPY":
            self._copied(response, command)
        elif name in (b"CLOSE", b"UNSELECT"):
            self._memory.pop(command.mailbox, None)
            if belief is not None and self.mode == "qresync" and belief.is_complete:
                self._memory[belief.box.name] = belief.remember()
            self.belief = None
        elif belief is not None:
            self._ended_in(belief, command, response)

    def _ended_in(self, belief: Belief, command: Command, response: Response) -> None:
        name = command.name
        if self.read_only and name in (b"STORE", b"EXPUNGE"):
            return  # whatever was said, nothing was done
        if name == b"STORE":
            untouched = self._modified(belief, command, response)
            belief.stored(command, untouched)
            self._owns(belief.box, command, untouched)
        elif name == b"SEARCH":
            belief.searched(command)
        elif name == b"FETCH":
            belief.left_out(command)
        elif name == b"EXPUNGE" and response.code[:1] == (b"HIGHESTMODSEQ",):
            belief.raise_modseq(number(response.code[1]))
        elif name == b"NOOP" and self.with_modseq:
            # All is told now, and so nothing below the highest that was told can be missing.
            belief.highest_modseq = max([belief.highest_modseq, *(entry.modseq for entry in belief.entries)])
        elif name == b"MOVE" and set(command.uids) & command.seen & set(belief.known()):
            belief.find(f"after MOVE {sorted(set(command.uids) & command.seen & set(belief.known()))} are there")

    def _refused(self, command: Command, response: Response) -> None:
        belief = self.belief
        self.figures.refused[command.name] += 1
        if response.name == b"NO" and command.may_fail:
            return
        if response.name == b"NO" and command.uids and belief is not None:
            # Right when something of it is gone; what it did to the others is not known.
            how = f"{self.who} ({self.mode}): {response} {self.log[-4:]}"
            belief.box.must_be_gone_some.append((command.uids, how))
            if command.name == b"STORE":
                for entry in belief.entries:
                    if entry.uid in command.uids:
                        entry.flags = ()
                        for key in [(entry.uid, flag) for flag in command.flags]:
                            belief.box.own.pop(key, None)
        else:
            self.world.find(f"{self.who} ({self.mode}): {command.name!r} was refused: {response}; {self.log[-4:]}")

    def _selected(self, command: Command, response: Response) -> None:
        belief = self.belief
        assert belief is not None
        if belief.box.name != command.mailbox:
            self.world.find(f"{self.who}: {command.mailbox!r} was selected without CLOSED or FLAGS")
            return
        belief.selected()
        self.read_only = response.code[:1] == (b"READ-ONLY",)
        if self.read_only != (command.name == b"EXAMINE"):
            belief.find(f"{command.name!r} made it {response.code}")
        if self.with_modseq and belief.highest_modseq < command.modseq_floor:
            belief.find(f"HIGHESTMODSEQ is {belief.highest_modseq} after {command.modseq_floor}")
        self._todo.append(self.fetch_all)

    def _appended(self, command: Command, response: Response) -> None:
        box = self.world.boxes[command.mailbox]
        if response.code[:1] != (b"APPENDUID",):
            self.world.find(f"{self.who}: APPEND without APPENDUID: {response}")
            return
        self.world.validity(box, number(response.code[1]))
        for uid, token in zip(members(response.code[2]), command.tokens, strict=True):
            self.world.added(box, uid, token, command.uid_floor)
            if b"\\Deleted" in command.flags:
                box.may_go.add(uid)

    def _copied(self, response: Response, command: Command) -> None:
        belief = self.belief
        if belief is None or response.code[:1] != (b"COPYUID",):
            return
        target = self.world.boxes[command.mailbox]
        _, validity, source, made = response.code
        self.world.validity(target, number(validity))
        uids, new = members(source), members(made)
        if not set(uids) <= set(command.uids) or len(uids) != len(new):
            belief.find(f"{command.name!r} of {command.uids} copied {uids} to {new}")
            return
        command.seen.update(uids)
        for uid, copy in zip(uids, new, strict=True):
            self.world.added(target, copy, belief.box.tokens.get(uid), command.uid_floor)
            if uid in belief.box.may_go:
                target.may_go.add(copy)
        belief.left_out(command)

    def _modified(self, belief: Belief, command: Command, response: Response) -> set[int]:
        if response.code[:1] != (b"MODIFIED",):
            return set()
        listed = members(response.code[1])
        return (
            set(listed) if command.by_uid else {belief.entries[n - 1].uid for n in listed if n <= len(belief.entries)}
        )

    def _owns(self, box: Box, command: Command, untouched: set[int]) -> None:
        for flag in command.flags:
            if flag.startswith(b"own"):
                for uid in set(command.uids) - untouched:
                    box.own[uid, flag] = command.sign == b"+"

    # What it does.

    def act(self, now: int) -> None:
        """Give the next command, or a few at once."""
        if self._todo:
            self._todo.pop(0)()
            return
        if self.belief is None:
            self.select()
            return
        if not self.belief.is_complete and self.random.random() < 0.3:
            self.fetch_all()
            return
        full = len(self.belief.entries) > LARGE
        chosen = self.random.choices(ACTIONS, FULL_WEIGHTS if full else WEIGHTS)[0]
        if chosen is Session.idle:
            self.idle_until = now + self.random.randrange(5, 60)
        chosen(self)

    def select(self) -> None:
        """SELECT, EXAMINE, and QRESYNC with what is remembered."""
        name = self.random.choice(MAILBOXES)
        box = self.world.boxes[name]
        earlier = self._memory.pop(name, None) if self.mode == "qresync" else None
        more = b""
        if earlier is not None:
            uids = compressed(list(earlier.messages))
            earlier.is_limited = bool(uids) and self.random.random() < 0.5
            known = b" " + uids if earlier.is_limited else b""
            more = b" (QRESYNC (%d %d%b))" % (earlier.uidvalidity, max(1, earlier.modseq), known)
        elif self.mode == "condstore" and self.random.random() < 0.5:
            more = b" (CONDSTORE)"
        verb = b"EXAMINE" if self.random.random() < 0.1 else b"SELECT"
        who = f"{self.who} ({self.mode})"
        self._next = Belief(self.world, box, who, earlier, uid_only=self.mode == "uidonly")
        self._send(Command(verb, mailbox=name), verb, b" ", imap_clients.quoted(name), more)

    def reselect(self) -> None:
        """SELECT another mailbox while one is open, or close that first."""
        kind = self.random.randrange(4)
        if self._lacks_something():
            self.fetch_all()
        elif kind == 0:
            self._send(Command(b"CLOSE"), b"CLOSE")
        elif kind == 1:
            self._send(Command(b"UNSELECT"), b"UNSELECT")
        else:
            if self.belief is not None and self.mode == "qresync":
                self._memory[self.belief.box.name] = self.belief.remember()
            self.select()

    def reconnect(self) -> None:
        """Go away without a word and come back with what is remembered."""
        assert self.belief is not None
        if self._lacks_something():
            self.fetch_all()
            return
        if self.mode == "qresync":
            self._memory[self.belief.box.name] = self.belief.remember()
        self.belief = None
        self.figures.reconnects += 1
        self.wire.close()
        self.connect()
        self.select()

    def _lacks_something(self) -> bool:
        """Whether it must fetch before it may remember a mod-sequence."""
        return self.mode == "qresync" and self.belief is not None and not self.belief.is_complete

    def noop(self) -> None:
        """NOOP."""
        self._send(Command(b"NOOP"), b"NOOP")

    def idle(self) -> None:
        """IDLE, until `idle_until`."""
        self._send(Command(b"IDLE"), b"IDLE")

    def done(self) -> None:
        """The end of IDLE."""
        self.log.append(b"C: DONE")
        self.idle_until = 0
        self.wire.sendall(b"DONE\r\n")

    def fetch_all(self) -> None:
        """Flags of everything."""
        assert self.belief is not None
        items = b"(FLAGS MODSEQ)" if self.with_modseq else b"(UID FLAGS)"
        self._send(Command(b"FETCH", by_uid=True, uids=tuple(self.belief.known())), b"UID FETCH 1:* ", items)

    def _some(self, most: int) -> tuple[bool, list[int]]:
        """Whether by UID, and places of neighbouring messages whose UIDs are known."""
        assert self.belief is not None
        entries = self.belief.entries
        by_uid = self.mode == "uidonly" or self.random.random() < 0.5
        if not entries:
            return by_uid, []
        first = self.random.randrange(len(entries))
        places = range(first, min(len(entries), first + self.random.randrange(1, most)))
        return by_uid, [at for at in places if entries[at].uid]

    def _set(self, by_uid: bool, places: Sequence[int]) -> tuple[bytes, tuple[int, ...]]:
        assert self.belief is not None
        uids = tuple(self.belief.entries[at].uid for at in places)
        return compressed(uids) if by_uid else compressed([at + 1 for at in places]), uids

    def fetch(self) -> None:
        """FETCH of one kind or another."""
        by_uid, places = self._some(12)
        if not places:
            self.noop()
            return
        chosen, uids = self._set(by_uid, places)
        kinds = [
            b"(UID FLAGS)",
            b"(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)] RFC822.SIZE)",
            b"(UID BODY.PEEK[] RFC822.SIZE)",
            b"(UID ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE)",
        ]
        if not self.read_only:
            kinds.append(b"(UID BODY[])")
        items = self.random.choice(kinds)
        if self.with_modseq:
            items = items[:-1] + b" MODSEQ)"
        command = Command(b"FETCH", by_uid=by_uid, uids=uids, marks_seen=b"BODY[]" in items)
        self._send(command, b"UID " * by_uid, b"FETCH ", chosen, b" ", items)

    def fetch_many(self) -> None:
        """Three commands at once, by UID: what expunges do to numbers does not matter then."""
        seen: set[int] = set()  # a server may answer them together
        for _ in range(3):
            _, places = self._some(8)
            if places:
                chosen, uids = self._set(True, places)
                self._send(Command(b"FETCH", by_uid=True, uids=uids, seen=seen), b"UID FETCH ", chosen, b" (UID FLAGS)")
        self.noop()

    def store(self) -> None:
        """STORE."""
        by_uid, places = self._some(10)
        if not places:
            self.noop()
            return
        assert self.belief is not None
        sign, silent = self.random.choice((b"+", b"-", b"+", b"-", b"")), self.random.random() < 0.4
        flags = {self.random.choice(FLAGS) for _ in range(2)}
        entries = self.belief.entries
        if not sign:
            # Only where nobody else counts on a keyword of its own.
            by_uid, places = True, [at for at in places if entries[at].uid % 2]
        elif self.random.random() < 0.4:
            by_uid, places = True, [at for at in places if entries[at].uid % 2 == 0]
            flags = {b"own%d" % self.index}
        if places:
            self._store(by_uid, places, sign, frozenset(flags), silent)
        else:
            self.noop()

    def _store(self, by_uid: bool, places: Sequence[int], sign: bytes, flags: frozenset[bytes], silent: bool) -> None:
        assert self.belief is not None
        chosen, uids = self._set(by_uid, places)
        if b"\\Deleted" in flags and not self.read_only:
            self.belief.box.may_go.update(uids)
        condition = b""
        if self.with_modseq and self.random.random() < 0.3:
            condition = b"(UNCHANGEDSINCE %d) " % max(1, *(self.belief.entries[at].modseq for at in places))
        command = Command(b"STORE", by_uid=by_uid, uids=uids, sign=sign, flags=flags, silent=silent)
        command.may_fail = self.read_only
        verb = b"%bSTORE %b %b%bFLAGS%b (%b)"
        dot = b".SILENT" * silent
        self._send(command, verb % (b"UID " * by_uid, chosen, condition, sign, dot, b" ".join(sorted(flags))))

    def delete(self) -> None:
        """STORE of Deleted."""
        by_uid, places = self._some(6)
        if places:
            self._store(by_uid, places, b"+", frozenset((b"\\Deleted",)), self.random.random() < 0.3)
        else:
            self.noop()

    def expunge(self) -> None:
        """EXPUNGE, or UID EXPUNGE."""
        if self.random.random() < 0.5:
            self._send(Command(b"EXPUNGE", may_fail=self.read_only), b"EXPUNGE")
            return
        _, places = self._some(30)
        if places:
            chosen, _ = self._set(True, places)
            self._send(Command(b"EXPUNGE", by_uid=True, may_fail=self.read_only), b"UID EXPUNGE ", chosen)
        else:
            self.noop()

    def append(self) -> None:
        """APPEND, at times of several."""
        count = 3 if self.random.random() < 0.1 else 1
        name = self.random.choice(MAILBOXES)
        flags = frozenset({self.random.choice((*FLAGS, b"\\Deleted"))} if self.random.random() < 0.3 else ())
        tokens = tuple(b"s%dn%d" % (self.index, next(self._tokens)) for _ in range(count))
        self.world.sent.update(tokens)
        parts = []
        for token in tokens:
            content = imap_model.message(token)
            parts.append(b" (%b) {%d+}\r\n%b" % (b" ".join(flags), len(content), content))
        command = Command(b"APPEND", mailbox=name, flags=flags, tokens=tokens)
        self._send(command, b"APPEND ", imap_clients.quoted(name), *parts)

    def copy(self) -> None:
        """COPY."""
        self._copy_or_move(b"COPY")

    def move(self) -> None:
        """MOVE."""
        self._copy_or_move(b"MOVE")

    def _copy_or_move(self, verb: bytes) -> None:
        assert self.belief is not None
        by_uid, places = self._some(5)
        if not places:
            self.noop()
            return
        chosen, uids = self._set(by_uid, places)
        name = self.random.choice([each for each in MAILBOXES if each != self.belief.box.name])
        if verb == b"MOVE":
            self.belief.box.may_go.update(uids)
        command = Command(verb, by_uid=by_uid, uids=uids, mailbox=name, may_fail=self.read_only)
        self._send(command, b"UID " * by_uid, verb, b" ", chosen, b" ", imap_clients.quoted(name))

    def search(self) -> None:
        """SEARCH whose result is known, as far as anybody can know it."""
        assert self.belief is not None
        by_uid = self.mode == "uidonly" or self.random.random() < 0.5
        known, tokens = self.belief.known(), self.belief.box.tokens
        kind = self.random.randrange(4)
        command = Command(b"SEARCH", by_uid=by_uid, key=b"ALL", uids=tuple(known))
        if kind == 1 and known:
            command.uids = tuple(known[self.random.randrange(len(known)) :][:10])
            command.key = b"UID " + compressed(command.uids)
        elif kind == 2 and known and (token := tokens.get(self.random.choice(known))):
            # s1n2 is found in s1n23 too.
            command.tokens = tuple(each for each in set(tokens.values()) if token in each)
            command.uids = tuple(uid for uid in known if tokens.get(uid) in command.tokens)
            command.key = b"SUBJECT " + token
        elif kind == 3:
            command.uids, command.key = (), b"UNDELETED FLAGGED"
        result = b"RETURN (ALL COUNT MIN) " if self.extended and self.random.random() < 0.5 else b""
        self._send(command, b"UID " * by_uid, b"SEARCH ", result, command.key)

    def status(self) -> None:
        """STATUS."""
        name = self.random.choice(MAILBOXES)
        items = b"MESSAGES UNSEEN UIDNEXT" + b" HIGHESTMODSEQ" * self.with_modseq
        self._send(Command(b"STATUS", mailbox=name), b"STATUS ", imap_clients.quoted(name), b" (", items, b")")


# What a session does, how often, and how often when the mailbox is large.
CHOICES: Final = (
    (Session.fetch, 20, 20),
    (Session.store, 18, 18),
    (Session.append, 14, 4),
    (Session.noop, 10, 10),
    (Session.search, 8, 8),
    (Session.delete, 3, 8),
    (Session.expunge, 3, 8),
    (Session.copy, 5, 2),
    (Session.move, 4, 4),
    (Session.status, 4, 4),
    (Session.idle, 4, 4),
    (Session.reselect, 3, 3),
    (Session.reconnect, 1, 1),
    (Session.fetch_many, 3, 3),
)
ACTIONS: Final = [each[0] for each in CHOICES]
WEIGHTS: Final = [each[1] for each in CHOICES]
FULL_WEIGHTS: Final = [each[2] for each in CHOICES]


class Stress:
    """All sessions, and what is looked at when they stop."""

    def __init__(self, targets: Sequence[Target], sessions: int, seed: int) -> None:
        self.world = World(MAILBOXES)
        self.figures = Figures()
        self._targets = targets
        self._audit = imap_clients.opened(targets[0].port)
        self._audit.login(targets[0].user, targets[0].password)
        for name in MAILBOXES[1:]:
            self._audit.run(b"CREATE " + imap_clients.quoted(name))
        self._sessions = [
            Session(index, targets[index % len(targets)], self.world, self.figures, seed) for index in range(sessions)
        ]
        self._selector = selectors.DefaultSelector()
        for session in self._sessions:
            self._selector.register(session.wire, selectors.EVENT_READ, session)

    def close(self) -> None:
        """Close all connections."""
        self._selector.close()
        for wire in (self._audit.wire, *(each.wire for each in self._sessions)):
            wire.close()

    def run(self, commands: int, between: int) -> None:
        """Give so many commands, and look each time that many were given."""
        for least in range(between, commands + between, between):
            self._until(min(least, commands))
            self._settle()
            self._check()
            if len(self.world.found) > SHOWN:
                return

    @property
    def _given(self) -> int:
        return self.figures.commands.total()

    def _until(self, least: int) -> None:
        while self._given < least:
            for session in self._sessions:
                if not session.progress:
                    self._act(session)
            self._listen()
            self._end_idling(self._given)

    def _act(self, session: Session) -> None:
        before = session.wire
        session.act(self._given)
        if session.wire is not before:
            self._exchange(before, session)

    def _exchange(self, before: socket.socket, session: Session) -> None:
        self._selector.unregister(before)
        self._selector.register(session.wire, selectors.EVENT_READ, session)

    def _listen(self) -> None:
        ready = self._selector.select(0.2)
        for key, _ in ready:
            key.data.readable()
        if not ready and all(each.idle_until for each in self._sessions if each.progress):
            self._end_idling(1 << 60)

    def _end_idling(self, now: int) -> None:
        for session in self._sessions:
            if session.idle_until and session.idle_until < now:
                session.done()

    def _settle(self) -> None:
        """No command is in progress any more, and everybody has fetched what it had to."""
        self._end_idling(1 << 60)
        ends = time.monotonic() + PATIENCE
        while any(each.progress for each in self._sessions):
            self._listen()
            if time.monotonic() > ends:
                late = next(each for each in self._sessions if each.progress)
                raise TimeoutError(f"{late.who} waits for the end of {late.progress[0]}: {late.log[-8:]}")

    def _noop(self, sessions: Sequence[Session]) -> None:
        for session in sessions:
            session.noop()
        self._settle()

    def _check(self) -> None:
        """Everybody agrees with what is there now."""
        self.figures.checkpoints += 1
        truth = {name: self._truth(name) for name in MAILBOXES}
        waiting = [each for each in self._sessions if each.belief is not None]
        ends = time.monotonic() + LATE
        while True:
            self._noop(waiting)
            wrong = {each.index: list(differences(each, truth)) for each in waiting}
            waiting = [each for each in waiting if wrong[each.index]]
            if not waiting or time.monotonic() > ends:
                break
            self.figures.retries += 1
            time.sleep(0.05)  # another process of the server: there is no event to wait for
        for each in waiting:
            for text in wrong[each.index]:
                self.world.find(
                    f"{each.who} ({each.mode}) in {each.belief and each.belief.box.name!r}: {text}; {each.log[-12:]}"
                )
        for name in MAILBOXES:
            self._account(self.world.boxes[name], truth[name])

    def _truth(self, name: bytes) -> dict[int, tuple[frozenset[bytes], int]]:
        """UIDs with flags and mod-sequences, by a session that asks afresh; counts must agree with it."""
        audit, box = self._audit, self.world.boxes[name]
        quoted = imap_clients.quoted(name)
        status = audit.ok(b"STATUS %b (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)" % quoted).of(b"STATUS")[0].items()
        audit.ok(b"EXAMINE " + quoted)
        answer = audit.ok("UID FETCH 1:* (FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (SUBJECT)] RFC822.SIZE BODY.PEEK[])")
        found = {}
        for uid, items in answer.by_uid().items():
            modseq = items[b"MODSEQ"]
            assert isinstance(modseq, tuple)
            found[uid] = names(items[b"FLAGS"]) - {b"\\Recent"}, number(modseq[0])
            subject, body = items[imap_model.SUBJECT], items[b"BODY[]"]
            assert isinstance(subject, bytes)
            token = subject.partition(b":")[2].strip()
            self.world.content(box, uid, token)
            self.world.version(box, uid, found[uid][1], found[uid][0])
            if body != imap_model.message(token):
                self.world.find(f"{name!r}: UID {uid} ({token!r}) is not what was appended")
        unseen = sum(b"\\Seen" not in flags for flags, _ in found.values())
        said = tuple(number(status[key]) for key in (b"MESSAGES", b"UNSEEN"))
        if said != (len(found), unseen):
            self.world.find(f"{name!r}: STATUS says {said}, and there are {len(found)} messages, {unseen} unseen")
        if number(status[b"UIDNEXT"]) <= box.highest_uid:
            self.world.find(f"{name!r}: UIDNEXT is {status[b'UIDNEXT']!r} after {box.highest_uid}")
        for key, flag in ((b"FLAGGED", b"\\Flagged"), (b"KEYWORD shared1", b"shared1"), (b"DELETED", b"\\Deleted")):
            expected = sorted(uid for uid, (flags, _) in found.items() if flag in flags)
            if (got := sorted(audit.ok(b"UID SEARCH " + key).found())) != expected:
                self.world.find(f"{name!r}: SEARCH {key!r} finds {got} and not {expected}")
        return found

    def _account(self, box: Box, truth: dict[int, tuple[frozenset[bytes], int]]) -> None:
        """Nothing that was acknowledged is lost, and nothing that went has come back."""
        lost = [uid for uid in box.tokens if uid not in truth and uid not in box.may_go]
        if lost:
            self.world.find(f"{box.name!r}: lost are {[(uid, box.tokens[uid]) for uid in lost]}")
        if unasked := box.gone - box.may_go:
            self.world.find(f"{box.name!r}: {sorted(unasked)} were expunged, and nobody asked for that")
        if back := box.gone & truth.keys():
            self.world.find(f"{box.name!r}: {sorted(back)} were expunged and are there")
        for uid in box.must_be_gone.keys() & truth.keys():
            self.world.find(f"{box.name!r}: UID {uid} is there and was left out: {box.must_be_gone[uid]}")
        for uids, how in box.must_be_gone_some:
            if truth.keys() >= set(uids):
                self.world.find(f"{box.name!r}: a command on {uids} was refused, and all of them are there: {how}")
        for (uid, flag), is_set in box.own.items():
            if uid in truth and (flag in truth[uid][0]) != is_set:
                self.world.find(f"{box.name!r}: {flag!r} of UID {uid} must be {is_set}: {sorted(truth[uid][0])}")
        box.must_be_gone.clear()
        box.must_be_gone_some.clear()
        box.gone.update(uid for uid in box.tokens if uid not in truth)
        box.tokens = {uid: token for uid, token in box.tokens.items() if uid in truth}
        box.own = {key: value for key, value in box.own.items() if key[0] in truth}
        box.versions = {key: value for key, value in box.versions.items() if key[0] in truth}


def differences(session: Session, truth: dict[bytes, dict[int, tuple[frozenset[bytes], int]]]) -> Iterator[str]:
    """What a session believes and is not so."""
    assert session.belief is not None
    there = truth[session.belief.box.name]
    entries = session.belief.entries
    if len(entries) != len(there):
        yield f"it knows {len(entries)} messages, {len(there)} are there; {sorted(set(session.belief.known()) ^ there.keys())}"
        return
    known = session.belief.known()
    unknown = sorted(there.keys() - set(known))
    # Where numbers are never told, those that are not known have no place.
    uids = known + unknown if session.belief.uid_only else sorted(there)
    for entry, uid in zip(entries, uids, strict=False):
        if uid not in there:
            yield f"it believes in UID {uid}, which is gone"
            return
        flags, modseq = there[uid]
        if entry.uid not in (0, uid):
            yield f"it believes in UID {entry.uid} where {uid} is"
            return
        if entry.flags and flags not in entry.flags:
            yield f"UID {uid} has {sorted(flags)}, and it believes {[sorted(each) for each in entry.flags]}"
        if entry.modseq > modseq or (session.with_modseq and len(entry.flags) == 1 and 0 < entry.modseq != modseq):
            yield f"UID {uid} is at {modseq}, and it believes {entry.modseq}"


def main() -> None:
    """Parse arguments, run, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--target", action="append", type=imap_server.target, default=[], help="HOST:PORT:USER:PASSWORD"
    )
    parser.add_argument("--kind", choices=sorted(imap_server.KINDS), help="start a server of this kind")
    parser.add_argument("--commands", type=int, default=100_000)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--between", type=int, default=2_500, help="commands between two looks at everything")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    with ExitStack() as stack:
        targets = options.target
        if options.kind:
            targets = stack.enter_context(imap_server.KINDS[options.kind]())
        stress = Stress(targets, options.sessions, options.seed)
        stack.callback(stress.close)
        began = time.monotonic()
        try:
            stress.run(options.commands, options.between)
        except (imap_clients.Closed, TimeoutError) as error:
            stress.world.find(f"{type(error).__name__}: {error}")
        took = time.monotonic() - began
    known = [pattern for pattern, _ in KNOWN.get(options.kind or "", ())]
    found = [text for text in stress.world.found if not any(re.search(pattern, text) for pattern in known)]
    figures = stress.figures
    total = figures.commands.total()
    print(f"seed {options.seed}: {total} commands in {took:.1f} s, {total / took:.0f} a second")
    print(f"looked {figures.checkpoints} times, asked again {figures.retries} times, {figures.reconnects} reconnects")
    print("commands:", ", ".join(f"{name.decode()} {count}" for name, count in figures.commands.most_common()))
    print("refused:", ", ".join(f"{name.decode()} {count}" for name, count in figures.refused.most_common()) or "none")
    print(f"disagreements: {len(found)}, and {len(stress.world.found) - len(found)} that are known of this server")
    for text in found[:SHOWN]:
        print("-", text)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
