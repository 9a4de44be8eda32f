"""The log of commands and servers."""

import io
import json
import logging

from mox_trio.app import logs
from mox_trio.config.models.static import Log


def written(settings: Log, *, quiet: bool = False) -> list[str]:
    """What is left of one event of each kind."""
    stream = io.StringIO()
    logs.configure(settings, quiet=quiet, stream=stream)
    logging.getLogger("mox_trio.config.live").debug("looked")
    logging.getLogger("mox_trio.config.live").info("replaced", extra={"version": "a b"})
    logging.getLogger("mox_trio.mailstore.upkeep").warning('a "word"\nforged=1')
    logging.getLogger("sqlalchemy.engine").info("SELECT")
    return stream.getvalue().splitlines()


def test_an_event_is_one_line_of_keys_and_values() -> None:
    info, warning = written(Log())
    assert info.split(" ", 1)[1] == 'level=info room=config message=replaced version="a b"'
    assert warning.endswith(r'level=warn room=mailstore message="a \"word\"\nforged=1"')


def test_json_has_the_same_fields() -> None:
    info, _ = map(json.loads, written(Log(format="json")))
    assert {key: info[key] for key in ("level", "room", "message", "version")} == {
        "level": "info",
        "room": "config",
        "message": "replaced",
        "version": "a b",
    }


def test_levels_are_those_of_the_settings_and_of_single_rooms() -> None:
    assert len(written(Log(level="error"))) == 0
    assert len(written(Log(level="debug"))) == 3
    assert len(written(Log(level="error", levels={"config": "debug"}))) == 2


def test_commands_write_warnings_unless_a_level_is_set() -> None:
    assert len(written(Log(), quiet=True)) == 1
    assert len(written(Log(level="info"), quiet=True)) == 2


def test_what_went_wrong_is_in_the_line() -> None:
    stream = io.StringIO()
    logs.configure(Log(), stream=stream)
    try:
        raise ValueError("odd")
    except ValueError:
        logging.getLogger("mox_trio").exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: odd" in line
