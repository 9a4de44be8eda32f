"""mox-trio move-store."""

import click

from mox_trio.cli import output
from mox_trio.cli.output import Output
from mox_trio.cli.progress import Bar
from mox_trio.cli.session import FAILED, with_services
from mox_trio.mailstore import moving_store
from mox_trio.services import Services


@click.command(
    help="Move every message body from store SOURCE to store TARGET, while servers run. First make TARGET the default "
    "store of all servers. May be stopped and run again."
)
@click.argument("source")
@click.argument("target")
@with_services
async def command(services: Services, source: str, target: str) -> Output:
    with Bar("moving", await moving_store.count(services.mail, source), "bodies") as bar:

        async def progress(moved: moving_store.Moved) -> None:
            bar.update(moved.bodies)

        moved = await moving_store.run(services.mail, source, target, progress)
    text = "\n".join([*moved.failed, f"{moved.bodies} bodies moved, {len(moved.failed)} not"])
    done = output.done(text, bodies=moved.bodies, size=moved.size, failed=list(moved.failed))
    return Output(done.data, done.text, FAILED if moved.failed else 0)
