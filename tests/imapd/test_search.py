"""SEARCH: every key, over what a session knows of its mailbox (RFC 9051 6.4.4, RFC 3501 6.4.4)."""

from collections.abc import AsyncIterator

import pytest

from tests.kit import stores
from tests.kit.imap_world import Client, World

pytestmark = pytest.mark.uid_only_too

PLAIN = stores.message("Lunch on Friday", "See you at the harbour.\r\n", Cc="Zoe <zoe@example.net>", X_Empty="")
ENCODED = (
    b"From: =?utf-8?q?J=C3=BCrgen?= <juergen@example.org>\r\nTo: ann@example.org\r\n"
    b"Subject: =?iso-8859-1?Q?Gr=FC=DFe_aus?= =?utf-8?b?IE3DvG5jaGVu?=\r\nDate: Wed, 15 Nov 2023 00:30:00 +0900\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"TmFvxKsgw4lNSUxFIGNhZsOpIGZyaWRheQ==\r\n"
)
BARE = b"Subject: no fields of MIME\r\nBcc: hidden@example.org\r\n\r\nplain w\xc3\xb6rds\r\n"
FORWARDED = (
    b"From: bob@example.org\r\nSubject: Fwd: see below\r\nDate: Thu, 16 Nov 2023 12:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=YY\r\n\r\n--YY\r\nContent-Type: text/html\r\n\r\n<p>what she <b>wrote</b>\r\n"
    b"--YY\r\nContent-Type: message/rfc822\r\nX-Part: partfield\r\n\r\nSubject: inner words\r\n\r\ninnermost\r\n--YY--\r\n"
)


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    await world.put(PLAIN, flags=["\\Seen", "\\Flagged"], received=1_699_999_000_000)  # 14 November 2023, 21:56 UTC
    await world.put(ENCODED, flags=["work", "\\Answered"], received=1_700_100_000_000)  # 16 November 2023, 02:00 UTC
    await world.put(BARE, flags=["\\Deleted", "\\Draft", "$Forwarded"], received=1_700_200_000_000)
    await world.put(FORWARDED)
    async with world.user("INBOX") as client:
        yield client


def numbers(lines: list[bytes]) -> list[int]:
    """What SEARCH responses say together."""
    found = [line for line in lines if line.startswith(b"* SEARCH")]
    assert len(found) == 1, lines
    return [int(each) for each in found[0].split()[2:]]


KEYS: list[tuple[str, list[int]]] = [
    ("ALL", [1, 2, 3, 4]),
    ("SEEN", [1]),
    ("UNSEEN", [2, 3, 4]),
    ("ANSWERED", [2]),
    ("UNANSWERED", [1, 3, 4]),
    ("DELETED", [3]),
    ("UNDELETED", [1, 2, 4]),
    ("DRAFT", [3]),
    ("UNDRAFT", [1, 2, 4]),
    ("FLAGGED", [1]),
    ("UNFLAGGED", [2, 3, 4]),
    ("KEYWORD WORK", [2]),
    ("UNKEYWORD work", [1, 3, 4]),
    ("KEYWORD $forwarded", [3]),
    ("KEYWORD never-set", []),
    ("RECENT", []),
    ("NEW", []),
    ("OLD", [1, 2, 3, 4]),
    ("2:3", [2, 3]),
    ("4:*", [4]),
    ("*", [4]),
    ("7:9", []),
    ("3:9", [3, 4]),
    ("UID 1,3", [1, 3]),
    ("UID 4:*", [4]),
    ("UID 9:*", [4]),
    ("UID 7:9", []),
    ("LARGER 250", [2, 4]),
    ("SMALLER 120", [3]),
    ("BEFORE 15-Nov-2023", [1]),
    ("ON 14-Nov-2023", [1]),
    ('ON "16-Nov-2023"', [2]),
    ("SINCE 16-Nov-2023", [2, 3, 4]),
    ("SENTBEFORE 16-Nov-2023", [2]),
    ("SENTON 15-Nov-2023", [2]),
    ("SENTSINCE 15-Nov-2023", [2, 4]),
    ("SENTSINCE 16-Nov-2023", [4]),
    ('FROM "jürgen"', [2]),
    ("FROM juergen@", [2]),
    ("TO bob", [1]),
    ("CC zoe", [1]),
    ("BCC hidden", [3]),
    ("SUBJECT friday", [1]),
    ('SUBJECT "GRÜSSE AUS MÜNCHEN"', [2]),
    ('SUBJECT "=?iso-8859-1?q?gr=fc"', [2]),
    ('HEADER x-empty ""', [1]),
    ('HEADER X-Part ""', []),
    ('HEADER From "example.org"', [1, 2, 4]),
    ("BODY harbour", [1]),
    ('BODY "émile"', [2]),
    ('BODY "wörds"', [3]),
    ('BODY "<b>wrote"', [4]),
    ("BODY innermost", [4]),
    ('BODY "inner words"', [4]),
    ("BODY partfield", []),
    ("TEXT partfield", [4]),
    ("TEXT harbour", [1]),
    ("TEXT zoe@example", [1]),
    ("TEXT hidden", [3]),
    ('TEXT ""', [1, 2, 3, 4]),
    ("NOT SEEN", [2, 3, 4]),
    ("OR SEEN DELETED", [1, 3]),
    ("OR (SEEN FLAGGED) (NOT (OR DELETED SEEN))", [1, 2, 4]),
    ("UNSEEN UNDELETED", [2, 4]),
    ("(UNSEEN (UNDELETED))", [2, 4]),
    ("2:4 UNSEEN NOT 3", [2, 4]),
    ('CHARSET UTF-8 FROM "jürgen"', [2]),
    ("CHARSET US-ASCII SUBJECT lunch", [1]),
]


