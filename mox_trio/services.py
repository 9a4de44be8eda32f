"""The opened parts of a server, as a value that is handed to servers, web pages and commands."""

from dataclasses import dataclass

from mox_trio.config.live import LiveConfig
from mox_trio.config.models.static import Static
from mox_trio.config.source import DocumentSource
from mox_trio.mailstore.logins import Logins
from mox_trio.mailstore.store import MailStore


@dataclass(frozen=True, slots=True)
class Services:
    """The opened parts of a server; `app.build` makes it and closes them."""

    static: Static
    source: DocumentSource
    """Where the dynamic configuration is kept."""
    config: LiveConfig
    """The dynamic configuration in force."""
    mail: MailStore
    logins: Logins
