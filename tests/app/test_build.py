"""From the configuration to services."""

from pathlib import Path

from mox_trio.app import build
from mox_trio.config import load
from mox_trio.mailstore.store import Policy

HOST = 'hostname = "mx.example"\n'


def policy(text: str) -> Policy:
    return build.policy(load.static_text(HOST + text, Path("/etc/mox-trio/mox-trio.toml")))


def test_the_store_takes_what_any_listener_takes() -> None:
    assert policy("").message_bytes == Policy().message_bytes
    listeners = "\n".join(
        f'[listeners.{name}]\nips = ["192.0.2.1"]\nmax_message_size = "{size}"'
        for name, size in (("small", "1MiB"), ("large", "300MiB"))
    )
    assert policy(listeners).message_bytes == 300 * 1024**2


def test_new_accounts_get_the_mailboxes_of_the_configuration() -> None:
    names = dict(
        policy('initial_mailboxes = { sent = "Gesendet", trash = "", others = ["Lists"] }\n').initial_mailboxes
    )
    assert set(names) == {"Inbox", "Gesendet", "Drafts", "Archive", "Junk", "Lists"}
