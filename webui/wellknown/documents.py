"""The documents, as text. Pure.

Settings are told of one service for mailboxes and one for sending: TLS from the first byte before STARTTLS (RFC 8314), on the
listener that others reach before one for this machine alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from mox_trio.admin import dns_records
from mox_trio.base.domain import Domain
from mox_trio.config import check_listeners
from mox_trio.config.models import dynamic
from mox_trio.config.models.static import Static

ANY_ADDRESS: Final = "%EMAILADDRESS%"
"""What mail clients put their user's address in the place of."""
_MAILBOXES: Final = ("imaps", "imap")
_SENDING: Final = ("submissions", "submission")
_PREFIX: Final = "http://schemas.microsoft.com/exchange/autodiscover"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service is."""

    kind: str
    """imap or smtp."""
    host: str
    port: int
    immediate: bool
    """TLS from the first byte; else STARTTLS."""


def places(static: Static, domain: dynamic.Domain) -> list[Place]:
    """Where users of a domain find their mailboxes and send; none for what is not served with TLS."""
    found = []
    for kind, names in (("imap", _MAILBOXES), ("smtp", _SENDING)):
        offered = [
            (dns_records.is_inner(listener), names.index(each.name), number, listener.hostname, each.port)
            for number, listener in enumerate(static.listeners.values())
            for each in check_listeners.bound(listener)
            if each.name in names and listener.tls is not None
        ]
        if offered:
            _, which, _, hostname, port = min(offered, key=lambda each: each[:3])
            host = domain.client_settings_domain or hostname or static.hostname
            found.append(Place(kind, host.ascii, port, immediate=which == 0))
    return found


def client_config(name: Domain, address: str, found: Sequence[Place]) -> str:
    """What Thunderbird and others read (the autoconfig format of Mozilla, version 1.1)."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<clientConfig version="1.1">',
        f'  <emailProvider id="{name.ascii}">',
        f"    <domain>{name.ascii}</domain>",
        f"    <displayName>{escape(str(name))}</displayName>",
        f"    <displayShortName>{escape(str(name))}</displayShortName>",
    ]
    for each in found:
        tag = "incomingServer" if each.kind == "imap" else "outgoingServer"
        lines += [
            f'    <{tag} type="{each.kind}">',
            f"      <hostname>{each.host}</hostname>",
            f"      <port>{each.port}</port>",
            f"      <socketType>{'SSL' if each.immediate else 'STARTTLS'}</socketType>",
            f"      <username>{escape(address)}</username>",
            "      <authentication>password-cleartext</authentication>",  # within TLS
            f"    </{tag}>",
        ]
    return "\n".join([*lines, "  </emailProvider>", "</clientConfig>", ""])


def autodiscover(address: str, found: Sequence[Place]) -> str:
    """What Outlook reads (MS-OXDSCLI, the schema 2006a)."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<Autodiscover xmlns="{_PREFIX}/responseschema/2006">',
        f'  <Response xmlns="{_PREFIX}/outlook/responseschema/2006a">',
        "    <Account>",
        "      <AccountType>email</AccountType>",
        "      <Action>settings</Action>",
    ]
    for each in found:
        lines += [
            "      <Protocol>",
            f"        <Type>{each.kind.upper()}</Type>",
            f"        <Server>{each.host}</Server>",
            f"        <Port>{each.port}</Port>",
            f"        <LoginName>{escape(address)}</LoginName>",
            "        <SPA>off</SPA>",
            f"        <SSL>{'on' if each.immediate else 'off'}</SSL>",
            f"        <Encryption>{'SSL' if each.immediate else 'TLS'}</Encryption>",  # TLS is STARTTLS here
            "        <AuthRequired>on</AuthRequired>",
            "      </Protocol>",
        ]
    return "\n".join([*lines, "    </Account>", "  </Response>", "</Autodiscover>", ""])


def policy(static: Static, settings: dynamic.MtaSts) -> str:
    """The MTA-STS policy of a domain (RFC 8461 3.2)."""
    hosts = settings.mx or (static.hostname.ascii,)
    lines = ["version: STSv1", f"mode: {settings.mode}", *(f"mx: {each}" for each in hosts)]
    return "".join(f"{line}\r\n" for line in [*lines, f"max_age: {int(settings.max_age)}"])
