"""Style sheets and style attributes of mail, with what reaches outside or over the page taken out. Pure, linear.

What is kept is rules and @media with declarations whose values hold no url(), no escape, no other function than those of
FUNCTIONS. Properties that take a mail out of its place (position, behaviour) go. The result holds no "<", so that it cannot
end the element that it is written into.
"""

import re
from typing import Final

LONGEST: Final = 256 * 1024
"""Characters of style sheets of a mail that are read."""
LONGEST_VALUE: Final = 2000
FUNCTIONS: Final = frozenset({"rgb", "rgba", "hsl", "hsla", "calc", "min", "max", "clamp", "linear-gradient"})
FORBIDDEN: Final = frozenset({"position", "behavior", "-moz-binding", "cursor", "content", "z-index", "pointer-events"})

_COMMENT: Final = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_FUNCTION: Final = re.compile(r"(?<![A-Za-z-])([A-Za-z-]*+)\(")
"""Looked for once in a run of letters, not at each of them."""
_NAME: Final = re.compile(r"\s*([A-Za-z-]{1,60})\s*")
_SELECTOR: Final = re.compile(r"[A-Za-z0-9\s.,#*>+~:_=\[\]\"'()^$|-]{1,2000}")
_MEDIA: Final = re.compile(r"@media[A-Za-z0-9\s(),:.<>=-]{0,300}")


def declarations(text: str) -> str:
    """The declarations of a style attribute that are kept."""
    kept: list[str] = []
    for each in _COMMENT.sub("", text[:LONGEST]).split(";"):
        name, colon, value = each.partition(":")
        match = _NAME.fullmatch(name)
        if colon and match is not None and _is_harmless(match[1].lower(), value):
            kept.append(f"{match[1].lower()}:{value.strip()}")
    return ";".join(kept)


def _is_harmless(name: str, value: str) -> bool:
    if (
        len(value) > LONGEST_VALUE
        or name in FORBIDDEN
        or name.startswith("--")
        or any(sign in value for sign in "\\<{}@")
    ):
        return False
    lower = value.lower()
    if "expression" in lower or "javascript" in lower or "://" in lower:
        return False
    return all(function.lower() in FUNCTIONS for function in _FUNCTION.findall(value))


def sheet(text: str) -> str:
    """The rules of a style sheet that are kept."""
    text = _COMMENT.sub("", text[:LONGEST]).replace("<!--", "").replace("-->", "")
    return "\n".join(_rules(text, 0))


def _rules(text: str, depth: int) -> list[str]:
    kept: list[str] = []
    position = ending = 0
    while position < len(text):
        opening = text.find("{", position)
        if 0 <= ending <= position:  # each is looked for once: a sheet of many rules has its next ";" far away
            ending = text.find(";", position)
        if 0 <= ending < opening or (opening < 0 <= ending):  # @import and its like
            position = ending + 1
            continue
        if opening < 0:
            break
        prelude = text[position:opening].strip()
        closing = _closing(text, opening)
        inside = text[opening + 1 : closing]
        position = closing + 1
        if prelude.startswith("@"):
            if depth == 0 and _MEDIA.fullmatch(prelude):
                kept.append(f"{prelude}{{{''.join(_rules(inside, 1))}}}")
        elif _SELECTOR.fullmatch(prelude) and (found := declarations(inside)):
            kept.append(f"{prelude}{{{found}}}")
    return kept


def _closing(text: str, opening: int) -> int:
    depth = 0
    for match in re.compile(r"[{}]").finditer(text, opening):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.start()
    return len(text)
