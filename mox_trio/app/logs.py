"""The log on standard error: one line an event, as key=value or JSON, with the level and room that wrote it.

Levels are those of the configuration: error, warn, info, debug, and below that trace, traceauth and tracedata. A room is
the part of the name after the package: `mox_trio.config.live` is in config. Other packages write warnings and errors only.
Fields are what was given as `extra`.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from mox_trio.config.models.static import Log, LogLevel

TRACE: Final = 5
LEVELS: Final[dict[LogLevel, int]] = {
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": TRACE,
    "traceauth": TRACE - 1,
    "tracedata": TRACE - 2,
}
PACKAGES: Final = ("mox_trio", "storage_backends", "webui")

_NAMES: Final = {number: name for name, number in LEVELS.items()} | {logging.CRITICAL: "error"}
_STANDARD: Final = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


def configure(settings: Log, *, quiet: bool = False, stream: TextIO | None = None) -> None:
    """Write what the settings ask for; `quiet` means that only warnings are asked for unless a level is set."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Json() if settings.format == "json" else Logfmt())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    is_quiet = quiet and "level" not in settings.model_fields_set
    for package in PACKAGES:
        logging.getLogger(package).setLevel(logging.WARNING if is_quiet else LEVELS[settings.level])
        for room, level in settings.levels.items():
            logging.getLogger(f"{package}.{room}").setLevel(LEVELS[level])


class Json(logging.Formatter):
    """One JSON object an event."""

    def format(self, record: logging.LogRecord) -> str:
        """The event on one line."""
        return json.dumps(_fields(self, record), ensure_ascii=False, default=str)


class Logfmt(logging.Formatter):
    """One line of key=value an event."""

    def format(self, record: logging.LogRecord) -> str:
        """The event on one line; a value that is more than a word is quoted."""
        return " ".join(f"{key}={_value(value)}" for key, value in _fields(self, record).items())


def _fields(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, Any]:
    package, _, below = record.name.partition(".")
    fields: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": _NAMES.get(record.levelno, record.levelname.lower()),
        "room": below.partition(".")[0] if package in PACKAGES and below else record.name,
        "message": record.getMessage(),
    }
    fields |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
    if record.exc_info:
        fields["error"] = formatter.formatException(record.exc_info)
    return fields


def _value(value: object) -> str:
    text = str(value)
    is_word = text.isprintable() and not set(text) & set(' "=\\') and text != ""
    return text if is_word else json.dumps(text, ensure_ascii=False)
