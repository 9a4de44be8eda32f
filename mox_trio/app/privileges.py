"""Become the configured user when started as root, so that no file of root's appears in the data directory.

Everything happens before anything is opened: a user that is missing, or that cannot read the program (it imports more
when it is needed), ends it with a line that says what to do.
"""

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from mox_trio.base.failure import Failure, Kind

PROGRAM: Final = (os.__file__, trio.__file__, __file__)
"""The standard library, what was installed, and this program, which may lie in three places."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the program is to be."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


def lookup(user: str) -> Identity:
    """The identity of a user by name or number. INVALID, saying what to do, when there is no such user."""
    try:
        entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except KeyError:
        raise Failure(
            Kind.INVALID,
            f"there is no user {user!r} to become; make it (useradd --system {user}) or set user in mox-trio.toml "
            "(quickstart: --user)",
        ) from None
    groups = [group.gr_gid for group in grp.getgrall() if entry.pw_name in group.gr_mem]
    return Identity(entry.pw_name, entry.pw_uid, entry.pw_gid, tuple({entry.pw_gid, *groups}))


def prepare(directory: Path, identity: Identity) -> None:
    """Make the data directory when it is missing and give it, and what root left in it, to the user. Blocks.

    It is walked only when it or one of its entries is root's: millions of bodies need no look at each start.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if identity.uid == 0 or not _has_roots(directory):
        return
    # By descriptors: the user, who may be hostile, could put a link to elsewhere in the place of a directory meanwhile.
    for _, _, names, within in os.fwalk(directory):
        if os.fstat(within).st_uid == 0:
            os.fchown(within, identity.uid, identity.gid)
        for name in names:
            status = os.stat(name, dir_fd=within, follow_symlinks=False)
            # A file with another name elsewhere may be one that root did not leave here.
            if status.st_uid == 0 and (status.st_nlink == 1 or not stat.S_ISREG(status.st_mode)):
                os.chown(name, identity.uid, identity.gid, dir_fd=within, follow_symlinks=False)


def maybe_other(user: str) -> Identity | None:
    """Who gets the files that this process makes: the user when started as root, else None. INVALID as `lookup`."""
    return lookup(user) if os.geteuid() == 0 else None


def give(file: Path, identity: Identity) -> None:
    """Give a file that was just made to the user. Blocks."""
    os.chown(file, identity.uid, identity.gid, follow_symlinks=False)


def _has_roots(directory: Path) -> bool:
    if directory.stat().st_uid == 0:
        return True
    with os.scandir(directory) as entries:
        return any(entry.stat(follow_symlinks=False).st_uid == 0 for entry in entries)


def become(identity: Identity) -> None:
    """Give up root for good. The order matters: groups and group while still root."""
    if os.geteuid() == identity.uid:
        return
    os.setgroups(identity.groups)
    os.setresgid(identity.gid, identity.gid, identity.gid)
    os.setresuid(identity.uid, identity.uid, identity.uid)
    os.umask(0o077)


def check_readable(identity: Identity, files: tuple[str, ...]) -> None:
    """INVALID, saying what to do, when the user that this process has become cannot read the program's files."""
    for file in files:
        if not os.access(file, os.R_OK):
            raise unreadable(identity, file)


def unreadable(identity: Identity, file: str) -> Failure:
    """What is said of a file of the program that the user cannot read."""
    return Failure(
        Kind.INVALID,
        f"user {identity.name} cannot read the program, which is at {file}; install it where everybody can "
        "read it, such as in /opt, with a Python that everybody can read, or set user in mox-trio.toml (quickstart: --user)",
    )


def drop(user: str, directory: Path, *, fix: bool) -> None:
    """When started as root: prepare the directory (with `fix`) and become the user. Otherwise nothing."""
    if os.geteuid() != 0:
        return
    identity = lookup(user)
    if fix:
        prepare(directory, identity)
    become(identity)
    check_readable(identity, PROGRAM)
