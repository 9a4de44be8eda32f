"""mox-trio stop."""

from typing import Final

import click
import trio

from mox_trio.app import running_lock
from mox_trio.base.failure import Failure, Kind
from mox_trio.cli import output
from mox_trio.cli.output import Output
from mox_trio.cli.session import with_static
from mox_trio.config.models.static import Static
from mox_trio.control import client

LONGER_THAN_GRACE: Final = 30.0
"""Seconds after the grace in which a server ends, or something is wrong."""
POLL: Final = 0.1


@click.command(help="Stop the running server, and wait until it has stopped.")
@with_static
async def command(static: Static) -> Output:
    await client.ask(static.data_directory, "stop")
    with trio.move_on_after(static.limits.stop_grace + LONGER_THAN_GRACE):
        while True:
            if not running_lock.is_held(static.data_directory):
                return output.done("the server has stopped")
            await trio.sleep(POLL)
    raise Failure(Kind.TRY_LATER, "the server is still stopping")
