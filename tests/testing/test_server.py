"""A server inside a test: how it starts and stops, what it gives, and what it does wrong when asked to."""

import imaplib
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage

import pytest
import trio

from mox_trio.base.failure import Failure
from mox_trio.testing import server
from mox_trio.testing.clock import TurnableClock
from mox_trio.testing.faults import At, Tls
from mox_trio.testing.server import Ended, MailServer, NotArrived, User

HOUR = 3600


def send(mail: MailServer, *recipients: str, subject: str = "hello", sender: str = "a@example.org") -> None:
    with smtplib.SMTP(mail.host, mail.smtp, timeout=30) as client:
        client.sendmail(sender, recipients, f"From: {sender}\r\nSubject: {subject}\r\n\r\ntext\r\n")


def submit(mail: MailServer, user: User, *recipients: str, subject: str = "hello") -> None:
    with smtplib.SMTP(mail.host, mail.submission, timeout=30) as client:
        client.login(user.address, user.password)
        client.sendmail(user.address, recipients, f"From: {user.address}\r\nSubject: {subject}\r\n\r\ntext\r\n")


def test_it_starts_in_less_than_300_ms() -> None:
    took = []
    for _ in range(4):  # the first loads what is loaded late
        began = time.process_time()
        with server.running() as mail:
            took.append(time.process_time() - began)
            with socket.create_connection((mail.host, mail.smtp), timeout=30) as client:
                assert client.recv(100).startswith(b"220 localhost ESMTP")
    assert min(took[1:]) < 0.3, took


def test_two_servers_know_nothing_of_each_other(mail_server: MailServer) -> None:
    with server.running() as other:
        send(other, "x@example.com")
        other.wait_for_message(to="x@example.com")
        assert mail_server.messages() == []


def test_after_the_end_nobody_listens_and_calls_say_so() -> None:
    before = threading.active_count()
    with server.running() as mail:
        port = mail.smtp
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with pytest.raises(Ended):
        mail.messages()
    assert [each.name for each in threading.enumerate() if each.name.startswith(("mail-server", "sqlite"))] == []
    assert threading.active_count() <= before + 3  # trio keeps idle threads for a while


def test_a_message_is_given_parsed(mail_server: MailServer) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@example.org", "ann@example.com", "Grüße"
    message.set_content("plain\n")
    message.add_alternative("<p>rich</p>", subtype="html")
    message.add_attachment(b"\0\1\2", "application", "octet-stream", filename="bill.pdf")
    with smtplib.SMTP(mail_server.host, mail_server.smtp) as client:
        client.send_message(message)
    found = mail_server.wait_for_message(subject="Grüße")
    assert (found.sender, found.recipient) == ("shop@example.org", "ann@example.com")
    assert (found.text.strip(), found.html.strip()) == ("plain", "<p>rich</p>")
    assert found.attachments == {"bill.pdf": b"\0\1\2"}
    assert found.account == mail_server.everybody.name
    assert abs(found.received.timestamp() - time.time()) < 60


def test_each_recipient_has_a_message_of_its_own(mail_server: MailServer) -> None:
    send(mail_server, "one@example.com", "two@example.net")
    assert mail_server.wait_for_message("TWO@example.net").recipient == "two@example.net"
    assert sorted(each.recipient for each in mail_server.messages()) == ["one@example.com", "two@example.net"]


def test_what_did_not_arrive_is_said_with_what_did(mail_server: MailServer) -> None:
    send(mail_server, "one@example.com", subject="something else")
    mail_server.wait_for_message()
    with pytest.raises(NotArrived, match=r"0 of 1 .*\n  to one@example\.com: something else"):
        mail_server.wait_for_message(subject="expected", seconds=0.05)


def test_a_message_that_comes_later_ends_the_wait(mail_server: MailServer) -> None:
    thread = threading.Timer(0.1, send, (mail_server, "late@example.com"))
    thread.start()
    began = time.monotonic()
    mail_server.wait_for_message(to="late@example.com", seconds=60)
    assert time.monotonic() - began < 30
    thread.join()