async def test_every_key_finds_its_messages(client: Client) -> None:
    keys = [each for each in KEYS if not (client.uid_only and each[0][0] in "*0123456789")]
    found = [(key, numbers((await client.ok(f"SEARCH {key}")).lines)) for key, _ in keys]
    assert found == keys
    by_uid = [(key, numbers((await client.ok(f"UID SEARCH {key}")).lines)) for key, _ in keys]
    assert by_uid == keys


async def test_an_unknown_charset_is_refused(client: Client) -> None:
    answer = await client.do("SEARCH CHARSET KOI8-R TEXT x")
    assert answer.kind == "NO"
    assert answer.code == "BADCHARSET (UTF-8)"


async def test_an_empty_mailbox_has_nothing_to_find(world: World) -> None:
    async with world.user("Archive") as client:
        for keys in ("ALL", "UID 1:*", "NOT UID *", *(() if world.uid_only else ("1:*", "*", "NOT 1"))):
            assert numbers((await client.ok(f"SEARCH {keys}")).lines) == []


@pytest.mark.by_number
async def test_sequence_numbers_are_those_that_the_session_knows(world: World, client: Client) -> None:
    async with world.user("INBOX") as other:
        await other.ok("STORE 1:2 +FLAGS (\\Deleted)")
        await other.ok("UID EXPUNGE 1:2")
    # Not yet told: 3 and 4 keep their numbers, and what went is not found, whatever is looked for.
    assert numbers((await client.ok("SEARCH ALL")).lines) == [3, 4]
    assert numbers((await client.ok("SEARCH 1:3")).lines) == [3]
    assert numbers((await client.ok("SEARCH NOT 3")).lines) == [4]
    assert numbers((await client.ok("SEARCH TEXT harbour")).lines) == []
    answer = await client.ok("UID SEARCH ALL")
    assert numbers(answer.lines) == [3, 4]
    assert answer.holding("EXPUNGE") == [b"2 EXPUNGE", b"1 EXPUNGE"]
    assert numbers((await client.ok("SEARCH ALL")).lines) == [1, 2]


async def test_a_message_that_came_is_found_once_it_was_announced(world: World, client: Client) -> None:
    await world.deliver("lunch again")
    async with world.user() as other:
        await other.ok("NOOP")  # the process has heard of it then
    answer = await client.ok("SEARCH SUBJECT lunch")
    assert numbers(answer.lines) == [1]
    assert answer.holding("EXISTS") == [b"5 EXISTS"]
    assert numbers((await client.ok("SEARCH SUBJECT lunch")).lines) == [1, 5]


async def test_rev2_is_answered_with_esearch(world: World) -> None:
    await world.deliver()
    async with world.user("INBOX", "IMAP4rev2") as client:
        answer = await client.ok("SEARCH ALL")
        uid = b" UID" if world.uid_only else b""
        assert answer.lines == [b'* ESEARCH (TAG "a%d")%b ALL 1' % (client.tags, uid)]
        answer = await client.ok("UID SEARCH SEEN")
        assert answer.lines == [b'* ESEARCH (TAG "a%d") UID' % client.tags]


async def test_mod_sequences_are_searched_and_told(world: World, client: Client) -> None:
    answer = await client.ok("SEARCH MODSEQ 1")
    assert len(answer.holding("HIGHESTMODSEQ")) == 1
    (found,) = answer.starting("SEARCH")
    assert found.startswith(b"SEARCH 1 2 3 4 (MODSEQ ")
    highest = int(found.rstrip(b")").rpartition(b" ")[2])
    await client.ok("STORE 2 +FLAGS (\\Seen)")
    (found,) = (await client.ok(f'SEARCH MODSEQ "/flags/\\\\Seen" all {highest + 1}')).starting("SEARCH")
    assert found.startswith(b"SEARCH 2 (MODSEQ ")
    (found,) = (await client.ok("SEARCH MODSEQ 99999999")).starting("SEARCH")
    assert found == b"SEARCH"


@pytest.mark.by_number
async def test_with_uidonly_only_uids_are_searched(world: World) -> None:
    await world.deliver()
    async with world.user("INBOX", "UIDONLY") as client:
        assert numbers((await client.ok("UID SEARCH ALL")).lines) == [1]
        for command in ("SEARCH ALL", "UID SEARCH 1:*"):
            answer = await client.do(command)
            assert answer.kind == "BAD"
            assert answer.code == "UIDREQUIRED"


async def test_too_much_is_refused(client: Client) -> None:
    nested = "(" * 60 + "ALL" + ")" * 60
    assert (await client.do(f"SEARCH {nested}")).kind == "BAD"
    assert (await client.do("SEARCH " + "NOT " * 60 + "ALL")).kind == "BAD"
    assert (await client.do("SEARCH " + "OR ALL " * 600 + "ALL")).kind == "BAD"
    long = "x" * 2000
    answer = await client.do(f"SEARCH TEXT {long}")
    assert answer.kind == "NO"
    assert answer.code == "LIMIT"
    assert numbers((await client.ok("SEARCH SEEN")).lines) == [1]
