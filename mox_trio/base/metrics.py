"""What is counted and measured, as Prometheus wants it: one `Metrics` a server, every name in one table.

A name or a set of labels that is not in `TABLE` is an error of the program (KeyError, ValueError): what nobody declared
nobody would find. Values of labels that come from outside are made few by who counts; as a last bound a metric that has
`MOST_SERIES` combinations counts further ones under the label "other". prometheus-client is imported when the first
`Metrics` is made, so that commands start without it.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

PREFIX: Final = "moxtrio_"

MOST_SERIES: Final = 1000
"""Combinations of labels of one metric: each costs memory for as long as the server runs."""

OTHER: Final = "other"

BUCKETS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
"""Upper ends in seconds."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table."""

    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


def _counter(help_text: str, *labels: str) -> Metric:
    return Metric("counter", help_text, labels)


def _gauge(help_text: str, *labels: str) -> Metric:
    return Metric("gauge", help_text, labels)


def _histogram(help_text: str, *labels: str) -> Metric:
    return Metric("histogram", help_text, labels)


TABLE: Final[dict[str, Metric]] = {
    "event_loop_stall_seconds": _histogram("How late the event loop woke who slept, 20 times a second."),
    "event_loop_computing_seconds": _histogram("The same as far as its own thread was computing meanwhile."),
    "connections_count": _gauge("Connections that are open.", "protocol", "listener"),
    "connections_refused_total": _counter("Connections refused when they were accepted.", "reason"),
    "panic_total": _counter("Errors of the program that ended a connection or a loop.", "pkg"),
    "logging_level_info_total": _counter("Log lines of level info."),
    "logging_level_warn_total": _counter("Log lines of level warn."),
    "logging_level_error_total": _counter("Log lines of level error."),
    "authentication_total": _counter("Login attempts.", "kind", "variant", "result"),
    "authentication_ratelimited_total": _counter("Login attempts refused for too many failed ones.", "kind"),
    "httpserver_request_duration_seconds": _histogram("Web requests until their end.", "handler", "method", "code"),
    "httpserver_refused_total": _counter("Web requests refused before they were looked at.", "reason"),
    "webapi_results_total": _counter("Calls of methods of the HTTP API.", "method", "result"),
    "webapi_duration_seconds": _histogram("Calls of methods of the HTTP API.", "method"),
    "webhook_results_total": _counter("Calls to customers' URLs.", "direction", "result"),
    "webhook_duration_seconds": _histogram("Calls to customers' URLs.", "direction"),
    "smtpserver_connection_total": _counter("Connections to SMTP servers.", "kind"),
    "smtpserver_command_duration_seconds": _histogram("SMTP commands and replies.", "kind", "cmd", "code", "ecode"),
    "smtpserver_delivery_total": _counter("Messages from outside, by what became of them.", "result", "reason"),
    "smtpserver_submission_total": _counter("Messages of users, by what became of them.", "result"),
    "smtpserver_errors_total": _counter("Errors of the SMTP server.", "error"),
    "smtpserver_delivery_starttls_total": _counter("TLS handshakes begun by other servers."),
    "smtpserver_delivery_starttls_errors_total": _counter("Such handshakes that failed.", "reason"),
    "smtpclient_command_duration_seconds": _histogram("SMTP commands to other servers.", "cmd", "code", "secode"),
    "smtpclient_tlsrequiredno_ignored_total": _counter("TLS-Required: No that changed something.", "ignored"),
    "queue_connection_total": _counter("Connections to other servers.", "result"),
    "queue_delivery_duration_seconds": _histogram("Attempts to deliver.", "attempt", "transport", "tlsmode", "result"),
    "queue_hold": _gauge("Messages in the queue that are on hold."),
    "queue_destinations_total": _counter("Destinations that were looked up."),
    "queue_destinations_authentic_total": _counter("Destinations whose MX records were DNSSEC-signed."),
    "queue_plaintext_fallback_total": _counter("Deliveries tried again without TLS."),
    "queue_tlsrequiredno_ignored_total": _counter("TLS rules not applied for TLS-Required: No.", "ignored"),
    "queue_requiretls_unsupported_total": _counter("REQUIRETLS that a destination could not keep.", "reason"),
    "webmail_connections": _gauge("Pages of the webmail that are connected."),
    "imap_connection_total": _counter("Connections to IMAP servers.", "service"),
    "imap_command_duration_seconds": _histogram("IMAP commands.", "cmd", "result"),
    "dns_lookup_duration_seconds": _histogram("DNS look-ups.", "pkg", "type", "result"),
    "iprev_lookup_total": _histogram("Checks of reverse DNS.", "status"),
    "spf_verify_duration_seconds": _histogram("SPF checks.", "status"),
    "dkim_sign_total": _counter("DKIM signatures made.", "key"),
    "dkim_verify_duration_seconds": _histogram("DKIM signatures checked.", "algorithm", "status"),
    "arc_verify_duration_seconds": _histogram("ARC chains checked.", "status"),
    "dmarc_verify_duration_seconds": _histogram("DMARC checks.", "status", "reject", "use"),
}


class Metrics:
    """The metrics of one server, in a registry of its own: a test runs ten servers in one process."""

    def __init__(self) -> None:
        import prometheus_client

        # A second series for each, which nobody asks for.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = prometheus_client.CollectorRegistry(auto_describe=False)
        self._families: dict[str, Any] = {}
        self._series: dict[tuple[str, tuple[str, ...]], Any] = {}
        self._counts: dict[str, int] = {}
        for name, metric in TABLE.items():
            self._families[name] = self._family(prometheus_client, name, metric)
            if not metric.labels:
                self._find(name, {})

    def count(self, name: str, /, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        self._find(name, labels).inc(amount)

    def observe(self, name: str, seconds: float, /, **labels: str) -> None:
        """Note how long something took."""
        self._find(name, labels).observe(seconds)

    def set(self, name: str, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        self._find(name, labels).set(value)

    def text(self) -> bytes:
        """Everything in the text format of Prometheus 0.0.4. Computes: a few milliseconds for thousands of series."""
        import prometheus_client

        return prometheus_client.generate_latest(self.registry)

    def _family(self, client: Any, name: str, metric: Metric) -> Any:
        made = {"counter": client.Counter, "gauge": client.Gauge, "histogram": client.Histogram}[metric.kind]
        more = {"buckets": BUCKETS} if metric.kind == "histogram" else {}
        return made(PREFIX + name, metric.help, metric.labels, registry=self.registry, **more)

    def _find(self, name: str, labels: dict[str, str]) -> Any:
        # The order of the arguments is that of the call, which is the same each time: a second spelling of the same
        # series costs one more entry here, not another series.
        values = tuple(labels.values())
        found = self._series.get((name, (*labels, *values)))
        return found if found is not None else self._make(name, labels)

    def _make(self, name: str, labels: dict[str, str]) -> Any:
        metric = TABLE[name]
        if labels.keys() != set(metric.labels):
            raise ValueError(f"the labels of {name} are {metric.labels}, not {tuple(labels)}")
        family = self._families[name]
        if not metric.labels:
            made = family
        elif self._counts.get(name, 0) >= MOST_SERIES:
            return family.labels(**dict.fromkeys(metric.labels, OTHER))
        else:
            made = family.labels(**labels)
            self._counts[name] = self._counts.get(name, 0) + 1
        self._series[(name, (*labels, *labels.values()))] = made
        return made
