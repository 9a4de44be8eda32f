"""The record of a domain (RFC 7489 6.3 and 6.4; psd=, np= and t= of RFC 9989 4.7).

What is unknown is passed over, and a value that cannot be is as if the tag were not there (RFC 7489 6.3); only the order of
tags is not insisted on, as RFC 9989 does not. A record that cannot be used raises BadRecord with a reason.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote

from mox_trio.base import limits
from mox_trio.policy.results import DmarcPolicy

VERSION: Final = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
INTERVAL: Final = 86_400
_TAG: Final = re.compile(r"[a-z0-9_]+")
_URI: Final = re.compile(r"mailto:([^,!\s?]+)(?:\?[^,!\s]*)?(?:!([0-9]{1,12})([kmgt]?))?", re.IGNORECASE)
_UNITS: Final = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


class BadRecord(Exception):
    """The record cannot be used; the text says why, without repeating it."""


@dataclass(frozen=True, slots=True)
class ReportTo:
    """Where reports are wanted."""

    address: str
    """As written, unescaped; to be checked before it is used."""
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What a domain asks for."""

    policy: DmarcPolicy
    subdomain_policy: DmarcPolicy | None = None
    nonexistent_policy: DmarcPolicy | None = None
    dkim_strict: bool = False
    spf_strict: bool = False
    percent: int = 100
    aggregate: tuple[ReportTo, ...] = ()
    failure: tuple[ReportTo, ...] = ()
    failure_options: tuple[str, ...] = ("0",)
    interval: int = INTERVAL
    """Seconds between aggregate reports."""
    public_suffix: Literal["y", "n", "u"] = "u"
    testing: bool = False

    @property
    def for_subdomains(self) -> DmarcPolicy:
        return self.policy if self.subdomain_policy is None else self.subdomain_policy

    @property
    def for_nonexistent(self) -> DmarcPolicy:
        return self.for_subdomains if self.nonexistent_policy is None else self.nonexistent_policy


def is_record(text: str) -> bool:
    """Whether a TXT record is one of DMARC at all (RFC 7489 6.6.3 step 2)."""
    return VERSION.match(text) is not None


def parse(text: str) -> Record:
    """The record that the text holds, for which `is_record` is true. Raises BadRecord."""
    if len(text) > limits.DMARC_RECORD_OCTETS:
        raise BadRecord("the record is too long")
    tags = _tags(text)
    aggregate = _addresses(tags.get("rua", ""))
    policy = _policy(tags.get("p", ""))
    subdomain_policy = _policy(tags.get("sp", ""))
    if policy is None or ("sp" in tags and subdomain_policy is None):
        if not aggregate:
            raise BadRecord("there is no policy")
        policy, subdomain_policy = DmarcPolicy.NONE, None  # RFC 7489 6.6.3 step 6: it wants reports
    suffix = tags.get("psd", "").lower()
    return Record(
        policy,
        subdomain_policy,
        _policy(tags.get("np", "")),
        tags.get("adkim", "").lower() == "s",
        tags.get("aspf", "").lower() == "s",
        _number(tags.get("pct", ""), 100, 100),
        aggregate,
        _addresses(tags.get("ruf", "")),
        tuple(each for each in map(str.strip, tags.get("fo", "0").lower().split(":")) if each in ("0", "1", "d", "s")),
        _number(tags.get("ri", ""), 2**32 - 1, INTERVAL),
        "y" if suffix == "y" else "n" if suffix == "n" else "u",
        tags.get("t", "").lower() == "y",
    )


def _tags(text: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or _TAG.fullmatch(name) is None:
            raise BadRecord("a tag cannot be read")
        if name in tags:
            raise BadRecord(f"the tag {name[:20]} is there twice")
        tags[name] = value.strip()
    return tags


def _policy(value: str) -> DmarcPolicy | None:
    try:
        return DmarcPolicy(value.lower())
    except ValueError:
        return None


def _number(value: str, most: int, default: int) -> int:
    if value.isascii() and value.isdigit() and len(value) <= 10 and int(value) <= most:
        return int(value)
    return default


def _addresses(value: str) -> tuple[ReportTo, ...]:
    """Addresses of rua= and ruf=; those that are no mail are passed over (RFC 7489 6.2)."""
    found = []
    for each in value.split(","):
        match = _URI.fullmatch(each.strip())
        if match is not None:
            size = None if match[2] is None else int(match[2]) * _UNITS[match[3].lower()]
            found.append(ReportTo(unquote(match[1]), size))
    return tuple(found)
