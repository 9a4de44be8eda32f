"""Which part of a name an organisation has registered, by the public suffix list that publicsuffixlist brings.

The whole list counts for organisations: those who rent names from a hoster, as below `github.io`, are strangers to each other.
For who may sign, only what registries keep (the ICANN section): a hoster signs mail of its own. The list is read at the first
question, which takes a tenth of a second: a server asks for that before it starts (`load`). A newer list comes with a newer
package.
"""

from functools import lru_cache

import publicsuffixlist

from mox_trio.base.domain import Domain


def load() -> None:
    """Read the list now, in a thread if others wait; again it costs nothing."""
    _whole()
    _registries()


def organizational_domain(domain: Domain) -> Domain:
    """The public suffix and one label more (RFC 7489 3.2); the domain itself where it is no more than a suffix."""
    found = _whole().privatesuffix(domain.ascii)
    return domain if found is None or found == domain.ascii else Domain.parse(found, underscore=True)


def is_public(domain: Domain) -> bool:
    """Whether it is a suffix that anybody may register below, whoever asks: `com`, `co.uk`, `github.io`."""
    return bool(_whole().is_public(domain.ascii))


def is_registry(domain: Domain) -> bool:
    """Whether a registry keeps it: `com`, `co.uk`, but not `github.io`."""
    return bool(_registries().is_public(domain.ascii))


@lru_cache(1)
def _whole() -> publicsuffixlist.PublicSuffixList:
    return publicsuffixlist.PublicSuffixList()


@lru_cache(1)
def _registries() -> publicsuffixlist.PublicSuffixList:
    return publicsuffixlist.PublicSuffixList(only_icann=True)
