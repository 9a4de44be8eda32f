"""Limits and habits of the servers: how much, how fast, how long."""

from typing import Annotated

from pydantic import Field

from mox_trio.config.models.section import Section
from mox_trio.config.models.values import (
    UNLIMITED,
    Duration,
    IpAddress,
    IpNetwork,
    Items,
    MostMessages,
    Port,
    Quota,
    seconds,
)

Count = Annotated[int, Field(ge=1, le=10_000_000)]


class PerNetwork(Section):
    """A limit for one client, its neighbourhood and its region (IPv4 /32, /26, /21; IPv6 /64, /48, /32)."""

    client: Count = Field(description="For one IPv4 address or IPv6 /64.")
    neighbourhood: Count = Field(description="For an IPv4 /26 or IPv6 /48.")
    region: Count = Field(description="For an IPv4 /21 or IPv6 /32.")


def _per_network(client: int, neighbourhood: int, region: int) -> PerNetwork:
    return PerNetwork(client=client, neighbourhood=neighbourhood, region=region)


class Limits(Section):
    """Limits against clients that take too much."""

    sessions: Count = Field(
        default=5000, description="Connections at the same time, all services together; beyond it, 421."
    )
    connections: PerNetwork = Field(
        default_factory=lambda: _per_network(30, 90, 270), description="Connections at the same time."
    )
    connection_rate: PerNetwork = Field(
        default_factory=lambda: _per_network(300, 900, 2700), description="New connections in a minute."
    )
    failed_logins_minute: PerNetwork = Field(
        default_factory=lambda: _per_network(10, 30, 90), description="Failed logins in a minute."
    )
    failed_logins_day: PerNetwork = Field(
        default_factory=lambda: _per_network(50, 150, 450), description="Failed logins in a day."
    )
    http_requests_minute: PerNetwork = Field(
        default_factory=lambda: _per_network(1000, 3000, 9000), description="Web requests in a minute."
    )
    exempt: Items[IpNetwork] = Field(
        default=(), description="Networks without rate limits, tarpits and first-time delays."
    )
    recipients: Annotated[int, Field(ge=100, le=100_000)] = Field(
        default=1000, description="Recipients of one message."
    )
    command_timeout: Duration = Field(
        default=seconds("5m"), description="Longest wait for a client's next SMTP command."
    )
    transaction_timeout: Duration = Field(
        default=seconds("30m"), description="Longest time for the content of one message."
    )
    idle_timeout: Duration = Field(default=seconds("30m"), description="Longest silence of an IMAP client.")
    login_timeout: Duration = Field(
        default=seconds("30s"), description="Longest silence of an IMAP client before it has logged in."
    )
    stop_grace: Duration = Field(
        default=seconds("10s"), description="Time that sessions have to end when the server stops."
    )
    quota: Quota = Field(
        default=UNLIMITED,
        description='Bytes of mail an account may hold unless it has its own quota; 0 or "unlimited" is no limit.',
    )
    quota_messages: MostMessages = Field(
        default=0,
        description='Messages an account may hold unless it has its own limit; 0 or "unlimited" is no limit.',
    )


class Queue(Section):
    """Outgoing mail that waits."""

    concurrency: Count = Field(default=100, description="Deliveries at the same time.")
    per_destination: Count = Field(default=10, description="Deliveries at the same time to one domain or transport.")
    first_retry: Duration = Field(
        default=seconds("7m30s"), description="Wait before the second attempt; it doubles each time."
    )
    attempts: Annotated[int, Field(ge=1, le=30)] = Field(
        default=8, description="Attempts before a message is given up."
    )
    delay_notice_after: Annotated[int, Field(ge=0, le=30)] = Field(
        default=5, description="Attempts before the sender is told of the delay; 0 is never."
    )
    private_networks: Items[IpNetwork] = Field(
        default=(),
        description="Networks that are not public, such as 10.0.0.0/8, where mail is sent to nevertheless when a domain's "
        "records say so; relays may be anywhere.",
    )


class Webhooks(Section):
    """Calls to URLs that users set."""

    private_networks: Items[IpNetwork] = Field(
        default=(),
        description="Networks that are not public, such as 10.0.0.0/8, which may be called nevertheless, also without TLS.",
    )


class Dns(Section):
    """Where names are looked up."""

    servers: Items[IpAddress] = Field(
        default=(), description="Resolvers to ask; without any, those of /etc/resolv.conf."
    )
    port: Port = Field(default=53, description="Port of the resolvers.")
    trust_dnssec: bool | None = Field(
        default=None,
        description="Believe the resolver's word on DNSSEC. Without it: if it is on a loopback address or in servers.",
    )
    timeout: Duration = Field(default=seconds("10s"), description="Longest time for one look-up.")
