"""The built front end, from memory: read once, compressed once.

Names of assets hold a hash of their content, so that browsers keep them for ever; the page itself is asked for each time. Where
nothing was built, the page says how that is done.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DIRECTORY: Final = Path(__file__).parents[1] / "static"
PAGE: Final = "index.html"
SMALL: Final = 512
"""Octets below which compressing gains nothing."""
TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
NOT_BUILT: Final = b"The pages are not built; run make frontend.\n"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "frame-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types ProseMirrorClipboard mox-inert mox-pdf"
)
"""Of pages (Content-Security-Policy): scripts and styles of ours alone, nothing inline."""


@dataclass(frozen=True, slots=True)
class File:
    """One file, plain and compressed."""

    content_type: str
    data: bytes
    compressed: bytes
    tag: str


class Files:
    """All that was built."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._directory = directory
        self._known: dict[str, File] | None = None

    def load(self) -> None:
        """Read and compress them. Blocks."""
        found: dict[str, File] = {}
        if self._directory.is_dir():
            for path in sorted(self._directory.rglob("*")):
                if path.is_file():
                    found[path.relative_to(self._directory).as_posix()] = _read(path)
        self._known = found

    def get(self, name: str) -> File | None:
        """A file by its name."""
        return (self._known or {}).get(name)

    def sizes(self) -> Mapping[str, int]:
        """Compressed octets by name."""
        return {name: len(file.compressed) for name, file in (self._known or {}).items()}


def _read(path: Path) -> File:
    data = path.read_bytes()
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    is_packed = path.suffix in (".png", ".woff2", ".ico")
    compressed = data if is_packed or len(data) < SMALL else gzip.compress(data, 9, mtime=0)
    return File(kind, data, compressed, f'"{hashlib.sha256(data).hexdigest()[:20]}"')
