"""What users send: who may, what is refused, what is added, what ends up in the queue, and signatures that others verify."""

import base64
import email
import ipaddress
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from trio.testing import MockClock

from mox_trio.base.address import Address, Path
from mox_trio.ledger import sent
from mox_trio.mailqueue import managing
from mox_trio.mailstore import accounts
from mox_trio.mailstore.spool import Spool
from mox_trio.outgoing import composing, summary
from mox_trio.outgoing.sign import Signer
from mox_trio.outgoing.submit import Submission
from mox_trio.protocol.smtp.envelope import Body, Client, Envelope, Notify, Recipient, Tls
from mox_trio.protocol.smtp.reply import Refusal, Reply
from storage_backends.errors import NotFound
from tests.kit import sending
from tests.kit.sending import World

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
DYNAMIC = """
[domains."a.example"]
localpart_catchall_separators = ["+"]
[domains."a.example".dkim]
sign = ["test"]
[domains."a.example".dkim.selectors.test]
private_key = {{ file = "{directory}/key.pem" }}
expiration = "5000d"
[domains."a.example".aliases.all]
members = ["ann@a.example", "bea@a.example", "cid@a.example"]
allow_msg_from = true
[domains."a.example".aliases.closed]
members = ["bea@a.example"]
post_public = false
[domains."off.example"]
disabled = true
[domains."catch.example"]
[accounts.ann]
addresses = ["ann@a.example", "ann@off.example", "@catch.example"]
from_id_login_addresses = ["ann+unique@a.example"]
max_outgoing_messages_per_day = 5
max_first_time_recipients_per_day = 3
[accounts.bea]
addresses = ["bea@a.example"]
[accounts.cid]
addresses = ["cid@a.example"]
"""
CLIENT = Client(
    ipaddress.ip_address("198.51.100.7"), hello="[198.51.100.7]", tls=Tls("TLSv1.3", "x"), login="ann", session="abc"
)


@pytest.fixture(params=["readable", "sealed"])
async def world(request: pytest.FixtureRequest, tmp_path: FilePath, autojump_clock: MockClock) -> AsyncIterator[World]:
    (tmp_path / "key.pem").write_bytes(PEM)
    dynamic = DYNAMIC.format(directory=tmp_path)
    async with sending.opened(tmp_path, autojump_clock, sealing=request.param == "sealed", dynamic=dynamic) as opened:
        yield opened


async def submit(
    world: World,
    data: bytes,
    *to: str | Recipient,
    sender: str = "ann@a.example",
    client: Client = CLIENT,
    **envelope: Any,
) -> Sequence[Reply]:
    submission = Submission(world.parts, Signer(world.store, world.parts.config, world.parts.metrics))
    transaction = Envelope(Path.parse(f"<{sender}>"), **envelope)
    await submission.mail(client, transaction)
    for each in to or ("bob@b.example",):
        recipient = each if isinstance(each, Recipient) else Recipient(Path.parse(f"<{each}>"))
        await submission.rcpt(client, transaction, recipient)
        transaction = replace(transaction, recipients=(*transaction.recipients, recipient))
    async with Spool(world.store) as spool:
        await spool.write(data)
        return await submission.data(client, transaction, await spool.finish())


async def out(world: World) -> bytes:
    """The message as the hosts get it."""
    async with world.running():
        await world.until_empty()
    return world.hosts.taken[-1][1]


def fields(data: bytes) -> dict[str, str]:
    head = data.partition(b"\r\n\r\n")[0].replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ").decode()
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n"))}


async def test_a_message_is_completed_and_signed(autojump_clock: MockClock, world: World) -> None:
    plain = b"From: Ann <ann@a.example>\r\nTo: bob@b.example\r\nBcc: eve@b.example\r\nSubject: hi\r\n\r\ntext\r\n"
    (reply,) = await submit(world, plain)
    assert (reply.code, reply.enhanced) == (250, "2.0.0")
    data = await out(world)
    found = fields(data)
    assert list(found)[:5] == ["received", "message-id", "date", "dkim-signature", "authentication-results"]
    assert "198.51.100.7" not in data.decode()
    assert "with ESMTPSA id abc" in found["received"]
    assert found["authentication-results"] == "mail.a.example; auth=pass smtp.mailfrom=ann@a.example"
    assert found["message-id"].endswith("@mail.a.example>")
    assert "bcc" not in found
    assert data.endswith(b"\r\n\r\ntext\r\n")
    assert verified(data)
    assert not verified(data.replace(b"Subject: hi", b"Subject: ho"))


def verified(data: bytes) -> bool:
    public = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    return bool(dkim.verify(data, dnsfunc=lambda name, timeout=5: record))


async def test_what_is_there_already_stays(autojump_clock: MockClock, world: World) -> None:
    data = b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n" + sending.MESSAGE
    await submit(world, data)
    sent_out = await out(world)
    assert sent_out.endswith(data)
    assert sent_out.lower().count(b"\r\ndate:") == 1
    assert sent_out.lower().count(b"\r\nmessage-id:") == 1


