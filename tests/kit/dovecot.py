"""A real Dovecot for tests and measurements: one or more users with one password, on loopback, with STARTTLS and without.

    with dovecot.running() as server:
        imaplib.IMAP4("127.0.0.1", server.port).login(dovecot.USER, dovecot.PASSWORD)

Everything of it is in a directory of its own below /tmp and goes with it. Run by root it serves mail as the user `mail`, else as
whoever runs it. Any user name is taken. Where Dovecot is absent the test is skipped and says so; where the environment
variable CI is set it fails instead.
"""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.kit import nameservers, shared_server, wires

USER: Final = "mia"
PASSWORD: Final = "correct-horse-battery-staple"
START: Final = 30.0
"""Seconds until it greets; the machine may be busy with other tests."""

CONFIG: Final = """
base_dir = {directory}/run
state_dir = {directory}/run
log_path = {directory}/log
listen = 127.0.0.1
protocols = imap
ssl = yes
ssl_cert = <{directory}/host.crt
ssl_key = <{directory}/host.key
disable_plaintext_auth = no
mail_location = {layout}:~/{layout}
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 10000
mail_max_keyword_length = 100
mail_attribute_dict = file:%h/attributes
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
default_client_limit = 8000
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Trash {{
    special_use = \\Trash
    auto = no
  }}
  mailbox Sent {{
    special_use = \\Sent
    auto = no
  }}
}}
protocol imap {{
  mail_plugins = quota imap_quota imap_zlib
  imap_metadata = yes
}}
plugin {{
  quota = count:User
  quota_vsizes = yes
  quota_rule = *:storage=10G
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner_group} home={directory}/mail/%n allow_all_users=yes
}}
service imap-login {{
  chroot =
  process_limit = 2000
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service imap {{
  process_limit = 4000
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
  client_limit = 20000
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """What is running."""

    directory: Path
    pid: int
    """Of the master; the others are its children."""
    port: int
    """Without TLS, or with STARTTLS."""
    tls_port: int

    @property
    def log(self) -> str:
        """All it has logged."""
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""


def needed() -> str:
    """Where the program is, or the end of the test."""
    return nameservers.program("dovecot")


@contextlib.contextmanager
def running(layout: str = "maildir") -> Iterator[Dovecot]:
    """Start one, and stop it at the end. `layout` is how it keeps mail: maildir, sdbox or mdbox."""
    program = needed()
    directory = Path(tempfile.mkdtemp(prefix="mox-trio-dovecot-", dir="/tmp"))
    try:
        port, tls_port = shared_server.free_ports(2)
        _lay_out(directory, layout, port, tls_port)
        command = [program, "-F", "-c", str(directory / "dovecot.conf")]
        with shared_server.child(command, directory / "started.log") as process:
            try:
                _wait_for_greeting(port, process)
            except shared_server.StartFailed as error:
                logs = [
                    (directory / name).read_text() for name in ("started.log", "log") if (directory / name).exists()
                ]
                raise shared_server.StartFailed(f"{error}:\n{''.join(logs)[-4000:]}") from error
            yield Dovecot(directory, process.pid, port, tls_port)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _lay_out(directory: Path, layout: str, port: int, tls_port: int) -> None:
    directory.chmod(0o755)
    (directory / "mail").mkdir()
    me = getpass.getuser()
    internal, login, owner = ("dovecot", "dovenull", "mail") if os.geteuid() == 0 else (me, me, me)
    if os.geteuid() == 0:
        shutil.chown(directory / "mail", owner, owner)
    wires.certificate("localhost").write(directory)
    text = CONFIG.format(
        directory=directory,
        layout=layout,
        port=port,
        tls_port=tls_port,
        password=PASSWORD,
        internal=internal,
        internal_group=internal,
        login=login,
        owner=owner,
        owner_group=owner,
    )
    (directory / "dovecot.conf").write_text(text)


def _wait_for_greeting(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=START) as wire:
                if wire.recv(4) == b"* OK":
                    return
        except OSError:
            time.sleep(0.02)  # another process: there is no event to wait for
    raise shared_server.StartFailed("Dovecot does not greet")
