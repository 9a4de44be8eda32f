"""mox-trio config: test, describe, show."""

from pathlib import Path

import click
import trio

from mox_trio.app import build
from mox_trio.cli import output
from mox_trio.cli.commands.keyring import SAVE
from mox_trio.cli.output import Output
from mox_trio.cli.session import with_path, with_services, with_static
from mox_trio.config import check_files, load
from mox_trio.config import describe as descriptions
from mox_trio.config import show as shown
from mox_trio.config.live import LiveConfig
from mox_trio.config.models.static import Static
from mox_trio.config.problems import ConfigErrors
from mox_trio.config.source import FileSource
from mox_trio.services import Services


@click.group(help="Test, describe and show the configuration.")
def command() -> None:
    pass


@command.command(
    help="Check both documents, and the files, keys and certificates they name; say everything that is wrong."
)
@with_static
async def test(static: Static) -> Output:
    file = Path(click.get_current_context().obj["config"])
    text = await trio.to_thread.run_sync(load.text, file)
    if problems := await trio.to_thread.run_sync(check_files.problems, static, text, str(file)):
        raise ConfigErrors(problems)
    if static.dynamic == "file":
        config = await LiveConfig.open(static, FileSource(static.domains_file))
        dynamic = config.current.dynamic
    else:
        async with build.services(static) as services:
            dynamic = services.config.current.dynamic
    said = f"configuration is good: {len(dynamic.domains)} domains, {len(dynamic.accounts)} accounts"
    if static.keys.master is not None:
        said += f"\nmail is sealed; master key: {static.keys.master}. {SAVE}"
    return output.done(said, domains=len(dynamic.domains), accounts=len(dynamic.accounts))


@command.command(help="Print an annotated document with every field and its default.")
@click.argument("document", type=click.Choice(["static", "dynamic"]), default="static")
@with_path
async def describe(path: str, document: str) -> Output:
    make = descriptions.static if document == "static" else descriptions.dynamic
    text = await trio.to_thread.run_sync(make)
    return Output({"document": document, "text": text}, text.rstrip("\n"))


@command.command(help="Print the configuration in force; secrets are shown as where they are.")
@with_services
async def show(services: Services) -> Output:
    static = shown.static(services.static)
    dynamic = shown.dynamic(services.config.current.dynamic)
    return Output(
        {"static": static, "dynamic": dynamic}, f"# mox-trio.toml\n{static}\n# domains.toml\n{dynamic}".rstrip()
    )
