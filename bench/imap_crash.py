"""kill -9 under IMAP: `python -m bench.imap_crash [--points N] [--least N]`.

A real server (disk and SQLite) has clients that append, store, copy, move and expunge, each in two mailboxes of its own; it is
killed with SIGKILL at random moments and started again. What a client was told is then exactly what is there: contents, UIDs,
flags. The one command that was not answered has either happened as a whole or not at all.

It ends with 1 when something was lost, came back, or is there in part.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.kit import imap_clients, imap_served
from tests.kit.imap_clients import Client, Refused, compressed, members, names, number
from tests.kit.imap_model import message
from tests.kit.imap_served import Node

CLIENTS: Final = 8
FLAGS: Final = (b"\\Seen", b"\\Flagged", b"\\Answered", b"keyword")
SUBJECT: Final = b"BODY[HEADER.FIELDS (SUBJECT)]"

Mailbox = dict[int, tuple[bytes, frozenset[bytes]]]
"""UID to token and flags."""
State = dict[str, Mailbox]


def copied(state: State) -> State:
    """The same, to be changed."""
    return {name: dict(mailbox) for name, mailbox in state.items()}


@dataclass(slots=True)
class Player:
    """A client, and what must be there."""

    name: str
    random: random.Random
    state: State = field(default_factory=dict)
    after: list[State] = field(default_factory=list)
    """What may be there too: what the command in progress leads to. A new UID in it is 0."""
    validity: dict[str, int] = field(default_factory=dict)
    highest: dict[str, int] = field(default_factory=dict)
    acknowledged: Counter[str] = field(default_factory=Counter)
    count: int = 0

    @property
    def boxes(self) -> tuple[str, str]:
        """Its mailboxes."""
        return self.name, f"{self.name}-other"

    def play(self, node: Node) -> None:
        """Give commands until the server goes away."""
        try:
            with imap_clients.connect(node.port) as client:
                client.login(node.user, imap_served.PASSWORD)
                for box in self.boxes:
                    client.run(f"CREATE {box}")
                    self.state.setdefault(box, {})
                client.ok(f"SELECT {self.boxes[0]}")
                while True:
                    self.step(client)
        except (OSError, imap_clients.Closed):
            return

    def step(self, client: Client) -> None:
        """One command."""
        here = self.state[self.boxes[0]]
        uids = sorted(self.random.sample(sorted(here), min(len(here), self.random.randrange(1, 4))))
        kinds = [self.append] * (4 if len(here) < 30 else 1)
        if uids:
            client_kinds = (self.store, self.store, self.copy, self.move, self.expunge)
            self.random.choice((*client_kinds, *(kind for kind in kinds)))(client, uids)
        else:
            self.append(client, uids)
        self.after = []

    def append(self, client: Client, _: list[int]) -> None:
        """APPEND of one message, or of three."""
        box = self.random.choice(self.boxes)
        tokens = [f"{self.name}.{self.count + n}".encode() for n in range(self.random.choice((1, 1, 3)))]
        self.count += len(tokens)
        later = copied(self.state)
        later[box].update({-n - 1: (token, frozenset((b"\\Seen",))) for n, token in enumerate(tokens)})
        self.after = [later]
        answer = client.ok(f"APPEND {box}" + r" (\Seen) %s" * len(tokens), *map(message, tokens))
        for uid, token in zip(members(answer.code[2]), tokens, strict=True):
            self.state[box][uid] = token, frozenset((b"\\Seen",))
        self.acknowledged["APPEND"] += 1

    def store(self, client: Client, uids: list[int]) -> None:
        """STORE."""
        sign, flag = self.random.choice("+-"), self.random.choice(FLAGS)
        later = copied(self.state)
        here = later[self.boxes[0]]
        for uid in uids:
            token, flags = here[uid]
            here[uid] = token, flags | {flag} if sign == "+" else flags - {flag}
        self.after = [later]
        client.ok(f"UID STORE {compressed(uids).decode()} {sign}FLAGS.SILENT ({flag.decode()})")
        self.state = later
        self.acknowledged["STORE"] += 1

    def copy(self, client: Client, uids: list[int]) -> None:
        """COPY."""
        self._copy(client, uids, "COPY")

    def move(self, client: Client, uids: list[int]) -> None:
        """MOVE."""
        self._copy(client, uids, "MOVE")

    def _copy(self, client: Client, uids: list[int], verb: str) -> None:
        later = copied(self.state)
        here, there = (later[box] for box in self.boxes)
        there.update({-n - 1: here[uid] for n, uid in enumerate(uids)})
        if verb == "MOVE":
            for uid in uids:
                del here[uid]
        self.after = [later]
        code = client.ok(f"UID {verb} {compressed(uids).decode()} {self.boxes[1]}").codes()[b"COPYUID"]
        for uid, made in zip(members(code[1]), members(code[2]), strict=True):
            self.state[self.boxes[1]][made] = self.state[self.boxes[0]][uid]
            if verb == "MOVE":
                del self.state[self.boxes[0]][uid]
        self.acknowledged[verb] += 1

    def expunge(self, client: Client, uids: list[int]) -> None:
        """STORE of Deleted, then EXPUNGE."""
        box = self.boxes[0]
        marked, gone = copied(self.state), copied(self.state)
        for uid in uids:
            token, flags = marked[box][uid]
            marked[box][uid] = token, flags | {b"\\Deleted"}
            del gone[box][uid]
        self.after = [marked]
        client.ok(f"UID STORE {compressed(uids).decode()} +FLAGS.SILENT (\\Deleted)")
        self.state, self.after = marked, [gone]
        client.ok("EXPUNGE")
        self.state = gone
        self.acknowledged["EXPUNGE"] += 1

    def compare(self, client: Client) -> list[str]:
        """What is there and must not be, or is not there and must be; goes on from what is there."""
        found = {box: self._read(client, box) for box in self.boxes}
        expected = [self.state, *self.after]
        wrong = [] if any(same(each, found) for each in expected) else self._describe(found)
        self.state, self.after = found, []
        return wrong

    def _read(self, client: Client, box: str) -> Mailbox:
        codes = client.ok(f"SELECT {box}").codes()
        validity, following = number(codes[b"UIDVALIDITY"][0]), number(codes[b"UIDNEXT"][0])
        assert self.validity.setdefault(box, validity) == validity, f"UIDVALIDITY of {box} became {validity}"
        assert following > max(self.state.get(box, {}), default=0), f"UIDNEXT of {box} is {following}"
        mailbox = {}
        for uid, items in client.ok("UID FETCH 1:* (FLAGS BODY.PEEK[])").by_uid().items():
            content = items[b"BODY[]"]
            assert isinstance(content, bytes)
            token = content.partition(b"Subject: ")[2].partition(b"\r\n")[0]
            assert content == message(token), f"UID {uid} of {box} is not what was appended"
            mailbox[uid] = token, names(items[b"FLAGS"]) - {b"\\Recent"}
        return mailbox

    def _describe(self, found: State) -> list[str]:
        texts = []
        for box in self.boxes:
            wanted = self.state.get(box, {})
            texts += [f"{box}: {uid} {row} is not there" for uid, row in wanted.items() if found[box].get(uid) != row]
            texts += [f"{box}: {uid} {row} is there" for uid, row in found[box].items() if wanted.get(uid) != row]
        return texts


def same(wanted: State, found: State) -> bool:
    """Whether it is what is there; UIDs below 0 are new ones, above all others."""
    for box, mailbox in wanted.items():
        known = {uid: row for uid, row in mailbox.items() if uid > 0}
        new = [row for uid, row in mailbox.items() if uid < 0]
        others = [uid for uid in sorted(found[box]) if uid not in known]
        if any(found[box].get(uid) != row for uid, row in known.items()):
            return False
        if sorted(found[box][uid] for uid in others) != sorted(new) or (others and others[0] < max(known, default=0)):
            return False
    return True


def run(points: int, least: int, top: Path) -> bool:
    """Kill so often, each time after so many commands were acknowledged, and look; whether all is well."""
    (node,) = imap_served.prepared(top)
    players = [Player(f"client{n}", random.Random()) for n in range(CLIENTS)]
    wrong: list[str] = []
    for point in range(points + 1):
        with imap_served.serving(node) as serving:
            if point:
                wrong += looked(serving, players)
            if wrong or point == points:
                break
            wanted = sum(each.acknowledged.total() for each in players) + least
            threads = [threading.Thread(target=guarded, args=(each, serving, wrong)) for each in players]
            for thread in threads:
                thread.start()
            while sum(each.acknowledged.total() for each in players) < wanted and not wrong:
                time.sleep(0.005)
            time.sleep(random.uniform(0, 0.3))
            os.kill(serving.pid, signal.SIGKILL)
            for thread in threads:
                thread.join()
    total: Counter[str] = sum((each.acknowledged for each in players), Counter())
    told = ", ".join(f"{count} {name}" for name, count in total.most_common())
    print(f"kills: {points}; acknowledged: {total.total()} ({told}); wrong: {len(wrong)}")
    for text in wrong[:30]:
        print("-", text)
    return not wrong


def looked(node: Node, players: list[Player]) -> list[str]:
    """What is wrong after a server was killed and started again."""
    with imap_clients.connect(node.port) as client:
        client.login(node.user, imap_served.PASSWORD)
        return [text for each in players for text in each.compare(client)]


def guarded(player: Player, node: Node, wrong: list[str]) -> None:
    """What a client ends with is not lost in its thread."""
    try:
        player.play(node)
    except (Refused, AssertionError, ValueError, KeyError) as error:
        wrong.append(f"{player.name}: {error!r}")


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--least", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mox-trio-imap-crash-", dir="/tmp") as top:
        sys.exit(not run(options.points, options.least, Path(top)))


if __name__ == "__main__":
    main()
