"""Documents of several nodes, each with a version: replaced only by who has seen the version before."""

from typing import NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import select, update

from storage_backends.errors import Conflict
from storage_backends.index.api import Transaction
from storage_backends.index.schema import document
from storage_backends.index.statement import insert, prepared


class Document(NamedTuple):
    """A text with its version (from 1) and when it was written, in milliseconds."""

    version: int
    text: str
    changed: int


ABSENT = Document(0, "", 0)
"""What `load` gives for a document that was never written."""

_LOAD = prepared(
    select(document.c.version, document.c.text, document.c.changed).where(document.c.name == p("document"))
)
_VERSION = prepared(select(document.c.version).where(document.c.name == p("document")))
_CREATE = prepared(
    insert(document)
    .values(name=p("document"), version=1, text=p("new_text"), changed=p("now"))
    .on_conflict_do_nothing()
)
_REPLACE = prepared(
    update(document)
    .where(document.c.name == p("document"), document.c.version == p("seen"))
    .values(version=document.c.version + 1, text=p("new_text"), changed=p("now"))
)


def load(tx: Transaction, name: str) -> Document:
    """The document, or ABSENT."""
    row = tx.one(_LOAD, {"document": name})
    return ABSENT if row is None else Document(*row)


def version(tx: Transaction, name: str) -> int:
    """Its version, 0 when it was never written."""
    row = tx.one(_VERSION, {"document": name})
    return 0 if row is None else int(row[0])


def replace(tx: Transaction, name: str, text: str, *, seen: int, now: int) -> int:
    """Write the text over version `seen` (0: there is none yet) and return the new version.

    Conflict when another wrote it since.
    """
    values = {"document": name, "new_text": text, "now": now}
    rows = tx.run(_REPLACE, {**values, "seen": seen}) if seen else tx.run(_CREATE, values)
    if not rows:
        raise Conflict(f"the document {name} is no longer at version {seen}")
    return seen + 1
