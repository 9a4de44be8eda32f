"""Secrets by reference."""

from pathlib import Path

import pytest

from mox_trio.config.models import secret
from mox_trio.config.models.secret import SecretRef, SecretUnreadable


def ref(**source: object) -> SecretRef:
    return SecretRef.model_validate(source)


def test_a_file_is_read_without_its_last_line_feed(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b" hunter2 \r\n")
    assert ref(file=str(tmp_path / "key")).read() == b" hunter2 "


def test_an_environment_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "hunter2")
    assert ref(environment="A_SECRET").read() == b"hunter2"


def test_a_command_is_run_without_a_shell() -> None:
    assert ref(command=["printf", "%s\n", "$HOME hunter2"]).read() == b"$HOME hunter2"


def test_what_cannot_be_read_says_which_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(b"x" * (secret.LARGEST + 2))
    for reference, complaint in [
        (ref(file=str(tmp_path / "none")), r"file .*/none: No such file"),
        (ref(file=str(tmp_path / "empty")), "empty or not there"),
        (ref(file=str(tmp_path / "large")), "not a secret"),
        (ref(environment="NOT_THERE"), "environment variable NOT_THERE: it is empty"),
        (ref(command=["/nonexistent/x"]), "command /nonexistent/x: No such file"),
        (ref(command=["false"]), "ended with status 1"),
        (ref(command=["true"]), "empty or not there"),
    ]:
        with pytest.raises(SecretUnreadable, match=complaint):
            reference.read()


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret, "PATIENCE", 0.05)
    with pytest.raises(SecretUnreadable, match="no answer within"):
        ref(command=["sleep", "60"]).read()


def test_the_value_is_in_no_representation(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2")
    reference = ref(file=str(tmp_path / "key"))
    reference.read()
    assert "hunter2" not in f"{reference!r} {reference} {reference.model_dump()}"
