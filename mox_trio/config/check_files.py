"""What the static document names outside itself: certificates, secrets, authorities; and what `serve` refuses of it.

Everything here blocks. It looks with the rights of this process: run it as the server's user. No secret is read further than to
see that it can be; commands are looked for, not run.
"""

import os
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mox_trio.config import load, schema
from mox_trio.config.models.listeners import KeyCert, ListenerTls
from mox_trio.config.models.secret import SecretRef
from mox_trio.config.models.static import Static, Tls
from mox_trio.config.problems import Finding, KeyPath, Problem


def problems(settings: Static, document: str, file: str) -> list[Problem]:
    """Everything that is missing or unreadable; `document` is the text the settings came from, for the lines."""
    return load.placed(list(findings(settings)), document, file)


NO_ACME: Final = (
    "this version gets no certificates itself",
    "get them with another program and set certificates to their files",
)
"""What is said of `acme`, and what to do."""


def findings(settings: Static) -> Iterator[Finding]:
    """Look at every file, variable and command that the settings name."""
    for path, section in schema.sections(settings):
        if isinstance(section, SecretRef):
            yield from _secret(path, section)
        elif isinstance(section, KeyCert):
            yield from _certificate(path, section)
        elif isinstance(section, ListenerTls):
            yield from _files((*path, "host_private_key_files"), section.host_private_key_files)
            if section.acme is not None:
                yield Finding((*path, "acme"), *NO_ACME)
        elif isinstance(section, Tls):
            yield from _files((*path, "ca_files"), section.ca_files)


def _secret(path: KeyPath, reference: SecretRef) -> Iterator[Finding]:
    if reference.file is not None:
        yield from _file((*path, "file"), reference.file)
    elif reference.environment is not None and not os.environ.get(reference.environment):
        yield Finding((*path, "environment"), "this variable is not set", "set it in the environment of the server")
    elif reference.command is not None and shutil.which(reference.command[0]) is None:
        yield Finding((*path, "command"), "there is no such program", "name a program in PATH, or its whole path")


def _certificate(path: KeyPath, files: KeyCert) -> Iterator[Finding]:
    unreadable = [*_file((*path, "cert_file"), files.cert_file), *_file((*path, "key_file"), files.key_file)]
    yield from unreadable
    if unreadable:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.cert_file, files.key_file, password=lambda: "")
    except ssl.SSLError as error:
        is_other = "MISMATCH" in (error.reason or "")
        message = (
            "the key belongs to another certificate" if is_other else "this is no certificate with its key in PEM form"
        )
        yield Finding((*path, "cert_file"), message, "name the certificate chain and its unencrypted key")


def _files(path: KeyPath, files: tuple[Path, ...]) -> Iterator[Finding]:
    for number, file in enumerate(files):
        yield from _file((*path, number), file)


def _file(path: KeyPath, file: Path) -> Iterator[Finding]:
    try:
        with file.open("rb") as stream:
            if not stream.read(1):
                yield Finding(path, "this file is empty", f"put something into {file}")
    except OSError as error:
        yield Finding(path, f"{error.strerror}", f"create {file}, readable for the server's user")
