"""Listeners: which addresses are bound, with which certificates, and which services answer there."""

from typing import Annotated, Literal

from pydantic import Field

from mox_trio.config.models.section import Section
from mox_trio.config.models.values import (
    ConfigPath,
    DomainName,
    Duration,
    IpAddress,
    IpNetwork,
    Items,
    Line,
    Port,
    Size,
    bytes_of,
    seconds,
)

UrlPath = Annotated[Line, Field(pattern="^/([^?#]*/)?$")]


class KeyCert(Section):
    """One certificate; the files are read again when they change."""

    cert_file: ConfigPath = Field(description="PEM file with the certificate and its chain.")
    key_file: ConfigPath = Field(description="PEM file with the private key.")


class ListenerTls(Section):
    """Certificates of a listener: from an ACME provider or from files."""

    acme: Line | None = Field(
        default=None, description="Name of the ACME provider that issues certificates.", examples=["letsencrypt"]
    )
    certificates: Items[KeyCert] = Field(
        default=(), description="Certificates from files; chosen by the name a client asks for."
    )
    host_private_key_files: Items[ConfigPath] = Field(
        default=(),
        description="RSA-2048 or ECDSA P-256 keys that ACME certificates reuse, so that DANE records stay valid.",
    )
    min_version: Literal["1.2", "1.3"] = Field(default="1.2", description="Oldest version of TLS that is spoken.")
    client_certificates: bool = Field(
        default=True, description="Let users log in by a registered certificate (submission and IMAP; never port 25)."
    )


class Service(Section):
    """A service of a listener; its table being there switches it on."""

    enabled: bool = Field(default=True, description="Set to false to switch it off without deleting its settings.")
    port: Port = Field(description="Port.")


class Smtp(Service):
    """Mail from other servers."""

    port: Port = Field(default=25, description="Port.")
    starttls: bool = Field(default=True, description="Offer STARTTLS.")
    require_starttls: bool = Field(
        default=False,
        description="Refuse mail without TLS, other than TLS reports. Many servers then cannot send to you.",
    )
    requiretls: bool = Field(
        default=True,
        description="Offer REQUIRETLS (RFC 8689) once hosts of other domains are verified by MTA-STS or DANE. "
        "They are not, so it is not offered, whatever this says.",
    )
    dnsbls: Items[DomainName] = Field(
        default=(), description="Block lists that are asked when nothing else decides about a sender."
    )
    first_time_sender_delay: Duration = Field(
        default=seconds("15s"),
        description="Wait before mail of an unknown sender is accepted; senders of spam give up.",
    )
    tls_session_tickets: bool = Field(
        default=False, description="Let servers resume TLS sessions; some cannot do it right."
    )


class Lmtp(Service):
    """Mail from a server of the same site, by LMTP (RFC 2033)."""

    port: Port = Field(default=24, description="Port.")


class Submission(Service):
    """Mail of users, with STARTTLS."""

    port: Port = Field(default=587, description="Port.")
    require_starttls: bool = Field(default=True, description="Allow passwords after STARTTLS only.")


class Submissions(Service):
    """Mail of users, with TLS from the first byte."""

    port: Port = Field(default=465, description="Port.")
    on_https: bool = Field(
        default=False,
        description="Answer at the listener's HTTPS ports too, to clients that ask for ALPN 'smtp' and show no certificate.",
    )


class Imap(Service):
    """Mailboxes of users, with STARTTLS."""

    port: Port = Field(default=143, description="Port.")
    require_starttls: bool = Field(default=True, description="Allow passwords after STARTTLS only.")


class Imaps(Service):
    """Mailboxes of users, with TLS from the first byte."""

    port: Port = Field(default=993, description="Port.")
    on_https: bool = Field(
        default=False,
        description="Answer at the listener's HTTPS ports too, to clients that ask for ALPN 'imap' and show no certificate.",
    )


class Http(Service):
    """A web service without TLS."""

    port: Port = Field(default=80, description="Port.")
    path: UrlPath | None = Field(
        default=None,
        description="Path it is served at, with a slash at both ends. Without it: /, /admin/, /webmail/ or /webapi/.",
        examples=["/mail/"],
    )
    forwarded: bool = Field(
        default=False, description="Believe X-Forwarded-For and -Proto; only behind your own proxy."
    )


class Https(Http):
    """A web service with TLS."""

    port: Port = Field(default=443, description="Port.")


class Metrics(Service):
    """Prometheus metrics at /metrics and health at /health."""

    port: Port = Field(default=8010, description="Port.")


class WellKnown(Service):
    """A web service for other programs: settings of mail clients, or the MTA-STS policy."""

    port: Port = Field(default=443, description="Port.")
    tls: bool = Field(default=True, description="Speak TLS here; false when a proxy before it does.")
    forwarded: bool = Field(
        default=False, description="Believe X-Forwarded-For and -Proto; only behind your own proxy."
    )


class Listener(Section):
    """Addresses to bind, and what answers there."""

    ips: Annotated[Items[IpAddress], Field(min_length=1)] = Field(
        description="Addresses to bind; 0.0.0.0 and :: are all. Specific ones are also where mail is sent from."
    )
    nat_ips: Items[IpAddress] = Field(
        default=(), description="Public addresses, when a router before it translates addresses."
    )
    hostname: DomainName | None = Field(
        default=None, description="Name in greetings and URLs; without it the server's hostname."
    )
    tls: ListenerTls | None = Field(default=None, description="Certificates; needed by every service with TLS.")
    proxy_protocol_from: Items[IpNetwork] = Field(
        default=(),
        description="Networks whose connections begin with a PROXY header (version 1 or 2). Others may not send one.",
    )
    max_message_size: Size = Field(default=bytes_of("100MiB"), description="Largest message that is taken here.")
    smtp: Smtp | None = Field(default=None, description="Mail from other servers.")
    lmtp: Lmtp | None = Field(default=None, description="Mail from a server of the same site (LMTP).")
    submission: Submission | None = Field(default=None, description="Mail of users, STARTTLS.")
    submissions: Submissions | None = Field(default=None, description="Mail of users, TLS.")
    imap: Imap | None = Field(default=None, description="IMAP, STARTTLS.")
    imaps: Imaps | None = Field(default=None, description="IMAP, TLS.")
    account_http: Http | None = Field(default=None, description="Account pages, without TLS.")
    account_https: Https | None = Field(default=None, description="Account pages.")
    admin_http: Http | None = Field(default=None, description="Admin pages, without TLS; for internal addresses.")
    admin_https: Https | None = Field(default=None, description="Admin pages.")
    webmail_http: Http | None = Field(default=None, description="Webmail, without TLS.")
    webmail_https: Https | None = Field(default=None, description="Webmail.")
    webapi_http: Http | None = Field(default=None, description="The HTTP API, without TLS.")
    webapi_https: Https | None = Field(default=None, description="The HTTP API.")
    metrics_http: Metrics | None = Field(default=None, description="Metrics and health; for internal addresses.")
    autoconfig_https: WellKnown | None = Field(default=None, description="Settings for mail clients.")
    mta_sts_https: WellKnown | None = Field(default=None, description="The MTA-STS policies of the domains.")
