"""config describe and config show."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mox_trio.config import describe, load, show
from mox_trio.config.models.static import Static
from mox_trio.config.problems import ConfigErrors

EXAMPLES = Path(__file__).parents[2] / "config-examples"
FILE = Path("/etc/mox-trio/mox-trio.toml")


def switched_on(text: str) -> str:
    """The document with every setting that is off switched on."""
    return re.sub(r"(?m)^#(?! )", "", text)


def test_the_described_static_document_means_the_defaults(settings: Static) -> None:
    described = load.static_text(describe.static().replace("mail.example.org", "mx.example"), FILE)
    assert described == settings


def test_the_described_dynamic_document_means_the_defaults(settings: Static) -> None:
    assert load.dynamic(describe.dynamic(), settings) == load.dynamic("", settings)


def test_every_described_setting_has_a_valid_value_of_its_own(settings: Static) -> None:
    # Together they contradict each other (rules between parts), but each is right by itself.
    readers: list[tuple[str, Callable[[str], object]]] = [
        (describe.static(), lambda text: load.static_text(text, FILE)),
        (describe.dynamic(), lambda text: load.dynamic(text, settings)),
    ]
    for text, read in readers:
        with pytest.raises(ConfigErrors) as raised:
            read(switched_on(text))
        wrong = [
            str(problem)
            for problem in raised.value.problems
            if re.search("unknown|is wrong|missing|TOML", problem.message)
        ]
        assert wrong == []


def test_every_setting_is_documented() -> None:
    for text in (describe.static(), describe.dynamic()):
        lines = text.splitlines()
        for above, line in itertools.pairwise(lines):
            if re.match(r"#?[a-z_]+ = ", line):
                assert above.startswith("# "), line


def test_what_is_shown_reads_back_to_the_same(settings: Static) -> None:
    for directory in sorted(EXAMPLES.iterdir()):
        if not directory.is_dir():
            continue
        static = load.static(directory / "mox-trio.toml")
        assert load.static_text(show.static(static), FILE) == static
        dynamic = load.dynamic(load.text(directory / "domains.toml"), static)
        assert load.dynamic(show.dynamic(dynamic), static) == dynamic
    assert load.static_text(show.static(settings), FILE) == settings


def test_secrets_are_shown_as_references(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOX_TRIO_MASTER_KEY", "hunter2")
    shown = show.static(load.static(EXAMPLES / "s3-postgres" / "mox-trio.toml"))
    assert 'master = { environment = "MOX_TRIO_MASTER_KEY" }' in shown
    assert "hunter2" not in shown
