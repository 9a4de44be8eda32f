"""Every command with its arguments: what it means, however its strings are written and its bytes come."""

import re
from typing import get_args

import pytest

from mox_trio.protocol.imap import table
from mox_trio.protocol.imap.commands import (
    copying,
    fetch,
    general,
    listing,
    login,
    mailboxes,
    metadata,
    notify,
    quota,
    search,
    selecting,
    store,
)
from mox_trio.protocol.imap.commands.append import Append, Replace
from mox_trio.protocol.imap.commands.search import Returns, SortKey, Source
from mox_trio.protocol.imap.events import Body, Command, State, Wrong
from mox_trio.protocol.imap.fetch_items import Section, Simple
from mox_trio.protocol.imap.numsets import NumSet, SavedResult
from mox_trio.protocol.imap.search_keys import AllKey, FlagKey, ModSeqKey, TextKey
from tests.kit import three_ways
from tests.protocol.imap.driving import happened, refusal

NOT, USER, SELECTED = State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED
ONE, ALL = NumSet(((1, 1),)), NumSet(((1, 0),))
SEEN = (Simple("FLAGS"),)

CASES: list[tuple[bytes, Body]] = [
    (b"CAPABILITY", general.Capability()),
    (b"noop", general.Noop()),
    (b"CHECK", general.Noop(is_check=True)),
    (b"LOGOUT", general.Logout()),
    (b"ID NIL", general.Id(())),
    (b"ID ()", general.Id(())),
    (b'ID ("Name" "Mail" "version" NIL)', general.Id((("name", "Mail"), ("version", None)))),
    (b'ID ("name" "\xc3\xbc")', general.Id((("name", "ü"),))),
    (b'ID ("' + b"n" * 40 + b'" "' + b"v" * 2000 + b'")', general.Id((("n" * 30, "v" * 1024),))),
    (b"ENABLE condstore QRESYNC Condstore", general.Enable(("CONDSTORE", "QRESYNC"))),
    (b"ENABLE UTF8=ACCEPT", general.Enable(("UTF8=ACCEPT",))),
    (b"COMPRESS deflate", general.Compress("DEFLATE")),
    (b"UNAUTHENTICATE", general.Unauthenticate()),
    (b"NAMESPACE", general.Namespace()),
    (b"IDLE", general.Idle()),
    (b"STARTTLS", login.StartTls()),
    (b"AUTHENTICATE plain AGFiYwBkZWY=", login.Authenticate("PLAIN", b"\0abc\0def")),
    (b"AUTHENTICATE EXTERNAL =", login.Authenticate("EXTERNAL", b"")),
    (b"LOGIN fred blurdy+bloop", login.Login(b"fred", b"blurdy+bloop")),
    (b'LOGIN "f r\\"e\\\\d" ""', login.Login(b'f r"e\\d', b"")),
    (b"LOGIN [a] NIL", login.Login(b"[a]", b"NIL")),
    (b"SELECT INBOX", selecting.Select("INBOX")),
    (b"EXAMINE blurdybloop", selecting.Select("blurdybloop", read_only=True)),
    (b'SELECT "a b" (CONDSTORE)', selecting.Select("a b", condstore=True)),
    (b"SELECT INBOX (QRESYNC (67890007 20050715194045000))",
     selecting.Select("INBOX", qresync=selecting.QResync(67890007, 20050715194045000))),
    (b"SELECT INBOX (CONDSTORE QRESYNC (67890007 90060115194045000 41,43:211,214:541))",
     selecting.Select("INBOX", condstore=True, qresync=selecting.QResync(
         67890007, 90060115194045000, NumSet(((41, 41), (43, 211), (214, 541)))))),
    (b"SELECT INBOX (QRESYNC (67890007 1 41:211 (5000,7500 15000,22500)))",
     selecting.Select("INBOX", qresync=selecting.QResync(
         67890007, 1, NumSet(((41, 211),)), (NumSet(((5000, 5000), (7500, 7500))), NumSet(((15000, 15000), (22500, 22500))))))),
    (b"SELECT INBOX (QRESYNC (1 0 (1 1)))", selecting.Select("INBOX", qresync=selecting.QResync(1, 0, None, (ONE, ONE)))),
    (b"CLOSE", selecting.Close(expunge=True)),
    (b"UNSELECT", selecting.Close(expunge=False)),
    (b"CREATE owatagusiam/", mailboxes.Create("owatagusiam/")),
    (b"CREATE MySpecial (USE (\\Drafts \\Sent))", mailboxes.Create("MySpecial", ("\\Drafts", "\\Sent"))),
    (b"CREATE x (USE ())", mailboxes.Create("x")),
    (b"CREATE {3+}\r\n\xc3\xbcx", mailboxes.Create("üx")),
    (b"DELETE blurdybloop", mailboxes.Delete("blurdybloop")),
    (b"RENAME blurdybloop sarasoop", mailboxes.Rename("blurdybloop", "sarasoop")),
    (b'RENAME "Entw&APw-rfe" "a &- b"', mailboxes.Rename("Entwürfe", "a & b")),
    (b'SUBSCRIBE "#news.comp.mail.mime"', mailboxes.Subscribe("#news.comp.mail.mime", subscribed=True)),
    (b"UNSUBSCRIBE #news.comp.mail.mime", mailboxes.Subscribe("#news.comp.mail.mime", subscribed=False)),
    (b"STATUS blurdybloop (UIDNEXT MESSAGES uidnext)", mailboxes.Status("blurdybloop", ("UIDNEXT", "MESSAGES"))),
    (b"STATUS x (" + " ".join(sorted(mailboxes.STATUS_ITEMS)).encode() + b")",
     mailboxes.Status("x", tuple(sorted(mailboxes.STATUS_ITEMS)))),
    (b'LIST "" ""', listing.List("", ("",))),
    (b'LIST /usr/staff/jones ""', listing.List("/usr/staff/jones", ("",))),
    (b'LIST "" %&APw-*', listing.List("", ("%ü*",))),
    (b'LIST (SUBSCRIBED RECURSIVEMATCH) "" "*" RETURN (CHILDREN STATUS (MESSAGES UNSEEN))',
     listing.List("", ("*",), frozenset({"SUBSCRIBED", "RECURSIVEMATCH"}), frozenset({"CHILDREN"}), ("MESSAGES", "UNSEEN"),
                  is_extended=True)),
    (b'LIST (SPECIAL-USE) "" (INBOX "Drafts" "Sent/%") RETURN (SUBSCRIBED SPECIAL-USE)',
     listing.List("", ("INBOX", "Drafts", "Sent/%"), frozenset({"SPECIAL-USE"}), frozenset({"SUBSCRIBED", "SPECIAL-USE"}),
                  is_extended=True)),
    (b'LIST () "" % RETURN ()', listing.List("", ("%",), is_extended=True)),
    (b'LIST "" % RETURN (METADATA ("/shared/vendor/x" /Private/Comment))',
     listing.List("", ("%",), metadata=listing.MetadataReturn(("/shared/vendor/x", "/private/comment")), is_extended=True)),
    (b'LIST "" % RETURN (METADATA (DEPTH infinity MAXSIZE 5) (/shared))',
     listing.List("", ("%",), metadata=listing.MetadataReturn(("/shared",), None, 5), is_extended=True)),
    (b'LSUB "#news." "comp.mail.*"', listing.Lsub("#news.", "comp.mail.*")),
    (b'GETQUOTA "!partition/sda4"', quota.GetQuota("!partition/sda4")),
    (b"GETQUOTAROOT INBOX", quota.GetQuotaRoot("INBOX")),
    (b'SETQUOTA "" (STORAGE 512 message 1)', quota.SetQuota("", (("STORAGE", 512), ("MESSAGE", 1)))),
    (b'SETQUOTA "" ()', quota.SetQuota("", ())),
    (b'GETMETADATA "" /shared/comment', metadata.GetMetadata("", ("/shared/comment",))),
    (b'GETMETADATA (MAXSIZE 1024 DEPTH 1) "INBOX" (/shared/comment /private/comment)',
     metadata.GetMetadata("INBOX", ("/shared/comment", "/private/comment"), 1, 1024)),
    (b'GETMETADATA "INBOX" (DEPTH infinity) (/a)', metadata.GetMetadata("INBOX", ("/a",), None)),
    (b'SETMETADATA INBOX (/private/comment "My new" /shared/comment NIL /b ~{3+}\r\n\0\xffx)',
     metadata.SetMetadata("INBOX", (("/private/comment", b"My new"), ("/shared/comment", None), ("/b", b"\0\xffx")))),
    (b'SETMETADATA "" (/private/comment {2+}\r\n\xff\xfe)', metadata.SetMetadata("", (("/private/comment", b"\xff\xfe"),))),
    (b"SEARCH ALL", search.Search(uid=False, key=AllKey())),
    (b"UID SEARCH RETURN (MIN COUNT) SEEN", search.Search(True, FlagKey("\\Seen"), Returns(frozenset({"MIN", "COUNT"})))),
    (b"SEARCH RETURN () ALL", search.Search(False, AllKey(), Returns(frozenset({"ALL"})))),
    (b"SEARCH RETURN (SAVE) CHARSET UTF-8 MODSEQ 5", search.Search(False, ModSeqKey(5), Returns(frozenset({"SAVE"})), True)),
    (b"UID SEARCH RETURN (PARTIAL -1:-100) ALL", search.Search(True, AllKey(), Returns(frozenset(), (-1, -100)))),
    (b"UID SEARCH RETURN (PARTIAL 500:1 UPDATE CONTEXT COUNT) ALL",
     search.Search(True, AllKey(), Returns(frozenset({"UPDATE", "CONTEXT", "COUNT"}), (500, 1)))),
    (b"SEARCH RETURN (COUNT UPDATE (UID FLAGS UID)) ALL",
     search.Search(False, AllKey(), Returns(frozenset({"UPDATE", "COUNT"}), fetch=(Simple("UID"), Simple("FLAGS"))))),
    (b"SORT RETURN (UPDATE ( BODY[TEXT] ) ALL) (DATE) UTF-8 ALL",
     search.Sort(False, (SortKey("DATE"),), AllKey(),
                 Returns(frozenset({"UPDATE", "ALL"}), fetch=(Section(text="TEXT", label=b"BODY[TEXT]"),)))),
    (b'ESEARCH IN (mailboxes "folder1" subtree (a b) personal) RETURN (ALL) SEEN',
     search.MultiSearch((Source("mailboxes", ("folder1",)), Source("subtree", ("a", "b")), Source("personal")),
                        FlagKey("\\Seen"), Returns(frozenset({"ALL"})))),
    (b"ESEARCH IN (selected inboxes subscribed subtree-one x) ALL",
     search.MultiSearch((Source("selected"), Source("inboxes"), Source("subscribed"), Source("subtree-one", ("x",))),
                        AllKey(), Returns(frozenset({"ALL"})))),
    (b"ESEARCH RETURN (COUNT) MODSEQ 1", search.MultiSearch((), ModSeqKey(1), Returns(frozenset({"COUNT"})), True)),
    (b"SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
     search.Sort(False, (SortKey("SUBJECT"), SortKey("DATE", reverse=True)), AllKey())),
    (b"UID SORT RETURN (ALL COUNT) (DISPLAYFROM) \"US-ASCII\" TEXT \"not in mailbox\"",
     search.Sort(True, (SortKey("DISPLAYFROM"),), TextKey("not in mailbox"), Returns(frozenset({"ALL", "COUNT"})))),
    (b"THREAD ORDEREDSUBJECT UTF-8 SEEN", search.Thread(False, "ORDEREDSUBJECT", FlagKey("\\Seen"))),
    (b"UID THREAD references us-ascii ALL", search.Thread(True, "REFERENCES", AllKey())),
    (b'CANCELUPDATE "A01" "B"', search.CancelUpdate(("A01", "B"))),
    (b"FETCH 1:* FLAGS", fetch.Fetch(False, ALL, SEEN)),
    (b"UID FETCH $ (FLAGS)", fetch.Fetch(True, SavedResult(), SEEN)),
    (b"STORE 1:* +FLAGS (\\Deleted)", store.Store(False, ALL, "add", False, ("\\Deleted",))),
    (b"UID STORE 1 -FLAGS.SILENT \\Seen $Junk", store.Store(True, ONE, "remove", True, ("\\Seen", "$Junk"))),
    (b"STORE 1 (UNCHANGEDSINCE 320162338) flags.silent ()", store.Store(False, ONE, "replace", True, (), 320162338)),
    (b"STORE $ FLAGS ([x] a]b)", store.Store(False, SavedResult(), "replace", False, ("[x]", "a]b"))),
    (b"COPY 1:* MEETING", copying.Copy(False, ALL, "MEETING", move=False)),
    (b"UID COPY 1 x", copying.Copy(True, ONE, "x", move=False)),
    (b"MOVE $ foo", copying.Copy(False, SavedResult(), "foo", move=True)),
    (b"UID MOVE 1 foo", copying.Copy(True, ONE, "foo", move=True)),
    (b"EXPUNGE", copying.Expunge()),
    (b"UID EXPUNGE 1", copying.Expunge(ONE)),
    (b"NOTIFY NONE", notify.Notify()),
    (b"NOTIFY SET STATUS (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange)) (subtree (Lists) (mailboxname))",
     notify.Notify((
         notify.EventGroup(Source("selected"), frozenset({"messagenew", "messageexpunge", "flagchange"}),
                           (Simple("UID"), Simple("FLAGS"))),
         notify.EventGroup(Source("subtree", ("Lists",)), frozenset({"mailboxname"})),
     ), status=True)),
    (b"NOTIFY SET (selected-delayed NONE)", notify.Notify((notify.EventGroup(Source("selected-delayed")),))),
]  # fmt: skip


