"""HTML of mail as a page may show it: sanitised, in a document of ours, for a frame without scripts. Pure.

nh3 keeps elements and attributes that lay out text and pictures; style sheets go through `stylesheets`. Pictures of the mail
itself (cid:) become data: URLs. Pictures elsewhere are taken out and counted until the reader asks for them; the frame's policy
(`csp`) forbids what this misses. Links open in a new tab that knows nothing of this one.
"""

import base64
import html as escaping
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

import nh3

from webui.mail import stylesheets

TAGS: Final = frozenset({
    "a", "abbr", "address", "area", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center",
    "cite", "code", "col", "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font",
    "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li", "main", "map", "mark",
    "nav", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "section", "small", "span", "strike", "strong", "sub",
    "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr",
})  # fmt: skip
_EVERY: Final = frozenset({"class", "dir", "lang", "style", "title", "align", "valign", "bgcolor", "width", "height"})
ATTRIBUTES: Final[dict[str, set[str]]] = {
    "*": set(_EVERY),
    "a": {"href", "name"},
    "area": {"alt", "coords", "href", "shape"},
    "map": {"name"},
    "img": {"src", "alt", "border", "hspace", "vspace", "usemap"},
    "font": {"color", "face", "size"},
    "table": {"border", "cellpadding", "cellspacing", "summary", "role"},
    "td": {"colspan", "rowspan", "nowrap", "abbr"},
    "th": {"colspan", "rowspan", "nowrap", "scope", "abbr"},
    "col": {"span"},
    "colgroup": {"span"},
    "ol": {"start", "type", "reversed"},
    "ul": {"type"},
    "li": {"value", "type"},
    "blockquote": {"cite", "type"},
    "hr": {"size", "noshade", "color"},
    "time": {"datetime"},
    "details": {"open"},
}
SILENT: Final = {
    "script", "style", "title", "noscript", "iframe", "object", "embed", "svg", "math", "template", "textarea", "select", "xmp",
    "noembed", "noframes", "plaintext", "frameset",
}  # fmt: skip
"""Elements that go with what is in them."""
SCHEMES: Final = {"http", "https", "mailto", "tel", "cid", "data"}
LONGEST: Final = 4 * 1024 * 1024
"""Characters of a mail's HTML that are shown."""
PICTURES: Final = 10 * 1024 * 1024
"""Octets of a mail's own pictures that are shown within it."""

