"""`mox-trio quickstart` as root: the server's user gets what is its own, and must be able to read the certificate."""

import json
import os
import pwd
import subprocess
from pathlib import Path

import pytest

from tests.kit import wires
from tests.kit.runtime import USER

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


def quickstart(python: list[str], directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [*python, "-P", "-c", "from mox_trio.cli.main import main; main()", "--json", "quickstart"]
    command += [
        "you@example.com",
        "--dir",
        str(directory),
        "--skip-dns",
        "--hostname",
        "mail.example.com",
        "--user",
        USER,
    ]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=120, cwd="/")


def test_the_users_files_are_its_own_and_the_configuration_is_roots(open_path: Path, open_python: list[str]) -> None:
    done = quickstart(open_python, open_path / "mox", "--store", "encrypted")
    assert done.returncode == 0, done.stderr
    user = pwd.getpwnam(USER).pw_uid
    for name in ("data", "data/domains.toml", "data/index.db", "master.key", "tls", "tls/privkey.pem"):
        assert (open_path / "mox" / name).stat().st_uid == user, name
    for name in ("mox-trio.toml", "mox-trio.service", "certbot-hook"):
        assert (open_path / "mox" / name).stat().st_uid == 0, name
    assert json.loads(done.stdout)["next"][1].startswith("systemctl")


def test_a_certificate_that_the_user_cannot_read_is_refused_before_anything_is_written(
    open_path: Path, open_python: list[str]
) -> None:
    (open_path / "live").mkdir(mode=0o700)
    certificate, key = wires.certificate("mail.example.com").write(open_path / "live")
    done = quickstart(open_python, open_path / "mox", "--cert", str(certificate), "--key", str(key))
    assert done.returncode == 1
    assert "cannot read" in done.stderr
    assert not (open_path / "mox").exists()


def test_what_fails_after_root_was_given_up_leaves_nothing_behind(open_path: Path, open_python: list[str]) -> None:
    pairs = []
    for name in ("one", "other"):
        (open_path / name).mkdir(mode=0o755)
        pairs.append(wires.certificate("mail.example.com", f"{name}.example.com").write(open_path / name))
        for file in pairs[-1]:
            file.chmod(0o644)
    (certificate, _), (_, key) = pairs
    done = quickstart(open_python, open_path / "mox", "--cert", str(certificate), "--key", str(key))
    assert done.returncode == 1
    assert "the key belongs to another certificate" in done.stderr
    assert "remain" not in done.stderr
    assert not (open_path / "mox").exists()


def test_a_program_that_the_user_cannot_read_is_said_before_anything_is_written(
    open_path: Path, open_python: list[str]
) -> None:
    hidden = open_path / "hidden"
    hidden.mkdir(mode=0o700)
    command = [*open_python, "-P", "-c"]
    command += [
        "import sys; from mox_trio.app import privileges; privileges.PROGRAM = (sys.argv.pop(1),)\n"
        "from mox_trio.cli.main import main; main()",
        str(hidden),
        "quickstart",
        "you@example.com",
        "--skip-dns",
        "--user",
        USER,
        "--dir",
        str(open_path / "mox"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd="/")
    assert done.returncode == 1
    assert "cannot read the program" in done.stderr
    assert not (open_path / "mox").exists()
