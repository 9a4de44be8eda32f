"""Asks Dovecot for the ENVELOPE and BODYSTRUCTURE of every mail of the conformance collection and of `odd_mails`.

A script, run once by hand with Debian's dovecot-imapd installed: `python tests/protocol/mime/record_dovecot.py USER`,
where USER is somebody as whom Dovecot's imap may run (it refuses root). It talks to that program over a pipe; nothing
listens. What it answers is written to dovecot.json, which `test_conformance_structure` compares with.
"""

import contextlib
import imaplib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT))

from tests.kit import ruby_mail  # noqa: E402
from tests.protocol.mime import odd_mails  # noqa: E402

_IMAP = "/usr/lib/dovecot/imap"
_FETCHED = re.compile(rb"\d+ \(ENVELOPE (?P<envelope>\(.*\)) BODYSTRUCTURE (?P<bodystructure>\(.*\))\)", re.DOTALL)


@contextlib.contextmanager
def _dovecot(user: str) -> Iterator[imaplib.IMAP4]:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        home.chmod(0o755)
        mail = home / "mail"
        mail.mkdir()
        shutil.chown(mail, user)
        config = home / "dovecot.conf"
        config.write_text(
            f"mail_location = maildir:{mail}\nmail_uid = {user}\nfirst_valid_uid = 1\nlog_path = {mail}/log\nssl = no\n"
        )
        command = f"{_IMAP} -c {config}"
        imap = imaplib.IMAP4_stream(f"su {user} -s /bin/sh -c 'HOME={mail} exec {command}'")
        try:
            yield imap
        finally:
            imap.logout()


def _ask(imap: imaplib.IMAP4, mail: bytes) -> dict[str, str]:
    imap.append("INBOX", "", "", mail or b"\r\n")
    imap.select("INBOX")
    _, answer = imap.fetch("*", "(ENVELOPE BODYSTRUCTURE)")
    flat = b"".join(b"\r\n".join(piece) if isinstance(piece, tuple) else piece for piece in answer if piece)
    fetched = _FETCHED.fullmatch(flat)
    if fetched is None:
        raise SystemExit(f"not understood: {flat!r}")
    return {name: value.decode("latin-1") for name, value in fetched.groupdict().items()}


def main() -> None:
    with _dovecot(sys.argv[1]) as imap:
        version = subprocess.run(["/usr/sbin/dovecot", "--version"], capture_output=True, text=True, check=True).stdout
        record = {
            "dovecot": version.strip(),
            "ruby-mail": {name: _ask(imap, mail) for name, mail in ruby_mail.mails().items()},
            "odd": {name: _ask(imap, mail) for name, mail in odd_mails.ODD_MAILS.items()},
        }
    (HERE / "dovecot.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    print(len(record["ruby-mail"]), len(record["odd"]), os.fspath(HERE / "dovecot.json"))


if __name__ == "__main__":
    main()
