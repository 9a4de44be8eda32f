"""Mail that is written so that looking at it takes long: what it costs grows with its length, and others do not wait for it."""

import io
import threading
import time
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from mox_trio.mailstore import accounts
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime import addresses, parser
from mox_trio.protocol.mime.part import Part
from tests.kit import stores
from webui.mail import attachments, downloads, message

RELATED = b"Content-Type: multipart/related; boundary=B\r\n\r\n"


def many_pictures(count: int, name: bytes) -> Part:
    picture = b"--B\r\nContent-Type: image/png\r\nContent-ID: <%b%d@x>\r\n\r\nx\r\n"
    pictures = b"".join(picture % (name, number) for number in range(count))
    return parser.parse(RELATED + b"--B\r\nContent-Type: text/html\r\n\r\n<p>\r\n" + pictures + b"--B--\r\n")


def seconds(look: Callable[[], object]) -> float:
    """Of the processor, at best."""
    spent = []
    for _ in range(3):
        began = time.process_time()
        look()
        spent.append(time.process_time() - began)
    return min(spent)


def test_pictures_are_looked_for_in_a_text_once_for_all() -> None:
    def cost(count: int) -> float:
        root, text = many_pictures(count, b"a" * 60), "a" * 1000 * count
        return seconds(lambda: attachments.pictures_within(root, text))

    assert cost(2000) <= 60 * cost(125) + 0.02  # 16 times as much; quadratic is 256 times


def test_pictures_are_found_by_the_ids_that_the_text_names() -> None:
    root = many_pictures(20, b"p&q")
    text = """<img src='cid:p&amp;q3@x'><img src=CID:p&q5@x width=1> <div background="cid:p&q9@x"> p&q7@x cid:other@x"""
    assert [name for name, _ in attachments.pictures_within(root, text)] == ["p&q3@x", "p&q5@x", "p&q9@x"]


def test_of_a_name_that_is_too_long_its_beginning_is_decoded() -> None:
    part = Part()
    part.disposition = "attachment"
    part.disposition_parameters = (("filename", "=?utf-8?q?a?= " * 1000 + ".pdf"),)
    assert attachments.name(part).startswith("a" * 140)
    assert attachments.written_name(part).count("a") < attachments.LONGEST_WRITTEN // 10


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[tuple[MailStore, Account]]:
    async with stores.opened(tmp_path) as kit:
        yield kit.store, await accounts.create(kit.store, "ann")


PARTS = RELATED + b"--B\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\nx\r\n" * 1000
HOSTILE = {"parts": (b"", PARTS), "fields": (b"Cc: x\r\n" * 3000, b"\r\nx\r\n")}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_what_takes_long_to_show_is_looked_at_in_a_thread(
    opened: tuple[MailStore, Account], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    store, account = opened
    looking = set[threading.Thread]()

    def noted(look: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*given: Any, **named: Any) -> Any:
            looking.add(threading.current_thread())
            return look(*given, **named)

        return noting

    head, body = HOSTILE[kind]
    at = await stores.put(store, account, b"From: a@x.example\r\nSubject: hostile\r\n" + head + body)
    monkeypatch.setattr(attachments, "files", noted(attachments.files))
    monkeypatch.setattr(addresses, "parse_list", noted(addresses.parse_list))
    shown = await message.shown(store, account, int(at.mailbox_id), int(at.uid))
    assert len(shown["attachments"]) == (attachments.MOST if kind == "parts" else 0)
    assert looking
    assert threading.current_thread() not in looking


async def test_many_files_of_one_name_get_a_number_each_at_once() -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"x"

    async def members(count: int) -> AsyncIterator[downloads.Member]:
        for number in range(count):
            yield ("Same.txt" if number % 2 else "same.txt"), 0, content()

    async def names(count: int) -> list[str]:
        data = b"".join([block async for block in downloads.zipped(members(count))])
        return zipfile.ZipFile(io.BytesIO(data)).namelist()

    found = await names(400)
    assert found[:4] == ["same.txt", "Same (2).txt", "same (3).txt", "Same (4).txt"]
    assert len({each.lower() for each in found}) == 400
