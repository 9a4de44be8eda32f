"""Which part of a name an organisation has registered, by the public suffix list that publicsuffixlist brings.

Only the part of the list that registries answer for counts (the ICANN section): domains under a hoster's name, such as
`github.io`, belong to that hoster, as far as mail is concerned. The list is read at the first question (a tenth of a second);
a newer one comes with a newer package.
"""

from functools import lru_cache

import publicsuffixlist

from mox_trio.base.domain import Domain


def organizational_domain(domain: Domain) -> Domain:
    """The public suffix and one label more (RFC 7489 3.2); the domain itself where it is no more than a suffix."""
    found = _list().privatesuffix(domain.ascii)
    return domain if found is None or found == domain.ascii else Domain.parse(found, underscore=True)


def is_public(domain: Domain) -> bool:
    """Whether anybody may register below it: `com`, `co.uk`."""
    return bool(_list().is_public(domain.ascii))


@lru_cache(1)
def _list() -> publicsuffixlist.PublicSuffixList:
    return publicsuffixlist.PublicSuffixList(only_icann=True)
