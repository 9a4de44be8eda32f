"""The table of commands. Nothing else is imported before a command is called, so that help answers at once."""

import gc
import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

import click

YOUNG: Final = 20_000
"""Objects that are made between two looks for cycles, which take a millisecond or two then. With Python's 700 a start spends
a sixth of its time on them: it makes hundreds of thousands, and all stay.
"""

# Group or command -> the module that has it as `command`, and one line for the list.
COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "account": ("mox_trio.cli.commands.account", "Add, list, remove, disable accounts; set passwords."),
    "address": ("mox_trio.cli.commands.address", "Give addresses to accounts and take them away."),
    "backup": ("mox_trio.cli.commands.backup", "Copy everything to a directory while the server runs."),
    "completion": ("mox_trio.cli.commands.completion", "Print the completion script for a shell."),
    "config": ("mox_trio.cli.commands.config", "Test, describe and show the configuration."),
    "domain": ("mox_trio.cli.commands.domain", "Add, list and remove domains; their keys and DNS records."),
    "export": ("mox_trio.cli.commands.export", "Write an account's mail to maildir or mbox."),
    "import": ("mox_trio.cli.commands.importing", "Read maildir or mbox into an account."),
    "index": ("mox_trio.cli.commands.index", "Copy the index to another database; upgrade it."),
    "keyring": ("mox_trio.cli.commands.keyring", "Make a master key, or re-wrap account keys with a new one."),
    "localserve": ("mox_trio.cli.commands.localserve", "Run a server for tests on this machine."),
    "mailbox": ("mox_trio.cli.commands.mailbox", "List mailboxes and their messages."),
    "migrate": ("mox_trio.cli.commands.migrate", "Pull mail from another server."),
    "move-store": ("mox_trio.cli.commands.move_store", "Move message bodies from one store to another."),
    "queue": ("mox_trio.cli.commands.queue", "Look at outgoing mail and change it by hand."),
    "quickstart": ("mox_trio.cli.commands.quickstart", "Set up a server: configuration, account, keys, DNS records."),
    "restore": ("mox_trio.cli.commands.restore", "Bring a backup back into an empty place."),
    "sendmail": ("mox_trio.cli.commands.sendmail", "Submit a message from standard input, as programs expect."),
    "serve": ("mox_trio.cli.commands.serve", "Run the server."),
    "status": ("mox_trio.cli.commands.status", "Ask the running server how it is."),
    "stop": ("mox_trio.cli.commands.stop", "Stop the running server."),
    "trace": ("mox_trio.cli.commands.trace", "Show what became of a message."),
    "upkeep": ("mox_trio.cli.commands.upkeep", "Remove what is no longer needed, once."),
    "verify": ("mox_trio.cli.commands.verify", "Compare the index with the bodies and with itself."),
}


class Table(click.Group):
    """A group whose commands are found in COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and return it."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.command(cls=Table, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    "-c",
    envvar="MOX_TRIO_CONFIG",
    default="mox-trio.toml",
    show_default=True,
    type=click.Path(dir_okay=False),
    help="The static configuration; also from MOX_TRIO_CONFIG.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; also after the command.")
@click.version_option(package_name="mox-trio", prog_name="mox-trio")
@click.pass_context
def cli(ctx: click.Context, config: str, as_json: bool) -> None:
    """mox-trio: a complete mail server.

    Commands work on the store themselves, whether a server runs or not; status and stop ask the one that runs. Exit codes: 0
    done, 1 refused or failed, 2 wrong usage, 3 verify found something, 75 try again later.
    """
    ctx.obj = {"config": config, "json": as_json}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    gc.set_threshold(YOUNG, 20, 20)
    if arguments is None and PurePath(sys.argv[0]).name == "sendmail":
        arguments = ["sendmail", *sys.argv[1:]]  # a link of that name is what programs call
    options: dict[str, Any] = {"args": list(arguments)} if arguments is not None else {}
    cli.main(prog_name="mox-trio", **options)
