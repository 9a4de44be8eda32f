"""How much mail an account may hold, as the configuration says it."""

from mox_trio.base.quota import Quota
from mox_trio.config.models.dynamic import Account
from mox_trio.config.models.limits import Limits


def of(limits: Limits, account: Account | None) -> Quota:
    """Its own limits, and those of all where it has none of its own."""
    octets, messages = limits.quota, limits.quota_messages
    if account is not None:
        octets = octets if account.quota is None else account.quota
        messages = messages if account.quota_messages is None else account.quota_messages
    return Quota(int(octets), int(messages))
