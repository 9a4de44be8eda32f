"""A first configuration: what an administrator chose, and the documents that follow from it. Pure text, nothing is written here.

Secrets never stand in a document: they are in files of their own, or in the environment of the server.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final, Literal

from mox_trio.base.address import Address
from mox_trio.base.domain import Domain
from mox_trio.base.failure import Failure, Kind

StoreKind = Literal["disk", "encrypted", "s3"]
IndexKind = Literal["sqlite", "postgres"]

MASTER_KEY: Final = "master.key"
ENVIRONMENT: Final = "environment"
UNIT: Final = "mox-trio.service"
HOOK: Final = "certbot-hook"
CERTIFICATE: Final = "fullchain.pem"
PRIVATE_KEY: Final = "privkey.pem"
S3_SECRETS: Final = ("S3_ACCESS_KEY", "S3_SECRET_KEY")
POSTGRES_SECRET: Final = "PGPASSWORD"  # noqa: S105 - the name of a variable
PROXIED: Final = 1080
"""Port of web pages for this machine alone, and for a web server before them."""
HIGHEST_BASE: Final = 60_000


@dataclass(frozen=True, slots=True)
class Certificate:
    """Where the certificate and its key are."""

    chain: Path
    key: Path
    is_own: bool = False
    """Signed by the host itself, until a real one takes its place."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where objects go."""

    name: str
    endpoint: str = ""
    region: str = "us-east-1"


@dataclass(frozen=True, slots=True)
class Database:
    """A Postgres."""

    host: str = ""
    port: int = 5432
    name: str = "mox_trio"
    user: str = "mox_trio"
    has_password: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """What the administrator chose, and what was found out."""

    address: Address
    hostname: Domain
    directory: Path
    """Of the configuration; absolute."""
    data: Path
    user: str
    certificate: Certificate
    store: StoreKind = "disk"
    bucket: Bucket | None = None
    database: Database | None = None
    """None is SQLite."""
    existing_webserver: bool = False
    base_port: int = 0
    ips: Sequence[IPv4Address | IPv6Address] = ()
    nat: Sequence[IPv4Address | IPv6Address] = ()
    web: Collection[str] = field(default_factory=frozenset)
    """Kinds of web services that are installed."""

    @property
    def account(self) -> str:
        """Name of the first account: what stands before the @, as far as names of accounts allow."""
        kept = "".join(each for each in self.address.localpart.lower() if each.isalnum() or each in "._-").strip(".-_")
        return kept or "postmaster"

    @property
    def file(self) -> Path:
        """The static document."""
        return self.directory / "mox-trio.toml"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Variables of the environment that the server needs."""
        postgres = (POSTGRES_SECRET,) if self.database is not None and self.database.has_password else ()
        return (*(S3_SECRETS if self.store == "s3" else ()), *postgres)


def check(choices: Choices) -> None:
    """Raises INVALID for what does not go together."""
    if choices.store == "s3" and (choices.bucket is None or not choices.bucket.name):
        raise Failure(Kind.INVALID, "name the bucket: --bucket NAME, and --endpoint URL where it is not Amazon's")
    if not choices.hostname.ascii.count("."):
        raise Failure(Kind.INVALID, f"{choices.hostname} is no full host name; give one with --hostname")


def _text(value: object) -> str:
    """A string of TOML."""
    return json.dumps(str(value), ensure_ascii=False)


def static(choices: Choices) -> str:
    """mox-trio.toml."""
    return "\n".join(_static(choices)) + "\n"


def _static(choices: Choices) -> Iterator[str]:
    yield "# Made by `mox-trio quickstart`. `mox-trio config describe` prints every setting there is."
    yield ""
    yield "# The name of this machine: its A/AAAA records, its reverse DNS and the MX record of the domain agree on it."
    yield f"hostname = {_text(choices.hostname)}"
    yield f"data_directory = {_text(choices.data)}"
    yield f"user = {_text(choices.user)}"
    yield ""
    if choices.store != "disk":
        yield "# SAVE THIS KEY apart from this machine and its backups: without it nobody reads the mail again."
        yield f"[keys]\nmaster = {{ file = {_text(choices.directory / MASTER_KEY)} }}\n"
    yield from _storage(choices)
    yield from _listeners(choices)
    account = _text(choices.account)
    yield f"[postmaster]\naccount = {account}\n"
    yield "# Where reports of others about TLS to this host arrive."
    yield f"[host_tls_reports]\naccount = {account}"


def _storage(choices: Choices) -> Iterator[str]:
    yield "# Bodies of messages, and the index of everything about them."
    if choices.store == "s3" and choices.bucket is not None:
        bucket = choices.bucket
        yield f'[storage.stores.bucket]\nkind = "s3"\nbucket = {_text(bucket.name)}\nregion = {_text(bucket.region)}'
        if bucket.endpoint:
            yield f"endpoint = {_text(bucket.endpoint)}\npath_style = true"
        yield f'access_key = {{ environment = "{S3_SECRETS[0]}" }}\nsecret_key = {{ environment = "{S3_SECRETS[1]}" }}'
        yield 'encrypt = true\ncache = { directory = "cache", size = "10GiB" }\n'
    else:
        sealed = "encrypt = true\n" if choices.store == "encrypted" else ""
        yield f'[storage.stores.disk]\nkind = "disk"\ndirectory = "bodies"\n{sealed}'
    if choices.database is None:
        yield '[storage.index]\nkind = "sqlite"\n'
        return
    database = choices.database
    yield f'[storage.index]\nkind = "postgres"\nhost = {_text(database.host)}\nport = {database.port}'
    yield f"database = {_text(database.name)}\nuser = {_text(database.user)}"
    yield f'password = {{ environment = "{POSTGRES_SECRET}" }}\n' if database.has_password else ""


def _listeners(choices: Choices) -> Iterator[str]:
    base = choices.base_port
    ips = ", ".join(_text(each) for each in choices.ips or ("0.0.0.0", "::"))  # noqa: S104 - the world shall reach it
    yield "# What others reach: mail from other servers (25), mail of users (465, 587), mailboxes (993, 143)."
    yield f"[listeners.public]\nips = [{ips}]"
    if choices.nat:
        yield f"nat_ips = [{', '.join(_text(each) for each in choices.nat)}]"
    yield f"smtp = {{ port = {base + 25} }}"
    yield f"submissions = {{ port = {base + 465} }}\nsubmission = {{ port = {base + 587} }}"
    yield f"imaps = {{ port = {base + 993} }}\nimap = {{ port = {base + 143} }}"
    if not choices.existing_webserver:
        kinds = [*_for_users(choices), *(kind for kind in _WELL_KNOWN if kind in choices.web)]
        yield from (f"{kind}_https = {{ port = {base + 443} }}" for kind in kinds)
    yield "\n# Read again when they change."
    yield "[[listeners.public.tls.certificates]]"
    yield f"cert_file = {_text(choices.certificate.chain)}\nkey_file = {_text(choices.certificate.key)}\n"
    yield "# For this machine alone: metrics and health, and web pages without TLS."
    yield f'[listeners.internal]\nips = ["127.0.0.1"]\nmetrics_http = {{ port = {base + 8010 if base else 8010} }}'
    forwarded = ", forwarded = true" if choices.existing_webserver else ""
    kinds = [*_for_users(choices), *(["admin"] if "admin" in choices.web else [])]
    yield from (f"{kind}_http = {{ port = {base + PROXIED}{forwarded} }}" for kind in kinds)
    yield ""


def _for_users(choices: Choices) -> list[str]:
    return [kind for kind in ("account", "webmail", "webapi") if kind in choices.web]


_WELL_KNOWN: Final = {"autoconfig": "autoconfig", "mta_sts": "mta-sts"}
"""Web services for other programs, and their names below the domain."""


def certified(choices: Choices) -> list[str]:
    """The names that a certificate is for."""
    below = [] if choices.existing_webserver else [name for kind, name in _WELL_KNOWN.items() if kind in choices.web]
    return [choices.hostname.ascii, *(f"{name}.{choices.address.domain.ascii}" for name in below)]


def dynamic(choices: Choices) -> str:
    """domains.toml, before keys are made."""
    domain, account = _text(choices.address.domain), choices.account
    policy = ""
    if "mta_sts" in choices.web and not choices.existing_webserver:
        policy = """\
