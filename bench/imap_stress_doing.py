"""A client of the stress test as one that acts: which command it gives next, drawn at random and fitting what it believes."""

from collections.abc import Sequence
from typing import Final

from bench.imap_stress_hearing import Hearing
from tests.kit import imap_clients, imap_model
from tests.kit.imap_clients import compressed
from tests.kit.imap_model import Belief, Command

MAILBOXES: Final = (b"INBOX", b"stress", b"stress/other")
FLAGS: Final = (b"\\Seen", b"\\Flagged", b"\\Answered", b"\\Draft", b"shared1", b"shared2")
LARGE: Final = 60
"""Messages above which sessions rather delete than append."""


class Session(Hearing):
    """A client that gives one command after the other."""

    def act(self, now: int) -> None:
        """Give the next command, or a few at once."""
        if self.must_fetch:
            self.must_fetch = False
            self.fetch_all()
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
        earlier = self.memory.pop(name, None) if self.mode == "qresync" else None
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
        self.next = Belief(self.world, box, who, earlier, uid_only=self.mode == "uidonly")
        self.send(Command(verb, mailbox=name), verb, b" ", imap_clients.quoted(name), more)

    def reselect(self) -> None:
        """SELECT another mailbox while one is open, or close that first."""
        kind = self.random.randrange(4)
        if self._lacks_something():
            self.fetch_all()
        elif kind == 0:
            self.send(Command(b"CLOSE"), b"CLOSE")
        elif kind == 1:
            self.send(Command(b"UNSELECT"), b"UNSELECT")
        else:
            if self.belief is not None and self.mode == "qresync":
                self.memory[self.belief.box.name] = self.belief.remember()
            self.select()

    def reconnect(self) -> None:
        """Go away without a word and come back with what is remembered."""
        assert self.belief is not None
        if self._lacks_something():
            self.fetch_all()
            return
        if self.mode == "qresync":
            self.memory[self.belief.box.name] = self.belief.remember()
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
        self.send(Command(b"NOOP"), b"NOOP")

    def idle(self) -> None:
        """IDLE, until `idle_until`."""
        self.send(Command(b"IDLE"), b"IDLE")

    def done(self) -> None:
        """The end of IDLE."""
        self.log.append(b"C: DONE")
        self.idle_until = 0
        self.wire.sendall(b"DONE\r\n")

    def fetch_all(self) -> None:
        """Flags of everything."""
        assert self.belief is not None
        items = b"(FLAGS MODSEQ)" if self.with_modseq else b"(UID FLAGS)"
        self.send(Command(b"FETCH", by_uid=True, uids=tuple(self.belief.known())), b"UID FETCH 1:* ", items)

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
        self.send(command, b"UID " * by_uid, b"FETCH ", chosen, b" ", items)

    def fetch_many(self) -> None:
        """Three commands at once, by UID: what expunges do to numbers does not matter then."""
        seen: set[int] = set()  # a server may answer them together
        for _ in range(3):
            _, places = self._some(8)
            if places:
                chosen, uids = self._set(True, places)
                self.send(Command(b"FETCH", by_uid=True, uids=uids, seen=seen), b"UID FETCH ", chosen, b" (UID FLAGS)")
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
        self.send(command, verb % (b"UID " * by_uid, chosen, condition, sign, dot, b" ".join(sorted(flags))))

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
            self.send(Command(b"EXPUNGE", may_fail=self.read_only), b"EXPUNGE")
            return
        _, places = self._some(30)
        if places:
            chosen, _ = self._set(True, places)
            self.send(Command(b"EXPUNGE", by_uid=True, may_fail=self.read_only), b"UID EXPUNGE ", chosen)
        else:
            self.noop()

    def append(self) -> None:
        """APPEND, at times of several."""
        count = 3 if self.random.random() < 0.1 else 1
        name = self.random.choice(MAILBOXES)
        flags = frozenset({self.random.choice((*FLAGS, b"\\Deleted"))} if self.random.random() < 0.3 else ())
        tokens = tuple(b"s%dn%d" % (self.index, next(self.tokens)) for _ in range(count))
        self.world.sent.update(tokens)
        parts = []
        for token in tokens:
            content = imap_model.message(token)
            parts.append(b" (%b) {%d+}\r\n%b" % (b" ".join(flags), len(content), content))
        command = Command(b"APPEND", mailbox=name, flags=flags, tokens=tokens)
        self.send(command, b"APPEND ", imap_clients.quoted(name), *parts)

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
        self.send(command, b"UID " * by_uid, verb, b" ", chosen, b" ", imap_clients.quoted(name))

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
        self.send(command, b"UID " * by_uid, b"SEARCH ", result, command.key)

    def status(self) -> None:
        """STATUS."""
        name = self.random.choice(MAILBOXES)
        items = b"MESSAGES UNSEEN UIDNEXT" + b" HIGHESTMODSEQ" * self.with_modseq
        self.send(Command(b"STATUS", mailbox=name), b"STATUS ", imap_clients.quoted(name), b" (", items, b")")


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
