"""Open the configured body stores and index: settings in, stores out."""

from typing import Any

import trio

from mox_trio.app import marks
from mox_trio.base.failure import Failure, Kind
from mox_trio.config.models.secret import SecretRef, SecretUnreadable
from mox_trio.config.models.static import Static
from mox_trio.config.models.storage import DiskStore, OtherStore, PostgresIndex, S3Store, Store
from storage_backends import registry
from storage_backends.bodies.api import BodyStore
from storage_backends.bodies.cached import Cached
from storage_backends.bodies.encrypted import Encrypted
from storage_backends.bodies.keyring import Keyring
from storage_backends.errors import Refused
from storage_backends.index import open as opening
from storage_backends.index.api import Index


async def open_bodies(settings: Store, name: str, keyring: Keyring | None, index: Index) -> BodyStore:
    """Open one body store: the kind, marked as this index's, below its cache, below its encryption. Refused, Unavailable."""
    if settings.encrypt and keyring is None:
        raise Refused(f"store {name!r} is encrypted, but no master key is configured; set keys.master")
    store = await open_kind(settings)
    if settings.kind != "memory":
        await marks.claim(index, name, store)
    if isinstance(settings, S3Store) and settings.cache is not None:
        cache = settings.cache
        inner = store
        store = await trio.to_thread.run_sync(lambda: Cached(inner, cache.directory, cache.size))
    if settings.encrypt and keyring is not None:
        store = Encrypted(store, keyring)
    return store


async def open_kind(settings: Store) -> BodyStore:
    """Open the place of a store alone, below its cache and its encryption. Refused, Unavailable."""
    if isinstance(settings, DiskStore):
        return await registry.open_body_store("disk", directory=settings.directory)
    if isinstance(settings, S3Store):
        return await registry.open_body_store(
            "s3",
            bucket=settings.bucket,
            endpoint=settings.endpoint,
            region=settings.region,
            prefix=settings.prefix,
            path_style=settings.path_style,
            access_key=await _maybe_secret(settings.access_key),
            secret_key=await _maybe_secret(settings.secret_key),
            connections=settings.connections,
            part_size=settings.part_size,
            timeout=settings.timeout,
        )
    if isinstance(settings, OtherStore):
        return await registry.open_body_store(settings.driver, **settings.options)
    return await registry.open_body_store("memory")


async def open_index(static: Static, *, upgrading: bool) -> Index:
    """Open the configured index, making its database, or `upgrading` it; the caller closes it. Refused, Unavailable."""
    settings = static.storage.index
    if isinstance(settings, PostgresIndex):
        return await opening.open_postgres(await conninfo(settings), settings.connections, upgrading=upgrading)
    directory = settings.file.parent
    await trio.to_thread.run_sync(lambda: directory.mkdir(mode=0o700, parents=True, exist_ok=True))
    return await opening.open_sqlite(settings.file, upgrading=upgrading)


async def conninfo(settings: PostgresIndex) -> str:
    """The connection string, with its secrets. Failure INVALID."""
    if settings.dsn is not None:
        return await _maybe_secret(settings.dsn) or ""
    parts: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "dbname": settings.database,
        "user": settings.user,
        "password": await _maybe_secret(settings.password),
        "sslmode": settings.sslmode,
        "application_name": "mox-trio",
    }
    return " ".join(f"{name}={_quoted(str(value))}" for name, value in parts.items() if value)


def _quoted(value: str) -> str:
    """A value of a libpq connection string."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


async def _maybe_secret(secret: SecretRef | None) -> str | None:
    """The value of a secret that is text."""
    if secret is None:
        return None
    try:
        return (await trio.to_thread.run_sync(secret.read)).decode()
    except (SecretUnreadable, UnicodeDecodeError):
        raise Failure(Kind.INVALID, f"cannot read the secret: {secret}") from None
