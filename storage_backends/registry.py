"""Stores by name: what the configuration calls a kind is opened here, and nothing else knows all of them.

A kind of body store is a factory: a callable that takes its options as keywords and gives a `BodyStore`; it may block, raises
Refused for options that cannot be right and Unavailable where it cannot open. A package by others adds kinds with entry
points in the group `mox_trio.body_stores`; the kinds here cannot be replaced. A module is imported when its kind is opened.
"""

import inspect
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import trio

from storage_backends import errors
from storage_backends.bodies.api import BodyStore

GROUP: Final = "mox_trio.body_stores"

BODY_STORES: Final[Mapping[str, str]] = {
    "memory": "storage_backends.bodies.memory:MemoryStore",
    "disk": "storage_backends.bodies.disk:DiskStore",
    "s3": "storage_backends.bodies.s3:open_store",
}
"""Kinds that ship with the program."""


async def open_body_store(kind: str, **options: Any) -> BodyStore:
    """Open a body store: `memory`, `disk` (directory), `s3` (the fields of `s3_client.S3Options`), or one by others.

    Raises Refused for an unknown kind or wrong options, whose values it does not repeat, and Unavailable.
    """
    return await trio.to_thread.run_sync(_open, kind, options)


def body_store_kinds() -> list[str]:
    """The names of all kinds that are installed."""
    return sorted({*BODY_STORES, *entry_points(group=GROUP).names})


def _open(kind: str, options: Mapping[str, Any]) -> BodyStore:
    factory = _factory(kind)
    try:
        inspect.signature(factory).bind(**options)
    except TypeError as error:
        raise errors.Refused(f"body store of kind {kind}: {error}") from None
    store: BodyStore = factory(**options)
    return store


def _factory(kind: str) -> Any:
    if kind in BODY_STORES:
        return EntryPoint(kind, BODY_STORES[kind], GROUP).load()
    found = list(entry_points(group=GROUP, name=kind))
    if not found:
        raise errors.Refused(f"no body store of kind {kind}; there are {', '.join(body_store_kinds())}")
    if len(found) > 1:
        raise errors.Refused(f"body stores of kind {kind} come from several packages; remove all but one")
    try:
        return found[0].load()
    except (ImportError, AttributeError) as error:
        raise errors.Refused(f"body store of kind {kind} cannot be loaded: {error}") from error
