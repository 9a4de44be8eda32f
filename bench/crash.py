"""kill -9 at random moments: `python -m bench.crash [--points N] [--combination NAME|all]`.

At each point a process (`crash_work`) delivers, copies, moves, expunges, flags and imports from many tasks; it is killed
with SIGKILL at a random moment, the store is opened again, and what it holds is compared with what was acknowledged:

- lost: acknowledged messages that are gone, or flags that are; reappeared: acknowledged expunges that are undone;
- dangling: rows whose body is missing or changed; wrong counts: mailboxes whose counts or UIDNEXT the rows contradict;
- other: anything else that `verifying` finds; an import that does not go on exactly where it was cut off;
- orphans: bodies without a row after the kill, and those left after `upkeep` a day later.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

import trio

from bench.crash_work import ACCOUNTS, Place, Where, known, opened
from mox_trio.mailstore import accounts, importing, mailboxes, orphans, reading, upkeep, verifying
from mox_trio.mailstore.store import DAY, HOUR, MailStore
from storage_backends.index.tables import emails, flags
from tests.kit import postgres, s3, stores

PYTHON: Final = (sys.executable, "-W", "error", "-m", "bench.crash_work")
IMPORTED: Final = 200
"""Messages of the file that is imported."""
LONGEST: Final = 0.6
"""Seconds of work at most before a kill."""
OPENING: Final = 0.1
"""The part of the kills that come while the store is opened, or soon after."""
POINTS_OF_A_STORE: Final = 10
COMBINATIONS: Final = ("disk-sqlite", "sealed-sqlite", "s3-postgres", "swift-postgres")
"""Those with S3 speak to moto, which is fast, and to OpenStack Swift."""


@dataclass(slots=True)
class Figures:
    """What was seen at some points."""

    points: int = 0
    acknowledged: int = 0
    lost: int = 0
    reappeared: int = 0
    dangling: int = 0
    wrong_counts: int = 0
    other: int = 0
    orphans: int = 0
    orphans_left: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def note(self, name: str, problems: list[str]) -> None:
        """Count problems under a name."""
        setattr(self, name, getattr(self, name) + len(problems))
        self.problems += [f"{name}: {problem}" for problem in problems]


@dataclass(slots=True)
class Truth:
    """What must be in a store, from the lines of its processes."""

    there: dict[Place, str] = field(default_factory=dict)
    taking: set[Place] = field(default_factory=set)
    gone: set[Place] = field(default_factory=set)
    flagged: set[Place] = field(default_factory=set)
    imported: int = 0
    acknowledged: int = 0

    def hear(self, line: bytes) -> None:
        """One line of a process."""
        facts: dict[str, Any] = json.loads(line)
        self.there |= {(mailbox, uid): token for mailbox, uid, token in facts.get("there", ())}
        self.taking |= {(mailbox, uid) for mailbox, uid in facts.get("taking", ())}
        self.gone |= {(mailbox, uid) for mailbox, uid in facts.get("gone", ())}
        self.flagged |= {(mailbox, uid) for mailbox, uid in facts.get("flagged", ())}
        self.imported = max(self.imported, facts.get("imported", 0))
        self.acknowledged += not facts.keys() & {"ready", "taking"}


@dataclass(slots=True)
class Seen:
    """What is in a store: subjects and flags by place."""

    subjects: dict[Place, str] = field(default_factory=dict)
    flagged: set[Place] = field(default_factory=set)
    mails: int = 0


def killed(where: Where, seed: int, seconds: float, *, opening: bool = False) -> list[bytes]:
    """Kill a process so long after its first acknowledgement (or its start); return the lines that it wrote."""
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen([*PYTHON, where.dump(), str(seed)], stdout=subprocess.PIPE, stderr=errors)
        assert child.stdout is not None
        lines: list[bytes] = []
        ready = threading.Event()
        reader = threading.Thread(target=_read, args=(child.stdout, lines, ready, b"ready" if opening else b"there"))
        reader.start()
        ready.wait()
        time.sleep(seconds)
        ended = child.poll()
        child.kill()
        child.wait()
        reader.join()
        child.stdout.close()
        if ended is not None:
            errors.seek(0)
            raise RuntimeError(f"the process ended by itself: {errors.read().decode()[-3000:]}")
    return lines


def _read(stream: IO[bytes], lines: list[bytes], ready: threading.Event, awaited: bytes) -> None:
    for line in stream:
        if line.endswith(b"\n"):  # the last one may be cut
            lines.append(line)
        if awaited in line:
            ready.set()
    ready.set()


async def look(store: MailStore) -> Seen:
    """Read what is there."""
    seen = Seen()
    for account_row in await accounts.listed(store):
        account = await accounts.open(store, account_row.name)
        seen.mails += len(await store.index.read(partial(_refs, account=account.id)))
        for row in await mailboxes.listed(store, account):
            if not row.name.startswith("Imported"):
                subjects = await known(store, account, row.id)
                seen.subjects |= {(int(row.id), uid): subject for uid, subject in subjects.items()}
                for uid, bits, _, _ in await reading.flags(store, row.id):
                    if bits & flags.FLAGGED:
                        seen.flagged.add((int(row.id), uid))
    return seen


def _refs(tx: Any, *, account: Any) -> set[str]:
    return emails.refs(tx, account, "main")


def compare(truth: Truth, seen: Seen, figures: Figures) -> None:
    """What was acknowledged against what is there; what is there is the truth from now on."""
    certain = {place: token for place, token in truth.there.items() if place not in truth.taking | truth.gone}
    figures.note("lost", [f"{place} {token}" for place, token in certain.items() if seen.subjects.get(place) != token])
    marked = (truth.flagged & seen.subjects.keys()) - seen.flagged
    figures.note("lost", [f"flag of {place}" for place in marked])
    figures.note("reappeared", [str(place) for place in truth.gone & seen.subjects.keys()])
    figures.acknowledged += truth.acknowledged
    truth.there, truth.flagged, truth.acknowledged = dict(seen.subjects), set(seen.flagged), 0
    truth.gone |= truth.taking - seen.subjects.keys()
    truth.taking = set()


async def findings(store: MailStore, figures: Figures) -> None:
    """What `verifying` finds."""
    kinds = {
        "body-missing": "dangling",
        "body-corrupt": "dangling",
        "counts": "wrong_counts",
        "uidnext": "wrong_counts",
    }
    async for finding in verifying.run(store, bodies=True):
        figures.note(kinds.get(finding.what, "other"), [f"{finding.what}: {finding.text}"])


async def check(where: Where, seed: int, truth: Truth, figures: Figures) -> None:
    """Open the store after a kill and compare."""
    async with opened(where) as kit:
        seen = await look(kit.store)
        compare(truth, seen, figures)
        await findings(kit.store, figures)
        await check_import(kit.store, Path(where.directory), f"Imported-{seed}", truth, figures)
        kit.clock.ahead = DAY + HOUR
        # The clock of S3 does not move with the test's.
        store = replace(kit.store, policy=replace(kit.store.policy, orphan_age=0)) if where.s3 else kit.store
        figures.orphans += await orphans.remove(store, only_count=True)
        await upkeep.run(store)
        await findings(store, figures)
        kept = len([info async for info in store.bodies["main"].refs()])
        mails = (await look(store)).mails
        figures.orphans_left += max(kept - mails, 0)
        figures.note("other", [f"{kept} bodies for {mails} mails"] if kept != mails else [])


async def check_import(store: MailStore, directory: Path, into: str, truth: Truth, figures: Figures) -> None:
    """What was imported is there, and the import goes on without losing or doubling a message."""
    account = await accounts.ensure(store, ACCOUNTS[0])
    names = {row.name: row for row in await mailboxes.listed(store, account)}
    before = names[into].messages if into in names else 0
    figures.note("lost", [f"{truth.imported - before} imported messages"] if before < truth.imported else [])
    await importing.run(store, account, directory / "import.mbox", importing.Options(into=into))
    row = await mailboxes.get(store, account, into)
    subjects = await known(store, account, row.id)
    if before < IMPORTED:  # else it may have been done, and was now done again
        whole = sorted(subjects.values()) == sorted(f"imported-{number}" for number in range(IMPORTED))
        figures.note("other", [] if whole else [f"import: {row.messages} of {IMPORTED}, {before} before"])
    await mailboxes.delete(store, account, into)
    truth.imported = 0


def prepare(directory: Path) -> None:
    """The file that is imported."""
    with (directory / "import.mbox").open("wb") as file:
        for number in range(IMPORTED):
            mail = stores.message(f"imported-{number}", "text\n" * 100).replace(b"\r\n", b"\n")
            file.write(b"From ann@example.org Sun Nov 22 10:00:00 2026\n" + mail + b"\n")


def run(where: Where, points: int, chosen: random.Random, figures: Figures) -> None:
    """Kill and compare at so many points of one store."""
    prepare(Path(where.directory))
    truth = Truth()
    for _ in range(points):
        seed = chosen.randrange(1 << 40)
        for line in killed(where, seed, chosen.uniform(0, LONGEST), opening=chosen.random() < OPENING):
            truth.hear(line)
        trio.run(check, where, seed, truth, figures)
        figures.points += 1


@contextmanager
def place(combination: str, root: Path) -> Iterator[Where]:
    """A new store of a combination."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(dir=root))
        if not combination.endswith("postgres"):
            yield Where(directory, sealing=combination == "sealed-sqlite")
            return
        conninfo = stack.enter_context(postgres.private()).conninfo
        serving = s3.swift_running if combination == "swift-postgres" else s3.moto_running
        server = stack.enter_context(serving(Path(directory)))
        options = {name: server[name] for name in ("bucket", "endpoint", "region", "access_key", "secret_key")}
        yield Where(directory, conninfo=conninfo, s3=options)


def measure(combination: str, points: int, chosen: random.Random) -> Figures:
    """The figures of a combination, over several stores one after the other."""
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="mox-trio-crash-") as root:
        while figures.points < points:
            with place(combination, Path(root)) as where:
                run(where, min(POINTS_OF_A_STORE, points - figures.points), chosen, figures)
            print(
                f"{combination}: {figures.points} points, {len(figures.problems)} problems", flush=True, file=sys.stderr
            )
    return figures


def main() -> None:
    """Print the figures; exit 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.crash", description="kill -9 at random points")
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--combination", choices=(*COMBINATIONS, "all"), default="all")
    parser.add_argument("--seed", type=int, default=time.time_ns())
    given = parser.parse_args()
    sound = True
    for combination in COMBINATIONS if given.combination == "all" else (given.combination,):
        figures = measure(combination, given.points, random.Random(given.seed))
        sound &= figures.sound
        named = asdict(figures)
        problems = named.pop("problems")
        print(f"{combination:14}", *(f"{name.replace('_', ' ')} {value}" for name, value in named.items()), sep="  ")
        for problem in problems[:20]:
            print("   ", problem)
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
