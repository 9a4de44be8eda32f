"""Become the configured user when started as root, so that no file of root's appears in the data directory."""

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from mox_trio.base.failure import Failure, Kind


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the program is to be."""

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
            f"there is no user {user!r} to become; make it (useradd --system {user}) or set user in mox-trio.toml",
        ) from None
    groups = [group.gr_gid for group in grp.getgrall() if entry.pw_name in group.gr_mem]
    return Identity(entry.pw_uid, entry.pw_gid, tuple({entry.pw_gid, *groups}))


def prepare(directory: Path, identity: Identity) -> None:
    """Make the data directory when it is missing and give it, and what root left in it, to the user. Blocks."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for parent, _, files in os.walk(directory):
        for path in (parent, *(os.path.join(parent, name) for name in files)):
            if os.lstat(path).st_uid == 0 != identity.uid:
                os.chown(path, identity.uid, identity.gid, follow_symlinks=False)


def become(identity: Identity) -> None:
    """Give up root for good. The order matters: groups and group while still root."""
    if os.geteuid() == identity.uid:
        return
    os.setgroups(identity.groups)
    os.setresgid(identity.gid, identity.gid, identity.gid)
    os.setresuid(identity.uid, identity.uid, identity.uid)
    os.umask(0o077)


def drop(user: str, directory: Path, *, fix: bool) -> None:
    """When started as root: prepare the directory (with `fix`) and become the user. Otherwise nothing."""
    if os.geteuid() != 0:
        return
    identity = lookup(user)
    if fix:
        prepare(directory, identity)
    become(identity)
