"""The configuration of a server inside a test, and what lies in its directory.

Every port is one that is free at the moment: the documents name ports that nobody binds, and `on_any_port` takes them away
after they were checked. Time limits of clients are so long that turning the clock by days does not end a session.
"""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mox_trio.config import load
from mox_trio.config.models import listeners
from mox_trio.config.models.static import Static
from mox_trio.transport import self_signed

HOSTNAME: Final = "localhost"
DOMAIN: Final = "mail.test"
EVERYBODY: Final = "everybody"
"""The account that gets what nobody else gets."""
SERVICES: Final = ("smtp", "submission", "submissions", "imap", "imaps")
WEB: Final = ("webmail_http", "webapi_http")

STATIC: Final = """
hostname = "localhost"
data_directory = "{directory}"
config_directory = "{directory}"

[limits]
exempt = ["127.0.0.0/8"]
command_timeout = "3650d"
transaction_timeout = "3650d"
idle_timeout = "3650d"
login_timeout = "3650d"
stop_grace = "0s"

[queue]
private_networks = ["127.0.0.0/8"]

[webhooks]
private_networks = ["127.0.0.0/8"]

[storage]
default = "memory"

[storage.stores.memory]
kind = "memory"

[listeners.test]
ips = ["127.0.0.1"]
smtp = {{ port = 1, first_time_sender_delay = "0s" }}
submission = {{ port = 2, require_starttls = false }}
submissions = {{ port = 3 }}
imap = {{ port = 4, require_starttls = false }}
imaps = {{ port = 5 }}
{web}
[listeners.test.tls]
certificates = [{{ cert_file = "localhost.crt", key_file = "localhost.key" }}]
"""
WEB_SERVICES: Final = """\
webmail_http = { port = 6 }
webapi_http = { port = 6 }
"""

DYNAMIC: Final = """
[domains."mail.test"]
localpart_catchall_separators = ["+"]

[accounts.everybody]
addresses = ["everybody@mail.test", "@mail.test"]
first_time_sender_delay = false
max_outgoing_messages_per_day = 1000000
max_first_time_recipients_per_day = 1000000
"""


def prepare(directory: Path, *, web: bool) -> Static:
    """Write documents, certificate and key into an empty directory, and read them. Blocks."""
    made = self_signed.make([HOSTNAME], [ip_address("127.0.0.1")], datetime.now(UTC), timedelta(days=3650))
    (directory / "localhost.crt").write_bytes(made.certificate)
    (directory / "localhost.key").write_bytes(made.key)
    text = STATIC.format(directory=directory, web=WEB_SERVICES if web else "")
    static = load.static_text(text, directory / "mox-trio.toml")
    static.domains_file.write_text(DYNAMIC)
    return on_any_port(static)


def on_any_port(static: Static) -> Static:
    """The same with ports that the system chooses."""
    moved = {}
    for name, listener in static.listeners.items():
        update: dict[str, listeners.Service] = {}
        for service in (*SERVICES, *WEB):
            configured: listeners.Service | None = getattr(listener, service)
            if configured is not None:
                update[service] = configured.model_copy(update={"port": 0})
        moved[name] = listener.model_copy(update=update)
    return static.model_copy(update={"listeners": MappingProxyType(moved)})
