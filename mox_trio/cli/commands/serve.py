"""mox-trio serve."""

from pathlib import Path

import click

from mox_trio.app import serve
from mox_trio.cli.output import Output
from mox_trio.cli.session import with_path


@click.command(help="Run the server, until it gets SIGTERM or SIGINT or `mox-trio stop`.")
@with_path
async def command(path: str) -> Output:
    await serve.main(Path(path))
    return Output({"done": "stopped"}, "")
