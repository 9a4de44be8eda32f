"""Many sessions of IMAP at once, held against a model: `python -m bench.imap_stress --target 127.0.0.1:1143:mia:secret`.

Sessions (20) on three mailboxes give random commands, each as another kind of client: plain, CONDSTORE, QRESYNC with reconnects,
IMAP4rev2, UIDONLY. Every response is held against what `tests/kit/imap_model.py` says of it. Every so many commands all stop,
hear what is new by NOOP, and must agree with each other and with a fresh FETCH and STATUS; every acknowledged message must be
there unless somebody deleted it. Several `--target` are several processes of one server; sessions are spread over them.

`--kind dovecot` and `--kind mox` start a server of their own. It prints what was found and ends with 1 if anything was.
"""

import argparse
import random
import re
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from bench import imap_server
from bench import imap_stress_looking as looking
from bench.imap_server import Target
from bench.imap_stress_doing import MAILBOXES, Session
from bench.imap_stress_hearing import SHOWN, Figures
from tests.kit import imap_clients
from tests.kit.imap_model import World

PATIENCE: Final = 60.0
LATE: Final = 5.0
"""Seconds within which a session must hear, by NOOP, of what another process has done."""
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
        truth = {name: looking.truth_of(name, self._audit, self.world) for name in MAILBOXES}
        waiting = [each for each in self._sessions if each.belief is not None]
        ends = time.monotonic() + LATE
        while True:
            self._noop(waiting)
            wrong = {each.index: list(looking.differences(each, truth)) for each in waiting}
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
            looking.account(self.world.boxes[name], truth[name], self.world)


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
