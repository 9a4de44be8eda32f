"""Real servers and a Postfix send to each other over TLS, as DNS says: from webmail to webmail, bounces, delays, forgery."""

import smtplib
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest
import trio

from tests.kit import neighbours
from tests.kit.neighbours import PASSWORD, POSTFIX_USER, House, Street
from tests.webui.mail import talking
from tests.webui.mail.talking import Browser, Page


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Two of the servers run, the third is away."""
    with neighbours.running(tmp_path_factory.mktemp("street")) as street, ExitStack() as stack:
        for name in ("one", "two"):
            stack.enter_context(street.serving(name))
        yield street


@asynccontextmanager
async def reading(house: House, user: str) -> AsyncIterator[tuple[Browser, Page]]:
    """The webmail of a user, looking at the Inbox."""
    async with talking.logged_in(house, PASSWORD, house.at(user)) as browser, browser.page() as page:
        await page.look(1, mailbox=page.box("inbox"), threads=False)
        yield browser, page


async def arrival(page: Page, subject: str) -> dict[str, Any]:
    """The row of a message that arrives while the page is open."""
    while True:
        for op in (await page.hear("ops"))["ops"]:
            if op[0] == "+" and op[2]["subject"] == subject:
                row: dict[str, Any] = op[2]
                return row


def letter(house: House, user: str, to: str, subject: str, **more: Any) -> dict[str, Any]:
    sender = ["", house.at(user)]
    return talking.letter(subject, sender=sender, to=[["", to]], **more)


def plain(sender: str, to: str, subject: str) -> bytes:
    return f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\ntext\r\n".encode()


async def in_thread(call: Any, *arguments: Any) -> Any:
    return await trio.to_thread.run_sync(call, *arguments)


async def test_a_message_with_a_file_goes_from_webmail_to_webmail(street: Street) -> None:
    one, two = street["one"], street["two"]
    content = bytes(range(256)) * 4000
    async with reading(one, "ann") as (writing, page), reading(two, "bob") as (reader, inbox):
        headers = {"x-mox-csrf": writing.csrf, "content-type": "application/pdf"}
        taken = (await writing.http.post("upload?name=bill.pdf", content=content, headers=headers)).json()
        files = [{"upload": taken["upload"]}]
        await page.call("send", letter=letter(one, "ann", two.at("bob"), "across", files=files))
        row = await arrival(inbox, "across")
        mailbox, uid = inbox.box("inbox"), str(row["id"]).split(".")[1]
        answer = await reader.http.get(f"msg/{mailbox}/{uid}/part/1")
        assert answer.content == content
        assert 'filename="bill.pdf"' in answer.headers["content-disposition"]
    mail = (await in_thread(two.mail_with, "bob", "across")).decode()
    head = mail.partition("\r\n\r\n")[0].replace("\r\n\t", " ").replace("\r\n ", " ")
    found = head.partition("Authentication-Results: ")[2].partition("\r\n")[0]
    for result in ("spf=pass", "dkim=pass", "dmarc=pass"):
        assert result in found
    assert "with dnssec" in found
    received = next(line for line in head.splitlines() if line.startswith("Received: "))
    assert "ESMTPS" in received
    assert "mx.one.example" in received


async def test_postfix_takes_mail_over_tls_and_answers(street: Street) -> None:
    one = street["one"]
    async with reading(one, "ann") as (_, page):
        await page.call("send", letter=letter(one, "ann", POSTFIX_USER, "to postfix"))
        (taken,) = await in_thread(street.postfix.mails, POSTFIX_USER)
        assert b"using TLSv1.3" in taken
        assert b"DKIM-Signature:" in taken
        answer = plain(POSTFIX_USER, one.at("ann"), "from postfix")
        await in_thread(street.postfix.submit, POSTFIX_USER, [one.at("ann")], answer)
        await arrival(page, "from postfix")
    got = await in_thread(one.mail_with, "ann", "from postfix")
    assert b"spf=pass" in got
    assert b"with ESMTPS" in got


@pytest.mark.parametrize("nobody", ["nobody@two.example", "nobody@postfix.example"])
async def test_mail_to_nobody_comes_back_to_the_open_page(street: Street, nobody: str) -> None:
    one = street["one"]
    async with reading(one, "bob") as (_, page):
        await page.call("send", letter=letter(one, "bob", nobody, f"for {nobody}"))
        while True:
            rows = [op[2] for op in (await page.hear("ops"))["ops"] if op[0] == "+"]
            if rows:
                break
    notice = next(mail for mail in await in_thread(one.mails, "bob", 1) if nobody.encode() in mail)
    assert b"Return-Path: <>" in notice
    assert b"Action: failed" in notice
    assert b"Status: 5.1.1" in notice


async def test_an_alias_reaches_each_member_once(street: Street) -> None:
    two = street["two"]
    message = plain(POSTFIX_USER, two.at("all"), "for all")
    await in_thread(street.postfix.submit, POSTFIX_USER, [two.at("all"), two.at("ann")], message)
    for member in ("ann", "bob"):
        await in_thread(two.mail_with, member, "for all")
        mails = await in_thread(two.mails, member)
        assert sum(b"\r\nSubject: for all\r\n" in mail for mail in mails) == 1


def test_mail_that_another_server_did_not_send_is_refused(street: Street) -> None:
    one, two = street["one"], street["two"]
    with two.stranger() as client, pytest.raises(smtplib.SMTPException) as raised:
        client.sendmail(one.at("ann"), [two.at("ann")], plain(one.at("ann"), two.at("ann"), "forged"))
    assert "550" in str(raised.value)
    with two.stranger() as client, pytest.raises(smtplib.SMTPResponseException, match=r"5\.7\."):
        client.sendmail("x@postfix.example", [two.at("ann")], plain(one.at("ann"), two.at("ann"), "forged too"))
    assert not any(b"forged" in mail for mail in two.mails("ann"))


async def test_a_server_that_is_away_gets_its_mail_later_and_the_sender_hears_of_it(street: Street) -> None:
    one, three = street["one"], street["three"]
    async with reading(one, "ann") as (_, page):
        await page.call("send", letter=letter(one, "ann", three.at("bob"), "patience"))
        while not [op for op in (await page.hear("ops"))["ops"] if op[0] == "+"]:
            pass
    notice = next(mail for mail in await in_thread(one.mails, "ann", 1) if b"Action: delayed" in mail)
    assert three.at("bob").encode() in notice
    with ExitStack() as stack:
        await in_thread(stack.enter_context, street.serving("three"))
        assert b"Hi" in await in_thread(three.mail_with, "bob", "patience")
