"""How a command runs: options that all have, the event loop, services, and errors on one line that say what to do."""

import functools
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import click
import trio

from mox_trio.admin.accounts import Desk
from mox_trio.app import build, logs
from mox_trio.base.failure import Failure
from mox_trio.cli.output import Output, complain, emit
from mox_trio.config.models.static import Log, Static
from mox_trio.config.problems import ConfigErrors
from mox_trio.services import Services
from storage_backends import errors

Work = Callable[..., Awaitable[Output]]
"""The body of a command: first what it works on, then its arguments and options by name."""

FAILED: Final = 1
TRY_LATER: Final = 75
"""EX_TEMPFAIL of sysexits."""


def desk(services: Services) -> Desk:
    """What operations of an administrator work on."""
    return Desk(services.static, services.source, services.config, services.mail)


def with_services(work: Work) -> Callable[..., None]:
    """Make a command of an async function that gets opened services."""

    @functools.wraps(work)
    async def opened(static: Static, **options: Any) -> Output:
        async with build.services(static) as services:
            return await work(services, **options)

    return with_static(opened)


def with_static(work: Work) -> Callable[..., None]:
    """Make a command of an async function that gets the static configuration only."""

    @functools.wraps(work)
    async def read(path: str, **options: Any) -> Output:
        static = await build.read_static(Path(path))
        logs.configure(static.log, quiet=True)
        return await work(static, **options)

    return with_path(read)


def with_path(work: Work) -> Callable[..., None]:
    """Make a command of an async function that gets the path of the configuration."""

    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_context
    @functools.wraps(work)
    def command(context: click.Context, /, as_json: bool, **options: Any) -> None:
        as_json = as_json or context.obj["json"]
        logs.configure(Log())
        with _complaining(as_json=as_json):
            output = trio.run(functools.partial(work, context.obj["config"], **options))
            emit(output, as_json=as_json)
            sys.exit(output.code)

    return cast("Callable[..., None]", command)


@contextmanager
def _complaining(*, as_json: bool) -> Iterator[None]:
    """Turn what a person can do something about into a line and an exit code."""
    try:
        yield
    except ConfigErrors as error:
        for problem in error.problems:
            complain(str(problem), as_json=as_json, kind="config")
        code = FAILED
    except Failure as failure:
        detail = f" ({failure.private})" if failure.private else ""
        complain(failure.public + detail, as_json=as_json, kind=failure.kind.value)
        code = TRY_LATER if failure.kind.is_temporary else FAILED
    except errors.Unavailable as error:
        complain(f"{error}; try again later", as_json=as_json, kind="unavailable")
        code = TRY_LATER
    except errors.StorageError as error:
        complain(str(error), as_json=as_json, kind=type(error).__name__.lower())
        code = FAILED
    except KeyboardInterrupt:
        complain("interrupted", as_json=as_json, kind="interrupted")
        code = 130
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is None:
            raise
        complain("interrupted", as_json=as_json, kind="interrupted")
        code = 130
    except BrokenPipeError:
        # The reader of our output went away, as `head` does.
        sys.stderr.close()
        code = 0
    else:
        return
    sys.exit(code)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone; without a terminal, `--yes` is needed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Give --yes to say so.")
    click.confirm(question, abort=True)