def test_mail_from_a_user_to_a_user_is_read_by_imap(mail_server: MailServer) -> None:
    ann, bob = mail_server.add_user("ann"), mail_server.add_user("bob", domain="example.net", password="a long secret")
    submit(mail_server, ann, bob.address, subject="lunch")
    mail_server.wait_for_message(account="bob", subject="lunch")
    with imaplib.IMAP4(mail_server.host, mail_server.imap) as client:
        client.starttls(mail_server.client_context())
        client.login(bob.address, bob.password)
        client.select("Inbox")
        _, fetched = client.fetch("1", "(BODY[HEADER.FIELDS (SUBJECT)])")
        assert b"lunch" in b"".join(part for each in fetched if isinstance(each, tuple) for part in each)
        client.append("Archive", "", "", b"From: <ann@mail.test>\r\nSubject: kept\r\n\r\n")
    assert mail_server.wait_for_message(account="bob", mailbox="Archive").subject == "kept"


def test_a_user_that_cannot_be_is_refused(mail_server: MailServer) -> None:
    mail_server.add_user("ann")
    with pytest.raises(Failure):
        mail_server.add_user("ann")


@pytest.mark.parametrize("at", ["mail", "rcpt", "data"])
def test_a_reply_is_met_where_it_is_asked_for(mail_server: MailServer, at: At) -> None:
    mail_server.faults.reply(452, "full today", at=at, times=1)
    with pytest.raises(smtplib.SMTPException, match=r"452.*full today"):
        send(mail_server, "x@example.com")
    send(mail_server, "x@example.com")
    assert len(mail_server.messages()) == 1


def test_only_who_is_named_meets_a_fault(mail_server: MailServer) -> None:
    mail_server.faults.reply(550, recipient="gone@*", sender="shop@example.org")
    send(mail_server, "gone@example.com", sender="other@example.org")
    with smtplib.SMTP(mail_server.host, mail_server.smtp) as client:
        refused = client.sendmail(
            "shop@example.org", ["Gone@example.com", "here@example.com"], "From: shop@example.org\r\n\r\n"
        )
    assert list(refused) == ["Gone@example.com"]
    assert [each.recipient for each in mail_server.wait_for_messages(2)] == ["gone@example.com", "here@example.com"]


def test_a_fault_of_one_port_is_not_met_at_the_other(mail_server: MailServer) -> None:
    ann = mail_server.add_user("ann")
    mail_server.faults.reply(554, on="submission")
    send(mail_server, "x@example.com")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        submit(mail_server, ann, "x@example.com")


@pytest.mark.parametrize("kind", ["expired", "untrusted"])
def test_a_certificate_is_wrong_as_often_as_is_asked_for(mail_server: MailServer, kind: Tls) -> None:
    mail_server.faults.tls(kind, on="submission", times=2)
    tls = mail_server.client_context()
    for connect in (smtplib.SMTP_SSL, smtplib.SMTP_SSL):
        with pytest.raises(ssl.SSLCertVerificationError):
            connect("localhost", mail_server.submissions, context=tls)
    with smtplib.SMTP("localhost", mail_server.smtp) as client:
        assert client.starttls(context=tls)[0] == 220
    smtplib.SMTP_SSL("localhost", mail_server.submissions, context=tls).close()


def test_a_handshake_that_breaks_and_starttls_that_is_not_there(mail_server: MailServer) -> None:
    tls = mail_server.client_context()
    mail_server.faults.tls("broken", times=1)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        smtplib.SMTP_SSL("localhost", mail_server.submissions, context=tls)
    mail_server.faults.tls("absent", on="smtp")
    with smtplib.SMTP("localhost", mail_server.smtp) as client:
        client.ehlo()
        assert not client.has_extn("starttls")
    mail_server.faults.clear()
    with smtplib.SMTP("localhost", mail_server.smtp) as client:
        client.ehlo()
        assert client.has_extn("starttls")


def test_faults_that_make_no_sense_are_refused(mail_server: MailServer) -> None:
    wrong: list[Callable[[], None]] = [
        lambda: mail_server.faults.reply(250),
        lambda: mail_server.faults.replies([]),
        lambda: mail_server.faults.delay(1, times=0),
    ]
    for ask in wrong:
        with pytest.raises(ValueError, match=r"choose a code|at least once"):
            ask()