# Others verify the certificate of this server before they hand over mail (MTA-STS). The id is new whenever something else is.
mta_sts = { policy_id = "1", mode = "enforce", max_age = "24h" }
"""
    reports = f"account = {_text(account)}"
    return f"""\
# Domains, accounts and addresses; read again when it changes. Programs that change it keep these comments.

[domains.{domain}]
# Mail to you+shop@... goes to you@...
localpart_catchall_separators = ["+"]
dmarc_reports = {{ localpart = "dmarcreports", {reports}, mailbox = "DMARC" }}
tls_reports = {{ localpart = "tlsreports", {reports}, mailbox = "TLSRPT" }}
{policy}
[accounts.{_text(account)}]
addresses = [{_text(choices.address)}]
"""


def hook(choices: Choices) -> str:
    """What certbot runs when it has a new certificate: the server's user cannot read certbot's own directory.

    The server sees that the files changed and uses them.
    """
    target = choices.certificate.chain.parent
    return f"""\
#!/bin/sh
# Run by certbot after each renewal (--deploy-hook): copies the certificate to where the server can read it.
set -eu
install -m 600 -o "{choices.user}" "$RENEWED_LINEAGE/{PRIVATE_KEY}" "{target}/.{PRIVATE_KEY}.new"
install -m 600 -o "{choices.user}" "$RENEWED_LINEAGE/{CERTIFICATE}" "{target}/.{CERTIFICATE}.new"
mv "{target}/.{PRIVATE_KEY}.new" "{choices.certificate.key}"
mv "{target}/.{CERTIFICATE}.new" "{choices.certificate.chain}"
"""


def certbot(choices: Choices) -> str:
    """The command that gets a certificate."""
    how = "--webroot -w /var/www/html" if choices.existing_webserver else "--standalone"
    names = " ".join(f"-d {name}" for name in certified(choices))
    return (
        f"certbot certonly {how} {names} -m {choices.address} --agree-tos --reuse-key "
        f"--deploy-hook {choices.directory / HOOK}"
    )


def unit(choices: Choices, program: str) -> str:
    """A systemd unit; `program` is the path of mox-trio. Ports are bound as root, then the user is become."""
    environment = f"EnvironmentFile={choices.directory / ENVIRONMENT}\n" if choices.secrets else ""
    return f"""\
[Unit]
Description=mox-trio mail server
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
WatchdogSec=60
ExecStart={program} --config {choices.file} serve
{environment}Restart=always
RestartSec=5
UMask=0077
LimitNOFILE=65535
SyslogFacility=mail

# The program starts as root, binds its ports, and becomes {choices.user}.
CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_SETUID CAP_SETGID CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectSystem=strict
ReadWritePaths={choices.data}
ProtectHome=read-only
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"""
