"""What the stress test looks at when all its clients have stopped: what is there now, by a connection that asks afresh, what each
client believes, and whether everything that was acknowledged is there.
"""

from collections.abc import Iterator

from bench.imap_stress_hearing import Hearing
from tests.kit import imap_clients, imap_model
from tests.kit.imap_clients import Client, names, number
from tests.kit.imap_model import Box, World

Truth = dict[int, tuple[frozenset[bytes], int]]
"""UIDs with flags and mod-sequences."""


def truth_of(name: bytes, audit: Client, world: World) -> Truth:
    """What is in a mailbox, by a session that asks afresh; counts must agree with it."""
    box = world.boxes[name]
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
        world.content(box, uid, token)
        world.version(box, uid, found[uid][1], found[uid][0])
        if body != imap_model.message(token):
            world.find(f"{name!r}: UID {uid} ({token!r}) is not what was appended")
    unseen = sum(b"\\Seen" not in flags for flags, _ in found.values())
    said = tuple(number(status[key]) for key in (b"MESSAGES", b"UNSEEN"))
    if said != (len(found), unseen):
        world.find(f"{name!r}: STATUS says {said}, and there are {len(found)} messages, {unseen} unseen")
    if number(status[b"UIDNEXT"]) <= box.highest_uid:
        world.find(f"{name!r}: UIDNEXT is {status[b'UIDNEXT']!r} after {box.highest_uid}")
    for key, flag in ((b"FLAGGED", b"\\Flagged"), (b"KEYWORD shared1", b"shared1"), (b"DELETED", b"\\Deleted")):
        expected = sorted(uid for uid, (flags, _) in found.items() if flag in flags)
        if (got := sorted(audit.ok(b"UID SEARCH " + key).found())) != expected:
            world.find(f"{name!r}: SEARCH {key!r} finds {got} and not {expected}")
    return found


def account(box: Box, truth: Truth, world: World) -> None:
    """Nothing that was acknowledged is lost, and nothing that went has come back."""
    lost = [uid for uid in box.tokens if uid not in truth and uid not in box.may_go]
    if lost:
        world.find(f"{box.name!r}: lost are {[(uid, box.tokens[uid]) for uid in lost]}")
    if unasked := box.gone - box.may_go:
        world.find(f"{box.name!r}: {sorted(unasked)} were expunged, and nobody asked for that")
    if back := box.gone & truth.keys():
        world.find(f"{box.name!r}: {sorted(back)} were expunged and are there")
    for uid in box.must_be_gone.keys() & truth.keys():
        world.find(f"{box.name!r}: UID {uid} is there and was left out: {box.must_be_gone[uid]}")
    for uids, how in box.must_be_gone_some:
        if truth.keys() >= set(uids):
            world.find(f"{box.name!r}: a command on {uids} was refused, and all of them are there: {how}")
    for (uid, flag), is_set in box.own.items():
        if uid in truth and (flag in truth[uid][0]) != is_set:
            world.find(f"{box.name!r}: {flag!r} of UID {uid} must be {is_set}: {sorted(truth[uid][0])}")
    box.must_be_gone.clear()
    box.must_be_gone_some.clear()
    box.gone.update(uid for uid in box.tokens if uid not in truth)
    box.tokens = {uid: token for uid, token in box.tokens.items() if uid in truth}
    box.own = {key: value for key, value in box.own.items() if key[0] in truth}
    box.versions = {key: value for key, value in box.versions.items() if key[0] in truth}


def differences(session: Hearing, truth: dict[bytes, Truth]) -> Iterator[str]:
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
