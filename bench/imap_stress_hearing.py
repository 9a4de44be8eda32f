"""A client of the stress test as one that hears: its connection, the commands it has in progress, and what their responses
mean for what it believes.
"""

import itertools
import random
import socket
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from bench.imap_server import Target
from tests.kit import imap_clients
from tests.kit.imap_clients import Response, members, number
from tests.kit.imap_model import Belief, Box, Command, Remembered, World

MODES: Final = ("plain", "qresync", "condstore", "qresync", "rev2", "uidonly", "plain", "qresync")
ENABLES: Final = {"condstore": "CONDSTORE", "qresync": "QRESYNC", "rev2": "IMAP4rev2", "uidonly": "UIDONLY"}
NEEDS: Final = {"condstore": b"CONDSTORE", "qresync": b"QRESYNC", "rev2": b"IMAP4REV2", "uidonly": b"UIDONLY"}
SHOWN: Final = 25
"""Lines of a conversation that are shown with what is wrong."""


@dataclass(slots=True)
class Figures:
    """What has been done."""

    commands: Counter[bytes] = field(default_factory=Counter)
    refused: Counter[bytes] = field(default_factory=Counter)
    checkpoints: int = 0
    retries: int = 0
    reconnects: int = 0


class Hearing:
    """A client: what it has in progress, and what it believes."""

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
        self.next: Belief | None = None
        """Of a mailbox that is being selected."""
        self.must_fetch = False
        """A mailbox was selected, and nothing of it is known."""
        self.memory: dict[bytes, Remembered] = {}
        self._tags = itertools.count()
        self.tokens = itertools.count()
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

    def send(self, command: Command, *parts: bytes) -> None:
        """Give a command."""
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
        if self.next is not None and is_new:
            self.belief, self.next = self.next, None
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
            self.memory.pop(command.mailbox, None)
            if belief is not None and self.mode == "qresync" and belief.is_complete:
                self.memory[belief.box.name] = belief.remember()
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
        self.must_fetch = True

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
