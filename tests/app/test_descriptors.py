"""The limit of file descriptors is raised as far as it may be."""

import resource

import pytest

from mox_trio.app import descriptors


@pytest.mark.parametrize(
    ("now", "sessions", "then", "warned"),
    [
        ((1024, 4096), 2000, (3024, 4096), False),
        ((1024, 4096), 5000, (4096, 4096), True),
        ((1024, resource.RLIM_INFINITY), 5000, (6024, resource.RLIM_INFINITY), False),
        ((65536, 65536), 5000, (65536, 65536), False),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 5000, (resource.RLIM_INFINITY,) * 2, False),
    ],
)
def test_enough_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    now: tuple[int, int],
    sessions: int,
    then: tuple[int, int],
    warned: bool,
) -> None:
    limits = [now]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, given: limits.append(given))
    descriptors.allow(sessions)
    assert limits[-1] == then
    assert bool(caplog.records) is warned
