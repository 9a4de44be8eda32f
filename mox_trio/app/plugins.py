"""Web applications by what is installed: entry points of the group `mox_trio.web_apps`.

The name of an entry point is the kind of web service it is (account, admin, webmail, webapi), and what it leads to makes an ASGI
application from a `running.Web`. One that cannot be loaded ends the start: a server without the pages that its configuration
names is not what anybody asked for.
"""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import metadata
from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.httpd.serving import Application
from mox_trio.running import Web

GROUP: Final = "mox_trio.web_apps"

Factory = Callable[[Web], Application]


@cache
def _found() -> Mapping[str, metadata.EntryPoint]:
    """What is installed does not change while the program runs."""
    return {each.name: each for each in metadata.entry_points(group=GROUP)}


def kinds() -> frozenset[str]:
    """The kinds of web services that there are applications for. Reads a directory."""
    return frozenset(_found())


def load(kind: str) -> Factory:
    """The maker of an application. Failure UNSUPPORTED. Imports: it blocks for a moment."""
    try:
        factory: Factory = _found()[kind].load()
    except (KeyError, ImportError, AttributeError) as error:
        raise Failure(Kind.UNSUPPORTED, f"the web service {kind} cannot be loaded", str(error)) from error
    return factory
