"""How the attempts of a recipient ended, as the row remembers them, and what was dialled: short JSON, the last ones only."""

import json
from typing import Final, NamedTuple

from mox_trio.outgoing.job import Dialled, Result

KEPT: Final = 10
"""Attempts that are remembered."""
CHARACTERS: Final = 500
HOSTS: Final = 20
"""Hosts whose addresses are remembered."""
ADDRESSES: Final = 8


class Past(NamedTuple):
    """How one attempt ended."""

    at: int
    """Milliseconds since 1970 UTC."""
    outcome: str
    status: str
    text: str
    host: str
    address: str
    tls: str


def added(stored: str, result: Result, at: int) -> str:
    """The column with one more."""
    text = str(result.reply) if result.reply is not None else result.detail
    past = Past(
        at, result.outcome.value, result.status, text[:CHARACTERS], result.remote_host, result.remote_ip, result.secure
    )
    return json.dumps([*read(stored)[-KEPT + 1 :], past], ensure_ascii=False, separators=(",", ":"))


def read(stored: str) -> list[Past]:
    """The attempts in the column, the oldest first."""
    return [Past(*each) for each in json.loads(stored)] if stored else []


def dialled(stored: str) -> Dialled:
    """What was dialled before."""
    return {host: tuple(addresses) for host, addresses in json.loads(stored).items()} if stored else {}


def dialled_text(value: Dialled) -> str:
    """As it is stored; of many hosts and addresses the last."""
    last = list(value.items())[-HOSTS:]
    return json.dumps({host: addresses[-ADDRESSES:] for host, addresses in last}, separators=(",", ":")) if last else ""
