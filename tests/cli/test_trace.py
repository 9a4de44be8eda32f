"""`mox-trio trace`: one Message-ID leads to everything that is known of the message, and to the lines of the log."""

from pathlib import Path

from tests.kit import localserve
from tests.kit.localserve import LocalServer


def submit(server: LocalServer, message_id: str, *recipients: str) -> None:
    text = (
        f"From: mox@localhost\r\nTo: x@example.org\r\nSubject: {message_id}\r\nMessage-ID: <{message_id}>\r\n\r\nhi\r\n"
    )
    with server.submission() as client:
        client.login("mox@localhost", "moxmoxmox")
        client.sendmail("mox@localhost", list(recipients), text)


def test_a_message_is_followed_from_submission_to_its_mailbox(tmp_path: Path) -> None:
    with localserve.running(tmp_path / "serve") as server:
        submit(server, "one@x.example", "friend@example.org", "queuetemperror@example.org")
        server.wait_for_subject("one@x.example")
        server.wait_for_line("451")
        events = server.json("trace", "<one@x.example>")
        text = server.run("trace", "one@x.example")
        unknown = server.run("trace", "never@x.example", code=1)
        log = server.log.read_text()
    whats = {event["what"] for event in events}
    assert {"received", "stored", "queued", "attempt", "retired"} <= whats
    failed = next(each for each in events if each["what"] == "attempt" and "queuetemperror" in each["recipient"])
    assert "451" in failed["text"]
    received = next(each for each in events if each["what"] == "received")
    assert received["facts"]["reason"]
    assert "Inbox UID 1" in text
    assert "message_id=never@x.example" in unknown
    submitted = next(line for line in log.splitlines() if 'message="message submitted"' in line)
    assert "message_id=one@x.example" in submitted
    name = next(word for word in submitted.split() if word.startswith("queued_as="))
    session = next(word for word in submitted.split() if word.startswith("session="))
    assert any('message="delivery settled"' in line and name in line for line in log.splitlines())
    assert any('message="message received"' in line and "message_id=one@x.example" in line for line in log.splitlines())
    assert sum(session in line for line in log.splitlines()) >= 1


def test_mail_from_outside_is_traced(tmp_path: Path) -> None:
    with localserve.running(tmp_path / "serve") as server:
        with server.smtp() as client:
            text = "From: a@far.example\r\nTo: mox@localhost\r\nSubject: in\r\nMessage-ID: <In.Case@Far.example>\r\n\r\nhi\r\n"
            client.sendmail("a@far.example", ["mox@localhost"], text)
        server.wait_for_subject("in")
        events = server.json("trace", "In.Case@Far.example", "--account", "mox")
    assert [event["what"] for event in events] == ["received", "stored"]
    assert events[0]["recipient"] == "mox@localhost"
