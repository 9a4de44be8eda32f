"""mox-trio completion."""

import click
from click.shell_completion import get_completion_class

from mox_trio.cli.main import cli


@click.command(help='Print the completion script for SHELL; use it as in: eval "$(mox-trio completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    script = get_completion_class(shell)
    if script is not None:
        click.echo(script(cli, {}, "mox-trio", "_MOX_TRIO_COMPLETE").source())