def name_of(line: bytes) -> str:
    match = re.match(rb"(UID )?[A-Za-z]+", line)
    assert match is not None
    return match[0].decode().upper()


def names(each: object) -> str:
    return each.decode("latin-1")[:60] if isinstance(each, bytes) else ""


def state_of(line: bytes) -> State:
    return table.COMMANDS[name_of(line)].states[-1]


@pytest.mark.parametrize(
    ("line", "expected"), [case for case in CASES if case[0] not in (b"IDLE", b"STARTTLS")], ids=names
)
def test_a_command_means_what_it_says(line: bytes, expected: Body) -> None:
    state = state_of(line)
    command = Command("a1", name_of(line), expected)
    following = (b"a2 NOOP\r\n", [Command("a2", "NOOP", general.Noop())])
    three_ways.check(lambda pieces: happened(pieces, state), b"a1 " + line + b"\r\n", [command], following)
    three_ways.nothing_before_the_last_byte(
        lambda pieces: [event for event in happened(pieces, state) if isinstance(event, Command | Wrong)],
        b"a1 " + line + b"\r\n",
        lambda events: not events,
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [case for case in CASES if b'"' in case[0] and b"{" not in case[0]],
    ids=names,
)
@pytest.mark.parametrize("form", [b"{%d}", b"{%d+}"])
def test_strings_may_be_literals(form: bytes, line: bytes, expected: Body) -> None:
    def literal(match: re.Match[bytes]) -> bytes:
        octets = re.sub(rb"\\(.)", rb"\1", match[1])
        return form % len(octets) + b"\r\n" + octets

    written = re.sub(rb'"((?:[^"\\]|\\.)*)"', literal, line)
    found = happened([b"a1 " + written + b"\r\n"], state_of(line))
    assert [event for event in found if isinstance(event, Command)] == [Command("a1", name_of(line), expected)]
    assert b"".join(event for event in found if isinstance(event, bytes)) == (
        b"" if b"+" in form else b"+ go on\r\n" * written.count(b"}\r\n")
    )


