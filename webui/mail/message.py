"""One message as a page shows it: who, when, what it says, what is attached, and what the receiving server found out.

A message is found by mailbox and UID. Texts are decoded up to `TEXT_BYTES` a part; HTML is not in here but fetched by the frame
that shows it. Large messages are read in ranges: only what is shown. Headers and part trees that are large are looked at in a
thread (`apart`): somebody made them to take long.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import listing, reading
from mox_trio.mailstore.listing import Shown
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime import addresses, charsets, dates, header, structure_codec, threads, transfer, words
from mox_trio.protocol.mime.header import Header
from mox_trio.protocol.mime.part import Part
from webui.mail import attachments, rows

TEXT_BYTES: Final = 512 * 1024
"""Encoded octets of all text parts together that are shown."""
AT_ONCE: Final = 16 * 1024
"""Octets that are decoded on the event loop, and of a header or a stored part tree that are looked at there."""
HTML_BYTES: Final = 6 * 1024 * 1024
TEXTS: Final = 20
"""Text parts of a message that are shown."""
ADDRESSES: Final = 500
HEADER_BYTES: Final = 256 * 1024

Json = dict[str, Any]
_Seen = TypeVar("_Seen")


@dataclass(frozen=True, slots=True)
class Found:
    """A message with its part tree."""

    shown: Shown
    root: Part
    is_large: bool = False
    """It has many parts, or their headers say much."""

    @property
    def email_id(self) -> Any:
        """Of the mail."""
        return self.shown.row.email_id


async def find(store: MailStore, account: Account, mailbox_id: int, uid: int) -> Found:
    """The message. NOT_FOUND."""
    box = listing.mailbox_id(mailbox_id)
    found = await listing.shown(store, account, [(box, listing.uid(uid))])
    trees = await listing.trees(store, account, box, listing.uid(uid))
    if not found or not trees:
        raise Failure(Kind.NOT_FOUND, "the message is not there any more")
    if len(trees[0]) < AT_ONCE:
        return Found(found[0], structure_codec.load(trees[0]))
    root = await trio.to_thread.run_sync(structure_codec.load, trees[0], limiter=store.computing)
    return Found(found[0], root, is_large=True)


async def apart(store: MailStore, found: Found, look: Callable[[], _Seen]) -> _Seen:
    """What a look at the parts of a message comes to, beside the event loop where there are many."""
    return await trio.to_thread.run_sync(look, limiter=store.computing) if found.is_large else look()


async def part_bytes(store: MailStore, account: Account, found: Found, part: Part, most: int) -> bytes:
    """The decoded octets of a part, as far as `most` encoded ones go."""
    stop = min(part.body_stop, part.body_start + most)
    raw = await reading.mail(store, account, found.email_id, part.body_start, stop) if stop > part.body_start else b""

    def decode() -> bytes:
        decoder = transfer.decoder(part.encoding)
        return decoder.feed(raw) + decoder.close()

    return decode() if len(raw) < AT_ONCE else await trio.to_thread.run_sync(decode, limiter=store.computing)


async def text_of(store: MailStore, account: Account, found: Found, part: Part, most: int) -> str:
    """The text of a part."""
    data = await part_bytes(store, account, found, part, most)
    charset = next((value for name, value in part.parameters if name == "charset"), "").encode("ascii", "replace")

    def decode() -> str:
        return charsets.decode(data, charset).replace("\r\n", "\n")

    return decode() if len(data) < AT_ONCE else await trio.to_thread.run_sync(decode, limiter=store.computing)


async def header_of(store: MailStore, account: Account, found: Found) -> bytes:
    """The header block, with what was added on delivery."""
    stop = min(found.root.body_start, HEADER_BYTES)
    return await reading.mail(store, account, found.email_id, 0, stop)


@dataclass(frozen=True, slots=True)
class Bodies:
    """Which parts are the message's text."""

    texts: tuple[Part, ...]
    html: Part | None


def bodies(root: Part) -> Bodies:
    """The text parts and the HTML part: of alternatives the last that can be shown, else all in their order."""
    texts: list[Part] = []
    html: Part | None = None
    for path, part in attachments.paths(root):
        if part.type != "text" or listing.is_attachment(part) or len(path) > 20:
            continue
        if part.subtype == "html":
            html = html or part
        elif part.subtype != "calendar" and len(texts) < TEXTS:
            texts.append(part)
    return Bodies(tuple(texts), html)


