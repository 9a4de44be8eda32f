"""Rules between the parts of mox-trio.toml. Each finding names its key and what to do.

`RULES` is the list; a rule is a function of the document and says which parts it must see whole. Services on ports have their own
file, `check_listeners`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from mox_trio.config import check_listeners
from mox_trio.config.models import storage, transports
from mox_trio.config.models.static import Static
from mox_trio.config.problems import Finding
from mox_trio.config.shape import nearest

SPECIAL_USES: Final = ("sent", "drafts", "archive", "trash", "junk")

Rule = Callable[[Static], Iterator[Finding]]


def findings(settings: Static, broken: frozenset[str]) -> list[Finding]:
    """Apply every rule whose parts are right by themselves; `broken` are the top-level keys that are not."""
    return [finding for needs, rule in RULES if not needs & broken for finding in rule(settings)]


def _default_store(settings: Static) -> Iterator[Finding]:
    names = settings.storage.stores
    if not names:
        yield Finding(("storage", "stores"), "there is no store", 'add one, such as stores.disk = { kind = "disk" }')
    elif settings.storage.default is None and len(names) > 1:
        yield Finding(("storage", "default"), "this key is missing", f"name the store for new mail: {', '.join(names)}")
    elif settings.storage.default_store not in names:
        advice = nearest(settings.storage.default_store, names) or f"configured are: {', '.join(names)}"
        yield Finding(("storage", "default"), "this store is not configured", advice)


def _store_names(settings: Static) -> Iterator[Finding]:
    for name in settings.storage.stores:
        if not (
            name.isascii() and name.replace("-", "").replace("_", "").isalnum() and name.islower() and len(name) <= 32
        ):
            yield Finding(
                ("storage", "stores", name),
                "the name of this store is wrong",
                "use lower-case letters, digits, - and _",
            )


def _encryption_has_a_key(settings: Static) -> Iterator[Finding]:
    for name, store in settings.storage.stores.items():
        if store.encrypt and settings.keys.master is None:
            yield Finding(
                ("storage", "stores", name, "encrypt"),
                "there is no master key",
                'set keys.master, such as { file = "master.key" }',
            )


def _s3_credentials(settings: Static) -> Iterator[Finding]:
    for name, store in settings.storage.stores.items():
        if isinstance(store, storage.S3Store) and (store.access_key is None) != (store.secret_key is None):
            there, missing = ("access_key", "secret_key") if store.access_key else ("secret_key", "access_key")
            yield Finding(("storage", "stores", name, there), f"{missing} is missing", f"set {missing} too, or neither")


def _separate_directories(settings: Static) -> Iterator[Finding]:
    taken: list[tuple[str, Path]] = []
    for name, store in settings.storage.stores.items():
        key: tuple[str, ...] = (name, "directory")
        if isinstance(store, storage.DiskStore):
            directory = store.directory
        elif isinstance(store, storage.S3Store) and store.cache:
            key, directory = (name, "cache", "directory"), store.cache.directory
        else:
            continue
        real = directory.resolve()  # another name of the same directory is no other directory
        for owner, other in taken:
            if real == other or real in other.parents or other in real.parents:
                how = "has the same directory" if real == other else f"is in {other}; one is inside the other"
                yield Finding(("storage", "stores", *key), f"store {owner} {how}", "use another directory")
                break
        taken.append((name, real))


def _separate_objects(settings: Static) -> Iterator[Finding]:
    taken: list[tuple[str, storage.S3Store]] = []
    for name, store in settings.storage.stores.items():
        if not isinstance(store, storage.S3Store):
            continue
        for owner, other in taken:
            # What lies below one prefix is listed below a shorter one too.
            if _bucket(store) == _bucket(other) and (
                store.prefix.startswith(other.prefix) or other.prefix.startswith(store.prefix)
            ):
                yield Finding(
                    ("storage", "stores", name, "prefix" if store.prefix else "bucket"),
                    f"store {owner} has these objects too",
                    "use another bucket, or prefixes of which none begins another",
                )
                break
        taken.append((name, store))


def _bucket(store: storage.S3Store) -> tuple[str, str]:
    return (store.endpoint or store.region).rstrip("/").lower(), store.bucket


def _postgres_dsn(settings: Static) -> Iterator[Finding]:
    index = settings.storage.index
    if not isinstance(index, storage.PostgresIndex) or index.dsn is None:
        return
    for field in ("host", "port", "database", "user", "password", "sslmode"):
        if getattr(index, field) != storage.PostgresIndex.model_fields[field].default:
            yield Finding(("storage", "index", field), "dsn says this already", f"remove dsn or {field}")


def _transports(settings: Static) -> Iterator[Finding]:
    for name, transport in settings.transports.items():
        if isinstance(transport, transports.Direct) and not (transport.ipv4 or transport.ipv6):
            yield Finding(("transports", name), "neither IPv4 nor IPv6 is left", "allow one of them, or use kind fail")
        is_plain = isinstance(transport, transports.SmtpRelay | transports.SubmissionRelay) and not transport.starttls
        if isinstance(transport, transports.Relay) and transport.login and is_plain:
            clear = {"PLAIN", "LOGIN"} & set(transport.login.mechanisms)
            if clear:
                yield Finding(
                    ("transports", name, "login", "mechanisms"),
                    "the password would go over the network in the clear",
                    "set starttls = true, or leave out PLAIN and LOGIN",
                )


def _initial_mailboxes(settings: Static) -> Iterator[Finding]:
    boxes = settings.initial_mailboxes
    named = [((use,), name) for use in SPECIAL_USES if (name := getattr(boxes, use))]
    for key, name in named:
        if "/" in name:
            yield Finding(("initial_mailboxes", *key), "this mailbox is below another", "use a name without /")
    taken = {"Inbox"}
    others = [(("others", number), name) for number, name in enumerate(boxes.others)]
    for place, name in [*named, *others]:
        if name in taken:
            yield Finding(("initial_mailboxes", *place), "this mailbox is there twice", "use another name")
        taken.add(name)


def _report_address(settings: Static) -> Iterator[Finding]:
    if settings.host_tls_reports and not settings.host_tls_reports.localpart.isascii():
        yield Finding(("host_tls_reports", "localpart"), "other servers may not know such an address", "use ASCII only")


def _of(*needs: str) -> frozenset[str]:
    return frozenset(needs)


RULES: Final[tuple[tuple[frozenset[str], Rule], ...]] = (
    (_of("storage"), _default_store),
    (_of(), _store_names),
    (_of("keys"), _encryption_has_a_key),
    (_of(), _s3_credentials),
    (_of(), _separate_directories),
    (_of(), _separate_objects),
    (_of(), _postgres_dsn),
    (_of(), _transports),
    (_of(), _initial_mailboxes),
    (_of(), _report_address),
    (_of(), check_listeners.certificates),
    (_of("acme"), check_listeners.acme_providers),
    (_of(), check_listeners.tls_services),
    (_of(), check_listeners.on_https),
    (_of(), check_listeners.ports),
    (_of(), check_listeners.nat_addresses),
)
