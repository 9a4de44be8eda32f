"""Where mail lies: stores of message bodies by name, the index, and the keys that seal them."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from mox_trio.config.models.secret import SecretRef
from mox_trio.config.models.section import Section
from mox_trio.config.models.values import DataPath, Duration, Items, Line, Port, Size, Table, bytes_of, seconds

StoreName = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,31}$")]


class Cache(Section):
    """A cache on the local disk before a store that is far away. It holds what the store holds: sealed if that is."""

    directory: DataPath = Field(description="Directory of the cache; relative to the data directory.")
    size: Size = Field(
        default=bytes_of("10GiB"), description="Bytes the cache may take; what was not used longest goes first."
    )


class MemoryStore(Section):
    """Bodies in memory: for tests, gone when the program ends."""

    kind: Literal["memory"] = Field(default="memory", description="Kind of store.")
    encrypt: bool = Field(default=False, description="Seal bodies with the key of their account.")


class DiskStore(Section):
    """Bodies as files in a directory of this machine."""

    kind: Literal["disk"] = Field(default="disk", description="Kind of store.")
    directory: DataPath = Field(
        default=Path("bodies"),
        description="Directory of the files; relative to the data directory. One file system, for renames.",
    )
    encrypt: bool = Field(default=False, description="Seal bodies with the key of their account; needs keys.master.")


class S3Store(Section):
    """Bodies as objects in a bucket of any service that speaks the S3 protocol."""

    kind: Literal["s3"] = Field(default="s3", description="Kind of store.")
    bucket: Annotated[Line, Field(min_length=1, max_length=255)] = Field(
        description="Name of the bucket.", examples=["mail"]
    )
    prefix: Line = Field(default="", description='Text before every object\'s key, such as "mail/".')
    endpoint: Annotated[Line, Field(pattern="^https?://[^ ]+$")] | None = Field(
        default=None,
        description="URL of the service; without it, Amazon's for the region.",
        examples=["https://s3.example.net"],
    )
    region: Line = Field(default="us-east-1", description="Region that requests are signed for.")
    path_style: bool = Field(
        default=False, description="Put the bucket in the path of URLs rather than in the host name."
    )
    access_key: SecretRef | None = Field(
        default=None,
        description="Where the access key id is. Without it, the environment or the machine's role decides.",
    )
    secret_key: SecretRef | None = Field(
        default=None, description="Where the secret access key is; goes with access_key."
    )
    encrypt: bool = Field(default=False, description="Seal bodies with the key of their account; needs keys.master.")
    cache: Cache | None = Field(default=None, description="A cache on the local disk.")
    connections: Annotated[int, Field(ge=1, le=1000)] = Field(default=32, description="Requests at the same time.")
    timeout: Duration = Field(default=seconds("60s"), description="Longest wait for one answer of the service.")
    part_size: Annotated[Size, Field(ge=5 * 1024**2)] = Field(
        default=bytes_of("8MiB"), description="Larger bodies are uploaded in parts of this size; at least 5 MiB."
    )


class OtherStore(Section):
    """Bodies in a store that another package brings: an entry point in the group mox_trio.body_stores."""

    kind: Literal["other"] = Field(default="other", description="Kind of store.")
    driver: Annotated[Line, Field(min_length=1, max_length=100)] = Field(
        description="Name of the package's entry point.", examples=["tape"]
    )
    options: Table[str | int | float | bool] = Field(
        default_factory=dict, description="What the package wants to know, as its documentation says."
    )
    encrypt: bool = Field(default=False, description="Seal bodies with the key of their account; needs keys.master.")


Store = Annotated[DiskStore | S3Store | MemoryStore | OtherStore, Field(discriminator="kind")]


class SqliteIndex(Section):
    """The index in one file on this machine."""

    kind: Literal["sqlite"] = Field(default="sqlite", description="Kind of index.")
    file: DataPath = Field(default=Path("index.db"), description="The database file; relative to the data directory.")


class PostgresIndex(Section):
    """The index in a PostgreSQL database, which several nodes may share."""

    kind: Literal["postgres"] = Field(default="postgres", description="Kind of index.")
    dsn: SecretRef | None = Field(
        default=None, description="Where the whole connection string is; instead of the fields below."
    )
    host: Line = Field(
        default="", description="Host name, address, or directory of the Unix socket; empty is the local socket."
    )
    port: Port = Field(default=5432, description="Port of the server.")
    database: Line = Field(default="mox_trio", description="Name of the database.")
    user: Line = Field(default="mox_trio", description="Role to connect as.")
    password: SecretRef | None = Field(default=None, description="Where the role's password is.")
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = Field(
        default="prefer", description="How TLS to the server is used, as PostgreSQL's own clients name it."
    )
    connections: Annotated[int, Field(ge=4, le=1000)] = Field(
        default=16, description="Connections of this process at most."
    )


Index = Annotated[SqliteIndex | PostgresIndex, Field(discriminator="kind")]


class Storage(Section):
    """Storage of mail: bodies and index, chosen separately."""

    default: StoreName | None = Field(
        default=None, description="Name of the store for new bodies; may be left out when there is one store."
    )
    stores: Table[Store] = Field(
        default_factory=lambda: {"disk": DiskStore()},
        description="Stores by name. A store that messages still lie in must stay configured.",
    )
    index: Index = Field(default_factory=SqliteIndex, description="Where the index is.")

    @property
    def default_store(self) -> str:
        """The name of the store for new bodies."""
        return self.default if self.default is not None else next(iter(self.stores), "")


class Keys(Section):
    """Keys of the server. Save them: without the master key nobody reads sealed mail again."""

    master: SecretRef | None = Field(
        default=None,
        description="Where the key is that wraps the keys of accounts: 64 hexadecimal digits. `mox-trio keyring create FILE` "
        "makes one.",
    )
    previous_masters: Items[SecretRef] = Field(
        default=(),
        description="Master keys from before a rotation: they open what `mox-trio keyring rotate` has not re-wrapped yet.",
    )
    server: SecretRef | None = Field(
        default=None,
        description="Where the key is that seals derived secrets of logins and signs tokens. Without it, the file "
        "server.key in the data directory, made at the first start; several nodes need the same. 64 hexadecimal digits.",
    )
