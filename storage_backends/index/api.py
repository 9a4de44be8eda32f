"""The seam for rows: what any index promises to the units that are handed to it.

A unit is a plain function that gets a `Transaction` and runs in a database thread: no await inside, so no lock is
held over the network and cancellation cannot split it. It has no effect outside its transaction and may be run more
than once. Its result or exception is handed out only after the commit.

- `read`: one snapshot for all statements of the unit.
- `write`: units that wait become one transaction with a savepoint each and one commit. A unit that raises is rolled
  back alone. A handed-over write finishes even when its caller is cancelled.
- Unavailable: nothing of the unit happened, and the same call may succeed later; but where the database went away during
  a commit and stayed away for a minute, that commit may have happened all the same, so a write that must not be done
  twice looks first.
- After the commit the index announces the touched accounts to those who wait in `past`, in this process and in others.

The promises are runnable: `storage_backends.contract.index`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NewType, Protocol, TypeVar

T = TypeVar("T")

AccountId = NewType("AccountId", int)
MailboxId = NewType("MailboxId", int)
EmailId = NewType("EmailId", int)
Uid = NewType("Uid", int)
ModSeq = NewType("ModSeq", int)

Row = tuple[Any, ...]
Answer = Callable[[], list[Row]]
"""The rows of a statement that was asked; see `Transaction.ask`."""
Parameters = Mapping[str, Any]

NO_ACCOUNT: Final[tuple[AccountId, ...]] = ()
"""For `write`: a unit on rows of the whole server only."""


class Statement(Protocol):
    """A prebuilt statement with named parameters; only modules of `tables` make them, and the engines take their text."""

    def sqlite(self, given: Parameters) -> tuple[str, Parameters]:
        """Text and parameters for sqlite3."""

    def postgres(self, given: Parameters) -> tuple[str, Parameters]:
        """Text and parameters for psycopg."""


class Transaction(Protocol):
    """What a unit works on. Rows are tuples in the order of the statement's columns."""

    def all(self, statement: Statement, parameters: Parameters = ...) -> list[Row]:
        """Run and return every row."""

    def one(self, statement: Statement, parameters: Parameters = ...) -> Row | None:
        """Run and return the first row, or None."""

    def run(self, statement: Statement, parameters: Parameters = ...) -> int:
        """Run and return the number of rows touched.

        Conflict when a unique name is taken or a row that is named is not there; the unit ends with it, because after a
        failed statement Postgres runs no other.
        """

    def many(self, statement: Statement, parameters: Sequence[Parameters]) -> None:
        """Run once for each of the parameters."""

    def ask(self, statement: Statement, parameters: Parameters = ...) -> Answer:
        """Run without waiting, so that statements which need nothing of each other share a round trip.

        They run in this order, before any later statement, and at the latest at the unit's end. The answer gives the rows
        (none for a statement that returns none) and waits for them. What fails raises at one of these places, as in `run`.
        """

    def modseq(self, account: AccountId) -> ModSeq:
        """The modification sequence of this write for an account that it was given; larger than any committed before."""


class Index(Protocol):
    """A database of rows, shared by any number of processes."""

    async def read(self, unit: Callable[[Transaction], T]) -> T:
        """Run `unit` on one snapshot. It writes nothing."""

    async def write(self, accounts: Collection[AccountId], unit: Callable[[Transaction], T]) -> T:
        """Run `unit` with the rows of `accounts` locked (in the order of their ids) and commit.

        Each account's modseq is raised by one. NotFound when an account does not exist.
        """

    async def past(self, account: AccountId, modseq: ModSeq) -> ModSeq:
        """Wait until the account's modseq is larger than `modseq` and return it.

        Commits of this process are heard at once, those of others by their wake-up; a lost wake-up costs at most five
        seconds. NotFound when the account does not exist.
        """

    async def now(self) -> int:
        """The database's clock in milliseconds since 1970 UTC: the one clock of leases."""

    async def integrity(self) -> Iterable[str]:
        """Problems that the engine's own check finds; empty when sound."""

    async def aclose(self) -> None:
        """Finish handed-over writes and close. Later calls raise Unavailable."""
