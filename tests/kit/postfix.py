"""A real Postfix for tests: takes mail for some addresses into maildirs, and sends mail where it is told. Loopback only.

    with postfix.running(users=["you@y.example"]) as server:
        ... connect to 127.0.0.1, server.port ...
        assert server.mails("you@y.example") == [b"Return-Path: ..."]

Everything of it is in a directory of its own below /tmp. What is for no user and not for `routed` is refused; `routed` is where
mail for other domains goes, as "[127.0.0.1]:1025". Where Postfix is absent, or the test is not run by root, which Postfix
needs, the test is skipped and says so; where the environment variable CI is set it fails instead.
"""

import contextlib
import grp
import os
import pwd
import shutil
import smtplib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.kit import shared_server, wires

DAEMONS: Final = Path("/usr/lib/postfix/sbin")
HOSTNAME: Final = "postfix.example"
QUEUES: Final = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "saved", "trace")
PATIENCE: Final = 30.0
"""Seconds until mail has to be there."""

MAIN: Final = """
compatibility_level = 3.6
myhostname = {hostname}
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
queue_directory = {directory}/queue
data_directory = {directory}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
meta_directory = /etc/postfix
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = {directory}/log
maillog_file_prefixes = {directory}
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {directory}/mail
virtual_mailbox_maps = texthash:{directory}/users
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtputf8_enable = yes
smtpd_recipient_restrictions = {restrictions}
smtpd_tls_cert_file = {directory}/host.crt
smtpd_tls_key_file = {directory}/host.key
smtpd_tls_security_level = may
smtp_tls_security_level = may
default_transport = smtp:{routed}
relay_transport = smtp:{routed}
smtp_host_lookup = native
disable_dns_lookups = yes
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
message_size_limit = 30000000
smtpd_peername_lookup = no
"""

MASTER: Final = """
{port} inet n - n - - smtpd -o smtpd_tls_security_level=none
{tls_port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """What is running."""

    directory: Path
    port: int
    """Without TLS."""
    tls_port: int
    """With STARTTLS."""

    @property
    def log(self) -> str:
        """All it has logged."""
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def mails(self, user: str, at_least: int = 1) -> list[bytes]:
        """The mail of a user, oldest first, once there are so many."""
        deadline = time.monotonic() + PATIENCE
        while True:
            paths = sorted((self.directory / "mail" / user / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
            if len(paths) >= at_least:
                return [path.read_bytes() for path in paths]
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(paths)} mails for {user}; the log of Postfix:\n{self.log[-4000:]}")
            time.sleep(0.05)  # another process: there is no event to wait for

    def submit(self, sender: str, recipients: Sequence[str], message: bytes, **options: Sequence[str]) -> None:
        """Hand it a message to deliver; `options` are `mail_options` and `rcpt_options` of smtplib."""
        with smtplib.SMTP("127.0.0.1", self.port) as client:
            client.sendmail(sender, recipients, message, **options)


def needed() -> None:
    """The end of the test where there is no Postfix."""
    if shutil.which("postfix", path="/usr/sbin") is None or not (DAEMONS / "master").exists():
        _skip("Postfix is not installed")
    if os.geteuid() != 0:
        _skip("Postfix needs root")


def _skip(text: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)


@contextlib.contextmanager
def running(
    users: Sequence[str],
    *,
    routed: str = "[127.0.0.1]:1",
    settings: Mapping[str, str] | None = None,
    address: str = "",
) -> Iterator[Postfix]:
    """Start one, and stop it at the end. `settings` are further lines of main.cf; at `address` it takes mail on port 25."""
    needed()
    directory = Path(tempfile.mkdtemp(prefix="mox-trio-postfix-", dir="/tmp"))
    try:
        port, tls_port = shared_server.free_ports(2)
        server = Postfix(directory, port, tls_port)
        _lay_out(server, users, routed, settings or {})
        if address:
            with (directory / "etc" / "master.cf").open("a") as master:
                master.write(f"{address}:25 inet n - n - - smtpd\n")
        command = [str(DAEMONS / "master"), "-c", str(directory / "etc"), "-d"]
        with shared_server.child(
            command, directory / "master.log", {**os.environ, "MAIL_CONFIG": str(directory / "etc")}
        ) as process:
            shared_server.wait_for_port(port, process)
            shared_server.wait_for_port(tls_port, process)
            yield server
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _lay_out(server: Postfix, users: Sequence[str], routed: str, settings: Mapping[str, str]) -> None:
    directory = server.directory
    directory.chmod(0o755)
    owner, nobody = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
    for name in ("etc", "data", "mail", "queue", "queue/pid"):
        (directory / name).mkdir(mode=0o755)
    for name in (*QUEUES, "private", "public", "maildrop"):
        (directory / "queue" / name).mkdir(mode=0o700)
        os.chown(directory / "queue" / name, owner.pw_uid, -1)
    for name in ("public", "maildrop"):
        os.chown(directory / "queue" / name, owner.pw_uid, grp.getgrnam("postdrop").gr_gid)
        (directory / "queue" / name).chmod(0o710 if name == "public" else 0o730)
    os.chown(directory / "data", owner.pw_uid, owner.pw_gid)
    os.chown(directory / "mail", nobody.pw_uid, nobody.pw_gid)
    wires.certificate(HOSTNAME).write(directory)
    (directory / "users").write_text("".join(f"{user} {user}/\n" for user in users))
    domains = {user.rpartition("@")[2] for user in users}
    may_relay = "permit_mynetworks, reject" if routed != "[127.0.0.1]:1" else "reject_unauth_destination"
    main = MAIN.format(
        hostname=HOSTNAME,
        directory=directory,
        daemons=DAEMONS,
        domains=" ".join(sorted(domains)),
        uid=nobody.pw_uid,
        gid=nobody.pw_gid,
        restrictions=may_relay,
        routed=routed,
    )
    (directory / "etc" / "main.cf").write_text(
        main + "".join(f"{name} = {value}\n" for name, value in settings.items())
    )
    (directory / "etc" / "master.cf").write_text(MASTER.format(port=server.port, tls_port=server.tls_port))
    shutil.copy("/etc/postfix/dynamicmaps.cf", directory / "etc")
