"""Rules about listeners: certificates, services that need TLS, ports that two services want."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mox_trio.config.models import listeners
from mox_trio.config.models.listeners import Listener
from mox_trio.config.models.static import Static
from mox_trio.config.problems import Finding, KeyPath
from mox_trio.config.shape import nearest

_PATHS: Final = {"account": "/", "admin": "/admin/", "webmail": "/webmail/", "webapi": "/webapi/"}


@dataclass(frozen=True, slots=True)
class Bound:
    """A service that is switched on, and what it does with its port."""

    name: str
    service: listeners.Service
    port: int
    protocol: str
    """Services with the same one, `http` or `https`, share a port."""
    path: str
    """Where a web service is; empty for what is found by host or by fixed paths."""

    @property
    def needs_tls(self) -> bool:
        """Whether it cannot work without certificates."""
        service = self.service
        if isinstance(service, listeners.Smtp):
            return service.starttls
        if isinstance(service, listeners.Submission | listeners.Imap):
            return service.require_starttls
        return self.protocol in ("https", "submissions", "imaps")


def bound(listener: Listener) -> Iterator[Bound]:
    """The services of a listener that are switched on."""
    for name in Listener.model_fields:
        service = getattr(listener, name)
        if not isinstance(service, listeners.Service) or not service.enabled:
            continue
        protocol, path = name, ""
        if isinstance(service, listeners.WellKnown):
            protocol = "https" if service.tls else "http"
        elif isinstance(service, listeners.Http):
            protocol = "https" if isinstance(service, listeners.Https) else "http"
            path = service.path or _PATHS[name.removesuffix("_https").removesuffix("_http")]
        elif isinstance(service, listeners.Metrics):
            protocol = "metrics"
        yield Bound(name, service, service.port, protocol, path)


def beside_web(listener: Listener) -> dict[str, Bound]:
    """Services of mail that HTTPS ports answer with too, by the name that a client asks for by ALPN (RFC 7301)."""
    found: dict[str, Bound] = {}
    for each in bound(listener):
        if isinstance(each.service, listeners.Imaps) and each.service.on_https:
            found["imap"] = each
        elif isinstance(each.service, listeners.Submissions) and each.service.on_https:
            found["smtp"] = each
    return found


def on_https(settings: Static) -> Iterator[Finding]:
    """What is to be answered at HTTPS ports has such a port."""
    for name, listener in settings.listeners.items():
        if any(each.protocol == "https" for each in bound(listener)):
            continue
        for each in beside_web(listener).values():
            yield Finding(
                ("listeners", name, each.name, "on_https"),
                "the listener has no HTTPS port",
                "add a web service such as webmail_https",
            )


def certificates(settings: Static) -> Iterator[Finding]:
    """A TLS section has certificates from exactly one source."""
    for name, listener in settings.listeners.items():
        if listener.tls is None:
            continue
        if listener.tls.acme and listener.tls.certificates:
            yield Finding(
                ("listeners", name, "tls", "acme"),
                "certificates come from files already",
                "remove acme or certificates",
            )
        if not listener.tls.acme and not listener.tls.certificates:
            yield Finding(("listeners", name, "tls"), "there are no certificates", "set acme or certificates")


def acme_providers(settings: Static) -> Iterator[Finding]:
    """A provider that a listener names is configured."""
    for name, listener in settings.listeners.items():
        if listener.tls and listener.tls.acme and listener.tls.acme not in settings.acme:
            advice = nearest(listener.tls.acme, settings.acme) or f"add [acme.{listener.tls.acme}]"
            yield Finding(("listeners", name, "tls", "acme"), "this provider is not configured", advice)


def tls_services(settings: Static) -> Iterator[Finding]:
    """A service that needs TLS has certificates."""
    for name, listener in settings.listeners.items():
        for each in bound(listener):
            if each.needs_tls and listener.tls is None:
                field = {"smtp": "starttls", "submission": "require_starttls", "imap": "require_starttls"}.get(
                    each.name, ""
                )
                other = f", or set {field} = false" if field else ""
                yield Finding(
                    ("listeners", name, each.name), "this service needs TLS", f"add [listeners.{name}.tls]{other}"
                )


def ports(settings: Static) -> Iterator[Finding]:
    """No two services want the same port of the same address, unless they are web services with paths of their own."""
    taken: dict[tuple[str, int], tuple[str, Bound]] = {}
    paths: set[tuple[str, int, str]] = set()
    for name, listener in settings.listeners.items():
        for each in bound(listener):
            for ip in map(str, listener.ips):
                key: KeyPath = ("listeners", name, each.name)
                owner, first = taken.setdefault((ip, each.port), (name, each))
                is_shared = owner == name and first.protocol == each.protocol and each.protocol in ("http", "https")
                if first is not each and not is_shared:
                    yield Finding(
                        key,
                        f"port {each.port} of {ip} is taken by {first.name} of listener {owner}",
                        "use another port",
                    )
                elif each.path and (ip, each.port, each.path) in paths:
                    yield Finding(key, f"another service is at {each.path} of port {each.port}", "set another path")
                paths.add((ip, each.port, each.path))


def nat_addresses(settings: Static) -> Iterator[Finding]:
    """Public addresses are such."""
    for name, listener in settings.listeners.items():
        for number, ip in enumerate(listener.nat_ips):
            if ip.is_loopback or ip.is_unspecified:
                yield Finding(
                    ("listeners", name, "nat_ips", number), "this is no public address", "use the router's address"
                )
