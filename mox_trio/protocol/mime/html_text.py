"""The text that an HTML body shows, without building a document.

One pass from left to right that never goes back, so that any input takes linear time: tags go, blocks become lines,
lines of a block quotation begin with `> `, scripts, styles, titles and comments are left out, character references
are resolved. It is for previews and searching; what is shown in a browser is sanitised elsewhere. Never fails: a tag
or comment that does not end swallows the rest, as in a browser.
"""

import html
import re
from typing import Final

_NAME: Final = re.compile(r"(/?)([A-Za-z][A-Za-z0-9:-]{0,30})")
_TAG_STOP: Final = re.compile(r">|=[ \t\r\n]*+[\"']")
_SILENT: Final = {
    name: re.compile(rf"</{name}", re.IGNORECASE)
    for name in ("script", "style", "title", "template", "textarea", "select", "svg")
}
"""Elements whose content is not text of the message, with what ends them."""
_LINES: Final = {
    "address", "article", "blockquote", "br", "center", "dd", "div", "dl", "dt", "fieldset", "figure", "footer", "form", "h1",
    "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tr", "ul",
}  # fmt: skip
"""Elements that begin a line."""
_CELLS: Final = {"td", "th"}
_QUOTE_MARK: Final = "> "
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")
_LONG_REFERENCE: Final = re.compile(r"&#[0-9]{8,}+;?")
"""No character has such a number, and turning it into one costs more than linear time."""


def to_text(document: str, limit: int) -> str:
    """The lines of text in `document`, as far as `limit` characters and tags, each tag counting as one, go."""
    return _Extraction(document, limit).run()


class _Extraction:
    """The state of one pass."""

    def __init__(self, document: str, limit: int) -> None:
        self._document = document
        self._limit = limit
        self._out: list[str] = []
        self._length = 0
        self._quotes = 0

    def run(self) -> str:
        document = self._document
        position, end = 0, len(document)
        while position < end and self._length < self._limit:
            tag = document.find("<", position)
            if tag < 0:
                tag = end
            if tag > position:
                self._text(document[position:tag])
            position = self._tag(tag) if tag < end else end
        return "".join(self._out)

    def _text(self, raw: str) -> None:
        if "&" in raw:
            raw = html.unescape(_LONG_REFERENCE.sub("\ufffd", raw))
        text = _SPACE.sub(" ", raw)
        self._out.append(text)
        self._length += len(text)

    def _tag(self, start: int) -> int:
        """What the sign `<` at `start` begins: takes note of it and gives the index behind it."""
        document = self._document
        name = _NAME.match(document, start + 1)
        if name is None:
            if document.startswith("<!--", start):
                return _behind(document, "-->", start + 4)
            if document.startswith(("<!", "<?", "</"), start):
                return _behind(document, ">", start + 2)
            self._text("<")
            return start + 1
        self._length += 1
        closes, element = bool(name[1]), name[2].lower()
        stop = _tag_end(document, name.end())
        if element in _LINES:
            if element == "blockquote":
                self._quotes = max(0, self._quotes + (-1 if closes else 1))
            self._out.append("\n" + _QUOTE_MARK if self._quotes else "\n")
        elif element in _CELLS:
            self._out.append(" ")
        elif element in _SILENT and not closes:
            ending = _SILENT[element].search(document, stop)
            return ending.start() if ending else len(document)
        return stop


def _tag_end(document: str, position: int) -> int:
    """The index behind the `>` that ends a tag; one within a quoted value does not."""
    while (found := _TAG_STOP.search(document, position)) is not None:
        if found[0] == ">":
            return found.end()
        closing = document.find(found[0][-1], found.end())
        if closing < 0:
            return _behind(document, ">", found.end())
        position = closing + 1
    return len(document)


def _behind(document: str, sign: str, position: int) -> int:
    found = document.find(sign, position)
    return len(document) if found < 0 else found + len(sign)