@pytest.mark.parametrize(
    ("sender", "reply"),
    [
        ("ann+list@a.example", ""),
        ("anything@catch.example", ""),
        ("all@a.example", ""),
        ("closed@a.example", "550 5.7.1"),
        ("bea@a.example", "550 5.7.1"),
        ("ann@b.example", "550 5.7.1"),
        ("ann@off.example", "451 4.3.0"),
        ("ann@[192.0.2.1]", "550 5.7.1"),
    ],
)
async def test_who_may_send_as_whom(autojump_clock: MockClock, world: World, sender: str, reply: str) -> None:
    if not reply:
        await submit(world, sending.MESSAGE, sender=sender)
        await submit(world, sending.MESSAGE.replace(b"ann@a.example", sender.encode()))
        return
    with pytest.raises(Refusal) as refused:
        await submit(world, sending.MESSAGE, sender=sender)
    assert str(refused.value.reply).startswith(reply)
    if "[" not in sender:
        with pytest.raises(Refusal) as refused:
            await submit(world, sending.MESSAGE.replace(b"ann@a.example", sender.encode()))
        assert str(refused.value.reply).startswith(reply)


@pytest.mark.parametrize(
    "data",
    [
        b"From: ann@a.example\r\nSubject: no end\r\n",
        b"Subject: no From\r\n\r\n",
        b"From: ann@a.example, bea@a.example\r\n\r\n",
        b"From: ann@a.example\r\nFrom: ann@a.example\r\n\r\n",
        b"From: nobody\r\n\r\n",
    ],
)
async def test_messages_that_are_none_are_refused(autojump_clock: MockClock, world: World, data: bytes) -> None:
    with pytest.raises(Refusal, match=r"5\.6\.0"):
        await submit(world, data)
    assert await world.bodies() == 0


@pytest.mark.parametrize(
    ("to", "reply"),
    [("nobody@a.example", "550 5.1.1"), ("x@off.example", "550 5.1.1"), ("closed@a.example", "550 5.7.2")],
)
async def test_recipients_at_home_must_exist(autojump_clock: MockClock, world: World, to: str, reply: str) -> None:
    with pytest.raises(Refusal) as refused:
        await submit(world, sending.MESSAGE, to)
    assert str(refused.value.reply).startswith(reply)


async def test_limits_of_a_day_refuse_and_leave_nothing(autojump_clock: MockClock, world: World) -> None:
    with pytest.raises(Refusal, match=r"451 4\.7\.1 .*never written to"):
        await submit(world, sending.MESSAGE, *(f"bob{n}@b.example" for n in range(4)))
    assert (await world.listed(), await world.bodies()) == ([], 0)
    for _ in range(5):
        await submit(world, sending.MESSAGE)
    with pytest.raises(Refusal, match=r"451 4\.7\.1 .*more than 5"):
        await submit(world, sending.MESSAGE)
    account = await world.account()
    bob = Path.parse("<bob@b.example>")
    assert await sent.last_sent(world.queue.index, account.id, account.codec, bob) is not None


async def test_an_account_that_goes_and_comes_back_is_opened_anew(autojump_clock: MockClock, world: World) -> None:
    await submit(world, sending.MESSAGE)
    await out(world)
    await accounts.remove(world.store, "ann")
    with pytest.raises(NotFound):
        await submit(world, sending.MESSAGE)
    await submit(world, sending.MESSAGE)
    assert await out(world)
    assert len(world.hosts.taken) == 2


async def test_wishes_travel_with_the_message(autojump_clock: MockClock, world: World) -> None:
    bob = Recipient(Path.parse("<bob@b.example>"), Notify.SUCCESS, "rfc822;robert@b.example")
    await submit(world, b"TLS-Required: No\r\n" + sending.MESSAGE, bob, envelope_id="id", hold_for=600, priority=3)
    (row,) = await world.listed()
    assert (row.require_tls, row.urgency, row.next_attempt) == (0, 0, world.store.now() + 600_000)
    await out(world)
    (job,) = world.hosts.jobs
    assert (job.envelope_id, job.require_tls, job.recipients) == ("id", False, (bob,))
    assert world.hosts.times[0] >= 600


async def test_logins_that_want_it_get_a_sender_for_each_recipient(autojump_clock: MockClock, world: World) -> None:
    client = replace(CLIENT, login_address=Address.parse("ann+unique@a.example"))
    await submit(world, sending.MESSAGE, "bob@b.example", "carol@b.example", client=client)
    listed = await world.listed()
    assert len({row.from_id for row in listed}) == 2
    assert [row.sender for row in listed] == [f"<ann+{row.from_id}@a.example>" for row in listed]
    await submit(world, sending.MESSAGE, client=client, sender="ann+mine@a.example")
    with pytest.raises(Refusal, match="used before"):
        await submit(world, sending.MESSAGE, client=client, sender="ann+mine@a.example")
    with pytest.raises(Refusal, match="one recipient"):
        await submit(world, sending.MESSAGE, "x@b.example", "bob@b.example", client=client, sender="ann+new@a.example")