STEPS: Final = (64 * 1024, 256 * 1024, 1024 * 1024, LONGEST)
"""Characters that are sanitised at first, and then: elements that are nested without end cost the square of their number, so who
takes long with little is not given more.
"""
PATIENCE: Final = 0.25
"""Seconds that a step may take for the next one to be made."""
_STYLE: Final = re.compile(r"<style\b", re.IGNORECASE)
_STYLE_END: Final = re.compile(r"</style", re.IGNORECASE)
_BODY: Final = re.compile(r"<body\b", re.IGNORECASE)
_BODY_STYLE: Final = re.compile(r"""\b(style|bgcolor)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE)
_DATA_PICTURE: Final = re.compile(r"data:image/(?:png|jpe?g|gif|webp|bmp|avif);base64,[A-Za-z0-9+/=\s]*", re.IGNORECASE)
_REMOTE: Final = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
_DARK: Final = re.compile(r"prefers-color-scheme\s*:\s*dark", re.IGNORECASE)


@dataclass(slots=True)
class Picture:
    """One of the mail's own pictures."""

    content_type: str
    data: bytes


@dataclass(slots=True)
class Shown:
    """A document, and what was left out of it."""

    document: str
    remote: int
    """Pictures elsewhere."""


@dataclass(slots=True)
class _Pass:
    pictures: Callable[[str], Picture | None]
    with_remote: bool
    remote: int = 0
    octets: int = 0
    urls: dict[str, str] = field(default_factory=dict)

    def attribute(self, element: str, name: str, value: str) -> str | None:
        if name == "style":
            return stylesheets.declarations(value) or None
        if element == "img" and name == "src":
            return self._source(value.strip())
        if name == "href" and value.strip().lower().startswith(("data:", "cid:")):
            return None
        if name in ("background", "cite", "usemap") and _REMOTE.match(value):
            return None
        return value

    def _source(self, url: str) -> str | None:
        if url.lower().startswith("cid:"):
            return self._own(url[4:])
        if url.lower().startswith("data:"):
            return url if _DATA_PICTURE.fullmatch(url) else None
        if _REMOTE.match(url):
            self.remote += 1
            return url if self.with_remote else None
        return None

    def _own(self, content_id: str) -> str | None:
        if content_id not in self.urls:
            picture = self.pictures(content_id)
            if picture is None or self.octets + len(picture.data) > PICTURES:
                return None
            self.octets += len(picture.data)
            encoded = base64.b64encode(picture.data).decode("ascii")
            self.urls[content_id] = f"data:{picture.content_type};base64,{encoded}"
        return self.urls[content_id]


def csp(*, with_remote: bool) -> str:
    """The policy of the frame."""
    pictures = "data: https: http:" if with_remote else "data:"
    return (
        f"default-src 'none'; img-src {pictures}; style-src 'unsafe-inline'; script-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'; "
        "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
    )


HEADERS: Final[Mapping[str, str]] = {
    "x-frame-options": "SAMEORIGIN",
    "x-dns-prefetch-control": "off",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Of the frame's answer, beside its policy."""

FRAME: Final = """<!DOCTYPE html><html><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">\
<meta name="color-scheme" content="{scheme}"><meta name="x-pictures" content="{remote}"><base target="_blank"><style>
html{{overflow-x:auto;overflow-y:hidden}}body{{margin:0;padding:12px 16px;font:14px/1.5 system-ui,-apple-system,"Segoe UI",\
Roboto,sans-serif;overflow-wrap:anywhere;{ground}}}img{{max-width:100%;height:auto}}pre{{white-space:pre-wrap}}\
table{{max-width:100%}}blockquote{{margin:0 0 0 8px;padding-left:10px;border-left:2px solid #8886}}a{{color:{link}}}
{style}</style></head><body{body}>{content}</body></html>"""


def show(document: str, pictures: Callable[[str], Picture | None], *, with_remote: bool) -> Shown:
    """The document for the frame. `pictures` gives the mail's own by Content-ID."""
    document = document[:LONGEST]

    def clean(part: str) -> tuple[str, int]:
        doing = _Pass(pictures, with_remote)
        content = nh3.clean(
            part,
            tags=set(TAGS),
            clean_content_tags=set(SILENT),
            attributes=ATTRIBUTES,
            attribute_filter=doing.attribute,
            strip_comments=True,
            link_rel="noopener noreferrer nofollow",
            url_schemes=SCHEMES,
            url_relative="deny",
        )
        return content, doing.remote

    content, remote = _in_steps(document, clean)
    style = stylesheets.sheet("\n".join(_styles(document)))
    knows_dark = bool(_DARK.search(style))
    scheme = "light dark" if knows_dark else "light"
    ground = "" if knows_dark else "background:#fff;color:#1d1f23;"
    link = "LinkText" if knows_dark else "#0b57d0"
    shown = FRAME.format(
        scheme=scheme, remote=remote, ground=ground, link=link, style=style, body=_body(document), content=content
    )
    return Shown(shown, remote)


_Cleaned = TypeVar("_Cleaned")


def _in_steps(
    document: str, clean: Callable[[str], _Cleaned], now: Callable[[], float] = time.perf_counter
) -> _Cleaned:
    """What `clean` makes of the document, or of its beginning where that takes too long."""
    first, *further = STEPS
    began = now()
    cleaned = clean(document[:first])
    for before, size in zip(STEPS, further, strict=False):
        if before >= len(document) or now() - began > PATIENCE:
            break
        began = now()
        cleaned = clean(document[:size])
    return cleaned


def _styles(document: str) -> Iterator[str]:
    """The style sheets within a document, in a time that grows with its length alone."""
    position = 0
    while (opening := _STYLE.search(document, position)) is not None:
        start = document.find(">", opening.end()) + 1
        if not start:
            return
        ending = _STYLE_END.search(document, start)
        if ending is None:
            yield document[start:]
            return
        yield document[start : ending.start()]
        position = ending.end()


def _body(document: str) -> str:
    """The ground that the mail gives its body."""
    opening = _BODY.search(document)
    stop = -1 if opening is None else document.find(">", opening.end())
    if opening is None or stop < 0:
        return ""
    given: list[str] = []
    for name, *values in _BODY_STYLE.findall(document[opening.end() : min(stop, opening.end() + 4000)]):
        value = escaping.unescape(next(filter(None, values), ""))
        if name.lower() == "style":
            given.append(stylesheets.declarations(value))
        elif re.fullmatch(r"#?[A-Za-z0-9]{1,20}", value):
            given.append(f"background-color:{value}")
    kept = ";".join(filter(None, given))
    return f' style="{escaping.escape(kept)}"' if kept else ""


def _for_editing(element: str, name: str, value: str) -> str | None:
    is_own = value.strip().lower().startswith("cid:")
    if element == "img" and name == "src":
        return value.strip() if is_own else None
    if is_own or (name in ("background", "cite") and _REMOTE.match(value)):
        return None
    return value


def for_editing(document: str) -> str:
    """The inside of a body for the editor: no pictures but the mail's own, by their ids; no style sheets. Takes long for a
    hostile one.
    """

    def clean(part: str) -> str:
        return nh3.clean(
            part,
            tags=set(TAGS) - {"map", "area"},
            clean_content_tags=set(SILENT),
            attributes={
                **{name: set(allowed) - {"class", "style"} for name, allowed in ATTRIBUTES.items()},
                "img": {"src", "alt"},
            },
            attribute_filter=_for_editing,
            url_schemes={"http", "https", "mailto", "tel", "cid"},
        )

    return _in_steps(document[:LONGEST], clean)
