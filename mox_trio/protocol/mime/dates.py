"""Dates of header fields and of IMAP, as milliseconds since 1970-01-01 00:00 UTC.

`parse` reads what RFC 5322 3.3 and its obsolete forms (4.3) allow and what the world writes besides: comments
anywhere, missing weekdays, seconds, times and zones, two-digit years, dashes between the parts, the order of C's
`asctime`, ISO 8601. What is no date, or no day of the calendar (30 February), gives None; a time that no clock shows
(24:00, second 60) gives the last that one does. Nothing raises but the formatting of a time outside the years 1 to
9999.
"""

import datetime
import re
from typing import Final

_MONTHS: Final = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_MONTH_NUMBERS: Final = {name: number for number, name in enumerate(_MONTHS, 1)}
_MONTH_NAMES: Final = tuple(name.decode().title() for name in _MONTHS)
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_TIME: Final = rb"(\d{1,2})[ \t]*[:.][ \t]*(\d{1,2})(?:[ \t]*[:.][ \t]*(\d{1,2}))?(?:[.,]\d{1,9})?"
_ZONE: Final = rb"[ \t]*([+-][ \t]*\d{1,2}:?\d{2}|[A-Za-z]{1,5})?"
_GAP: Final = rb"[ \t]*[-,./ \t][ \t]*"
_WEEKDAY: Final = rb"[ \t]*(?:[A-Za-z]{2,9}[ \t]*[,.]*[ \t]*)?"

# Each pattern is anchored and its repeats cannot overlap by more than a few octets: no more than linear.
_USUAL: Final = re.compile(
    _WEEKDAY + rb"(\d{1,2})" + _GAP + rb"([A-Za-z]{3,9})" + _GAP + rb"(\d{2,5})(?:[ \t,]+" + _TIME + _ZONE + rb")?"
)
_ASCTIME: Final = re.compile(
    _WEEKDAY + rb"([A-Za-z]{3,9})[ \t]+(\d{1,2})[ \t,]+" + _TIME + _ZONE + rb"[ \t]+(\d{4})" + _ZONE
)
_ISO: Final = re.compile(rb"[ \t]*(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt \t]+" + _TIME + _ZONE + rb")?")
# RFC 5322 3.3 without anything obsolete: what nearly every message has, and half the work.
_STRICT: Final = re.compile(
    rb"(?:[A-Z][a-z]{2}, )?(\d\d?) ([A-Z][a-z]{2}) (\d{4}) ([01]\d|2[0-3]):([0-5]\d):([0-5]\d) ([+-])(\d\d)([0-5]\d)"
)
_COMMENT: Final = re.compile(rb"[()\\]")
_LONGEST: Final = 200
"""Octets of a field that are looked at: a date is shorter, and patterns should not work on a novel."""

_IMAP: Final = re.compile(rb"([ \d]?\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")

_ZONES: Final = {  # RFC 5322 4.3, and those of Europe that are unambiguous; any other name is +0000
    b"EST": -300, b"EDT": -240, b"CST": -360, b"CDT": -300, b"MST": -420, b"MDT": -360, b"PST": -480, b"PDT": -420,
    b"WET": 0, b"WEST": 60, b"CET": 60, b"CEST": 120, b"MET": 60, b"MEST": 120, b"EET": 120, b"EEST": 180,
    b"BST": 60, b"JST": 540,
}  # fmt: skip

_EPOCH_DAY: Final = datetime.date(1970, 1, 1).toordinal()
_DAY_MS: Final = 86_400_000
_A_DAY: Final = 24 * 60


def parse(body: bytes) -> int | None:
    """The time that a Date field's body names, in milliseconds since the epoch; None where it names none."""
    zoned = parse_zoned(body)
    return None if zoned is None else zoned[0]


def parse_zoned(body: bytes) -> tuple[int, int] | None:
    """As `parse`, with the zone in minutes east of UTC: SENTSINCE and its like go by the day as written (RFC 9051
    6.4.4).
    """
    if (found := _STRICT.match(body)) is not None:
        day, month, year, hour, minute, second, sign, east_hours, east_minutes = found.groups()
        east = int(east_hours) * 60 + int(east_minutes)
        if east < _A_DAY:
            clock = int(hour) * 3600 + int(minute) * 60 + int(second)
            number = _MONTH_NUMBERS.get(month.lower(), 0)
            return _at(int(year), number, int(day), clock, -east if sign == b"-" else east)
    body = body[:_LONGEST]
    if b"(" in body:
        body = _without_comments(body)
    if (found := _USUAL.match(body)) is not None:
        day, month, year, *time, zone = found.groups()
        return _moment(_year(year), _MONTH_NUMBERS.get(month[:3].lower(), 0), int(day), time, zone)
    if (found := _ISO.match(body)) is not None:
        year, month, day, *time, zone = found.groups()
        return _moment(int(year), int(month), int(day), time, zone)
    if (found := _ASCTIME.match(body)) is not None:
        month, day, *time, before, year, after = found.groups()
        return _moment(int(year), _MONTH_NUMBERS.get(month[:3].lower(), 0), int(day), time, before or after)
    return None