async def test_binary_parts_are_encoded_before_they_are_signed(autojump_clock: MockClock, world: World) -> None:
    binary = bytes(range(256)) * 3
    data = (
        b"From: ann@a.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
        b"Content-Transfer-Encoding: binary\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n"
        b"--b\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n" + binary + b"\r\n--b--\r\n"
    )
    await submit(world, data, body=Body.BINARY)
    sent_out = await out(world)
    parsed = email.message_from_bytes(sent_out)
    assert parsed["Content-Transfer-Encoding"] == "8bit"
    payload = parsed.get_payload()
    assert isinstance(payload, list)
    assert payload[1].get_payload(decode=True) == binary  # type: ignore[union-attr]
    assert b"\0" not in sent_out
    assert verified(sent_out)


async def test_nul_that_is_not_said_to_be_binary_is_refused(autojump_clock: MockClock, world: World) -> None:
    with pytest.raises(Refusal, match=r"5\.6\.3"):
        await submit(world, sending.MESSAGE + b"\0", body=Body.BINARY)


async def test_a_list_goes_to_its_members_but_not_twice_and_not_back(autojump_clock: MockClock, world: World) -> None:
    await submit(world, sending.MESSAGE, "all@a.example", "bea@a.example")
    async with world.running():
        await world.until_empty()
    assert [len(await world.mails(name)) for name in ("ann", "bea", "cid")] == [0, 1, 1]
    (mail,) = await world.mails("cid")
    assert mail.startswith(b"Delivered-To: cid@a.example\r\nReturn-Path: <ann@a.example>\r\nReceived: ")
    assert verified(mail.partition(b"Return-Path: <ann@a.example>\r\n")[2])
    assert world.hosts.jobs == []


async def test_a_sender_who_wants_to_know_hears_of_the_list(autojump_clock: MockClock, world: World) -> None:
    everybody = Recipient(Path.parse("<all@a.example>"), Notify.SUCCESS)
    await submit(world, sending.MESSAGE, everybody)
    async with world.running():
        await world.until_empty()
    assert [len(await world.mails(name)) for name in ("bea", "cid")] == [1, 1]
    (notice,) = await world.mails("ann")
    assert b"Action: expanded" in notice


async def test_mail_at_home_is_told_of_where_it_is_wanted(autojump_clock: MockClock, world: World) -> None:
    await submit(world, sending.MESSAGE, Recipient(Path.parse("<bea@a.example>"), Notify.SUCCESS))
    async with world.running():
        await world.until_empty()
    assert len(await world.mails("bea")) == 1
    assert b"Action: delivered" in (await world.mails("ann"))[0]


async def test_a_full_mailbox_is_tried_again_and_given_up(autojump_clock: MockClock, world: World) -> None:
    full = DYNAMIC.format(directory=world.directory).replace("[accounts.bea]", '[accounts.bea]\nquota = "1B"')
    world.parts.config.current = sending.config(world.directory, dynamic=full).current
    await submit(world, sending.MESSAGE, "bea@a.example", "cid@a.example")
    async with world.running():
        await world.until_empty(20)
    assert [len(await world.mails(name)) for name in ("bea", "cid")] == [0, 1]
    delayed, failed = await world.mails("ann")
    assert b"Action: delayed" in delayed
    assert b"Status: 4.2.2" in failed


async def test_a_key_that_cannot_be_read_is_logged_and_mail_goes_unsigned(
    autojump_clock: MockClock, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    (world.directory / "key.pem").unlink()
    await submit(world, sending.MESSAGE)
    assert "dkim-signature" not in fields(await out(world))
    assert "DKIM key cannot be used" in caplog.text


async def test_held_mail_says_so_in_the_queue(autojump_clock: MockClock, world: World) -> None:
    await managing.add_rule(world.queue, (await world.account()).id)
    await submit(world, sending.MESSAGE)
    assert [row.held for row in await world.listed()] == [1]


async def test_a_long_header_is_looked_at_in_threads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looking: list[threading.Thread] = []

    def noted(look: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*given: Any, **named: Any) -> Any:
            looking.append(threading.current_thread())
            return look(*given, **named)

        return noting

    monkeypatch.setattr(composing, "check", noted(composing.check))
    monkeypatch.setattr(summary, "of", noted(summary.of))
    await submit(world, b"Cc: x\r\n" * 20_000 + b"From: ann@a.example\r\nSubject: long\r\n\r\nx\r\n")
    assert len(looking) == 2
    assert threading.current_thread() not in looking
    await submit(world, b"From: ann@a.example\r\nSubject: short\r\n\r\nx\r\n")
    assert looking[2:] == [threading.current_thread()] * 2