async def shown(store: MailStore, account: Account, mailbox_id: int, uid: int) -> Json:
    """What a page gets."""
    found = await find(store, account, mailbox_id, uid)
    block = await header_of(store, account, found)
    chosen = await apart(store, found, lambda: bodies(found.root))
    texts, left = list[str](), TEXT_BYTES
    for part in chosen.texts:
        texts.append(await text_of(store, account, found, part, left) if left else "")
        left = max(left - part.size, 0)

    def tell() -> Json:
        return _told(found, header.parse(block), chosen, texts)

    is_small = not found.is_large and len(block) < AT_ONCE
    told = tell() if is_small else await trio.to_thread.run_sync(tell, limiter=store.computing)
    return {**told, "security": await security(store, account, found)}


def _told(found: Found, fields: Header, chosen: Bodies, texts: list[str]) -> Json:
    return {
        **rows.of_message(found.shown),
        "email": found.shown.object_id,
        "sent": found.shown.sent,
        **_people(fields),
        "messageId": threads.written_message_id(fields.get(b"message-id") or b""),
        "references": _references(fields),
        "list": _list(fields),
        "texts": texts,
        "cut": sum(part.size for part in chosen.texts) > TEXT_BYTES,
        "html": chosen.html is not None,
        "attachments": [
            {
                "path": ".".join(map(str, each.path)) or "root",
                "name": each.name,
                "type": f"{each.part.type}/{each.part.subtype}",
                "size": each.part.decoded_size,
                "kind": each.kind,
            }
            for each in attachments.files(found.root)
        ],
        "pictures": [
            {
                "path": ".".join(map(str, each.path)) or "root",
                "cid": each.kind.strip("<> "),
                "name": each.name,
                "type": f"{each.part.type}/{each.part.subtype}",
                "size": each.part.decoded_size,
            }
            for each in attachments.pictures(found.root)
        ],
        "signed": found.root.subtype == "signed",
        "encrypted": found.root.subtype == "encrypted",
    }


def _people(fields: Header) -> Json:
    found: Json = {}
    for name, key in (
        ("from", b"from"),
        ("replyTo", b"reply-to"),
        ("recipients", b"to"),
        ("cc", b"cc"),
        ("bcc", b"bcc"),
    ):
        lists = [addresses.parse_list(body, ADDRESSES) for body in fields.all(key)]
        found[name] = [[each.display, each.address] for one in lists for each in addresses.mailboxes(one)][:ADDRESSES]
    date = fields.get(b"date")
    found["dateWritten"] = dates.parse(date) if date else None
    return found


def _references(fields: Header) -> list[str]:
    known = threads.references(fields.get(b"references"), fields.get(b"in-reply-to"))
    return list(reversed(known))[-20:]


def _list(fields: Header) -> Json:
    """What a mailing list says of itself (RFC 2919, RFC 2369)."""

    def url(name: bytes, scheme: str) -> str:
        value = words.decode(fields.get(name) or b"")
        inside = [each.partition(">")[0].strip() for each in value.split("<")[1:]]
        return next((each for each in inside if each.lower().startswith(scheme)), "")

    list_id = words.decode(fields.get(b"list-id") or b"")
    return {
        "id": list_id.rpartition("<")[2].partition(">")[0].strip(),
        "post": url(b"list-post", "mailto:"),
        "unsubscribe": url(b"list-unsubscribe", "https:") or url(b"list-unsubscribe", "mailto:"),
    }


async def security(store: MailStore, account: Account, found: Found) -> Json:
    """What the receiving server found out; empty for mail that did not come from outside."""
    known = await listing.evidence(store, account, found.email_id)
    if not known["remote_ip"]:
        return {}
    return {
        "ip": known["remote_ip"],
        "hello": known["ehlo_domain"],
        "mailFrom": known["mail_from"],
        "recipient": f"{known['rcpt_to_localpart']}@{known['rcpt_to_domain']}",
        "helloResult": known["ehlo_validation"],
        "mailFromResult": known["mail_from_validation"],
        "fromResult": known["msg_from_validation"],
        "dkim": str(known["dkim_domains"]).split(),
        "tls": known["tls_version"],
        "cipher": known["tls_cipher"],
        "requireTls": bool(known["require_tls"]),
        "isList": bool(known["is_mailing_list"]),
        "isForward": bool(known["is_forward"]),
        "reason": known["reason"],
    }
