"""Which service a request is for, as a table."""

from typing import Any

import pytest

from mox_trio.base.domain import Domain
from mox_trio.httpd import routing
from mox_trio.httpd.routing import Mount, Moved

OURS = {Domain.parse("mail.example.org"), Domain.parse("münchen.example")}


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """Never called."""


MOUNTS = [Mount(kind, path, nothing, OURS.__contains__, 0) for kind, path in (("a", "/webapi/"), ("b", "/webapi/v0/"))]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/webapi/", "a"),
        ("/webapi/x", "a"),
        ("/webapi/v0/x", "b"),
        ("/webapi", Moved("/webapi/")),
        ("/webap", None),
        ("/", None),
    ],
)
def test_the_longest_path_wins(path: str, found: Any) -> None:
    got = routing.find(MOUNTS, "mail.example.org", path)
    assert (got.kind if isinstance(got, Mount) else got) == found


@pytest.mark.parametrize(
    ("host", "answers"),
    [
        ("mail.example.org", True),
        ("mail.example.org.", True),
        ("xn--mnchen-3ya.example:443", True),
        ("192.0.2.1:80", True),
        ("[2001:db8::1]:80", True),
        ("", True),
        ("example.org", False),
        ("mail.example.org:", False),
        ("[::1", False),
        ("user@mail.example.org", False),
    ],
)
def test_a_service_answers_to_its_names_only(host: str, answers: bool) -> None:
    assert (routing.find(MOUNTS, host, "/webapi/") is not None) is answers


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        ("/", "/"),
        ("", "/"),
        ("/a/./b", "/a/b"),
        ("//a///b/", "/a/b/"),
        ("/a/../../b", "/b"),
        ("/a/..", "/"),
        ("/a/.", "/a/"),
    ],
)
def test_paths_are_clean_before_they_are_looked_at(path: str, cleaned: str) -> None:
    assert routing.clean(path) == cleaned
    assert routing.clean(cleaned) == cleaned