def test_every_command_is_tried() -> None:
    tried = {type(expected) for _, expected in CASES} | {Append, Replace}
    assert tried == set(get_args(Body))
    assert {name_of(line) for line, _ in CASES} | {"APPEND", "REPLACE", "UID REPLACE"} == set(table.COMMANDS)


BAD = rb"""
ENABLE
ENABLE (x)
COMPRESS
COMPRESS a b
ID
ID x
ID ("a")
ID ("a" "b" "c")
SELECT
SELECT a b
SELECT a ()
SELECT a (FOO)
SELECT a (QRESYNC)
SELECT a (QRESYNC ())
SELECT a (QRESYNC (1))
SELECT a (QRESYNC (0 1))
SELECT a (QRESYNC (1 1 *))
SELECT a (QRESYNC (1 1 1:*))
SELECT a (QRESYNC (1 9223372036854775808))
SELECT a (QRESYNC (1 1 1 (1)))
SELECT a (QRESYNC (1 1 1 (1 1) 1))
SELECT "a
SELECT "a"b
SELECT "a\x"
SELECT *
SELECT a%
SELECT a(b
SELECT a"b"
CREATE
CREATE a b
CREATE a ()
CREATE a (USE)
CREATE a (USE x)
CREATE a (FOO ())
CREATE a (USE (a\b))
DELETE
DELETE a b
RENAME a
RENAME a b c
SUBSCRIBE
UNSUBSCRIBE a b
STATUS
STATUS a
STATUS a ()
STATUS a MESSAGES
STATUS a (FOO)
STATUS a (MESSAGES
STATUS a (MESSAGES) x
LIST
LIST a
LIST "" ()
LIST (FOO) "" *
LIST (RECURSIVEMATCH) "" *
LIST (REMOTE RECURSIVEMATCH) "" *
LIST "" * RETURN
LIST "" * RETURN (FOO)
LIST "" * RETURN (STATUS)
LIST "" * RETURN (STATUS ())
LIST "" * (x)
LIST "" * RETURN (METADATA)
LIST "" * RETURN (METADATA ())
LIST "" * RETURN (METADATA (DEPTH 1))
LSUB a
LSUB a b c
GETQUOTA
GETQUOTAROOT
SETQUOTA a
SETQUOTA a (STORAGE)
SETQUOTA a (STORAGE x)
SETQUOTA a (STORAGE 9223372036854775808)
GETMETADATA
GETMETADATA a
GETMETADATA a b
GETMETADATA a ()
GETMETADATA a (DEPTH 2) /b
GETMETADATA a (FOO 1) /b
GETMETADATA a /b/
GETMETADATA a //b
GETMETADATA a "/b*"
GETMETADATA a "/%"
GETMETADATA a /
GETMETADATA a (MAXSIZE x) /b
GETMETADATA (DEPTH 1) a (DEPTH 1) /b
SETMETADATA a
SETMETADATA a ()
SETMETADATA a (/b)
SETMETADATA a (/b x)
SETMETADATA a (b NIL)
FETCH
FETCH 1
FETCH x FLAGS
FETCH 0 FLAGS
FETCH 1 ()
FETCH 1 FOO
FETCH 1 (ALL)
FETCH 1 FLAGS UID
FETCH 1,, FLAGS
FETCH 1$ FLAGS
FETCH $,1 FLAGS
FETCH 4294967296 FLAGS
FETCH 1 (FLAGS) ()
FETCH 1 FLAGS (FOO)
FETCH 1 FLAGS (VANISHED CHANGEDSINCE 1)
UID FETCH 1 FLAGS (VANISHED)
FETCH 1 FLAGS (PARTIAL 1:2)
UID FETCH 1 FLAGS (PARTIAL 0:2)
UID FETCH 1 FLAGS (PARTIAL -1:2)
UID FETCH 1 FLAGS (CHANGEDSINCE)
STORE
STORE 1
STORE 1 FLAGS
STORE 1 FOO (x)
STORE 1 +FLAGS.LOUD (x)
STORE 1 FLAGS (\Recent)
STORE 1 FLAGS \recent
STORE 1 FLAGS (\*)
STORE 1 (UNCHANGEDSINCE) FLAGS (x)
STORE 1 (FOO 1) FLAGS (x)
STORE 1 () FLAGS (x)
STORE 1 * FLAGS (x)
STORE 1 FLAGS (x) y
STORE 1 FLAGS ("x")
STORE 1 FLAGS (\)
COPY
COPY 1
COPY a b
COPY 1 a b
MOVE 1
EXPUNGE 1
UID EXPUNGE
UID EXPUNGE x
UID
UID NOOP
UID FOO 1
CLOSE x
UNSELECT x
CHECK x
NOOP x
NOOP()
IDLE x
NAMESPACE x
CAPABILITY x
LOGOUT x
UNAUTHENTICATE x
CANCELUPDATE
NOTIFY
NOTIFY FOO
NOTIFY NONE x
NOTIFY SET
NOTIFY SET STATUS
NOTIFY SET (FOO (x))
NOTIFY SET (selected)
NOTIFY SET (selected ())
NOTIFY SET (selected (MessageNew))
NOTIFY SET (selected (FlagChange))
NOTIFY SET (mailboxes (MailboxName))
NOTIFY SET (mailboxes () (MailboxName))
NOTIFY SET (personal (MessageNew (UID) MessageExpunge))
NOTIFY SET (selected (MessageNew (FOO) MessageExpunge))
NOTIFY SET selected (x)
SEARCH
SEARCH RETURN ALL
SEARCH RETURN (FOO) ALL
SEARCH RETURN (ALL)
SEARCH RETURN (PARTIAL) ALL
SEARCH RETURN (PARTIAL 0:5) ALL
SEARCH RETURN (PARTIAL 1:2 PARTIAL 1:2) ALL
SEARCH RETURN (PARTIAL 1:2 ALL) ALL
SEARCH RETURN (PARTIAL 1:-2) ALL
SEARCH CHARSET UTF-8
SORT ALL
SORT () UTF-8 ALL
SORT (FOO) UTF-8 ALL
SORT (REVERSE) UTF-8 ALL
SORT (DATE) UTF-8
SORT (DATE)
THREAD
THREAD FOO UTF-8 ALL
THREAD REFERENCES UTF-8
ESEARCH
ESEARCH IN () ALL
ESEARCH IN (x) ALL
ESEARCH IN (selected-delayed) ALL
ESEARCH IN (mailboxes) ALL
ESEARCH IN (selected)
""".strip().splitlines()
BAD += [
    b'ID ("a" {1}',
    b'SELECT "a\x00"',
    b"SELECT a\x00",
    b"SELECT ~{1}\r\na",
    b"SELECT {1+}\r\n\x00",
]


