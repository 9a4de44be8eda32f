"""Address lists: RFC 5322 appendix A, the world's, and hostile ones."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.mime import addresses
from mox_trio.protocol.mime.addresses import Group, Mailbox


def _box(localpart: str, domain: str, name: str | None = None, route: str | None = None) -> Mailbox:
    octets = [None if each is None else each.encode() for each in (name, route)]
    return Mailbox(octets[0], localpart.encode(), domain.encode(), octets[1])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # RFC 5322 A.1.1, A.1.2
        ("John Doe <jdoe@machine.example>", [_box("jdoe", "machine.example", "John Doe")]),
        ('"Joe Q. Public" <john.q.public@example.com>', [_box("john.q.public", "example.com", "Joe Q. Public")]),
        (
            "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            [_box("mary", "x.test", "Mary Smith"), _box("jdoe", "example.org"), _box("one", "y.test", "Who?")],
        ),
        (
            '<boss@nil.test>, "Giant; \\"Big\\" Box" <sysservices@example.net>',
            [_box("boss", "nil.test"), _box("sysservices", "example.net", 'Giant; "Big" Box')],
        ),
        # A.1.3
        (
            "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
            [
                Group(
                    b"A Group",
                    (_box("c", "a.test", "Ed Jones"), _box("joe", "where.test"), _box("jdoe", "one.test", "John")),
                )
            ],
        ),
        ("Undisclosed recipients:;", [Group(b"Undisclosed recipients", ())]),
        # A.5
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", [_box("pete", "silly.test", "Pete")]),
        (
            "A Group(Some people) :Chris Jones <c@(Chris's host.)public.example>, joe@example.org, "
            "John <jdoe@one.test> (my dear friend); (the end of the group)",
            [
                Group(
                    b"A Group",
                    (
                        _box("c", "public.example", "Chris Jones"),
                        _box("joe", "example.org"),
                        _box("jdoe", "one.test", "John"),
                    ),
                )
            ],
        ),
        ("(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", [Group(b"Hidden recipients", ())]),
        # A.6.1, A.6.3
        ("Joe Q. Public <john.q.public@example.com>", [_box("john.q.public", "example.com", "Joe Q. Public")]),
        (
            "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
            [_box("mary", "example.net", "Mary Smith", "@node.test"), _box("jdoe", "test.example")],
        ),
        ("John Doe <jdoe@machine(comment).  example>", [_box("jdoe", "machine.example", "John Doe")]),
        ("<@a.test,@b.test:c@d.test>, e@f.test", [_box("c", "d.test", None, "@a.test,@b.test"), _box("e", "f.test")]),
        # RFC 6532
        ("Jörg <jörg@münchen.example>", [_box("jörg", "münchen.example", "Jörg")]),
        # quoted and literal
        ('"a b"@x.test', [_box("a b", "x.test")]),
        ('"a@b" <"c d"@[192.0.2.1]>', [_box("c d", "[192.0.2.1]", "a@b")]),
        # the world
        ("foo@x.test (Real Name)", [_box("foo", "x.test", "Real Name")]),
        ("foo@x.test <foo@x.test>", [_box("foo", "x.test", "foo@x.test")]),
        ("Doe, John <j@x.test>", [_box("Doe", ""), _box("j", "x.test", "John")]),
        ("=?utf-8?Q?Doe,_J=C3=B6rg?= <j@x.test>", [_box("j", "x.test", "=?utf-8?Q?Doe,_J=C3=B6rg?=")]),
        ("[list] John <j@x.test>", [_box("j", "x.test", "[list] John")]),
        ("John Doe j@x.test", [_box("j", "x.test", "John Doe")]),
        ("j@x.test John Doe", [_box("j", "x.test", "John Doe")]),
        ("a@x .test Jane", [_box("a", "x.test", "Jane")]),
        ("a@x.test b@y.test", [_box("a", "x.test")]),
        ("a@b@x.test", [_box("a@b", "x.test")]),
        ("<<j@x.test>>", [_box("j", "x.test")]),
        ("<a@x.test> <b@x.test>", [_box("a", "x.test"), _box("b", "x.test")]),
        ("a@x.test; b@x.test", [_box("a", "x.test"), _box("b", "x.test")]),
        ("<a@x.test, b@x.test", [_box("a", "x.test"), _box("b", "x.test")]),
        ('"open <a@x.test>, b@x.test', [_box("a", "x.test", '"open'), _box("b", "x.test")]),
        ("John (open <a@x.test>", [_box("a", "x.test", "John (open")]),
        ("John Doe", [_box("", "", "John Doe")]),
        ("John", [_box("John", "")]),
        ("John <>", [_box("", "", "John")]),
        ('"" <a@x.test>', [_box("a", "x.test")]),
        ("  A   B  <a@x.test>", [_box("a", "x.test", "A B")]),
        ("g: a@x.test; b@x.test", [Group(b"g", (_box("a", "x.test"),)), _box("b", "x.test")]),
        ("g: a@x.test, h: b@x.test", [Group(b"g", (_box("a", "x.test"), _box("b", "x.test", "h:")))]),
        ("", []),
        (" , ,, ", []),
        ("(nothing)", []),
    ],
)
def test_lists_are_read(body: str, expected: list[Mailbox | Group]) -> None:
    assert list(addresses.parse_list(body.encode())) == expected


def test_names_and_addresses_are_text_for_people() -> None:
    (entry,) = addresses.parse_list(b"=?iso-8859-1?Q?J=F6rg=00?= <J.Org@X.Test>")
    assert isinstance(entry, Mailbox)
    assert (entry.display, entry.address) == ("Jörg\ufffd", "J.Org@x.test")
    (quoted,) = addresses.parse_list(b'"a \\"b"@X.Test')
    assert isinstance(quoted, Mailbox)
    assert quoted.address == '"a \\"b"@x.test'
    assert Mailbox(None, b"x", b"").address == "x"


def test_members_of_groups_are_among_all_mailboxes() -> None:
    entries = addresses.parse_list(b"a@x.test, g: b@x.test, c@x.test;, d@x.test")
    assert [each.localpart for each in addresses.mailboxes(entries)] == [b"a", b"b", b"c", b"d"]


def test_no_more_than_the_limit_is_read() -> None:
    for body in (b"a@b.test," * 100, b"(c) a@b.test," * 100, b"g:" + b"a@b.test," * 100):
        assert len(list(addresses.mailboxes(addresses.parse_list(body, 7)))) == 7


_NOISE = st.lists(
    st.sampled_from(
        [
            b'"',
            b"(",
            b")",
            b"<",
            b">",
            b"@",
            b",",
            b";",
            b":",
            b"[",
            b"]",
            b"\\",
            b" ",
            b"\t",
            b"a",
            b"b.c",
            b"=?utf-8?q?x?=",
            b"\xff",
            b"\r\n",
        ]
    ),
    max_size=25,
).map(b"".join)


@given(st.binary(max_size=100) | _NOISE)
def test_any_octets_give_a_list(body: bytes) -> None:
    for mailbox in addresses.mailboxes(addresses.parse_list(body)):
        for text in (mailbox.display, mailbox.address):
            text.encode()
            assert "\n" not in text
            assert "\x00" not in text


_PLAIN = st.text("abcdefXYZ019-+_'", min_size=1, max_size=10)


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=10), _PLAIN, _PLAIN),
        max_size=5,
    )
)
def test_what_is_written_is_read_back(written: list[tuple[str, str, str]]) -> None:
    def quote(name: str) -> str:
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'

    body = ", ".join([f"{quote(name)} <{localpart}@{domain}>" for name, localpart, domain in written])
    read = [
        (each.name, each.localpart, each.domain) for each in addresses.mailboxes(addresses.parse_list(body.encode()))
    ]
    assert read == [(name.encode() or None, localpart.encode(), domain.encode()) for name, localpart, domain in written]


_HOSTILE = rb"""
" ( () ) < <> @ a@b, [ \ "\ \" : a: ; <@a, <@ =? =?a?q? ", "\", (\ [a a. @, (a) "a" a@b<c@d> =?a?q?b?=
""".split()


@pytest.mark.parametrize("unit", [*_HOSTILE, b" ", b"\t", b"a ", b"a@b ", b" (", b'"a" ', b"a@b <c@d> "])
def test_hostile_lists_take_linear_time(unit: bytes) -> None:
    before = time.process_time()
    addresses.parse_list(unit * (60_000 // len(unit)))
    addresses.parse_list(b"<" + unit * (60_000 // len(unit)))
    assert time.process_time() - before < 2
