"""As root the program becomes the configured user, for good."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mox_trio.app import privileges
from mox_trio.base.failure import Failure

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_a_missing_user_is_named_with_what_to_do() -> None:
    with pytest.raises(Failure, match="useradd"):
        privileges.lookup("no-such-user-here")


def test_without_root_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    privileges.drop("no-such-user-here", tmp_path / "data", fix=True)
    assert not (tmp_path / "data").exists()


@needs_root
def test_root_becomes_the_user_and_its_files_are_given_over(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "left.db").write_text("by root")
    script = (
        "import os, sys; from pathlib import Path; from mox_trio.app import privileges\n"
        "data = Path(sys.argv[1]); privileges.drop('nobody', data, fix=True)\n"
        "(data / 'made').write_text('x')\n"
        "try: os.setuid(0)\n"
        "except PermissionError: print(os.geteuid(), os.getgroups())\n"
    )
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(parent.stat().st_mode | 0o011)
    done = subprocess.run([sys.executable, "-c", script, str(data)], capture_output=True, text=True, check=True)
    nobody = privileges.lookup("nobody")
    assert done.stdout.startswith(str(nobody.uid))
    assert {path.stat().st_uid for path in (data, *data.iterdir())} == {nobody.uid}
