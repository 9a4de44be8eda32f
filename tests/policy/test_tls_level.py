"""How much TLS a delivery needs."""

import pytest

from mox_trio.policy import tls_level
from mox_trio.policy.tls_level import Evidence, Relay, TlsLevel, Use


@pytest.mark.parametrize(
    ("evidence", "level"),
    [
        (Evidence(), TlsLevel(Use.WHERE_OFFERED, reasons=("opportunistic",))),
        (Evidence(False), TlsLevel(Use.WHERE_OFFERED, reasons=("tls-required-no",))),
        (Evidence(True), TlsLevel(Use.WHERE_OFFERED, False, True, ("opportunistic", "requiretls"), "no-policy")),
        (Evidence(relay=Relay()), TlsLevel(Use.ALWAYS, True, reasons=("relay-verified",))),
        (Evidence(False, Relay()), TlsLevel(Use.ALWAYS, True, reasons=("relay-verified",))),
        (Evidence(True, Relay()), TlsLevel(Use.ALWAYS, True, True, ("relay-verified", "requiretls"))),
        (Evidence(relay=Relay(verify=False)), TlsLevel(Use.ALWAYS, reasons=("relay-unverified",))),
        (
            Evidence(True, Relay(verify=False)),
            TlsLevel(Use.ALWAYS, False, True, ("relay-unverified", "requiretls"), "unverified-transport"),
        ),
        (Evidence(relay=Relay(tls=False)), TlsLevel(Use.NEVER, reasons=("relay-in-the-clear",))),
        (
            Evidence(True, Relay(tls=False)),
            TlsLevel(Use.NEVER, False, True, ("relay-in-the-clear", "requiretls"), "unverified-transport"),
        ),
    ],
)
def test_the_level_follows_from_what_is_known(evidence: Evidence, level: TlsLevel) -> None:
    assert tls_level.decide(evidence) == level
