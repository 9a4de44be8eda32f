"""Secrets by reference: the configuration says where a secret is, never what it is.

`read` fetches it when it is needed: it blocks (file, process), so the caller gives it a thread. The value is kept nowhere,
is in no repr, and no error repeats it.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from mox_trio.config.models.section import Section
from mox_trio.config.models.values import ConfigPath, Items

LARGEST: Final = 64 * 1024
"""Bytes of a secret; what is larger is a wrong file."""
PATIENCE: Final = 30.0
"""Seconds a command may take."""


class SecretUnreadable(Exception):
    """The secret is not where the configuration says, is empty or too large; the text says which reference."""


class SecretRef(Section):
    """Where a secret is: exactly one of `file`, `environment`, `command`. One line feed at the end is not part of it."""

    file: ConfigPath | None = Field(
        default=None, description="File that holds the secret; readable by the server's user only."
    )
    environment: Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")] | None = Field(
        default=None, description="Environment variable that holds the secret.", examples=["MOX_TRIO_MASTER_KEY"]
    )
    command: Annotated[Items[str], Field(min_length=1)] | None = Field(
        default=None, description="Program and its arguments; the secret is what it prints. It has 30 seconds."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(source is not None for source in (self.file, self.environment, self.command)) != 1:
            raise ValueError("expected exactly one of file, environment, command")
        return self

    def __str__(self) -> str:
        if self.file is not None:
            return f"file {self.file}"
        return (
            f"environment variable {self.environment}" if self.environment else f"command {(self.command or ('',))[0]}"
        )

    def read(self) -> bytes:
        """Fetch the secret now. Blocks: call it in a thread.

        Raises SecretUnreadable with the reference and the reason, never with the value.
        """
        if self.file is not None:
            value = self._in_file(self.file)
        elif self.environment is not None:
            value = os.environb.get(self.environment.encode(), b"")
        else:
            value = self._printed_by(self.command or ())
        value = value.removesuffix(b"\n").removesuffix(b"\r")
        if not value:
            raise SecretUnreadable(f"{self}: it is empty or not there")
        if len(value) > LARGEST:
            raise SecretUnreadable(f"{self}: more than {LARGEST} bytes, so it is not a secret")
        return value

    def _in_file(self, path: Path) -> bytes:
        try:
            with path.open("rb") as stream:
                return stream.read(LARGEST + 2)
        except OSError as error:
            raise SecretUnreadable(f"{self}: {error.strerror}") from None

    def _printed_by(self, command: Sequence[str]) -> bytes:
        try:
            done = subprocess.run(  # noqa: S603 - the administrator's own command, without a shell
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PATIENCE, check=True
            )
        except OSError as error:
            raise SecretUnreadable(f"{self}: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise SecretUnreadable(f"{self}: no answer within {PATIENCE:.0f} s") from None
        except subprocess.CalledProcessError as error:
            raise SecretUnreadable(f"{self}: it ended with status {error.returncode}") from None
        return done.stdout