@pytest.mark.parametrize("line", BAD, ids=lambda line: line.decode("latin-1"))
def test_a_command_with_wrong_arguments_is_bad(line: bytes) -> None:
    if line.endswith(b"{1}"):
        line += b"\r\nx"
    found = happened([b"a0 NOOP\r\n", b"a1 " + line + b"\r\n", b"a2 NOOP\r\n"])[1:]
    said = b"".join(event for event in found if isinstance(event, bytes)).replace(b"+ go on\r\n", b"")
    assert said.startswith(b"a1 BAD ")
    assert said.count(b"\r\n") == 1
    events = [event for event in found if not isinstance(event, bytes)]
    assert isinstance(events[0], Wrong)
    assert events[1:] == [Command("a2", "NOOP", general.Noop())]


@pytest.mark.parametrize(
    "line",
    [b"STARTTLS x", b"AUTHENTICATE", b"AUTHENTICATE PLAIN x", b"AUTHENTICATE PLAIN A===",
     b"AUTHENTICATE PLAIN AA== x", b'AUTHENTICATE "PLAIN"', b"LOGIN", b"LOGIN a", b"LOGIN a b c", b"LOGIN (a) b"],
)  # fmt: skip
def test_a_log_in_with_wrong_arguments_is_bad(line: bytes) -> None:
    assert refusal(line, NOT).startswith(b"BAD ")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"SELECT &", b"NO [CANNOT] the name is not modified UTF-7"),
        (b"SELECT &AGE-", b"NO [CANNOT] the name is not modified UTF-7"),
        (b"SELECT {1+}\r\n\xff", b"NO [CANNOT] the name is not modified UTF-7"),
        (b"SEARCH CHARSET latin1 ALL", b"NO [BADCHARSET (UTF-8)] texts to search for are UTF-8"),
        (b"SORT (DATE) KOI8-R ALL", b"NO [BADCHARSET (UTF-8)] texts to search for are UTF-8"),
        (b"THREAD REFS KOI8-R ALL", b"NO [BADCHARSET (UTF-8)] texts to search for are UTF-8"),
    ],
)
def test_what_is_right_and_cannot_be_done_is_no(line: bytes, expected: bytes) -> None:
    assert refusal(line) == expected


