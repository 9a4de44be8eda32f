"""Domain names as mail uses them: one value with the form that goes over the wire and the form that people read.

`Domain.parse` takes either form, maps it by UTS 46 (case folding, width, normal form C) and checks it by IDNA 2008;
equal names are equal values whichever form they came in. An A-label of older rules (emoji domains) is a good DNS
name: it is kept and shown as it is. What is not a name raises `InvalidAddress`, whose text says what is wrong and
fits into a reply.
"""

import dataclasses
import re
from typing import Final, Self

LABEL_OCTETS: Final = 63
DOMAIN_OCTETS: Final = 255
"""RFC 1035 2.3.4: counted as in a DNS packet, so that the text has at most 253 characters."""

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_NAME_WITH_UNDERSCORE: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")


class InvalidAddress(ValueError):
    """Not an address or domain. The text says what is wrong; it does not repeat the input."""


@dataclasses.dataclass(frozen=True, slots=True)
class Domain:
    """A domain name; made by `parse`. Compares, hashes and sorts by its A-label form, which is lower-case."""

    ascii: str
    """A-labels: `xn--mnchen-3ya.example`."""
    unicode: str = dataclasses.field(compare=False)
    """U-labels where there are such: `münchen.example`."""

    @classmethod
    def parse(cls, text: str, *, underscore: bool = False) -> Self:
        """The domain that a text in either form names; one trailing dot is dropped.

        `underscore` allows `_` in labels, as names of records have it (`_dmarc.example`) and some hosts do that say
        EHLO. Raises InvalidAddress. RFC 5890, RFC 5891, UTS 46 (non-transitional, STD3 rules).
        """
        if not text.isascii():
            return cls._parse_unicode(text, underscore)
        name = text.lower().removesuffix(".")
        labels = name.split(".")
        _check(name, labels, _NAME_WITH_UNDERSCORE if underscore else _NAME)
        if "xn--" not in name:
            return cls(name, name)
        return cls(name, ".".join(map(_u_label, labels)))

    @classmethod
    def _parse_unicode(cls, text: str, underscore: bool) -> Self:
        import idna  # not at the top: it is needed for few names and slow to load

        if len(text) > DOMAIN_OCTETS:  # every character costs at least one octet, and mapping must not work on a novel
            raise InvalidAddress(f"the domain is longer than {DOMAIN_OCTETS} octets")
        try:
            mapped = idna.uts46_remap(text, std3_rules=False, transitional=False)
            labels = [each if each.isascii() else idna.alabel(each).decode("ascii") for each in mapped.split(".")]
        except UnicodeError:  # idna's own errors are kinds of it; their texts quote the input
            raise InvalidAddress(
                "the domain holds a character or a combination that domain names cannot have"
            ) from None
        return cls.parse(".".join(labels), underscore=underscore)

    @property
    def labels(self) -> tuple[str, ...]:
        """The A-labels from left to right."""
        return tuple(self.ascii.split("."))

    def __str__(self) -> str:
        return self.unicode

    def __lt__(self, other: "Domain") -> bool:
        return self.ascii < other.ascii


def _check(name: str, labels: list[str], shape: re.Pattern[str]) -> None:
    if not name:
        raise InvalidAddress("the domain is missing")
    if len(name) + 2 > DOMAIN_OCTETS:  # a length octet before the first label, and the root
        raise InvalidAddress(f"the domain is longer than {DOMAIN_OCTETS} octets")
    for label in labels:
        if shape.fullmatch(label) is None:
            raise InvalidAddress(_fault(label))
        if len(label) > LABEL_OCTETS:
            raise InvalidAddress(f"a label of the domain is longer than {LABEL_OCTETS} octets")
    if labels[-1].isdigit():  # RFC 3696 2: no top-level domain is a number, but IP addresses look so
        raise InvalidAddress("the domain ends in a number; an IP address is written in brackets")


def _fault(label: str) -> str:
    if not label:
        return "the domain has an empty label (two dots, or a dot at the start)"
    if label.startswith("-") or label.endswith("-"):
        return "a label of the domain starts or ends with a hyphen"
    return "the domain holds a character other than letters, digits and hyphens"


def _u_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    import idna

    try:
        return str(idna.ulabel(label))
    except UnicodeError:
        return label