def test_a_turn_makes_every_attempt_at_its_time(mail_server: MailServer) -> None:
    ann = mail_server.add_user("ann")
    mail_server.faults.reply(451, "later", recipient="*@example.com", on="smtp", times=4)
    began = mail_server.now()
    submit(mail_server, ann, "bob@example.com", subject="patience")
    mail_server.turn(seconds=5)
    (waiting,) = mail_server.queue()
    assert (waiting.attempts, waiting.recipient) == (1, "bob@example.com")
    assert "later" in waiting.last_error
    mail_server.turn(hours=1)  # after 7.5, 22.5 and 52.5 minutes
    (waiting,) = mail_server.queue()
    assert waiting.attempts == 4
    mail_server.turn(hours=1.5)
    assert mail_server.queue() == []
    arrived = mail_server.wait_for_message("bob@example.com").received.timestamp() - began
    assert 7.5 * 15 * 60 - 60 < arrived < 7.5 * 15 * 60 + 900
    assert mail_server.now() - began > 2.5 * HOUR


def test_a_turn_passes_over_a_delay(mail_server: MailServer) -> None:
    ann = mail_server.add_user("ann")
    mail_server.faults.delay(120, recipient="slow@example.com", on="smtp", times=1)
    submit(mail_server, ann, "slow@example.com")
    began = time.monotonic()
    mail_server.turn(hours=1)
    assert mail_server.queue() == []
    assert time.monotonic() - began < 60


def test_a_turn_ends_no_connection(mail_server: MailServer) -> None:
    with (
        imaplib.IMAP4(mail_server.host, mail_server.imap) as reading,
        smtplib.SMTP("127.0.0.1", mail_server.smtp) as sending,
    ):
        reading.login(mail_server.everybody.address, mail_server.everybody.password)
        sending.ehlo()
        mail_server.turn(hours=24 * 7)
        assert reading.noop()[0] == "OK"
        assert sending.noop()[0] == 250


def test_the_clock_only_goes_forward() -> None:
    clock = TurnableClock()
    clock.start_clock()
    before = clock.current_time()
    clock.turn(-100)
    assert clock.current_time() >= before
    clock.turn(100)
    assert 99 < clock.current_time() - before < 110
    assert clock.deadline_to_sleep_time(clock.current_time() + 5) == pytest.approx(5, abs=0.5)


async def test_a_test_on_trio_goes_on_while_it_waits(mail_server: MailServer) -> None:
    ann = await mail_server.trio.add_user("ann")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, send, mail_server, ann.address)
        message = await mail_server.trio.wait_for_message(ann.address, account="ann")
    assert message.subject == "hello"
    assert await mail_server.trio.messages(ann.address) == [message]
    await mail_server.trio.turn(hours=1)
    assert await mail_server.trio.queue() == []


async def test_who_gives_up_waiting_on_trio_is_let_go(mail_server: MailServer) -> None:
    with trio.move_on_after(0.05) as scope:
        await mail_server.trio.wait_for_messages(1, "nobody@example.com", seconds=60)
    assert scope.cancelled_caught


def test_the_webmail_and_the_http_api_answer(mail_server_with_web: MailServer) -> None:
    import httpx

    user = mail_server_with_web.everybody
    assert httpx.get(f"{mail_server_with_web.url}webmail/").status_code == 200
    request = '{"To": [{"Address": "you@example.org"}], "Subject": "by the API", "Text": "hi"}'
    answer = httpx.post(
        f"{mail_server_with_web.url}webapi/v0/Send", auth=(user.address, user.password), data={"request": request}
    )
    assert answer.status_code == 200, answer.text
    assert mail_server_with_web.wait_for_message("you@example.org").subject == "by the API"


def test_there_is_no_web_unless_it_is_asked_for(mail_server: MailServer) -> None:
    assert set(mail_server.ports) == {"smtp", "submission", "submissions", "imap", "imaps"}
