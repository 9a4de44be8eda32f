"""Who may have a password that somebody chose."""

from mox_trio.admin import accounts
from mox_trio.admin.accounts import Desk
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore.store import Account


async def choosing(desk: Desk, name: str) -> Account:
    """The handle of an account that may get a chosen password.

    NOT_FOUND; FORBIDDEN when the document says that its passwords are generated ones.
    """
    settings = desk.config.current.dynamic.accounts.get(name)
    if settings is not None and not settings.custom_password:
        raise Failure(
            Kind.FORBIDDEN,
            f"account {name} has generated passwords only (custom_password = false); make one: "
            f"mox-trio account add-app-password {name} LABEL",
        )
    return await accounts.opened(desk, name)