def parse_imap(value: bytes) -> int | None:
    """The time that an IMAP date-time names, without its quotes: `17-Jul-1996 02:44:25 -0700`. RFC 9051 9."""
    found = _IMAP.fullmatch(value)
    if found is None:
        return None
    day, month, year, hour, minute, second, sign, *offset = found.groups()
    if int(hour) > 23 or int(minute) > 59 or int(second) > 60 or int(offset[1]) > 59:
        return None
    zoned = _moment(
        int(year), _MONTH_NUMBERS.get(month.lower(), 0), int(day), [hour, minute, second], sign + b"".join(offset)
    )
    return None if zoned is None else zoned[0]


def format_rfc5322(ms: int, zone: int = 0) -> str:
    """`Sun, 22 Nov 2026 20:38:57 +0000`: the time in a zone given in minutes east of UTC. RFC 5322 3.3.

    Raises OverflowError or ValueError outside the years 1 to 9999.
    """
    day, clock = _local(ms, zone)
    return f"{_WEEKDAYS[day.weekday()]}, {day.day} {_MONTH_NAMES[day.month - 1]} {day.year:04} {clock}"


def format_imap(ms: int, zone: int = 0) -> str:
    """`"22-Nov-2026 20:38:57 +0000"`, quotes included: date-time of RFC 9051 9. Raises as `format_rfc5322`."""
    day, clock = _local(ms, zone)
    return f'"{day.day:2}-{_MONTH_NAMES[day.month - 1]}-{day.year:04} {clock}"'


def _local(ms: int, zone: int) -> tuple[datetime.date, str]:
    days, rest = divmod(ms + zone * 60_000, _DAY_MS)
    minutes, second = divmod(rest // 1000, 60)
    hour, minute = divmod(minutes, 60)
    offset = f"{'-' if zone < 0 else '+'}{abs(zone) // 60:02}{abs(zone) % 60:02}"
    return datetime.date.fromordinal(days + _EPOCH_DAY), f"{hour:02}:{minute:02}:{second:02} {offset}"


def _moment(year: int, month: int, day: int, time: list[bytes | None], zone: bytes | None) -> tuple[int, int] | None:
    hour, minute, second = (int(each or 0) for each in time)
    clock = min(hour, 23) * 3600 + min(minute, 59) * 60 + min(second, 59)
    return _at(year, month, day, clock, _zone(zone))


def _at(year: int, month: int, day: int, clock: int, east: int) -> tuple[int, int] | None:
    """`clock` in seconds since midnight, `east` in minutes; None for a day that no calendar has."""
    try:
        days = datetime.date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    return days * _DAY_MS + (clock - east * 60) * 1000, east


def _year(digits: bytes) -> int:
    year = int(digits)
    if len(digits) == 2 and year < 50:  # RFC 5322 4.3
        return year + 2000
    return year + 1900 if len(digits) < 4 else year


def _zone(name: bytes | None) -> int:
    """Minutes east of UTC; 0 for none, for "-0000", and for names that mean nothing certain (RFC 5322 4.3)."""
    if name is None:
        return 0
    if name[0] not in b"+-":
        return _ZONES.get(name.upper(), 0)
    digits = name[1:].strip().replace(b":", b"")
    minutes = int(digits[:-2]) * 60 + int(digits[-2:])
    if minutes >= _A_DAY:  # no place is a day away
        return 0
    return -minutes if name.startswith(b"-") else minutes


def _without_comments(body: bytes) -> bytes:
    """The body with each comment replaced by a space; comments nest (RFC 5322 3.2.2). An open one reaches to the end."""
    kept: list[bytes] = []
    depth = 0
    start = position = 0
    while (found := _COMMENT.search(body, position)) is not None:
        position = found.end()
        if found[0] == b"\\":
            position += 1
        elif found[0] == b"(":
            if depth == 0:
                kept.append(body[start : found.start()])
            depth += 1
        elif depth > 0:
            depth -= 1
            start = position
    if depth == 0:
        kept.append(body[start:])
    return b" ".join(kept)
