"""A store with a sample mailbox in a temporary directory, made by the commands that it shows: `make tour`."""

import os
import pwd
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

CONFIG: Final = """\
# Made by `make tour`. See `mox-trio config describe` for every setting.
hostname = "mail.example.org"
user = "{user}"
"""

SAMPLE: Final = """\
From ann@example.org Sun Nov 22 09:12:03 2026
From: Ann <ann@example.org>
To: You <you@example.org>
Subject: Welcome
Date: Sun, 22 Nov 2026 09:12:03 +0000
Message-ID: <1@example.org>
Status: RO

Your mailbox works. This message came out of an mbox file.

From =?utf-8?q?J=C3=B6rg?= Sun Nov 22 10:00:00 2026
From: =?utf-8?q?J=C3=B6rg?= <joerg@example.com>
To: you@example.org
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Date: Sun, 22 Nov 2026 11:00:00 +0100
Message-ID: <2@example.com>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Sch=C3=B6ne Gr=C3=BC=C3=9Fe!
--b
Content-Type: text/html; charset=utf-8

<p>Sch&ouml;ne <b>Gr&uuml;&szlig;e</b>!</p>
--b--

From you@example.org Sun Nov 22 12:30:00 2026
From: you@example.org
To: Ann <ann@example.org>
Subject: Re: Welcome
Date: Sun, 22 Nov 2026 12:30:00 +0000
Message-ID: <3@example.org>
In-Reply-To: <1@example.org>
X-Status: AF

Thank you!
"""

STEPS: Final = (
    ("a domain and an account", ("domain add example.org", "account add you you@example.org")),
    ("a password, on standard input", ("account set-password you",)),
    ("mail from elsewhere", ("import you sample.mbox --mailbox Inbox",)),
    ("look", ("mailbox list you", "mailbox messages you Inbox", "mailbox show you Inbox 2")),
    ("the same for programs", ("--json account list",)),
    ("everything is where the index says", ("verify --bodies",)),
    ("take it elsewhere", ("export you exported --format maildir",)),
)


def main() -> None:
    """Make the store, run the steps, and say what to try next."""
    directory = Path(tempfile.mkdtemp(prefix="mox-trio-"))
    user = pwd.getpwuid(os.geteuid()).pw_name
    (directory / "mox-trio.toml").write_text(CONFIG.format(user=user))
    (directory / "data").mkdir(mode=0o700)
    (directory / "data" / "domains.toml").write_text("# Domains, accounts and addresses.\n")
    (directory / "sample.mbox").write_text(SAMPLE)
    program = Path(sys.executable).with_name("mox-trio")
    for title, commands in STEPS:
        sys.stdout.write(f"\n# {title}\n")
        for command in commands:
            sys.stdout.write(f"$ mox-trio {command}\n")
            sys.stdout.flush()
            subprocess.run(  # noqa: S603 - the program itself, with the words above
                [program, *shlex.split(command)], cwd=directory, check=True, input=b"correct horse battery\n"
            )
    sys.stdout.write(
        f"\nThe store is in {directory}. Go on with it:\n\n    cd {directory}\n    alias mox-trio={program}\n"
        "    mox-trio --help\n\nRemove the directory when you are done.\n"
    )


if __name__ == "__main__":
    main()
