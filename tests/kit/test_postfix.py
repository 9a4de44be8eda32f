"""The Postfix of the tests takes what is for its users, and sends on what is not where it was told to."""

import smtplib

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.kit import postfix, shared_server


class Taken:
    """A handler of aiosmtpd that keeps what comes."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 2.0.0 taken"


def test_mail_for_others_is_sent_where_it_was_told_to() -> None:
    (port,) = shared_server.free_ports(1)
    taken = Taken()
    controller = Controller(taken, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        with postfix.running(["you@y.example", "me@x.example"], routed=f"[127.0.0.1]:{port}") as server:
            recipients = ["you@y.example", "him@z.example"]
            options = ["NOTIFY=SUCCESS"]
            server.submit("me@x.example", recipients, b"Subject: hi\r\n\r\nhello\r\n", rcpt_options=options)
            assert b"hello" in server.mails("you@y.example")[0]
            (notice,) = server.mails("me@x.example")
    finally:
        controller.stop()
    assert b"Action: delivered" in notice
    assert b"Action: relayed" in notice
    (envelope,) = taken.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("me@x.example", ["him@z.example"])


def test_strangers_are_refused() -> None:
    with postfix.running(["you@y.example"]) as server:
        with smtplib.SMTP("127.0.0.1", server.tls_port) as client:
            client.starttls()
            for address in ("nobody@y.example", "you@z.example"):
                with pytest.raises(smtplib.SMTPRecipientsRefused):
                    client.sendmail("me@x.example", [address], b"Subject: hi\r\n\r\n")
        assert server.mails("you@y.example", at_least=0) == []
