"""The site that most of these tests share: a server, name servers and a Postfix, started once a run."""

from collections.abc import Iterator

import pytest

from tests.kit import imap_served, nameservers, postfix, served, shared_server
from tests.kit.imap_served import Place
from tests.kit.postfix import Postfix
from tests.kit.served import Site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`mox-trio serve` with what is around it."""
    for name in nameservers.PROGRAMS:
        nameservers.program(name)
    with shared_server.shared(shared_server.run_root(tmp_path_factory), served.running) as facts:
        made = Site.of(facts)
        yield made
        # Whatever the tests did to it: an error of the program in a session or a loop is in its log.
        assert [line for line in made.log.splitlines() if "level=error" in line or "Traceback" in line] == []


@pytest.fixture
def peer(site: Site) -> Postfix:
    """The Postfix beside it."""
    postfix.needed()
    assert site.peer is not None
    return site.peer


@pytest.fixture(scope="session")
def imap_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server of IMAP that the tests of clients share; each has an account of its own."""
    with shared_server.shared(shared_server.run_root(tmp_path_factory), imap_served.running) as facts:
        place = Place.of(facts)
        yield place
        assert [line for line in place.log.splitlines() if "level=error" in line or "Traceback" in line] == []
