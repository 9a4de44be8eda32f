"""How much one client, its neighbourhood and its region may do in a time (reference of classes: IPv4 /32, /26, /21; IPv6
/64, /48, /32).

Windows are fixed and aligned to the clock: the counts of a window are forgotten when the next one begins. What is refused
is not counted, so that a client that goes on knocking gets in again. Memory is bounded: a class remembers at most
`most` keys; what comes then is held against the larger classes only, whose keys are fewer. Pure: time is an argument, in
seconds, and nothing is random.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final

IpAddress = IPv4Address | IPv6Address
Key = tuple[int, int]
Keys = tuple[Key, Key, Key]

MOST_KEYS: Final = 100_000
"""Keys of a class that are remembered: about 15 MB when full."""

MINUTE: Final = 60
DAY: Final = 86_400

_V4: Final = (0, 6, 11)
_V6: Final = (64, 80, 96)


def keys(address: IpAddress) -> Keys:
    """The client, the neighbourhood and the region of an address; an IPv4 address in IPv6 clothes is itself."""
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is None:
            number = int(address)
            return (6, number >> _V6[0]), (6, number >> _V6[1]), (6, number >> _V6[2])
        address = mapped
    number = int(address)
    return (4, number >> _V4[0]), (4, number >> _V4[1]), (4, number >> _V4[2])


@dataclass(frozen=True, slots=True)
class Most:
    """How much for each class."""

    client: int
    neighbourhood: int
    region: int

    def times(self, factor: int) -> "Most":
        """The same ratio for more."""
        return Most(self.client * factor, self.neighbourhood * factor, self.region * factor)

    def of_classes(self) -> tuple[int, int, int]:
        """In the order of `keys`."""
        return self.client, self.neighbourhood, self.region


@dataclass(slots=True)
class _Window:
    seconds: int
    most: Most
    most_keys: int
    number: int = -1
    counts: tuple[dict[Key, int], dict[Key, int], dict[Key, int]] = field(default_factory=lambda: ({}, {}, {}))

    def at(self, now: float) -> None:
        number = int(now // self.seconds)
        if number != self.number:
            self.number = number
            self.counts = ({}, {}, {})

    def allows(self, of: Keys, amount: int) -> bool:
        return all(
            count.get(key, 0) + amount <= most
            for count, key, most in zip(self.counts, of, self.most.of_classes(), strict=True)
        )

    def add(self, of: Keys, amount: int) -> None:
        for count, key in zip(self.counts, of, strict=True):
            if key in count or len(count) < self.most_keys:
                count[key] = count.get(key, 0) + amount

    def reset(self, of: Keys) -> None:
        """Take what the client did out of all classes."""
        done = self.counts[0].get(of[0], 0)
        for count, key in zip(self.counts, of, strict=True):
            left = count.get(key, 0) - done
            if left > 0:
                count[key] = left
            else:
                count.pop(key, None)


class Limiter:
    """Counts in one or several windows at once, as in 10 a minute and 50 a day."""

    def __init__(self, windows: Iterable[tuple[int, Most]], most_keys: int = MOST_KEYS) -> None:
        """Windows as (seconds, how much)."""
        self._windows: Sequence[_Window] = [_Window(seconds, most, most_keys) for seconds, most in windows]

    def can_add(self, address: IpAddress, now: float, amount: int = 1) -> bool:
        """Whether that much more is within all limits; counts nothing."""
        of = keys(address)
        return self._allows(of, now, amount)

    def add(self, address: IpAddress, now: float, amount: int = 1) -> bool:
        """Count it if it is within all limits, else say False and count nothing."""
        of = keys(address)
        if not self._allows(of, now, amount):
            return False
        for window in self._windows:
            window.add(of, amount)
        return True

    def reset(self, address: IpAddress, now: float) -> None:
        """Forget what this client did, as after a login that was right."""
        of = keys(address)
        for window in self._windows:
            window.at(now)
            window.reset(of)

    def _allows(self, of: Keys, now: float, amount: int) -> bool:
        for window in self._windows:
            window.at(now)
        return all(window.allows(of, amount) for window in self._windows)


class Present:
    """How many of something each class has at this moment. What left is forgotten, so memory is bounded by what is present."""

    def __init__(self, most: Most) -> None:
        self._most = most
        self._counts: tuple[dict[Key, int], dict[Key, int], dict[Key, int]] = ({}, {}, {})

    def enter(self, address: IpAddress) -> bool:
        """Count one more if it is within the limits; the caller leaves later."""
        of = keys(address)
        limits = self._most.of_classes()
        if any(count.get(key, 0) >= most for count, key, most in zip(self._counts, of, limits, strict=True)):
            return False
        for count, key in zip(self._counts, of, strict=True):
            count[key] = count.get(key, 0) + 1
        return True

    def leave(self, address: IpAddress) -> None:
        """One that entered is gone."""
        for count, key in zip(self._counts, keys(address), strict=True):
            left = count[key] - 1
            if left:
                count[key] = left
            else:
                del count[key]


class FailedLogins:
    """Failed logins of all servers together: whoever guesses by IMAP is stopped on submission too.

    `exempt` says whether an address is one without limits; `now` gives seconds.
    """

    def __init__(
        self, minute: Most, day: Most, *, exempt: Callable[[IpAddress], bool], now: Callable[[], float]
    ) -> None:
        self._limiter = Limiter(((MINUTE, minute), (DAY, day)))
        self._exempt = exempt
        self._now = now

    def may_try(self, address: IpAddress) -> bool:
        """Whether this client may try to log in."""
        return self._exempt(address) or self._limiter.can_add(address, self._now())

    def failed(self, address: IpAddress) -> None:
        """A login failed."""
        if not self._exempt(address):
            self._limiter.add(address, self._now())

    def succeeded(self, address: IpAddress) -> None:
        """A login was right: what the client mistyped before does not count."""
        self._limiter.reset(address, self._now())
