"""What ends a message and what does not, on the real port: one message in is one message, and never another behind it."""

from email import message_from_bytes

import pytest

from tests.interop import wire
from tests.kit import served
from tests.kit.served import Site

SENDER = b"eve@lenient.example"
RECIPIENT = served.address("smuggled").encode()
SECOND = (
    b"MAIL FROM:<boss@lenient.example>\r\nRCPT TO:<" + RECIPIENT + b">\r\nDATA\r\n"
    b"From: boss@lenient.example\r\nSubject: smuggled\r\n\r\npay eve\r\n.\r\n"
)
"""What an attacker hides behind a false end: when it is taken for commands, the mailbox shows it."""

REFUSED = {
    "LF . LF": b"\n.\n",
    "LF . CRLF": b"\n.\r\n",
    "CRLF . LF": b"\r\n.\n",
    "CR . CR": b"\r.\r",
    "CR . CRLF": b"\r.\r\n",
    "CR . LF": b"\r.\n",
    "LF . CR": b"\n.\r",
    "CRLF . CR": b"\r\n.\r",
    "CR CRLF . CRLF": b"\r\r\n.\r\n",
    "CRLF . CR CRLF": b"\r\n.\r\r\n",
    "bare CR": b"text\rtext",
}
TAKEN = {
    "bare LF": (b"one\ntwo", b"one\r\ntwo"),
    "dot and text": (b"\r\n..one\r\n", b"\r\n.one\r\n"),
    "a line of spaces and a dot": (b"\r\n .\r\n", b"\r\n .\r\n"),
}


def content(subject: str, inside: bytes) -> bytes:
    return b"From: <" + SENDER + b">\r\nSubject: " + subject.encode() + b"\r\n\r\nbefore" + inside


def subjects(site: Site) -> set[str]:
    """Of the messages, as their own headers say."""
    return {message_from_bytes(mail)["Subject"] for mail in site.mails("smuggled", 0)}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_end_a_message_elsewhere_ends_it_nowhere_and_is_refused(site: Site, name: str) -> None:
    with wire.opened(site.smtp) as client:
        client.begin(SENDER, RECIPIENT)
        client.send(content(name, REFUSED[name]) + SECOND)
        assert client.reply().startswith(("500 5", "550 5", "554 5"))
        assert client.reply() == ""  # what comes behind an end in doubt is not obeyed
    assert not {"smuggled", name} & subjects(site)


def test_a_nul_is_refused(site: Site) -> None:
    with wire.opened(site.smtp) as client:
        client.begin(SENDER, RECIPIENT)
        client.send(content("NUL", b"text\0text") + b"\r\n.\r\n")
        assert client.reply().startswith("554 5.6.0")
        assert client.ask(b"NOOP").startswith("250")
    assert "NUL" not in subjects(site)


@pytest.mark.parametrize("name", TAKEN)
def test_what_ends_a_message_nowhere_is_content(site: Site, name: str) -> None:
    sent, stored = TAKEN[name]
    with wire.opened(site.smtp) as client:
        client.begin(SENDER, RECIPIENT)
        client.send(content(name, sent) + b"\r\n.\r\n")
        assert client.reply().startswith("250")
        assert client.ask(b"NOOP").startswith("250")
    assert b"before" + stored in site.mail_with("smuggled", name)


def test_content_that_is_only_the_end_has_no_author_and_is_refused(site: Site) -> None:
    with wire.opened(site.smtp) as client:
        client.begin(SENDER, RECIPIENT)
        client.send(b".\r\n")
        assert client.reply().startswith("550 5.6.0")


@pytest.mark.parametrize("end", [b"\r\n.\r\n", b"\n.\n", b"\n.\r\n"])
def test_in_chunks_only_their_sizes_end_a_message(site: Site, end: bytes) -> None:
    inside = content("chunks", end) + SECOND
    with wire.opened(site.smtp) as client:
        client.ask(b"MAIL FROM:<" + SENDER + b">")
        client.ask(b"RCPT TO:<" + RECIPIENT + b">")
        client.send(b"BDAT %d LAST\r\n" % len(inside) + inside)
        assert client.reply().startswith("250")
        assert client.ask(b"NOOP").startswith("250")
    assert "chunks" in subjects(site)
    assert "smuggled" not in subjects(site)


def test_an_end_that_comes_a_byte_at_a_time_is_one(site: Site) -> None:
    with wire.opened(site.smtp) as client:
        client.begin(SENDER, RECIPIENT)
        for at in content("slowly", b"\r\n.\r\n").splitlines(keepends=True):
            for byte in at:
                client.send(bytes([byte]))
        assert client.reply().startswith("250")
    assert site.mail_with("smuggled", "slowly").endswith(b"\r\n\r\nbefore\r\n")


def test_commands_sent_before_tls_began_are_never_obeyed_after_it(site: Site) -> None:
    with wire.opened(site.smtp) as client:
        client.send(b"STARTTLS\r\nMAIL FROM:<" + SENDER + b">\r\n")
        first = client.reply()
        if first.startswith("220"):
            with pytest.raises(OSError):  # noqa: PT011 - reset, closed or no TLS: it never begins
                client.start_tls(site.trusting(), "localhost")
        assert client.reply() == ""


@pytest.mark.parametrize("port", ["smtp", "lmtp"])
def test_a_line_that_ends_with_lf_alone_is_no_command(site: Site, port: str) -> None:
    hello = b"EHLO client.example" if port == "smtp" else b"LHLO client.example"
    with wire.opened(getattr(site, port), hello=hello) as client:
        client.send(b"NOOP\nNOOP\n")
        client.send(b"\r\n")
        assert client.reply().startswith("5")


def test_a_flood_of_bad_commands_is_cut_off(site: Site) -> None:
    with wire.opened(site.smtp) as client:
        replies = []
        try:
            for _ in range(200):
                replies.append(client.ask(b"WHAT"))
                if not replies[-1]:
                    break
        except (TimeoutError, ConnectionError):
            replies.append("")
        assert replies[-1] == ""
        assert len(replies) < 200
