"""What calls of a page work on, and their arguments."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from mox_trio.base.failure import Failure, Kind
from mox_trio.base.quota import Quota
from mox_trio.config import quotas
from mox_trio.config.live import Snapshot
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.running import Visitor, Web
from webui.guests.endings import Endings
from webui.guests.entrance import Guest
from webui.mail.account_imports import Imports
from webui.mail.uploads import Uploads

MOST_MESSAGES: Final = 100_000
"""Named in one call."""

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Desk:
    """Of one session."""

    web: Web
    guest: Guest
    visitor: Visitor
    uploads: Uploads
    endings: Endings
    imports: Imports

    @property
    def store(self) -> MailStore:
        """Where the mail is."""
        return self.web.services.mail

    @property
    def account(self) -> Account:
        """Whose mail it is."""
        return self.guest.account

    @property
    def snapshot(self) -> Snapshot:
        """The configuration in force."""
        return self.web.services.config.current

    def quota(self) -> Quota:
        """What the account may hold."""
        settings = self.snapshot.dynamic.accounts.get(self.account.name)
        return quotas.of(self.web.services.static.limits, settings)


@dataclass(frozen=True, slots=True)
class Arguments:
    """Of a call, as JSON has them. What is not as it should be is INVALID."""

    given: Mapping[str, Any]

    def text(self, name: str, default: str | None = None, most: int = 10_000) -> str:
        """A text. NUL is in none: not every index can be asked for it."""
        value = self.given.get(name, default)
        if not isinstance(value, str) or len(value) > most or "\0" in value:
            raise Failure(Kind.INVALID, f"{name} is a text of at most {most} characters")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        """A whole number that is not negative."""
        value = self.given.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**62:
            raise Failure(Kind.INVALID, f"{name} is a number")
        return value

    def truth(self, name: str) -> bool:
        """True or false; false where it is left out."""
        value = self.given.get(name, False)
        if not isinstance(value, bool):
            raise Failure(Kind.INVALID, f"{name} is true or false")
        return value

    def texts(self, name: str, most: int = 100) -> tuple[str, ...]:
        """Some texts; none where it is left out."""
        value = self.given.get(name, [])
        if (
            not isinstance(value, list)
            or len(value) > most
            or not all(isinstance(each, str) and "\0" not in each for each in value)
        ):
            raise Failure(Kind.INVALID, f"{name} is a list of at most {most} texts")
        return tuple(value)

    def numbers(self, name: str) -> list[int]:
        """Some numbers that are not negative."""
        value = self.given.get(name)
        if not isinstance(value, list) or len(value) > MOST_MESSAGES:
            raise Failure(Kind.INVALID, f"{name} is a list of at most {MOST_MESSAGES} numbers")
        if not all(type(each) is int and 0 <= each < 2**32 for each in value):
            raise Failure(Kind.INVALID, f"{name} is a list of numbers")
        return value


Operation = Callable[[Desk, Arguments], Awaitable[Json]]
