"""A process is killed with SIGKILL while it works: what it acknowledged is there, and nothing is half done."""

import random
from pathlib import Path

import pytest

from bench import crash
from bench.crash_work import Where
from tests.kit.s3 import S3Server

POINTS = 3


def killed_often(where: Where, points: int) -> crash.Figures:
    figures = crash.Figures()
    crash.run(where, points, random.Random(), figures)
    assert figures.points == points
    assert figures.acknowledged > 0
    return figures


@pytest.mark.parametrize("sealing", [False, True])
def test_nothing_acknowledged_is_lost_on_disk_and_sqlite(tmp_path: Path, sealing: bool) -> None:
    figures = killed_often(Where(str(tmp_path), sealing=sealing), POINTS)
    assert figures.problems == []
    assert figures.orphans_left == 0


def test_nothing_acknowledged_is_lost_in_s3_and_postgres(
    tmp_path: Path, postgres_database: str, moto: S3Server
) -> None:
    options = {
        "bucket": moto.bucket,
        "endpoint": moto.endpoint,
        "region": moto.region,
        "access_key": moto.access_key,
        "secret_key": moto.secret_key,
        "prefix": f"{tmp_path.name}/",
    }
    figures = killed_often(Where(str(tmp_path), conninfo=postgres_database, s3=options), 2)
    assert figures.problems == []
    assert figures.orphans_left == 0


def test_what_is_lost_or_back_again_would_be_seen() -> None:
    truth = crash.Truth()
    for line in (
        b'{"there": [[1, 1, "a"], [1, 2, "b"], [1, 3, "c"], [1, 4, "d"], [1, 5, "e"]]}',
        b'{"taking": [[1, 4], [1, 5]]}',
        b'{"gone": [[1, 5]]}',
        b'{"flagged": [[1, 1], [1, 3]]}',
    ):
        truth.hear(line)
    figures = crash.Figures()
    crash.compare(truth, crash.Seen({(1, 1): "a", (1, 3): "x", (1, 5): "e"}, {(1, 3)}), figures)
    assert sorted(figures.problems) == [
        "lost: (1, 2) b",
        "lost: (1, 3) c",
        "lost: flag of (1, 1)",
        "reappeared: (1, 5)",
    ]