@pytest.mark.parametrize(("line", "expected"), CASES, ids=names)
def test_a_command_that_is_cut_or_goes_on_is_never_taken_for_another(line: bytes, expected: Body) -> None:
    state = state_of(line)
    for cut in range(len(line)):
        happened([b"a1 " + line[:cut] + b"\r\n", b"a2 NOOP\r\n"], state)
    found = happened([b"a1 " + line + b" (too much)\r\n"], state)
    assert isinstance(found[-1], Wrong), found


def test_spaces_at_the_end_and_twice_between_are_harmless() -> None:
    cases: list[tuple[bytes, Body]] = [
        (b"NOOP  ", general.Noop()),
        (b"SELECT  INBOX ", selecting.Select("INBOX")),
        (b"STORE 1  FLAGS ( \\Seen  x ) ", store.Store(False, ONE, "replace", False, ("\\Seen", "x"))),
        (b"FETCH 1:* (FLAGS ) ", fetch.Fetch(False, ALL, SEEN)),
    ]
    for line, expected in cases:
        assert happened([b"a1 " + line + b"\r\n"]) == [Command("a1", name_of(line), expected)]


@pytest.mark.parametrize(
    "line",
    [b"FETCH 1 FLAGS", b"STORE 1 FLAGS (x)", b"SEARCH ALL", b"SORT (DATE) UTF-8 ALL", b"THREAD REFS UTF-8 ALL",
     b"COPY 1 x", b"MOVE 1 x", b"UID SEARCH 1", b"UID SEARCH NOT 1:*", b"UID SORT (DATE) UTF-8 5", b"ESEARCH 1:2",
     b"SELECT x (QRESYNC (1 1 1 (1 1)))", b"REPLACE 1 x {5}"],
)  # fmt: skip
def test_sequence_numbers_are_refused_with_uidonly(line: bytes) -> None:
    assert refusal(line, uid_only=True).startswith(b"BAD [UIDREQUIRED] ")


@pytest.mark.parametrize(
    "line", [b"UID FETCH 1 FLAGS", b"UID SEARCH UID 1 $", b"EXPUNGE", b"UID SEARCH RETURN () ALL", b"CLOSE"]
)
def test_uids_are_not_refused_with_uidonly(line: bytes) -> None:
    assert isinstance(happened([b"a1 " + line + b"\r\n"], uid_only=True)[-1], Command)


def test_names_are_utf8_once_that_is_enabled() -> None:
    line = 'a1 RENAME "Entwürfe" "a&b"\r\n'.encode()
    assert happened([line], utf8=True) == [Command("a1", "RENAME", mailboxes.Rename("Entwürfe", "a&b"))]
    assert happened([b'a1 DELETE "Entw&APw-rfe"\r\n'], utf8=True) == [
        Command("a1", "DELETE", mailboxes.Delete("Entw&APw-rfe"))
    ]
    assert refusal(b'DELETE "\xff"', utf8=True).startswith(b"BAD ")
    assert refusal(b"DELETE {1+}\r\n\xff", utf8=True).startswith(b"NO [CANNOT] ")
